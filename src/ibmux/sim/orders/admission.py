"""Whether an order is taken: what it is resolved to, what speaks against it, and what it would do to its account.

It changes nothing; the desk acts on its answers.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_DOWN, Decimal
from typing import NamedTuple

from ibmux.sim.accounts.accounts import Accounts
from ibmux.sim.accounts.advisor import Advisor
from ibmux.sim.accounts.money import exact
from ibmux.sim.catalogue.contracts import ContractDetails, Query, Refusal
from ibmux.sim.catalogue.universe import Universe
from ibmux.sim.events import Margin
from ibmux.sim.orders import combos, timing
from ibmux.sim.orders.allocation import is_shared, refuse_allocation, shares_of
from ibmux.sim.orders.book import OrderBook
from ibmux.sim.orders.checks import SMALL, increment_of, kinds_of, refuse, spelt
from ibmux.sim.orders.combos import Part
from ibmux.sim.orders.conditions import refuse_conditions
from ibmux.sim.orders.matching import limit_of
from ibmux.sim.orders.order import PENDING_CANCEL, BookOrder, OrderSpec
from ibmux.sim.orders.teller import Trade
from ibmux.sim.prices.market import Market
from ibmux.sim.terms import WorldSettings

NO_ORDER_EXCHANGE = "Error validating request.-'bF' : cause - Missing order exchange"
POOR = (
    "Order rejected - reason:YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION YOUR EQUITY WITH LOAN "
    "VALUE [{:.2f} USD] MUST EXCEED THE INITIAL MARGIN OF [{:.2f} USD]"
)
HUGE = "Order rejected - reason:The order size exceeds the limit of {:.0f} for this contract"
CROWDED = "Order rejected - reason:The limit of {} working orders on one side of this contract is reached"
LATE = "Order rejected - reason:The order came after its exchange's cut-off for orders on the close"
RESTRICTED = "The security {} is not available or allowed for this account."
NEEDS_CASH = "You must set Cash Quantity for this order"
FUND_BUYS = "A buy order for FUND must contain non-zero cashQty, and may not contain non-zero totalQuantity."
FUND_SALES = "A sell order for FUND must contain non-zero totalQuantity, and may not contain non-zero cashQty."
CASH_KINDS = frozenset({"STK", "CASH", "CRYPTO", "CFD", "FUND"})
FAR = "The price specified would violate the percentage constraint specified in the default order settings."
NUMBER, MATCH = "Duplicate order id", "Order being modified does not match original order"


class Subject(NamedTuple):
    """What an order is about: its contract, and the legs if it is a combination."""

    details: ContractDetails
    parts: tuple[Part, ...] = ()


def fitted(spec: OrderSpec) -> OrderSpec:
    """The order in the gateway's own spelling; an order without time in force is one for the day."""
    tif = spec.tif.upper() or "DAY"
    return replace(spec, orderType=spelt(spec.orderType), tif="Minutes" if tif == "MINUTES" else tif)


