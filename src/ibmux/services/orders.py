"""Orders: placed under a key, reported only when the gateway has spoken, guarded from other scripts.

What a message of the gateway changes is decided in `core.orderbook`; here orders are checked and sent.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ibmux.config import LimitSettings
from ibmux.core import reference
from ibmux.core.codes import judge
from ibmux.core.limits import check_order
from ibmux.core.orderbook import Change, Entry, describe
from ibmux.errors import (
    IbmuxError,
    KeyConflict,
    NotYourOrder,
    OrderNotFound,
    OrderRejected,
    OrderUnknown,
    RequestError,
)
from ibmux.messages.orders import Order, OrderState, Trade
from ibmux.messages.trading import (
    CancelOrder,
    ModifyOrder,
    OrderStatusRequest,
    OrderTicket,
    PlaceOrder,
    PlaceOrders,
    ReqGlobalCancel,
    WhatIfOrder,
)
from ibmux.services.caller import Caller, Handler
from ibmux.services.orderfeed import OrderFeed, utc_now

if TYPE_CHECKING:
    from ibmux.session import Session

REASON_PATIENCE = 1.0
"""Seconds to wait for the reason of a refusal after the order became inactive."""
_CHANGEABLE = ("totalQuantity", "lmtPrice", "auxPrice", "orderType", "trailStopPrice", "trailingPercent")


class Orders:
    """The orders of one gateway."""

    def __init__(self, session: Session, feed: OrderFeed, limits: LimitSettings) -> None:
        self.session = session
        self.feed = feed
        self.book = feed.book
        self.limits = limits

    def handlers(self) -> dict[str, Handler]:
        """Which function answers which method."""
        return {
            "placeOrder": self.place,
            "placeOrders": self.place_unit,
            "modifyOrder": self.modify,
            "cancelOrder": self.cancel,
            "whatIfOrder": self.what_if,
            "orderStatus": self.status,
            "reqGlobalCancel": self.cancel_everything,
        }

    # -- placing

    async def place(self, caller: Caller, request: PlaceOrder) -> Trade:
        """Send one order and wait for the gateway's word on it."""
        ticket = OrderTicket(request.contract, request.order, request.key, request.parentKey)
        entry = await self._submit(caller, ticket, 0)
        return await self._acknowledged(caller, entry)

    async def place_unit(self, caller: Caller, request: PlaceOrders) -> list[Trade]:
        """Send legs together. If one fails, the others are cancelled, and the error says so."""
        entries: list[Entry] = []
        try:
            for number, ticket in enumerate(request.tickets):
                entries.append(await self._submit(caller, ticket, number))
            return [await self._acknowledged(caller, entry) for entry in entries]
        except IbmuxError as error:
            undone = [entry.key for entry in entries if await self._take_back(caller, entry)]
            if undone:
                error.message += f" The other legs were cancelled: {', '.join(undone)}."
            raise

    async def _submit(self, caller: Caller, ticket: OrderTicket, number: int) -> Entry:
        """Enter the order under its key and send it, unless the key's order is there already."""
        key = ticket.key or self._make_key(caller, number)
        known = self.book.same(caller.script, key, ticket.contract, ticket.order)
        if known is not None:
            return known
        check_order(ticket.contract, ticket.order, self.limits)
        await self.session.until_ready(caller.deadline if caller.waits else 0.0)
        known = self.book.same(caller.script, key, ticket.contract, ticket.order)
        if known is not None:
            return known
        order = replace(ticket.order, orderId=0, clientId=self.session.client_id, permId=0)
        entry = self.book.place(caller.script, key, ticket.contract, order, utc_now())
        await self._send_new(caller, entry, ticket)
        return entry

    def _make_key(self, caller: Caller, number: int) -> str:
        """A key for an order that came without one: from its correlation data, so that no repeated message is a new
        order.

        Raises:
            RequestError: there is none to make it from.
            KeyConflict: correlation data that were used before: a repeated message, or a script that uses them twice.
        """
        if not caller.correlation:
            raise RequestError("An order needs a key, or correlation data of its own.", outcome="not_sent")
        key = f"{caller.instance}-{caller.correlation.hex()}-{number}"
        known = self.book.find(caller.script, key)
        if known is not None:
            raise KeyConflict(
                f"These correlation data were used before, for {describe(known.trade.contract, known.trade.order)} "
                f"({known.trade.orderStatus.status}); nothing was sent now.",
                hint=f"`orderStatus` with key {key!r} shows that order; give each order a key of its own.",
            )
        return key

    async def _send_new(self, caller: Caller, entry: Entry, ticket: OrderTicket) -> None:
        """Send when it is the order's turn. What certainly was not sent is forgotten, and its key is free again."""

        def prepare(order_id: int) -> Order:
            return self.book.assign(entry, order_id, self._parent_id(caller, ticket))

        try:
            await self.session.place_order(ticket.contract, prepare, deadline=caller.deadline, script=caller.script)
        except IbmuxError as error:
            if error.fate != "unknown":
                self.feed.forget(entry)
                error.message = f"{describe(ticket.contract, ticket.order)} was not sent: {error.message}"
            raise
        except asyncio.CancelledError:
            if not entry.trade.order.orderId:
                self.feed.forget(entry)
            raise
        self.feed.publish(Change(entry, "order"))

    def _parent_id(self, caller: Caller, ticket: OrderTicket) -> int:
        """The parent's address. A leg whose parent has none yet would stand alone: it must not be sent.

        Raises:
            OrderNotFound: there is no such parent, or it was not sent.
        """
        if not ticket.parentKey:
            return ticket.order.parentId
        parent = self.book.find(caller.script, ticket.parentKey)
        if parent is None or not parent.trade.order.orderId:
            raise OrderNotFound(f"There is no order with the key {ticket.parentKey!r} to be the parent.")
        return parent.trade.order.orderId

    async def _acknowledged(self, caller: Caller, entry: Entry) -> Trade:
        """Wait until the gateway took or refused the order. A held order (`transmit` false) has nothing to wait for."""
        held = not entry.trade.order.transmit and not entry.done
        if not (entry.acknowledged or entry.done or held):
            await self.feed.wait(caller, entry, lambda _: entry.acknowledged or entry.done)
        if entry.done and not entry.acknowledged:
            await self._refused(caller, entry)
        return entry.trade

    async def _refused(self, caller: Caller, entry: Entry) -> None:
        """The order is inactive: the error that says why follows within moments, or never.

        Raises:
            OrderRejected: always.
        """
        if entry.refusal is None:
            with suppress(OrderUnknown):
                await self.feed.wait(caller, entry, lambda _: entry.refusal is not None, patience=REASON_PATIENCE)
        code, text = entry.refusal or (0, entry.trade.log[-1].message or "the gateway gave no reason.")
        what = describe(entry.trade.contract, entry.trade.order)
        raise OrderRejected(f"{what} was refused: {text}", ib=(code, text) if code else None)

    async def _take_back(self, caller: Caller, entry: Entry) -> bool:
        """Cancel a leg whose unit failed, without waiting. Returns whether it had to be cancelled."""
        if entry.done or entry.refusal:
            return False
        try:
            await self.session.send_cancel(entry.trade.order.orderId, deadline=caller.deadline, script=caller.script)
        except IbmuxError:
            return False
        return True

    # -- changing

    async def modify(self, caller: Caller, request: ModifyOrder) -> Trade:
        """Change a working order and wait for the gateway's word on it; refused, the order works on as it was."""
        entry = self._own(caller, request.key, request.order.orderId, request.order.permId)
        if entry.done:
            raise RequestError(f"The order is {entry.trade.orderStatus.status}; it cannot be changed any more.")
        check_order(entry.trade.contract, request.order, self.limits)
        await self.session.until_ready(caller.deadline if caller.waits else 0.0)
        known = entry.trade.order
        order = replace(
            request.order, orderId=known.orderId, clientId=known.clientId, permId=known.permId, parentId=known.parentId
        )
        marked = replace(order, orderRef=reference.write(order.orderRef, entry.script, entry.key))
        change = await self.feed.wait(
            caller,
            entry,
            lambda change: _is_answer(change, entry, order),
            self.session.send_order(
                order.orderId, entry.trade.contract, marked, deadline=caller.deadline, script=caller.script
            ),
        )
        if change.code and judge(change.code) == "refused":
            raise OrderRejected(
                f"The change was refused: {change.message}",
                hint="The order works on unchanged; `orderStatus` shows it.",
                ib=(change.code, change.message),
            )
        return entry.trade

    async def cancel(self, caller: Caller, request: CancelOrder) -> Trade:
        """Cancel and wait for the confirmation. The reply's status says if the order was done before."""
        entry = self._any(caller, request)
        if entry.done:
            return entry.trade
        await self.session.until_ready(caller.deadline if caller.waits else 0.0)
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
        await self.session.global_cancel(deadline=caller.deadline, script=caller.script)
        return True

    # -- questions

    async def what_if(self, caller: Caller, request: WhatIfOrder) -> OrderState:
        """Margin and commission, without an order."""
        check_order(request.contract, request.order, self.limits)
        order = replace(request.order, orderId=0, clientId=self.session.client_id, permId=0)
        return await self.session.what_if(request.contract, order, deadline=caller.deadline, script=caller.script)

    def status(self, caller: Caller, request: OrderStatusRequest) -> Trade:
        """One order as it stands."""
        return self._find(request.script or caller.script, request.key, request.orderId, request.permId).trade

    def _find(self, script: str, key: str, order_id: int, perm_id: int) -> Entry:
        entry = self.book.find(script, key, order_id, perm_id)
        if entry is None:
            name = f"key {key!r}" if key else f"permId {perm_id}" if perm_id else f"orderId {order_id}"
            raise OrderNotFound(f"{script} has no order with the {name}.")
        return entry

    def _own(self, caller: Caller, key: str, order_id: int, perm_id: int) -> Entry:
        entry = self._find(caller.script, key, order_id, perm_id)
        if entry.script != caller.script and caller.role != "admin":
            raise NotYourOrder(f"This order belongs to {entry.script}.")
        return entry

    def _any(self, caller: Caller, request: CancelOrder) -> Entry:
        entry = self._find(request.script or caller.script, request.key, request.orderId, request.permId)
        if entry.script != caller.script and caller.role not in ("cancel", "admin"):
            raise NotYourOrder(f"This order belongs to {entry.script}.")
        if entry.address[0] != self.session.client_id:
            raise NotYourOrder(
                f"This order was placed under clientId {entry.address[0]}, and only there can it be cancelled.",
                hint="Cancel it where it was placed, in TWS, or with `reqGlobalCancel`.",
            )
        return entry


def _is_answer(change: Change, entry: Entry, wanted: Order) -> bool:
    """Whether a message answers a modification: it shows the new terms, refuses them, or ends the order."""
    if change.code:
        return judge(change.code) == "refused"
    shown = entry.trade.order
    return entry.done or all((getattr(shown, each) or 0) == (getattr(wanted, each) or 0) for each in _CHANGEABLE)
