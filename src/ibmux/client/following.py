"""Following one's own orders: every event is taken once and in order, whatever is lost on the way.

What was missed, during a loss, over a restart of the proxy or of the script, is asked of the journal by number
(`replay`). The base of `orders`. What an event changes is `book`'s to say, what its number means `cursor`'s.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import suppress

from msgspec import MsgspecError

from ibmux import topics
from ibmux.client.book import Book
from ibmux.client.connection import Identity
from ibmux.client.cursor import Cursor, Told, events_of
from ibmux.client.session import Session
from ibmux.errors import IbmuxError
from ibmux.messages import decode
from ibmux.messages.session import GatewayStatus
from ibmux.messages.trading import FillEvent, OrderEvent, ReplayPage
from ibmux.mqtt.message import Message

log = logging.getLogger("ibmux.client")

FIRST_SIGHT = 5.0
"""Seconds that connecting waits for the orders that stand already."""
PAGE = 500
"""Events to ask for at once."""
HELD = 10_000
"""Events that may wait for those before them; past it they are asked of the journal too."""
PAUSES = (1.0, 30.0)
"""Seconds between attempts to read the journal: the first pause, and the longest."""
REMEMBERED = 1_000
"""Errors of events without a number that are remembered, so that none is told again when it has one."""


class Following(Session):
    """The script's own orders and fills, as they become known.

    Attributes:
        lastSeq: the journal's number of the last event that was told: `connect(…, since=lastSeq)` goes on from there.
    """

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        self._book = Book(identity.script, self._owner)
        self._cursor = Cursor()
        self._looked = False
        self._holds = True
        self._resumed = identity.since is None
        self._waiting: dict[int, Told] = {}
        self._blind = False  # the journal could not be read: what comes is taken though something is missing
        self._lacking = False  # the journal could not tell everything that was missed
        self._due, self._tried = asyncio.Event(), asyncio.Event()
        self._mending: asyncio.Task[None] | None = None
        self._provisional: dict[tuple[float, str, int, str], None] = {}
        self._recoveries.append(self._catch_up)

    @property
    def lastSeq(self) -> int:
        """The journal's number of the last event that was told; 0 if none is known."""
        return max(0, self._cursor.seq)

    async def replay(self, since: int, *, all: bool = False, limit: int = 10_000) -> list[Told]:
        """Order events and fills of the past with numbers above `since`, in order, from the proxy's journal.

        Those of this script, or with `all` of everybody; `limit` at most. Nothing is told to handlers: the client
        catches up by itself.

        Raises:
            JournalFailed: the journal cannot be read now.
        """
        found: list[Told] = []
        more = True
        while more and len(found) < limit:
            asked = min(PAGE, limit - len(found))
            page: ReplayPage = await self._ask("replay", since=max(0, since), all=all, limit=asked)
            found += events_of(page)
            more, since = page.more and page.seq > since, page.seq
        return found

    # -- the beginning ----------------------------------------------------------------------------------------------

    def _topics(self) -> dict[str, Callable[[Message], None]]:
        orders, fills = topics.order_event(self.gateway, self.script), topics.fill_event(self.gateway, self.script)
        return {
            **super()._topics(),
            orders: lambda message: self._hear(decode(message.payload, OrderEvent)),
            fills: lambda message: self._hear(decode(message.payload, FillEvent)),
        }

    async def _listen(self) -> None:
        """Learn the journal's present number, then how the orders stand: what comes in between is told later."""
        await super()._listen()
        patience = min(FIRST_SIGHT, self._identity.timeout / 4)
        if self._identity.since is not None:
            self._cursor.restart(max(0, self._identity.since))
            self._book.expect_past()
            self._book.follows = True
        else:
            try:
                self._cursor.reach((await self._ask("replay", patience, since=-1)).seq)
                self._book.follows = True
            except IbmuxError as error:
                log.info("the journal's number is not known yet: %s", error)
        await self._first_look(patience)
        if self._identity.since is None:
            self._release(self._waiting if not self._cursor.known else ())

    async def _first_look(self, patience: float) -> None:
        if self._status is not None and self._status.state != "ready":
            self.statusEvent += self._look_when_ready
            return
        try:
            await self._look(patience)
        except IbmuxError as error:
            log.info("the orders that stand already are not known yet: %s", error)

    def _resume(self) -> None:
        """Tell what came since the number that `connect` was given; does so once."""
        if not self._resumed:
            self._resumed = True
            self._mend()

    def _look_when_ready(self, status: GatewayStatus) -> None:
        if status.state == "ready":
            self.statusEvent -= self._look_when_ready
            self._owner.spawn(self._look(), "first look at the orders")

    async def _look(self, timeout: float | None = None) -> None:
        """Learn how this script's orders stand. What a first look shows is no news; later ones tell what was missed."""
        live = self._looked
        for reply in await self._ask("trades", timeout):
            self._book.merge(reply, live=live)
        self._looked = True

    # -- what comes -------------------------------------------------------------------------------------------------

    def _hear(self, event: Told) -> None:
        """Take an event if it is the next one; let it wait for those that are missing before it."""
        place = self._cursor.place(event.seq, event.prev)
        if place == "known":
            return
        if place == "provisional":
            self._take(event)
        elif self._holds or (place == "hole" and not self._blind and self._cursor.known):
            self._hold(event)
        elif place == "next":
            self._cursor.reach(event.seq)
            self._take(event)
        else:
            self._cursor.leap(event.seq)
            self._take(event)

    def _hold(self, event: Told) -> None:
        if len(self._waiting) >= HELD:
            self._due.set()
        else:
            self._waiting[event.seq] = event
        if not self._holds:
            self._holds = True
            self._mend()

    def _take(self, event: Told, slim: bool = False) -> None:
        """Take an event; one that cannot be taken hinders no other."""
        try:
            if isinstance(event, FillEvent):
                self._book.take_fill_event(event)
            else:
                self._take_order_event(event, slim)
        except Exception:
            log.exception("event %d of order %r could not be taken", event.seq, event.key)
        self._touch()

    def _take_order_event(self, event: OrderEvent, slim: bool) -> None:
        trade = self._book.take_event(event, slim)
        if event.code and not self._is_repeated(event):
            self.errorEvent.emit(trade.order.orderId, event.code, event.message, trade.contract)

    def _is_repeated(self, event: OrderEvent) -> bool:
        """Whether an event was told before it had a number."""
        name = (event.time, event.key, event.code, event.message)
        if event.seq:
            return self._provisional.pop(name, self) is None
        self._provisional[name] = None
        if len(self._provisional) > REMEMBERED:
            del self._provisional[next(iter(self._provisional))]
        return False

    # -- what is missing --------------------------------------------------------------------------------------------

    async def _catch_up(self, _lost: float) -> None:
        """After a loss: first what the journal has, then how things stand, which also shows what it has not yet."""
        if self._resumed:  # else no handler is there yet: `_resume` will tell it all
            self._tried.clear()
            self._mend()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._tried.wait(), self._identity.request_timeout)
        if self._resumed or not self._looked:
            await self._look()

    def _mend(self) -> None:
        """Have the journal read, now if that was to be tried again later."""
        self._due.set()
        if self._mending is None or self._mending.done():
            self._mending = self._owner.spawn(self._keep_reading(), "replay of missed events")

    async def _keep_reading(self) -> None:
        """Read the journal until nothing is missing, with growing pauses where it cannot be read."""
        pause, longest = PAUSES
        while self._due.is_set():
            self._due.clear()
            asked_for = set(self._waiting)
            try:
                await self._read_journal()
            except (IbmuxError, MsgspecError) as error:
                log.warning("missed events of orders could not be read: %s", error)
                self._blind = self._lacking = True
                self._release(self._waiting)
                self._tried.set()
                if isinstance(error, IbmuxError) and error.retryable:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._due.wait(), pause)
                    self._due.set()
                    pause = min(2 * pause, longest)
                    continue
            else:
                self._blind = False
                self._release(asked_for)
            await self._look_if_lacking()
        self._tried.set()
        self._book.end_past()

    async def _read_journal(self) -> None:
        """Take what is missing, page by page."""
        more = True
        while more:
            since = self._cursor.seq
            page: ReplayPage = await self._ask("replay", since=since, limit=PAGE)
            if page.seq < since:
                log.warning("the proxy has another journal, that ends at %d: %d is not known there", page.seq, since)
                self._cursor.restart(page.seq)
                self._lacking = True
                return
            if self._cursor.known and page.oldest > since + 1:
                log.warning("events %d to %d are not in the journal any more", since + 1, page.oldest - 1)
                self._lacking = True
            for event in events_of(page):
                self._take_past(event)
            self._cursor.reach(page.seq)
            more = page.more and page.seq > since

    def _take_past(self, event: Told) -> None:
        """Take an event of the journal, unless it came by itself meanwhile."""
        if self._cursor.has(event.seq):
            return
        whole = self._waiting.pop(event.seq, None)
        self._cursor.reach(event.seq)
        self._take(whole or event, slim=whole is None)

    def _release(self, asked_for: Collection[int]) -> None:
        """Take what waited. Before an event that the journal was `asked_for` nothing is missing any more that it has;
        for another one with a hole before it the journal is read again.
        """
        waiting, self._waiting = self._waiting, {}
        for seq in sorted(waiting):
            event = waiting[seq]
            place = self._cursor.place(seq, event.prev)
            if place == "hole" and seq not in asked_for:
                self._waiting[seq] = event
            elif place != "known":
                advance = self._cursor.leap if self._blind else self._cursor.reach
                advance(seq)
                self._take(event)
        self._holds = bool(self._waiting)
        if self._waiting or self._due.is_set():
            self._mend()

    async def _look_if_lacking(self) -> None:
        """What the journal could not tell shows in how the orders stand."""
        if self._lacking:
            self._lacking = False
            self._book.follows = False  # no event of what is missing will come
            try:
                await self._look()
            except IbmuxError as error:
                log.warning("what was missed is not known: %s", error)
            finally:
                self._book.follows = self._cursor.known

    async def close(self) -> None:
        """Say goodbye and end everything; the proxy ends this client's leases, orders stay as they are."""
        self._book.close("the client was closed")
        await super().close()

    disconnect = close
