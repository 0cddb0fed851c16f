"""One archive: a journal of its own, to which orders are added whole that another one is about to give up.

Numbers are those of that journal; the others below the highest are noted as gone, so that `verify` finds a hole here,
too. All that it was given is in the one file: there is no log beside it that it could be parted from (`opening`).
Blocks: runs on `rotating`'s thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from ibmux.errors import JournalFailed
from ibmux.journal import opening
from ibmux.journal.months import BESIDE
from ibmux.journal.opening import ARCHIVE
from ibmux.journal.pruning import ranges
from ibmux.journal.storing import COLUMNS, transaction
from ibmux.journal.trouble import damaged

BUSY = 5000
"""Milliseconds to wait for somebody who reads the file just now; nobody waits for us."""
Row = tuple[Any, ...]
"""Of `COLUMNS`, its number first."""
Part = Sequence[Row]
"""The records of one order, or one that belongs to none; oldest first."""

_KNOWN = f"SELECT {COLUMNS} FROM records WHERE seq = ?"  # noqa: S608 - the text is ours
_INSERT = f"INSERT INTO records ({COLUMNS}) VALUES ({', '.join('?' * len(COLUMNS.split(', ')))})"  # noqa: S608


class Archive:
    """The file while it is open for adding to it. It is made if there is none; under its name it is always whole.

    Raises (here and in `take`):
        sqlite3.Error, OSError, JournalFailed: it cannot be used; nothing of this call is safe in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            _make(path)
        self._connection = opening.connect(path, ARCHIVE)
        self._connection.execute(f"PRAGMA busy_timeout = {BUSY}")
        self._inode = path.stat().st_ino

    def take(self, parts: Sequence[Part]) -> list[Part]:
        """Add them, each whole; on the disk when this returns. What is there already is not added again.

        Returns:
            Those that are at odds with what is in the file: a number that is another record's, a key with another
            intent, a fill that was told under another number. A file of their own takes them.
        """
        self._look()
        with transaction(self._connection):
            left = [part for part in parts if not self._add(part)]
        self._look()
        return left

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _look(self) -> None:
        if self.path.stat().st_ino != self._inode:
            raise JournalFailed(f"The archive {self.path} was moved away while it was in use.")

    def _add(self, part: Part) -> bool:
        """Whether it fits; if not, nothing of it was added."""
        there = [self._connection.execute(_KNOWN, row[:1]).fetchone() for row in part]
        if any(known not in (None, row) for known, row in zip(there, part, strict=True)):
            return False
        new = [row for known, row in zip(there, part, strict=True) if known is None]
        [top] = self._connection.execute("SELECT coalesce(max(seq), 0) FROM records").fetchone()
        self._connection.execute("SAVEPOINT part")
        try:
            self._connection.executemany(_INSERT, new)
        except sqlite3.IntegrityError:
            self._connection.execute("ROLLBACK TO part")
            return False
        finally:
            if self._connection.in_transaction:  # SQLite ends it by itself where the disk failed
                self._connection.execute("RELEASE part")
        self._note([row[0] for row in new], top)
        return True

    def _note(self, seqs: Sequence[int], top: int) -> None:
        """Keep in `pruned` which numbers are not here: `seqs` are new, `top` was the highest before."""
        for first, last in ranges((seq, seq) for seq in seqs):
            gap = first, last
            if first > top:
                gap, top = (top + 1, last), last
            else:
                text = "SELECT first, last FROM pruned WHERE first <= ? ORDER BY first DESC LIMIT 1"
                gap = self._connection.execute(text, (first,)).fetchone() or (0, 0)
                if gap[1] < last:
                    raise damaged(self.path, f"it has no gap for record {first}")
                self._connection.execute("DELETE FROM pruned WHERE first = ?", gap[:1])
            around = [(low, high) for low, high in ((gap[0], first - 1), (last + 1, gap[1])) if low <= high]
            self._connection.executemany("INSERT INTO pruned VALUES (?, ?)", around)


def _make(path: Path) -> None:
    """An empty one: under another name until it is whole, so that a crash leaves none that cannot be read."""
    new = path.with_name(f"{path.name}.new")
    for ending in ("", *BESIDE):
        new.with_name(f"{new.name}{ending}").unlink(missing_ok=True)  # a crash left it
    opening.make(new)
    with closing(sqlite3.connect(new, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA application_id = {ARCHIVE}")
    opening.connect(new, ARCHIVE).close()
    new.rename(path)
    opening.sync(path.parent)
