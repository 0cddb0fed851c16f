"""Answers about bars of the past: all at once, kept up to date, or the schedule of their sessions."""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ibmux.sim.answers.admission import BARS, answer, is_free, is_paced, may_see, refuse, withdraw, work
from ibmux.sim.answers.kind import Handler, resolve
from ibmux.sim.calendar import hours
from ibmux.sim.catalogue.contracts import ContractDetails, Refusal
from ibmux.sim.clients.client import Client
from ibmux.sim.clients.wire import query_from, time_text
from ibmux.sim.instants import parse_end
from ibmux.sim.prices import spans
from ibmux.sim.prices.history_limits import SMALL_BAR
from ibmux.tws.framing import frame
from ibmux.tws.layout import Values
from ibmux.tws.replies import REPLIES

if TYPE_CHECKING:
    from ibmux.sim.prices.bars import Bar, BarSet, Cell

EPOCH_FORMAT, SHORT_FORMAT = 2, 3
FORMATS = (1, EPOCH_FORMAT, SHORT_FORMAT)
YEAR_DIGITS = 4
MOST_MISSED = 100
"""Finished bars that one update makes up for, when a fast clock has brought more."""
BARS_A_STEP = 100
SCHEDULE = "SCHEDULE"
SCHEDULE_SINCE = 174
"""Version from which clients know the message that answers it."""
CONTINUOUS = "Setting end date/time for continuous future security type is not allowed"


def historical_data(client: Client, ask: Values) -> None:
    """Answer reqHistoricalData: all bars in one message; with keepUpToDate, the last bar again and again."""
    request_id = ask["reqId"]
    if not is_free(client, request_id):
        return
    ask = ask | {"whatToShow": ask["whatToShow"].upper()}
    refusal = _refusal(ask, client.version)
    if refusal is not None:
        refuse(client, request_id, refusal)
        return
    details = resolve(client, request_id, query_from(ask))
    if details is not None and details.contract.secType == "CONTFUT" and ask["endDateTime"]:
        refuse(client, request_id, Refusal(10339, CONTINUOUS))
    elif details is not None and may_see(client, request_id, details, BARS) and _is_slow_enough(client, ask, details):
        act = _send_schedule if ask["whatToShow"] == SCHEDULE else _send_bars
        answer(client, request_id, BARS, partial(act, client, ask, details))


def _refusal(ask: Values, version: int) -> Refusal | None:
    """Why a request cannot be understood, in the order in which a gateway looks."""
    end = parse_end(ask["endDateTime"], "UTC")
    if isinstance(end, Refusal):
        return end
    duration = spans.parse_duration(ask["durationStr"])
    if isinstance(duration, Refusal):
        return duration
    size = spans.parse_bar_size(ask["barSizeSetting"])
    if isinstance(size, Refusal):
        return size
    cause = _cause(ask, size, version)
    return Refusal(321, f"{spans.INVALID}{cause}") if cause else None


def _cause(ask: Values, size: int, version: int) -> str:
    """What is wrong with the combination of what is asked; empty if nothing."""
    kind, ended, live = ask["whatToShow"], bool(ask["endDateTime"].strip()), ask["keepUpToDate"]
    adjusted, form = kind == "ADJUSTED_LAST", ask["formatDate"]
    wrong = (
        (adjusted and ended, "End date not supported with adjusted last"),
        (adjusted and size > spans.DAY, "Multi day bar size not supported with adjusted last"),
        (kind not in spans.KINDS or (kind == SCHEDULE and version < SCHEDULE_SINCE), f"Invalid what-to-show '{kind}'"),
        (form not in FORMATS, f"Date formatting selection of {form} rejected."),
        (live and ended, "End date not supported with live updates"),
        (live and kind not in spans.STREAMED, "Source price not supported with live updates"),
        (kind == SCHEDULE and size != spans.DAY, "Only daily resolution supported for Schedule requests"),
    )
    return next((cause for found, cause in wrong if found), "")


def _is_slow_enough(client: Client, ask: Values, details: ContractDetails) -> bool:
    size = spans.parse_bar_size(ask["barSizeSetting"])
    hard = isinstance(size, int) and size <= SMALL_BAR
    return not hard or is_paced(client, ask, details, ask["whatToShow"], BARS)


def _end(ask: Values, details: ContractDetails) -> float | None:
    end = parse_end(ask["endDateTime"], details.timeZoneId)
    return None if isinstance(end, Refusal) else end


def _send_bars(client: Client, ask: Values, details: ContractDetails) -> None:
    work(client, ask["reqId"], BARS, _find_bars(client, ask, details))


def _find_bars(client: Client, ask: Values, details: ContractDetails) -> Generator[None, None, None]:
    """Find the bars and send them; both in steps."""
    found = yield from client.gateway.world.history.steps(
        details, _end(ask, details), ask["durationStr"], ask["barSizeSetting"], whatToShow=ask["whatToShow"],
        useRTH=ask["useRTH"],
    )  # fmt: skip
    if isinstance(found, Refusal):
        refuse(client, ask["reqId"], found)
        return
    client.send((yield from _written(client, ask, found)))
    if ask["keepUpToDate"]:
        client.bars.add(ask["reqId"])
        Updates(client, ask, details, found).wait()


