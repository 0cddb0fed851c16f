"""One Interactive Brokers session, every script.

What scripts import stands here, and is loaded on first use, so that importing is light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ibmux import errors, sync
    from ibmux.client.constructors import (
        CFD,
        Bag,
        Bond,
        Commodity,
        ContFuture,
        Crypto,
        ExecutionCondition,
        Forex,
        Future,
        FuturesOption,
        Index,
        LimitOrder,
        MarginCondition,
        MarketOrder,
        MutualFund,
        Option,
        PercentChangeCondition,
        PriceCondition,
        Stock,
        StopLimitOrder,
        StopOrder,
        TimeCondition,
        VolumeCondition,
        Warrant,
    )
    from ibmux.client.frames import df
    from ibmux.client.ib import IB, connect
    from ibmux.client.marketdata import (
        BarDataList,
        DOMLevel,
        HistoricalTick,
        HistoricalTickBidAsk,
        HistoricalTickLast,
        MktDepthData,
        RealTimeBar,
        RealTimeBarList,
        TickAttribBidAsk,
        TickAttribLast,
        TickByTickAllLast,
        TickByTickBidAsk,
        TickByTickMidPoint,
        TickData,
    )
    from ibmux.client.scanner import ScanDataList
    from ibmux.client.ticker import Ticker
    from ibmux.client.trades import Trade
    from ibmux.client.units import BracketOrder, ScaleOut
    from ibmux.errors import IbmuxError
    from ibmux.messages.calendar import WshEventData
    from ibmux.messages.contracts import ComboLeg, Contract, DeltaNeutralContract, TagValue
    from ibmux.messages.depth import DepthMktDataDescription
    from ibmux.messages.history import BarData, HistogramData, HistoricalSchedule, HistoricalSession
    from ibmux.messages.orders import Order, OrderComboLeg, OrderCondition, SoftDollarTier
    from ibmux.messages.rules import OptionComputation, PriceIncrement, SmartComponent
    from ibmux.messages.scanner import ScannerSubscription
    from ibmux.messages.trading import ExecutionFilter

__version__ = "0.1.0"

__all__ = [
    "CFD",
    "IB",
    "Bag",
    "BarData",
    "BarDataList",
    "Bond",
    "BracketOrder",
    "ComboLeg",
    "Commodity",
    "ContFuture",
    "Contract",
    "Crypto",
    "DOMLevel",
    "DeltaNeutralContract",
    "DepthMktDataDescription",
    "ExecutionCondition",
    "ExecutionFilter",
    "Forex",
    "Future",
    "FuturesOption",
    "HistogramData",
    "HistoricalSchedule",
    "HistoricalSession",
    "HistoricalTick",
    "HistoricalTickBidAsk",
    "HistoricalTickLast",
    "IbmuxError",
    "Index",
    "LimitOrder",
    "MarginCondition",
    "MarketOrder",
    "MktDepthData",
    "MutualFund",
    "Option",
    "OptionComputation",
    "Order",
    "OrderComboLeg",
    "OrderCondition",
    "PercentChangeCondition",
    "PriceCondition",
    "PriceIncrement",
    "RealTimeBar",
    "RealTimeBarList",
    "ScaleOut",
    "ScanDataList",
    "ScannerSubscription",
    "SmartComponent",
    "SoftDollarTier",
    "Stock",
    "StopLimitOrder",
    "StopOrder",
    "TagValue",
    "TickAttribBidAsk",
    "TickAttribLast",
    "TickByTickAllLast",
    "TickByTickBidAsk",
    "TickByTickMidPoint",
    "TickData",
    "Ticker",
    "TimeCondition",
    "Trade",
    "VolumeCondition",
    "Warrant",
    "WshEventData",
    "connect",
    "df",
    "errors",
    "sync",
]

_ELSEWHERE = {
    "IB": "client.ib",
    "connect": "client.ib",
    "IbmuxError": "errors",
    "BracketOrder": "client.units",
    "ScaleOut": "client.units",
    "df": "client.frames",
    "Trade": "client.trades",
    "ExecutionFilter": "messages.trading",
    "ScanDataList": "client.scanner",
    "ScannerSubscription": "messages.scanner",
    "WshEventData": "messages.calendar",
    "Ticker": "client.ticker",
    **dict.fromkeys(
        (
            "BarDataList",
            "DOMLevel",
            "HistoricalTick",
            "HistoricalTickBidAsk",
            "HistoricalTickLast",
            "MktDepthData",
            "RealTimeBar",
            "RealTimeBarList",
            "TickAttribBidAsk",
            "TickAttribLast",
            "TickByTickAllLast",
            "TickByTickBidAsk",
            "TickByTickMidPoint",
            "TickData",
        ),
        "client.marketdata",
    ),
    **dict.fromkeys(("OptionComputation", "PriceIncrement", "SmartComponent"), "messages.rules"),
    **dict.fromkeys(("BarData", "HistogramData", "HistoricalSchedule", "HistoricalSession"), "messages.history"),
    "DepthMktDataDescription": "messages.depth",
    **dict.fromkeys(("ComboLeg", "Contract", "DeltaNeutralContract", "TagValue"), "messages.contracts"),
    **dict.fromkeys(("Order", "OrderComboLeg", "OrderCondition", "SoftDollarTier"), "messages.orders"),
}
"""Where a name is defined, if not among the constructors."""


def __getattr__(name: str) -> Any:
    if name in ("errors", "sync"):
        return import_module(f"ibmux.{name}")
    if name not in __all__:
        raise AttributeError(f"module 'ibmux' has no attribute {name!r}")
    value = getattr(import_module(f"ibmux.{_ELSEWHERE.get(name, 'client.constructors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
