"""Tick-by-tick data, live: every single trade, change of bid and ask, or midpoint of a contract.

Prices in the contract's currency, sizes in its units; the time of a tick is the exchange's, in whole seconds UTC.
"""

from __future__ import annotations

from typing import Literal

from ibmux.messages.contracts import Contract
from ibmux.messages.history import HistoricalTick
from ibmux.messages.methods import Request, method
from ibmux.messages.streams import StreamClaim
from ibmux.messages.wire import Record

TickType = Literal["Last", "AllLast", "BidAsk", "MidPoint"]

LastTick = tuple[int, float, float, bool, bool, str, str]
"""`[time, price, size, pastLimit, unreported, exchange, specialConditions]`."""
BidAskTick = tuple[int, float, float, float, float, bool, bool]
"""`[time, bidPrice, askPrice, bidSize, askSize, bidPastLow, askPastHigh]`."""
MidPointTick = tuple[int, float]
"""`[time, midPoint]`."""


class LastTicks(Record):
    """Topics `md/<conId>/last` and `md/<conId>/alllast`: every trade since the last such message, in order.

    A tick is `[time, price, size, pastLimit, unreported, exchange, specialConditions]`. `time` of the message is the
    proxy's clock, that of a tick the exchange's, both in seconds UTC. `seq` counts the ticks of the stream and is that
    of the first tick here: the next message starts at `seq + len(ticks)`, anything else is a hole.
    """

    epoch: int
    seq: int
    time: float
    ticks: list[LastTick]


class BidAskTicks(Record):
    """Topic `md/<conId>/bidask`, numbered as `LastTicks`.

    A tick is `[time, bidPrice, askPrice, bidSize, askSize, bidPastLow, askPastHigh]`.
    """

    epoch: int
    seq: int
    time: float
    ticks: list[BidAskTick]


class MidPointTicks(Record):
    """Topic `md/<conId>/midpoint`, numbered as `LastTicks`. A tick is `[time, midPoint]`."""

    epoch: int
    seq: int
    time: float
    ticks: list[MidPointTick]


class StreamLease(StreamClaim):
    """The claim on a shared stream: where it is heard, and the number of its next item.

    `ttl` is in seconds: the lease ends unless the request is repeated before, the script cancels, or its connection
    ends. `history` are the ticks before the stream, where `numberOfTicks` asked for them.
    """

    history: list[HistoricalTick] = []


@method("reqTickByTickData", reply=StreamLease)
class ReqTickByTickData(Request):
    """Stream single ticks of a contract: `md/<conId>/last`, `/alllast`, `/bidask` or `/midpoint`.

    One stream upstream whatever the number of scripts. Interactive Brokers allows as many at a time as 5 % of the
    market-data lines, and one new one for a contract in 15 seconds: a request waits for its turn, within its deadline.
    With `numberOfTicks` the reply also holds so many ticks of before. The stream has every tick; `ignoreSize` is for
    the reader, who leaves out changes of bid and ask in which only a size changed (the Python client does).
    """

    contract: Contract
    tickType: TickType
    numberOfTicks: int = 0
    ignoreSize: bool = False
    ttl: float | None = None


@method("cancelTickByTickData", reply=bool)
class CancelTickByTickData(Request):
    """Give up this script's lease; the stream ends when no script has one."""

    contract: Contract
    tickType: TickType
