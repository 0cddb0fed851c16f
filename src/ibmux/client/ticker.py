"""Live market data of a contract under ib_async's attribute names, NaN where nothing is known.

Knows nothing of leases or topics.
"""

from __future__ import annotations

import datetime as dt
from math import isnan, nan
from typing import TYPE_CHECKING, Any

import msgspec

from ibmux.client import ticks as table
from ibmux.client.batches import CHANGED, QUOTED, Batch, show
from ibmux.client.events import Owner, Stream
from ibmux.client.foreign import adapt
from ibmux.client.marketdata import (
    Dividends,
    DOMLevel,
    EfpData,
    FundamentalRatios,
    MktDepthData,
    TickByTickAllLast,
    TickByTickBidAsk,
    TickByTickMidPoint,
    TickData,
)
from ibmux.client.tickfilters import TickerEvent
from ibmux.client.times import read_moment
from ibmux.messages import sides
from ibmux.messages.depth import Book, Change, Level
from ibmux.messages.rules import OptionComputation
from ibmux.messages.ticks import BidAskTick, LastTick

BUFFERED = 10_000
"""Batches that an `async for` over a ticker may fall behind before it loses the oldest."""


_EFPS = ("bidEfp", "askEfp", "lastEfp", "openEfp", "highEfp", "lowEfp", "closeEfp")
_STRUCTS: dict[str, type[msgspec.Struct]] = {
    **dict.fromkeys(("bidGreeks", "askGreeks", "lastGreeks", "modelGreeks", "custGreeks"), OptionComputation),
    **dict.fromkeys(_EFPS, EfpData),
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
    "marketDataType": 1,
    "snapshotPermissions": 0,
    "timestamp": None,
}
"""What an attribute reads as while nothing is known of it."""


