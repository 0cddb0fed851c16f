"""Retention, and what `verify` finds."""

# ruff: noqa: ASYNC240 - nobody else waits in a test's loop

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal_parts import record, tell

from ibmux.journal import Journal, Reader, verify
from ibmux.journal.pruning import ranges


async def trade(journal: Journal, key: str, time: float, status: str = "Filled") -> None:
    """An order from its intent to its end."""
    await journal.append(
        record(key=key, time=time, orderId=int(time)),
        record("sent", key=key, time=time),
        record("refusal", key=key, time=time),
        record("fill", key=key, time=time, execId=f"e-{key}"),
        record("commission", key=key, time=time, execId=f"e-{key}", body=b"1"),
        record("order", key=key, time=time, status=status, body=b"x" * 3000),
    )


async def test_finished_orders_go_whole_and_others_stay(journal: Journal, path: Path) -> None:
    await trade(journal, "open", 1.0, "Submitted")
    for number in range(400):
        await trade(journal, f"old-{number}", 10.0 + number)
    await journal.append(record("note", key="", time=20.0), record("refusal", key="never-was", time=20.0))
    await trade(journal, "late", 30.0, "Submitted")
    await journal.append(record("order", key="late", time=5000.0, status="Cancelled"))
    await trade(journal, "new", 5000.0)
    size = path.stat().st_size

    assert await journal.prune(1000.0) == 400 * 6 + 2
    assert await journal.prune(1000.0) == 0
    assert {each.key for each in await journal.read()} == {"open", "late", "new"}
    assert [each.key for each in await journal.unfinished("paper")] == ["open"]
    assert await journal.find("paper", "s", "old-1") is None
    assert await journal.highest_order_id("paper") == 5000
    fill = record("fill", key="late", execId="e-late")
    assert (await journal.append(fill)).seqs == (0,)
    await journal.close()
    assert path.stat().st_size < size / 4
    with Reader(path) as reader:
        found = verify(reader)
    assert (found.problems, found.pruned, found.orders, found.fills) == ([], 2402, 3, 3)


async def test_numbers_go_on_after_everything_was_pruned(path: Path) -> None:
    async with Journal(path) as journal:
        await trade(journal, "a", 1.0)
        await trade(journal, "b", 2.0)
        await journal.append(record("note", key="", time=3.0))
        assert await journal.prune(1e9) == 12
    async with Journal(path) as journal:
        assert (journal.last_seq, await journal.highest_order_id("paper")) == (13, 2)
        assert await journal.append(record("note")) == 14
    with Reader(path) as reader:
        assert verify(reader).problems == []


async def test_records_are_written_between_the_slices(journal: Journal) -> None:
    for number in range(200):
        await trade(journal, str(number), 1.0)
    pruning = asyncio.create_task(journal.prune(100.0))
    times = 0
    while not pruning.done():
        await journal.append(record("note", key="", time=200.0))
        times += 1
    assert await pruning == 200 * 6
    assert times > 3


async def test_nothing_is_a_whole_journal(journal: Journal, path: Path) -> None:
    with Reader(path) as reader:
        assert verify(reader).problems == []
    assert await journal.prune(1e9) == 0


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("DELETE FROM records WHERE seq = 9", "records are missing: 9"),
        ("DELETE FROM records WHERE seq BETWEEN 7 AND 12", "records are missing: 7 to 12"),
        ("INSERT INTO pruned VALUES (4, 5)", "records are there that were pruned: 4 to 5"),
        (
            "UPDATE orders SET state = 'Submitted' WHERE key = 'b'",
            "order b of s at paper differs from its records in state",
        ),
        (
            "UPDATE orders SET finished = 0 WHERE key = 'b'",
            "order b of s at paper differs from its records in finished",
        ),
        ("UPDATE orders SET key = 'z' WHERE key = 'b'", "order z of s at paper has no records"),
        ("DELETE FROM orders WHERE key = 'b'", "order b of s at paper is not in the table of orders"),
        ("DELETE FROM fills WHERE exec_id = 'e-b'", "fill e-b (record 10) is not in the table of fills"),
        ("UPDATE fills SET seq = 2 WHERE exec_id = 'e-b'", "names record 2 for e-b, which is none"),
        ("UPDATE counters SET value = 1", "highest orderId of paper is 3, its counter is 1"),
    ],
)
async def test_each_kind_of_damage_is_found(journal: Journal, path: Path, damage: str, told: str) -> None:
    for number, key in enumerate("abc", start=1):
        await trade(journal, key, float(number))
    with Reader(path) as reader:
        assert verify(reader).problems == []
        await tell(journal, damage)
        problems = verify(reader).problems
    assert [told in each for each in problems].count(True) == 1, problems


async def test_many_findings_are_counted(journal: Journal, path: Path) -> None:
    for number in range(50):
        await journal.append(record("note", key=str(number)))
    await tell(journal, "DELETE FROM records WHERE seq % 2")
    with Reader(path) as reader:
        problems = verify(reader).problems
    assert (len(problems), problems[-1]) == (21, "and 5 more of this kind")


@given(st.lists(st.integers(0, 30)))
def test_ranges_hold_the_numbers_that_they_were_made_of(numbers: list[int]) -> None:
    found = ranges((each, each) for each in numbers)
    assert [each for first, last in found for each in range(first, last + 1)] == sorted(set(numbers))
    assert all(one[1] + 1 < other[0] for one, other in pairwise(found))
