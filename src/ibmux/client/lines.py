"""One streamed contract: the lease, and the order of its ticks. Decides what is new, what is old and what is missing.

The stream's numbers count ticks. A quote says up to which number it knows; ticks before that are inside it. A hole or
another epoch means that something was missed: ticks go on being applied, and are laid once more over the fresh quote
when it comes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from ibmux.client.batches import QUOTED
from ibmux.client.claims import Claim
from ibmux.client.ticker import Ticker
from ibmux.messages.contracts import Contract, TagValue
from ibmux.messages.market import Lease, Quote, Ticks
from ibmux.mqtt.message import Message

REPLAYED = 1_000
"""Batches kept for the fresh quote; when more come first, the quote is asked for again."""
OLD = 1.0
"""Seconds after which a lower number is no late message but a stream that began anew."""

_decode = msgspec.msgpack.Decoder(Ticks).decode


class Line(Claim):
    """A claim on one contract's ticks, and the ticker that they change.

    Attributes:
        conId: IB's number of the contract, ibmux's own of a combination; 0 until the first lease tells.
        contract: the contract as the proxy knows it, sent when the lease is renewed.
        generic: the generic ticks asked for.
    """

    def __init__(
        self,
        ticker: Ticker,
        *,
        contract: Contract,
        conId: int,
        generic: str,
        options: list[TagValue],
        ask: Callable[[Line], Awaitable[Lease]],
        on_change: Callable[[Ticker], None],
        on_hole: Callable[[Claim, float, float], None],
    ) -> None:
        self.ticker = ticker
        self.contract = contract
        self.conId = conId
        self.generic = generic
        self.options = options
        self._ask = ask
        self._on_change = on_change
        self._on_hole = on_hole
        self._epoch = -1
        self._next = -1
        self._as_of = 0.0
        self._replay: list[Ticks] | None = []

    @property
    def label(self) -> str:
        """What is streamed, in words."""
        return f"ticks of {self.contract.symbol or self.conId}"

    async def lease(self) -> None:
        """Take or renew the lease."""
        self.take(await self._ask(self))

    def receive(self, message: Message) -> None:
        """Take one message of the stream (the hot path)."""
        batch = _decode(message.payload)
        count = len(batch.ticks)
        if batch.seq != self._next or batch.epoch != self._epoch:
            if not self._place(batch):
                return
            count = len(batch.ticks)
        self._next = batch.seq + count
        self._as_of = batch.time
        if self._replay is not None:
            self._remember(self._replay, batch)
        self.ticker.take(batch.time, batch.ticks, batch.fields)
        if batch.stale:
            self.ticker.doubt(QUOTED)
        self._on_change(self.ticker)

    def take(self, lease: Lease) -> None:
        """Take the lease's answer: it holds, and the quote counts if ticks were missed."""
        self.contract, self.conId = lease.contract, lease.conId
        self.lasts(lease.ttl)
        if self._replay is not None:
            self._restart(lease.quote)

    def distrust(self) -> None:
        """Count nothing that is known as certain any more: the next quote is taken whole."""
        if self._replay is None:
            self._replay = []

    def _restart(self, quote: Quote) -> None:
        """Begin at a quote, and lay over it what came since."""
        replay, self._replay = self._replay or [], None
        self._as_of = max(quote.time, self._as_of)
        self.ticker.show(self._as_of, quote.marketDataType, quote.fields)
        if quote.stale or any(batch.stale and batch.time >= quote.time for batch in replay[-1:]):
            self.ticker.doubt(QUOTED)
        self._epoch, self._next = quote.epoch, quote.seq
        for batch in replay:
            if batch.epoch == quote.epoch and batch.seq + len(batch.ticks) > quote.seq:
                self.ticker.lay(batch.ticks, batch.fields)
                self._next = batch.seq + len(batch.ticks)
        self._on_change(self.ticker)

    def _place(self, batch: Ticks) -> bool:
        """Decide about a batch that does not follow: whether it is applied. One that is known in part is cut."""
        if batch.epoch == self._epoch and batch.seq < self._next and batch.time <= self._as_of + OLD:
            known = self._next - batch.seq
            if known >= len(batch.ticks):
                return False
            batch.ticks = batch.ticks[known:]
            batch.seq = self._next
            return True
        self._epoch = batch.epoch
        if self._replay is None:
            self._replay = []
            self.ticker.gaps += 1
            self._on_hole(self, self._as_of, batch.time)
        return True

    def _remember(self, replay: list[Ticks], batch: Ticks) -> None:
        """Keep a batch for the fresh quote."""
        replay.append(batch)
        if len(replay) > REPLAYED:
            replay.clear()
            self._on_hole(self, batch.time, batch.time)
