"""Turns a match into executions: ids, exchanges, commission, booking; remembers the day's executions.

It neither chooses prices nor changes an order's status.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from random import Random

from ibmux.sim.accounts import Accounts
from ibmux.sim.book import KEPT
from ibmux.sim.contracts import Refusal
from ibmux.sim.events import Commission, Execution, PositionChange
from ibmux.sim.instants import parse_end
from ibmux.sim.margin import commission
from ibmux.sim.money import exact, worth
from ibmux.sim.orders import BookOrder, ExecutionFilter

VENUES = ("ARCA", "NASDAQ", "IEX", "BATS", "NYSE", "EDGX", "MEMX")
OPTION_VENUES = ("CBOE", "ISE", "PHLX", "AMEX", "BOX")
Ticket = tuple[Execution, Commission, PositionChange]


class Teller:
    """Books fills into accounts.

    Args:
        accounts: where fills are booked.
        seed: decides the exchanges that fills name.
        started: when the gateway began (epoch seconds); execution ids begin from it, so that a later run has others.
    """

    def __init__(self, accounts: Accounts, seed: int, started: float) -> None:
        self._accounts = accounts
        self._random = Random(f"{seed}:teller")
        self._run = int(started * 1000) & 0xFFFFF
        self._serial = int(started)
        self._day: deque[tuple[Execution, Commission]] = deque(maxlen=KEPT)

    def fill(self, order: BookOrder, quantity: Decimal, price: float, now: float) -> Ticket:
        """Fill `quantity` of an order at `price` and book it; the messages that tell of it."""
        self._count(order, quantity, price)
        value = abs(worth(order.details, quantity, price))
        order.spent += value
        fee = max(Decimal("0.00"), commission(order.details, order.filled, order.spent) - order.fees)
        order.fees += fee
        order.commission = float(order.fees)
        account = self._accounts[order.account]
        realized = account.fill(order.details, quantity * order.spec.sign, price, fee)
        execution = self._execution(order, quantity, price, now)
        profit = None if realized is None else float(realized)
        report = Commission(order.clientId, execution.execId, float(fee), "USD", profit)
        self._day.append((execution, report))
        held = account.position(order.details)
        return execution, report, PositionChange(order.account, held.contract, held.position, held.avgCost)

    @staticmethod
    def _count(order: BookOrder, quantity: Decimal, price: float) -> None:
        before = exact(order.avgFillPrice) * order.filled
        order.filled += quantity
        order.avgFillPrice = round(float((before + exact(price) * quantity) / order.filled), 8)
        order.lastFillPrice = price

    def _execution(self, order: BookOrder, quantity: Decimal, price: float, now: float) -> Execution:
        self._serial += 1
        exchange = self._exchange(order)
        return Execution(
            order.clientId, order.orderId, order.permId, order.contract.at(exchange),
            f"{self._run:08x}.{self._serial:08x}.01.01", now, order.account, exchange,
            "BOT" if order.spec.sign > 0 else "SLD", quantity, price, order.filled, order.avgFillPrice,
            order.spec.orderRef,
        )  # fmt: skip

    def _exchange(self, order: BookOrder) -> str:
        contract = order.contract
        if contract.exchange != "SMART":
            return contract.exchange
        if contract.secType == "OPT":
            return "CBOE" if contract.symbol == "SPX" else self._random.choice(OPTION_VENUES)
        return self._random.choice(VENUES) if contract.currency == "USD" else contract.primaryExchange

    def executions(self, wanted: ExecutionFilter) -> list[tuple[Execution, Commission]]:
        """The day's executions that match, with their commission."""
        since = parse_end(wanted.time, "US/Eastern")
        if isinstance(since, Refusal):
            since = None
        return [pair for pair in self._day if _matches(pair[0], wanted, since or 0.0)]

    def roll(self) -> None:
        """Forget the day's executions (a gateway tells of today's only)."""
        self._day.clear()


def _matches(execution: Execution, wanted: ExecutionFilter, since: float) -> bool:
    contract = execution.contract
    side = {"BUY": "BOT", "SELL": "SLD"}.get(wanted.side.upper(), wanted.side.upper())
    pairs = (
        (wanted.clientId, execution.clientId),
        (wanted.acctCode, execution.account),
        (wanted.symbol, contract.symbol),
        (wanted.secType, contract.secType),
        (wanted.exchange if wanted.exchange != "SMART" else "", execution.exchange),
        (side, execution.side),
    )
    return execution.time >= since and all(not asked or asked == found for asked, found in pairs)
