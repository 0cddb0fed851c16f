"""A live quote under ib_async's attribute names, NaN where nothing is known. Knows nothing of leases or topics."""

from __future__ import annotations

import datetime as dt
from math import isnan, nan
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ibmux.client import ticks as table
from ibmux.client.events import Event, Owner, Stream
from ibmux.client.foreign import adapt
from ibmux.client.times import read_moment

BUFFERED = 10_000
"""Batches that an `async for` over a ticker may fall behind before it loses the oldest."""


class TickData(NamedTuple):
    """One tick: time (aware, UTC), IB's tick type, price, size."""

    time: dt.datetime
    tickType: int
    price: float
    size: float


class OptionComputation(msgspec.Struct):
    """An option's volatility, price and greeks; `undPrice` is the underlying's price."""

    tickAttrib: int = 0
    impliedVol: float | None = None
    delta: float | None = None
    optPrice: float | None = None
    pvDividend: float | None = None
    gamma: float | None = None
    vega: float | None = None
    theta: float | None = None
    undPrice: float | None = None


class Dividends(msgspec.Struct):
    """Dividends per share of the past and the next twelve months, and the next one."""

    past12Months: float | None = None
    next12Months: float | None = None
    nextDate: Any = None
    nextAmount: float | None = None


_STRUCTS: dict[str, type[msgspec.Struct]] = {
    **dict.fromkeys(("bidGreeks", "askGreeks", "lastGreeks", "modelGreeks", "custGreeks"), OptionComputation),
    "dividends": Dividends,
}
_MOMENTS = frozenset({"lastTimestamp", "delayedLastTimestamp", "rtTime"})
_TEXTS = (
    "bidExchange", "askExchange", "lastExchange", "lastRegTime", "optionBidExch", "optionAskExch", "bboExchange",
    "reutersMutualFunds", "socialMarketAnalytics",
)  # fmt: skip
_UNKNOWN: dict[str, Any] = {
    **dict.fromkeys(table.NUMBERS, nan),
    **dict.fromkeys(_TEXTS, ""),
    **dict.fromkeys((*_STRUCTS, *_MOMENTS, "fundamentalRatios")),
    **dict.fromkeys(("bidEfp", "askEfp", "lastEfp", "openEfp", "highEfp", "lowEfp", "closeEfp")),
    "marketDataType": 1,
    "snapshotPermissions": 0,
    "timestamp": None,
}
"""What an attribute reads as while nothing is known of it."""


class Ticker:
    """The present market data of one contract; it changes in place.

    Events: `updateEvent(ticker)` after each batch of ticks. `async for ticks in ticker` gives every batch as a list of
    `TickData`; a loop that falls behind loses the oldest batches, counted in the stream's `dropped`.

    Attributes:
        contract: the object that was passed to `reqMktData`.
        timestamp: seconds UTC of the last change, by the proxy's clock; None before the first.
        marketDataType: 1 live, 2 frozen, 3 delayed, 4 delayed and frozen.
        gaps: holes in the stream so far, each closed with a fresh quote.
    """

    if TYPE_CHECKING:
        timestamp: float | None
        marketDataType: int
        bid: float
        bidSize: float
        ask: float
        askSize: float
        last: float
        lastSize: float
        volume: float
        open: float
        high: float
        low: float
        close: float
        halted: float
        modelGreeks: OptionComputation | None

    def __init__(self, contract: Any, owner: Owner | None = None) -> None:
        self.contract = contract
        self.updateEvent = Event("updateEvent", owner)
        self.gaps = 0
        self._batch: list[tuple[int, float, float]] = []
        self._ticks: list[TickData] | None = None

    def __getattr__(self, name: str) -> Any:
        # Called only for what no tick has set: a ticker holds what it knows, the rest is one shared table.
        try:
            return _UNKNOWN[name]
        except KeyError:
            raise AttributeError(f"a Ticker has no attribute {name!r}") from None

    def take(self, time: float, ticks: list[tuple[int, float, float]], fields: dict[str, Any]) -> None:
        """Apply one batch from the stream and show it in `ticks`; `time` in seconds UTC."""
        values = self.__dict__
        table.apply(values, ticks)
        if fields:
            self.fill(fields)
        values["timestamp"] = time
        values["_batch"] = ticks
        values["_ticks"] = None

    def show(self, time: float, marketDataType: int, fields: dict[str, Any]) -> None:
        """Apply a whole quote; `ticks` is empty then."""
        self.fill(fields)
        self.marketDataType = marketDataType
        self.timestamp, self._batch, self._ticks = time, [], None

    def lay(self, ticks: list[tuple[int, float, float]], fields: dict[str, Any]) -> None:
        """Apply once more, over a fresh quote, ticks that were shown before."""
        table.apply(self.__dict__, ticks)
        self.fill(fields)

    def fill(self, fields: dict[str, Any]) -> None:
        """Apply named values: a whole quote, or what is no number."""
        values = self.__dict__
        for name, value in fields.items():
            if name in _STRUCTS and isinstance(value, dict):
                values[name] = msgspec.convert(value, _STRUCTS[name], strict=False)
            elif name in _STRUCTS and value is not None:
                values[name] = adapt(value, _STRUCTS[name])
            elif name in _MOMENTS and value is not None:
                values[name] = read_moment(value)
            elif name in _UNKNOWN:
                values[name] = value

    @property
    def ticks(self) -> list[TickData]:
        """The last batch."""
        if self._ticks is None:
            moment = self.time or dt.datetime.fromtimestamp(0, dt.UTC)
            self._ticks = [TickData(moment, *tick) for tick in self._batch]
        return self._ticks

    @property
    def time(self) -> dt.datetime | None:
        """Time of the last change (aware, UTC)."""
        return None if self.timestamp is None else dt.datetime.fromtimestamp(self.timestamp, dt.UTC)

    def hasBidAsk(self) -> bool:
        """Whether there are a bid and an ask with a size."""
        return bool(self.bid != -1 and self.bidSize > 0 and self.ask != -1 and self.askSize > 0) and not (
            isnan(self.bid) or isnan(self.ask)
        )

    def midpoint(self) -> float:
        """Mean of bid and ask; NaN without both."""
        return (self.bid + self.ask) / 2 if self.hasBidAsk() else nan

    def marketPrice(self) -> float:
        """The last price if it is inside bid and ask or there are none, else their mean."""
        return self.last if not self.hasBidAsk() or self.bid <= self.last <= self.ask else self.midpoint()

    def stream(self, limit: int = BUFFERED) -> Stream[list[TickData]]:
        """Every batch of ticks from now on."""
        return self.updateEvent.stream(limit, "drop-oldest", lambda ticker: ticker.ticks)

    def __aiter__(self) -> Stream[list[TickData]]:
        return self.stream()

    def __repr__(self) -> str:
        known = {name: value for name, value in self.__dict__.items() if name in _UNKNOWN}
        body = ", ".join(f"{name}={value!r}" for name, value in known.items())
        return f"Ticker(contract={self.contract!r}, {body})"
