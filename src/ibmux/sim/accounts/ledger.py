"""What one account holds: cash, positions with their cost, profits of the day; every fill booked exactly to the cent.

Cash pays for every instrument in full, futures and currencies too, so one identity always holds: cash + cost of the
open positions - all realized profit is constant. What a statement calls cash is worked out in `statement`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from ibmux.sim.accounts.money import ZERO, cents, worth
from ibmux.sim.catalogue.contracts import ContractDetails

Marker = Callable[[ContractDetails], float]


@dataclass(slots=True)
class Holding:
    """One contract in an account. Amounts in base currency.

    Attributes:
        cost: what the open position has cost, commissions included; negative for a short.
        realized: profit realized today, after commissions.
        flow: cash that today's trades brought in, after commissions (negative: paid out).
        start: what the position was worth when the day began.
    """

    details: ContractDetails
    position: Decimal = ZERO
    cost: Decimal = ZERO
    realized: Decimal = ZERO
    flow: Decimal = ZERO
    start: Decimal = ZERO

    def value(self, price: float) -> Decimal:
        """What the position is worth at `price`."""
        return worth(self.details, self.position, price)

    def average_cost(self) -> float:
        """The cost of one unit times the multiplier, in the contract's currency, as a gateway reports `avgCost`."""
        if not self.position:
            return 0.0
        return float(self.cost / self.position) / self.details.currencyRate


class Ledger:
    """The books of one account.

    Args:
        cash: what the account begins with, before positions are brought in.
    """

    def __init__(self, cash: Decimal) -> None:
        self.cash = cash
        self.realized = ZERO
        self.holdings: dict[int, Holding] = {}
        self.version = 0

    def hold(self, details: ContractDetails) -> Holding:
        """The holding of a contract, an empty one if there is none yet."""
        return self.holdings.setdefault(details.contract.conId, Holding(details))

    def position(self, conId: int) -> Decimal:
        """How much of a contract the account has; negative for a short."""
        held = self.holdings.get(conId)
        return held.position if held else ZERO

    def bring_in(self, details: ContractDetails, quantity: Decimal, price: float, mark: float) -> None:
        """Begin with a position bought in the past at `price` and worth `mark` when the day began."""
        held = self.hold(details)
        held.position, held.cost = quantity, worth(details, quantity, price)
        held.start = held.value(mark)
        self.version += 1

    def released(self, conId: int, quantity: Decimal) -> Decimal:
        """The part of a position's cost that goes with `quantity` of it, at most the whole."""
        held = self.holdings.get(conId)
        if held is None or not held.position:
            return ZERO
        closed = min(abs(quantity), abs(held.position))
        return held.cost if closed == abs(held.position) else cents(held.cost * closed / abs(held.position))

    def book(
        self, details: ContractDetails, quantity: Decimal, price: float, commission: Decimal, carried: Decimal = ZERO
    ) -> Decimal | None:
        """Book a fill (`quantity` negative for a sale); the profit realized, or None if it closed nothing.

        `carried` is cost that comes from another contract without cash, as an exercised option's premium does.
        """
        held = self.hold(details)
        paid = worth(details, quantity, price)
        self.cash -= paid + commission
        held.flow -= paid + commission
        self.version += 1
        paid += carried
        closed = min(abs(held.position), abs(quantity)) if held.position * quantity < 0 else ZERO
        if not closed:
            held.position += quantity
            held.cost += paid + commission
            return None
        return self._close(held, quantity, closed, paid, commission)

    def _close(self, held: Holding, quantity: Decimal, closed: Decimal, paid: Decimal, commission: Decimal) -> Decimal:
        share = closed / abs(quantity)
        spent = cents(paid * share) + cents(commission * share)
        released = self.released(held.details.contract.conId, closed)
        realized = -spent - released
        held.position += quantity
        held.cost += paid + commission - spent - released
        held.realized += realized
        self.realized += realized
        return realized

    def roll(self, mark: Marker) -> None:
        """Begin a new day: what is flat is forgotten, profits of the day start from nothing."""
        self.holdings = {conId: held for conId, held in self.holdings.items() if held.position}
        for held in self.holdings.values():
            held.realized = held.flow = ZERO
            held.start = held.value(mark(held.details))
        self.version += 1
