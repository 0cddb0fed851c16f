"""What retention takes away: finished orders, whole, and what belongs to no order. `prune` runs on the writer's thread.

Numbers that are gone are kept as ranges, so that `verify` tells them from a hole.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from ibmux.journal.storing import Name, Shelf, transaction

SLICE = 100
"""Records that are looked at in one transaction; orders that begin among them go with all they have."""
PAGES = 64
"""Pages (256 kB) that one transaction gives back to the file system at most."""

START = 0
"""Where the first slice begins: below every number."""

_CANDIDATES = """
SELECT r.seq, r.gateway, r.script, r.key, r.time < :before, o.key IS NOT NULL,
  o.key IS NULL OR (o.finished AND o.time < :before)
FROM records r LEFT JOIN orders o ON r.key <> '' AND o.gateway = r.gateway AND o.script = r.script AND o.key = r.key
WHERE r.seq > :seq ORDER BY r.seq LIMIT :slice
"""
_YOUNG = """
SELECT min(seq) FROM records
WHERE seq <= ? AND time >= ? AND time <= (SELECT time FROM records ORDER BY seq DESC LIMIT 1)
"""
"""The first number that is younger; a time that is ahead of the newest record's was a clock's mistake."""
_OF_ORDER = "SELECT seq FROM records WHERE gateway = ? AND script = ? AND key = ? AND key <> ''"


class Choice(NamedTuple):
    """What may go of one slice: numbers of each finished order, and of what belongs to none; where the next begins."""

    orders: dict[Name, list[int]]
    loose: list[int]
    next: int | None


class Copied(NamedTuple):
    """Numbers of one slice that are safe elsewhere, and where the next slice begins; `None` after the last."""

    seqs: frozenset[int]
    next: int | None


def choose(connection: sqlite3.Connection, before: float, start: int) -> Choice:
    """What may go of one slice, those numbered above `start`. `next` is `None` after the last slice, or where something
    is younger: what has a higher number was written later, even if a clock that was behind dated it back.

    The newest record stays with its order, whatever its age: numbers go on from it.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    rows = connection.execute(_CANDIDATES, {"before": before, "seq": start, "slice": SLICE}).fetchall()
    [newest] = connection.execute("SELECT coalesce(max(seq), 0) FROM records").fetchone()
    [young] = connection.execute(_YOUNG, (rows[-1][0] if rows else start, before)).fetchone()
    end = newest if young is None else young
    old = [row for row in rows if row[4] and row[0] < end]
    loose = [row[0] for row in old if row[6] and not row[5]]
    orders: dict[Name, list[int]] = {}
    for name in dict.fromkeys(row[1:4] for row in old if row[6] and row[5]):
        its = [seq for (seq,) in connection.execute(_OF_ORDER, name)]
        if max(its) < end:
            orders[name] = its
    return Choice(orders, loose, rows[-1][0] if young is None and len(rows) == SLICE else None)


def prune(shelf: Shelf, before: float, start: int, safe: frozenset[int] | None = None) -> tuple[int, int | None]:
    """Delete one slice: how many records that were, and where the next slice begins.

    Args:
        shelf: the writer's.
        before: seconds UTC; what is older goes.
        start: the slice is of the numbers above it.
        safe: only what is all among these numbers; an order that has a record more by now stays whole. `None` for all.

    Raises:
        sqlite3.Error, OSError, JournalFailed: nothing of this slice was deleted; the last two where another file is in
            the journal's place: what is safe is from that one, then.
    """
    shelf.look()
    choice = choose(shelf.connection, before, start)
    orders = {name: its for name, its in choice.orders.items() if safe is None or safe.issuperset(its)}
    gone = {seq for seq in choice.loose if safe is None or seq in safe}.union(*orders.values())
    if gone:
        _delete(shelf.connection, sorted(gone), list(orders))
    return len(gone), choice.next


def _delete(connection: sqlite3.Connection, gone: list[int], names: list[Name]) -> None:
    numbers = [(seq,) for seq in gone]
    with transaction(connection):
        connection.executemany(
            "DELETE FROM fills WHERE (gateway, exec_id) = (SELECT gateway, exec_id FROM records WHERE seq = ?)", numbers
        )
        connection.executemany("DELETE FROM records WHERE seq = ?", numbers)
        connection.executemany("DELETE FROM orders WHERE gateway = ? AND script = ? AND key = ?", names)
        _note(connection, gone)
    # It gives back a page with each step, and only a script steps on where there are no columns.
    connection.executescript(f"PRAGMA incremental_vacuum({PAGES})")


def _note(connection: sqlite3.Connection, gone: list[int]) -> None:
    known = connection.execute("SELECT first, last FROM pruned").fetchall()
    merged = ranges([*known, *((seq, seq) for seq in gone)])
    connection.executemany("DELETE FROM pruned WHERE first = ?", [(first,) for first, _ in set(known) - set(merged)])
    connection.executemany("INSERT INTO pruned VALUES (?, ?)", sorted(set(merged) - set(known)))


def ranges(parts: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges of numbers (both ends included) with those joined that touch."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(parts):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return merged
