"""Bid, ask and last: which ticks carry them, and what such a tick changes in a quote, under ib_async's attribute names.

One place for proxy and client, so that a ticker says the same on both sides. Source of the numbers: "Available Tick
Types" in IB's API documentation; 66 to 71 are the delayed twins.
"""

from __future__ import annotations

from typing import Any, NamedTuple

NO_PRICE = -1.0
"""What ib_async shows where there is no bid or ask."""


class Side(NamedTuple):
    """The attributes of bid, ask or last: price, size, and what they were before."""

    price: str
    size: str
    previous_price: str
    previous_size: str
    empties: bool
    """Whether a size of 0 means that there is no such price (bid and ask, not last)."""


BID = Side("bid", "bidSize", "prevBid", "prevBidSize", empties=True)
ASK = Side("ask", "askSize", "prevAsk", "prevAskSize", empties=True)
LAST = Side("last", "lastSize", "prevLast", "prevLastSize", empties=False)

PRICED: dict[int, Side] = {1: BID, 66: BID, 2: ASK, 67: ASK, 4: LAST, 68: LAST}
"""Ticks that carry the price and the size of a side."""
SIZED: dict[int, Side] = {0: BID, 69: BID, 3: ASK, 70: ASK, 5: LAST, 71: LAST}
"""Ticks that carry only a side's size."""


def put(quote: dict[str, Any], side: Side, price: float, size: float) -> None:
    """A new price and size of a side."""
    price_name, size_name, old_price, old_size, _ = side
    if price_name in quote:
        quote[old_price] = quote[price_name]
    if size_name in quote:
        quote[old_size] = quote[size_name]
    quote[price_name] = price
    quote[size_name] = size


def resize(quote: dict[str, Any], side: Side, size: float) -> None:
    """A change of a side's size alone; a size of 0 takes a bid or ask away."""
    price_name, size_name, _, old_size, empties = side
    if size_name in quote:
        quote[old_size] = quote[size_name]
    quote[size_name] = size
    if size == 0 and empties:
        quote[price_name] = NO_PRICE
