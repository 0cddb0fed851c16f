"""Live bars: five-second bars as they end, and histories that are kept up to date. Prices in the contract's currency.

Knows how such a stream is called in its topic.
"""

from __future__ import annotations

import re

from ibmux.errors import RequestError
from ibmux.messages.contracts import Contract, TagValue
from ibmux.messages.history import BarData
from ibmux.messages.methods import Request, method
from ibmux.messages.streams import StreamClaim
from ibmux.messages.wire import Record

REAL_TIME_SIZE = "5s"
_UNITS = {"sec": "s", "min": "m", "hour": "h", "day": "d", "week": "w", "month": "mo"}
_SIZE = re.compile(r"(\d+) ?([a-z]+?)s?\Z")


class RealTimeBar(Record):
    """Five seconds. `time` is the start, in seconds UTC; `wap` the average price weighted by volume."""

    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    wap: float
    count: int


class RealTimeBars(Record):
    """Topic `md/<conId>/bar/5s/<what>`: bars that have ended, oldest first.

    `seq` counts the bars of the stream and is that of the first one here: the next message starts at
    `seq + len(bars)`, anything else is a hole.
    """

    epoch: int
    seq: int
    time: float
    bars: list[RealTimeBar]


class BarUpdates(Record):
    """Topic `md/<conId>/bar/<size>/<what>`: bars of a history that is kept up to date, as they stand now.

    A bar replaces the one with the same `date`, or is new at the end. `seq` counts these updates, as in
    `RealTimeBars`; after a hole ask `reqHistoricalData` again.
    """

    epoch: int
    seq: int
    time: float
    bars: list[BarData]


class BarLease(StreamClaim):
    """The claim on a history that is kept up to date: where updates are heard, and the number of the next one.

    `bars` are the latest two bars as they stood just before that update. `ttl` is as in `StreamLease`.
    """

    bars: list[BarData] = []


class RealTimeLease(StreamClaim):
    """The claim on five-second bars: where they are heard, the number of the next one; `ttl` as in `StreamLease`."""


@method("reqRealTimeBars", reply=RealTimeLease)
class ReqRealTimeBars(Request):
    """Stream five-second bars: `md/<conId>/bar/5s/<what>`, or `…/<what>.rth` of regular trading hours alone.

    `whatToShow` is `TRADES`, `MIDPOINT`, `BID` or `ASK`. One stream upstream whatever the number of scripts; it takes a
    market-data line. Interactive Brokers allows 60 new ones in 10 minutes.
    """

    contract: Contract
    barSize: int = 5
    whatToShow: str = "TRADES"
    useRTH: bool = False
    realTimeBarsOptions: list[TagValue] = []
    ttl: float | None = None


@method("cancelRealTimeBars", reply=bool)
class CancelRealTimeBars(Request):
    """Give up this script's lease; the stream ends when no script has one."""

    contract: Contract
    whatToShow: str = "TRADES"
    useRTH: bool = False


@method("reqBarUpdates", reply=BarLease)
class ReqBarUpdates(Request):
    """Take or renew the lease of a history that is kept up to date, without its bars: `md/<conId>/bar/<size>/<what>`.

    Not of ib_async: `reqHistoricalData` with `keepUpToDate` takes the same lease and answers with the bars. Sizes in
    topics are `5s.live`, `30s`, `1m`, `1h`, `1d`, `1w`, `1mo`; `<what>` is as in `reqRealTimeBars`.
    """

    contract: Contract
    durationStr: str
    barSizeSetting: str
    whatToShow: str
    useRTH: bool
    ttl: float | None = None


@method("cancelHistoricalData", reply=bool)
class CancelHistoricalData(Request):
    """Give up this script's lease of a history that is kept up to date; it ends when no script has one."""

    contract: Contract
    barSizeSetting: str
    whatToShow: str
    useRTH: bool


def size_name(setting: str) -> str:
    """A bar size of IB, such as `5 mins`, as one level of a topic: `5m`.

    Raises:
        RequestError: it is not written as IB writes sizes.
    """
    match = _SIZE.match(setting.strip())
    unit = _UNITS.get(match[2]) if match else None
    if match is None or unit is None:
        raise RequestError(f"barSizeSetting is {setting!r}.", hint="Sizes are `5 secs`, `1 min`, `2 hours`, `1 day`, …")
    return f"{match[1]}{unit}"


def what_name(what: str, useRTH: bool) -> str:
    """What the bars show, as one level of a topic; `.rth` is of regular trading hours alone.

    Raises:
        RequestError: it cannot be one.
    """
    if not re.fullmatch(r"[A-Z_]+", what):
        raise RequestError(f"whatToShow is {what!r}.", hint="Live bars show `TRADES`, `MIDPOINT`, `BID` or `ASK`.")
    return f"{what}.rth" if useRTH else what


def kept_size(setting: str) -> str:
    """The size of bars that are kept up to date, as one level of a topic: `5s` alone is of the real-time bars."""
    name = size_name(setting)
    return f"{name}.live" if name == REAL_TIME_SIZE else name
