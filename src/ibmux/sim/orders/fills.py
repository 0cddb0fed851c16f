"""How a fill is told: executions, the order's changed state, commission reports and positions, in sending order.

The order of messages is that of recorded sessions. Which quantity fills, and at what price, is decided in `floor`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from heapq import heappop, heappush
from random import Random

from ibmux.sim.accounts.money import ZERO
from ibmux.sim.events import Commission, Event
from ibmux.sim.orders import combos
from ibmux.sim.orders.order import FILLED, SUBMITTED, BookOrder
from ibmux.sim.orders.teller import Teller, Ticket
from ibmux.sim.prices.market import Market
from ibmux.sim.terms import WorldSettings


class Fills:
    """Carries out fills and tells of them.

    Args:
        market: prices the legs of combinations.
        teller: books what is filled.
        terms: how late commission reports are, and how often a status comes before its execution.
    """

    def __init__(self, market: Market, teller: Teller, terms: WorldSettings) -> None:
        self._market, self._teller, self._terms = market, teller, terms
        self._random = Random(f"{terms.seed}:fills")
        self._late: list[tuple[float, int, Event]] = []
        self._late_count = 0

    def fill(self, order: BookOrder, quantity: Decimal, price: float, now: float) -> list[Event]:
        """Fill `quantity` of an order; every message of it."""
        if order.parts:
            return self._combo(order, quantity, now)
        tickets = self._teller.fill(order, quantity, price, now)
        if order.spec.orderType == "MTL" and order.spec.lmtPrice is None:
            order.spec = replace(order.spec, lmtPrice=price)
        order.status = FILLED if order.remaining <= ZERO else SUBMITTED
        status, again = _before_fees(order, tickets), order.snapshot()
        early = self._random.random() < self._terms.status_first
        executions = [ticket.execution for ticket in tickets]
        told: list[Event] = [*status, *executions] if early else [*executions, *status]
        return [*told, *again, *self._costs(tickets, now)]

    def _combo(self, order: BookOrder, quantity: Decimal, now: float) -> list[Event]:
        """The execution of the whole, then of each leg, each with the order's state; the legs' commissions last."""
        legs = combos.leg_prices(self._market, order.parts, order.spec.sign)
        tickets = self._teller.fill_combo(order, quantity, combos.price_of(order.parts, legs), legs, now)
        order.status = FILLED if order.remaining <= ZERO else SUBMITTED
        told = [event for ticket in tickets for event in (ticket.execution, *order.snapshot())]
        return [*told, *self._costs(tickets, now)]

    def legs_allow(self, order: BookOrder, limits: Sequence[float | None]) -> bool:
        """Whether every leg trades at the limit that the client set for it, or better."""
        sign = order.spec.sign
        prices = combos.leg_prices(self._market, order.parts, sign)
        return all(
            limit is None or (price - limit) * part.ratio * sign <= 1e-9
            for part, price, limit in zip(order.parts, prices, limits, strict=False)
        )

    def _costs(self, tickets: Sequence[Ticket], now: float) -> list[Event]:
        told: list[Event] = []
        for ticket in tickets:
            told += self._later(ticket.report, now) if ticket.report is not None else []
        return [*told, *(ticket.change for ticket in tickets if ticket.change is not None)]

    def _later(self, report: Commission, now: float) -> list[Event]:
        if not self._terms.fee_delay:
            return [report]
        self._late_count += 1
        heappush(self._late, (now + self._terms.fee_delay, self._late_count, report))
        return []

    def late(self, now: float) -> list[Event]:
        """The commission reports that are due by now."""
        due: list[Event] = []
        while self._late and self._late[0][0] <= now:
            due.append(heappop(self._late)[2])
        return due

    def next_late(self) -> list[float]:
        """When the next late report is due; empty if none is."""
        return [self._late[0][0]] if self._late else []


def _before_fees(order: BookOrder, tickets: Sequence[Ticket]) -> list[Event]:
    """The first pair of messages of a fill, sent before its commission is known."""
    fees = sum(ticket.report.commission for ticket in tickets if ticket.report is not None)
    charged = (order.commission or 0.0) - fees
    return [replace(order.open_order(), commission=round(charged, 2) or None), order.order_status()]
