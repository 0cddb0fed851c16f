"""The journal read, by its own connection that cannot write: beside a proxy that writes, or without any.

Blocks: `store.Journal` calls it in a thread. Sees only what is durable.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec

from ibmux.errors import JournalFailed
from ibmux.journal.ledger import Standing
from ibmux.journal.opening import APPLICATION, ARCHIVE, BUSY, migrations
from ibmux.journal.records import Kind, Record
from ibmux.journal.storing import COLUMNS
from ibmux.journal.trouble import damaged, worded

T = TypeVar("T")

_NONE = "Name it with --file, or the settings with --config; a proxy makes it when it starts."
PAGE = 1000
"""Records that are read at once where all are wanted."""
END = 1 << 62
"""Above every number."""
ORDERS = """
SELECT o.gateway, o.script, o.key, o.fingerprint, o.order_id, o.perm_id, o.state, o.intent_seq, o.last_seq, o.time,
  coalesce(i.body, x''), coalesce(e.body, x''), o.finished
FROM orders o LEFT JOIN records i ON i.seq = o.intent_seq LEFT JOIN records e ON e.seq = o.event_seq
"""
"""Orders with their bodies; `to_standing` reads a row."""


TOLD: tuple[Kind, ...] = ("sent", "unsent", "order", "fill", "commission")
"""Kinds that scripts are told, in one sequence for each script; the index `records_told` is of these."""
_TOLD = "kind IN ('sent', 'unsent', 'order', 'fill', 'commission')"
"""The same as the index says it: SQLite wants the very words."""
_LAST_TOLD = f"""
WITH RECURSIVE scripts(name) AS (
  SELECT min(script) FROM records WHERE gateway = :gateway AND {_TOLD}
  UNION ALL
  SELECT (SELECT min(script) FROM records WHERE gateway = :gateway AND script > name AND {_TOLD}) FROM scripts
    WHERE name IS NOT NULL
)
SELECT name, (SELECT max(seq) FROM records WHERE gateway = :gateway AND script = name AND {_TOLD}) FROM scripts
  WHERE name IS NOT NULL
