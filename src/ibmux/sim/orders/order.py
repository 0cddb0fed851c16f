"""What an order is: what a client asked for, what the gateway holds, what remains of it when it is over.

Data and the two messages that describe an order. What happens to orders is decided in `floor` and `desk`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from ibmux.sim.accounts.money import ZERO
from ibmux.sim.catalogue.contracts import Contract, ContractDetails
from ibmux.sim.events import OpenOrder, OrderStatus
from ibmux.sim.orders.adjusting import Adjustment
from ibmux.sim.orders.combos import Leg, Part
from ibmux.sim.orders.conditions import Condition
from ibmux.sim.orders.scales import Component, Scale, component

API_PENDING, PENDING_CANCEL, PRE_SUBMITTED, SUBMITTED = "ApiPending", "PendingCancel", "PreSubmitted", "Submitted"
FILLED, CANCELLED, API_CANCELLED, INACTIVE = "Filled", "Cancelled", "ApiCancelled", "Inactive"
OVER = frozenset({FILLED, CANCELLED, API_CANCELLED, INACTIVE})
STOPS = frozenset({"STP", "STP LMT", "TRAIL", "TRAIL LIMIT"})
TOUCHES = frozenset({"MIT", "LIT"})
LIMITS = frozenset({"LMT", "STP LMT", "LOC", "LOO", "LIT", "TRAIL LIMIT"})
AUCTIONS = frozenset({"MOC", "LOC", "MOO", "LOO"})
CLOSES = frozenset({"MOC", "LOC"})
MARKETABLE = frozenset({"MKT", "MTL"})
"""Types that trade at any price at once; what a market-to-limit order (MTL) does not fill rests at that price."""
PEGS = frozenset({"REL", "PEG MKT", "PEG MID", "MIDPRICE"})
SNAPS = frozenset({"SNAP MKT", "SNAP MID", "SNAP PRIM"})
EXERCISES = frozenset({"EXERCISE", "LAPSE"})
"""Types of what exerciseOptions asks; they are in the book, but not on the floor."""
EXPIRY = "EXPIRY"
"""The type under which the end of contracts is booked; no client can place it."""
BY_HAND = 0
"""The number of an order placed by hand that no client has bound; bound ones have negative numbers of client 0."""


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
    lmtPriceOffset: float | None = None
    goodAfterTime: str = ""
    goodTillDate: str = ""
    triggerMethod: int = 0
    displaySize: int = 0
    allOrNone: bool = False
    minQty: int = 0
    hidden: bool = False
    discretionaryAmt: float = 0.0
    percentOffset: float | None = None
    cashQty: float | None = None
    algoStrategy: str = ""
    algoParams: tuple[tuple[str, str], ...] = ()
    conditions: tuple[Condition, ...] = ()
    conditionsIgnoreRth: bool = False
    conditionsCancelOrder: bool = False
    adjustment: Adjustment | None = None
    hedgeType: str = ""
    hedgeParam: str = ""
    scale: Scale | None = None
    legs: tuple[Leg, ...] = ()
    legPrices: tuple[float | None, ...] = ()
    faGroup: str = ""
    faMethod: str = ""
    faPercentage: str = ""
    wire: object = None

    @property
    def sign(self) -> int:
        """1 for a purchase, -1 for a sale."""
        return 1 if self.action == "BUY" else -1

    @property
    def auction(self) -> bool:
        """Whether it waits for an opening or closing auction."""
        return self.orderType in AUCTIONS or self.tif in {"OPG", "AUC"}

    @property
    def closing(self) -> bool:
        """Whether it waits for the closing auction."""
        return self.orderType in CLOSES


@dataclass(slots=True)
class Charge:
    """What an order has executed in one contract; `notional` is quantity times price, the rest in base currency."""

    quantity: Decimal = ZERO
    notional: Decimal = ZERO
    worth: Decimal = ZERO
    fee: Decimal = ZERO


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
        pegged: the price at which a snapped order was fixed.
        met: its conditions have been met.
        auctionAt: the instant of the auction that it waits for.
        gate: what holds it back before it works (see `gates`).
        restored: what profit takers of a scale order have given back.
        locating: until when shares to sell short are looked for (epoch seconds).
        parts: the legs of a combination; empty for anything else.
        charges: the commission charged so far, by conId.
        shares: the accounts among which an advisor's order is shared, with their weights; `allotted` is what each got.
        rests: the limit of a plain limit order that nothing but the price can wake (see `Floor.advance`).
        maker: the order whose component it closes (a scale order's profit taker).
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
    completedTime: str = ""
    completedStatus: str = ""
    expires: float | None = None
    starts: float | None = None
    auctionAt: float | None = None
    gate: str = ""
    restored: Decimal = ZERO
    pegged: float | None = None
    met: bool = False
    located: bool = False
    locating: float | None = None
    parts: tuple[Part, ...] = ()
    charges: dict[int, Charge] = field(default_factory=dict)
    maker: BookOrder | None = None
    rests: float | None = None
    shares: tuple[tuple[str, Decimal], ...] = ()
    allotted: dict[str, Decimal] = field(default_factory=dict)

    @property
    def clientId(self) -> int:
        """The client that it belongs to."""
        return self.spec.clientId

    @property
    def orderId(self) -> int:
        """Its number at that client."""
        return self.spec.orderId

    @property
    def payer(self) -> str:
        """The account whose money and positions the order is looked at by."""
        return self.shares[0][0] if self.shares else self.account

    @property
    def contract(self) -> Contract:
        """Its contract on the order's exchange."""
        return self.details.contract

    @property
    def exercise(self) -> bool:
        """Whether it is the exercise of an option."""
        return self.spec.orderType in EXERCISES

    @property
    def free(self) -> bool:
        """Whether its executions cost no commission: exercise, assignment and expiry."""
        return self.spec.orderType in EXERCISES or self.spec.orderType == EXPIRY

    @property
    def manual(self) -> bool:
        """Whether it was placed by hand."""
        return self.spec.orderId <= BY_HAND

    @property
    def component(self) -> Component | None:
        """The component of a scale order that works now; None for any other order."""
        spec = self.spec
        if spec.scale is None or spec.lmtPrice is None:
            return None
        return component(spec.scale, spec.lmtPrice, spec.sign, self.filled - self.restored, self.remaining)

    @property
    def plain_limit(self) -> float | None:
        """The limit of an order that trades at the other side's price or not at all; None for any other."""
        spec = self.spec
        special = spec.scale or spec.legs or spec.conditionsCancelOrder or spec.discretionaryAmt or spec.auction
        return spec.lmtPrice if spec.orderType == "LMT" and not special else None

    @property
    def fees(self) -> Decimal:
        """The commission charged so far, in base currency."""
        return sum((charge.fee for charge in self.charges.values()), ZERO)

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
