"""The life of accepted orders: released, triggered, filled in parts, cancelled by their group, ended.

Time passes through `advance` alone; every change is returned as events in sending order. Whether an order is accepted
is decided in `desk`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from heapq import heappop, heappush
from random import Random

from ibmux.sim import hours
from ibmux.sim.book import OrderBook
from ibmux.sim.events import Commission, Event, OrderError
from ibmux.sim.instants import instant_text
from ibmux.sim.market import Market
from ibmux.sim.matching import is_triggered, trade_price, trail, waits_for_trigger
from ibmux.sim.money import ZERO
from ibmux.sim.orders import (
    API_CANCELLED,
    CANCELLED,
    FILLED,
    INACTIVE,
    OVER,
    PENDING_CANCEL,
    PRE_SUBMITTED,
    SUBMITTED,
    BookOrder,
)
from ibmux.sim.teller import Teller
from ibmux.sim.terms import WorldSettings

REDUCES = frozenset({2, 3})  # ocaType: 1 cancels the others at the first fill, 2 and 3 reduce them in proportion
CANCEL_TEXT = "Order Canceled - reason:"
AT_ONCE = frozenset({"IOC", "FOK"})


class Floor:
    """Works the orders of a book against the market."""

    def __init__(self, book: OrderBook, market: Market, teller: Teller, terms: WorldSettings) -> None:
        self._book, self._market, self._teller, self._terms = book, market, teller, terms
        self._random = Random(f"{terms.seed}:floor")
        self._late: list[tuple[float, int, Event]] = []
        self._late_count = 0

    def release(self, order: BookOrder, now: float) -> list[Event]:
        """Let an accepted order begin to work, wait for its parent, its trigger or the opening of its market."""
        order.accepted = now
        order.slices = self._random.randint(2, 4) if self._random.random() < self._terms.partial_share else 1
        parent = self._book.parent(order)
        if parent is not None and parent.status != FILLED:
            order.waiting = True
            order.status = PRE_SUBMITTED
            order.whyHeld = "child,trigger" if waits_for_trigger(order) else "child"
            return [*order.snapshot(), *order.snapshot()]
        return self._start(order, now)

    def _start(self, order: BookOrder, now: float) -> list[Event]:
        order.waiting, order.whyHeld, order.status = False, "", PRE_SUBMITTED
        if not self._is_open(order, now):
            order.waiting = True
            return [self._closed_warning(order, now), *order.snapshot()]
        if waits_for_trigger(order):
            order.whyHeld = "trigger"
            return [*order.snapshot(), *order.snapshot()]
        return self._work(order, now)

    def _work(self, order: BookOrder, now: float) -> list[Event]:
        events: list[Event] = [*order.snapshot()]
        if order.spec.tif in AT_ONCE:
            return events + self._try_at_once(order, now)
        if order.spec.auction:
            order.due = now + self._terms.moc_delay
        elif order.spec.orderType == "MKT":
            order.due = now + self._terms.fill_delay
            return events
        order.status = SUBMITTED
        return [*events, *order.snapshot(), *order.snapshot()]

    def resume(self, order: BookOrder, now: float) -> list[Event]:
        """Let a changed order work on under its new terms."""
        if not order.waiting:
            armed = waits_for_trigger(order)
            order.status, order.whyHeld = (PRE_SUBMITTED, "trigger") if armed else (SUBMITTED, "")
            order.due = now + self._terms.moc_delay if order.spec.auction else None
        return [*order.snapshot(), *order.snapshot()]

    def _is_open(self, order: BookOrder, now: float) -> bool:
        return self._terms.always_open or hours.is_open(order.details.venue, now, not order.spec.outsideRth)

    @staticmethod
    def _closed_warning(order: BookOrder, now: float) -> OrderError:
        contract, details = order.contract, order.details
        opening = instant_text(hours.next_open(details.venue, now, not order.spec.outsideRth), details.timeZoneId)
        text = (
            f"Order Message:\n{order.spec.action} {order.total} {contract.symbol} {details.marketName}\n"
            f"Warning: your order will not be placed at the exchange until {opening}"
        )
        return OrderError(order.clientId, order.orderId, 399, text)

    def _try_at_once(self, order: BookOrder, now: float) -> list[Event]:
        """Immediate-or-cancel fills or dies without error 202; a refused fill-or-kill becomes inactive."""
        price = trade_price(order, self._market.quote(order.contract.conId))
        if price is not None:
            return self.fill(order, order.remaining, price, now)
        if order.spec.tif == "FOK":
            return self.end(order, INACTIVE, now, "Order could not be filled at once")
        order.status = PENDING_CANCEL
        return [*order.snapshot(), *self.end(order, CANCELLED, now, "Order could not be filled at once", error=False)]

    def advance(self, now: float) -> list[Event]:
        """Everything that has happened up to `now`: triggers, fills, lapsed orders, late commission reports."""
        events: list[Event] = []
        while self._late and self._late[0][0] <= now:
            events.append(heappop(self._late)[2])
        for order in self._book.open():
            if not order.held and not order.over:
                events += self._advance_order(order, now)
        return events

    def next_due(self) -> float | None:
        """The earliest instant at which something is known to happen; None if all depends on prices."""
        times = [order.due for order in self._book.open() if order.due is not None]
        times += [self._late[0][0]] if self._late else []
        return min(times, default=None)

    def _advance_order(self, order: BookOrder, now: float) -> list[Event]:
        if order.expires is not None and now >= order.expires:
            return self.cancel(order, now)
        if order.waiting:
            parent = self._book.parent(order)
            ready = parent is None or parent.status == FILLED
            return self._start(order, now) if ready and self._is_open(order, now) else []
        if not self._is_open(order, now):
            return []
        if waits_for_trigger(order):
            return self._watch(order, now)
        return self._try_fill(order, now)

    def _watch(self, order: BookOrder, now: float) -> list[Event]:
        quote = self._market.quote(order.contract.conId)
        if order.spec.orderType.startswith("TRAIL"):
            order.stop = trail(order, quote)
        if not is_triggered(order, quote):
            return []
        order.triggered, order.whyHeld, order.status = True, "", SUBMITTED
        order.due = now + self._terms.fill_delay
        return [*order.snapshot()]

    def _try_fill(self, order: BookOrder, now: float) -> list[Event]:
        if order.due is not None and now < order.due:
            return []
        price = trade_price(order, self._market.quote(order.contract.conId))
        if price is None:
            missed = order.spec.auction and order.due is not None
            order.due = None
            return self.cancel(order, now) if missed else []
        if order.due is None:
            order.due = now + self._terms.fill_delay
            return []
        order.due = now + self._terms.fill_delay
        return self.fill(order, self._slice(order), price, now)

    def _slice(self, order: BookOrder) -> Decimal:
        """How much fills now: an equal whole part of what remains, everything in the last slice."""
        left, parts = order.remaining, order.slices
        order.slices = max(1, parts - 1)
        whole = left // parts if parts > 1 else left
        return whole if whole > 0 else left

    def fill(self, order: BookOrder, quantity: Decimal, price: float, now: float) -> list[Event]:
        """Fill part or all of an order: its messages, then what follows for its group and its children."""
        execution, report, change = self._teller.fill(order, quantity, price, now)
        order.status = FILLED if order.remaining <= ZERO else SUBMITTED
        status, again = _before_fee(order, report), order.snapshot()
        early = self._random.random() < self._terms.status_first
        told: list[Event] = [*status, execution] if early else [execution, *status]
        told += [*again, *self._later(report, now), change]
        if order.status == FILLED:
            self._book.close(order, now, "")
        return told + self._settle_group(order, quantity, now) + self._start_children(order, now)

    def _later(self, report: Event, now: float) -> list[Event]:
        if not self._terms.fee_delay:
            return [report]
        self._late_count += 1
        heappush(self._late, (now + self._terms.fee_delay, self._late_count, report))
        return []

    def _settle_group(self, order: BookOrder, quantity: Decimal, now: float) -> list[Event]:
        """One cancels all: the others of the group shrink by what filled, and end when nothing remains of them."""
        events: list[Event] = []
        for other in self._book.group(order):
            if other.over:
                continue
            if other.ocaType in REDUCES and order.status != FILLED:
                other.total -= min(quantity, other.remaining)
                events += other.snapshot() if other.remaining > ZERO and not other.held else []
            if other.ocaType not in REDUCES or order.status == FILLED or other.remaining <= ZERO:
                events += self.end(other, CANCELLED, now, "Cancelled by its group")
        return events

    def _start_children(self, order: BookOrder, now: float) -> list[Event]:
        if order.status != FILLED:
            return []
        children = [child for child in self._book.children(order) if not child.held]
        return self._each(children, lambda child: self._start(child, now))

    def cancel(self, order: BookOrder, now: float) -> list[Event]:
        """Cancel an order with its children and its group: PendingCancel, then Cancelled and 202 for each."""
        order.status = PENDING_CANCEL
        events: list[Event] = [*order.snapshot()] if not order.held else []
        family = [*self._book.children(order), *self._book.group(order)]
        events += self.end(order, CANCELLED, now, "Cancelled by Trader")
        return events + self._each(family, lambda one: self.end(one, CANCELLED, now, "Cancelled by Trader"))

    def end(self, order: BookOrder, status: str, now: float, reason: str, error: bool = True) -> list[Event]:
        """End an order without a fill; `error`: with error 202 when it is cancelled."""
        if order.over:
            return []
        order.status = API_CANCELLED if order.held and status == CANCELLED else status
        order.due, order.whyHeld = None, ""
        self._book.close(order, now, reason)
        children = self._book.children(order)
        events: list[Event] = [order.open_order()] if status == INACTIVE else []
        events.append(order.order_status())
        if status == CANCELLED and error:
            events.append(OrderError(order.clientId, order.orderId, 202, CANCEL_TEXT))
        return events + self._each(children, lambda child: self.end(child, CANCELLED, now, reason))

    @staticmethod
    def _each(orders: list[BookOrder], act: Callable[[BookOrder], list[Event]]) -> list[Event]:
        return [event for order in orders if order.status not in OVER for event in act(order)]


def _before_fee(order: BookOrder, report: Commission) -> list[Event]:
    """The first pair of messages of a fill, sent before its commission is known."""
    charged = (order.commission or 0.0) - report.commission
    return [replace(order.open_order(), commission=round(charged, 2) or None), order.order_status()]