"""  # noqa: S608 - the text is ours; each script is one step in the index, however many records it has


class Filter(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """Which records are wanted; what is empty matches everything.

    Attributes:
        gateway, script, key: exactly these.
        kinds: one of these.
        start: not before this time, seconds UTC.
        end: before this time, seconds UTC; 0 for no end.
    """

    gateway: str = ""
    script: str = ""
    key: str = ""
    kinds: tuple[Kind, ...] = ()
    start: float = 0.0
    end: float = 0.0

    def terms(self) -> tuple[str, list[Any]]:
        """The condition in SQL, beginning with AND, and its values."""
        exact = [(name, each) for name in ("gateway", "script", "key") if (each := getattr(self, name))]
        terms = [f"{name} = ?" for name, _ in exact]
        values: list[Any] = [each for _, each in exact]
        if self.key:
            terms.append("key <> ''")  # says that the index of orders serves
        elif self.script and self.kinds and set(self.kinds) <= set(TOLD):
            terms.append(_TOLD)  # says that the index of what is told serves
        if self.kinds:
            terms.append(f"kind IN ({', '.join('?' * len(self.kinds))})")
            values += self.kinds
        for text, moment in (("time >= ?", self.start), ("time < ?", self.end)):
            if moment:
                terms.append(text)
                values.append(moment)
        return "".join(f" AND {term}" for term in terms), values


ALL = Filter()


class Reader:
    """A journal's file for reading; also a context manager.

    Raises (here and in every method):
        JournalCorrupt: it is damaged, or no journal.
        JournalFailed: it is not there, or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise JournalFailed(f"The journal {path}: there is no such file.", hint=_NONE, outcome="none")
        with self._translated():
            self._connection = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def records(self, since: int = 0, limit: int = PAGE, wanted: Filter = ALL, end: int = END) -> list[Record]:
        """Up to `limit` records with numbers above `since` and below `end`, oldest first."""
        terms, values = wanted.terms()
        text = f"SELECT {COLUMNS} FROM records WHERE seq > ? AND seq < ?{terms} ORDER BY seq LIMIT ?"  # noqa: S608
        return self.rows(text, [since, end, *values, limit], to_record)

    def before(self, end: int = END, limit: int = PAGE, wanted: Filter = ALL, since: int = 0) -> list[Record]:
        """Up to `limit` records with numbers below `end` and above `since`, newest first."""
        terms, values = wanted.terms()
        text = f"SELECT {COLUMNS} FROM records WHERE seq < ? AND seq > ?{terms} ORDER BY seq DESC LIMIT ?"  # noqa: S608
        return self.rows(text, [end, since, *values, limit], to_record)

    def every(self, wanted: Filter = ALL, since: int = 0, at_once: int = PAGE, end: int = END) -> Iterator[Record]:
        """All of them, oldest first, a page at a time: what is written meanwhile comes, too."""
        while page := self.records(since, at_once, wanted, end):
            yield from page
            since = page[-1].seq

    def backwards(self, wanted: Filter = ALL, at_once: int = PAGE, since: int = 0, end: int = END) -> Iterator[Record]:
        """All of them, newest first, a page at a time."""
        while page := self.before(end, at_once, wanted, since):
            yield from page
            end = page[-1].seq

    def notes(self, gateway: str, statuses: Sequence[str] = (), limit: int = PAGE) -> list[Record]:
        """Up to `limit` notes of these statuses (none: of all), newest first."""
        wanted = f" AND status IN ({', '.join('?' * len(statuses))})" if statuses else ""
        text = (
            f"SELECT {COLUMNS} FROM records INDEXED BY records_noted "  # noqa: S608
            f"WHERE gateway = ? AND kind = 'note'{wanted} ORDER BY seq DESC LIMIT ?"
        )
        return self.rows(text, [gateway, *statuses, limit], to_record)

    def last_of_scripts(self, gateway: str) -> dict[str, int]:
        """Each script with the number of the last record that it was told; what was pruned is not known."""
        return dict(self.rows(_LAST_TOLD, {"gateway": gateway}, lambda row: (str(row[0]), int(row[1]))))

    def oldest(self) -> int:
        """The first number from which on nothing is gone; 1 if nothing was ever pruned. Older records may be there, of
        orders that live long.
        """
        return self.rows("SELECT coalesce(max(last), 0) + 1 FROM pruned", [], lambda row: int(row[0]))[0]

    def last_seq(self) -> int:
        """The number of the newest record; 0 of an empty journal."""
        return self.rows("SELECT coalesce(max(seq), 0) FROM records", [], lambda row: int(row[0]))[0]

    def last_time(self) -> float:
        """The time of the newest record, seconds UTC; 0 of an empty journal."""
        text = "SELECT time FROM records ORDER BY seq DESC LIMIT 1"
        return next(iter(self.rows(text, [], lambda row: float(row[0]))), 0.0)

    def unfinished(self, gateway: str) -> list[Standing]:
        """The orders of which more may come, in the order of their last records."""
        text = f"{ORDERS} WHERE o.gateway = ? AND o.finished = 0 ORDER BY o.last_seq"
        return self.rows(text, [gateway], to_standing)

    def find(self, gateway: str, script: str, key: str) -> Standing | None:
        """One order; `None` if the journal has none of this key."""
        text = f"{ORDERS} WHERE o.gateway = ? AND o.script = ? AND o.key = ?"
        return next(iter(self.rows(text, [gateway, script, key], to_standing)), None)

    def highest_order_id(self, gateway: str) -> int:
        """The highest orderId that was ever written down for this gateway, also of what was pruned; 0 if none was."""
        text = "SELECT value FROM counters WHERE gateway = ? AND name = 'order_id'"
        return next(iter(self.rows(text, [gateway], lambda row: int(row[0]))), 0)

    def rows(self, text: str, values: list[Any] | dict[str, Any], made: Callable[[tuple[Any, ...]], T]) -> list[T]:
        """What a query gives, each row made into something."""
        with self._translated():
            return [made(row) for row in self._connection.execute(text, values)]

    def stream(self, text: str, made: Callable[[tuple[Any, ...]], T]) -> Iterator[T]:
        """The same, one row at a time, for what does not fit into memory."""
        with self._translated():
            for row in self._connection.execute(text):
                yield made(row)

    @contextmanager
    def moment(self) -> Iterator[sqlite3.Connection]:
        """All that is read inside is of one moment, whatever is written meanwhile; the log cannot shrink so long."""
        with self._translated():
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise worded(error, self.path, "It is only read here: see to the file that is named.") from error

    def _open(self) -> sqlite3.Connection:
        """A log beside the file needs a place for its index; where none can be made, and no log is, the file is all.

        What was begun when an archive's writer was killed is undone first: only a connection that may write does it.
        """
        address = f"{self.path.absolute().as_uri()}?mode=ro"
        try:
            if Path(f"{self.path}-journal").exists():
                with closing(_connect(address.replace("mode=ro", "mode=rw"))) as undoing, suppress(sqlite3.Error):
                    undoing.execute("PRAGMA application_id").fetchone()
            return self._checked(_connect(address))
        except sqlite3.OperationalError:
            if Path(f"{self.path}-wal").exists() or Path(f"{self.path}-journal").exists():
                raise
            return self._checked(_connect(f"{address}&immutable=1"))

    def _checked(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        try:
            [whose] = connection.execute("PRAGMA application_id").fetchone()
            [version] = connection.execute("PRAGMA user_version").fetchone()
            [tables] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if not (whose or tables):  # a proxy was ended while it made the file; the next one goes on
                raise JournalFailed(f"The journal {self.path} is empty: nothing was written to it yet.", hint=_NONE)
            if whose not in (APPLICATION, ARCHIVE):
                raise damaged(self.path, "another program's database")
            if version > (known := len(migrations())):
                raise JournalFailed(f"The journal {self.path} is of version {version}; this ibmux knows {known}.")
        except BaseException:
            connection.close()
            raise
        return connection


def _connect(address: str) -> sqlite3.Connection:
    return sqlite3.connect(address, uri=True, timeout=BUSY, isolation_level=None, check_same_thread=False)


def to_record(row: tuple[Any, ...]) -> Record:
    """A row of `COLUMNS`."""
    seq, time, gateway, kind, script, key, order_id, perm_id, exec_id, status, fingerprint, body = row
    return Record(
        gateway=gateway,
        kind=kind,
        script=script,
        key=key,
        orderId=order_id,
        permId=perm_id,
        execId=exec_id,
        status=status,
        fingerprint=fingerprint,
        body=body,
        time=time,
        seq=seq,
    )


def to_standing(row: tuple[Any, ...]) -> Standing:
    """A row of `ORDERS`."""
    gateway, script, key, fingerprint, order_id, perm_id, state, intent_seq, last_seq, time, intent, body, _ = row
    return Standing(
        gateway=gateway,
        script=script,
        key=key,
        fingerprint=fingerprint,
        orderId=order_id,
        permId=perm_id,
        state=state,
        intentSeq=intent_seq,
        lastSeq=last_seq,
        time=time,
        intent=intent,
        body=body,
    )
