"""Where requests about orders arrive: placing, modifying, what-if, cancelling; accepted or refused, and what follows.

It owns the rules of transmission and families; checks are `admission`'s, what accepted orders then do the floor's, the
end of contracts `expiry`'s, and what can be made to go wrong `mishaps`'.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import inf

from ibmux.sim.accounts.accounts import Accounts
from ibmux.sim.accounts.advisor import Advisor
from ibmux.sim.catalogue.contracts import ContractDetails, Query, Refusal
from ibmux.sim.catalogue.universe import Universe
from ibmux.sim.events import Event, Execution, OpenOrder, OrderBound, OrderError
from ibmux.sim.orders import notices
from ibmux.sim.orders.admission import Admission, Subject, fitted
from ibmux.sim.orders.blotter import Blotter
from ibmux.sim.orders.book import OrderBook
from ibmux.sim.orders.efficiency import Efficiency
from ibmux.sim.orders.exercise import Exercise, ExerciseRequest
from ibmux.sim.orders.expiry import Expiry
from ibmux.sim.orders.floor import Floor
from ibmux.sim.orders.mishaps import Act, Snags
from ibmux.sim.orders.order import BY_HAND, FILLED, INACTIVE, PRE_SUBMITTED, BookOrder, OrderSpec
from ibmux.sim.orders.teller import Teller
from ibmux.sim.prices.market import Market
from ibmux.sim.terms import WorldSettings

PROCESSING = Refusal(2102, "Unable to modify this order as its still being processed.")


class OrderDesk(Snags, Blotter):
    """The gateway's order desk; what it can be asked and what can be made to go wrong at it are inherited.

    Every method returns the events that follow at once, in sending order; later ones come from `advance`.

    Attributes:
        auto_bind: orders placed by hand get a number of client 0 at once (reqAutoOpenOrders).
    """

    def __init__(
        self, universe: Universe, market: Market, accounts: Accounts, terms: WorldSettings, *, started: float
    ) -> None:
        Snags.__init__(self)
        Blotter.__init__(self, OrderBook(started), Teller(accounts, terms.seed, started), terms)
        self._universe, self._accounts = universe, accounts
        self._floor = Floor(self._book, market, accounts, self._teller, terms)
        self._admission = Admission(universe, market, accounts, self._book, terms)
        self._exercise = Exercise(self._book, market, accounts, self._teller, terms)
        self._expiry = Expiry(self._book, market, accounts, self._exercise)
        self._efficiency = Efficiency(terms.efficiency_ratio)
        self.auto_bind = False

    def use_advisor(self, advisor: Advisor) -> None:
        """Share an advisor's orders out by its groups as they are at the time."""
        self._admission.use_advisor(advisor)

    def next_id(self, clientId: int) -> int:
        """The number that the client's next order should have; it goes back only where that was switched on."""
        back, self._mishaps.rollback = self._mishaps.rollback, 0
        return max(1, self._book.next_id(clientId) - back)

    def place(self, spec: OrderSpec, query: Query, now: float) -> list[Event]:
        """Place an order, change one (same client and number), or answer a what-if.

        Nothing is returned for an order that is not to be transmitted yet; a refusal is an OrderError.
        """
        if self._mishaps.is_pending(spec.clientId, spec.orderId):
            return self._told([_error(spec, PROCESSING)], now)
        delay = self._mishaps.delay()
        until = -inf if delay is None else now + delay
        act = partial(self._place, spec, query, self._mishaps.take_hold())
        return [] if self._waits(spec.clientId, spec.orderId, act, until) else self._told(act(now), now)

    def _waits(self, clientId: int, orderId: int | None, act: Act, until: float = -inf) -> bool:
        return self._mishaps.queue(clientId, orderId, act, until)

    def _place(self, spec: OrderSpec, query: Query, hold: float | None, now: float) -> list[Event]:
        self._efficiency.requests += 0 if spec.whatIf else 1
        preset, spec = self._terms.tif_preset and not spec.tif, fitted(spec)
        self._mishaps.keep_back((spec.clientId, spec.orderId), hold, now)
        known = self._book.get(spec.clientId, spec.orderId)
        subject = self._admission.number(spec, known) or self._admission.subject(spec, query)
        if isinstance(subject, Refusal):
            return [_error(spec, subject)]
        refusal = self._admission.refuse(spec, subject, now)
        if known is not None:
            return [_error(spec, refusal)] if refusal else self._modify(known, spec, subject.details, now)
        awaited = None if spec.whatIf else self._mishaps.take_rejection()
        refusal = awaited or refusal or self._refuse_new(spec, subject.details, now)
        if refusal is not None:
            return self._refused(spec, subject, refusal, now)
        if spec.whatIf:
            return self._what_if(spec, subject)
        return self._take(spec, subject, now, preset)

    def _refuse_new(self, spec: OrderSpec, details: ContractDetails, now: float) -> Refusal | None:
        if spec.whatIf:
            return None
        return self._admission.refuse_new(spec, details, now) or self._efficiency.refuse()

    def _refused(self, spec: OrderSpec, subject: Subject, refusal: Refusal, now: float) -> list[Event]:
        """A validation error is an error alone; a rejection (201) uses up the number and leaves an inactive order."""
        if refusal.code != 201 or spec.whatIf:
            return [_error(spec, refusal)]
        order = self._new(spec, subject)
        self._book.add(order)
        order.permId = self._book.next_perm_id()
        return self._reject(order, refusal, now)

    def _new(self, spec: OrderSpec, subject: Subject) -> BookOrder:
        account = spec.account or self._accounts.names[0]
        order = BookOrder(spec, subject.details, account, self._admission.size(spec, subject.details))
        order.parts = subject.parts
        order.ocaGroup, order.ocaType = spec.ocaGroup, spec.ocaType or 3
        order.stop = spec.trailStopPrice
        self._admission.share_out(order)
        return order

    def _reject(self, order: BookOrder, refusal: Refusal, now: float) -> list[Event]:
        told = self._floor.end(order, INACTIVE, now, refusal.text)
        own, rest = told[:2], told[2:]  # openOrder and orderStatus of the order itself; the rest is about its children
        return [*own, OrderError(order.clientId, order.orderId, refusal.code, refusal.text), *own, *rest]

    def _take(self, spec: OrderSpec, subject: Subject, now: float, preset: bool) -> list[Event]:
        parent = self._book.get(spec.clientId, spec.parentId) if spec.parentId else None
        if spec.parentId and (parent is None or (parent.over and parent.status != FILLED)):
            return [_error(spec, Refusal(10006, "Missing parent order."))]
        order = self._new(spec, subject)
        self._book.add(order)
        order.held = True
        warnings: list[Event] = [notices.preset(order)] if preset else []
        return warnings + self._transmit(order, now) if spec.transmit else []

    def _transmit(self, order: BookOrder, now: float) -> list[Event]:
        """Transmit an order; the last child of a bracket brings its parent and its siblings along."""
        family = [order]
        parent = self._book.parent(order)
        if parent is not None and not parent.over:
            family = [parent, *self._book.children(parent)]
        events: list[Event] = []
        for member in family:
            if member.held and not member.over:
                events += self._accept(member, now)
        return events

    def _accept(self, order: BookOrder, now: float) -> list[Event]:
        order.held = False
        order.permId = self._book.next_perm_id()
        parent = self._book.parent(order)
        if parent is not None:
            order.parentPermId = parent.permId
            order.ocaGroup = order.ocaGroup or ("" if order.spec.hedgeType else str(parent.permId))
        refusal = self._admission.refuse_margin(order) if parent is None else None
        return self._reject(order, refusal, now) if refusal else self._floor.release(order, now)

    def _what_if(self, spec: OrderSpec, subject: Subject) -> list[Event]:
        """One openOrder with margin and commission; it uses up the number and a permId, and leaves nothing behind."""
        order = self._new(spec, subject)
        order.permId, order.status = self._book.next_perm_id(), PRE_SUBMITTED
        self._book.use_id(spec.clientId, spec.orderId)
        margin = self._admission.margin(order)
        return [OpenOrder(spec.clientId, order, PRE_SUBMITTED, margin.commission, margin)]

    def _modify(self, order: BookOrder, spec: OrderSpec, details: ContractDetails, now: float) -> list[Event]:
        refusal = self._admission.refuse_change(order, spec, details)
        if refusal is not None:
            return [_error(spec, refusal)]
        if self._mishaps.fork and not order.held:
            return self._take(spec, Subject(details, order.parts), now, preset=False)
        total = order.total
        if not spec.hedgeType:
            total = order.filled + self._admission.size(spec, details) if spec.cashQty else spec.totalQuantity
        poor = self._admission.refuse_larger(order, replace(order, spec=spec, total=total))
        if poor is not None:  # the order goes on as it was
            return [_error(spec, poor), *order.snapshot()]
        typed = spec.orderType == order.spec.orderType
        order.spec, order.stop, order.total = spec, spec.trailStopPrice, total
        if order.held:
            return self._transmit(order, now) if spec.transmit else []
        order.triggered = order.triggered and typed
        return self._floor.resume(order, now)

    def cancel(self, clientId: int, orderId: int, now: float) -> list[Event]:
        """Cancel an order: its own, or another client's where the settings allow; else 10147 (10148 if it is over)."""
        act = partial(self._cancel, clientId, orderId)
        return [] if self._waits(clientId, None, act) else self._told(act(now), now)

    def _cancel(self, clientId: int, orderId: int, now: float) -> list[Event]:
        self._efficiency.requests += 1
        order = self._book.get(clientId, orderId)
        if order is None and self._terms.foreign_cancel:
            order = self._book.find_open(orderId)
        if order is None and orderId == BY_HAND:
            return [OrderError(clientId, orderId, 135, f"Can't find order with ID ={orderId}")]
        refusal = self._admission.refuse_cancel(order, orderId, now)
        if refusal is not None or order is None:
            found = refusal or Refusal(135, "")
            return [OrderError(clientId, orderId, found.code, found.text)]
        return self._floor.cancel(order, now)

    def cancel_all(self, now: float, clientId: int | None = None) -> list[Event]:
        """Cancel every open order of every client, those placed by hand included; `clientId`: who asks."""
        act = self._cancel_all
        waits = clientId is not None and self._waits(clientId, None, act)
        return [] if waits else self._told(act(now), now)

    def _cancel_all(self, now: float) -> list[Event]:
        events: list[Event] = []
        for order in self._book.open():
            if not order.over and self._admission.refuse_cancel(order, order.orderId, now) is None:
                events += self._floor.cancel(order, now)
        return events

    def exercise(self, request: ExerciseRequest, query: Query, now: float) -> list[Event]:
        """Exercise an option or let it lapse (message 21)."""
        details = self._universe.resolve(query if query.exchange else replace(query, exchange="SMART"))
        act = partial(self._exercise.take, request, details)
        return [] if self._waits(request.clientId, None, act) else self._told(act(now), now)

    def advance(self, now: float) -> list[Event]:
        """What has happened to orders up to `now`."""
        events: list[Event] = []
        for act in self._mishaps.due(now):
            events += act(now)
        events += self._exercise.advance(now) + self._floor.advance(now) + self._expiry.advance(now, self._floor)
        return self._told(events, now)

    def _told(self, events: list[Event], now: float) -> list[Event]:
        if self._terms.efficiency_ratio:
            self._efficiency.note_executed(event.permId for event in events if isinstance(event, Execution))
        return self._mishaps.pass_on(events, now)

    def next_due(self) -> float | None:
        """The earliest instant at which something is known to happen; None if all depends on prices."""
        return self._floor.next_due()

    def place_by_hand(self, spec: OrderSpec, query: Query, now: float) -> list[Event]:
        """Place an order as a person does in the gateway's own window: number 0 of client 0, which may bind it."""
        return self._told(self._place_by_hand(replace(fitted(spec), orderId=BY_HAND, clientId=0), query, now), now)

    def _place_by_hand(self, spec: OrderSpec, query: Query, now: float) -> list[Event]:
        subject = self._admission.subject(spec, query)
        if isinstance(subject, Refusal):
            return [_error(spec, subject)]
        refusal = self._admission.refuse(spec, subject, now)
        if refusal is not None:
            return [_error(spec, refusal)]
        told = self._take(spec, subject, now, preset=False)
        return [*self.bind(), *told] if self.auto_bind else told

    def bind(self) -> list[Event]:
        """Give orders placed by hand that are still unbound their numbers at client 0, and tell them all."""
        events: list[Event] = []
        for order in self._book.open():
            if order.orderId == BY_HAND and not order.held:
                self._book.bind(order)
                events += [OrderBound(0, order.permId, order.orderId), *order.snapshot()]
        return events

    def roll(self, now: float) -> list[Event]:
        """Begin a new day: orders for the day lapse, yesterday's executions and completed orders are forgotten."""
        self._teller.roll()
        self._efficiency.roll()
        self._book.completed.clear()
        days = {"DAY", "DTC"}
        lapsed = [o for o in self._book.open() if o.spec.tif in days and o.expires is None and not o.held]
        over = [o for o in lapsed if not self._floor.awaits_auction(o) and not o.exercise]
        return self._told([event for o in over if not o.over for event in self._floor.lapse(o, now)], now)


def _error(spec: OrderSpec, refusal: Refusal) -> OrderError:
    return OrderError(spec.clientId, spec.orderId, refusal.code, refusal.text)
