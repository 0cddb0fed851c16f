"""What holds an accepted order back before it works: parent, date, opening hours, conditions, shares to borrow.

It looks; it changes nothing but what an order has already passed (`met`, `located`).
"""

from __future__ import annotations

from ibmux.sim.accounts.accounts import Accounts
from ibmux.sim.calendar import hours
from ibmux.sim.orders import timing
from ibmux.sim.orders.book import OrderBook
from ibmux.sim.orders.conditions import hold
from ibmux.sim.orders.facts import OrderFacts
from ibmux.sim.orders.order import FILLED, BookOrder
from ibmux.sim.orders.teller import Teller
from ibmux.sim.prices.market import Market
from ibmux.sim.terms import WorldSettings

PARENT, EARLY, CLOSED, CONDITIONS, LOCATE, NONE = "parent", "early", "closed", "conditions", "locate", ""


class Gates:
    """The gates of one order desk."""

    def __init__(
        self, book: OrderBook, market: Market, accounts: Accounts, teller: Teller, terms: WorldSettings
    ) -> None:
        self._book, self._market, self._accounts = book, market, accounts
        self._teller, self._terms = teller, terms

    def holding(self, order: BookOrder, now: float) -> str:
        """What holds the order back now; empty if nothing does."""
        parent = self._book.parent(order)
        if parent is not None and parent.status != FILLED:
            return PARENT
        if order.starts is not None and now < order.starts:
            return EARLY
        if not self.is_open(order, now):
            return CLOSED
        if not order.spec.conditionsCancelOrder and not self.conditions_met(order, now):
            return CONDITIONS
        return LOCATE if self._lacks_shares(order, now) else NONE

    def is_open(self, order: BookOrder, now: float) -> bool:
        """Whether the order's exchange takes it now; orders for an auction can wait at any hour."""
        return self._terms.always_open or order.spec.auction or timing.is_open(order, now)

    def conditions_met(self, order: BookOrder, now: float) -> bool:
        """Whether the order's conditions are met, or have been; an order without any has none to meet."""
        spec = order.spec
        if not spec.conditions or order.met:
            return True
        regular = self._terms.always_open or hours.is_open(order.details.venue, now, True)
        if spec.conditionsIgnoreRth or regular:
            facts = OrderFacts(order, self._market, self._accounts, self._teller)
            order.met = hold(spec.conditions, facts, now)
        return order.met

    def _lacks_shares(self, order: BookOrder, now: float) -> bool:
        """Whether a sale would go short in shares that are hard to borrow; they are found after `locate_delay`."""
        contract = order.contract
        if order.located or contract.symbol not in self._terms.hard_to_borrow or contract.secType != "STK":
            return False
        held = self._accounts[order.payer].ledger.position(contract.conId)
        if order.spec.sign > 0 or order.remaining <= held:
            return False
        if order.locating is None:
            order.locating = now + self._terms.locate_delay
        order.located = now >= order.locating
        return not order.located
