"""Interactive Brokers' tick types and what each changes in a ticker, under ib_async's attribute names.

Source of the numbers: "Available Tick Types" in IB's API documentation; 66 to 76, 88, 90, 103 and 104 are the delayed
twins.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Values = dict[str, Any]


class Side(NamedTuple):
    """The attributes of bid, ask or last: price, size, and what they were before."""

    price: str
    size: str
    previous_price: str
    previous_size: str
    empties: bool
    """Whether a size of 0 means that there is no such price (bid and ask, not last)."""


_BID = Side("bid", "bidSize", "prevBid", "prevBidSize", empties=True)
_ASK = Side("ask", "askSize", "prevAsk", "prevAskSize", empties=True)
_LAST = Side("last", "lastSize", "prevLast", "prevLastSize", empties=False)

PRICED: dict[int, Side] = {1: _BID, 66: _BID, 2: _ASK, 67: _ASK, 4: _LAST, 68: _LAST, 48: _LAST, 77: _LAST}
"""Ticks that carry the price and the size of a side (48 and 77: time and sales)."""
SIZED: dict[int, Side] = {0: _BID, 69: _BID, 3: _ASK, 70: _ASK, 5: _LAST, 71: _LAST}
"""Ticks that carry only a side's size."""
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
    | {name for side in (_BID, _ASK, _LAST) for name in side[:4]}
)
"""Every attribute of a ticker that is a number, NaN while unknown."""


def apply(values: Values, ticks: list[tuple[int, float, float]]) -> None:
    """Change a ticker's attributes by ticks `(type, price, size)`, in order; unknown types change nothing."""
    for kind, price, size in ticks:
        side = PRICED.get(kind)
        if side is not None:
            price_name, size_name, old_price, old_size, _ = side
            if price_name in values:
                values[old_price] = values[price_name]
            if size_name in values:
                values[old_size] = values[size_name]
            values[price_name] = price
            values[size_name] = size
            continue
        single = _SINGLE.get(kind)
        if single is not None:
            values[single[0]] = price if single[1] else size
            continue
        side = SIZED.get(kind)
        if side is not None:
            _resize(values, side, size)


def _resize(values: Values, side: Side, size: float) -> None:
    """A change of a side's size alone; a size of 0 takes a bid or ask away, which ib_async shows as -1."""
    if side.size in values:
        values[side.previous_size] = values[side.size]
    values[side.size] = size
    if size == 0 and side.empties:
        values[side.price] = -1.0
