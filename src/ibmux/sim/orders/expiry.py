"""The end of contracts: options in the money are exercised or assigned, futures paid out, the rest vanishes.

Positions are settled at the instant of expiry, at the prices of that instant; orders in what has expired end.
"""

from __future__ import annotations

from decimal import Decimal
from math import ceil, inf

from ibmux.sim.accounts.accounts import Account, Accounts
from ibmux.sim.accounts.ledger import Holding
from ibmux.sim.accounts.margin import OPTIONS
from ibmux.sim.catalogue.contracts import ContractDetails
from ibmux.sim.events import Event
from ibmux.sim.orders.book import OrderBook
from ibmux.sim.orders.exercise import Exercise
from ibmux.sim.orders.floor import Floor
from ibmux.sim.orders.order import CANCELLED, EXPIRY, BookOrder, OrderSpec
from ibmux.sim.orders.teller import Ticket, Trade
from ibmux.sim.prices.market import Market

LOOK = 60.0
"""Contracts end on whole minutes."""
LEAST = 0.01
"""Options worth this much or more at expiry are exercised by themselves (OCC's rule for customers)."""


class Expiry:
    """Watches the positions and orders of a login."""

    def __init__(self, book: OrderBook, market: Market, accounts: Accounts, exercise: Exercise) -> None:
        self._book, self._market, self._accounts, self._exercise = book, market, accounts, exercise
        self._next = -inf

    def advance(self, now: float, floor: Floor) -> list[Event]:
        """Settle what has expired by `now`; looked at every minute."""
        if now < self._next:
            return []
        self._next = ceil(now / LOOK) * LOOK if now % LOOK else now + LOOK
        events = self._end_orders(now, floor)
        for account in self._accounts:
            over = [h for h in account.ledger.holdings.values() if h.position and h.details.has_expired(now)]
            for held in over:
                events += self._settle(account, held, now)
        return events

    def _end_orders(self, now: float, floor: Floor) -> list[Event]:
        events: list[Event] = []
        for order in self._book.open():
            contracts = [part.details for part in order.parts] or [order.details]
            if any(details.has_expired(now) for details in contracts) and not order.over:
                events += floor.end(order, CANCELLED, now, "Contract expired")
        return events

    def _settle(self, account: Account, held: Holding, now: float) -> list[Event]:
        order = self._order(account, held)
        kind = held.details.contract.secType
        tickets = self._option(account, order, held, now) if kind in OPTIONS else self._future(order, held, now)
        return [*(ticket.execution for ticket in tickets), *self._exercise.costs(tickets)]

    def _order(self, account: Account, held: Holding) -> BookOrder:
        """What settlements are booked under: nobody's order, as gateways report them to client 0."""
        spec = OrderSpec(orderId=0, clientId=0, action="SELL", totalQuantity=abs(held.position), orderType=EXPIRY)
        order = BookOrder(spec, held.details, account.name, abs(held.position))
        order.permId = self._book.next_perm_id()
        return order

    def _option(self, account: Account, order: BookOrder, held: Holding, now: float) -> list[Ticket]:
        details, end = held.details, held.details.expires
        spot = self._price(self._market.details(details.underConId), end)
        lapsing = min(held.position, self._exercise.lapses(account.name, details.contract.conId))
        worth = self._exercise.intrinsic(details, spot) >= LEAST
        kept = held.position - max(Decimal(0), lapsing) if worth else Decimal(0)
        tickets = self._exercise.settle(order, -kept, spot, now) if kept else []
        if held.position:
            tickets.append(self._exercise.vanish(order, -held.position, now))
        return tickets

    def _future(self, order: BookOrder, held: Holding, now: float) -> list[Ticket]:
        price = self._price(held.details, held.details.expires)
        return [self._exercise.pay(order, Trade(held.details, -held.position, price), now)]

    def _price(self, details: ContractDetails, instant: float) -> float:
        """The fair price at an instant, on the contract's ticks."""
        fair = self._market.path(details).at(instant)
        return round(round(fair / details.minTick) * details.minTick, 8)