class Ticker:
    """The present market data of one contract; it changes in place.

    Events: `updateEvent(ticker)` after each batch of ticks; `updateEvent.trades()`, `bids()`, `asks()`, `bidasks()` and
    `midpoints()` are events of `(time, price, size)`. `async for ticks in ticker` gives every batch as a list of
    `TickData`; a loop that falls behind loses the oldest batches, counted in the stream's `dropped`.

    `ticks`, `tickByTicks` and `domTicks` are what the latest message brought; while `pendingTickersEvent` is emitted,
    what came since the last one. `domBids` and `domAsks` are the book as it stands.

    Attributes:
        contract: the object that was passed to `reqMktData` or the like.
        timestamp: seconds UTC of the last change, by the proxy's clock; None before the first.
        marketDataType: 1 live, 2 frozen, 3 delayed, 4 delayed and frozen.
        gaps: holes in the stream of quotes so far, each closed with a fresh quote.
        stale: whether something that is shown here may be old: the gateway's session or one of the contract's streams
            is interrupted, or suspiciously silent. False again with the first fresh word of each such stream.
        historicalTicks: the ticks before a tick-by-tick stream, where `numberOfTicks` asked for some.
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
        self.updateEvent = TickerEvent("updateEvent", owner)
        self.gaps = 0
        self.historicalTicks: list[Any] = []
        self._batches: tuple[Batch, ...] = ()
        self._shown: dict[str, list[Any]] | None = None
        self._book = Book()
        self._rows = 0
        self._doubts: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        # Called only for what no tick has set: a ticker holds what it knows, the rest is one shared table.
        try:
            return _UNKNOWN[name]
        except KeyError:
            raise AttributeError(f"a Ticker has no attribute {name!r}") from None

    # -- what comes

    def take(self, time: float, ticks: list[tuple[int, float, float]], fields: dict[str, Any]) -> None:
        """Apply one batch from the stream of quotes and show it in `ticks`; `time` in seconds UTC."""
        values = self.__dict__
        table.apply(values, ticks)
        if fields:
            self.fill(fields)
        values["timestamp"] = time
        values["_batches"] = ((QUOTED, time, ticks),)
        values["_shown"] = None
        if self._doubts:
            self._doubts.discard(QUOTED)

    def take_trades(self, time: float, kind: str, ticks: list[LastTick]) -> None:
        """Apply trades of tick-by-tick data, of the stream `kind`, and show them in `tickByTicks`."""
        values = self.__dict__
        for _, price, size, *_ in ticks:
            sides.put(values, sides.LAST, price, size)
        self._note((kind, time, ticks))

    def take_bid_ask(self, time: float, kind: str, ticks: list[BidAskTick]) -> None:
        """Apply changes of bid and ask of tick-by-tick data; what is the same as before is no change."""
        values = self.__dict__
        for _, bid, ask, bid_size, ask_size, *_ in ticks:
            table.amend(values, sides.BID, bid, bid_size)
            table.amend(values, sides.ASK, ask, ask_size)
        self._note((kind, time, ticks))

    def take_midpoints(self, time: float, kind: str, ticks: list[Any]) -> None:
        """Show midpoints of tick-by-tick data; they change nothing else."""
        self._note((kind, time, ticks))

    def take_changes(self, time: float, changes: list[Change]) -> None:
        """Apply changes of the book and show them in `domTicks`."""
        for change in changes:
            self._book.apply(change)
        self._note((CHANGED, time, changes))

    def show(self, time: float, marketDataType: int, fields: dict[str, Any]) -> None:
        """Apply a whole quote; `ticks` is empty then."""
        self.fill(fields)
        self.marketDataType = marketDataType
        self._note((QUOTED, time, []))

    def show_book(self, time: float, book: Book, rows: int) -> None:
        """Take a whole book, of which `rows` are shown on each side; 0 for all."""
        self._book, self._rows = book, rows
        self._note((CHANGED, time, []))

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
            elif name == "fundamentalRatios" and isinstance(value, dict):
                values[name] = FundamentalRatios(**value)
            elif name in _UNKNOWN:
                values[name] = value

    def doubt(self, kind: str) -> None:
        """What a stream of this kind told may be old, until it tells something."""
        self._doubts.add(kind)

    @property
    def stale(self) -> bool:
        """Whether something that is shown here may be old."""
        return bool(self._doubts)

    def gather(self, batches: list[Batch]) -> None:
        """Show what several messages brought, as if they had been one."""
        self._batches, self._shown = tuple(batches), None

    @property
    def batch(self) -> Batch:
        """What the latest message brought."""
        return self._batches[-1]

    def _note(self, batch: Batch) -> None:
        values = self.__dict__
        values["timestamp"] = batch[1]
        values["_batches"] = (batch,)
        values["_shown"] = None
        self._doubts.discard(batch[0])

    # -- what is shown

    @property
    def ticks(self) -> list[TickData]:
        """The last batch of quotes."""
        return self._items("ticks")

    @property
    def tickByTicks(self) -> list[TickByTickAllLast | TickByTickBidAsk | TickByTickMidPoint]:
        """The last batch of tick-by-tick data."""
        return self._items("tickByTicks")

    @property
    def domTicks(self) -> list[MktDepthData]:
        """The last changes of the book."""
        return self._items("domTicks")

    @property
    def domBids(self) -> list[DOMLevel]:
        """The book's bids, best first."""
        return list(self.domBidsDict.values())

    @property
    def domAsks(self) -> list[DOMLevel]:
        """The book's asks, best first."""
        return list(self.domAsksDict.values())

    @property
    def domBidsDict(self) -> dict[int, DOMLevel]:
        """The book's bids by position."""
        return self._side(self._book.bids)

    @property
    def domAsksDict(self) -> dict[int, DOMLevel]:
        """The book's asks by position."""
        return self._side(self._book.asks)

    @property
    def time(self) -> dt.datetime | None:
        """Time of the last change (aware, UTC)."""
        return None if self.timestamp is None else dt.datetime.fromtimestamp(self.timestamp, dt.UTC)

    def _items(self, shown: str) -> list[Any]:
        if self._shown is None:
            self._shown = {}
        items = self._shown.get(shown)
        if items is None:
            items = self._shown[shown] = show(self._batches, shown)
        return items

    def _side(self, levels: dict[int, Level]) -> dict[int, DOMLevel]:
        most = self._rows or len(levels)
        return {position: DOMLevel(*levels[position]) for position in sorted(levels)[:most]}

    def isUnset(self, value: float) -> bool:
        """Whether a number says that nothing is known."""
        return isnan(value)

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
