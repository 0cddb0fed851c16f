"""What becomes of an order: how it stands, what was executed, what that cost.

Under Interactive Brokers' names; an unset number is `nil`. Prices in the contract's currency, commissions in the
report's.
"""

from __future__ import annotations

import datetime as dt

from ibmux.messages.contracts import Contract
from ibmux.messages.orders import Order
from ibmux.messages.wire import Record

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class OrderStatus(Record):
    """How an order stands, in the gateway's own words (`Submitted`, `Filled`, ...)."""

    orderId: int = 0
    status: str = ""
    filled: float = 0.0
    remaining: float = 0.0
    avgFillPrice: float = 0.0
    permId: int = 0
    parentId: int = 0
    lastFillPrice: float = 0.0
    clientId: int = 0
    whyHeld: str = ""
    mktCapPrice: float = 0.0


class OrderState(Record):
    """Margin and commission of an order, as a what-if reports them; margins are the gateway's own text."""

    status: str = ""
    initMarginBefore: str = ""
    maintMarginBefore: str = ""
    equityWithLoanBefore: str = ""
    initMarginChange: str = ""
    maintMarginChange: str = ""
    equityWithLoanChange: str = ""
    initMarginAfter: str = ""
    maintMarginAfter: str = ""
    equityWithLoanAfter: str = ""
    commission: float | None = None
    minCommission: float | None = None
    maxCommission: float | None = None
    commissionCurrency: str = ""
    warningText: str = ""
    completedTime: str = ""
    completedStatus: str = ""


class Execution(Record):
    """One execution; `time` in UTC, `price` per unit, `side` is BOT or SLD."""

    execId: str = ""
    time: dt.datetime = EPOCH
    acctNumber: str = ""
    exchange: str = ""
    side: str = ""
    shares: float = 0.0
    price: float = 0.0
    permId: int = 0
    clientId: int = 0
    orderId: int = 0
    liquidation: int = 0
    cumQty: float = 0.0
    avgPrice: float = 0.0
    orderRef: str = ""
    evRule: str = ""
    evMultiplier: float = 0.0
    modelCode: str = ""
    lastLiquidity: int = 0
    pendingPriceRevision: bool = False


class CommissionReport(Record):
    """What an execution cost, in `currency`, and what it realised; `realizedPNL` is `nil` for an opening fill."""

    execId: str = ""
    commission: float = 0.0
    currency: str = ""
    realizedPNL: float | None = None
    yield_: float | None = None
    yieldRedemptionDate: int = 0


class Fill(Record):
    """An execution with its contract; `commissionReport` is empty until the gateway sends it. `time` in UTC."""

    contract: Contract
    execution: Execution
    commissionReport: CommissionReport
    time: dt.datetime
    key: str = ""
    script: str = ""


class TradeLogEntry(Record):
    """One step in the life of an order; `time` in UTC."""

    time: dt.datetime
    status: str = ""
    message: str = ""
    errorCode: int = 0


class Trade(Record):
    """An order with all that is known of it. `script` is `external` where no script of ours placed it."""

    contract: Contract
    order: Order
    orderStatus: OrderStatus
    fills: list[Fill] = []
    log: list[TradeLogEntry] = []
    advancedError: str = ""
    key: str = ""
    script: str = ""

    def isDone(self) -> bool:
        """Whether the order is finished: filled, cancelled or refused."""
        return self.orderStatus.status in DONE

    def isActive(self) -> bool:
        """Whether the order may still be executed."""
        return self.orderStatus.status in ACTIVE

    def filled(self) -> float:
        """Units executed so far, from the executions alone; legs of a combination, and what an exercised option
        delivered, do not count.
        """
        return sum(fill.execution.shares for fill in self.fills if is_of_order(self.contract.secType, fill))

    def remaining(self) -> float:
        """Units not yet executed."""
        return self.order.totalQuantity - self.filled()


def is_of_order(secType: str, fill: Fill) -> bool:
    """Whether an execution is one in the order's own contract: of that kind, where others come with it."""
    return secType not in MADE_OF_OTHERS or fill.contract.secType == secType


def put_fill(fills: list[Fill], fill: Fill) -> bool:
    """Enter an execution; a correction takes the place of what it corrects. False if there is a newer one already.

    IB's documentation of `Execution.ExecId`: the id of a correction differs in the digits after the last dot alone.
    """
    base, number = correction(fill.execution.execId)
    for place, known in enumerate(fills):
        there = correction(known.execution.execId)
        if there[0] == base:
            if there[1] < number:
                fills[place] = fill
            return there[1] < number
    fills.append(fill)
    return True


def correction(execId: str) -> tuple[str, int]:
    """What all versions of an execution have in common, and the number of this one: 1 is the original."""
    base, _, number = execId.rpartition(".")
    return (base, int(number)) if base and number.isdecimal() else (execId, 1)


MADE_OF_OTHERS = frozenset({"BAG", "OPT", "FOP", "WAR", "IOPT"})
"""Kinds of contracts whose orders bring executions in other contracts: legs, or the delivery of an exercise."""
DONE = frozenset({"Filled", "Cancelled", "ApiCancelled", "Inactive"})
"""Order states of which none follows (`Inactive` can be revived in TWS by hand; for a script it is refused)."""
ACTIVE = frozenset({"PendingSubmit", "ApiPending", "PreSubmitted", "Submitted", "PendingCancel"})
"""Order states in which the order may be executed."""
