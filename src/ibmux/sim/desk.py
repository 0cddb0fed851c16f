"""Where clients' requests about orders arrive: placing, modifying, what-if, cancelling; accepted or refused, and why.

It owns the rules of order ids, transmission and families; what accepted orders then do is the floor's.
"""

from __future__ import annotations

from dataclasses import replace

from ibmux.sim.accounts import Accounts
from ibmux.sim.book import OrderBook
from ibmux.sim.checks import increment_of, refuse, spelt
from ibmux.sim.contracts import ContractDetails, Query, Refusal
from ibmux.sim.events import Commission, Event, Execution, Margin, OpenOrder, OrderError
from ibmux.sim.floor import Floor
from ibmux.sim.instants import parse_end
from ibmux.sim.market import Market
from ibmux.sim.matching import limit_of
from ibmux.sim.orders import (
    FILLED,
    INACTIVE,
    PRE_SUBMITTED,
    BookOrder,
    CompletedOrder,
    ExecutionFilter,
    OrderSpec,
)
from ibmux.sim.teller import Teller
from ibmux.sim.terms import WorldSettings
from ibmux.sim.universe import Universe

NO_ORDER_EXCHANGE = "Error validating request.-'bF' : cause - Missing order exchange"
POOR = (
    "Order rejected - reason:YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION YOUR EQUITY WITH LOAN "
    "VALUE [{:.2f} USD] MUST EXCEED THE INITIAL MARGIN OF [{:.2f} USD]"
)
HUGE = "Order rejected - reason:The order size exceeds the limit of {:.0f} for this contract"


