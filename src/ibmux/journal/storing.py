"""Records into the file, many in one transaction. Runs on the writer's thread; knows no loop and no queue.

Up to `ONE_STATEMENT` records are one statement, and that is the whole transaction: each statement more would hand the
interpreter to other threads once more, and wait to get it back.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ibmux.errors import JournalFailed, KeyTaken
from ibmux.journal.records import Record
from ibmux.journal.trouble import UNFIT, is_taken

ONE_STATEMENT = 32
ROOM = 65_536
"""Bytes that the disk must take again before a failure is over."""
COLUMNS = "seq, time, gateway, kind, script, key, order_id, perm_id, exec_id, status, fingerprint, body"
_PLACES = f"({', '.join('?' * len(COLUMNS.split(', ')))})"
_TEXTS = [
    f"INSERT INTO records ({COLUMNS}) VALUES {', '.join([_PLACES] * count)}"  # noqa: S608 - question marks alone
    for count in range(ONE_STATEMENT + 1)
]
"""The statement for so many records; the same text finds the statement that SQLite has prepared already."""

Name = tuple[str, str, str]
"""Of an order: gateway, script, key."""
Row = tuple[int, float, str, str, str, str, int, int, str, str, bytes, bytes]


Dated = tuple[float, Sequence[Record]]
"""The records of one call, and the time of those that have none, seconds UTC."""


class Told(NamedTuple):
    """What is known of one fill: whether the fill itself, and the body of its commission."""

    fill: bool
    commission: bytes | None


class Shelf:
    """The file while it is open for writing."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.connection = connection
        self._path = path
        self._name = str(path)
        self._inode = path.stat().st_ino
        [self.last] = connection.execute("SELECT coalesce(max(seq), 0) FROM records").fetchone()

    def store(self, groups: Sequence[Dated]) -> list[tuple[int, ...]]:
        """Write all groups in one transaction; durable when this returns.

        Args:
            groups: each with the time of records that have none, seconds UTC.

        Returns:
            For each group the numbers of its records, 0 for what was there already.

        Raises:
            sqlite3.Error, OSError, or one of `trouble.UNFIT`: nothing of it was written.
        """
        self.look()
        rows, numbers = self._rows(groups, self.last)
        if len(rows) <= ONE_STATEMENT:
            self._statement(rows)
        else:
            with transaction(self.connection):
                self._insert(rows)
        self.last += len(rows)
        return numbers

    def store_singly(self, groups: Sequence[Dated]) -> list[tuple[int, ...] | Exception]:
        """The same, where one of them cannot be taken: the others are written, still in one transaction.

        Returns:
            For each group the numbers of its records; `KeyTaken` or one of `trouble.UNFIT` where it was not written.

        Raises:
            sqlite3.Error, OSError: nothing of any was written.
        """
        self.look()
        last, outcomes = self.last, list[tuple[int, ...] | Exception]()
        with transaction(self.connection):
            for group in groups:
                outcome = self._try(group, last)
                if not isinstance(outcome, Exception):
                    last = max(last, *outcome)
                outcomes.append(outcome)
        self.last = last
        return outcomes

    def probe(self) -> None:
        """Write `ROOM` bytes that are needed by nobody, to see whether that is possible.

        Raises:
            sqlite3.Error, OSError, JournalFailed: it is not.
        """
        self.look()
        with transaction(self.connection):
            self.connection.execute("INSERT INTO counters VALUES ('', 'probe', zeroblob(?))", (ROOM,))
            self.connection.execute("DELETE FROM counters WHERE gateway = '' AND name = 'probe'")

    def checkpoint(self) -> None:
        """Copy what the write-ahead log holds into the file, so that it can begin anew."""
        self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def look(self) -> None:
        """A file that was moved away or deleted would take records that nobody finds again.

        Raises:
            OSError, JournalFailed: it is not where it was.
        """
        if os.stat(self._name).st_ino != self._inode:  # noqa: PTH116 - a Path takes three times as long
            raise JournalFailed(
                f"The journal {self._path} was replaced by another file while it was in use.",
                hint="Put the file back that was there, or restart the proxy.",
            )

    def _is_known(self, record: Record, told: dict[tuple[str, str], Told]) -> bool:
        """Whether a fill, or this very commission of it, is in the file or before it in this transaction."""
        if record.kind not in ("fill", "commission") or not record.execId:
            return False
        name = record.gateway, record.execId
        known = told.get(name) or self._told(*name)
        if record.kind == "fill":
            told[name] = known._replace(fill=True)
            return known.fill
        told[name] = known._replace(commission=record.body)
        return known.commission == record.body

    def _told(self, gateway: str, exec_id: str) -> Told:
        row = self.connection.execute(
            "SELECT f.seq, r.body FROM fills f LEFT JOIN records r ON r.seq = f.commission_seq "
            "WHERE f.gateway = ? AND f.exec_id = ?",
            (gateway, exec_id),
        ).fetchone()
        return Told(row[0] > 0, row[1]) if row else Told(False, None)

    def _rows(self, groups: Iterable[Dated], last: int) -> tuple[list[Row], list[tuple[int, ...]]]:
        rows: list[Row] = []
        told: dict[tuple[str, str], Told] = {}
        numbers: list[tuple[int, ...]] = []
        for now, records in groups:
            seqs = []
            for record in records:
                seq = 0 if self._is_known(record, told) else last + len(rows) + 1
                seqs.append(seq)
                if seq:
                    rows.append(_row(seq, record, now))
            numbers.append(tuple(seqs))
        return rows, numbers

    def _try(self, group: Dated, last: int) -> tuple[int, ...] | Exception:
        """One group inside a transaction, or why it alone cannot be taken; then nothing of it is there."""
        self.connection.execute("SAVEPOINT one")
        outcome: tuple[int, ...] | Exception
        try:
            rows, [outcome] = self._rows([group], last)
            self._insert(rows)
        except UNFIT as error:
            self.connection.execute("ROLLBACK TO one")
            outcome = self._taken(group[1]) if is_taken(error) else error
        self.connection.execute("RELEASE one")
        return outcome

    def _taken(self, records: Sequence[Record]) -> KeyTaken:
        """Which of a group's intents has the key of an order that is there, or of another intent of the group."""
        seen: set[Name] = set()
        for record in records:
            name = record.gateway, record.script, record.key
            text = "SELECT state FROM orders WHERE gateway = ? AND script = ? AND key = ? AND state <> 'unsent'"
            if record.kind == "intent" and (name in seen or self.connection.execute(text, name).fetchone()):
                break
            seen.add(name)
        return KeyTaken(f"The key {record.key!r} of {record.script} is already that of an order in the journal.")

    def _insert(self, rows: list[Row]) -> None:
        for part in _parts(rows):
            self._statement(part)

    def _statement(self, rows: list[Row]) -> None:
        if rows:
            values: Sequence[Any] = rows[0] if len(rows) == 1 else [value for row in rows for value in row]
            self.connection.execute(_TEXTS[len(rows)], values)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is done inside, or nothing; durable at its end.

    Raises:
        sqlite3.Error: nothing was done.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite ends it by itself where the disk failed
            connection.execute("ROLLBACK")
        raise


def _row(seq: int, record: Record, now: float) -> Row:
    return (
        seq,
        record.time or now,
        record.gateway,
        record.kind,
        record.script,
        record.key,
        record.orderId,
        record.permId,
        record.execId,
        record.status,
        record.fingerprint,
        record.body,
    )


def _parts(rows: list[Row]) -> Iterator[list[Row]]:
    for start in range(0, len(rows), ONE_STATEMENT):
        yield rows[start : start + ONE_STATEMENT]
