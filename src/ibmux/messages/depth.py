"""Market depth: the order book as it stands, and every change of it. Prices in the contract's currency."""

from __future__ import annotations

from ibmux.messages.contracts import Contract, TagValue
from ibmux.messages.methods import Request, method
from ibmux.messages.streams import StreamClaim
from ibmux.messages.wire import Record

Level = tuple[float, float, str]
"""`[price, size, marketMaker]`."""
Row = tuple[int, float, float, str]
"""`[position, price, size, marketMaker]`."""
Change = tuple[int, str, int, int, float, float]
"""`[position, marketMaker, operation, side, price, size]`."""

PUT = frozenset({0, 1})
DELETE = 2
CLEAR = 3
"""ibmux's own operation: both sides are empty now; the gateway begins anew."""
CLEARED: Change = (0, "", CLEAR, 0, 0.0, 0.0)
BID = 1


class Book:
    """Both sides of a book, by position. One place for proxy and client, so that both see the same book."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids: dict[int, Level] = {}
        self.asks: dict[int, Level] = {}

    def apply(self, change: Change) -> None:
        """Take one change: 0 and 1 put a level at its position, 2 deletes it, 3 clears both sides.

        Gateways fill the positions by inserts and then name the level that changes; nothing moves up or down.
        """
        position, maker, operation, side, price, size = change
        levels = self.bids if side == BID else self.asks
        if operation in PUT:
            levels[position] = (price, size, maker)
        elif operation == DELETE:
            levels.pop(position, None)
        elif operation == CLEAR:
            self.bids, self.asks = {}, {}

    def fill(self, bids: list[Row], asks: list[Row]) -> None:
        """Take a whole book."""
        self.bids, self.asks = (
            {position: (price, size, maker) for position, price, size, maker in rows} for rows in (bids, asks)
        )

    def dump(self) -> tuple[list[Row], list[Row]]:
        """The whole book, as `fill` takes it."""
        bids, asks = (
            [(position, *levels[position]) for position in sorted(levels)] for levels in (self.bids, self.asks)
        )
        return bids, asks

    def rows(self) -> tuple[list[Level], list[Level]]:
        """Bids and asks, each in the order of their positions."""
        return _in_order(self.bids), _in_order(self.asks)


def _in_order(levels: dict[int, Level]) -> list[Level]:
    return [levels[position] for position in sorted(levels)]


class Depth(Record):
    """Topic `md/<conId>/depth`: every change of the book since the last such message, in order.

    A change is `[position, marketMaker, operation, side, price, size]`; operation 0 inserts and 1 updates the level at
    `position`, 2 deletes it, 3 clears both sides; side 0 is the asks', 1 the bids'. `seq` counts the changes of the
    stream and is that of the first one here: the next message starts at `seq + len(changes)`, anything else is a hole:
    then ask `reqMktDepth` again for the book.
    """

    epoch: int
    seq: int
    time: float
    changes: list[Change]


class DepthLease(StreamClaim):
    """The claim on a shared book, and the book as it stands: the next change is number `seq`.

    A row is `[position, price, size, marketMaker]`. `ttl` is as in `StreamLease`.
    """

    bids: list[Row] = []
    asks: list[Row] = []


class DepthMktDataDescription(Record):
    """An exchange that offers market depth for a kind of contract."""

    exchange: str = ""
    secType: str = ""
    listingExch: str = ""
    serviceDataType: str = ""
    aggGroup: int | None = None


@method("reqMktDepth", reply=DepthLease)
class ReqMktDepth(Request):
    """Stream the order book of a contract: `md/<conId>/depth`. The reply holds the book as it stands.

    One book upstream whatever the number of scripts; it has as many rows on each side as the one who asked for most.
    Interactive Brokers allows three books at a time, more from 400 market-data lines on.
    """

    contract: Contract
    numRows: int = 5
    isSmartDepth: bool = False
    mktDepthOptions: list[TagValue] = []
    ttl: float | None = None


@method("cancelMktDepth", reply=bool)
class CancelMktDepth(Request):
    """Give up this script's lease; the book ends when no script has one."""

    contract: Contract
    isSmartDepth: bool = False


@method("reqMktDepthExchanges", reply=list[DepthMktDataDescription])
class ReqMktDepthExchanges(Request):
    """The exchanges that offer market depth."""
