"""Changes of orders that stand: modified and cancelled by those who may, and reported when the gateway has spoken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from msgspec.structs import replace

from ibmux.core import recovery, reference
from ibmux.core.codes import judge
from ibmux.core.entry import Change, Entry
from ibmux.core.risk import Ask
from ibmux.errors import NotYourOrder, OrderNotSent, OrderRejected, RequestError
from ibmux.messages.journal import Wish
from ibmux.messages.orders import Order
from ibmux.messages.trades import Trade
from ibmux.messages.trading import CancelOrder, ModifyOrder, ReqGlobalCancel
from ibmux.services.caller import Caller, Handler
from ibmux.services.orderfeed import OrderFeed
from ibmux.services.recovery import Recovery
from ibmux.services.risk import Risk
from ibmux.topics import EXTERNAL

if TYPE_CHECKING:
    from ibmux.session import Session

_REFUSED = frozenset({"refused", "change_refused"})
_TERMS = ("totalQuantity", "lmtPrice", "auxPrice", "trailingPercent")
"""What a gateway shows as it was asked for; other prices it fills in and moves by itself."""


class OrderChanges:
    """Changes of one gateway's orders."""

    def __init__(self, session: Session, feed: OrderFeed, recovery: Recovery, risk: Risk) -> None:
        self.session = session
        self.feed = feed
        self.recovery = recovery
        self.risk = risk
        self._locks: WeakKeyDictionary[Entry, asyncio.Lock] = WeakKeyDictionary()

    def handlers(self) -> dict[str, Handler]:
        """Which function answers which method."""
        return {
            "modifyOrder": self.modify,
            "cancelOrder": self.cancel,
            "reqGlobalCancel": self.cancel_everything,
        }

    # -- modifying

    async def modify(self, caller: Caller, request: ModifyOrder) -> Trade:
        """Change a working order and wait for the gateway's word on it; refused, the order works on as it was."""
        entry = await self.recovery.find(caller.script, request.key, request.order.orderId, request.order.permId)
        if entry.script != caller.script and caller.role != "admin":
            raise NotYourOrder(f"This order belongs to {entry.script}.")
        if entry.exercise:
            raise RequestError("The exercise of an option cannot be changed; cancel it.", outcome="not_sent")
        await self.session.until_ready(caller.ready_by)
        async with self._turn(caller, entry):
            held = not entry.trade.order.transmit and not entry.acknowledged
            await self.feed.answered(caller, entry, held=held and not entry.waiting)
            if entry.done:
                status = entry.trade.orderStatus.status
                raise RequestError(f"The order is {status}; it cannot be changed any more.", outcome="not_sent")
            self._check_reach(entry)
            return await self._send_change(caller, entry, request.order, held and not request.order.transmit)

    @asynccontextmanager
    async def _turn(self, caller: Caller, entry: Entry) -> AsyncIterator[None]:
        """One change of an order at a time: the gateway's answers do not say which change they are about."""
        lock = self._locks.setdefault(entry, asyncio.Lock())
        try:
            async with asyncio.timeout_at(caller.deadline):
                await lock.acquire()
        except TimeoutError:
            raise OrderNotSent("The gateway has not answered an earlier change of this order yet.") from None
        try:
            yield
        finally:
            lock.release()

    async def _send_change(self, caller: Caller, entry: Entry, wanted: Order, held: bool) -> Trade:
        known, trade = entry.trade.order, entry.trade
        order = replace(
            wanted, orderId=known.orderId, clientId=known.clientId, permId=known.permId, parentId=known.parentId
        )
        ask = Ask(entry.key, trade.contract, wanted, known=known, owner=entry.script)
        [worth] = await self.risk.check(caller, ask)
        marked = _marked(entry, order)
        await self._write_down(caller, entry, Wish(caller.script, marked, worth))
        sending = self.session.send_order(
            order.orderId,
            trade.contract,
            marked,
            check=lambda: self.risk.check_late(caller, ask),
            deadline=caller.deadline,
            script=caller.script,
        )
        if held:  # the gateway says nothing of it before it is transmitted
            await sending
            trade.order = order
            self.feed.outbox.tell(Change(entry, "order"))
            return trade
        change = await self.feed.wait(caller, entry, lambda change: _is_answer(change, entry, order), sending)
        if change.code and judge(change.code) in _REFUSED:
            raise OrderRejected(
                f"The change was refused: {change.message}",
                hint="The order works on unchanged; `orderStatus` shows it.",
                ib=(change.code, change.message),
            )
        if not _shows(trade.order, order):
            raise OrderRejected(
                f"The order was {trade.orderStatus.status} before the change took effect.",
                hint="The order ended under its old terms; `orderStatus` shows it.",
            )
        return trade

    async def _write_down(self, caller: Caller, entry: Entry, wish: Wish) -> None:
        try:
            await self.feed.outbox.want_change(entry, wish, deadline=caller.deadline)
        except TimeoutError:
            raise OrderNotSent("The disk did not take the change in time; the order works on as it was.") from None

    # -- cancelling

    async def cancel(self, caller: Caller, request: CancelOrder) -> Trade:
        """Cancel and wait for the confirmation. The reply's status says if the order was done before."""
        entry = await self.recovery.find(request.script or caller.script, request.key, request.orderId, request.permId)
        if entry.script != caller.script and caller.role not in ("cancel", "admin"):
            raise NotYourOrder(f"This order belongs to {entry.script}.")
        if entry.done:
            return entry.trade
        if entry.waiting:  # it has not left yet, and will not
            self.feed.forget(entry, "ApiCancelled")
            return entry.trade
        await self.session.until_ready(caller.ready_by)
        if entry.restored and not entry.trade.order.orderId:  # whether it came to the gateway is being looked for
            await self.feed.answered(caller, entry)
        if entry.done:
            return entry.trade
        self._check_reach(entry)
        self.feed.outbox.want_cancel(entry, caller.script)
        change = await self.feed.wait(
            caller,
            entry,
            lambda change: entry.done or judge(change.code) == "cancel_refused",
            self.session.send_cancel(
                entry.trade.order.orderId,
                request.manualCancelOrderTime,
                deadline=caller.deadline,
                script=caller.script,
            ),
        )
        if not entry.done:
            raise OrderRejected(
                f"The cancellation was refused: {change.message}",
                hint="The order may still be working; `orderStatus` shows it.",
                outcome="none",
                ib=(change.code, change.message),
            )
        return entry.trade

    async def cancel_everything(self, caller: Caller, _request: ReqGlobalCancel) -> bool:
        """Cancel every order of the login; each confirmation comes as an order event."""
        self.feed.outbox.note("global cancel", caller.script)
        await self.session.global_cancel(deadline=caller.deadline, script=caller.script)
        return True

    def _check_reach(self, entry: Entry) -> None:
        """Whether a working order can be addressed: an orderId under another clientId than ours is another order.

        Raises:
            NotReady: the connection broke, and with it went what is known of the login.
            NotYourOrder: it is out of reach.
        """
        if self.session.state != "ready":
            raise self.session.not_ready()
        client, number = entry.address
        if client != self.session.client_id or not number:
            raise NotYourOrder(
                f"This order was placed under clientId {client}, and only there can it be changed or cancelled.",
                hint="Change it where it was placed, or in TWS; `reqGlobalCancel` cancels it too.",
            )
        if not recovery.is_of(entry, self.session.accounts):
            raise NotYourOrder(
                f"This order was placed under another login; the gateway's is that of {self.session.accounts}.",
                hint="Log the gateway in as it was then.",
            )


def _marked(entry: Entry, order: Order) -> Order:
    """The order as it is sent; one that no script of ours placed keeps its orderRef as it is."""
    if entry.script == EXTERNAL:
        return order
    return replace(order, orderRef=reference.write(order.orderRef, entry.script, entry.key))


def _is_answer(change: Change, entry: Entry, wanted: Order) -> bool:
    """Whether a message answers a modification: it shows the new terms, refuses them, or ends the order."""
    if change.code and judge(change.code) in _REFUSED:
        return True
    return entry.done or (change.shown and _shows(entry.trade.order, wanted))


def _shows(shown: Order, wanted: Order) -> bool:
    """Whether an order has the terms that were asked for; what was left open is the gateway's to fill in."""
    if _spelt(shown.orderType) != _spelt(wanted.orderType):
        return False
    return all(getattr(wanted, name) in (None, 0, getattr(shown, name)) for name in _TERMS)


def _spelt(order_type: str) -> str:
    """`STP LMT` and `STPLMT` are the same to a gateway."""
    return order_type.replace(" ", "").upper()
