"""Claims on live bars: what comes becomes bars in the lists that a script holds."""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ibmux.client.claims import Claim
from ibmux.client.marketdata import BarDataList, RealTimeBar
from ibmux.client.sequence import Sequence
from ibmux.client.times import read_bar_date
from ibmux.messages import bars as wire
from ibmux.messages.contracts import Contract
from ibmux.messages.history import BarData

B = TypeVar("B")
L = TypeVar("L")
Emit = Callable[[Any, bool], None]


class ListClaim(Sequence[B, L]):
    """A claim on bars, and the lists of the script that show them."""

    def __init__(
        self,
        ask: Callable[..., Awaitable[L]],
        emit: Emit,
        on_hole: Callable[[Claim, float, float], None],
    ) -> None:
        super().__init__(ask, on_hole)
        self.lists: list[Any] = []
        self.contract: Contract | None = None
        self._emit = emit

    @property
    def label(self) -> str:
        """What is streamed, in words."""
        name = self.contract.symbol or self.contract.conId if self.contract else ""
        return f"bars of {name}"

    def items(self, batch: Any) -> list[Any]:
        """The bars."""
        bars: list[Any] = batch.bars
        return bars

    @abstractmethod
    def apply(self, batch: B) -> None:
        """Take bars that are new."""


class RealTimeClaim(ListClaim[wire.RealTimeBars, wire.RealTimeLease]):
    """A claim on five-second bars."""

    batch = wire.RealTimeBars

    def begin(self, lease: wire.RealTimeLease) -> None:
        """There is nothing to begin with."""
        self.contract = lease.contract

    def apply(self, batch: wire.RealTimeBars) -> None:
        """Every bar is new."""
        for bar in batch.bars:
            start = dt.datetime.fromtimestamp(bar.time, dt.UTC)
            shown = RealTimeBar(start, -1, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.wap, bar.count)
            for bars in self.lists:
                bars.append(shown)
                self._emit(bars, True)


class KeptClaim(ListClaim[wire.BarUpdates, wire.BarLease]):
    """A claim on a history that is kept up to date; a fresh answer is every list's bars, and the latest two."""

    batch = wire.BarUpdates
    whole = True

    def __init__(
        self,
        ask: Callable[..., Awaitable[wire.BarLease]],
        emit: Emit,
        on_hole: Callable[[Claim, float, float], None],
        fetch: Callable[[BarDataList], Awaitable[list[BarData]]],
    ) -> None:
        super().__init__(ask, emit, on_hole)
        self._fetch = fetch
        self._fetched: dict[int, list[BarData]] | None = None

    async def lease(self) -> None:
        """Take or renew the lease; with fresh bars where something was missed."""
        while True:
            whole = bool(self.topic) and self._waiting is not None
            if whole:
                self._fetched = {id(bars): await self._fetch(bars) for bars in self.lists}
            answer = await self._ask()
            if whole or not self.topic or self._waiting is None:  # else something was missed while it was asked
                break
        self.take(answer)

    def begin(self, lease: wire.BarLease) -> None:
        """Take the bars, with the latest ones over them."""
        self.contract = lease.contract
        fetched, self._fetched = self._fetched or {}, None
        latest = [read(bar) for bar in lease.bars]
        for bars in self.lists:
            fresh = fetched.get(id(bars))
            if fresh is None:
                continue
            known, had = len(bars), list(bars)
            bars[:] = fresh
            for bar in latest:
                _lay(bars, bar)
            if known and had != list(bars):
                self._emit(bars, len(bars) > known)

    def apply(self, batch: wire.BarUpdates) -> None:
        """Bars that are new, or change the last one."""
        for bar in batch.bars:
            read(bar)
            for bars in self.lists:
                is_new = _lay(bars, bar)
                if is_new is not None:
                    self._emit(bars, is_new)


def read(bar: BarData) -> BarData:
    """The bar with its time as Python has it."""
    bar.date = read_bar_date(bar.date)
    return bar


def _lay(bars: list[BarData], bar: BarData) -> bool | None:
    """Put a bar at the end, or in the place of the last: whether it is a new one; None if it says nothing new."""
    if not bars or bar.date > bars[-1].date:
        bars.append(bar)
        return True
    if bar.date < bars[-1].date or bar == bars[-1]:
        return None
    bars[-1] = bar
    return False
