"""Answers about five-second bars in real time. Each takes a market-data line; new ones are paced as history is."""

from __future__ import annotations

from ibmux.sim.answers.kind import Handler, resolve
from ibmux.sim.answers.market import end_stream, has_data, has_line, is_new, unknown
from ibmux.sim.catalogue.contracts import ContractDetails
from ibmux.sim.clients.client import Client
from ibmux.sim.clients.wire import query_from
from ibmux.sim.feeds import permissions
from ibmux.sim.feeds.barstreams import SHOWN, BarStream
from ibmux.tws.layout import Values

INVALID = "Invalid Real-time Query:"
UNTRADED = ("CASH", "CFD", "CMDTY")
MOST_NEW, WINDOW = 60, 600.0
"""New requests in so many real seconds, where `stream_pacing` is on."""


def real_time_bars(client: Client, ask: Values) -> None:
    """Answer reqRealTimeBars. The size asked for has no effect, as documented: bars have five seconds."""
    request_id = ask["reqId"]
    if not is_new(client, request_id) or not has_data(client, request_id):
        return
    details = resolve(client, request_id, query_from(ask))
    if details is None:
        return
    problem = _problem(client, ask, details)
    if problem:
        client.error(request_id, 420, f"{INVALID}{problem}")
    elif has_line(client, request_id):
        what, rth, now = ask["whatToShow"], ask["useRTH"], client.gateway.clock.now()
        client.gateway.feed.streams.add(BarStream(client, request_id, details, what=what, rth=rth, now=now))


def _problem(client: Client, ask: Values, details: ContractDetails) -> str:
    """Why there are no such bars; empty if there are."""
    gateway, kind, what = client.gateway, details.contract.secType, ask["whatToShow"]
    if what not in SHOWN:
        return f"Invalid whatToShow: {what}"
    if (what == "TRADES" and kind in UNTRADED) or (what != "TRADES" and kind == "IND") or kind in ("BAG", "NEWS"):
        return f"No historical market data for {details.contract.symbol}/{kind}@{details.contract.exchange} {what} 5s"
    if not permissions.is_live(details, gateway.settings.subscriptions):
        return f"{permissions.no_permissions(details)}. {permissions.FOR_API}"
    if gateway.settings.stream_pacing and len(gateway.feed.streams.begun("bars", WINDOW)) >= MOST_NEW:
        return "Historical data request pacing violation"
    return ""


def cancel_real_time_bars(client: Client, ask: Values) -> None:
    """Answer cancelRealTimeBars: nothing, unless there is no such request."""
    if not end_stream(client, ask["reqId"], "bars"):
        unknown(client, ask["reqId"])


HANDLERS: dict[str, Handler] = {"reqRealTimeBars": real_time_bars, "cancelRealTimeBars": cancel_real_time_bars}
