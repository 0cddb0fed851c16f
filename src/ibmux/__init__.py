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
    from ibmux.client.groups import BracketOrder
    from ibmux.client.ib import IB, connect
    from ibmux.client.ticker import OptionComputation, TickData, Ticker
    from ibmux.client.trades import Trade
    from ibmux.errors import IbmuxError
    from ibmux.messages.contracts import ComboLeg, Contract, DeltaNeutralContract, TagValue
    from ibmux.messages.orders import Order, OrderComboLeg, OrderCondition, SoftDollarTier
    from ibmux.messages.trading import ExecutionFilter

__version__ = "0.1.0"

__all__ = [
    "CFD",
    "IB",
    "Bag",
    "Bond",
    "BracketOrder",
    "ComboLeg",
    "Commodity",
    "ContFuture",
    "Contract",
    "Crypto",
    "DeltaNeutralContract",
    "ExecutionCondition",
    "ExecutionFilter",
    "Forex",
    "Future",
    "FuturesOption",
    "IbmuxError",
    "Index",
    "LimitOrder",
    "MarginCondition",
    "MarketOrder",
    "MutualFund",
    "Option",
    "OptionComputation",
    "Order",
    "OrderComboLeg",
    "OrderCondition",
    "PercentChangeCondition",
    "PriceCondition",
    "SoftDollarTier",
    "Stock",
    "StopLimitOrder",
    "StopOrder",
    "TagValue",
    "TickData",
    "Ticker",
    "TimeCondition",
    "Trade",
    "VolumeCondition",
    "Warrant",
    "connect",
    "errors",
    "sync",
]

_ELSEWHERE = {
    "IB": "client.ib",
    "connect": "client.ib",
    "IbmuxError": "errors",
    "BracketOrder": "client.groups",
    "Trade": "client.trades",
    "ExecutionFilter": "messages.trading",
    **dict.fromkeys(("OptionComputation", "TickData", "Ticker"), "client.ticker"),
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
