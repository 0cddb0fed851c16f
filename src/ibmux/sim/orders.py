"""What an order is: what a client asked for, what the gateway holds, what remains of it when it is over.

Data and the two messages that describe an order. What happens to orders is decided in `floor` and `desk`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from ibmux.sim.contracts import Contract, ContractDetails
from ibmux.sim.events import OpenOrder, OrderStatus
from ibmux.sim.money import ZERO

API_PENDING, PENDING_CANCEL, PRE_SUBMITTED, SUBMITTED = "ApiPending", "PendingCancel", "PreSubmitted", "Submitted"
FILLED, CANCELLED, API_CANCELLED, INACTIVE = "Filled", "Cancelled", "ApiCancelled", "Inactive"
OVER = frozenset({FILLED, CANCELLED, API_CANCELLED, INACTIVE})
STOPS = frozenset({"STP", "STP LMT", "TRAIL", "TRAIL LIMIT"})
TOUCHES = frozenset({"MIT", "LIT"})
LIMITS = frozenset({"LMT", "STP LMT", "LOC", "LOO", "LIT", "TRAIL LIMIT"})
AUCTIONS = frozenset({"MOC", "LOC", "MOO", "LOO"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSpec:
    """An order as a client sent it; unset prices are None. `wire` is not looked at and comes back with every event."""

    orderId: int
    clientId: int
    action: str
    totalQuantity: Decimal
    orderType: str
    lmtPrice: float | None = None
    auxPrice: float | None = None
    tif: str = "DAY"
    ocaGroup: str = ""
    ocaType: int = 0
    account: str = ""
    orderRef: str = ""
    transmit: bool = True
    parentId: int = 0
    outsideRth: bool = False
    whatIf: bool = False
    trailStopPrice: float | None = None
    trailingPercent: float | None = None
    goodAfterTime: str = ""
    goodTillDate: str = ""
    wire: object = None

    @property
    def sign(self) -> int:
        """1 for a purchase, -1 for a sale."""
        return 1 if self.action == "BUY" else -1

    @property
    def auction(self) -> bool:
        """Whether it waits for an opening or closing auction."""
        return self.orderType in AUCTIONS or self.tif == "OPG"


@dataclass(slots=True, eq=False)
class BookOrder:
    """An order as the gateway holds it now; changes in place.

    Attributes:
        details: its contract as seen on the order's exchange.
        total: the quantity that it may fill, which a sibling's fill may have reduced.
        held: not transmitted yet.
        triggered: a stop's or touch's price has been met, so it works like a market or limit order.
        due: when its next fill is to be tried (epoch seconds), or None while it is not marketable.
        stop: where a trailing stop stands now.
        fees: the commission charged so far, in base currency.
    """

    spec: OrderSpec
    details: ContractDetails
    account: str
    total: Decimal
    permId: int = 0
    parentPermId: int = 0
    status: str = PRE_SUBMITTED
    filled: Decimal = ZERO
    avgFillPrice: float = 0.0
    lastFillPrice: float = 0.0
    whyHeld: str = ""
    commission: float | None = None
    ocaGroup: str = ""
    ocaType: int = 3
    held: bool = False
    waiting: bool = False
    triggered: bool = False
    due: float | None = None
    accepted: float = 0.0
    stop: float | None = None
    slices: int = 1
    fees: Decimal = ZERO
    spent: Decimal = ZERO
    completedTime: str = ""
    completedStatus: str = ""
    expires: float | None = field(default=None)

    @property
    def clientId(self) -> int:
        """The client that it belongs to."""
        return self.spec.clientId

    @property
    def orderId(self) -> int:
        """Its number at that client."""
        return self.spec.orderId

    @property
    def contract(self) -> Contract:
        """Its contract on the order's exchange."""
        return self.details.contract

    @property
    def remaining(self) -> Decimal:
        """What is still to fill; 0 once it is filled."""
        return self.total - self.filled

    @property
    def over(self) -> bool:
        """Whether nothing more can happen to it."""
        return self.status in OVER

    @property
    def child(self) -> bool:
        """Whether it hangs on a parent."""
        return self.spec.parentId != 0

    def open_order(self) -> OpenOrder:
        """Message openOrder with its present status."""
        return OpenOrder(self.clientId, self, self.status, self.commission)

    def order_status(self) -> OrderStatus:
        """Message orderStatus as of now."""
        return OrderStatus(
            self.clientId, self.orderId, self.permId, self.spec.parentId, self.status, self.filled, self.remaining,
            self.avgFillPrice, self.lastFillPrice, self.whyHeld,
        )  # fmt: skip

    def snapshot(self) -> list[OpenOrder | OrderStatus]:
        """The pair of messages that tells a client of the order."""
        return [self.open_order(), self.order_status()]


class CompletedOrder(NamedTuple):
    """An order that is over, for completedOrder; `completedTime` in the exchange's time with its zone."""

    order: BookOrder
    status: str
    completedTime: str
    completedStatus: str
    commission: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionFilter:
    """What reqExecutions asks for; empty fields (and client 0) match everything. `time`: not before, as `parse_end`."""

    clientId: int = 0
    acctCode: str = ""
    time: str = ""
    symbol: str = ""
    secType: str = ""
    exchange: str = ""
    side: str = ""
