"""The one thread that writes: takes what has gathered, makes it one transaction, tells the loop. Group commit.

What waits behind a full disk stays in its order and is tried again every `PROBE` seconds; promises are refused instead.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from ibmux.errors import IbmuxError, JournalFailed, KeyTaken
from ibmux.journal import opening
from ibmux.journal.records import Record, Stored
from ibmux.journal.storing import Shelf
from ibmux.journal.trouble import UNFIT, unfit, worded

PROBE = 2.0
"""Seconds between two attempts to write after a failure; and after which an idle moment is used for upkeep."""
SETTLE = 100
"""Transactions after which an idle moment is used to empty the log: the one that begins it anew syncs twice."""
AT_ONCE = 2000
"""Records of one transaction, at most (and those of one more call)."""


@dataclass(slots=True, eq=False)
class Group:
    """The records of one call: all of them are written, or none. A promise is refused, rather than kept, while nothing
    can be written.
    """

    records: Sequence[Record]
    time: float
    future: asyncio.Future[Stored]
    is_promise: bool


@dataclass(slots=True, eq=False)
class Chore:
    """Something else to do with the file between two transactions."""

    work: Callable[[Shelf], Any]
    future: asyncio.Future[Any]


Outcome = tuple[asyncio.Future[Any], Any]
"""A future and what becomes of it: an exception or a result."""


@dataclass(slots=True, eq=False)
class Report:
    """What one turn of the thread tells the loop: `records` are done with, `seconds` are those of each transaction."""

    outcomes: list[Outcome]
    last: int
    trouble: JournalFailed | None
    records: int
    seconds: list[float]


class Writer:
    """The thread and its queue. `tell` is called in the loop, once for each turn."""

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop, tell: Callable[[Report], None]) -> None:
        self.queue: SimpleQueue[Group | Chore | None] = SimpleQueue()
        self.opened: asyncio.Future[int] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self._path, self._loop, self._tell = path, loop, tell
        self._shelf: Shelf
        self._held: list[Group] = []
        self._at_hand: list[Group] = []
        self._outcomes: list[Outcome] = []
        self._records = 0
        self._seconds: list[float] = []
        self._trouble: JournalFailed | None = None
        self._told: JournalFailed | None = None
        self._next_probe = 0.0
        self._unsettled = 0
        self._thread = Thread(target=self._run, name="ibmux-journal", daemon=True)

    def start(self) -> None:
        """Begin; `opened` gives the last number in the file, or says why it cannot be used."""
        self._thread.start()

    def _run(self) -> None:
        try:
            descriptor = self._open()
        except Exception as error:
            self._outcomes = [(self.opened, error), (self.ended, None)]
            self._report()
            if not isinstance(error, IbmuxError):
                raise
            return
        self._outcomes = [(self.opened, self._shelf.last)]
        try:
            self._report()
            while self._turn():
                self._report()
            self._outcomes.append((self.ended, None))
        except BaseException as error:
            self._give_up(error)
        finally:
            self._shelf.connection.close()
            os.close(descriptor)
            self._report()

    def _open(self) -> int:
        """The shelf and the lock.

        Raises:
            AlreadyRunning, JournalFailed: the file cannot be used.
        """
        descriptor = -1
        try:
            opening.make(self._path)
            descriptor = opening.lock(self._path)
            self._shelf = Shelf(opening.connect(self._path), self._path)
        except BaseException as error:
            if descriptor >= 0:
                os.close(descriptor)
            if isinstance(error, (sqlite3.Error, OSError)):
                raise worded(error, self._path) from error
            raise
        return descriptor

    def _turn(self) -> bool:
        """One round: wait, write, do chores. False when it was the last."""
        groups, chore, last = self._take()
        self._at_hand = groups
        if self._trouble is None:
            self._write(groups)
        elif last or time.monotonic() >= self._next_probe:
            held, self._held = self._held, []
            self._try_again([*held, *groups])
        else:
            self._keep(groups, self._trouble)
        if chore is not None:
            self._do(chore)
        elif not groups and self._trouble is None:
            self._tidy()
        if last:
            self._refuse(self._held, self._trouble or JournalFailed("The journal is closed."))
        return not last

    def _take(self) -> tuple[list[Group], Chore | None, bool]:
        """What waits, up to `AT_ONCE` records or a chore; nothing if nothing comes within `PROBE` seconds."""
        groups: list[Group] = []
        count = 0
        with suppress(Empty):
            item = self.queue.get(timeout=PROBE)
            while isinstance(item, Group):
                groups.append(item)
                count += len(item.records)
                if count >= AT_ONCE:
                    return groups, None, False
                item = self.queue.get_nowait()
            return groups, item, item is None
        return groups, None, False

    def _write(self, groups: list[Group]) -> None:
        """All of them in one transaction; without those that fit into no file, or whose key is taken."""
        if not groups:
            return
        dated = [(each.time, each.records) for each in groups]
        outcomes: Sequence[tuple[int, ...] | Exception]
        began = time.perf_counter()
        try:
            try:
                outcomes = self._shelf.store(dated)
            except UNFIT:
                outcomes = self._shelf.store_singly(dated)
        except (sqlite3.Error, OSError, JournalFailed) as error:
            self._fail(groups, error)
            return
        self._seconds.append(time.perf_counter() - began)
        self._unsettled += 1
        for group, outcome in zip(groups, outcomes, strict=True):
            if isinstance(outcome, Exception):
                self._end(group, outcome if isinstance(outcome, KeyTaken) else unfit(outcome))
            else:
                self._end(group, Stored(max(outcome, default=0) or self._shelf.last, outcome))

    def _try_again(self, groups: list[Group]) -> None:
        """See whether writing is possible again; if so, with all that waits, in its order."""
        try:
            self._shelf.probe()
        except (sqlite3.Error, OSError, JournalFailed) as error:
            self._fail(groups, error)
        else:
            self._trouble = None
            while groups and self._trouble is None:
                part, groups = groups[:AT_ONCE], groups[AT_ONCE:]
                self._write(part)
            if self._trouble is not None:
                self._keep(groups, self._trouble)

    def _fail(self, groups: list[Group], error: sqlite3.Error | OSError | JournalFailed) -> None:
        """Nothing of this was written: promises end, the rest waits for a better moment."""
        self._trouble = error if isinstance(error, JournalFailed) else worded(error, self._path)
        self._next_probe = time.monotonic() + PROBE
        self._keep(groups, self._trouble)

    def _keep(self, groups: list[Group], trouble: JournalFailed) -> None:
        self._refuse([each for each in groups if each.is_promise], trouble)
        self._held += [each for each in groups if not each.is_promise]

    def _refuse(self, groups: list[Group], why: JournalFailed) -> None:
        for group in groups:
            self._end(group, why.worded(why.message))

    def _end(self, group: Group, outcome: Stored | JournalFailed | KeyTaken) -> None:
        self._outcomes.append((group.future, outcome))
        self._records += len(group.records)

    def _do(self, chore: Chore) -> None:
        outcome: Any
        try:
            outcome = chore.work(self._shelf)
        except (sqlite3.Error, OSError) as error:
            outcome = worded(error, self._path)
        except Exception as error:  # whoever gave the chore gets its fault
            outcome = error
        self._outcomes.append((chore.future, outcome))

    def _tidy(self) -> None:
        """An idle moment: see that the file is where it was, and copy what the log holds into it."""
        try:
            self._shelf.look()
            if self._unsettled >= SETTLE:
                self._shelf.checkpoint()
                self._unsettled = 0
        except (sqlite3.Error, OSError, JournalFailed) as error:
            self._fail([], error)

    def _give_up(self, error: BaseException) -> None:
        """A fault of ours, or the interpreter's end: nobody may be left waiting."""
        self._trouble = JournalFailed(f"The journal's writer ended by a fault: {error!r}.", hint=IbmuxError.hint)
        self._trouble.__cause__ = error
        ended = {future for future, _ in self._outcomes}
        self._refuse([each for each in (*self._held, *self._at_hand) if each.future not in ended], self._trouble)
        self._outcomes.append((self.ended, self._trouble))

    def left(self) -> list[Group | Chore]:
        """What nobody will do any more, once `ended` is done."""
        items: list[Group | Chore] = []
        with suppress(Empty):
            while True:
                if (item := self.queue.get_nowait()) is not None:
                    items.append(item)
        return items

    def _report(self) -> None:
        """One call into the loop for all that happened in this turn."""
        if not self._outcomes and self._trouble is self._told:
            return
        last = self._shelf.last if self._outcomes and hasattr(self, "_shelf") else -1
        report = Report(self._outcomes, last, self._trouble, self._records, self._seconds)
        self._outcomes, self._records, self._seconds, self._told = [], 0, [], self._trouble
        with suppress(RuntimeError):  # the loop has ended without `close`: there is nobody to tell
            self._loop.call_soon_threadsafe(self._tell, report)
