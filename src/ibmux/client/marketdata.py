"""What market data is made of in a script: ticks, levels, bars and their lists, named and shaped as in ib_async."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple, TypeVar

import msgspec

from ibmux.client.events import Event, Owner
from ibmux.messages.history import BarData

EPOCH = dt.datetime.fromtimestamp(0, dt.UTC)
B = TypeVar("B")


class TickData(NamedTuple):
    """One tick: time (aware, UTC), IB's tick type, price, size."""

    time: dt.datetime
    tickType: int
    price: float
    size: float


class TickAttribLast(msgspec.Struct):
    """Marks of a trade."""

    pastLimit: bool = False
    unreported: bool = False


class TickAttribBidAsk(msgspec.Struct):
    """Marks of a change of bid and ask."""

    bidPastLow: bool = False
    askPastHigh: bool = False


class TickByTickAllLast(NamedTuple):
    """One trade; `tickType` is 1 for Last and 2 for AllLast, `time` when it came (aware, UTC)."""

    tickType: int
    time: dt.datetime
    price: float
    size: float
    tickAttribLast: TickAttribLast
    exchange: str
    specialConditions: str


class TickByTickBidAsk(NamedTuple):
    """One change of bid and ask; `time` is when it came (aware, UTC)."""

    time: dt.datetime
    bidPrice: float
    askPrice: float
    bidSize: float
    askSize: float
    tickAttribBidAsk: TickAttribBidAsk


class TickByTickMidPoint(NamedTuple):
    """One midpoint; `time` is when it came (aware, UTC)."""

    time: dt.datetime
    midPoint: float


class HistoricalTick(NamedTuple):
    """One midpoint of the past; `time` aware, UTC."""

    time: dt.datetime
    price: float
    size: float


class HistoricalTickBidAsk(NamedTuple):
    """One change of bid and ask of the past; `time` aware, UTC."""

    time: dt.datetime
    tickAttribBidAsk: TickAttribBidAsk
    priceBid: float
    priceAsk: float
    sizeBid: float
    sizeAsk: float


class HistoricalTickLast(NamedTuple):
    """One trade of the past; `time` aware, UTC."""

    time: dt.datetime
    tickAttribLast: TickAttribLast
    price: float
    size: float
    exchange: str
    specialConditions: str


class DOMLevel(NamedTuple):
    """One row of a book."""

    price: float
    size: float
    marketMaker: str


class MktDepthData(NamedTuple):
    """One change of a book: operation 0 inserts, 1 updates, 2 deletes; side 0 is the asks', 1 the bids'."""

    time: dt.datetime
    position: int
    marketMaker: str
    operation: int
    side: int
    price: float
    size: float


class Dividends(msgspec.Struct):
    """Dividends per share of the past and the next twelve months, and the next one."""

    past12Months: float | None = None
    next12Months: float | None = None
    nextDate: dt.date | None = None
    nextAmount: float | None = None


class EfpData(msgspec.Struct, frozen=True):
    """An exchange for physicals: what a future on a single stock costs against the stock."""

    basisPoints: float = 0.0
    formattedBasisPoints: str = ""
    impliedFuture: float = 0.0
    holdDays: int = 0
    futureLastTradeDate: str = ""
    dividendImpact: float = 0.0
    dividendsToLastTradeDate: float = 0.0


class FundamentalRatios:
    """Ratios of a company, each an attribute under IB's tag."""

    def __init__(self, **ratios: Any) -> None:
        self.__dict__.update(ratios)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FundamentalRatios) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"FundamentalRatios({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


class RealTimeBar(msgspec.Struct):
    """Five seconds from `time` (aware, UTC); `wap` is the average price weighted by volume."""

    time: dt.datetime = EPOCH
    endTime: int = -1
    open_: float = 0.0
    high: float = 0.0
    low: float = 0.0
    close: float = 0.0
    volume: float = 0.0
    wap: float = 0.0
    count: int = 0


class BarList(list[B]):
    """Bars that a script holds: each list is itself, also beside one of equal bars."""

    reqId: int = 0

    def __init__(self, *args: Any, owner: Owner | None = None) -> None:
        super().__init__(*args)
        self.updateEvent = Event("updateEvent", owner)

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__  # type: ignore[assignment]


class BarDataList(BarList[BarData]):
    """Bars with the question that they answer.

    Event: `updateEvent(bars, hasNewBar)` at each change, if they are kept up to date.
    """

    contract: Any
    endDateTime: Any
    durationStr: str
    barSizeSetting: str
    whatToShow: str
    useRTH: bool
    formatDate: int
    keepUpToDate: bool
    chartOptions: list[Any]


class RealTimeBarList(BarList[RealTimeBar]):
    """Five-second bars with the question that they answer. Event: `updateEvent(bars, hasNewBar)` at each new one."""

    contract: Any
    barSize: int
    whatToShow: str
    useRTH: bool
    realTimeBarsOptions: list[Any]
