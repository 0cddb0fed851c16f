"""Answers about the past beside bars: historical ticks, the earliest time of data, volume by price."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from ibmux.sim.answers.admission import (
    HEAD,
    HISTOGRAM,
    TICKS,
    answer,
    is_free,
    is_paced,
    may_see,
    refuse,
    withdraw,
    work,
)
from ibmux.sim.answers.kind import Handler, invalid, resolve
from ibmux.sim.answers.ticks import past_row
from ibmux.sim.catalogue.contracts import ContractDetails, Refusal
from ibmux.sim.clients.client import Client
from ibmux.sim.clients.wire import query_from
from ibmux.sim.instants import parse_end
from ibmux.sim.prices import pasts, spans
from ibmux.sim.prices.histogram import parse_period
from ibmux.sim.prices.liquidity import has_book
from ibmux.tws.layout import Values

EPOCH_FORMAT = 2
MOST_PERIOD = 400 * spans.DAY
MESSAGES = {"TRADES": "historicalTicksLast", "BID_ASK": "historicalTicksBidAsk", "MIDPOINT": "historicalTicks"}
START_TEXT, END_TEXT = "Start Date/Time", "End Date/Time"


class Reach(NamedTuple):
    """From when on, or up to when; neither means from the beginning."""

    start: float | None
    end: float | None


def historical_ticks(client: Client, ask: Values) -> None:
    """Answer reqHistoricalTicks: from its start, or where it names none up to its end."""
    request_id = ask["reqId"]
    reach = _reach(ask)
    if isinstance(reach, Refusal):
        refuse(client, request_id, reach)
        return
    refusal = pasts.refuse(ask["exchange"], ask["secType"], ask["numberOfTicks"], ask["whatToShow"])
    if refusal is not None:
        refuse(client, request_id, refusal)
        return
    details = resolve(client, request_id, query_from(ask)) if is_free(client, request_id) else None
    if details is None or not may_see(client, request_id, details, TICKS):
        return
    source = pasts.source_of(details, ask["whatToShow"])
    if is_paced(client, ask, details, source, TICKS):
        answer(client, request_id, TICKS, partial(_send_ticks, client, ask, details, source))


def _reach(ask: Values, zone: str = "UTC") -> Reach | Refusal:
    start, end = (parse_end(ask[name], zone) for name in ("startDateTime", "endDateTime"))
    if isinstance(start, Refusal):
        return Refusal(start.code, start.text.replace(END_TEXT, START_TEXT, 1))
    return end if isinstance(end, Refusal) else Reach(start, end)


def _send_ticks(client: Client, ask: Values, details: ContractDetails, source: str) -> None:
    work(client, ask["reqId"], TICKS, _answer_ticks(client, ask, details, source))


def _answer_ticks(client: Client, ask: Values, details: ContractDetails, source: str) -> Generator[None, None, None]:
    if ask["whatToShow"].upper() == "AGGTRADES" and details.contract.secType != "CRYPTO":
        client.error(ask["reqId"], 10299, "Expected what to show is TRADES, please use that instead of AGGTRADES.")
    found = yield from _find_ticks(client, ask, details, source)
    client.reply(MESSAGES[source], reqId=ask["reqId"], ticks=[past_row(tick) for tick in found], done=True)


def _find_ticks(
    client: Client, ask: Values, details: ContractDetails, source: str
) -> Generator[None, None, list[pasts.PastTick]]:
    world, now = client.gateway.world, client.gateway.clock.now()
    reach = _reach(ask, details.timeZoneId)
    if isinstance(reach, Refusal) or (source != "TRADES" and not has_book(details)):
        return []
    tape, count = world.market.tape(details.contract.conId), min(ask["numberOfTicks"], pasts.MOST_TICKS)
    rth, beyond = ask["useRth"], client.gateway.settings.always_open and not ask["useRth"]
    if reach.start is None and reach.end is not None:
        end = min(reach.end, now)
        session = (0.0, end) if beyond else pasts.session_before(details.venue, end, rth)
        return (yield from pasts.before(tape, source, end, count, session, ignoreSize=ask["ignoreSize"]))
    start = max(reach.start or 0.0, world.history.head(details))
    session = (start, now) if beyond else pasts.session_after(details.venue, start, rth)
    session = (session[0], min(session[1], now))
    return (yield from pasts.after(tape, source, start, count, session, ignoreSize=ask["ignoreSize"]))


def head_timestamp(client: Client, ask: Values) -> None:
    """Answer reqHeadTimeStamp in UTC (`19801212-14:30:00`) or as epoch seconds. It stays open until it is cancelled."""
    request_id = ask["reqId"]
    details = resolve(client, request_id, query_from(ask)) if is_free(client, request_id) else None
    if details is None or not may_see(client, request_id, details, HEAD):
        return
    if is_paced(client, ask, details, ask["whatToShow"], HEAD):
        answer(client, request_id, HEAD, partial(_send_head, client, ask, details))


def _send_head(client: Client, ask: Values, details: ContractDetails) -> None:
    found = client.gateway.world.history.head_timestamp(details, ask["whatToShow"].upper(), ask["useRTH"])
    if isinstance(found, Refusal):
        refuse(client, ask["reqId"], found)
        return
    client.asked[ask["reqId"]] = (HEAD, object())
    utc = datetime.fromtimestamp(found, UTC)
    text = str(int(found)) if ask["formatDate"] == EPOCH_FORMAT else f"{utc:%Y%m%d-%H:%M:%S}"
    client.reply("headTimestamp", reqId=ask["reqId"], headTimestamp=text)


def histogram(client: Client, ask: Values) -> None:
    """Answer reqHistogramData: how much was traded at which price over a period as `3 days`."""
    request_id = ask["reqId"]
    if not is_free(client, request_id):
        return
    try:
        length = parse_period(ask["timePeriod"])
    except ValueError as error:
        invalid(client, request_id, str(error))
        return
    if length > MOST_PERIOD:
        invalid(client, request_id, f"Invalid time period '{ask['timePeriod']}'")
        return
    details = resolve(client, request_id, query_from(ask))
    if details is not None and may_see(client, request_id, details, HISTOGRAM):
        answer(client, request_id, HISTOGRAM, partial(_send_histogram, client, ask, details))


def _send_histogram(client: Client, ask: Values, details: ContractDetails) -> None:
    work(client, ask["reqId"], HISTOGRAM, _answer_histogram(client, ask, details))


def _answer_histogram(client: Client, ask: Values, details: ContractDetails) -> Generator[None, None, None]:
    market = client.gateway.world.market
    rows = yield from market.histogram_steps(details.contract.conId, ask["timePeriod"], ask["useRTH"])
    items = [{"price": price, "size": max(1, round(size))} for price, size in rows]
    client.reply("histogramData", reqId=ask["reqId"], items=items)


def cancel_head_timestamp(client: Client, ask: Values) -> None:
    """Answer cancelHeadTimeStamp: nothing; the request no longer counts as open."""
    withdraw(client, ask["reqId"], HEAD)


def cancel_histogram(client: Client, ask: Values) -> None:
    """Answer cancelHistogramData: nothing."""
    withdraw(client, ask["reqId"], HISTOGRAM)


HANDLERS: dict[str, Handler] = {
    "reqHistoricalTicks": historical_ticks,
    "reqHeadTimeStamp": head_timestamp,
    "cancelHeadTimeStamp": cancel_head_timestamp,
    "reqHistogramData": histogram,
    "cancelHistogramData": cancel_histogram,
}
