"""Documents about companies and the login. What changes once a day is fetched once a day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibmux.errors import Forbidden, RequestError
from ibmux.messages import encode
from ibmux.messages.advisor import ReplaceFA, ReqAutoOpenOrders, RequestFA, ReqUserInfo
from ibmux.messages.calendar import GetWshEventData, GetWshMetaData, ReqFundamentalData
from ibmux.services.caller import Caller, Handler
from ibmux.services.flights import Flights, Memory

if TYPE_CHECKING:
    from ibmux.session import Session

DAY = 86_400.0
"""Seconds for which the calendar's metadata are kept."""
ADVISOR_DATA = (1, 2, 3)
"""Groups, profiles, aliases."""


class Reference:
    """Answers from documents."""

    def __init__(self, session: Session, flights: Flights) -> None:
        self.session = session
        self.flights = flights
        self._daily = Memory(flights, DAY, 1)

    def handlers(self) -> dict[str, Handler]:
        """Which function answers which method."""
        return {
            "reqFundamentalData": self.fundamental_data,
            "getWshMetaData": self.calendar_metadata,
            "reqWshMetaData": self.calendar_metadata,
            "getWshEventData": self.calendar_events,
            "reqWshEventData": self.calendar_events,
            "reqUserInfo": self.user_info,
            "requestFA": self.request_fa,
            "replaceFA": self.replace_fa,
            "reqAutoOpenOrders": self.bind_manual_orders,
        }

    async def fundamental_data(self, caller: Caller, request: ReqFundamentalData) -> str:
        """A report on a company."""
        return await self.flights.join(
            caller,
            ("fundamentals", encode(request)),
            lambda deadline: self.session.fundamental_data(request, deadline=deadline, script=caller.script),
        )

    async def calendar_metadata(self, caller: Caller, _request: GetWshMetaData) -> str:
        """What the calendar can be asked for."""
        return await self._daily.ask(
            caller,
            ("calendar",),
            lambda deadline: self.session.calendar_metadata(deadline=deadline, script=caller.script),
        )

    async def calendar_events(self, caller: Caller, request: GetWshEventData) -> str:
        """Events of the calendar."""
        return await self.flights.join(
            caller,
            ("calendar", encode(request)),
            lambda deadline: self.session.calendar_events(request.data, deadline=deadline, script=caller.script),
        )

    async def user_info(self, caller: Caller, _request: ReqUserInfo) -> str:
        """The brand of the login."""
        return await self.flights.join(
            caller, ("userInfo",), lambda deadline: self.session.user_info(deadline=deadline, script=caller.script)
        )

    async def request_fa(self, caller: Caller, request: RequestFA) -> str:
        """A financial advisor's settings."""
        _check_kind(request.faDataType)
        return await self.flights.join(
            caller,
            ("requestFA", request.faDataType),
            lambda deadline: self.session.request_fa(request.faDataType, deadline=deadline, script=caller.script),
        )

    async def replace_fa(self, caller: Caller, request: ReplaceFA) -> str:
        """Replace a financial advisor's settings."""
        _check_kind(request.faDataType)
        return await self.session.replace_fa(
            request.faDataType, request.xml, deadline=caller.deadline, script=caller.script
        )

    async def bind_manual_orders(self, caller: Caller, request: ReqAutoOpenOrders) -> bool:
        """It holds for every script, so only an admin may change it; asking for what holds already is fine."""
        if self.session.client_id == 0 and request.autoBind == self.session.binds_manual_orders:
            return request.autoBind
        if self.session.client_id == 0 and caller.role != "admin":
            raise Forbidden("Whether manual orders are bound holds for all scripts; a change takes role `admin`.")
        await self.session.bind_manual_orders(request.autoBind, deadline=caller.deadline, script=caller.script)
        return request.autoBind


def _check_kind(kind: int) -> None:
    if kind not in ADVISOR_DATA:
        raise RequestError(f"faDataType is {kind}; it must be 1 (groups), 2 (profiles) or 3 (aliases).")
