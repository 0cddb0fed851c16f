"""Bars as ib_async's IB class names them: histories, also kept up to date, and five-second bars in real time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar

from ibmux.client.barclaims import KeptClaim, ListClaim, RealTimeClaim, read
from ibmux.client.claims import Claims
from ibmux.client.connection import Identity
from ibmux.client.events import Event
from ibmux.client.foreign import to_contract, to_tags
from ibmux.client.marketdata import BarDataList, RealTimeBarList
from ibmux.client.times import write_ib
from ibmux.errors import RequestError
from ibmux.messages.history import BarData


class Bars(Claims):
    """Histories and live bars. Event: `barUpdateEvent(bars, hasNewBar)` at each change of a list."""

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        self.barUpdateEvent = Event("barUpdateEvent", self._owner)

    async def reqHistoricalData(  # noqa: PLR0917 - ib_async's own order
        self,
        contract: object,
        endDateTime: dt.datetime | dt.date | str | None,
        durationStr: str,
        barSizeSetting: str,
        whatToShow: str,
        useRTH: bool,
        formatDate: int = 1,
        keepUpToDate: bool = False,
        chartOptions: Sequence[Any] = (),
        timeout: float = 60,
    ) -> BarDataList:
        """Bars that end at `endDateTime` (empty: now); `timeout` in seconds, 0 for the client's own.

        Dates of daily bars are `date`, others aware `datetime`. With `keepUpToDate` the list goes on: its `updateEvent`
        and `barUpdateEvent` tell of each change, until `cancelHistoricalData`.

        Raises:
            NoHistory: the service has no data or refuses; never an empty list instead.
            Busy: the limits of Interactive Brokers would make it wait longer than `timeout`.
        """
        bars = BarDataList(owner=self._owner)
        bars.contract, bars.endDateTime, bars.durationStr = contract, endDateTime, durationStr
        bars.barSizeSetting, bars.whatToShow, bars.useRTH = barSizeSetting, whatToShow, useRTH
        bars.formatDate, bars.keepUpToDate, bars.chartOptions = formatDate, keepUpToDate, list(chartOptions)
        if keepUpToDate:
            await self._keep_bars(bars, timeout)
        else:
            bars[:] = await self._bars(bars, timeout)
        return bars

    async def cancelHistoricalData(self, bars: BarDataList) -> bool:
        """Keep a list up to date no more; False if it was not."""
        claim = self._leave_list(bars, KeptClaim)
        if claim is None or claim.lists:
            return claim is not None
        await self._close_claim(claim)
        return bool(
            await self._ask(
                "cancelHistoricalData",
                contract=claim.contract,
                barSizeSetting=bars.barSizeSetting,
                whatToShow=bars.whatToShow,
                useRTH=bool(bars.useRTH),
            )
        )

    async def reqRealTimeBars(
        self,
        contract: object,
        barSize: int,
        whatToShow: str,
        useRTH: bool,
        realTimeBarsOptions: Sequence[Any] = (),
    ) -> RealTimeBarList:
        """Five-second bars as they end; the list grows, and its `updateEvent` tells of each.

        It is the script's: about 17,000 bars a day, of which `del bars[:-100]` in a handler keeps the latest hundred.

        Raises:
            NoLines, NotSubscribed, UnknownContract, NotReady, Busy: as the proxy says.
        """
        bars = RealTimeBarList(owner=self._owner)
        bars.contract, bars.barSize, bars.whatToShow, bars.useRTH = contract, barSize, whatToShow, useRTH
        bars.realTimeBarsOptions = list(realTimeBarsOptions)
        ask = partial(
            self._ask,
            "reqRealTimeBars",
            contract=to_contract(contract),
            barSize=barSize,
            whatToShow=whatToShow,
            useRTH=bool(useRTH),
            realTimeBarsOptions=to_tags(realTimeBarsOptions),
        )
        claim = RealTimeClaim(ask, self._on_bars, self._on_missing)
        claim.lists.append(bars)
        await claim.lease()
        held = await self._open_list(claim)
        if held is not claim:
            held.lists.append(bars)
        return bars

    async def cancelRealTimeBars(self, bars: RealTimeBarList) -> bool:
        """Let a list grow no more; False if it did not."""
        claim = self._leave_list(bars, RealTimeClaim)
        if claim is None or claim.lists:
            return claim is not None
        await self._close_claim(claim)
        return bool(
            await self._ask(
                "cancelRealTimeBars",
                contract=claim.contract,
                whatToShow=bars.whatToShow,
                useRTH=bool(bars.useRTH),
            )
        )

    def realtimeBars(self) -> list[BarDataList | RealTimeBarList]:
        """Every list that grows: five-second bars, and histories that are kept up to date."""
        return [bars for claim in self._claims.values() if isinstance(claim, ListClaim) for bars in claim.lists]

    reqHistoricalDataAsync = reqHistoricalData

    # -- lists and their streams ------------------------------------------------------------------------------------

    async def _keep_bars(self, bars: BarDataList, timeout: float) -> None:
        """Lease the stream, hear it, then fetch the bars: what comes meanwhile is laid over them."""
        if bars.endDateTime:
            raise RequestError("keepUpToDate needs an empty endDateTime: such bars end now.")
        ask = partial(
            self._ask,
            "reqBarUpdates",
            timeout or None,
            contract=to_contract(bars.contract),
            durationStr=bars.durationStr,
            barSizeSetting=bars.barSizeSetting,
            whatToShow=bars.whatToShow,
            useRTH=bool(bars.useRTH),
        )
        claim = KeptClaim(ask, self._on_bars, self._on_hole, partial(self._bars, timeout=timeout))
        await claim.lease()
        claim.lists.append(bars)
        held = await self._open_list(claim)
        if held is not claim:
            held.lists.append(bars)
            held.distrust()
            await held.lease()

    async def _open_list(self, claim: ListClaimT) -> ListClaimT:
        claim.distrust()
        return await self._open_claim(claim)

    async def _bars(self, bars: BarDataList, timeout: float) -> list[BarData]:
        found: list[BarData] = await self._ask(
            "reqHistoricalData",
            timeout or None,
            contract=to_contract(bars.contract),
            endDateTime=write_ib(bars.endDateTime),
            durationStr=bars.durationStr,
            barSizeSetting=bars.barSizeSetting,
            whatToShow=bars.whatToShow,
            useRTH=bool(bars.useRTH),
            formatDate=bars.formatDate,
            chartOptions=to_tags(bars.chartOptions),
            keepUpToDate=bool(bars.keepUpToDate),
        )
        return [read(bar) for bar in found]

    def _leave_list(self, bars: object, kind: type[ListClaimT]) -> ListClaimT | None:
        """Take a list out of the claim that fills it; the claim, if there was one."""
        for claim in self._claims.values():
            if isinstance(claim, kind) and any(each is bars for each in claim.lists):
                claim.lists = [each for each in claim.lists if each is not bars]
                return claim
        return None

    def _on_bars(self, bars: Any, is_new: bool) -> None:
        self.barUpdateEvent.emit(bars, is_new)
        bars.updateEvent.emit(bars, is_new)
        self._touch()


ListClaimT = TypeVar("ListClaimT", RealTimeClaim, KeptClaim)
