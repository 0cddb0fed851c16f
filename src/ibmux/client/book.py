"""Every trade of one script: which order is which, and what has already been told. Knows nothing of requests or topics.

A fill is told exactly once. While numbered events are followed, that is by its own event, whatever shows it before:
so that what was told is what the last number says, also over a restart of the script.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import Any

from ibmux.client.events import Event, Owner
from ibmux.client.trades import Trade, find_fill, of_wire, take_log, take_order, take_report, take_status
from ibmux.messages import trades as wire
from ibmux.messages.orders import Order
from ibmux.messages.trades import EPOCH, Fill, OrderStatus, put_fill
from ibmux.messages.trading import FillEvent, OrderEvent

FIRST_LOCAL = 1_000_000_001
"""The first order id of this client's own making: far above a gateway's, so that the two are never mistaken."""
KEPT = 10_000
"""Finished trades that are remembered; the oldest go first."""


class Book:
    """The trades of one script, by key, by permId, by order object and by local order id."""

    def __init__(self, script: str, owner: Owner) -> None:
        self.newOrderEvent = Event("newOrderEvent", owner)
        self.orderModifyEvent = Event("orderModifyEvent", owner)
        self.cancelOrderEvent = Event("cancelOrderEvent", owner)
        self.openOrderEvent = Event("openOrderEvent", owner)
        self.orderStatusEvent = Event("orderStatusEvent", owner)
        self.execDetailsEvent = Event("execDetailsEvent", owner)
        self.commissionReportEvent = Event("commissionReportEvent", owner)
        self._script = script
        self._owner = owner
        self._by_key: dict[str, Trade] = {}
        self._by_perm: dict[int, Trade] = {}
        self._by_local: dict[int, Trade] = {}
        self._by_object: dict[int, tuple[Any, Trade]] = {}
        self.follows = False
        """Whether every fill will come as a numbered event; until then whatever shows it first tells it."""
        self._untold: set[str] = set()
        self._unlived: set[str] | None = None
        self._ids = itertools.count(FIRST_LOCAL)
        self._nonce = os.urandom(6).hex()

    def __iter__(self) -> Iterator[Trade]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    def next_id(self) -> int:
        """A local order id that was not given before."""
        return next(self._ids)

    def make_key(self, order_id: int) -> str:
        """A key for an order that the script gave none."""
        return f"{self._nonce}-{order_id}"

    def of_key(self, key: str) -> Trade | None:
        """The trade of this key."""
        return self._by_key.get(key)

    def of_order(self, order: Any) -> Trade | None:
        """The trade of an order object: by identity, else by permId, else by the local id."""
        held = self._by_object.get(id(order))
        if held is not None:
            return held[1]
        perm, local = int(getattr(order, "permId", 0) or 0), int(getattr(order, "orderId", 0) or 0)
        return self._by_perm.get(perm) if perm else self._by_local.get(local)

    def of_local(self, order_id: int) -> Trade | None:
        """The trade of a local order id."""
        return self._by_local.get(order_id)

    def open(self, contract: Any, order: Any, key: str, sent: Order) -> Trade:
        """Enter an order that is about to be placed; a key that is known gives its trade."""
        trade = self._by_key.get(key)
        if trade is None:
            trade = Trade(contract, order, key, self._script, self._owner)
            trade.sent = sent
            trade.orderStatus = OrderStatus(order.orderId, "PendingSubmit", remaining=sent.totalQuantity)
            trade.note("")
            self._enter(trade)
            self.newOrderEvent.emit(trade)
        self._by_object[id(order)] = (order, trade)
        self._by_local[order.orderId] = trade
        return trade

    def adopt(self, trade: Trade, contract: Any, order: Any, sent: Order) -> None:
        """The proxy took this order for one that it told of before, or under a key that was free again: from now on
        the script's own objects follow it.
        """
        if trade.sent is None or trade.sent != sent:
            trade.contract, trade.order, trade.sent = contract, order, sent

    def refuse(self, trade: Trade, message: str, code: int) -> None:
        """The order never came to work: finish the trade with the reason in its log."""
        if trade.orderStatus.status == "PendingSubmit":
            trade.orderStatus.status = "Inactive"
            trade.note(message, code)
            self._tell_status(trade)

    def forget(self, trade: Trade) -> None:
        """The order does not exist: it may be placed anew, under the same key."""
        self._by_key = {name: known for name, known in self._by_key.items() if known is not trade}
        self._by_perm = {number: known for number, known in self._by_perm.items() if known is not trade}
        self._by_local = {number: known for number, known in self._by_local.items() if known is not trade}
        self._by_object = {number: held for number, held in self._by_object.items() if held[1] is not trade}

    def merge(self, message: wire.Trade, live: bool = True, slim: bool = False) -> Trade:
        """Lay a trade of the proxy over ours and tell what is new.

        `live` false: a first sight of it is no news. `slim`: it is one of the past, without fills and most of its log.
        """
        if message.script not in ("", self._script):
            theirs = of_wire(message, self._owner)
            theirs.followed = False
            return theirs
        trade = self._by_key.get(message.key) or self._by_perm.get(message.order.permId)
        if trade is None:
            return self._first_sight(message, live)
        is_present = take_log(trade, message.log, slim)
        if is_present:
            take_order(trade, message.order)
        trade.key = trade.key or message.key
        trade.advancedError = message.advancedError or trade.advancedError
        self._index(trade)
        for fill in message.fills:
            self._take_fill(trade, fill)
        if is_present and take_status(trade, message.orderStatus):
            self._tell_status(trade)
        return trade

    def expect_past(self) -> None:
        """What is first seen from now on is told when its events of the past come, until `end_past`."""
        self._unlived = set()

    def end_past(self) -> None:
        """Every event of the past has come; fills that were seen and did not come yet may come later."""
        self._unlived = None

    def close(self, reason: str) -> None:
        """No more news will come: those who wait are told so."""
        for trade in self._by_key.values():
            trade.lose(reason)

    def take_event(self, event: OrderEvent, slim: bool = False) -> Trade:
        """Take one event of an order; `slim` if it is one of the past."""
        status = event.trade.orderStatus
        if status.status == "Filled" and not status.filled and event.key in self._by_key:
            status.status = ""  # the gateway's openOrder: its orderStatus follows, and says how much and at which price
        if self._unlived and event.key in self._unlived:
            self._unlived.remove(event.key)
            self._rewind(self._by_key[event.key])
        trade = self.merge(event.trade, slim=slim)
        if event.message and not event.trade.log:
            trade.note(event.message, event.code)
        return trade

    def take_fill_event(self, event: FillEvent) -> Trade:
        """Take one execution, or its commission."""
        fill = event.fill
        trade = self._by_key.get(event.key) or self._by_perm.get(fill.execution.permId)
        if trade is None:
            order = Order(permId=fill.execution.permId, orderRef=fill.execution.orderRef)
            trade = Trade(fill.contract, order, event.key, self._script, self._owner)
            self._enter(trade)
        self._take_fill(trade, fill, event.event)
        return trade

    def _first_sight(self, message: wire.Trade, live: bool) -> Trade:
        trade = of_wire(message, self._owner)
        trade.script = trade.script or self._script
        self._enter(trade)
        self._by_object[id(trade.order)] = (trade.order, trade)
        if self._unlived is not None and not live:
            self._unlived.add(trade.key)
        if live:
            self.openOrderEvent.emit(trade)
        for fill in trade.fills:
            self._show_fill(trade, fill, fill, (True, bool(fill.commissionReport.execId)), live)
        if live:
            self._tell_status(trade)
        return trade

    def _take_fill(self, trade: Trade, fill: Fill, event: str = "") -> None:
        """Lay a fill over what is known, and tell it if this is its own event, or if no events are followed."""
        known = find_fill(trade, fill.execution.execId)
        if known is None:
            is_news = put_fill(trade.fills, fill)  # not if it has been corrected
            news = is_news, bool(fill.commissionReport.execId)
        else:
            news = False, take_report(known, fill.commissionReport)
        if not event or not self.follows:
            self._show_fill(trade, known or fill, fill, news, True)
            return
        name, cost = fill.execution.execId, _commission_of(fill)
        if event == "fill":
            if self._is_untold(name) or news[0]:
                self._tell_fill(trade, known or fill)
            if news[1]:
                self._untold.add(cost)
        elif self._is_untold(cost) or news[1]:
            self._tell_commission(trade, known or fill, fill)

    def _show_fill(self, trade: Trade, known: Fill, fill: Fill, news: tuple[bool, bool], live: bool) -> None:
        """A fill, or its commission, was shown by something else than its own event."""
        if self.follows:
            names = fill.execution.execId, _commission_of(fill)
            self._untold.update(name for name, is_new in zip(names, news, strict=True) if is_new)
        elif live:
            if news[0]:
                self._tell_fill(trade, known)
            if news[1]:
                self._tell_commission(trade, known, fill)

    def _is_untold(self, name: str) -> bool:
        """Whether something that was shown is to be told now: once."""
        if name not in self._untold:
            return False
        self._untold.remove(name)
        return True

    @staticmethod
    def _rewind(trade: Trade) -> None:
        """The first event of the past of a trade that was seen as it stands now: it is lived through again."""
        trade.orderStatus = OrderStatus(trade.orderStatus.orderId, permId=trade.orderStatus.permId)
        trade.as_of = EPOCH

    def _tell_fill(self, trade: Trade, fill: Fill) -> None:
        trade.fillEvent.emit(trade, fill)
        self.execDetailsEvent.emit(trade, fill)

    def _tell_commission(self, trade: Trade, known: Fill, fill: Fill) -> None:
        trade.commissionReportEvent.emit(trade, known, fill.commissionReport)
        self.commissionReportEvent.emit(trade, known, fill.commissionReport)

    def _tell_status(self, trade: Trade) -> None:
        trade.wake()
        trade.statusEvent.emit(trade)
        self.orderStatusEvent.emit(trade)
        if trade.orderStatus.status == "Filled":
            trade.filledEvent.emit(trade)
        elif trade.orderStatus.status in ("Cancelled", "ApiCancelled"):
            trade.cancelledEvent.emit(trade)

    def _enter(self, trade: Trade) -> None:
        # A trade without a key is named by its permId, so that every trade of the script is in the table once.
        self._by_key[trade.key or f"permId {trade.order.permId}"] = trade
        self._index(trade)
        if len(self._by_key) > KEPT:
            self._forget_oldest()

    def _index(self, trade: Trade) -> None:
        if permId := trade.order.permId or trade.orderStatus.permId:
            self._by_perm[permId] = trade

    def _forget_oldest(self) -> None:
        oldest = next((trade for trade in self._by_key.values() if trade.isDone()), None)
        if oldest is not None:
            self.forget(oldest)


def _commission_of(fill: Fill) -> str:
    """The name of a fill's commission among what is untold."""
    return f"{fill.execution.execId} commission"
