"""The journal as the proxy has it: hand records over, wait until they are durable, read them again.

One writer thread, one reader thread; nothing here blocks the loop. What is sent when is the services' to decide.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self, TypeVar

from ibmux.errors import Busy, JournalFailed
from ibmux.journal import pruning
from ibmux.journal.ledger import Standing
from ibmux.journal.reading import ALL, PAGE, Filter, Reader
from ibmux.journal.records import PROMISES, Record, Stored
from ibmux.journal.storing import Shelf
from ibmux.journal.writer import PROBE, Chore, Group, Report, Writer

ROOM = 4096
"""Records that may wait before intents and changes are refused (`Busy`)."""
RESERVE = 65_536
"""Records that may wait before anything is refused: what the gateway told cannot be asked to come later."""
CLOSING = 30.0
"""Seconds for the disk to take what waits when the journal is closed."""

T = TypeVar("T")
Copy = Callable[[float, int], Awaitable[pruning.Copied]]
"""Makes one slice safe elsewhere, before it is deleted here."""


class Journal:
    """The durable record of orders in one file, which this process alone writes; also an asynchronous context manager.

    A failure to write ends intents and changes with `JournalFailed` at once: nothing of them may be sent. All other
    records happened already: they wait, in their order, and become durable when the disk can take them again.

    `prune`, called once a day (`keeping`), keeps the file as small as its retention allows; what it deletes can go into
    archives before (`rotating`).

    Args:
        path: the file; its folder is made if there is none.
        clock: gives the time of records that have none, seconds UTC.
        on_trouble: called in the loop with what went wrong, once for each cause, and with `None` when writing is
            possible (again).
        on_written: called in the loop with the seconds that a transaction took, until it was on the disk.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.time,
        on_trouble: Callable[[JournalFailed | None], None] | None = None,
        on_written: Callable[[float], None] | None = None,
    ) -> None:
        self.path = path
        self.last_seq, self.oldest, self.waiting = 0, 1, 0
        self.left_at = 0.0  # time of the last record that it had when it was opened, seconds UTC; 0: it had none
        self.trouble: JournalFailed | None = JournalFailed(f"The journal {path} is not open.")
        self._clock, self._on_trouble, self._on_written = clock, on_trouble, on_written
        self._writer: Writer | None = None
        self._reader: Reader | None = None
        self._reading = ThreadPoolExecutor(1, "ibmux-journal-reader")

    def __repr__(self) -> str:
        state = "healthy" if self.healthy else f"in trouble: {self.trouble and self.trouble.message}"
        return f"<Journal {self.path}: {self.last_seq} records, {self.waiting} waiting, {state}>"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def healthy(self) -> bool:
        """Whether the last attempt to write succeeded. After a failure one is made every `PROBE` seconds."""
        return self.trouble is None

    def size(self) -> int:
        """Bytes of the file and its log; 0 if they cannot be looked at."""
        return sum(_size(self.path.with_name(f"{self.path.name}{end}")) for end in ("", "-wal"))

    async def open(self) -> None:
        """Make or migrate the file, check it, and take it for this process.

        Raises:
            AlreadyRunning: another process writes it.
            JournalCorrupt: it is damaged, or another program's; nothing in it was changed.
            JournalFailed: it cannot be made or used.
        """
        if self._writer is not None:
            raise JournalFailed(f"The journal {self.path} is open already.")
        loop = asyncio.get_running_loop()
        self._reading = ThreadPoolExecutor(1, "ibmux-journal-reader")
        writer = self._writer = Writer(self.path, loop, self._hear)
        writer.start()
        try:
            self.last_seq = await writer.opened
            self._reader = await loop.run_in_executor(self._reading, Reader, self.path)
            self.oldest = await self._read(Reader.oldest)
            self.left_at = await self._read(Reader.last_time)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Write what waits, then let go of the file. What cannot be written ends with `JournalFailed`.

        Raises:
            JournalFailed: the disk did not take it in time.
        """
        if self._reader is not None:  # before the writer: whoever is last tidies up, and a reader cannot
            await self._read(Reader.close)
            self._reader = None
        self._reading.shutdown(wait=False)
        writer, self._writer = self._writer, None
        if writer is None:
            return
        writer.queue.put(None)
        try:
            await asyncio.wait_for(asyncio.shield(writer.ended), CLOSING)
        except TimeoutError:
            raise JournalFailed(f"The journal {self.path}: the disk took over {CLOSING:g} s to close it.") from None
        finally:
            self.trouble = JournalFailed(f"The journal {self.path} is closed.")

    def append(self, *records: Record) -> asyncio.Future[Stored]:
        """Hand records over, to be written in this order, all or none.

        The future gives the last sequence number, and that of each record, once they are on the disk. Cancelling it
        takes nothing back. Futures are done in the order of the calls, except for those that fail.

        The future fails with `KeyTaken` where an intent has the key of an order that is in the journal, in whatever
        state but `unsent`; only the writer knows for certain. Nothing of that call is written then.

        Raises:
            Busy: too much waits already.
            JournalFailed: the journal is closed; or it holds an intent or a change, and nothing can be written now.
        """
        if self._writer is None:
            raise self._refusal()
        promise = any(each.kind in PROMISES for each in records)
        if promise and self.trouble is not None:
            raise self._refusal()
        room = ROOM if promise else RESERVE
        if self.waiting + len(records) > room:
            raise Busy(
                f"The journal has {self.waiting} records to write; it takes {room}.",
                hint="The disk is slower than the orders: wait a moment.",
                retry_after=PROBE,
                outcome="not_sent",
            )
        future: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        self.waiting += len(records)
        self._writer.queue.put(Group(records, self._clock(), future, promise))
        return future

    async def settle(self, deadline: float) -> None:
        """Wait until all that was handed over before is on the disk, and can be read.

        Raises:
            JournalFailed: the disk takes nothing now, or did not by the deadline (the loop's time).
        """
        try:
            async with asyncio.timeout_at(deadline):
                await self._do(lambda _shelf: None)
        except TimeoutError:
            raise JournalFailed(f"The disk has not taken {self.waiting} records of the journal yet.") from None
        if self.waiting and self.trouble is not None:
            raise self._refusal()

    async def read(self, since: int = 0, limit: int = PAGE, wanted: Filter = ALL) -> list[Record]:
        """Up to `limit` durable records with numbers above `since`, oldest first.

        Raises:
            JournalFailed: the file cannot be read.
        """
        return await self._read(lambda reader: reader.records(since, limit, wanted))

    async def every(self, wanted: Filter, since: int = 0) -> list[Record]:
        """All durable records of a filter with numbers above `since`, oldest first: for one that matches few."""
        return await self._read(lambda reader: list(reader.every(wanted, since)))

    async def unfinished(self, gateway: str) -> list[Standing]:
        """The orders of which more may come, in the order of their last records."""
        return await self._read(lambda reader: reader.unfinished(gateway))

    async def find(self, gateway: str, script: str, key: str) -> Standing | None:
        """One order; `None` if the journal has none of this key."""
        return await self._read(lambda reader: reader.find(gateway, script, key))

    async def notes(self, gateway: str, statuses: Sequence[str] = (), limit: int = PAGE) -> list[Record]:
        """Up to `limit` notes of these statuses (none: of all), newest first."""
        return await self._read(lambda reader: reader.notes(gateway, statuses, limit))

    async def last_of_scripts(self, gateway: str) -> dict[str, int]:
        """Each script with the number of the last order, fill or commission that it was told of."""
        return await self._read(lambda reader: reader.last_of_scripts(gateway))

    async def highest_order_id(self, gateway: str) -> int:
        """The highest orderId that was ever written down for this gateway, also of what was pruned; 0 if none was."""
        return await self._read(lambda reader: reader.highest_order_id(gateway))

    async def prune(self, before: float, copy: Copy | None = None) -> int:
        """Delete finished orders whose last record is older than `before` (seconds UTC), whole, and old records that
        belong to no order; in small transactions, between which others are written. The number of records deleted.

        Args:
            before: seconds UTC.
            copy: called with `before` and where a slice begins, before it is deleted; only what is safe then goes.

        Raises:
            JournalFailed: the file cannot be written, or `copy` failed; what was not copied is all there.
        """
        await self._do(Shelf.look)  # what is copied is read by name: is it this very file?
        count = 0
        start: int | None = pruning.START
        while start is not None:
            deleted, start = await self._prune(before, start, copy)
            count += deleted
            if deleted:
                self.oldest = await self._read(Reader.oldest)
        return count

    async def _prune(self, before: float, start: int, copy: Copy | None) -> tuple[int, int | None]:
        copied = await copy(before, start) if copy is not None else None
        if copied is not None and not copied.seqs:  # the writer has nothing to do
            return 0, copied.next
        safe = copied.seqs if copied is not None else None
        return await self._do(lambda shelf: pruning.prune(shelf, before, start, safe))

    async def _do(self, work: Callable[[Shelf], T]) -> T:
        """Something on the writer's thread, after all that was handed over before."""
        if self._writer is None:
            raise self._refusal()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._writer.queue.put(Chore(work, future))
        return await future

    async def _read(self, work: Callable[[Reader], T]) -> T:
        reader = self._reader
        if reader is None:
            raise self._refusal()
        return await asyncio.get_running_loop().run_in_executor(self._reading, work, reader)

    def _refusal(self) -> JournalFailed:
        why = self.trouble or JournalFailed(f"The journal {self.path} is closed.")
        return why.worded(why.message)

    def _hear(self, report: Report) -> None:
        """In the loop: what the writer did."""
        self.waiting -= report.records
        self.last_seq = max(self.last_seq, report.last)
        changed = str(report.trouble) != str(self.trouble)
        self.trouble = report.trouble
        for future, outcome in report.outcomes:
            _settle(future, outcome)
        if self._writer is not None and self._writer.ended.done():
            self._bury(self._writer)
        if changed and self._on_trouble is not None:
            self._on_trouble(report.trouble)
        if report.seconds and self._on_written is not None:  # whoever waited for this goes first
            asyncio.get_running_loop().call_soon(self._tell_times, report.seconds, self._on_written)

    @staticmethod
    def _tell_times(times: Sequence[float], on_written: Callable[[float], None]) -> None:
        for seconds in times:
            on_written(seconds)

    def _bury(self, writer: Writer) -> None:
        """The thread is gone by a fault: what came too late for it fails, and so does all that would come."""
        why = self._refusal()
        writer.ended.exception()  # it is told as the trouble that there is
        self._writer = None
        for item in writer.left():
            self.waiting -= len(item.records) if isinstance(item, Group) else 0
            _settle(item.future, why)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _settle(future: asyncio.Future[Any], outcome: Any) -> None:
    if future.done():  # nobody waits for it any more
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
