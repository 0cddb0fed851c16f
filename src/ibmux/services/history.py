"""Historical data: equal questions in flight are one; an error is never an empty list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibmux.messages import encode
from ibmux.messages.history import (
    BarData,
    HistogramData,
    HistoricalSchedule,
    HistoricalTick,
    ReqHeadTimeStamp,
    ReqHistogramData,
    ReqHistoricalData,
    ReqHistoricalSchedule,
    ReqHistoricalTicks,
)
from ibmux.services.caller import Caller, Handler
from ibmux.services.flights import Flights

if TYPE_CHECKING:
    from ibmux.session import Session


class History:
    """Answers about the past."""

    def __init__(self, session: Session, flights: Flights) -> None:
        self.session = session
        self.flights = flights

    def handlers(self) -> dict[str, Handler]:
        """Which function answers which method; `reqHistoricalData` is of `bars`, where some are kept up to date."""
        return {
            "reqHeadTimeStamp": self.head,
            "reqHistoricalTicks": self.ticks,
            "reqHistoricalSchedule": self.schedule,
            "reqHistogramData": self.histogram,
        }

    async def bars(self, caller: Caller, request: ReqHistoricalData) -> list[BarData]:
        """Bars, oldest first."""
        return await self.flights.join(
            caller,
            ("bars", encode(request)),
            lambda deadline: self.session.historical_bars(request, deadline=deadline, script=caller.script),
        )

    async def ticks(self, caller: Caller, request: ReqHistoricalTicks) -> list[HistoricalTick]:
        """Ticks, oldest first."""
        return await self.flights.join(
            caller,
            ("ticks", encode(request)),
            lambda deadline: self.session.historical_ticks(request, deadline=deadline, script=caller.script),
        )

    async def schedule(self, caller: Caller, request: ReqHistoricalSchedule) -> HistoricalSchedule:
        """The trading sessions of some days."""
        return await self.flights.join(
            caller,
            ("schedule", encode(request)),
            lambda deadline: self.session.historical_schedule(request, deadline=deadline, script=caller.script),
        )

    async def histogram(self, caller: Caller, request: ReqHistogramData) -> list[HistogramData]:
        """How much was traded at which price."""
        return await self.flights.join(
            caller,
            ("histogram", encode(request)),
            lambda deadline: self.session.histogram(request, deadline=deadline, script=caller.script),
        )

    async def head(self, caller: Caller, request: ReqHeadTimeStamp) -> str:
        """The time of the oldest data."""
        return await self.flights.join(
            caller,
            ("head", encode(request)),
            lambda deadline: self.session.head_timestamp(request, deadline=deadline, script=caller.script),
        )
