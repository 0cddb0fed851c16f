"""Turns a match into executions: ids, exchanges, commission, booking; remembers the day's executions.

It neither chooses prices nor changes an order's status.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from decimal import Decimal
from random import Random
from typing import NamedTuple

from ibmux.sim.accounts.accounts import Accounts
from ibmux.sim.accounts.margin import commission
from ibmux.sim.accounts.money import ZERO, exact, worth
from ibmux.sim.catalogue.contracts import Contract, ContractDetails, Refusal
from ibmux.sim.events import Commission, Execution, PositionChange
from ibmux.sim.instants import parse_end
from ibmux.sim.orders.allocation import divide
from ibmux.sim.orders.book import KEPT
from ibmux.sim.orders.combos import Part
from ibmux.sim.orders.order import BookOrder, Charge, ExecutionFilter

VENUES = ("ARCA", "NASDAQ", "IEX", "BATS", "NYSE", "EDGX", "MEMX")
OPTION_VENUES = ("CBOE", "ISE", "PHLX", "AMEX", "BOX")
ADDED, REMOVED = 1, 2  # lastLiquidity of a combination and of anything else, as recorded


class Ticket(NamedTuple):
    """One execution with what follows from it; that of a combination has no commission and moves no position."""

    execution: Execution
    report: Commission | None
    change: PositionChange | None


class Trade(NamedTuple):
    """What is executed: `quantity` of one contract, negative for a sale; `carried`: cost from another contract."""

    details: ContractDetails
    quantity: Decimal
    price: float
    carried: Decimal = ZERO


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
        self._day: deque[tuple[Execution, Commission | None]] = deque(maxlen=KEPT)

    def fill(self, order: BookOrder, quantity: Decimal, price: float, now: float) -> list[Ticket]:
        """Fill `quantity` of an order at `price` and book it: one ticket, or one for each account that shares it."""
        sign = order.spec.sign
        if not order.shares:
            self._count(order, quantity, price)
            return [self._book(order, Trade(order.details, quantity * sign, price), now, self._next_id())]
        names = [name for name, _ in order.shares]
        step = max(Decimal(1), exact(order.details.sizeIncrement)) if not quantity % 1 else exact(1e-4)
        parts = divide(quantity, order.shares, step, [order.allotted.get(name, ZERO) for name in names])
        tickets = []
        for name, part in zip(names, parts, strict=True):
            if part:
                order.allotted[name] = order.allotted.get(name, ZERO) + part
                self._count(order, part, price)
                tickets.append(self._book(order, Trade(order.details, part * sign, price), now, self._next_id(), name))
        return tickets

    def fill_combo(
        self, order: BookOrder, quantity: Decimal, price: float, legs: Sequence[float], now: float
    ) -> list[Ticket]:
        """Fill `quantity` of a combination at `price`, its legs at `legs`: a ticket of the whole, one of each leg."""
        self._count(order, quantity, price)
        number = self._next_id()
        exchange = self._exchange(order.contract, order.parts[0].details.contract)
        trade = Trade(order.details, quantity * order.spec.sign, price)
        whole = self._execution(order, trade, now, (number, exchange, order.payer), (order.filled, order.avgFillPrice))
        self._day.append((whole, None))
        return [
            Ticket(whole, None, None),
            *(
                self._book(order, _leg(part, order.spec.sign * quantity, at), now, f"{number[:-6]}.{place:02d}.01.01")
                for place, (part, at) in enumerate(zip(order.parts, legs, strict=True), start=2)
            ),
        ]

    def settle(self, order: BookOrder, trade: Trade, now: float) -> Ticket:
        """Book what needs no market and costs nothing: exercise, assignment and expiry."""
        return self._book(order, trade, now, self._next_id())

    @staticmethod
    def _count(order: BookOrder, quantity: Decimal, price: float) -> None:
        before = exact(order.avgFillPrice) * order.filled
        order.filled += quantity
        order.avgFillPrice = round(float((before + exact(price) * quantity) / order.filled), 8)
        order.lastFillPrice = price

    def _book(self, order: BookOrder, trade: Trade, now: float, number: str, name: str = "") -> Ticket:
        charge, fee = self._charge(order, trade)
        order.commission = float(order.fees)
        account = self._accounts[name or order.payer]
        realized = account.fill(trade.details, trade.quantity, trade.price, fee, trade.carried)
        exchange = self._exchange(trade.details.contract, trade.details.contract)
        done = (charge.quantity, round(float(charge.notional / charge.quantity), 8))
        execution = self._execution(order, trade, now, (number, exchange, account.name), done)
        profit = None if realized is None else float(realized)
        report = Commission(order.clientId, number, float(fee), "USD", profit)
        self._day.append((execution, report))
        held = account.position(trade.details)
        return Ticket(execution, report, PositionChange(account.name, held.contract, held.position, held.avgCost))

    @staticmethod
    def _charge(order: BookOrder, trade: Trade) -> tuple[Charge, Decimal]:
        """What the order has done in this contract by now, and the commission that this trade adds."""
        charge = order.charges.setdefault(trade.details.contract.conId, Charge())
        charge.quantity += abs(trade.quantity)
        charge.notional += abs(trade.quantity) * exact(trade.price)
        charge.worth += abs(worth(trade.details, trade.quantity, trade.price))
        total = ZERO if order.free else commission(trade.details, charge.quantity, charge.worth)
        due = max(ZERO, total - charge.fee)
        charge.fee += due
        return charge, due

    def _next_id(self) -> str:
        self._serial += 1
        return f"{self._run:08x}.{self._serial:08x}.01.01"

    @staticmethod
    def _execution(
        order: BookOrder, trade: Trade, now: float, names: tuple[str, str, str], done: tuple[Decimal, float]
    ) -> Execution:
        """The execution of that id, exchange and account, after which `done` is executed at that average price."""
        number, exchange, account = names
        return Execution(
            order.clientId, order.orderId, order.permId, trade.details.contract.at(exchange), number, now,
            account, exchange, "BOT" if trade.quantity > 0 else "SLD", abs(trade.quantity), trade.price,
            *done, order.spec.orderRef,
            lastLiquidity=ADDED if trade.details.contract.secType == "BAG" else REMOVED,
        )  # fmt: skip

    def _exchange(self, contract: Contract, listed: Contract) -> str:
        if contract.exchange != "SMART":
            return contract.exchange
        if listed.secType == "OPT":
            return "CBOE" if listed.symbol == "SPX" else self._random.choice(OPTION_VENUES)
        if listed.secType == "STK" and listed.currency == "USD":
            return self._random.choice(VENUES)
        return listed.primaryExchange or listed.exchange

    def since(self, instant: float) -> Iterator[Execution]:
        """The day's executions at or after `instant`, the newest first."""
        for execution, _ in reversed(self._day):
            if execution.time < instant:
                return
            yield execution

    def executions(self, wanted: ExecutionFilter) -> list[tuple[Execution, Commission | None]]:
        """The day's executions that match, with their commission (None for a combination as a whole)."""
        since = parse_end(wanted.time, "US/Eastern")
        if isinstance(since, Refusal):
            since = None
        return [pair for pair in self._day if _matches(pair[0], wanted, since or 0.0)]

    def roll(self) -> None:
        """Forget the day's executions (a gateway tells of today's only)."""
        self._day.clear()


def _leg(part: Part, quantity: Decimal, price: float) -> Trade:
    return Trade(part.details, quantity * part.ratio, price)


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
