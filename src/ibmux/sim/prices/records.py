"""What a tape tells: bars, trades, quotes, midpoints. Plain records, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; `time` is the start (epoch seconds), `date` the trading day that it belongs to.

    `volume`, `wap` and `count` are -1 for data that are not trades.
    """

    time: float
    date: date
    open: float
    high: float
    low: float
    close: float
    volume: float
    wap: float
    count: int


class TradeTick(NamedTuple):
    """A trade, as tick-by-tick data show it."""

    time: float
    price: float
    size: float
    exchange: str
    conditions: str
    pastLimit: bool
    unreported: bool


class QuoteTick(NamedTuple):
    """A change of the best bid or ask, or of their sizes."""

    time: float
    bid: float
    ask: float
    bidSize: float
    askSize: float
    bidPastLow: bool
    askPastHigh: bool


class MidTick(NamedTuple):
    """A change of the midpoint."""

    time: float
    price: float
