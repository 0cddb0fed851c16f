"""Facts about companies: the calendar of Wall Street Horizon (WSH), and fundamental reports. Both are documents as the
gateway sends them.
"""

from __future__ import annotations

from ibmux.messages.contracts import Contract, TagValue
from ibmux.messages.methods import Request, method
from ibmux.messages.wire import Input


class WshEventData(Input):
    """Which events to list: of a contract, or by a JSON `filter` whose names the metadata list. Dates are YYYYMMDD."""

    conId: int | None = None
    filter: str = ""
    fillWatchlist: bool = False
    fillPortfolio: bool = False
    fillCompetitors: bool = False
    startDate: str = ""
    endDate: str = ""
    totalLimit: int | None = None


@method("getWshMetaData", "reqWshMetaData", reply=str)
class GetWshMetaData(Request):
    """The event types and filters of the calendar, as JSON; fetched once a day. Needs a subscription to WSH."""


@method("getWshEventData", "reqWshEventData", reply=str)
class GetWshEventData(Request):
    r"""Events of the calendar, as JSON. The gateway answers one such question at a time: they wait their turn.

    `{"data": {"filter": "{\"country\": \"All\", \"watchlist\": [\"8314\"], \"limit\": 10, \"wshe_ed\":
    \"true\"}"}}`
    """

    data: WshEventData


@method("reqFundamentalData", reply=str)
class ReqFundamentalData(Request):
    """A report on a company, as XML: `ReportsFinSummary`, `ReportsOwnership`, `ReportSnapshot`,
    `ReportsFinStatements`, `RESC` or `CalendarReport`. Present gateways refuse it (10358).
    """

    contract: Contract
    reportType: str
    fundamentalDataOptions: list[TagValue] = []
