"""Companies and the login as ib_async's IB class names them: calendar, fundamentals, user, advisor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ibmux.client.connection import Identity
from ibmux.client.events import Event
from ibmux.client.foreign import adapt, to_contract, to_tags
from ibmux.client.session import Session
from ibmux.messages.calendar import WshEventData


class Reference(Session):
    """Documents. Events: `wshMetaEvent(json)`, `wshEvent(json)` at each answer of the calendar."""

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        self.wshMetaEvent = Event("wshMetaEvent", self._owner)
        self.wshEvent = Event("wshEvent", self._owner)

    async def getWshMetaData(self) -> str:
        """The event types and filters of Wall Street Horizon's calendar, as JSON. Needs a subscription to it."""
        metadata = str(await self._ask("getWshMetaData"))
        self.wshMetaEvent.emit(metadata)
        return metadata

    async def getWshEventData(self, data: Any) -> str:
        """Events of the calendar, as JSON: `await ib.getWshEventData(WshEventData(filter='{"country": "All",
        "watchlist": ["8314"], "limit": 10, "wshe_ed": "true"}'))`. No need to ask for the metadata first.
        """
        events = str(await self._ask("getWshEventData", data=adapt(data, WshEventData)))
        self.wshEvent.emit(events)
        return events

    async def cancelWshMetaData(self) -> bool:
        """Nothing to do, and so always False: each request ends with its answer."""
        return False

    async def cancelWshEventData(self) -> bool:
        """Nothing to do, and so always False: each request ends with its answer."""
        return False

    async def reqFundamentalData(
        self, contract: object, reportType: str, fundamentalDataOptions: Sequence[Any] = ()
    ) -> str:
        """A report on a company, as XML: `ReportsFinSummary`, `ReportsOwnership`, `ReportSnapshot`,
        `ReportsFinStatements`, `RESC` or `CalendarReport`. Present gateways refuse it (10358).
        """
        return str(
            await self._ask(
                "reqFundamentalData",
                contract=to_contract(contract),
                reportType=reportType,
                fundamentalDataOptions=to_tags(fundamentalDataOptions),
            )
        )

    async def reqUserInfo(self) -> str:
        """The white branding id of the login; empty for most."""
        return str(await self._ask("reqUserInfo"))

    async def requestFA(self, faDataType: int) -> str:
        """A financial advisor's settings, as XML: groups (1), profiles (2) or account aliases (3)."""
        return str(await self._ask("requestFA", faDataType=faDataType))

    async def replaceFA(self, faDataType: int, xml: str) -> str:
        """Replace a financial advisor's settings (`admin`); returns the gateway's word on it."""
        return str(await self._ask("replaceFA", faDataType=faDataType, xml=xml))

    async def reqAutoOpenOrders(self, autoBind: bool = True) -> bool:
        """Bind orders that are placed by hand to the proxy's session, which only clientId 0 can do, and does.

        Raises:
            RequestError: the proxy's session has another clientId.
            Forbidden: a change takes role `admin`.
        """
        return bool(await self._ask("reqAutoOpenOrders", autoBind=autoBind))

    reqWshMetaData = getWshMetaDataAsync = getWshMetaData
    reqWshEventData = getWshEventDataAsync = getWshEventData
    reqFundamentalDataAsync = reqFundamentalData
    reqUserInfoAsync = reqUserInfo
    requestFAAsync = requestFA
