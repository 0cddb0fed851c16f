"""One round of rotation: what retention is about to delete goes into the archives first, on a thread of its own.

The writer, which orders wait for, has nothing to do with it: it deletes what was copied and is still the same
(`pruning.prune`). A crash in between leaves both, and the next round recognises what is there already.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from ibmux.errors import JournalFailed
from ibmux.journal.archiving import Archive, Part
from ibmux.journal.months import archives, beside, is_barred, month_of, place
from ibmux.journal.pruning import Copied, choose
from ibmux.journal.reading import Reader
from ibmux.journal.storing import COLUMNS
from ibmux.journal.trouble import worded

log = logging.getLogger(__name__)

OPEN = 4
"""Archives that are open at once: orders of a month mostly lie together."""
ROOM = 16 << 20
"""Bytes that archives leave free on their disk: the last ones are for new orders."""
_HINT = (
    "Nothing is lost, and orders go on: what is in no archive stays in the journal, which only grows. See to the disk, "
    "the folder or the file that is named; it is tried again within the hour. Move a damaged archive away."
)
_ORDER = f"""
SELECT {COLUMNS} FROM records WHERE gateway = ? AND script = ? AND key = ? AND key <> '' ORDER BY seq
"""  # noqa: S608 - the text is ours
_ONE = f"SELECT {COLUMNS} FROM records WHERE seq = ?"  # noqa: S608


class Archivist:
    """Copies for one round; an asynchronous context manager. `copy` is what `Journal.prune` wants."""

    def __init__(self, journal: Path) -> None:
        self._path = journal
        self._reader: Reader | None = None
        self._open: dict[Path, Archive] = {}
        self._thread = ThreadPoolExecutor(1, "ibmux-journal-archive")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        finally:
            self._thread.shutdown(wait=False)

    async def copy(self, before: float, start: int) -> Copied:
        """One slice of those numbered above `start`: what may go is in the archives, on the disk, when this returns.

        Raises:
            JournalFailed: the journal cannot be read, or an archive not written; the message names it.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._copy, before, start)

    def _copy(self, before: float, start: int) -> Copied:
        parts, following = self._choose(before, start)
        groups: defaultdict[str, list[Part]] = defaultdict(list)
        for part in parts:
            groups[month_of(part[-1][1])].append(part)
        safe: set[int] = set()
        for month, group in groups.items():
            safe |= self._store(month, group)
        return Copied(frozenset(safe), following)

    def _choose(self, before: float, start: int) -> tuple[list[Part], int | None]:
        if self._reader is None:
            self._reader = Reader(self._path)
            self._mend()
        with self._reader.moment() as connection:
            choice = choose(connection, before, start)
            parts: list[Part] = [connection.execute(_ORDER, name).fetchall() for name in choice.orders]
            parts += [connection.execute(_ONE, (seq,)).fetchall() for seq in choice.loose]
        return parts, choice.next

    def _mend(self) -> None:
        """A crash leaves a file beside an archive, without which it is not whole; opening it makes it a single one."""
        for path in [each.path for each in archives(self._path) if beside(each.path)]:
            try:
                Archive(path).close()
            except (JournalFailed, sqlite3.Error, OSError) as error:  # this round may do without this one
                log.warning("journal.archive_unmended", extra={"archive": str(path), "reason": str(error)})

    def _store(self, month: str, parts: list[Part]) -> set[int]:
        """Into the first archive of the month, or the next one that has nothing at odds with it; the numbers that are
        safe then. Names that are no archive's to take are passed over.
        """
        number, left = 0, list[Part](parts)
        while left:
            number += 1
            path = place(self._path, month, number)
            if is_barred(path):
                continue
            is_new = not path.exists()
            left = self._take(path, left)
            if is_new and left:  # it is at odds with itself: `verify` of the journal tells more
                log.warning("journal.unarchived", extra={"records": [part[0][0] for part in left]})
                break
        unfit = {id(part) for part in left}
        return {row[0] for part in parts if id(part) not in unfit for row in part}

    def _take(self, path: Path, parts: Sequence[Part]) -> list[Part]:
        try:
            self._leave_room(path.parent)
            return self._archive(path).take(parts)
        except JournalFailed as error:
            raise JournalFailed(error.message, hint=_HINT) from error
        except (sqlite3.Error, OSError) as error:
            raise worded(error, path, _HINT) from error

    def _archive(self, path: Path) -> Archive:
        found = self._open.pop(path, None) or Archive(path)
        self._open[path] = found  # the latest one last
        if len(self._open) > OPEN:
            self._open.pop(next(iter(self._open))).close()
        return found

    def _leave_room(self, folder: Path) -> None:
        if (free := shutil.disk_usage(folder).free) < ROOM:
            raise JournalFailed(
                f"{folder}: the disk has {free / 1e6:.1f} MB left; the last {ROOM / 1e6:.0f} MB are for new orders, "
                "and not for archives."
            )

    def _close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()
        if self._reader is not None:
            self._reader.close()
            self._reader = None
