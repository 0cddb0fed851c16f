"""What a person sees: consoles, the look of tables, errors as one sentence and a hint; and JSON for programs.

Knows no verb and no message.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Sequence
from math import isnan
from typing import Any, Literal

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

out = Console(highlight=False)
if not out.is_terminal and "COLUMNS" not in os.environ:
    out.width = 160  # nobody's window: rather long lines than cut ones
err = Console(stderr=True, highlight=False)

STATES = {
    "ready": "green",
    "online": "green",
    "connecting": "yellow",
    "syncing": "yellow",
    "waiting": "yellow",
    "cut": "red",
    "standby": "red",
    "parked": "red",
    "draining": "magenta",
    "stopped": "dim",
    "offline": "dim",
}
"""The colour of each state of a session or a proxy."""


def fail(message: str, hint: str = "") -> None:
    """One plain sentence on standard error, and what to do about it on the next line; neither is broken by us."""
    err.print(Text.assemble(("ibmux: ", "bold red"), message), soft_wrap=True)
    if hint:
        err.print(Text(f"       {hint}", "dim"), soft_wrap=True)


def tell(text: str) -> None:
    """A line of plain text, broken between words at the edge of a terminal, and not at all elsewhere."""
    out.print(text, markup=False, highlight=False, soft_wrap=not out.is_terminal)


def forget_output() -> None:
    """Let nothing more be written to a closed pipe when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def emit(value: Any, *, pretty: bool | None = None) -> None:
    """Write a value as JSON: indented on a terminal, one line elsewhere."""
    body = msgspec.json.encode(value)
    if out.is_terminal if pretty is None else pretty:
        body = msgspec.json.format(body, indent=2)
    sys.stdout.write(f"{body.decode()}\n")
    sys.stdout.flush()


def table(*columns: str, title: str | None = None) -> Table:
    """An empty table. A column whose name ends in `>` is a number, aligned to the right; one in `~` may be wrapped."""
    made = Table(title=title, title_style="bold", title_justify="left", box=box.SIMPLE_HEAD, header_style="dim")
    made.show_edge = made.pad_edge = False
    for name in columns:
        justify: Literal["left", "right"] = "right" if name.endswith(">") else "left"
        if name.endswith("~"):
            made.add_column(name[:-1], overflow="fold")
        else:
            made.add_column(name.rstrip(">"), justify=justify, no_wrap=True, overflow="ellipsis")
    return made


def rows(made: Table, cells: Iterable[Sequence[str | Text]]) -> Table:
    """Add every row; says so when there is none."""
    for row in cells:
        # Plain text stays plain: brackets in what others sent are no markup.
        made.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    if not made.row_count:
        made.add_row(Text("none", "dim"))
    return made


def state(name: str) -> Text:
    """A state in its colour."""
    return Text(name, STATES.get(name, ""))


def number(value: float | None, digits: int = 2) -> str:
    """A number for people: thousands apart, nothing for what is unknown."""
    if value is None or isnan(value):
        return ""
    return f"{value:,.{digits}f}"


def count(number: int, name: str) -> str:
    """So many of something: `1 fill`, `1,204 fills`."""
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def compact(value: float | None) -> str:
    """A size in four digits or so: 950, 12.5k, 4.66M."""
    if value is None or isnan(value):
        return ""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= unit:
            return f"{value / (1e3 if name == 'k' else unit):.3g}{name}"
    return quantity(value)


def quantity(value: float) -> str:
    """A quantity without needless decimals."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4f}".rstrip("0")


def price(value: float | None) -> str:
    """A price with the digits that it needs: at least two, at most five."""
    if value is None or isnan(value):
        return ""
    text = f"{value:,.5f}".rstrip("0")
    whole, _, rest = text.partition(".")
    return f"{whole}.{rest.ljust(2, '0')}"


def money(value: float | None) -> Text:
    """An amount, red below zero."""
    return Text(number(value), "red" if value is not None and value < 0 else "")


def until(moment: float) -> str:
    """How long it is to a time (seconds UTC), and the time itself, local."""
    return f"in {max(0.0, moment - time.time()):.0f} s, at {time.strftime('%H:%M:%S', time.localtime(moment))}"


def since(moment: float) -> str:
    """How long ago a time (seconds UTC) was, in words."""
    seconds = max(0, int(time.time() - moment))
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 172_800 else f"{seconds // 86_400} days"
