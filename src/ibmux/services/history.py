"""Historical data: equal questions in flight are one; an error is never an empty list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibmux.messages import encode
from ibmux.messages.history import BarData, ReqHeadTimeStamp, ReqHistoricalData
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
        """Which function answers which method."""
        return {"reqHistoricalData": self.bars, "reqHeadTimeStamp": self.head}

    async def bars(self, caller: Caller, request: ReqHistoricalData) -> list[BarData]:
        """Bars, oldest first."""
        return await self.flights.join(
            caller,
            ("bars", encode(request)),
            lambda deadline: self.session.historical_bars(request, deadline=deadline, script=caller.script),
        )

    async def head(self, caller: Caller, request: ReqHeadTimeStamp) -> str:
        """The time of the oldest data."""
        return await self.flights.join(
            caller,
            ("head", encode(request)),
            lambda deadline: self.session.head_timestamp(request, deadline=deadline, script=caller.script),
        )
