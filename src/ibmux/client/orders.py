"""Orders as ib_async's IB class names them: place, modify, cancel, wait for what becomes of them.

Every order has a key before it leaves, so that asking again after a loss never makes a second one. The base of
`reports`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from ibmux.client.book import FIRST_LOCAL, Book
from ibmux.client.connection import Identity
from ibmux.client.endings import has_reached, pending
from ibmux.client.following import Following
from ibmux.client.foreign import to_contract, to_order
from ibmux.client.trades import Trade
from ibmux.errors import IbmuxError, RequestError
from ibmux.messages.orders import Order
from ibmux.messages.trading import OrderTicket

O = TypeVar("O")  # noqa: E741 - an order of ibmux, ib_async or ib_insync


LOOK = 0.5
"""Seconds between two looks at another script's order that is waited for."""


class Numbers:
    """What scripts use of ib_async's `ib.client`: local order ids."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def getReqId(self) -> int:
        """An order id of this client that was not given before."""
        return self._book.next_id()


class Orders(Following):
    """Everything about orders.

    Events, as in ib_async: `newOrderEvent(trade)`, `orderModifyEvent(trade)`, `cancelOrderEvent(trade)`,
    `openOrderEvent(trade)`, `orderStatusEvent(trade)`, `execDetailsEvent(trade, fill)`,
    `commissionReportEvent(trade, fill, report)`.
    """

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        book = self._book
        self.client = Numbers(book)
        self.newOrderEvent, self.orderModifyEvent = book.newOrderEvent, book.orderModifyEvent
        self.cancelOrderEvent, self.openOrderEvent = book.cancelOrderEvent, book.openOrderEvent
        self.orderStatusEvent, self.execDetailsEvent = book.orderStatusEvent, book.execDetailsEvent
        self.commissionReportEvent = book.commissionReportEvent

    # -- placing ----------------------------------------------------------------------------------------------------

    async def placeOrder(
        self,
        contract: object,
        order: Any,
        key: str | None = None,
        *,
        parentKey: str = "",
        until: str = "",
        timeout: float | None = None,
    ) -> Trade:
        """Place an order; returns when the gateway acknowledged it. An order object that is working already is
        modified.

        `key` is the script's own name for the order: the same key with the same order gives the same trade, also
        after a restart of the script; without one the client makes it. With `until` (a status, such as `Filled`) it
        returns when the order has come that far, see `Trade.wait`. `timeout` in seconds, for both together; without
        one, the wait for a status ends with the order.

        Raises:
            OrderRejected: the gateway refused; nothing is working.
            OrderNotSent, NotReady, Forbidden, Unreachable: nothing left the proxy.
            OrderUnknown: no acknowledgement in time; ask `orderStatus(key)`.
            KeyConflict: the key belongs to a different order.
            OrderEnded, OrderPending: with `until`, it ended otherwise, or is not that far in time.
        """
        began = asyncio.get_running_loop().time()
        known = self._book.of_order(order)
        if known is not None and key in (None, ""):
            trade = await self.modifyOrder(order, timeout=timeout)
        else:
            trade = await self._place(contract, order, key, parentKey, timeout)
        if until:
            spent = asyncio.get_running_loop().time() - began
            await trade.wait(until, timeout=None if timeout is None else max(0.0, timeout - spent))
        return trade

    async def _place(
        self, contract: object, order: Any, key: str | None, parentKey: str, timeout: float | None
    ) -> Trade:
        ticket, trade, fresh = self._enter(contract, order, key, parentKey)
        with self._refusing([trade] if fresh else []):
            reply = await self._ask(
                "placeOrder",
                timeout,
                _key=ticket.key,
                contract=ticket.contract,
                order=ticket.order,
                key=ticket.key,
                parentKey=ticket.parentKey,
            )
        self._book.adopt(trade, contract, order, ticket.order)
        return self._book.merge(reply)

    async def waitFor(self, order: Any, *statuses: str, timeout: float | None = None) -> Trade:
        """Wait until an order, given as key, trade or order object, has come as far as one of these statuses (none:
        `Filled`); see `Trade.wait`, also for what it raises. Another script's order is looked at twice a second.

        Raises:
            OrderNotFound: there is no such order.
        """
        began = asyncio.get_running_loop().time()
        trade = order if isinstance(order, Trade) else self._book.of_order(order)
        if isinstance(order, str):
            trade = self._book.of_key(order)
        if trade is None:
            trade = self._book.merge(await self._ask("orderStatus", timeout, **self._name(order)))
        wanted = statuses or ("Filled",)
        while not (trade.followed or trade.isDone() or has_reached(trade, wanted)):
            if timeout is not None and asyncio.get_running_loop().time() - began >= timeout:
                raise pending(trade, wanted, timeout)
            await asyncio.sleep(LOOK)
            trade = self._book.merge(await self._ask("orderStatus", **self._name(trade)))
        return await trade.wait(*wanted, timeout=timeout)

    async def modifyOrder(self, order: Any, key: str | None = None, *, timeout: float | None = None) -> Trade:
        """Send an order (or a trade's order) again as it is now; returns when the gateway took the change.

        Raises:
            OrderRejected: the gateway refused the change; the order works on as it was.
            OrderNotFound: it is not working.
            OrderUnknown: no acknowledgement in time.
        """
        order = order.order if isinstance(order, Trade) else order
        trade = self._book.of_key(key) if key else self._book.of_order(order)
        if trade is not None and trade.isDone():
            raise RequestError(
                f"Order {trade.key!r} is finished ({trade.orderStatus.status}) and cannot be modified.",
                hint="Make a new order object for a new order.",
            )
        name, (fresh, _) = (trade.key if trade else key) or "", self._wire(order)
        if trade is not None:
            fresh.parentId = trade.orderStatus.parentId
        if not name:
            fresh.permId, fresh.orderId = int(order.permId), _gateway_id(order)
        if trade is not None:
            trade.note("Modify")
            trade.modifyEvent.emit(trade)
            self.orderModifyEvent.emit(trade)
        merged = self._book.merge(await self._ask("modifyOrder", timeout, _key=name, order=fresh, key=name))
        if merged.sent is not None:
            merged.sent = fresh
        return merged

    async def cancelOrder(self, order: Any, manualCancelOrderTime: str = "", *, timeout: float | None = None) -> Trade:
        """Cancel an order, given as order object, trade or key; returns when the gateway confirmed it or was too late.

        Raises:
            OrderNotFound, NotYourOrder, NotReady: nothing was cancelled.
            OrderUnknown: no confirmation in time.
        """
        trade = order if isinstance(order, Trade) else None
        if trade is None:
            trade = self._book.of_key(order) if isinstance(order, str) else self._book.of_order(order)
        if trade is not None and not trade.isDone():
            trade.cancelEvent.emit(trade)
            self.cancelOrderEvent.emit(trade)
        name = self._name(order if trade is None else trade)
        reply = await self._ask(
            "cancelOrder",
            timeout,
            _key=name.get("key") or str(name),
            manualCancelOrderTime=manualCancelOrderTime,
            **name,
        )
        return self._book.merge(reply)

    # -- what leaves ------------------------------------------------------------------------------------------------

    def _wire(self, order: Any) -> tuple[Order, str]:
        """The order as it is sent: without this client's own numbers; with the key of the order it hangs on."""
        fresh = to_order(order)
        parent = self._book.of_local(fresh.parentId) if fresh.parentId else None
        if parent is None and fresh.parentId >= FIRST_LOCAL:
            raise RequestError(
                f"The parent order {fresh.parentId} was not placed yet.", hint="Place the parent first, or all at once."
            )
        fresh.orderId = fresh.clientId = fresh.permId = 0
        if parent is not None:
            fresh.parentId = 0
        return fresh, parent.key if parent is not None else ""

    def _enter(
        self, contract: object, order: Any, key: str | None = None, parentKey: str = ""
    ) -> tuple[OrderTicket, Trade, bool]:
        """Give the order its number and key and enter its trade; the last value says whether the key is new."""
        target, (fresh, hangs_on) = to_contract(contract), self._wire(order)
        order.orderId = order.orderId or self._book.next_id()
        key = key or self._book.make_key(order.orderId)
        is_new = self._book.of_key(key) is None
        trade = self._book.open(contract, order, key, fresh)
        return OrderTicket(target, fresh, key, parentKey or hangs_on), trade, is_new

    @contextmanager
    def _refusing(self, trades: list[Trade]) -> Iterator[None]:
        """Whatever surely did not come to work is finished, with the reason in its log."""
        try:
            yield
        except IbmuxError as error:
            if error.fate != "unknown":
                for trade in trades:
                    self._book.refuse(trade, error.message, error.ib[0] if error.ib else 0)
                    if error.fate != "rejected":
                        self._book.forget(trade)
            raise

    def _name(self, what: Any) -> dict[str, Any]:
        """How the proxy finds an order that is given as key, trade or order object."""
        if isinstance(what, str):
            return {"key": what}
        trade = what if isinstance(what, Trade) else self._book.of_order(what)
        if trade is not None and trade.key:
            return {"key": trade.key, "script": "" if trade.script == self.script else trade.script}
        order = trade.order if trade is not None else what
        permId, orderId = int(getattr(order, "permId", 0)), _gateway_id(order)
        if not permId and not orderId:
            raise RequestError(f"{what!r} names no order.", hint="Pass an order that was placed, its trade or its key.")
        return {"permId": permId} if permId else {"orderId": orderId}


def _gateway_id(order: Any) -> int:
    """The order's id if it is the gateway's and not this client's own."""
    number = int(getattr(order, "orderId", 0) or 0)
    return number if number < FIRST_LOCAL else 0
