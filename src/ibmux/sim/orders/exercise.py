"""Options exercised by their holder: the request, what it does at settlement, and who has told to let them lapse.

An exercise shows as an order of the request's number. Settlement moves the option out and delivers shares at the
strike, or pays the difference for an index. What the option has cost becomes part of what the shares cost, as in
IBKR's statements; the option itself realizes nothing. Nothing here knows when contracts expire.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ibmux.sim.accounts.accounts import Accounts
from ibmux.sim.accounts.margin import OPTIONS
from ibmux.sim.catalogue.contracts import ContractDetails, Refusal
from ibmux.sim.events import Event, OrderError
from ibmux.sim.orders import timing
from ibmux.sim.orders.book import OrderBook
from ibmux.sim.orders.order import FILLED, PRE_SUBMITTED, BookOrder, OrderSpec
from ibmux.sim.orders.teller import Teller, Ticket, Trade
from ibmux.sim.prices.market import Market
from ibmux.sim.terms import WorldSettings

EXERCISE, LAPSE = 1, 2
TYPES = {EXERCISE: "EXERCISE", LAPSE: "LAPSE"}
FAILED = "Error processing request.-'bN' : cause - {}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExerciseRequest:
    """Message exerciseOptions; `reqId` is used as an order's number."""

    clientId: int
    reqId: int
    action: int
    quantity: int
    account: str
    override: bool


class Exercise:
    """The exercises of one order desk."""

    def __init__(
        self, book: OrderBook, market: Market, accounts: Accounts, teller: Teller, terms: WorldSettings
    ) -> None:
        self._book, self._market = book, market
        self._accounts, self._teller, self._terms = accounts, teller, terms
        self._lapsing: dict[tuple[str, int], Decimal] = {}

    def take(self, request: ExerciseRequest, details: ContractDetails | Refusal, now: float) -> list[Event]:
        """Answer a request: an order that settles later, or why not; `details` as the universe resolved them."""
        refusal = details if isinstance(details, Refusal) else self._refuse(request, details)
        if refusal is not None or isinstance(details, Refusal):
            found = refusal or Refusal(200, "")
            return [OrderError(request.clientId, request.reqId, found.code, found.text)]
        order = self._order(request, details)
        if request.action == LAPSE:
            self._lapsing[order.account, details.contract.conId] = order.total
        order.permId = self._book.next_perm_id()
        order.accepted = now
        order.due = now + self._terms.moc_delay
        if not self._terms.always_open:
            order.due = timing.session_end(details.venue, now, True)
        self._book.add(order)
        return [*order.snapshot()]

    def _refuse(self, request: ExerciseRequest, details: ContractDetails) -> Refusal | None:
        account = request.account or self._accounts.names[0]
        if account not in self._accounts:
            return Refusal(321, f"Error validating request.-'bN' : cause - Invalid account code '{account}'.")
        if request.reqId < self._book.next_id(request.clientId):
            return Refusal(103, "Duplicate order id")
        early = details.european and request.action == EXERCISE
        if details.contract.secType not in OPTIONS or request.action not in TYPES or early:
            return Refusal(322, FAILED.format("This contract cannot be exercised"))
        held = self._accounts[account].ledger.position(details.contract.conId)
        if not 0 < request.quantity <= held - self._asked(account, details.contract.conId):
            return Refusal(322, FAILED.format("No unlapsed position exists in this option in account") + f" {account}.")
        return None if request.override else self._refuse_unusual(request.action, details)

    def _refuse_unusual(self, action: int, details: ContractDetails) -> Refusal | None:
        """What only an override may do: exercise out of the money, let lapse what is worth something."""
        worthless = self.intrinsic(details, self._spot(details)) <= 0
        if (action == EXERCISE) is not worthless:
            return None
        state = "not in-the-money" if worthless else "in-the-money"
        return Refusal(322, FAILED.format(f"{TYPES[action].title()} ignored because option is {state}."))

    def _asked(self, account: str, conId: int) -> Decimal:
        """How much is being exercised already."""
        working = (o for o in self._book.open() if o.exercise and o.account == account)
        return sum((o.total for o in working if o.contract.conId == conId), Decimal(0))

    def _order(self, request: ExerciseRequest, details: ContractDetails) -> BookOrder:
        quantity = Decimal(request.quantity)
        spec = OrderSpec(
            orderId=request.reqId, clientId=request.clientId, action="SELL", totalQuantity=quantity,
            orderType=TYPES[request.action], account=request.account,
        )  # fmt: skip
        order = BookOrder(spec, details, request.account or self._accounts.names[0], quantity, status=PRE_SUBMITTED)
        order.waiting, order.gate = True, "exercise"
        return order

    def _spot(self, details: ContractDetails) -> float:
        return self._market.quote(details.underConId).mid

    @staticmethod
    def intrinsic(details: ContractDetails, spot: float) -> float:
        """What exercising one unit brings with the underlying at `spot`; negative out of the money."""
        contract = details.contract
        return spot - contract.strike if contract.right == "C" else contract.strike - spot

    def advance(self, now: float) -> list[Event]:
        """Settle the exercises that are due."""
        due = [o for o in self._book.open() if o.exercise and o.due is not None and o.due <= now]
        return [event for order in due for event in self._settle_order(order, now)]

    def _settle_order(self, order: BookOrder, now: float) -> list[Event]:
        tickets = []
        if order.spec.orderType == TYPES[EXERCISE]:
            tickets = self.settle(order, -order.total, round(self._spot(order.details), 2), now)
        order.filled, order.status, order.due = order.total, FILLED, None
        self._book.close(order, now, "")
        told: list[Event] = [ticket.execution for ticket in tickets]
        told += order.snapshot()
        return told + self.costs(tickets)

    def lapses(self, account: str, conId: int) -> Decimal:
        """How many options of an account are to lapse at expiry even if they are worth something."""
        return self._lapsing.pop((account, conId), Decimal(0))

    def settle(self, order: BookOrder, quantity: Decimal, spot: float, now: float) -> list[Ticket]:
        """Exercise (negative `quantity`) or have assigned (positive) so many options, the underlying at `spot`.

        Options on an index are paid in cash: the option trades at what it is worth. For others the option goes at 0
        and the underlying trades at the strike; shares take over the option's cost.
        """
        details, contract = order.details, order.details.contract
        if details.cashSettled:
            worth = round(max(0.0, self.intrinsic(details, spot)), 8)
            return [self._teller.settle(order, Trade(details, quantity, worth), now)]
        under = self._market.details(details.underConId)
        sign = 1 if contract.right == "C" else -1
        shares = -quantity * sign * details.pointValue / under.pointValue
        ledger = self._accounts[order.payer].ledger
        premium = ledger.released(contract.conId, quantity) if under.contract.secType == "STK" else Decimal(0)
        return [
            self._teller.settle(order, Trade(details, quantity, 0.0, -premium), now),
            self._teller.settle(order, Trade(under, shares, contract.strike, premium), now),
        ]

    def vanish(self, order: BookOrder, quantity: Decimal, now: float) -> Ticket:
        """Take worthless options out of an account."""
        return self._teller.settle(order, Trade(order.details, quantity, 0.0), now)

    def pay(self, order: BookOrder, trade: Trade, now: float) -> Ticket:
        """Settle a contract in cash at its last price."""
        return self._teller.settle(order, trade, now)

    @staticmethod
    def costs(tickets: list[Ticket]) -> list[Event]:
        """The commission reports and positions that follow a settlement."""
        reports: list[Event] = [ticket.report for ticket in tickets if ticket.report is not None]
        return [*reports, *(ticket.change for ticket in tickets if ticket.change is not None)]
