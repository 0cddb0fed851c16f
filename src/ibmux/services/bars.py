"""Live bars: five-second bars, and histories that are kept up to date; one stream whoever reads it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ibmux.errors import NoLines, RequestError
from ibmux.messages.bars import (
    REAL_TIME_SIZE,
    BarLease,
    BarUpdates,
    CancelHistoricalData,
    CancelRealTimeBars,
    RealTimeBars,
    RealTimeLease,
    ReqBarUpdates,
    ReqRealTimeBars,
    kept_size,
    what_name,
)
from ibmux.messages.contracts import Contract
from ibmux.messages.history import BarData, ReqHistoricalData
from ibmux.services.caller import Caller, Handler
from ibmux.services.history import History
from ibmux.services.streams import Key, Means, Stream, Streams
from ibmux.session.feeds import KeptBars, RealTimeFeed

MOST_KEPT = 40
"""Histories kept up to date at once: IB allows 50 open ones, and some are for questions."""
LATEST = 2
"""Bars in the answer to a renewed lease: the one that changes, and the one before it."""


class BarStreams:
    """Answers about live bars; `room` says how many market-data lines are left for five-second bars."""

    def __init__(self, means: Means, history: History, room: Callable[[], int]) -> None:
        self.publisher, self.contracts = means.publisher, means.contracts
        self.history = history
        self.real_time = Streams(means, room, lambda: NoLines("All market-data lines are in use."))
        self.kept = Streams(
            means, lambda: MOST_KEPT, lambda: NoLines(f"{MOST_KEPT} histories are kept up to date already.")
        )

    def handlers(self) -> dict[str, Handler]:
        """Which function answers which method."""
        return {
            "reqRealTimeBars": self.subscribe,
            "cancelRealTimeBars": self.cancel,
            "reqHistoricalData": self.bars,
            "reqBarUpdates": self.updates,
            "cancelHistoricalData": self.cancel_updates,
        }

    # -- five seconds

    async def subscribe(self, caller: Caller, request: ReqRealTimeBars) -> RealTimeLease:
        """Take or renew a lease of five-second bars."""
        if request.barSize != 5:
            raise RequestError(f"barSize is {request.barSize}; real-time bars have 5 seconds.")
        contract = await self.contracts.resolve_single(caller, request.contract, "five-second bars")
        key = _real_time_key(contract, request.whatToShow, request.useRTH)
        feed = RealTimeFeed(contract, request.whatToShow, request.useRTH, request.realTimeBarsOptions)
        stream, ttl = await self.real_time.take(
            caller, key, Stream(self.publisher, key, feed, RealTimeBars), frozenset(), request.ttl
        )
        return RealTimeLease(contract.conId, contract, ttl, *self._present(stream))

    async def cancel(self, caller: Caller, request: CancelRealTimeBars) -> bool:
        """Give up a lease; the stream lingers. Returns whether there was a lease."""
        contract = await self.contracts.resolve(caller, request.contract)
        return self.real_time.release(caller, _real_time_key(contract, request.whatToShow, request.useRTH))

    # -- histories

    async def bars(self, caller: Caller, request: ReqHistoricalData) -> list[BarData]:
        """Bars, oldest first; those that are kept up to date are shared, whatever their duration."""
        if not request.keepUpToDate:
            return await self.history.bars(caller, request)
        if request.endDateTime:
            raise RequestError("keepUpToDate needs an empty endDateTime: such bars end now.")
        contract, stream, _ = await self._lease(caller, request)
        feed = _feed(stream)
        if feed.duration == request.durationStr:
            return await feed.bars()
        question = msgspec.structs.replace(request, contract=contract, keepUpToDate=False, formatDate=2, ttl=None)
        return feed.lay_over(await self.history.bars(caller, question))

    async def updates(self, caller: Caller, request: ReqBarUpdates) -> BarLease:
        """Take or renew a lease."""
        contract, stream, ttl = await self._lease(caller, request)
        latest = list(_feed(stream).live.values())[-LATEST:]
        return BarLease(contract.conId, contract, ttl, *self._present(stream), latest)

    async def cancel_updates(self, caller: Caller, request: CancelHistoricalData) -> bool:
        """Give up a lease; the stream lingers. Returns whether there was a lease."""
        contract = await self.contracts.resolve(caller, request.contract)
        return self.kept.release(caller, _kept_key(contract, request))

    def _present(self, stream: Stream) -> tuple[str, int, int, float]:
        """Where a stream is heard, the epoch, the number of its next item, the time."""
        return stream.topic, self.publisher.epoch, stream.seq, self.publisher.clock()

    async def _lease(
        self, caller: Caller, request: ReqHistoricalData | ReqBarUpdates
    ) -> tuple[Contract, Stream, float]:
        contract = await self.contracts.resolve(caller, request.contract)
        key = _kept_key(contract, request)
        feed = KeptBars(contract, request.durationStr, request.barSizeSetting, request.whatToShow, request.useRTH)
        stream, ttl = await self.kept.take(
            caller, key, Stream(self.publisher, key, feed, BarUpdates), frozenset(), request.ttl
        )
        return contract, stream, ttl


def _real_time_key(contract: Contract, what: str, rth: bool) -> Key:
    return Key(contract.conId, f"bar/{REAL_TIME_SIZE}/{what_name(what, rth)}")


def _kept_key(contract: Contract, request: ReqHistoricalData | ReqBarUpdates | CancelHistoricalData) -> Key:
    size = kept_size(request.barSizeSetting)
    return Key(contract.conId, f"bar/{size}/{what_name(request.whatToShow, request.useRTH)}")


def _feed(stream: Stream) -> KeptBars:
    assert isinstance(stream.feed, KeptBars)  # noqa: S101 - this table holds no other kind
    return stream.feed
