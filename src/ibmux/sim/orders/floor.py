"""The life of accepted orders: released, triggered, adjusted, filled in parts, cancelled by their group, ended.

Time passes through `advance` alone; every change is returned as events in sending order. Whether an order is accepted
is decided in `desk`, what holds it back in `gates`, its price in `matching`; fills are told by `fills`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from random import Random

from ibmux.sim.accounts.accounts import Accounts
from ibmux.sim.accounts.money import ZERO
from ibmux.sim.events import Event, OrderError
from ibmux.sim.orders import combos, gates, groups, notices, timing
from ibmux.sim.orders.adjusting import is_reached
from ibmux.sim.orders.book import OrderBook
from ibmux.sim.orders.families import Families
from ibmux.sim.orders.fills import Fills
from ibmux.sim.orders.gates import Gates
from ibmux.sim.orders.matching import Book, is_triggered, snapped, trade_price, trail, trigger_price, waits_for_trigger
from ibmux.sim.orders.order import (
    API_CANCELLED,
    CANCELLED,
    FILLED,
    INACTIVE,
    MARKETABLE,
    OVER,
    PENDING_CANCEL,
    PRE_SUBMITTED,
    SNAPS,
    SUBMITTED,
    BookOrder,
)
from ibmux.sim.orders.teller import Teller
from ibmux.sim.prices.market import Market
from ibmux.sim.prices.quote import Quote
from ibmux.sim.terms import WorldSettings

CANCEL_TEXT = "Order Canceled - reason:"
AT_ONCE = frozenset({"IOC", "FOK"})
WHY_HELD = {gates.CONDITIONS: "trigger", gates.LOCATE: "locate"}


class Floor:
    """Works the orders of a book against the market."""

    def __init__(
        self, book: OrderBook, market: Market, accounts: Accounts, teller: Teller, terms: WorldSettings
    ) -> None:
        self._book, self._market, self._terms = book, market, terms
        self._gates = Gates(book, market, accounts, teller, terms)
        self._fills = Fills(market, teller, terms)
        self._families = Families(book, market)
        self._random = Random(f"{terms.seed}:floor")

    def release(self, order: BookOrder, now: float) -> list[Event]:
        """Let an accepted order begin to work, or wait for what holds it back."""
        order.accepted = now
        parts = self._random.randint(2, 4) if self._random.random() < self._terms.partial_share else 1
        order.slices = 1 if order.spec.auction or order.spec.allOrNone else parts
        self.date(order, now)
        parent = self._book.parent(order)
        if parent is not None and parent.status == FILLED:  # a hedge that comes after its parent's fill
            self._families.size_hedge(order, parent)
            if order.remaining <= ZERO:
                return [*order.snapshot(), *self.end(order, CANCELLED, now, "Nothing to hedge")]
        return notices.introduce(order, self._start(order, now))

    def date(self, order: BookOrder, now: float) -> None:
        """Work out when the order begins, lapses and meets its auction."""
        spec, details, always = order.spec, order.details, self._terms.always_open
        starts, expires = timing.starts_at(spec, details), timing.lapses_at(spec, details, now, always)
        order.starts = starts if isinstance(starts, float) else None
        order.expires = expires if isinstance(expires, float) else None
        order.auctionAt = None
        if spec.auction:
            order.auctionAt = now + self._terms.moc_delay if always else timing.auction_at(spec, details, now)

    def _start(self, order: BookOrder, now: float) -> list[Event]:
        """Begin to work, or begin to wait for the next gate."""
        order.gate = self._gates.holding(order, now)
        order.waiting, order.status = order.gate != gates.NONE, PRE_SUBMITTED
        order.whyHeld = WHY_HELD.get(order.gate, "")
        if order.gate == gates.PARENT:
            order.whyHeld = "child,trigger" if waits_for_trigger(order) else "child"
        if order.gate == gates.CLOSED:
            return [notices.closed(order, now), *order.snapshot()]
        if order.gate == gates.LOCATE:
            return [notices.short(order), *order.snapshot()]
        if order.waiting:
            return [*order.snapshot(), *order.snapshot()]
        if waits_for_trigger(order):
            order.whyHeld = "trigger"
            return [*order.snapshot(), *order.snapshot()]
        return self._work(order, now)

    def _work(self, order: BookOrder, now: float) -> list[Event]:
        events: list[Event] = [*order.snapshot()]
        if order.spec.orderType in SNAPS:
            order.pegged = snapped(order.spec, self._quote(order))
        if order.spec.tif in AT_ONCE:
            return events + self._try_at_once(order, now)
        if order.auctionAt is not None:
            order.due = order.auctionAt
        elif order.spec.orderType in MARKETABLE:
            order.due = now + self._terms.fill_delay
            return events
        order.status = SUBMITTED
        return [*events, *order.snapshot(), *order.snapshot()]

    def resume(self, order: BookOrder, now: float) -> list[Event]:
        """Let a changed order work on under its new terms."""
        self.date(order, now)
        order.rests = None
        order.pegged = snapped(order.spec, self._quote(order)) if order.spec.orderType in SNAPS else None
        if not order.waiting:
            armed = waits_for_trigger(order)
            order.status, order.whyHeld = (PRE_SUBMITTED, "trigger") if armed else (SUBMITTED, "")
            order.due = order.auctionAt
        return [*order.snapshot(), *order.snapshot()]

    def _quote(self, order: BookOrder) -> Book:
        if order.parts:
            return combos.quote(self._market, order.parts)
        return self._market.quote(order.contract.conId)

    def _try_at_once(self, order: BookOrder, now: float) -> list[Event]:
        """Immediate-or-cancel fills or dies without error 202; a refused fill-or-kill becomes inactive."""
        price = trade_price(order, self._quote(order))
        if price is not None:
            return self.fill(order, order.remaining, price, now)
        if order.spec.tif == "FOK":
            return self.end(order, INACTIVE, now, "Order could not be filled at once")
        order.status = PENDING_CANCEL
        return [*order.snapshot(), *self.end(order, CANCELLED, now, "Order could not be filled at once", error=False)]

    def advance(self, now: float) -> list[Event]:
        """Everything that has happened up to `now`: triggers, fills, lapsed orders, late commission reports."""
        events = self._fills.late(now)
        quotes: dict[int, Quote] = {}
        for order in self._book.open():
            if order.rests is not None and self._sleeps(order, order.rests, quotes, now):
                continue  # most orders rest most of the time: they have to cost next to nothing
            if not order.held and not order.over and not order.exercise:
                events += self._advance_order(order, now)
        return events

    def _sleeps(self, order: BookOrder, limit: float, quotes: dict[int, Quote], now: float) -> bool:
        """Whether a resting limit order has nothing to wake for; `quotes` are those looked at so far."""
        if order.expires is not None and now >= order.expires:
            return False
        conId = order.details.contract.conId
        quote = quotes.get(conId)
        if quote is None:
            quote = quotes[conId] = self._market.quote(conId)
        return quote.ask > limit if order.spec.sign > 0 else quote.bid < limit

    def next_due(self) -> float | None:
        """The earliest instant at which something is known to happen; None if all depends on prices."""
        times = [order.due for order in self._book.open() if order.due is not None]
        return min([*times, *self._fills.next_late()], default=None)

    def _advance_order(self, order: BookOrder, now: float) -> list[Event]:
        order.rests = None
        if order.expires is not None and now >= order.expires:
            return self.lapse(order, now)
        if order.waiting:
            gate = self._gates.holding(order, now)
            return [] if gate == order.gate else self._start(order, now)
        if not self._gates.is_open(order, now):
            return []
        if order.spec.conditionsCancelOrder and order.spec.conditions and self._gates.conditions_met(order, now):
            return self.cancel(order, now)
        if waits_for_trigger(order):
            return self._watch(order, now)
        return self._try_fill(order, now)

    def awaits_auction(self, order: BookOrder) -> bool:
        """Whether the order is for an auction that is still to come, so that its day has not ended."""
        return order.auctionAt is not None and not self._terms.always_open

    def lapse(self, order: BookOrder, now: float) -> list[Event]:
        """End an order whose time is over; one that is deactivated (DTC) stays with its client as inactive."""
        if order.spec.tif == "DTC":
            return self.end(order, INACTIVE, now, "Order expired")
        return self.cancel(order, now)

    def _watch(self, order: BookOrder, now: float) -> list[Event]:
        quote = self._quote(order)
        adjusted: list[Event] = []
        wanted = order.spec.adjustment
        if wanted is not None and is_reached(wanted, order.spec.sign, trigger_price(order, quote)):
            order.spec = replace(order.spec, **wanted.changes())  # type: ignore[arg-type]
            order.stop = order.spec.trailStopPrice
            adjusted = [*order.snapshot()]
        if order.spec.orderType.startswith("TRAIL"):
            order.stop = trail(order, quote)
        if not is_triggered(order, quote):
            return adjusted
        order.triggered, order.whyHeld, order.status = True, "", SUBMITTED
        order.due = now + self._terms.fill_delay
        return [*adjusted, *order.snapshot()]

    def _try_fill(self, order: BookOrder, now: float) -> list[Event]:
        if order.due is not None and now < order.due:
            return []
        if order.ocaGroup and groups.is_blocked(order, self._book.group(order)):
            return []
        price = self._price(order)
        if price is None:
            missed = order.auctionAt is not None
            order.due, order.rests = None, order.plain_limit
            return self.cancel(order, now) if missed else []
        if order.due is None:
            order.due = now + self._terms.fill_delay
            return []
        order.due = now + self._terms.fill_delay
        return self.fill(order, self._slice(order), price, now)

    def _price(self, order: BookOrder) -> float | None:
        limits = order.spec.legPrices
        if any(limit is not None for limit in limits) and not self._fills.legs_allow(order, limits):
            return None
        return trade_price(order, self._quote(order))

    def _slice(self, order: BookOrder) -> Decimal:
        """How much fills now: a component, what is displayed, or an equal whole part of what remains."""
        left, parts = order.remaining, order.slices
        if order.component is not None:
            return order.component.left
        if order.spec.displaySize:
            return min(left, Decimal(order.spec.displaySize))
        order.slices = max(1, parts - 1)
        whole = max(left // parts, Decimal(order.spec.minQty)) if parts > 1 else left
        return min(whole, left) if whole > 0 else left

    def fill(self, order: BookOrder, quantity: Decimal, price: float, now: float) -> list[Event]:
        """Fill part or all of an order: its messages, then what follows for its group and its family."""
        before = order.remaining
        working = order.component
        told = self._fills.fill(order, quantity, price, now)
        if order.status == FILLED:
            self._book.close(order, now, "")
        told += self._settle_group(order, quantity, before, now)
        profit = self._families.take_profit(order, working, quantity)
        if profit is not None:
            told += self.release(profit, now)
        return told + self._families.restore(order, quantity) + self._start_children(order, now)

    def _settle_group(self, order: BookOrder, quantity: Decimal, before: Decimal, now: float) -> list[Event]:
        """One cancels all: the others of the group shrink by what filled, and end when nothing remains of them."""
        events: list[Event] = []
        for other in self._book.group(order):
            if other.over:
                continue
            if other.ocaType in groups.REDUCING and order.status != FILLED:
                other.total = other.filled + groups.reduced(other, quantity, before)
                events += other.snapshot() if other.remaining > ZERO and not other.held else []
            if groups.ends(order, other):
                events += self.end(other, CANCELLED, now, "Cancelled by its group")
        return events

    def _start_children(self, order: BookOrder, now: float) -> list[Event]:
        if order.status != FILLED:
            return []
        children = [child for child in self._book.children(order) if not child.held]
        for child in children:
            self._families.size_hedge(child, order)
        empty = [child for child in children if child.remaining <= ZERO]
        ended = self._each(empty, lambda child: self.end(child, CANCELLED, now, "Nothing to hedge"))
        return ended + self._each(children, lambda child: self._start(child, now))

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
