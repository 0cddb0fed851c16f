"""What the gateway says of orders: into the book, on to the outbox, and to the requests that wait for it."""

from __future__ import annotations

import asyncio
import datetime as dt
import math
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ibmux.core.entry import Change, Entry, describe
from ibmux.core.orderbook import OrderBook
from ibmux.errors import OrderNotFound, OrderNotSent, OrderRejected, OrderUnknown
from ibmux.messages.contracts import Contract
from ibmux.messages.orders import Order
from ibmux.messages.trades import CommissionReport, Fill, OrderState, OrderStatus, Trade
from ibmux.services.caller import Caller
from ibmux.services.outbox import Outbox

REASON_PATIENCE = 1.0
"""Seconds to wait for the reason of a refusal after the order became inactive."""
Settled = Callable[[Change], bool]
"""Says whether a message is the one that was waited for."""


class OrderFeed:
    """The book of one gateway, its events, and who waits for them."""

    def __init__(self, book: OrderBook, outbox: Outbox) -> None:
        self.book = book
        self.outbox = outbox
        self.watch: Callable[[Change], None] = lambda change: None
        """Hears of every piece of news, and of orders that were not sent."""
        self._waiters: defaultdict[Entry, list[tuple[Settled, asyncio.Future[Change]]]] = defaultdict(list)

    # -- updates

    def saw_order(self, contract: Contract, order: Order, state: OrderState) -> None:
        """An openOrder message."""
        self._apply(self.book.saw_order(contract, order, state, utc_now()))

    def saw_status(self, status: OrderStatus) -> None:
        """An orderStatus message."""
        self._apply(self.book.saw_status(status, utc_now()))

    def saw_completed(self, trade: Trade) -> None:
        """A finished order of the first download. A broker may still have its state, of before a restart."""
        self._apply(self.book.saw_completed(trade, utc_now()))
        if trade.script:
            self.outbox.show(trade.script, trade.key, trade)

    def saw_error(self, order_id: int, code: int, message: str, _advanced: str) -> None:
        """An error message about an order."""
        self._apply(self.book.saw_error(order_id, code, message, utc_now()))

    def saw_execution(self, fill: Fill) -> None:
        """An execDetails message."""
        self._apply(self.book.saw_execution(fill))

    def saw_commission(self, report: CommissionReport) -> None:
        """A commissionReport message."""
        self._apply(self.book.saw_commission(report))

    def _apply(self, changes: list[Change]) -> None:
        for change in changes:
            if change.news:
                self.watch(change)
                self.outbox.tell(change)
            if change.entry is not None:
                self._settle(change.entry, change)

    def announce(self) -> None:
        """Publish the state of every open order again: a broker may have lost what it retained."""
        for entry in self.book.working():
            self.outbox.show(entry.script, entry.key, entry.trade)

    def sent(self, entry: Entry) -> None:
        """An order was handed to the socket."""
        self.outbox.tell(Change(entry, "order"), "sent")

    def forget(self, entry: Entry, status: str = "Inactive") -> None:
        """An order was certainly not sent: nobody need wait for it."""
        self.outbox.unsent(entry)
        if not entry.unsent:
            self.book.forget(entry, status)
            self.watch(Change(entry, "order"))
            self._settle(entry, Change(entry, "order"))

    def end_unsent(self, entry: Entry, message: str) -> None:
        """The gateway never got an order."""
        change = self.book.end_unsent(entry, utc_now(), message)
        self.watch(change)
        self.outbox.tell(change, "unsent")
        self._settle(entry, change)

    def end_unseen(self, entry: Entry, message: str) -> None:
        """An order works no more, and nothing tells why."""
        self._apply([self.book.end_unseen(entry, utc_now(), message)])

    def lose(self, entry: Entry) -> None:
        """Another client's order has ended, and the gateway did not tell us how: it is not known any more."""
        self.book.index.drop(entry)
        self.outbox.lose(entry)

    def find(self, script: str, key: str, order_id: int, perm_id: int) -> Entry:
        """An order by the key of its script, by permId, or by orderId.

        Raises:
            OrderNotFound: there is none.
        """
        entry = self.book.find(script, key, order_id, perm_id)
        if entry is None:
            name = f"key {key!r}" if key else f"permId {perm_id}" if perm_id else f"orderId {order_id}"
            raise OrderNotFound(f"{script} has no order with the {name}.")
        return entry

    # -- waiting

    async def wait(
        self, caller: Caller, entry: Entry, settled: Settled, send: Any = None, *, patience: float = math.inf
    ) -> Change:
        """Send (if there is something to send) and wait for the message that settles it, at most `patience` seconds.

        Raises:
            OrderUnknown: the deadline passed without a word from the gateway.
        """
        future: asyncio.Future[Change] = asyncio.get_running_loop().create_future()
        waiter = (settled, future)
        self._waiters[entry].append(waiter)
        try:
            if send is not None:
                await send
            left = caller.deadline - asyncio.get_running_loop().time()
            return await asyncio.wait_for(future, min(patience, max(0.0, left)))
        except TimeoutError:
            what = describe(entry.trade.contract, entry.trade.order)
            raise OrderUnknown(f"{what} (key {entry.key!r}): the gateway has not answered in time.") from None
        finally:
            self._waiters[entry].remove(waiter)
            if not self._waiters[entry]:
                del self._waiters[entry]

    async def answered(self, caller: Caller, entry: Entry, *, held: bool = False) -> None:
        """Wait until the gateway took or refused an order. One that it only holds has no answer to wait for.

        Raises:
            OrderUnknown: the deadline passed first.
        """
        if not (entry.acknowledged or entry.done or held):
            await self.wait(caller, entry, lambda _: entry.acknowledged or entry.done)

    async def verdict(self, caller: Caller, entry: Entry) -> Trade:
        """The order as it stands, unless it was refused: the error that says why follows within moments, or never.

        Raises:
            OrderRejected: the gateway refused it.
            OrderNotSent: it never left the proxy.
        """
        what = describe(entry.trade.contract, entry.trade.order)
        if entry.unsent:
            raise OrderNotSent(f"{what} was not sent.")
        if entry.refused and entry.refusal is None:
            with suppress(OrderUnknown):
                told = REASON_PATIENCE
                await self.wait(caller, entry, lambda _: bool(entry.refusal) or not entry.refused, patience=told)
        if entry.refused:
            code, text = entry.refusal or (0, entry.trade.log[-1].message or "the gateway gave no reason.")
            raise OrderRejected(f"{what} was refused: {text}", ib=(code, text) if code else None)
        return entry.trade

    def _settle(self, entry: Entry, change: Change) -> None:
        for settled, future in self._waiters.get(entry, ()):
            if not future.done() and settled(change):
                future.set_result(change)


def utc_now() -> dt.datetime:
    """The present time, aware, in UTC."""
    return dt.datetime.now(dt.UTC)
