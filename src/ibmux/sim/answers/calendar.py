"""Answers about companies: fundamental reports, and the corporate event calendar with its metadata."""

from __future__ import annotations

from datetime import UTC, date, datetime

from ibmux.sim.answers.kind import Handler, quiet, resolve
from ibmux.sim.catalogue.contracts import Refusal
from ibmux.sim.clients.client import Client
from ibmux.sim.clients.wire import query_from
from ibmux.sim.companies.calendar_events import EventQuery, events, metadata, parse
from ibmux.sim.companies.fundamentals import report
from ibmux.sim.companies.news import NOT_ALLOWED
from ibmux.tws.layout import Values

META, EVENTS = "meta", "events"
"""The two kinds of requests about the calendar; of each one may be pending."""


def fundamental_data(client: Client, ask: Values) -> None:
    """Answer reqFundamentalData; 10358 unless the settings allow reports, 430 where there is none."""
    request_id, gateway = ask["reqId"], client.gateway
    if not gateway.settings.fundamentals:
        client.error(request_id, 10358, "Fundamentals data is not allowed")
        return
    details = resolve(client, request_id, query_from(ask))
    if details is None:
        return
    now = gateway.clock.now()
    price = gateway.world.market.path(details).at(now)
    text = report(details, ask["reportType"], price, now, gateway.settings.seed)
    if text is None:
        client.error(
            request_id, 430, "We are sorry, but fundamentals data for the security specified is not available."
        )
        return
    client.after(
        request_id,
        gateway.settings.snapshot_delay,
        lambda: client.reply("fundamentalData", reqId=request_id, data=text),
    )


def cancel_fundamental_data(client: Client, ask: Values) -> None:
    """Answer cancelFundamentalData: without a word, if the report is still to come."""
    if not client.stop_timer(ask["reqId"]):
        client.error(ask["reqId"], 300, f"Can't find EId with tickerId:{ask['reqId']}")


def _allowed(client: Client, request_id: int) -> bool:
    if not client.gateway.settings.wsh:
        client.error(request_id, 10276, NOT_ALLOWED)
    return client.gateway.settings.wsh


def _today(client: Client) -> date:
    return datetime.fromtimestamp(client.gateway.clock.now(), UTC).date()


def meta_data(client: Client, ask: Values) -> None:
    """Answer reqWshMetaData: the event types; a second request while the first is pending is error 10278."""
    request_id = ask["reqId"]
    if not _allowed(client, request_id):
        return
    if META in client.calendar_pending:
        client.error(request_id, 10278, "Duplicate WSH meta data request.")
        return
    client.calendar_pending[META] = request_id
    client.after(request_id, client.gateway.settings.snapshot_delay, lambda: _send_meta_data(client, request_id))


def _send_meta_data(client: Client, request_id: int) -> None:
    client.calendar_pending.pop(META, None)
    client.knows_calendar = True
    client.reply("wshMetaData", reqId=request_id, dataJson=metadata())


def event_data(client: Client, ask: Values) -> None:
    """Answer reqWshEventData; 10282 before the metadata have been answered, 10281 while another is pending."""
    request_id = ask["reqId"]
    if not _allowed(client, request_id):
        return
    if not client.knows_calendar:
        client.error(request_id, 10282, "WSH meta data not requested.")
        return
    accounts = client.gateway.world.accounts
    held = [row.contract.conId for name in accounts.names for row in accounts[name].positions() if row.position]
    query = parse(ask, _today(client), held)
    if isinstance(query, Refusal):
        client.error(request_id, query.code, query.text)
    elif EVENTS in client.calendar_pending:
        client.error(request_id, 10281, "Duplicate WSH event data request.")
    else:
        _send_events_later(client, request_id, query)


def _send_events_later(client: Client, request_id: int, query: EventQuery) -> None:
    def send() -> None:
        client.calendar_pending.pop(EVENTS, None)
        world = client.gateway.world
        named = [found for conId in query.conIds if (found := world.universe.get(conId)) is not None]
        listed = named if query.conIds else world.universe.listed()
        text = events(query, listed, _today(client), world.universe.seed)
        client.reply("wshEventData", reqId=request_id, dataJson=text)

    client.calendar_pending[EVENTS] = request_id
    client.after(request_id, client.gateway.settings.snapshot_delay, send)


def cancel_meta_data(client: Client, ask: Values) -> None:
    """Answer cancelWshMetaData: nothing is said; an answer still to come is dropped."""
    pending = client.calendar_pending.pop(META, None)
    if pending is not None:
        client.stop_timer(pending)


HANDLERS: dict[str, Handler] = {
    "reqFundamentalData": fundamental_data,
    "cancelFundamentalData": cancel_fundamental_data,
    "reqWshMetaData": meta_data,
    "cancelWshMetaData": cancel_meta_data,
    "reqWshEventData": event_data,
    "cancelWshEventData": quiet,  # a gateway sends a pending answer all the same
}
