"""What happens to orders and accounts, as values that the wire half turns into messages.

Each event names the client that it belongs to (`clientId`); lists of events are in sending order, with the repeats that
a real gateway sends. Nothing here decides anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from ibmux.sim.catalogue.contracts import Contract

if TYPE_CHECKING:
    from ibmux.sim.orders.order import BookOrder

EVERYBODY = -1


@dataclass(frozen=True, slots=True)
class Margin:
    """The effect of an order on its account, in base currency; a what-if order is answered by it."""

    initBefore: float
    maintBefore: float
    equityBefore: float
    initChange: float
    maintChange: float
    equityChange: float
    initAfter: float
    maintAfter: float
    equityAfter: float
    commission: float
    commissionCurrency: str = "USD"


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """Message openOrder: the order as the gateway holds it now; `fresh`: the first one of an order that works."""

    clientId: int
    order: BookOrder
    status: str
    commission: float | None = None
    margin: Margin | None = None
    warning: str = ""
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class OrderStatus:
    """Message orderStatus; prices in the contract's currency."""

    clientId: int
    orderId: int
    permId: int
    parentId: int
    status: str
    filled: Decimal
    remaining: Decimal
    avgFillPrice: float
    lastFillPrice: float
    whyHeld: str
    mktCapPrice: float = 0.0


@dataclass(frozen=True, slots=True)
class Execution:
    """Message execDetails; `time` in epoch seconds, `side` BOT or SLD."""

    clientId: int
    orderId: int
    permId: int
    contract: Contract
    execId: str
    time: float
    account: str
    exchange: str
    side: str
    shares: Decimal
    price: float
    cumQty: Decimal
    avgPrice: float
    orderRef: str
    liquidation: int = 0
    lastLiquidity: int = 2
    evRule: str = ""
    evMultiplier: int = 0
    modelCode: str = ""


@dataclass(frozen=True, slots=True)
class Commission:
    """Message commissionReport; `realizedPNL` is None for an execution that only opened or added."""

    clientId: int
    execId: str
    commission: float
    currency: str
    realizedPNL: float | None = None


@dataclass(frozen=True, slots=True)
class OrderError:
    """An error message under the order's id."""

    clientId: int
    orderId: int
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class PositionChange:
    """A position after a fill, for every client that subscribed to positions or account updates."""

    account: str
    contract: Contract
    position: Decimal
    avgCost: float
    clientId: int = EVERYBODY


@dataclass(frozen=True, slots=True)
class OrderBound:
    """Message orderBound: an order placed by hand has a number now."""

    clientId: int
    permId: int
    orderId: int


Event = OrderBound | OpenOrder | OrderStatus | Execution | Commission | OrderError | PositionChange
