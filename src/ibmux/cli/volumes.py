"""The journal's archives for people: which there are, and that they were not looked into."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from ibmux.cli import screen
from ibmux.cli.exits import Exit

if TYPE_CHECKING:
    from ibmux.journal import Filter, Library


def show(journal: Path, *, as_json: bool) -> int:
    """List them, oldest first.

    Raises:
        JournalFailed: one cannot be read.
    """
    from ibmux.journal import summaries  # noqa: PLC0415 - heavy parts only when they run

    found = summaries(journal)
    if as_json:
        screen.emit(found)
        return Exit.OK
    table = screen.table("month", "records>", "from", "to", "size>", "file~")
    cells = [
        (each.month, f"{each.records:,}", _day(each.start), _day(each.end), _size(each.size), Path(each.path).name)
        for each in found
    ]
    if found:
        screen.tell(f"In {journal.parent.absolute()}:")
    screen.out.print(screen.rows(table, cells))
    return Exit.OK


def mention(library: Library, asked: Filter) -> None:
    """A line on standard error if there are archives that were not looked into, and may hold some of what was asked."""
    from ibmux.journal import archives, end_of  # noqa: PLC0415

    old = [each for each in archives(library.journal.path) if end_of(each.month) > asked.start]
    if old and not library.with_archives:
        several = f"{screen.count(len(old), 'archive')}, {old[0].month} to {old[-1].month}"
        text = f"Not looked into: {several if len(old) > 1 else f'the archive of {old[0].month}'}; --archives does."
        screen.err.print(Text(text, "dim"), soft_wrap=True)


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(moment))


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
