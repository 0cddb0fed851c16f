"""Questions about the past, and clocks, as ib_async's IB class names them; bars are in `bars`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from ibmux.client.foreign import to_contract, to_tags
from ibmux.client.session import Session
from ibmux.client.tickbytick import historical
from ibmux.client.times import read_moment, write_ib
from ibmux.errors import RequestError
from ibmux.messages.history import HistogramData, HistoricalSchedule

Moment = dt.datetime | dt.date | str | None


class History(Session):
    """Questions about the past, and about the present time."""

    async def reqHistoricalTicks(  # noqa: PLR0917 - ib_async's own order
        self,
        contract: object,
        startDateTime: Moment,
        endDateTime: Moment,
        numberOfTicks: int,
        whatToShow: str,
        useRth: bool,
        ignoreSize: bool = False,
        miscOptions: Sequence[Any] = (),
    ) -> list[Any]:
        """Single ticks of the past, oldest first: give a start or an end, not both; 1000 at the most.

        `whatToShow` decides their type: `TRADES` gives `HistoricalTickLast`, `BID_ASK` `HistoricalTickBidAsk`,
        `MIDPOINT` `HistoricalTick`.

        Raises:
            NoHistory: the service has no data or refuses.
        """
        if whatToShow.upper() not in ("TRADES", "BID_ASK", "MIDPOINT"):
            raise RequestError(f"whatToShow is {whatToShow!r}.", hint="Use TRADES, BID_ASK or MIDPOINT.")
        ticks = await self._ask(
            "reqHistoricalTicks",
            contract=to_contract(contract),
            startDateTime=write_ib(startDateTime),
            endDateTime=write_ib(endDateTime),
            numberOfTicks=numberOfTicks,
            whatToShow=whatToShow.upper(),
            useRth=bool(useRth),
            ignoreSize=bool(ignoreSize),
            miscOptions=to_tags(miscOptions),
        )
        return historical(ticks, whatToShow.upper())

    async def reqHistoricalSchedule(
        self, contract: object, numDays: int, endDateTime: Moment = "", useRTH: bool = True
    ) -> HistoricalSchedule:
        """The trading sessions of the last `numDays` days before `endDateTime` (empty: now)."""
        schedule: HistoricalSchedule = await self._ask(
            "reqHistoricalSchedule",
            contract=to_contract(contract),
            numDays=numDays,
            endDateTime=write_ib(endDateTime),
            useRTH=bool(useRTH),
        )
        return schedule

    async def reqHistogramData(self, contract: object, useRTH: bool, period: str) -> list[HistogramData]:
        """How much was traded at which price in a period, such as `3 days`."""
        return list(
            await self._ask("reqHistogramData", contract=to_contract(contract), useRTH=bool(useRTH), period=period)
        )

    async def reqHeadTimeStamp(
        self, contract: object, whatToShow: str, useRTH: bool, formatDate: int = 1
    ) -> dt.datetime:
        """The time (aware, UTC) of the oldest data of this kind."""
        return read_moment(
            await self._ask(
                "reqHeadTimeStamp",
                contract=to_contract(contract),
                whatToShow=whatToShow,
                useRTH=bool(useRTH),
                formatDate=formatDate,
            )
        )

    async def reqCurrentTime(self) -> dt.datetime:
        """The gateway's clock (aware, UTC)."""
        return read_moment(await self._ask("reqCurrentTime"))

    reqHistoricalTicksAsync = reqHistoricalTicks
    reqHistoricalScheduleAsync = reqHistoricalSchedule
    reqHistogramDataAsync = reqHistogramData
    reqHeadTimeStampAsync = reqHeadTimeStamp
    reqCurrentTimeAsync = reqCurrentTime
