"""Historical data. Prices in the contract's currency, volumes in its units."""

from __future__ import annotations

from typing import Any, Literal

from ibmux.messages.contracts import Contract, TagValue
from ibmux.messages.methods import Request, method
from ibmux.messages.wire import Record


class BarData(Record):
    """One bar. `date` is its start: ISO 8601 on the wire, a `date` (daily bars) or aware `datetime` in the Python
    client.
    """

    date: Any = ""
    open: float = 0.0
    high: float = 0.0
    low: float = 0.0
    close: float = 0.0
    volume: float = 0.0
    average: float = 0.0
    barCount: int = 0


class HistoricalTick(Record):
    """One tick of the past; `time` is in seconds UTC.

    Of `TRADES` it has `price`, `size`, `pastLimit`, `unreported`, `exchange` and `specialConditions`; of `BID_ASK`
    `priceBid`, `priceAsk`, `sizeBid`, `sizeAsk`, `bidPastLow` and `askPastHigh`; of `MIDPOINT` `price` and `size`.
    """

    time: int
    price: float = 0.0
    size: float = 0.0
    pastLimit: bool = False
    unreported: bool = False
    exchange: str = ""
    specialConditions: str = ""
    priceBid: float = 0.0
    priceAsk: float = 0.0
    sizeBid: float = 0.0
    sizeAsk: float = 0.0
    bidPastLow: bool = False
    askPastHigh: bool = False


class HistoricalSession(Record):
    """One trading session: its start and end in the schedule's time zone (`YYYYMMDD-HH:MM:SS`), and its day."""

    startDateTime: str = ""
    endDateTime: str = ""
    refDate: str = ""


class HistoricalSchedule(Record):
    """The trading sessions of some days, in `timeZone`."""

    startDateTime: str = ""
    endDateTime: str = ""
    timeZone: str = ""
    sessions: list[HistoricalSession] = []


class HistogramData(Record):
    """A price, and how much was traded at it."""

    price: float = 0.0
    count: float = 0


@method("reqHistoricalData", reply=list[BarData])
class ReqHistoricalData(Request):
    """Bars that end at `endDateTime` (empty: now). Never an empty list for an error: those come as `history.failed`.

    With `keepUpToDate` (and an empty `endDateTime`) the bars go on: updates come on `md/<conId>/bar/<size>/<what>`,
    one stream upstream whatever the number of scripts. It is leased for `ttl` seconds; renew it with `reqBarUpdates`,
    which also names the topic. Dates are then in UTC. Bars of at most 30 seconds are limited by Interactive Brokers:
    the same question once in 15 seconds, five in 2 seconds about one contract and kind of data, 60 in 10 minutes
    (`BID_ASK` counts twice); a request waits for its turn, within its deadline.
    """

    contract: Contract
    durationStr: str
    barSizeSetting: str
    whatToShow: str
    useRTH: bool
    endDateTime: str = ""
    formatDate: int = 1
    chartOptions: list[TagValue] = []
    keepUpToDate: bool = False
    ttl: float | None = None


@method("reqHistoricalTicks", reply=list[HistoricalTick])
class ReqHistoricalTicks(Request):
    """Single ticks of the past, oldest first; give a start or an end, not both. 1000 at the most.

    More than `numberOfTicks` may come: the last second is complete.
    """

    contract: Contract
    startDateTime: str
    endDateTime: str
    numberOfTicks: int
    whatToShow: Literal["TRADES", "BID_ASK", "MIDPOINT"]
    useRth: bool
    ignoreSize: bool = False
    miscOptions: list[TagValue] = []


@method("reqHistoricalSchedule", reply=HistoricalSchedule)
class ReqHistoricalSchedule(Request):
    """The trading sessions of the last `numDays` days before `endDateTime` (empty: now)."""

    contract: Contract
    numDays: int
    endDateTime: str = ""
    useRTH: bool = True


@method("reqHistogramData", reply=list[HistogramData])
class ReqHistogramData(Request):
    """How much was traded at which price in a period, such as `3 days`."""

    contract: Contract
    useRTH: bool
    period: str


@method("reqHeadTimeStamp", reply=str)
class ReqHeadTimeStamp(Request):
    """The time (ISO 8601, UTC) of the oldest data of this kind."""

    contract: Contract
    whatToShow: str
    useRTH: bool
    formatDate: int = 1
