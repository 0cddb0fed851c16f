"""Interactive Brokers' tick types and what each changes in a ticker, under ib_async's attribute names.

Source of the numbers: "Available Tick Types" in IB's API documentation; 66 to 76, 88, 90, 103 and 104 are the delayed
twins.
"""

from __future__ import annotations

from math import nan
from typing import Any

from ibmux.messages import sides

Values = dict[str, Any]

PRICED: dict[int, sides.Side] = {**sides.PRICED, 48: sides.LAST, 77: sides.LAST}
"""Ticks that carry the price and the size of a side (48 and 77: time and sales)."""
PRICES: dict[int, str] = {
    6: "high", 72: "high", 7: "low", 73: "low", 9: "close", 75: "close", 14: "open", 76: "open",
    15: "low13week", 16: "high13week", 17: "low26week", 18: "high26week", 19: "low52week", 20: "high52week",
    35: "auctionPrice", 37: "markPrice", 50: "bidYield", 103: "bidYield", 51: "askYield", 104: "askYield",
    52: "lastYield", 57: "lastRthTrade", 78: "creditmanMarkPrice", 79: "creditmanSlowMarkPrice",
    92: "etfNavClose", 93: "etfNavPriorClose", 94: "etfNavBid", 95: "etfNavAsk", 96: "etfNavLast",
    97: "etfFrozenNavLast", 98: "etfNavHigh", 99: "etfNavLow", 101: "estimatedIpoMidpoint", 102: "finalIpoLast",
    23: "histVolatility", 24: "impliedVolatility", 31: "indexFuturePremium", 46: "shortable", 49: "halted",
    54: "tradeCount", 55: "tradeRate", 56: "volumeRate", 58: "rtHistVolatility", 60: "bondFactorMultiplier",
    90: "delayedHalted",
}  # fmt: skip
"""Ticks whose one number comes in the place of the price: prices, and IB's generic ticks."""
SIZES: dict[int, str] = {
    8: "volume", 74: "volume", 21: "avVolume", 22: "openInterest", 27: "callOpenInterest", 28: "putOpenInterest",
    29: "callVolume", 30: "putVolume", 34: "auctionVolume", 36: "auctionImbalance", 61: "regulatoryImbalance",
    63: "volumeRate3Min", 64: "volumeRate5Min", 65: "volumeRate10Min", 86: "futuresOpenInterest",
    87: "avOptionVolume", 89: "shortableShares",
}  # fmt: skip
"""Ticks whose one number comes in the place of the size."""
_SINGLE: dict[int, tuple[str, bool]] = {
    **{kind: (name, True) for kind, name in PRICES.items()},
    **{kind: (name, False) for kind, name in SIZES.items()},
}

NUMBERS: frozenset[str] = frozenset(
    {*PRICES.values(), *SIZES.values(), "vwap", "rtVolume", "rtTradeVolume", "minTick"}
    | {name for side in (sides.BID, sides.ASK, sides.LAST) for name in side[:4]}
)
"""Every attribute of a ticker that is a number, NaN while unknown."""


def apply(values: Values, ticks: list[tuple[int, float, float]]) -> None:
    """Change a ticker's attributes by ticks `(type, price, size)`, in order; unknown types change nothing."""
    for kind, price, size in ticks:
        side = PRICED.get(kind)
        if side is not None:
            sides.put(values, side, price, size)
            continue
        single = _SINGLE.get(kind)
        if single is not None:
            values[single[0]] = price if single[1] else size
            continue
        side = sides.SIZED.get(kind)
        if side is not None:
            sides.resize(values, side, size)


def amend(values: dict[str, Any], side: sides.Side, price: float, size: float) -> None:
    """Price and size of a side where they differ; nothing at all shows as no price and no size."""
    for name, previous, value, none in (
        (side.price, side.previous_price, price, sides.NO_PRICE),
        (side.size, side.previous_size, size, 0.0),
    ):
        known = values.get(name, nan)
        if value != known:
            values[previous] = known
            values[name] = value if value > 0 else none