def _written(client: Client, ask: Values, found: BarSet) -> Generator[None, None, bytes]:
    """The message with all bars, written in steps: there may be tens of thousands."""
    message, version, zone = REPLIES["historicalData"], client.version, "" if found.daily else found.timeZoneId
    start, end = (time_text(instant, version, found.timeZoneId) for instant in (found.start, found.end))
    head = message.encode({"reqId": ask["reqId"], "start": start, "end": end, "bars": []}, version)
    parts = ["\0".join([*head[:-1], str(len(found.bars)), ""])]
    for at in range(0, len(found.bars), BARS_A_STEP):
        rows = [bar_values(bar, ask["formatDate"], version, zone) for bar in found.bars[at : at + BARS_A_STEP]]
        parts.append("\0".join([*message.encode({"bars": rows}, version)[len(head) :], ""]))
        yield
    return frame("".join(parts).encode())


def bar_values(bar: Bar, format_date: int, version: int, zone: str) -> Values:
    """Return the fields of one bar; `zone` is empty for daily bars, which carry the date in either format."""
    if not zone:
        date = f"{bar.date:%Y%m%d}"
    elif format_date == EPOCH_FORMAT:
        date = str(int(bar.time))
    else:
        date = time_text(bar.time, version, zone)
        date = date[YEAR_DIGITS:] if format_date == SHORT_FORMAT else date
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


class Updates:
    """The updates of one request that is kept up to date: the bar in progress, now and then.

    A bar that ended since the last update is sent once more as it ended, then the next one begins.
    """

    def __init__(self, client: Client, ask: Values, details: ContractDetails, found: BarSet) -> None:
        self._client, self._ask, self._details = client, ask, details
        self._zone = "" if found.daily else found.timeZoneId
        self._cell = self._cell_at(found.end) if self._is_open(found.end) else None

    def wait(self) -> None:
        """Send the next update when its time has come."""
        self._client.after(self._ask["reqId"], self._client.gateway.settings.bar_interval, self._run)

    def _run(self) -> None:
        now = self._client.gateway.clock.now()
        for cell in self._ended(now):
            self._send(cell, cell.end)
        if self._is_open(now):
            self._cell = self._cell_at(now)
            self._send(self._cell, now)
        self.wait()

    def _ended(self, now: float) -> list[Cell]:
        """The bars that have ended since the last update, the oldest first."""
        found: list[Cell] = []
        cell = self._cell
        while cell is not None and cell.end <= now and len(found) < MOST_MISSED:
            found.append(cell)
            cell = self._cell_at(cell.end) if self._is_open(cell.end) else None
        self._cell = cell
        return found

    def _is_open(self, instant: float) -> bool:
        always = self._client.gateway.settings.always_open
        return always or hours.is_open(self._details.venue, instant, self._ask["useRTH"])

    def _cell_at(self, instant: float) -> Cell:
        history = self._client.gateway.world.history
        return history.cell_at(self._details, self._ask["barSizeSetting"], self._ask["useRTH"], instant)

    def _send(self, cell: Cell, now: float) -> None:
        bar = self._client.gateway.world.history.read(self._details, cell, self._ask["whatToShow"], now)
        values = bar_values(bar, self._ask["formatDate"], self._client.version, self._zone)
        self._client.reply("historicalDataUpdate", reqId=self._ask["reqId"], **values)


def _send_schedule(client: Client, ask: Values, details: ContractDetails) -> None:
    """Answer whatToShow=SCHEDULE: when the sessions of the period began and ended, in the exchange's time."""
    found = client.gateway.world.history.schedule(details, _end(ask, details), ask["durationStr"], ask["useRTH"])
    if isinstance(found, Refusal):
        refuse(client, ask["reqId"], found)
        return
    zone = ZoneInfo(details.timeZoneId)

    def text(instant: float) -> str:
        return f"{datetime.fromtimestamp(instant, zone):%Y%m%d-%H:%M:%S}"

    client.reply(
        "historicalSchedule",
        reqId=ask["reqId"],
        startDateTime=text(found[0][1]),
        endDateTime=text(found[-1][2]),
        timeZone=details.timeZoneId,
        sessions=[
            {"startDateTime": text(start), "endDateTime": text(end), "refDate": f"{day:%Y%m%d}"}
            for day, start, end in found
        ],
    )


def cancel_historical_data(client: Client, ask: Values) -> None:
    """Answer cancelHistoricalData: a gateway confirms it with error 162."""
    request_id = ask["reqId"]
    if request_id in client.bars:
        client.bars.discard(request_id)
        client.stop_timer(request_id)
    elif not withdraw(client, request_id, BARS):
        client.error(request_id, 366, f"No historical data query found for ticker id:{request_id}")
        return
    client.error(request_id, 162, f"{spans.SERVICE}API historical data query cancelled: {request_id}")


HANDLERS: dict[str, Handler] = {
    "reqHistoricalData": historical_data,
    "cancelHistoricalData": cancel_historical_data,
}
