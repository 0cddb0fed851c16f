"""After a crash or a broken connection: what the journal knows is matched with what the gateway shows.

Nothing is ever sent again; an order that no list shows is looked for once more before anything is said of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from ibmux.core import recovery
from ibmux.core.entry import Entry, describe
from ibmux.core.steps import ACKNOWLEDGED
from ibmux.errors import IbmuxError
from ibmux.journal import Filter, Kind, Standing
from ibmux.messages import decode
from ibmux.messages.journal import Intent
from ibmux.messages.trades import Fill, OrderStatus, Trade, TradeLogEntry
from ibmux.messages.trading import FillEvent, OrderEvent
from ibmux.services.orderfeed import OrderFeed, utc_now
from ibmux.topics import EXTERNAL

if TYPE_CHECKING:
    from ibmux.session import Session

log = logging.getLogger(__name__)

CERTAIN = 5.0
"""Seconds between two looks: a gateway that has just started may show its orders a moment late."""
PAST: tuple[Kind, ...] = ("order", "fill", "commission")
"""Records that tell what became of an order."""
PATIENCE = 30.0
"""Seconds for the lists of the second look."""


class Recovery:
    """The orders of one gateway that were under way when something ended."""

    def __init__(self, session: Session, feed: OrderFeed) -> None:
        self.session = session
        self.feed = feed
        self.book = feed.book
        self.outbox = feed.outbox
        self._looked = asyncio.Event()

    # -- the proxy's start

    async def load(self) -> None:
        """Take what is unfinished from the journal into the book, and never give out an orderId twice.

        Raises:
            JournalFailed: the journal cannot be read.
        """
        journal, gateway = self.outbox.journal, self.outbox.gateway
        self.outbox.last = await journal.last_of_scripts(gateway)
        standings = await journal.unfinished(gateway)
        # Each intent without a number may have taken one that nobody wrote down.
        unnumbered = sum(not standing.orderId for standing in standings)
        self.session.raise_order_ids(await journal.highest_order_id(gateway) + unnumbered)
        for standing in standings:
            # Another client's are known when they are shown; of an order that was over before, only fills may be known.
            if _is_told_of(standing) and (standing.script != EXTERNAL or standing.orderId):
                await self._restore(standing)
        for entry in list(self.book):
            entry.doomed = entry.doomed or await self._is_half(entry)
        if standings:
            log.info("journal.loaded", extra={"gateway": gateway, "unfinished": len(standings)})

    async def recall(self, script: str, key: str) -> Entry | None:
        """An order by its key; one that was finished before the proxy started is back in the book from now on.

        Raises:
            JournalFailed: the journal cannot be read.
        """
        known = self.book.find(script, key) if key else None
        if known is not None and known.fingerprint:
            return known
        standing = await self.outbox.journal.find(self.outbox.gateway, script, key) if key else None
        return await self._revive(standing) or known

    async def find(self, script: str, key: str, order_id: int, perm_id: int) -> Entry:
        """An order by the key of its script, by permId, or by orderId.

        Raises:
            OrderNotFound: there is none, in the journal neither.
        """
        return await self.recall(script, key) or self.feed.find(script, key, order_id, perm_id)

    async def _revive(self, standing: Standing | None) -> Entry | None:
        """A finished order; whatever is not finished is in the book, unless it is being taken back just now."""
        if standing is None or not standing.finished or standing.state == "unsent":
            return None
        return await self._restore(standing)

    async def _restore(self, standing: Standing) -> Entry:
        """The order with its fills; whether the gateway ever took it is in the states that it went through."""
        wanted = Filter(gateway=standing.gateway, script=standing.script, key=standing.key, kinds=PAST)
        fills: dict[str, Fill] = {}
        taken = standing.script == EXTERNAL
        for record in await self.outbox.journal.every(wanted, standing.intentSeq):
            taken = taken or record.status in ACKNOWLEDGED
            if record.kind != "order":  # a commission comes with its fill, after it
                fills[record.execId] = decode(record.body, FillEvent).fill
        return self.book.restore(_entry(standing, taken or bool(fills)), fills.values())

    async def _is_half(self, entry: Entry) -> bool:
        """Whether a leg of its unit was declared unsent: then the unit must not live on. Legs that are finished come
        into the book, too: what they filled decides what may be cancelled.
        """
        half = False
        for key in entry.unit:
            if self.book.find(entry.script, key) is None:
                leg = await self.outbox.journal.find(self.outbox.gateway, entry.script, key)
                half = half or (leg is not None and leg.state == "unsent")
                await self._revive(leg)
        return half

    # -- the gateway's lists

    def begin_look(self) -> None:
        """The gateway begins to show its orders."""
        self.book.begin_look()

    def end_look(self, missing: Iterable[str]) -> None:
        """The gateway has shown what it has, but for the lists that are missing."""
        if not list(missing):
            self._looked.set()

    async def watch(self) -> None:
        """After each complete look see to what it did not show; until cancelled."""
        while True:
            await self._looked.wait()
            self._looked.clear()
            self._cancel_doomed()
            if any(entry.doomed for entry in self.book.working()):
                await asyncio.sleep(CERTAIN)
                self._cancel_doomed()
            while self._unseen() and not self._looked.is_set():
                await asyncio.sleep(CERTAIN)
                await self._look_again()

    def _unseen(self) -> list[Entry]:
        return recovery.unseen(self.book.working(), self.session.client_id, self.book.look, self.session.accounts)

    async def _look_again(self) -> None:
        """Ask for every list once more; what is in none of them is over, or never came."""
        missed, epoch = set(self._unseen()), self.session.epoch
        look = self.book.begin_look()
        deadline = asyncio.get_running_loop().time() + PATIENCE
        try:
            self.book.shown(await self.session.open_orders(deadline=deadline))
            for trade in await self.session.completed_orders(deadline=deadline):
                self.feed.saw_completed(trade)
            await self.session.executions(deadline=deadline)
        except IbmuxError as error:
            log.info("%s: the second look at the orders failed: %s", self.session.name, error.message)
            return
        if (self.session.state, self.session.epoch, self.book.look) == ("ready", epoch, look):
            self._conclude([entry for entry in self._unseen() if entry in missed])
            self._cancel_doomed()

    def _conclude(self, missed: list[Entry]) -> None:
        for entry in missed:
            entry.seen = self.book.look
            what = f"{describe(entry.trade.contract, entry.trade.order)} (key {entry.key!r} of {entry.script})"
            if not recovery.is_unsent(entry):
                log.warning("%s: %s: %s", self.session.name, what, recovery.IS_OVER)
                self.feed.end_unseen(entry, recovery.IS_OVER)
            elif entry.exercise:
                log.error("%s: %s: %s", self.session.name, what, recovery.CANNOT_TELL)
            else:
                log.warning("%s: %s: %s", self.session.name, what, recovery.NEVER_CAME)
                for leg in recovery.legs(self.book, entry):
                    leg.doomed = True
                self.feed.end_unsent(entry, recovery.NEVER_CAME)

    # -- units of which a leg is missing

    def _cancel_doomed(self) -> None:
        """Cancel what must not live on without its unit; what hangs on another leg when that one has ended."""
        doomed = [each for each in self.book.working() if each.doomed]
        for entry in [each for each in doomed if recovery.is_of(each, self.session.accounts)]:
            unit = [each for key in entry.unit if (each := self.book.find(entry.script, key)) is not None]
            entry.doomed = recovery.may_cancel(unit)  # if the connection breaks now, again after the next one
            if not entry.doomed:
                self._spare(entry, unit)
            elif not recovery.hangs(entry, unit):
                self._cancel(entry)

    def _spare(self, entry: Entry, unit: Collection[Entry]) -> None:
        came_whole = recovery.came_whole(entry, unit)
        self._tell(entry, recovery.CAME_WHOLE if came_whole else recovery.HALF_FILLED, is_bad=not came_whole)

    def _cancel(self, entry: Entry) -> None:
        self._tell(entry, recovery.HALF_SENT)
        number = entry.trade.order.orderId
        if number:
            self.outbox.want_cancel(entry, "ibmux")
            self.session.post_cancel(number)
        if recovery.is_held(entry):
            self.feed.end_unsent(entry, recovery.WAS_HELD)

    def _tell(self, entry: Entry, text: str, *, is_bad: bool = True) -> None:
        level = logging.ERROR if is_bad else logging.WARNING
        log.log(level, "%s: key %r of %s: %s", self.session.name, entry.key, entry.script, text)
        self.outbox.note(text, entry.script)


def _entry(standing: Standing, taken: bool) -> Entry:
    """An order as the journal knows it: as it was told last, else as it was meant."""
    intent = decode(standing.intent, Intent) if standing.intent else None
    if standing.body:
        event: OrderEvent = decode(standing.body, OrderEvent)
        trade = event.trade
    elif intent is not None:
        trade = _meant(standing, intent)
    else:
        raise ValueError(f"the journal has nothing of the order {standing.key!r} of {standing.script}")
    order = trade.order
    order.orderId = trade.orderStatus.orderId = standing.orderId or order.orderId
    order.permId = trade.orderStatus.permId = standing.permId or order.permId
    return Entry(
        standing.script,
        standing.key,
        trade,
        standing.fingerprint,
        acknowledged=taken,
        exercise=intent is not None and intent.exercise is not None,
        intended=intent is not None,
        restored=not taken,
        unit=tuple(intent.unit) if intent is not None else (),
        login=tuple(intent.login) if intent is not None else (),
    )


def _is_told_of(standing: Standing) -> bool:
    """Whether the journal has an order, and not its fills alone."""
    return bool(standing.body or standing.intent)


def _meant(standing: Standing, intent: Intent) -> Trade:
    status = OrderStatus(clientId=intent.order.clientId, status="PendingSubmit", remaining=intent.order.totalQuantity)
    log = [TradeLogEntry(utc_now(), "PendingSubmit", "written down before the proxy ended")]
    return Trade(intent.contract, intent.order, status, log=log, key=standing.key, script=standing.script)
