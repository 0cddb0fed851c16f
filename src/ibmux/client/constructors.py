"""Contracts and orders as ib_async's classes of the same names make them: functions that fill in the structs of the
API.
"""

from __future__ import annotations

from typing import Any

from ibmux.errors import RequestError
from ibmux.messages.contracts import Contract
from ibmux.messages.orders import Order, OrderCondition


def Stock(symbol: str = "", exchange: str = "", currency: str = "", **kwargs: Any) -> Contract:
    """A stock or ETF."""
    return Contract("STK", symbol=symbol, exchange=exchange, currency=currency, **kwargs)


def Option(  # noqa: PLR0917 - ib_async's own order
    symbol: str = "",
    lastTradeDateOrContractMonth: str = "",
    strike: float = 0.0,
    right: str = "",
    exchange: str = "",
    multiplier: str = "",
    currency: str = "",
    *,
    secType: str = "OPT",
    **kwargs: Any,
) -> Contract:
    """An option; `right` is P or C, the date YYYYMMDD (last day) or YYYYMM."""
    return Contract(
        secType,
        symbol=symbol,
        lastTradeDateOrContractMonth=lastTradeDateOrContractMonth,
        strike=strike,
        right=right,
        exchange=exchange,
        multiplier=multiplier,
        currency=currency,
        **kwargs,
    )


def FuturesOption(*args: Any, **kwargs: Any) -> Contract:
    """An option on a future; arguments as for `Option`."""
    return Option(*args, secType="FOP", **kwargs)


def Future(  # noqa: PLR0917 - ib_async's own order
    symbol: str = "",
    lastTradeDateOrContractMonth: str = "",
    exchange: str = "",
    localSymbol: str = "",
    multiplier: str = "",
    currency: str = "",
    **kwargs: Any,
) -> Contract:
    """A future; the date is YYYYMMDD (last day) or YYYYMM."""
    return Contract(
        "FUT",
        symbol=symbol,
        lastTradeDateOrContractMonth=lastTradeDateOrContractMonth,
        exchange=exchange,
        localSymbol=localSymbol,
        multiplier=multiplier,
        currency=currency,
        **kwargs,
    )


def ContFuture(
    symbol: str = "",
    exchange: str = "",
    localSymbol: str = "",
    multiplier: str = "",
    currency: str = "",
    **kwargs: Any,
) -> Contract:
    """A continuous future."""
    return Contract(
        "CONTFUT",
        symbol=symbol,
        exchange=exchange,
        localSymbol=localSymbol,
        multiplier=multiplier,
        currency=currency,
        **kwargs,
    )


def Forex(pair: str = "", exchange: str = "IDEALPRO", symbol: str = "", currency: str = "", **kwargs: Any) -> Contract:
    """A pair of currencies, such as `Forex('EURUSD')`.

    Raises:
        RequestError: `pair` does not have six letters.
    """
    if pair and len(pair) != 6:
        raise RequestError(f"{pair!r} is not a pair of currencies.", hint="Write it like EURUSD.")
    return Contract("CASH", symbol=symbol or pair[:3], exchange=exchange, currency=currency or pair[3:], **kwargs)


def Index(symbol: str = "", exchange: str = "", currency: str = "", **kwargs: Any) -> Contract:
    """An index."""
    return Contract("IND", symbol=symbol, exchange=exchange, currency=currency, **kwargs)


def CFD(symbol: str = "", exchange: str = "", currency: str = "", **kwargs: Any) -> Contract:
    """A contract for difference."""
    return Contract("CFD", symbol=symbol, exchange=exchange, currency=currency, **kwargs)


def Commodity(symbol: str = "", exchange: str = "", currency: str = "", **kwargs: Any) -> Contract:
    """A commodity."""
    return Contract("CMDTY", symbol=symbol, exchange=exchange, currency=currency, **kwargs)


def Crypto(symbol: str = "", exchange: str = "", currency: str = "", **kwargs: Any) -> Contract:
    """A crypto currency."""
    return Contract("CRYPTO", symbol=symbol, exchange=exchange, currency=currency, **kwargs)


def Bond(**kwargs: Any) -> Contract:
    """A bond."""
    return Contract("BOND", **kwargs)


def MutualFund(**kwargs: Any) -> Contract:
    """A mutual fund."""
    return Contract("FUND", **kwargs)


def Warrant(**kwargs: Any) -> Contract:
    """A warrant."""
    return Contract("WAR", **kwargs)


def Bag(**kwargs: Any) -> Contract:
    """A combination; its legs are `comboLegs`."""
    return Contract("BAG", **kwargs)


def MarketOrder(action: str, totalQuantity: float, **kwargs: Any) -> Order:
    """Buy or sell at the market."""
    return Order(orderType="MKT", action=action, totalQuantity=totalQuantity, **kwargs)


def LimitOrder(action: str, totalQuantity: float, lmtPrice: float, **kwargs: Any) -> Order:
    """Buy or sell at `lmtPrice` or better."""
    return Order(orderType="LMT", action=action, totalQuantity=totalQuantity, lmtPrice=lmtPrice, **kwargs)


def StopOrder(action: str, totalQuantity: float, stopPrice: float, **kwargs: Any) -> Order:
    """A market order once `stopPrice` is reached."""
    return Order(orderType="STP", action=action, totalQuantity=totalQuantity, auxPrice=stopPrice, **kwargs)


def StopLimitOrder(action: str, totalQuantity: float, lmtPrice: float, stopPrice: float, **kwargs: Any) -> Order:
    """A limit order at `lmtPrice` once `stopPrice` is reached."""
    return Order(
        orderType="STP LMT",
        action=action,
        totalQuantity=totalQuantity,
        lmtPrice=lmtPrice,
        auxPrice=stopPrice,
        **kwargs,
    )


def PriceCondition(**kwargs: Any) -> OrderCondition:
    """The price of another contract (`conId`, `exch`) is above or below `price`."""
    return OrderCondition(1, **kwargs)


def TimeCondition(**kwargs: Any) -> OrderCondition:
    """It is after or before `time`."""
    return OrderCondition(3, **kwargs)


def MarginCondition(**kwargs: Any) -> OrderCondition:
    """The margin cushion is above or below `percent`."""
    return OrderCondition(4, **kwargs)


def ExecutionCondition(**kwargs: Any) -> OrderCondition:
    """An order in `symbol`, `secType`, `exch` was executed."""
    return OrderCondition(5, **kwargs)


def VolumeCondition(**kwargs: Any) -> OrderCondition:
    """The day's volume of a contract is above or below `volume`."""
    return OrderCondition(6, **kwargs)


def PercentChangeCondition(**kwargs: Any) -> OrderCondition:
    """A contract changed by more or less than `changePercent`."""
    return OrderCondition(7, **kwargs)
