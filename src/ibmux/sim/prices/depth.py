"""The book behind the best prices: levels on both sides, whose top is the live quote's.

Sizes and gaps are a pure function of contract, price and time, so that two subscribers see one book. Nothing here knows
who watches it.
"""

from __future__ import annotations

from math import floor
from typing import NamedTuple

from ibmux.sim.prices.course import mix
from ibmux.sim.prices.liquidity import lot_of
from ibmux.sim.prices.quote import Quote

MAKERS = ("NSDQ", "ARCA", "BATS", "EDGX", "BYX", "IEX", "MEMX", "PEARL", "DRCTEDGE", "CHX")
REFRESH = 3.0
"""Seconds for which a level keeps its size."""
MOST_ROWS = 60


class Level(NamedTuple):
    """One row of a book; `marketMaker` is empty in the book of one exchange, the exchange's name in a smart one."""

    price: float
    size: float
    marketMaker: str


def levels(quote: Quote, rows: int, smart: bool, now: float) -> tuple[list[Level], list[Level]]:
    """The bids and the asks around a quote, the best first, at most `rows` each.

    In a smart book several exchanges may stand at one price; their sizes at the best price add up to the quote's.
    A side without a quote is empty.
    """
    if quote.isIndex:
        return [], []
    wanted = max(0, min(rows, MOST_ROWS))
    return _side(quote, -1, wanted, smart, now), _side(quote, 1, wanted, smart, now)


def _side(quote: Quote, sign: int, rows: int, smart: bool, now: float) -> list[Level]:
    price, size = (quote.ask, quote.askSize) if sign > 0 else (quote.bid, quote.bidSize)
    ladder, found = quote.tape.ladder, list[Level]()
    key = quote.details.contract.conId * 2 + (sign > 0)
    while price > 0 and len(found) < rows:
        draw = _draw(key, price, now)
        here = size if not found else _size(quote, draw)
        found += _split(price, here, draw, smart, quote)
        price = ladder.above(price, 1 + (draw >> 50 & 1)) if sign > 0 else ladder.below(price, 1 + (draw >> 50 & 1))
    return found[:rows]


def _draw(key: int, price: float, now: float) -> int:
    """Bits for a price level, which change every few seconds, at every level at another time."""
    level = mix(key * 1_000_003 + round(price * 1e6))
    return mix(level + floor(now / REFRESH + (level & 0xFF) / 256))


def _size(quote: Quote, draw: int) -> float:
    """Sizes grow away from the middle: the far lots of the book."""
    lot, most = lot_of(quote.details)
    return round(lot * (1 + (draw >> 8) % most), 8)


def _split(price: float, size: float, draw: int, smart: bool, quote: Quote) -> list[Level]:
    """One row, or in a smart book up to three exchanges that share the size."""
    if not smart:
        return [Level(price, size, "")]
    lot, _ = lot_of(quote.details)
    lots = round(size / lot) if lot else 0
    places = min(1 + (draw >> 30) % 3, max(1, lots))
    first = (draw >> 40) % len(MAKERS)
    names = [MAKERS[(first + place) % len(MAKERS)] for place in range(places)]
    shares = [lots // places] * places
    shares[0] += lots - sum(shares)
    if lots == 0:
        return [Level(price, size, names[0])]
    return [Level(price, round(share * lot, 8), name) for share, name in zip(shares, names, strict=True)]
