"""Is the file whole? SQLite's own check, the numbers, and the tables against the records that they were made from.

Looks at one moment of the file, also while a proxy writes. Reads all of it: a second or so for each 100,000 records.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ibmux.journal.ledger import Standing, advance, is_taken
from ibmux.journal.pruning import ranges
from ibmux.journal.reading import ORDERS, Reader, to_record, to_standing
from ibmux.journal.records import Record
from ibmux.journal.storing import COLUMNS

MOST = 20
"""Findings of one kind that are told; the rest is counted."""

_FILLS = """
SELECT 'the fill ' || r.exec_id || ' (record ' || r.seq || ') is not in the table of fills' FROM records r
  LEFT JOIN fills f ON f.gateway = r.gateway AND f.exec_id = r.exec_id
  WHERE r.kind = 'fill' AND r.exec_id <> '' AND f.seq IS NOT r.seq
UNION ALL
SELECT 'the table of fills names record ' || f.seq || ' for ' || f.exec_id || ', which is none' FROM fills f
  LEFT JOIN records r ON r.seq = f.seq AND r.kind = 'fill' AND r.exec_id = f.exec_id
  WHERE f.seq > 0 AND r.seq IS NULL
"""
_COUNTERS = """
SELECT 'the highest orderId of ' || r.gateway || ' is ' || max(r.order_id) || ', its counter is ' || ifnull(c.value, 0)
  FROM records r LEFT JOIN counters c ON c.gateway = r.gateway AND c.name = 'order_id'
  GROUP BY r.gateway HAVING max(r.order_id) > ifnull(c.value, 0)
"""


class Verdict(msgspec.Struct, kw_only=True):
    """What was found.

    Attributes:
        path: the file.
        records, orders, fills: how many there are.
        last: the newest number.
        pruned: how many numbers below it retention took away; of an archive, how many are elsewhere.
        problems: in words; none in a whole file.
    """

    path: str = ""
    records: int = 0
    orders: int = 0
    fills: int = 0
    last: int = 0
    pruned: int = 0
    problems: list[str] = []


def verify(reader: Reader) -> Verdict:
    """Compare everything with everything.

    Raises:
        JournalFailed: the file cannot be read at all.
    """
    verdict = Verdict(path=str(reader.path))
    with reader.moment():
        verdict.problems = list(_most(_soundness(reader)))
        if verdict.problems:
            return verdict  # what else is found in a damaged file says nothing
        for found in (_numbers(reader, verdict), _orders(reader, verdict), _fills(reader, verdict)):
            verdict.problems += _most(found)
    return verdict


def _most(found: Iterator[str]) -> Iterator[str]:
    more = 0
    for number, each in enumerate(found):
        if number < MOST:
            yield each
        else:
            more += 1
    if more:
        yield f"and {more} more of this kind"


def _soundness(reader: Reader) -> Iterator[str]:
    told = reader.rows("PRAGMA quick_check", [], lambda row: str(row[0]))
    yield from (each for each in told if each != "ok")


def _numbers(reader: Reader, verdict: Verdict) -> Iterator[str]:
    """Every number from 1 to the last is a record or was pruned, and none is both."""
    pruned = reader.rows("SELECT first, last FROM pruned ORDER BY first", [], lambda row: (int(row[0]), int(row[1])))
    verdict.pruned = sum(last - first + 1 for first, last in pruned)
    there = _runs(reader, verdict)
    expected = 1
    for first, last in sorted([*pruned, *there]):
        if first > expected:
            yield f"records are missing: {_span(expected, first - 1)}"
        if first < expected:
            yield f"records are there that were pruned: {_span(first, min(last, expected - 1))}"
        expected = max(expected, last + 1)


def _runs(reader: Reader, verdict: Verdict) -> list[tuple[int, int]]:
    """The numbers that are there, as ranges."""
    found: list[tuple[int, int]] = []
    for seq in reader.stream("SELECT seq FROM records ORDER BY seq", lambda row: int(row[0])):
        verdict.records += 1
        verdict.last = seq
        if found and found[-1][1] == seq - 1:
            found[-1] = found[-1][0], seq
        else:
            found.append((seq, seq))
    return ranges(found)


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _orders(reader: Reader, verdict: Verdict) -> Iterator[str]:
    """Each order stands as its records say, there is no other, and none may have been sent twice."""
    doubled: list[str] = []
    text = f"{ORDERS} ORDER BY o.gateway, o.script, o.key"
    rows = reader.stream(text, lambda row: (to_standing(row), bool(row[-1])))
    for row, made in _pairs(rows, _made_again(reader, doubled)):
        verdict.orders += row is not None
        if row is None:
            yield f"{_words(made)} is not in the table of orders"
        elif made is None:
            yield f"{_words(row[0])} has no records"
        elif row != (made, made.finished):
            yield f"{_words(made)} differs from its records in {_differing(row[0], made) or 'finished'}"
    yield from doubled


def _pairs(
    rows: Iterator[tuple[Standing, bool]], made: Iterator[Standing]
) -> Iterator[tuple[tuple[Standing, bool] | None, Standing | None]]:
    """Both sides, sorted by name, brought together; `None` where one of them lacks an order."""
    row, other = next(rows, None), next(made, None)
    while row is not None or other is not None:
        behind = row is None or (other is not None and _name(other) < _name(row[0]))
        ahead = other is None or (row is not None and _name(row[0]) < _name(other))
        yield None if behind else row, None if ahead else other
        row = row if behind else next(rows, None)
        other = other if ahead else next(made, None)


def _made_again(reader: Reader, doubled: list[str]) -> Iterator[Standing]:
    """Each order from its records; `doubled` gets what has an intent after one that may have been sent."""
    known: Standing | None = None
    for before, record in _histories(reader):
        if before is None and known is not None:
            yield known
        if record.kind == "intent" and is_taken(before):
            doubled.append(f"{_words(before)} has another intent: record {record.seq}")
        known = advance(before, record)
    if known is not None:
        yield known


def _histories(reader: Reader) -> Iterator[tuple[Standing | None, Record]]:
    """Each order's records in their order, each with what was known before it; `None` until something is."""
    text = f"SELECT {COLUMNS} FROM records WHERE key <> '' ORDER BY gateway, script, key, seq"  # noqa: S608
    known: Standing | None = None
    for record in reader.stream(text, to_record):
        if known is not None and _name(known) != (record.gateway, record.script, record.key):
            known = None
        yield known, record
        known = advance(known, record)


def _fills(reader: Reader, verdict: Verdict) -> Iterator[str]:
    """Each fill once, and the counter of orderIds not behind."""
    [verdict.fills] = reader.rows("SELECT count(*) FROM fills WHERE seq > 0", [], lambda row: int(row[0]))
    for text in (_FILLS, _COUNTERS):
        yield from reader.stream(text, lambda row: str(row[0]))


def _name(order: Standing) -> tuple[str, str, str]:
    return order.gateway, order.script, order.key


def _words(order: Standing | None) -> str:
    return f"the order {order.key} of {order.script} at {order.gateway}" if order else "an order"


def _differing(one: Standing, other: Standing) -> str:
    return ", ".join(each for each in one.__struct_fields__ if getattr(one, each) != getattr(other, each))
