"""Answers about the past: historical bars, bars kept up to date, the earliest time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ibmux.tws.layout import Values

from ..client import Client
from ..contracts import ContractDetails, Refusal
from ..instants import parse_end
from ..wire import query_from, time_text
from .kind import Handler, has_room, invalid, resolve

if TYPE_CHECKING:
    from ..bars import Bar, BarSet

EPOCH_FORMAT = 2
MAX_OPEN = 50
"""Historical requests that a client may keep open (IBKR)."""


def historical_data(client: Client, ask: Values) -> None:
    """Answer reqHistoricalData: all bars in one message; with keepUpToDate, the last bar again and again."""
    request_id = ask["reqId"]
    if not _is_allowed(client, ask):
        return
    details = resolve(client, request_id, query_from(ask))
    found = _load(client, ask, details) if details else None
    if details is None or found is None:
        return
    client.reply(
        "historicalData",
        reqId=request_id,
        start=time_text(found.start, client.version, found.timeZoneId),
        end=time_text(found.end, client.version, found.timeZoneId),
        bars=[bar_values(bar, ask["formatDate"], client.version, _zone(found)) for bar in found.bars],
    )
    if ask["keepUpToDate"]:
        client.bars.add(request_id)
        _update_later(client, ask, details, _zone(found))


def _is_allowed(client: Client, ask: Values) -> bool:
    """Whether the request can be answered at all; if not, the client is told."""
    request_id = ask["reqId"]
    if request_id in client.bars:
        client.error(request_id, 322, "Error processing request.-'bN' : cause - Duplicate ticker id")
    elif ask["formatDate"] not in (1, EPOCH_FORMAT):
        invalid(client, request_id, "Invalid date format")
    elif ask["keepUpToDate"] and ask["endDateTime"]:
        invalid(client, request_id, "End date not supported with keep up to date")
    else:
        return not ask["keepUpToDate"] or has_room(client, request_id, client.bars, MAX_OPEN)
    return False


def _zone(bars: BarSet) -> str:
    return "" if bars.daily else bars.timeZoneId


def _load(client: Client, ask: Values, details: ContractDetails) -> BarSet | None:
    """Return the bars asked for; else tell the client why not."""
    end = parse_end(ask["endDateTime"], details.timeZoneId)
    found = end if isinstance(end, Refusal) else _bars(client, ask, details, end)
    if isinstance(found, Refusal):
        client.error(ask["reqId"], found.code, found.text)
        return None
    return found


def _bars(client: Client, ask: Values, details: ContractDetails, end: float | None) -> BarSet | Refusal:
    return client.gateway.world.history.bars(
        details,
        end,
        ask["durationStr"],
        ask["barSizeSetting"],
        whatToShow=ask["whatToShow"],
        useRTH=ask["useRTH"],
    )


def bar_values(bar: Bar, format_date: int, version: int, zone: str) -> Values:
    """Return the fields of one bar; `zone` is empty for daily bars, which carry the date in either format."""
    if not zone:
        date = f"{bar.date:%Y%m%d}"
    elif format_date == EPOCH_FORMAT:
        date = str(int(bar.time))
    else:
        date = time_text(bar.time, version, zone)
    return {
        "date": date,
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": bar.volume,
        "average": bar.wap,
        "barCount": bar.count,
    }


def _update_later(client: Client, ask: Values, details: ContractDetails, zone: str) -> None:
    wait = client.gateway.settings.bar_interval
    client.after(ask["reqId"], wait, lambda: _update(client, ask, details, zone))


def _update(client: Client, ask: Values, details: ContractDetails, zone: str) -> None:
    """Send the bar in progress as it is now."""
    bar = client.gateway.world.history.current(details, ask["barSizeSetting"], ask["whatToShow"])
    if not isinstance(bar, Refusal):
        values = bar_values(bar, ask["formatDate"], client.version, zone)
        client.reply("historicalDataUpdate", reqId=ask["reqId"], **values)
    _update_later(client, ask, details, zone)


def cancel_historical_data(client: Client, ask: Values) -> None:
    """Answer cancelHistoricalData: a gateway confirms it with error 162."""
    request_id = ask["reqId"]
    if request_id not in client.bars:
        client.error(request_id, 366, f"No historical data query found for ticker id:{request_id}")
    else:
        client.bars.discard(request_id)
        client.stop_timer(request_id)
        text = "Historical Market Data Service error message:API historical data query cancelled: "
        client.error(request_id, 162, f"{text}{request_id}")


def head_timestamp(client: Client, ask: Values) -> None:
    """Answer reqHeadTimeStamp in UTC (`19801212-14:30:00`) or as epoch seconds."""
    request_id = ask["reqId"]
    details = resolve(client, request_id, query_from(ask))
    if details is None:
        return
    found = client.gateway.world.history.head_timestamp(details, ask["whatToShow"], ask["useRTH"])
    if isinstance(found, Refusal):
        client.error(request_id, found.code, found.text)
        return
    text = (
        str(int(found))
        if ask["formatDate"] == EPOCH_FORMAT
        else f"{datetime.fromtimestamp(found, UTC):%Y%m%d-%H:%M:%S}"
    )
    client.reply("headTimestamp", reqId=request_id, headTimestamp=text)


HANDLERS: dict[str, Handler] = {
    "reqHistoricalData": historical_data,
    "cancelHistoricalData": cancel_historical_data,
    "reqHeadTimeStamp": head_timestamp,
}
