"""What Interactive Brokers says about markets and options on request: price steps, exchanges, computed prices."""

from __future__ import annotations

from ibmux.messages.contracts import Contract, TagValue
from ibmux.messages.methods import Request, method
from ibmux.messages.wire import Record


class PriceIncrement(Record):
    """From the price `lowEdge` on, prices move in steps of `increment`."""

    lowEdge: float = 0.0
    increment: float = 0.0


class SmartComponent(Record):
    """An exchange that a letter (in `bidExchange`, `askExchange`, `lastExchange` of a quote) stands for."""

    bitNumber: int = 0
    exchange: str = ""
    exchangeLetter: str = ""


class OptionComputation(Record):
    """An option's volatility, price and greeks; nil is what was not computed. `undPrice` is the underlying's price."""

    tickAttrib: int = 0
    impliedVol: float | None = None
    delta: float | None = None
    optPrice: float | None = None
    pvDividend: float | None = None
    gamma: float | None = None
    vega: float | None = None
    theta: float | None = None
    undPrice: float | None = None


@method("reqMarketRule", reply=list[PriceIncrement])
class ReqMarketRule(Request):
    """The price steps of a rule; `marketRuleIds` in contract details names the rules, one for each exchange."""

    marketRuleId: int


@method("reqSmartComponents", reply=list[SmartComponent])
class ReqSmartComponents(Request):
    """The exchanges behind the letters of a quote; `bboExchange` is an attribute of a streamed quote."""

    bboExchange: str


@method("calculateImpliedVolatility", reply=OptionComputation)
class CalculateImpliedVolatility(Request):
    """The volatility at which the option would have this price."""

    contract: Contract
    optionPrice: float
    underPrice: float
    implVolOptions: list[TagValue] = []


@method("calculateOptionPrice", reply=OptionComputation)
class CalculateOptionPrice(Request):
    """The option's price at this volatility."""

    contract: Contract
    volatility: float
    underPrice: float
    optPrcOptions: list[TagValue] = []
