"""Companies and the login upstream: fundamental reports, the calendar of Wall Street Horizon, an advisor's settings.

The calendar answers one question at a time, and only to a connection that has asked for its metadata (10282).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import ib_async as ib

from ibmux.config import GatewaySettings
from ibmux.errors import RequestError
from ibmux.messages.calendar import ReqFundamentalData, WshEventData
from ibmux.session.calls import bound
from ibmux.session.hooks import Hooks
from ibmux.session.questions import Questions
from ibmux.session.translate import to_contract, to_tags

_CALENDAR = "the calendar"


class Reference(Questions):
    """The part of a session that asks for documents."""

    def __init__(
        self, settings: GatewaySettings, hooks: Hooks | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(settings, hooks, clock=clock)
        self._metadata_request = 0

    async def fundamental_data(self, question: ReqFundamentalData, *, deadline: float, script: str = "") -> str:
        """A report on a company, XML."""
        request = self.next_request()
        wanted, options = to_contract(question.contract), to_tags(question.fundamentalDataOptions)
        report: str = await self.ask(
            request,
            f"the report {question.reportType} on {question.contract.symbol}",
            lambda link: link.reqFundamentalData(request, wanted, question.reportType, options),
            deadline=deadline,
            script=script,
            cancel=lambda link: link.cancelFundamentalData(request),
        )
        return report

    async def calendar_metadata(self, *, deadline: float, script: str = "") -> str:
        """The event types and filters of the calendar, JSON."""
        await self.until_ready(deadline)
        metadata: str = await self._in_turn(
            _CALENDAR, lambda: self._ask_metadata(script), deadline=deadline, variant="metadata"
        )
        return metadata

    async def calendar_events(self, data: WshEventData, *, deadline: float, script: str = "") -> str:
        """Events of the calendar, JSON; asks for the metadata first if this connection has not."""
        await self.until_ready(deadline)
        events: str = await self._in_turn(
            _CALENDAR, lambda: self._ask_events(data, script), deadline=deadline, variant=repr(data)
        )
        return events

    async def user_info(self, *, deadline: float, script: str = "") -> str:
        """The white branding id of the login."""
        request = self.next_request()
        brand: str = await self.ask(
            request, "the user's info", lambda link: link.reqUserInfo(request), deadline=deadline, script=script
        )
        return brand

    async def request_fa(self, kind: int, *, deadline: float, script: str = "") -> str:
        """A financial advisor's settings, XML."""
        await self.until_ready(deadline)
        settings: str = await self._share("requestFA", lambda link: link.requestFA(kind), deadline, script, kind)
        return settings

    async def replace_fa(self, kind: int, xml: str, *, deadline: float, script: str = "") -> str:
        """Replace a financial advisor's settings; the gateway's word on it."""
        request = self.next_request()
        word: str = await self.ask(
            request,
            "whether it replaced the advisor's settings",
            lambda link: link.replaceFA(request, kind, xml),
            deadline=deadline,
            script=script,
            lane="account",
        )
        return word

    async def bind_manual_orders(self, bind: bool, *, deadline: float, script: str = "") -> None:
        """Bind orders that are placed by hand, or not; kept across reconnects. The gateway does not answer this.

        Raises:
            RequestError: only clientId 0 can.
        """
        if self.client_id != 0:
            raise RequestError(
                f"The session speaks as client {self.client_id}; only clientId 0 can bind orders placed by hand.",
                hint="Set gateways.<name>.client_id = 0 in proxy.toml: the proxy binds them then by itself.",
            )
        await self.until_ready(deadline)
        async with asyncio.timeout_at(deadline):
            await self.gate.send("account", script, lambda: self._wire().reqAutoOpenOrders(bind))
        self.binds_manual_orders = bind

    # -- upstream ---------------------------------------------------------------------------------------------------

    async def _ask_metadata(self, script: str) -> str:
        """Only one such request may be open: the one before it is cancelled, whatever became of it."""
        before, request = self._metadata_request, self.next_request()

        def send(link: Any) -> None:
            if before:
                link.cancelWshMetaData(before)
            link.reqWshMetaData(request)

        self._metadata_request = request
        try:
            metadata: str = await self._exchange(
                request, "the calendar's metadata", send, deadline=bound(), script=script
            )
        except BaseException:
            self._lose_calendar()
            self._post_cancel(lambda link: link.cancelWshMetaData(request))
            raise
        return metadata

    async def _ask_events(self, data: WshEventData, script: str) -> str:
        if not self._metadata_request:
            await self._ask_metadata(script)
        request, wanted = self.next_request(), to_event_data(data)
        try:
            events: str = await self._exchange(
                request,
                "the calendar's events",
                lambda link: link.reqWshEventData(request, wanted),
                deadline=bound(),
                script=script,
            )
        finally:
            self._post_cancel(lambda link: link.cancelWshEventData(request))
        return events

    def _lose_calendar(self) -> None:
        """The gateway knows of no metadata request any more."""
        self._metadata_request = 0


def to_event_data(source: WshEventData) -> ib.WshEventData:
    """Which events, as ib_async has it; nil becomes IB's mark for "not set"."""
    given = {name: value for name in source.__struct_fields__ if (value := getattr(source, name)) is not None}
    return ib.WshEventData(**given)