class Admission:
    """The checks of one order desk."""

    def __init__(
        self, universe: Universe, market: Market, accounts: Accounts, book: OrderBook, terms: WorldSettings
    ) -> None:
        self._universe, self._market, self._accounts = universe, market, accounts
        self._book, self._terms = book, terms
        self._advisor = Advisor(terms.accounts, terms.advisor)

    def use_advisor(self, advisor: Advisor) -> None:
        """Share orders out by the groups of this advisor, which clients may change."""
        self._advisor = advisor

    def share_out(self, order: BookOrder) -> None:
        """Say among which accounts the order is shared, if it is an advisor's for several."""
        if is_shared(order.spec, self._advisor):
            order.account = order.spec.account or self._advisor.master
            order.shares = shares_of(order.spec, self._advisor, self._accounts)

    def number(self, spec: OrderSpec, known: BookOrder | None) -> Refusal | None:
        """What speaks against the order's number."""
        if known is None:
            return Refusal(103, NUMBER) if spec.orderId < self._book.next_id(spec.clientId) else None
        ending = known.over or known.status == PENDING_CANCEL
        return Refusal(104, "Cannot modify a filled order.") if ending else None

    def subject(self, spec: OrderSpec, query: Query) -> Subject | Refusal:
        """The contract that the order means, or why there is none."""
        if query.secType == "BAG":
            parts = combos.parts_of(self._universe, spec.legs)
            if isinstance(parts, Refusal):
                return parts
            details = combos.details_of(parts, query)
            return details if isinstance(details, Refusal) else Subject(details, parts)
        found = self._universe.resolve(query)
        if isinstance(found, Refusal):
            return found if found.code != 321 else Refusal(321, NO_ORDER_EXCHANGE)
        return Subject(found)

    def refuse(self, spec: OrderSpec, subject: Subject, now: float) -> Refusal | None:
        """What speaks against a new or changed order."""
        details = subject.details
        if any(one.has_expired(now) for one in (details, *(part.details for part in subject.parts))):
            return Refusal(392, "Invalid order: contract expired.")
        refusal = refuse_allocation(spec, self._advisor)
        if refusal is not None:
            return refusal
        if spec.account and spec.account not in self._accounts and not is_shared(spec, self._advisor):
            return Refusal(321, f"Error validating request.-'bF' : cause - Invalid account code '{spec.account}'.")
        rule = self._universe.market_rule(int(details.marketRuleIds.partition(",")[0] or 0))
        return (
            refuse(spec, details, increment_of(rule, details.minTick))
            or self._refuse_cash(spec, details)
            or refuse_conditions(spec.conditions, lambda conId: self._universe.get(conId) is not None)
            or self._refuse_instants(spec, details, now)
            or self._refuse_far(spec, details)
            or self._refuse_size(spec, subject)
        )

    def _refuse_cash(self, spec: OrderSpec, details: ContractDetails) -> Refusal | None:
        kind, cash = details.contract.secType, spec.cashQty
        if cash and (kind not in CASH_KINDS or cash < 0):
            return Refusal(10244, "Cash Quantity cannot be used for this order")
        if cash and not spec.totalQuantity and self.size(spec, details) <= 0:
            return Refusal(388, SMALL.format("0", f"{details.minSize:g}"))
        if kind == "FUND":
            return self._refuse_fund(spec, cash)
        return self._refuse_crypto(spec, cash) if kind == "CRYPTO" else None

    @staticmethod
    def _refuse_fund(spec: OrderSpec, cash: float | None) -> Refusal | None:
        if spec.sign > 0:
            return None if cash and not spec.totalQuantity else Refusal(10203, FUND_BUYS)
        return None if spec.totalQuantity and not cash else Refusal(10204, FUND_SALES)

    @staticmethod
    def _refuse_crypto(spec: OrderSpec, cash: float | None) -> Refusal | None:
        if cash and spec.totalQuantity:
            return Refusal(10293, "Cryptocurrency Cash Quantity order cannot specify size")
        if spec.orderType == "MKT" and spec.sign > 0 and not cash:
            return Refusal(10289, NEEDS_CASH)
        if spec.orderType == "MKT" and spec.tif != "IOC":
            return Refusal(201, "Order rejected - reason:The crypto MKT order must be IOC")
        return None

    def _refuse_instants(self, spec: OrderSpec, details: ContractDetails, now: float) -> Refusal | None:
        for found in (timing.starts_at(spec, details), timing.lapses_at(spec, details, now, self._terms.always_open)):
            if isinstance(found, Refusal):
                return found
        return None

    def _refuse_far(self, spec: OrderSpec, details: ContractDetails) -> Refusal | None:
        """The gateway's own precaution against a mistyped limit: one that gives away more than a percentage."""
        most, limit = self._terms.price_percentage, spec.lmtPrice
        if not most or not limit or spec.orderType != "LMT" or spec.legs:
            return None
        quote = self._market.quote(details.contract.conId)
        far = quote.ask if spec.sign > 0 else quote.bid
        return Refusal(163, FAR) if far > 0 and (limit / far - 1) * spec.sign * 100 > most else None

    def _refuse_size(self, spec: OrderSpec, subject: Subject) -> Refusal | None:
        symbols = {subject.details.contract.symbol, *(part.details.contract.symbol for part in subject.parts)}
        for symbol in symbols & set(self._terms.restricted):
            return Refusal(203, RESTRICTED.format(symbol))
        if spec.totalQuantity > self._terms.max_quantity:
            return Refusal(201, HUGE.format(self._terms.max_quantity))
        return None

    def refuse_new(self, spec: OrderSpec, details: ContractDetails, now: float) -> Refusal | None:
        """What speaks against a new order, beside `refuse`: crowding and the auction's cut-off."""
        if not self._terms.always_open and timing.is_too_late(spec, details, now):
            return Refusal(201, LATE)
        account = spec.account or self._accounts.names[0]
        working = self._book.working(account, details.contract.conId, spec.sign)
        if details.contract.secType != "BAG" and working >= self._terms.active_orders > 0:
            return Refusal(201, CROWDED.format(self._terms.active_orders))
        return None

    def refuse_change(self, order: BookOrder, spec: OrderSpec, details: ContractDetails) -> Refusal | None:
        """What speaks against changing `order` into `spec`."""
        account = spec.account or order.account
        same = details.contract.conId == order.contract.conId and spec.action == order.spec.action
        if not same or account != order.account or spec.legs != order.spec.legs:
            return Refusal(105, MATCH)
        relation = self._refuse_relations(order.spec, spec)
        if relation is not None:
            return relation
        if spec.algoStrategy != order.spec.algoStrategy:
            return Refusal(440, "Order modify failed. Algorithm cannot be modified.")
        if kinds_of(spec) != kinds_of(order.spec):
            return Refusal(329, "Order modify failed. Cannot change to the new order type")
        if spec.totalQuantity <= order.filled and not (spec.cashQty or spec.hedgeType):
            return Refusal(201, "Order rejected - reason:The size is below what has been filled")
        return None

    @staticmethod
    def _refuse_relations(before: OrderSpec, spec: OrderSpec) -> Refusal | None:
        """An order stays with its parent, and with the group that it named."""
        if spec.parentId != before.parentId:
            return Refusal(321, "Error validating request.-'bF' : cause - Parent order id cannot be modified")
        if spec.ocaGroup and before.ocaGroup and spec.ocaGroup != before.ocaGroup:
            return Refusal(10326, "OCA group revision is not allowed")
        return None

    def refuse_cancel(self, order: BookOrder | None, orderId: int, now: float) -> Refusal | None:
        """What speaks against cancelling the order, which was asked for by that number."""
        if order is None:
            return Refusal(10147, f"OrderId {orderId} that needs to be cancelled is not found.")
        if order.over:
            text = f"OrderId {orderId} that needs to be cancelled cannot be cancelled, state: {order.status}."
            return Refusal(10148, text)
        if order.exercise:
            return Refusal(136, "This order cannot be cancelled.")
        late = not self._terms.always_open and timing.is_too_late(order.spec, order.details, now)
        if order.status == PENDING_CANCEL or (late and not order.held):
            text = f"Cancel attempted when order is not in a cancellable state. Order permId = {order.permId}"
            return Refusal(161, text)
        return None

    def size(self, spec: OrderSpec, details: ContractDetails) -> Decimal:
        """The order's quantity; for an amount of cash, what it buys now."""
        if not spec.cashQty or spec.totalQuantity or spec.legs:
            return spec.totalQuantity
        quote = self._market.quote(details.contract.conId)
        price = exact(spec.lmtPrice or (quote.ask if spec.sign > 0 else quote.bid))
        if details.contract.secType == "CASH":  # the amount is in the pair's second currency
            return (exact(spec.cashQty) / price).quantize(Decimal(1), ROUND_DOWN)
        step = exact(details.sizeIncrement)
        return (exact(spec.cashQty) / price / step).quantize(Decimal(1), ROUND_DOWN) * step

    def trades(self, order: BookOrder) -> list[Trade]:
        """What the rest of the order would trade, at its limit or the present prices."""
        sign, left = order.spec.sign, order.remaining
        if order.parts:
            prices = combos.leg_prices(self._market, order.parts, sign)
            return [
                Trade(part.details, left * sign * part.ratio, max(price, 0.0))
                for part, price in zip(order.parts, prices, strict=True)
            ]
        quote = self._market.quote(order.contract.conId)
        price = limit_of(order) or (quote.ask if sign > 0 else max(quote.bid, 0.0))
        return [Trade(order.details, sign * left, price)]

    def margin(self, order: BookOrder) -> Margin:
        """The effect that filling the rest of the order would have on its account."""
        trades = [(trade.details, trade.quantity, trade.price) for trade in self.trades(order)]
        return self._accounts[order.payer].margin_of(trades)

    def refuse_margin(self, order: BookOrder) -> Refusal | None:
        """What the account's money speaks against the order."""
        margin = self.margin(order)
        harms = margin.initChange > 0 or margin.equityChange < -margin.commission
        if harms and margin.initAfter > margin.equityAfter:
            return Refusal(201, POOR.format(margin.equityAfter, margin.initAfter))
        return None

    def refuse_larger(self, order: BookOrder, changed: BookOrder) -> Refusal | None:
        """What the account's money speaks against a change; nothing does where the order needs no more than before."""
        if order.held or order.child:
            return None
        refusal = self.refuse_margin(changed)
        return refusal if refusal and self.margin(changed).initChange > self.margin(order).initChange else None
