"""Market depth: one book for a contract, whoever reads it; who comes late gets the book as it stands."""

from __future__ import annotations

from ibmux.core.leases import Demands
from ibmux.errors import NoStreams, RequestError
from ibmux.messages.depth import (
    CancelMktDepth,
    Depth,
    DepthLease,
    DepthMktDataDescription,
    ReqMktDepth,
    ReqMktDepthExchanges,
)
from ibmux.services.caller import Caller, Handler
from ibmux.services.streams import Key, Means, Stream, Streams
from ibmux.session.feed import Feed
from ibmux.session.feeds import DepthFeed

NAME = "depth"
FEWEST_BOOKS = 3
LINES_PER_BOOK = 100
"""IB's rule: three books, and one for each hundred lines where that is more."""


class DepthStreams:
    """Answers about order books."""

    def __init__(self, means: Means) -> None:
        self.session, self.publisher, self.contracts, self.settings, _ = means
        self.streams = Streams(means, self._room, self._full)
        self.streams.refit = _refit

    def handlers(self) -> dict[str, Handler]:
        """Which function answers which method."""
        return {
            "reqMktDepth": self.subscribe,
            "cancelMktDepth": self.cancel,
            "reqMktDepthExchanges": self.exchanges,
        }

    async def subscribe(self, caller: Caller, request: ReqMktDepth) -> DepthLease:
        """Take or renew a lease; a book with fewer rows than wanted is asked for again."""
        if request.numRows < 1:
            raise RequestError(f"numRows is {request.numRows}; it must be at least 1.")
        contract = await self.contracts.resolve_single(caller, request.contract, "order books")
        key = Key(contract.conId, NAME)
        self._check_kind(key, request.isSmartDepth)
        feed = DepthFeed(contract, request.numRows, request.isSmartDepth, request.mktDepthOptions)
        demands = frozenset({str(request.numRows)})
        stream, ttl = await self.streams.take(
            caller, key, Stream(self.publisher, key, feed, Depth), demands, request.ttl
        )
        self._check_kind(key, request.isSmartDepth)
        publisher, book = self.publisher, _feed(stream).book_now
        return DepthLease(
            contract.conId,
            contract,
            ttl,
            stream.topic,
            publisher.epoch,
            stream.seq,
            publisher.clock(),
            *book.dump(),
        )

    async def cancel(self, caller: Caller, request: CancelMktDepth) -> bool:
        """Give up a lease; the book lingers. Returns whether there was a lease."""
        contract = await self.contracts.resolve(caller, request.contract)
        return self.streams.release(caller, Key(contract.conId, NAME))

    async def exchanges(self, caller: Caller, _request: ReqMktDepthExchanges) -> list[DepthMktDataDescription]:
        """Where books can be had."""
        return await self.session.depth_exchanges(deadline=caller.deadline, script=caller.script)

    def _check_kind(self, key: Key, smart: bool) -> None:
        stream = self.streams.opened.get(key)
        if stream is not None and _feed(stream).smart != smart:
            kinds = ("one exchange", "SMART depth")
            raise RequestError(
                f"The book of {stream.contract.symbol} is already streamed as {kinds[not smart]}.",
                hint="One contract has one book: ask for it with the same isSmartDepth.",
            )

    def _room(self) -> int:
        return max(FEWEST_BOOKS, self.settings.lines // LINES_PER_BOOK)

    def _full(self) -> NoStreams:
        return NoStreams(f"All {self._room()} order books are in use.")


def _feed(stream: Stream) -> DepthFeed:
    assert isinstance(stream.feed, DepthFeed)  # noqa: S101 - this table holds no other kind
    return stream.feed


def _refit(feed: Feed, demands: Demands) -> bool:
    """Give a book as many rows as whoever wants most; whether that is more than it had."""
    assert isinstance(feed, DepthFeed)  # noqa: S101 - as above
    rows = max(int(each) for each in demands)
    more, feed.rows = rows > feed.rows, max(rows, feed.rows)
    return more
