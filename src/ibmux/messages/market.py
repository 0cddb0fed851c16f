"""Market data: leases, quotes and ticks. Prices in the contract's currency, sizes in its units, times in seconds
UTC.
"""

from __future__ import annotations

from typing import Any

from ibmux.messages.contracts import Contract, TagValue
from ibmux.messages.methods import Request, method
from ibmux.messages.wire import Record


class Quote(Record):
    """Topic `md/<conId>/quote` and the reply to a snapshot: the whole quote.

    `fields` holds what is known, under ib_async's names (`bid`, `bidSize`, `ask`, `last`, `close`, `modelGreeks`, ...);
    what is unknown is absent. `marketDataType`: 1 live, 2 frozen, 3 delayed, 4 delayed and frozen. `stale`: the gateway
    may have gone on without telling (its session is cut, the stream is interrupted or suspiciously silent).
    """

    conId: int
    epoch: int
    seq: int
    time: float
    marketDataType: int
    fields: dict[str, Any]
    stale: bool = False


class Ticks(Record):
    """Topic `md/<conId>/tick`: every tick since the last such message, in order.

    A tick is `[tickType, price, size]` under Interactive Brokers' numbers. `seq` counts the ticks of the stream and
    is that of the first tick here: the next message starts at `seq + len(ticks)`, anything else is a hole. `fields`
    holds what is no number (exchanges, greeks), under ib_async's names. `stale`: what is known of the quote may be old
    from now on, until a message that is not.
    """

    epoch: int
    seq: int
    time: float
    ticks: list[tuple[int, float, float]]
    fields: dict[str, Any] = {}
    stale: bool = False


class Lease(Record):
    """The reply to `reqMktData`: the claim on a shared line, and the quote as it stands.

    A combination (secType `BAG`) is known by its legs, whatever their order and its symbol; its `conId` here and in
    topics is ibmux's own, below 0, and may be used instead of the legs while the proxy runs.
    `ttl` is in seconds: the lease ends unless the request is repeated before, the script cancels, or its connection
    ends.
    """

    conId: int
    contract: Contract
    ttl: float
    quote: Quote


@method("reqMktData", reply=Lease)
class ReqMktData(Request):
    """Stream a contract: `md/<conId>/tick` and `md/<conId>/quote`. One line upstream, whatever the number of scripts.

    With `snapshot` the reply holds the complete quote and nothing is streamed.
    """

    contract: Contract
    genericTickList: str = ""
    snapshot: bool = False
    regulatorySnapshot: bool = False
    mktDataOptions: list[TagValue] = []
    ttl: float | None = None


@method("cancelMktData", reply=bool)
class CancelMktData(Request):
    """Give up this script's lease; the line ends when no script has one."""

    contract: Contract


@method("reqTickers", reply=list[Quote])
class ReqTickers(Request):
    """The present quotes of some contracts, complete."""

    contracts: list[Contract]
    regulatorySnapshot: bool = False


@method("reqMarketDataType", reply=int)
class ReqMarketDataType(Request):
    """Live (1), frozen (2), delayed (3) or delayed and frozen (4) data.

    It holds for the whole session: a change needs `admin`.
    """

    marketDataType: int
