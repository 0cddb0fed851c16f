"""Every request method of ib_async's `IB`, straight at the gateway and through ibmux: equal, or explained.

The cases write docs/parity.md too: `IBMUX_WRITE_DOCS=1 pytest -n 0 tests/acceptance/test_parity.py`.
"""

import inspect
import os
from pathlib import Path
from typing import NamedTuple

import ib_async
import pytest
from parity_cases import AROUND, CASES, NOT_REQUESTS, Case
from parity_comparison import differences, summary
from parity_sides import both

DOCUMENT = Path(__file__).parents[2] / "docs" / "parity.md"
HEAD = """# ib_async and ibmux, method by method

Every method of ib_async's `IB` class, asked once by ib_async at a simulated gateway itself and once by ibmux's client
through the proxy, at two gateways of one seed whose clock stands still. Results are compared field by field. This table
is written by the test that compares (`tests/acceptance/test_parity.py`).

| method | asked | result at the gateway | through ibmux |
| --- | --- | --- | --- |
"""
WHY = """
## Why some fields differ

| field | reason |
| --- | --- |
"""
FOOT = """
## Methods that ask the gateway nothing

| method | in ibmux |
| --- | --- |
"""

BESIDE = """
## Events, lists and tables

| in ib_async | in ibmux |
| --- | --- |
"""


class Row(NamedTuple):
    """What one case gave."""

    result: str
    differs: list[str]


async def play(case: Case) -> Row:
    async with both(**case.world) as (one, other):
        one.moves = other.moves = case.moves
        expected, found = await case.ask(one), await case.ask(other)
        return Row(summary(expected), list(differences(expected, found, case.skip)))


def line(case: Case, result: str) -> str:
    """A case's row of the document."""
    methods = ", ".join(f"`{name}`" for name in case.methods)
    asked = case.asked.replace("|", "\\|")
    told = ", ".join(f"`{name}`" for name in case.differs)
    return f"| {methods} | {asked} | {result} | {f'equal but for {told}' if told else 'equal'} |"


def reasons() -> list[tuple[str, str]]:
    """Every reason for a difference, once."""
    return sorted({(name, why) for case in CASES for name, why in case.differs.items()})


def field_of(difference: str) -> str:
    """The last name in the path of a difference."""
    return difference.partition(":")[0].rpartition(".")[2].partition("[")[0]


def identify(case: Case) -> str:
    return f"{'-'.join(case.methods)}[{case.asked}]"


@pytest.mark.parametrize("case", CASES, ids=identify)
async def test_a_method_gives_the_same_through_ibmux(case: Case) -> None:
    row = await play(case)
    assert [text for text in row.differs if field_of(text) not in case.differs] == []
    assert set(case.differs) == {field_of(text) for text in row.differs}, "equal now: the explanation can go"
    if os.environ.get("IBMUX_WRITE_DOCS"):
        _rewrite(case, row)
    assert line(case, row.result) in DOCUMENT.read_text()


def _rewrite(case: Case, row: Row) -> None:
    """Enter a case's row; the first case starts the document anew."""
    if case is CASES[0]:
        DOCUMENT.write_text(HEAD)
    with DOCUMENT.open("a") as document:
        document.write(line(case, row.result) + "\n")
        if case is CASES[-1]:
            document.write(
                WHY
                + "".join(f"| `{name}` | {why} |\n" for name, why in reasons())
                + FOOT
                + "".join(f"| `{name}` | {text} |\n" for name, text in NOT_REQUESTS.items())
                + BESIDE
                + "".join(f"| {name} | {text} |\n" for name, text in AROUND.items())
            )


def test_every_method_of_ib_async_is_in_the_table() -> None:
    public = {
        name.removesuffix("Async")
        for name, member in inspect.getmembers(ib_async.IB, inspect.isfunction)
        if not name.startswith("_")
    }
    tried = {name for case in CASES for name in case.methods}
    assert public - tried - set(NOT_REQUESTS) == set()
    text = DOCUMENT.read_text()
    assert all(f"| {name} | {told} |\n" in text for name, told in AROUND.items())
    assert [name for name in sorted(public) if f"`{name}`" not in text] == []
