"""Orders: placed under a key, alone or as a unit, and reported only when the gateway has spoken.

What a message of the gateway changes is decided in `core.orderbook`; changes of orders are `orderchanges`' work.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ibmux.core import recovery, reference
from ibmux.core.entry import Entry
from ibmux.core.limits import check_terms
from ibmux.errors import (
    IbmuxError,
    KeyConflict,
    NotYourOrder,
    OrderNotFound,
    OrderUnknown,
    RequestError,
)
from ibmux.messages.orders import Order
from ibmux.messages.trades import OrderState, Trade
from ibmux.messages.trading import OrderStatusRequest, OrderTicket, PlaceOrder, PlaceOrders, WhatIfOrder
from ibmux.services.caller import Caller, Handler
from ibmux.services.orderfeed import OrderFeed
from ibmux.services.sending import Desk, Draft, make_key

if TYPE_CHECKING:
    from ibmux.session import Session

UNDO_PATIENCE = 2.0
"""Seconds to wait for the end of a failed unit's other legs."""


class Orders:
    """New orders of one gateway."""

    def __init__(self, session: Session, feed: OrderFeed, desk: Desk) -> None:
        self.session = session
        self.feed = feed
        self.book = feed.book
        self.desk = desk

    def handlers(self) -> dict[str, Handler]:
        """Which function answers which method."""
        return {
            "placeOrder": self.place,
            "placeOrders": self.place_unit,
            "whatIfOrder": self.what_if,
            "orderStatus": self.status,
        }

    # -- placing

    async def place(self, caller: Caller, request: PlaceOrder) -> Trade:
        """Send one order and wait for the gateway's word on it."""
        ticket = OrderTicket(request.contract, request.order, request.key, request.parentKey)
        draft = self._draft(caller, ticket, 0)
        [(entry, new)] = await self.desk.enter(caller, [draft])
        if new:
            await self._send(caller, entry, draft)
        await self.feed.answered(caller, entry, held=not entry.trade.order.transmit)
        return await self.feed.verdict(caller, entry)

    async def place_unit(self, caller: Caller, request: PlaceOrders) -> list[Trade]:
        """Send legs together. If one fails, the others are cancelled, and the error says what became of them."""
        drafts = [self._draft(caller, ticket, number) for number, ticket in enumerate(request.tickets)]
        keys = [draft.key for draft in drafts]
        if len(set(keys)) < len(keys):
            raise KeyConflict(f"Two legs have the same key: {', '.join(keys)}.")
        entered = await self.desk.enter(caller, drafts)
        fresh = [entry for entry, new in entered if new]
        try:
            for (entry, new), draft in zip(entered, drafts, strict=True):
                if new:
                    await self._send(caller, entry, draft)
            await self._unit_answered(caller, [entry for entry, _ in entered])
            return [await self.feed.verdict(caller, entry) for entry, _ in entered]
        except IbmuxError as error:
            raise await self._undo(caller, [entry for entry, _ in entered], fresh, error) from error
        finally:
            self.desk.release(fresh)

    async def _unit_answered(self, caller: Caller, entries: list[Entry]) -> None:
        """Wait until every leg has its answer, or one was refused.

        A leg that is not transmitted is answered when another one of its family transmits it: those are asked first,
        and by then the family has its numbers.
        """
        told = [entry for entry in entries if entry.trade.order.transmit]
        for entry in (*told, *(each for each in entries if each not in told)):
            is_held = entry not in told and _family(entry) not in map(_family, told)
            await self.feed.answered(caller, entry, held=is_held)
            entry.acknowledged = entry.acknowledged or recovery.was_taken(entry, entries)
            if entry.refused:
                return

    def _draft(self, caller: Caller, ticket: OrderTicket, number: int) -> Draft:
        """The ticket with its key, if it can be meant.

        Raises:
            RequestError, KeyConflict, NotYourOrder, OrderNotFound: nothing is sent.
        """
        key = ticket.key or make_key(self.book, caller, number)
        if not reference.fits(key):
            raise RequestError(f"The key {key!r} holds the mark of an order.", outcome="not_sent")
        if self.book.same(caller.script, key, ticket.contract, ticket.order) is None:
            self._check_parent(caller, ticket)
            self._check_group(caller, ticket.order)
        order = replace(ticket.order, orderId=0, clientId=self.session.client_id, permId=0)
        return Draft(key, ticket.contract, order, ticket.parentKey, made=not ticket.key)

    def _check_parent(self, caller: Caller, ticket: OrderTicket) -> None:
        """A leg transmits its whole family: it may hang only on an order of its own script."""
        if ticket.order.parentId and not ticket.parentKey:
            parent = self.feed.find(caller.script, "", ticket.order.parentId, 0)
            if parent.script != caller.script and caller.role != "admin":
                raise NotYourOrder(f"The parent order belongs to {parent.script}.")

    def _check_group(self, caller: Caller, order: Order) -> None:
        """A fill of one cancels its whole group: who may not cancel others' orders may not join their group either."""
        if order.ocaGroup and caller.role != "admin":
            for each in self.book.working():
                if each.trade.order.ocaGroup == order.ocaGroup and each.script != caller.script:
                    raise NotYourOrder(f"The group {order.ocaGroup!r} has an order of {each.script}.")

    async def _send(self, caller: Caller, entry: Entry, draft: Draft) -> None:
        """Send when it is the order's turn."""

        def prepare(order_id: int) -> Order:
            return self.desk.number(caller, entry, draft, order_id, self._parent_id(caller, draft))

        await self.desk.send(
            entry,
            self.session.place_order(draft.contract, prepare, deadline=caller.deadline, script=caller.script),
        )

    def _parent_id(self, caller: Caller, draft: Draft) -> int:
        """The parent's address. A leg whose parent has none yet would stand alone: it must not be sent.

        Raises:
            OrderNotFound: there is no such parent, or it was not sent.
        """
        if not draft.parentKey:
            return draft.order.parentId
        parent = self.book.find(caller.script, draft.parentKey)
        if parent is None or not parent.trade.order.orderId or parent.address[0] != self.session.client_id:
            raise OrderNotFound(f"There is no order with the key {draft.parentKey!r} to be the parent.")
        return parent.trade.order.orderId

    async def _undo(self, caller: Caller, legs: list[Entry], fresh: list[Entry], error: IbmuxError) -> IbmuxError:
        """Cancel what a failed unit has sent; the error, with what became of it. Legs of before stay as they are."""
        sent = [entry for entry in legs if not (entry.unsent or entry.waiting)]
        if not sent:
            return error
        doomed = [each for each in fresh if each in sent and not (each.done or recovery.protects(each, sent))]
        for entry in doomed:
            entry.doomed = True  # if the connection breaks now, after the next one
        first = [each for each in doomed if not recovery.hangs(each, sent)]
        await self._cancel_legs(caller, first)
        rest = [each for each in doomed if each not in first and not recovery.hangs(each, sent)]
        rest = [each for each in rest if not recovery.protects(each, sent)]
        await self._until_ended(caller, rest)  # with what they hang on, by the gateway itself
        await self._cancel_legs(caller, rest)
        kept = [each for each in sent if recovery.protects(each, sent)]
        for entry in kept:
            entry.doomed = False
        told = ", ".join(f"{entry.key} ({entry.trade.orderStatus.status})" for entry in sent)
        fate = error.fate if error.fate != "not_sent" else "rejected"
        but = " but for what protects a filled leg" if kept else ""
        text = f"{error.message} The unit was cancelled{but}; its legs that were sent: {told}."
        return error.worded(text, fate if recovery.may_cancel(sent) and all(each.done for each in sent) else "unknown")

    async def _cancel_legs(self, caller: Caller, legs: list[Entry]) -> None:
        for entry in legs:
            if not entry.done:
                self.session.post_cancel(entry.trade.order.orderId)
        await self._until_ended(caller, legs)

    async def _until_ended(self, caller: Caller, legs: list[Entry]) -> None:
        await asyncio.gather(*(self._ended(caller, entry) for entry in legs if not entry.done))

    async def _ended(self, caller: Caller, entry: Entry) -> None:
        with suppress(OrderUnknown):
            await self.feed.wait(caller, entry, lambda _: entry.done, patience=UNDO_PATIENCE)

    # -- questions

    async def what_if(self, caller: Caller, request: WhatIfOrder) -> OrderState:
        """Margin and commission, without an order."""
        order = replace(request.order, orderId=0, clientId=self.session.client_id, permId=0, whatIf=False)
        check_terms(order)
        return await self.session.what_if(request.contract, order, deadline=caller.deadline, script=caller.script)

    async def status(self, caller: Caller, request: OrderStatusRequest) -> Trade:
        """One order as it stands."""
        script = request.script or caller.script
        return (await self.desk.recovery.find(script, request.key, request.orderId, request.permId)).trade


def _family(entry: Entry) -> int:
    """The number of the order that a leg hangs on, or its own."""
    return entry.trade.order.parentId or entry.trade.order.orderId