class OrderDesk:
    """The gateway's order desk.

    Every method returns the events that follow at once, in sending order; later ones come from `advance`.
    """

    def __init__(
        self, universe: Universe, market: Market, accounts: Accounts, terms: WorldSettings, *, started: float
    ) -> None:
        self._universe, self._market, self._accounts, self._terms = universe, market, accounts, terms
        self._book = OrderBook(started)
        self._teller = Teller(accounts, terms.seed, started)
        self._floor = Floor(self._book, market, self._teller, terms)

    def next_id(self, clientId: int) -> int:
        """The number that the client's next order should have; it never goes back."""
        return self._book.next_id(clientId)

    def place(self, spec: OrderSpec, query: Query, now: float) -> list[Event]:
        """Place an order, change one (same client and number), or answer a what-if.

        Nothing is returned for an order that is not to be transmitted yet; a refusal is an OrderError.
        """
        spec = replace(spec, orderType=spelt(spec.orderType), tif=spec.tif.upper() or "DAY")
        known = self._book.get(spec.clientId, spec.orderId)
        refusal = self._refuse_number(spec, known)
        details = self._universe.resolve(query)
        if refusal is None and isinstance(details, Refusal):
            refusal = details if details.code != 321 else Refusal(321, NO_ORDER_EXCHANGE)
        if refusal is not None or isinstance(details, Refusal):
            return [_error(spec, refusal or Refusal(200, ""))]
        refusal = self._refuse(spec, details)
        if refusal is not None:
            return self._refused(spec, details, refusal, now) if known is None else [_error(spec, refusal)]
        if spec.whatIf:
            return self._what_if(spec, details)
        return self._modify(known, spec, details, now) if known is not None else self._take(spec, details, now)

    def _refuse_number(self, spec: OrderSpec, known: BookOrder | None) -> Refusal | None:
        if known is None:
            late = spec.orderId < self._book.next_id(spec.clientId)
            return Refusal(103, "Duplicate order id") if late else None
        if known.status == FILLED:
            return Refusal(104, "Cannot modify a filled order.")
        return Refusal(103, "Duplicate order id") if known.over else None

    def _refuse(self, spec: OrderSpec, details: ContractDetails) -> Refusal | None:
        if spec.account and spec.account not in self._accounts:
            return Refusal(321, f"Error validating request.-'bF' : cause - Invalid account code '{spec.account}'.")
        rule = self._universe.market_rule(int(details.marketRuleIds.partition(",")[0] or 0))
        refusal = refuse(spec, details, increment_of(rule, details.minTick))
        if refusal is None and spec.totalQuantity > self._terms.max_quantity:
            refusal = Refusal(201, HUGE.format(self._terms.max_quantity))
        return refusal

    def _refused(self, spec: OrderSpec, details: ContractDetails, refusal: Refusal, now: float) -> list[Event]:
        """A validation error is an error alone; a rejection (201) uses up the number and leaves an inactive order."""
        if refusal.code != 201 or spec.whatIf:
            return [_error(spec, refusal)]
        order = self._new(spec, details)
        order.permId = self._book.next_perm_id()
        return self._reject(order, refusal, now)

    def _new(self, spec: OrderSpec, details: ContractDetails) -> BookOrder:
        order = BookOrder(spec, details, spec.account or self._accounts.names[0], spec.totalQuantity)
        order.ocaGroup, order.ocaType = spec.ocaGroup, spec.ocaType or 3
        order.stop = spec.trailStopPrice
        order.expires = _expiry(spec, details)
        self._book.add(order)
        return order

    def _reject(self, order: BookOrder, refusal: Refusal, now: float) -> list[Event]:
        told = self._floor.end(order, INACTIVE, now, refusal.text)
        own = 2  # openOrder and orderStatus of the order itself; what follows is about its children
        return [*told[:own], OrderError(order.clientId, order.orderId, refusal.code, refusal.text), *told[own:]]

    def _take(self, spec: OrderSpec, details: ContractDetails, now: float) -> list[Event]:
        parent = self._book.get(spec.clientId, spec.parentId) if spec.parentId else None
        if spec.parentId and (parent is None or (parent.over and parent.status != FILLED)):
            return [_error(spec, Refusal(10006, "Missing parent order."))]
        order = self._new(spec, details)
        order.held = True
        return self._transmit(order, now) if spec.transmit else []

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
            order.ocaGroup = order.ocaGroup or str(parent.permId)
        refusal = self._refuse_margin(order) if parent is None else None
        return self._reject(order, refusal, now) if refusal else self._floor.release(order, now)

    def _margin(self, order: BookOrder) -> Margin:
        quote = self._market.quote(order.contract.conId)
        price = limit_of(order) or (quote.ask if order.spec.sign > 0 else max(quote.bid, 0.0))
        return self._accounts[order.account].margin_after(order.details, order.spec.sign * order.remaining, price)

    def _refuse_margin(self, order: BookOrder) -> Refusal | None:
        margin = self._margin(order)
        harms = margin.initChange > 0 or margin.equityChange < -margin.commission
        if harms and margin.initAfter > margin.equityAfter:
            return Refusal(201, POOR.format(margin.equityAfter, margin.initAfter))
        return None

    def _what_if(self, spec: OrderSpec, details: ContractDetails) -> list[Event]:
        """One openOrder with margin and commission; it uses up the number and a permId, and leaves nothing behind."""
        order = BookOrder(spec, details, spec.account or self._accounts.names[0], spec.totalQuantity)
        order.permId, order.status = self._book.next_perm_id(), PRE_SUBMITTED
        self._book.use_id(spec.clientId, spec.orderId)
        margin = self._margin(order)
        return [OpenOrder(spec.clientId, order, PRE_SUBMITTED, margin.commission, margin)]

    def _modify(self, order: BookOrder, spec: OrderSpec, details: ContractDetails, now: float) -> list[Event]:
        account = spec.account or order.account
        same = details.contract.conId == order.contract.conId and spec.action == order.spec.action
        if not same or account != order.account or spec.parentId != order.spec.parentId:
            text = "Order being modified does not match original order"
            return [_error(spec, Refusal(105, text))]
        if spec.totalQuantity <= order.filled:
            return [_error(spec, Refusal(201, "Order rejected - reason:The size is below what has been filled"))]
        typed = spec.orderType == order.spec.orderType
        order.spec, order.total, order.stop = spec, spec.totalQuantity, spec.trailStopPrice
        order.expires = _expiry(spec, details)
        if order.held:
            return self._transmit(order, now) if spec.transmit else []
        order.triggered = order.triggered and typed
        return self._floor.resume(order, now)

    def cancel(self, clientId: int, orderId: int, now: float) -> list[Event]:
        """Cancel an order: its own, or another client's where the settings allow; else 10147 (10148 if it is over)."""
        order = self._book.get(clientId, orderId)
        if order is None and self._terms.foreign_cancel:
            order = self._book.find_open(orderId)
        if order is None:
            text = f"OrderId {orderId} that needs to be cancelled is not found."
            return [OrderError(clientId, orderId, 10147, text)]
        if order.over:
            text = f"OrderId {orderId} that needs to be cancelled cannot be cancelled, state: {order.status}."
            return [OrderError(clientId, orderId, 10148, text)]
        return self._floor.cancel(order, now)

    def cancel_all(self, now: float) -> list[Event]:
        """Cancel every open order of every client."""
        events: list[Event] = []
        for order in self._book.open():
            if not order.over:
                events += self._floor.cancel(order, now)
        return events

    def advance(self, now: float) -> list[Event]:
        """What has happened to orders up to `now`."""
        return self._floor.advance(now)

    def next_due(self) -> float | None:
        """The earliest instant at which something is known to happen; None if all depends on prices."""
        return self._floor.next_due()

    def open_orders(self, clientId: int | None) -> list[BookOrder]:
        """The open orders of a client, or of everybody (None); those not transmitted are left out."""
        return [o for o in self._book.open() if not o.held and clientId in {None, o.clientId}]

    def executions(self, wanted: ExecutionFilter) -> list[tuple[Execution, Commission]]:
        """Today's executions that match, with their commission."""
        return self._teller.executions(wanted)

    def completed(self) -> list[CompletedOrder]:
        """Today's orders that are over, the oldest first."""
        return list(self._book.completed)

    def roll(self, now: float) -> list[Event]:
        """Begin a new day: orders for the day lapse, yesterday's executions and completed orders are forgotten."""
        self._teller.roll()
        self._book.completed.clear()
        lapsed = [order for order in self._book.open() if order.spec.tif == "DAY" and not order.held]
        return [event for order in lapsed if not order.over for event in self._floor.cancel(order, now)]


def _error(spec: OrderSpec, refusal: Refusal) -> OrderError:
    return OrderError(spec.clientId, spec.orderId, refusal.code, refusal.text)


def _expiry(spec: OrderSpec, details: ContractDetails) -> float | None:
    """When a good-till-date order lapses; an unreadable date counts as none."""
    if spec.tif != "GTD":
        return None
    until = parse_end(spec.goodTillDate, details.timeZoneId)
    return None if isinstance(until, Refusal) else until
