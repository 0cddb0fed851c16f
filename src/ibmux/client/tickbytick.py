"""Tick-by-tick data as ib_async's IB class names it: single trades, changes of bid and ask, midpoints."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, ClassVar

from ibmux import topics
from ibmux.client.claims import Claim
from ibmux.client.foreign import to_contract
from ibmux.client.market import Market, Ticking, identity
from ibmux.client.marketdata import (
    HistoricalTick,
    HistoricalTickBidAsk,
    HistoricalTickLast,
    TickAttribBidAsk,
    TickAttribLast,
)
from ibmux.client.sequence import Sequence
from ibmux.client.ticker import Ticker
from ibmux.errors import RequestError
from ibmux.messages import history as wire
from ibmux.messages.contracts import Contract
from ibmux.messages.ticks import BidAskTicks, LastTicks, MidPointTicks, StreamLease


class TickClaim(Sequence[Any, StreamLease], Ticking):
    """A claim on one kind of tick-by-tick data of a contract."""

    what: ClassVar[str]

    def __init__(
        self,
        ticker: Ticker,
        ask: Callable[..., Awaitable[StreamLease]],
        on_change: Callable[[Ticker], None],
        on_hole: Callable[[Claim, float, float], None],
        *,
        ignore_size: bool,
        history: int,
    ) -> None:
        super().__init__(ask, on_hole)
        self.ticker = ticker
        self.contract: Contract | None = None
        self._on_change = on_change
        self._ignore_size = ignore_size
        self._history = history
        self._prices = (0.0, 0.0)

    @property
    def label(self) -> str:
        """What is streamed, in words."""
        name = self.contract.symbol or self.contract.conId if self.contract else ""
        return f"{self.kind} ticks of {name}"

    async def lease(self) -> None:
        """Take or renew the lease; the ticks of before are asked for once."""
        lease = await self._ask(numberOfTicks=self._history)
        self._history = 0
        self.take(lease)

    def items(self, batch: Any) -> list[Any]:
        """The ticks."""
        ticks: list[Any] = batch.ticks
        return ticks

    def begin(self, lease: StreamLease) -> None:
        """Keep the ticks of before."""
        self.contract = lease.contract
        if lease.history:
            self.ticker.historicalTicks = historical(lease.history, self.what)

    def apply(self, batch: Any) -> None:
        """Take ticks that are new."""
        ticks = [tick for tick in batch.ticks if self._moves(tick)] if self._ignore_size else batch.ticks
        if ticks:
            self.show(batch.time, ticks)
            self._on_change(self.ticker)

    def show(self, time: float, ticks: list[Any]) -> None:
        """Have the ticker show them."""
        self.ticker.take_trades(time, self.kind, ticks)

    def _moves(self, tick: Any) -> bool:
        """Whether a change of bid and ask is one of prices."""
        before, self._prices = self._prices, (tick[1], tick[2])
        return self._prices != before


class LastClaim(TickClaim):
    """Trades."""

    batch, kind, what = LastTicks, "last", "TRADES"


class AllLastClaim(TickClaim):
    """Trades, all of them."""

    batch, kind, what = LastTicks, "alllast", "TRADES"


class BidAskClaim(TickClaim):
    """Changes of bid and ask."""

    batch, kind, what = BidAskTicks, "bidask", "BID_ASK"

    def show(self, time: float, ticks: list[Any]) -> None:
        """Have the ticker show them."""
        self.ticker.take_bid_ask(time, self.kind, ticks)


class MidPointClaim(TickClaim):
    """Midpoints."""

    batch, kind, what = MidPointTicks, "midpoint", "MIDPOINT"

    def show(self, time: float, ticks: list[Any]) -> None:
        """Have the ticker show them."""
        self.ticker.take_midpoints(time, self.kind, ticks)


_CLAIMS: dict[str, type[TickClaim]] = {
    "Last": LastClaim,
    "AllLast": AllLastClaim,
    "BidAsk": BidAskClaim,
    "MidPoint": MidPointClaim,
}


class TickByTick(Market):
    """Streams of single ticks."""

    async def reqTickByTickData(
        self, contract: object, tickType: str, numberOfTicks: int = 0, ignoreSize: bool = False
    ) -> Ticker:
        """Stream single ticks of a contract: `Last`, `AllLast`, `BidAsk` or `MidPoint`, into `ticker.tickByTicks`.

        With `numberOfTicks` the ticker's `historicalTicks` are so many ticks of before. With `ignoreSize` changes of
        bid and ask in which only a size changed are left out.

        Raises:
            NoStreams, NotSubscribed, UnknownContract, NotReady, Busy: as the proxy says.
        """
        kind = _CLAIMS.get(tickType)
        if kind is None:
            raise RequestError(f"tickType is {tickType!r}.", hint="Use Last, AllLast, BidAsk or MidPoint.")
        wanted = to_contract(contract)
        conId = self._conId(wanted)
        present = self._tick_claim(conId, kind)
        if present is not None:
            return present.ticker
        ask = partial(self._ask, "reqTickByTickData", contract=wanted, tickType=tickType)
        claim = kind(
            self._ticker_of(conId, contract),
            ask,
            self._on_change,
            self._on_missing,
            ignore_size=ignoreSize and kind is BidAskClaim,
            history=numberOfTicks,
        )
        if conId:
            claim.topic = topics.market(self.gateway, conId, kind.kind)
        return await self._open_stream(claim, identity(wanted))

    async def cancelTickByTickData(self, contract: object, tickType: str) -> bool:
        """End a stream of single ticks; False where there was none."""
        kind = _CLAIMS.get(tickType)
        claim = self._tick_claim(self._conId(to_contract(contract)), kind) if kind else None
        if claim is None or claim.contract is None:
            return False
        await self._close_claim(claim)
        self._abandon(claim.contract.conId)
        return bool(await self._ask("cancelTickByTickData", contract=claim.contract, tickType=tickType))

    def _tick_claim(self, conId: int, kind: type[TickClaim]) -> TickClaim | None:
        claim = self._claims.get(topics.market(self.gateway, conId, kind.kind))
        return claim if isinstance(claim, TickClaim) else None


def historical(ticks: list[wire.HistoricalTick], what: str) -> list[Any]:
    """Ticks of the past, as ib_async has them for what was asked."""
    return [_MAKERS[what](tick, dt.datetime.fromtimestamp(tick.time, dt.UTC)) for tick in ticks]


_MAKERS: dict[str, Callable[[wire.HistoricalTick, dt.datetime], Any]] = {
    "MIDPOINT": lambda tick, time: HistoricalTick(time, tick.price, tick.size),
    "BID_ASK": lambda tick, time: HistoricalTickBidAsk(
        time,
        TickAttribBidAsk(tick.bidPastLow, tick.askPastHigh),
        tick.priceBid,
        tick.priceAsk,
        tick.sizeBid,
        tick.sizeAsk,
    ),
    "TRADES": lambda tick, time: HistoricalTickLast(
        time,
        TickAttribLast(tick.pastLimit, tick.unreported),
        tick.price,
        tick.size,
        tick.exchange,
        tick.specialConditions,
    ),
}
