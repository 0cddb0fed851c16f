"""Tick-by-tick data: one stream for a contract and kind, whoever reads it; IB allows few of them."""

from __future__ import annotations

import datetime as dt

from ibmux.errors import NoStreams, RequestError
from ibmux.messages.contracts import Contract
from ibmux.messages.history import HistoricalTick, ReqHistoricalTicks
from ibmux.messages.ticks import (
    BidAskTicks,
    CancelTickByTickData,
    LastTicks,
    MidPointTicks,
    ReqTickByTickData,
    StreamLease,
    TickType,
)
from ibmux.services.caller import Caller, Handler
from ibmux.services.history import History
from ibmux.services.streams import Key, Means, Stream, Streams, Wrap
from ibmux.session.feeds import TickByTick

LARGEST_HISTORY = 1000
"""Ticks of before that the gateway gives at once."""
_KINDS: dict[TickType, tuple[str, Wrap, str]] = {
    "Last": ("last", LastTicks, "TRADES"),
    "AllLast": ("alllast", LastTicks, "TRADES"),
    "BidAsk": ("bidask", BidAskTicks, "BID_ASK"),
    "MidPoint": ("midpoint", MidPointTicks, "MIDPOINT"),
}
"""Name of the stream in its topic, its messages, and what its history is called."""


class TickStreams:
    """Answers about tick-by-tick data."""

    def __init__(self, means: Means, history: History) -> None:
        self.session, self.publisher, self.contracts, self.settings, _ = means
        self.history = history
        self.streams = Streams(means, self._room, self._full)

    def handlers(self) -> dict[str, Handler]:
        """Which function answers which method."""
        return {"reqTickByTickData": self.subscribe, "cancelTickByTickData": self.cancel}

    async def subscribe(self, caller: Caller, request: ReqTickByTickData) -> StreamLease:
        """Take or renew a lease; ticks of before are a question of their own, so that whoever comes late gets them."""
        if not 0 <= request.numberOfTicks <= LARGEST_HISTORY:
            raise RequestError(f"numberOfTicks is {request.numberOfTicks}; it must be from 0 to {LARGEST_HISTORY}.")
        contract = await self.contracts.resolve_single(caller, request.contract, "tick-by-tick data")
        name, wrap, what = _KINDS[request.tickType]
        key = Key(contract.conId, name)
        before = self.streams.leases.find(caller.owner, key)
        stream, ttl = await self.streams.take(
            caller,
            key,
            Stream(self.publisher, key, TickByTick(contract, request.tickType), wrap),
            frozenset(),
            request.ttl,
        )
        seq = stream.seq
        try:
            past = await self._past(caller, contract, request.numberOfTicks, what) if request.numberOfTicks else []
        except BaseException:
            if before is None:
                self.streams.release(caller, key)
            raise
        publisher = self.publisher
        return StreamLease(contract.conId, contract, ttl, stream.topic, publisher.epoch, seq, publisher.clock(), past)

    async def cancel(self, caller: Caller, request: CancelTickByTickData) -> bool:
        """Give up a lease; the stream lingers. Returns whether there was a lease."""
        contract = await self.contracts.resolve(caller, request.contract)
        return self.streams.release(caller, Key(contract.conId, _KINDS[request.tickType][0]))

    async def _past(self, caller: Caller, contract: Contract, count: int, what: str) -> list[HistoricalTick]:
        now = dt.datetime.fromtimestamp(await self.session.current_time(deadline=caller.deadline), dt.UTC)
        question = ReqHistoricalTicks(contract, "", now.strftime("%Y%m%d %H:%M:%S UTC"), count, what, False)  # type: ignore[arg-type]
        ticks = await self.history.ticks(caller, question)
        return ticks[-count:]

    def _room(self) -> int:
        """IB's rule: 5 % of the market-data lines."""
        return max(1, self.settings.lines * 5 // 100)

    def _full(self) -> NoStreams:
        return NoStreams(
            f"All {self._room()} tick-by-tick streams of {self.settings.lines} market-data lines are in use."
        )
