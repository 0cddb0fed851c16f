"""Accounts: positions, portfolio, values, profit and loss. Money is in the currency that the record names."""

from __future__ import annotations

from math import nan

from ibmux.messages.contracts import Contract
from ibmux.messages.methods import Request, method
from ibmux.messages.wire import Record


class Position(Record):
    """A holding; `avgCost` is per unit times the multiplier, commissions included, in the contract's currency."""

    account: str
    contract: Contract
    position: float
    avgCost: float


class PortfolioItem(Record):
    """A holding at market prices."""

    contract: Contract
    position: float
    marketPrice: float
    marketValue: float
    averageCost: float
    unrealizedPNL: float
    realizedPNL: float
    account: str


class AccountValue(Record):
    """One value of an account; `value` is the gateway's own text."""

    account: str
    tag: str
    value: str
    currency: str
    modelCode: str = ""


class PnL(Record):
    """Profit and loss of an account in its base currency; NaN where not yet known."""

    account: str = ""
    modelCode: str = ""
    dailyPnL: float = nan
    unrealizedPnL: float = nan
    realizedPnL: float = nan


class PnLSingle(Record):
    """Profit and loss of one position in the account's base currency; NaN where not yet known."""

    account: str = ""
    modelCode: str = ""
    conId: int = 0
    dailyPnL: float = nan
    unrealizedPnL: float = nan
    realizedPnL: float = nan
    position: float = 0
    value: float = nan


class PositionState(Record):
    """Retained topic `state/position/<account>/<conId>`: the last known position; time in seconds UTC."""

    epoch: int
    time: float
    position: Position


class AccountState(Record):
    """Retained topic `state/account/<account>`: the last known values and holdings at market prices, gathered for a
    second; time in seconds UTC.

    The gateway keeps the holdings of one account current; those of others are as they were last asked for.
    """

    epoch: int
    time: float
    values: list[AccountValue]
    portfolio: list[PortfolioItem] = []


class PnLState(Record):
    """Retained topics `state/pnl/<account>` and `…/model/<model>`: the last known profit and loss; that of a model is
    cleared when no script follows it. Time in seconds UTC.
    """

    epoch: int
    time: float
    pnl: PnL


class PnLSingleState(Record):
    """Retained topics `state/pnl/<account>/<conId>` and `…/model/<model>/<conId>`: the last known profit and loss of
    one position; cleared when no script follows it. Time in seconds UTC.
    """

    epoch: int
    time: float
    pnl: PnLSingle


@method("managedAccounts", reply=list[str])
class ManagedAccounts(Request):
    """The accounts of this login."""


@method("positions", "reqPositions", reply=list[Position])
class Positions(Request):
    """All holdings, or those of one account."""

    account: str = ""


@method("portfolio", reply=list[PortfolioItem])
class Portfolio(Request):
    """Holdings at market prices, of one account or of all."""

    account: str = ""


@method("accountValues", reply=list[AccountValue])
class AccountValues(Request):
    """Every value that the gateway reports, of one account or of all."""

    account: str = ""


@method("accountSummary", "reqAccountSummary", reply=list[AccountValue])
class AccountSummary(Request):
    """The summary tags, of one account or of all."""

    account: str = ""


@method("reqAccountUpdates", reply=AccountState)
class ReqAccountUpdates(Request):
    """Values and holdings at market prices of an account (empty: the first), now; `state/account/<account>` goes on
    telling them.
    """

    account: str = ""


@method("reqAccountUpdatesMulti", reply=list[AccountValue])
class ReqAccountUpdatesMulti(Request):
    """The values of an account, or of one of its models, now; from the first call on they are kept current for this
    script, and `state/account/<account>` tells them. An empty account means all.
    """

    account: str = ""
    modelCode: str = ""


@method("reqPnL", "pnl", reply=PnL)
class ReqPnL(Request):
    """Profit and loss of an account, or of one of its models; the first call starts the stream `state/pnl/<account>`,
    or `state/pnl/<account>/model/<model>`.
    """

    account: str
    modelCode: str = ""


@method("cancelPnL", reply=bool)
class CancelPnL(Request):
    """Give up this script's claim on the stream of profit and loss."""

    account: str
    modelCode: str = ""


@method("reqPnLSingle", "pnlSingle", reply=PnLSingle)
class ReqPnLSingle(Request):
    """Profit and loss of one position; the first call starts the stream `state/pnl/<account>/<conId>`, or
    `state/pnl/<account>/model/<model>/<conId>`.
    """

    account: str
    conId: int
    modelCode: str = ""


@method("cancelPnLSingle", reply=bool)
class CancelPnLSingle(Request):
    """Give up this script's claim on the stream of one position's profit and loss."""

    account: str
    conId: int
    modelCode: str = ""
