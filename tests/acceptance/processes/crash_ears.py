"""How a trader hears what becomes of its orders, each event once, over restarts of the proxy and of itself.

`Ear` listens to the topics and asks `replay` by itself, as a program in any language would; `ClientEar` has it done by
the Python client and its handlers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from crash_diary import Diary
from crash_waiting import until

import ibmux
from ibmux import topics
from ibmux.errors import IbmuxError
from ibmux.messages import decode
from ibmux.messages.trades import DONE
from ibmux.messages.trading import FillEvent, OrderEvent
from ibmux.mqtt.client import Link
from ibmux.mqtt.message import Message

FINAL = DONE - {"Inactive"}
PATIENCE = 3.0
"""Seconds to wait for an answer, and for news of an order before it is asked about."""
PAGE = 40


class Heard:
    """What was heard.

    Attributes:
        over: keys of orders that have ended.
        doubtful: keys of orders that may have: one that never came is told as `Inactive`, too.
        news: set by every event.
    """

    def __init__(self, diary: Diary) -> None:
        self.diary = diary
        self.over: set[str] = set()
        self.doubtful: set[str] = set()
        self.news = asyncio.Event()

    def status(self, key: str, status: str) -> None:
        """An order has this state now."""
        if status in FINAL:
            self.over.add(key)
        elif status == "Inactive":
            self.doubtful.add(key)
        self.news.set()


class Ear(Heard):
    """Hears every event of one script exactly once: live ones, and by `replay` what was missed."""

    def __init__(self, url: str, ib: ibmux.IB, diary: Diary) -> None:
        super().__init__(diary)
        self.ib = ib
        self._hole = asyncio.Event()
        self._link = Link(url, client_id=f"{ib.script}.ear.{ib.instance}", username=ib.script, on_connect=self._again)
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect and listen; may be tried again.

        Raises:
            IbmuxError: no proxy answers.
        """
        if not self._link.connected:
            await self._link.start()
        for topic in (topics.order_event, topics.fill_event):
            kind = OrderEvent if topic is topics.order_event else FillEvent
            await self._link.subscribe(topic(self.ib.gateway, self.ib.script), self._reader(kind), qos=1)
        self._hole.set()
        self._task = asyncio.create_task(self._fill_holes())

    async def close(self) -> None:
        """Hear no more."""
        await self._link.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _again(self, _session_present: bool) -> None:
        self._hole.set()

    def _reader(self, kind: type[Any]) -> Callable[[Message], None]:
        def take(message: Message) -> None:
            event = decode(message.payload, kind)
            if event.seq == 0 or event.seq <= self.diary.seq:
                return  # comes again with its number; came already
            if event.prev == 0 or event.prev > self.diary.seq:
                self._hole.set()
                return
            self.note(event, replayed=False)

        return take

    def note(self, event: Any, *, replayed: bool) -> None:
        """Write an event down: with its number it is heard, without it was not."""
        known: dict[str, Any] = {"seq": event.seq, "key": event.key, "replayed": replayed}
        if isinstance(event, OrderEvent):
            status = event.trade.orderStatus
            self.diary.write("order", status=status.status, filled=status.filled, code=event.code, **known)
            self.status(event.key, status.status)
        else:
            execution = event.fill.execution
            self.diary.write(event.event, execId=execution.execId, shares=execution.shares, **known)
        self.news.set()

    async def _fill_holes(self) -> None:
        while True:
            await self._hole.wait()
            self._hole.clear()
            try:
                await self.catch_up()
            except IbmuxError:
                await asyncio.sleep(0.1)
                self._hole.set()

    async def catch_up(self) -> None:
        """Ask for everything above the highest number.

        Raises:
            IbmuxError: not all of it came.
        """
        more, since = True, self.diary.seq
        while more:
            page = await self.ib.call("replay", PATIENCE, since=since, limit=PAGE)
            for each in page.events:
                event = each.order or each.fill
                if event.seq > self.diary.seq:
                    self.note(event, replayed=True)
            more, since = page.more, page.seq


class ClientEar(Heard):
    """Handlers of the Python client, which was connected with the diary's number."""

    def __init__(self, ib: ibmux.IB, diary: Diary) -> None:
        super().__init__(diary)
        self.ib = ib
        ib.execDetailsEvent += lambda trade, fill: self._note("fill", trade, fill)
        ib.commissionReportEvent += lambda trade, fill, report: self._note("commission", trade, fill)
        ib.orderStatusEvent += self._note_status

    async def open(self) -> None:
        """The client listens already."""

    async def close(self) -> None:
        """The client will be closed."""

    def _note(self, kind: str, trade: Any, fill: Any) -> None:
        execution = fill.execution
        self.diary.write(kind, key=trade.key, execId=execution.execId, shares=execution.shares, seq=self.ib.lastSeq)
        self.news.set()

    def _note_status(self, trade: Any) -> None:
        status = trade.orderStatus
        self.diary.write("status", key=trade.key, status=status.status, filled=status.filled, seq=self.ib.lastSeq)
        self.status(trade.key, status.status)

    async def catch_up(self) -> None:
        """Wait until the client has told everything that the journal has.

        Raises:
            IbmuxError: the journal cannot be read now.
        """
        last = max((event.seq for event in await self.ib.replay(self.ib.lastSeq)), default=0)
        await until(lambda: self.ib.lastSeq >= last, "the client tells what the journal has", 10 * PATIENCE)
