"""Historical data: equal questions in flight are one, finished bars and ticks are asked for once; an error is never an
empty list.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ibmux.core.answers import AnswerStore, are_final_bars, are_final_ticks
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

T = TypeVar("T")


class History:
    """Answers about the past."""

    def __init__(self, session: Session, flights: Flights) -> None:
        self.session = session
        self.flights = flights
        self.store = AnswerStore()

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
        return await self._once(
            caller,
            ("bars", encode(request)),
            request.endDateTime,
            lambda now: are_final_bars(request, now),
            lambda deadline: self.session.historical_bars(request, deadline=deadline, script=caller.script),
        )

    async def ticks(self, caller: Caller, request: ReqHistoricalTicks) -> list[HistoricalTick]:
        """Ticks, oldest first."""
        return await self._once(
            caller,
            ("ticks", encode(request)),
            request.endDateTime,
            lambda now: are_final_ticks(request, now),
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

    async def _once(
        self,
        caller: Caller,
        question: tuple[str, bytes],
        end: str,
        is_final: Callable[[float], bool],
        ask: Callable[[float], Awaitable[list[T]]],
    ) -> list[T]:
        """The answer to a question, from the store if it was final when it was asked before.

        Whether it is final the gateway's own clock decides; only questions that name an end need to know.
        """
        session, store = self.session, self.store
        known: list[Any] | None = store.find(question, session.epoch, session.clock())
        if known is not None:
            self.flights.asked += 1
            return known
        final = bool(end) and is_final(await session.current_time(deadline=caller.deadline, script=caller.script))
        epoch = session.epoch
        answer = await self.flights.join(caller, question, ask)
        if final:
            store.keep(question, answer, epoch, session.clock())
        return answer
