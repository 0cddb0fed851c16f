"""Historical bars: which spans a request covers, and the tape's bar for each.

Every bar depends on its contract and its own span alone; bars of all sizes and the live ticks agree, because all are
read from one tape.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from math import floor

from ibmux.sim.calendar import hours
from ibmux.sim.calendar.hours import zone
from ibmux.sim.catalogue.contracts import ContractDetails, Refusal
from ibmux.sim.prices import spans
from ibmux.sim.prices.gradual import Gradual, outcome
from ibmux.sim.prices.history_limits import HistoryLimits
from ibmux.sim.prices.liquidity import is_option
from ibmux.sim.prices.market import Market
from ibmux.sim.prices.spans import DAY, MONTH, WEEK
from ibmux.sim.prices.tape import Bar, Tape

__all__ = ["Bar", "BarSet", "Cell", "History"]

YEARS_BACK = 20
OPTION_DAYS_BACK, FUTURE_DAYS_BACK = 90, 365
KEPT_BARS = 50_000
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Cell:
    """What one bar covers: the trading day that dates it, and one or more spans of open market (epoch seconds)."""

    day: date
    spans: tuple[Span, ...]

    @property
    def start(self) -> float:
        """Where the bar begins."""
        return self.spans[0][0]

    @property
    def end(self) -> float:
        """Where the bar ends."""
        return self.spans[-1][1]


@dataclass(frozen=True, slots=True)
class BarSet:
    """The answer to a history request; `daily`: its bars are dated, not timed."""

    start: float
    end: float
    bars: list[Bar]
    daily: bool
    timeZoneId: str


class History:
    """Historical bars of every contract of a market.

    Args:
        market: knows each contract's tape.
        clock: gives the present as epoch seconds.

    Attributes:
        limits: how fast history may be asked for.
    """

    def __init__(self, market: Market, clock: Callable[[], float]) -> None:
        self._market, self._clock = market, clock
        self.limits = HistoryLimits()
        self._finished: OrderedDict[tuple[int, Cell, str], Bar] = OrderedDict()

    def bars(
        self, details: ContractDetails, end: float | None, duration: str, barSize: str, *, whatToShow: str, useRTH: bool
    ) -> BarSet | Refusal:
        """The bars of a request, the last one unfinished where it reaches the present; or why there are none.

        Args:
            details: the contract.
            end: the last instant of interest (epoch seconds); None for the present.
            duration: how far back, as `2 D`.
            barSize: as `5 mins`.
            whatToShow: TRADES, MIDPOINT, BID, ASK, BID_ASK and so on.
            useRTH: regular trading hours only.
        """
        return outcome(self.steps(details, end, duration, barSize, whatToShow=whatToShow, useRTH=useRTH))

    def steps(
        self, details: ContractDetails, end: float | None, duration: str, barSize: str, *, whatToShow: str, useRTH: bool
    ) -> Gradual[BarSet | Refusal]:
        """The same as `bars`, with a pause after every bar and every session of a longer one."""
        length, size = spans.parse_duration(duration), spans.parse_bar_size(barSize)
        if isinstance(length, Refusal):
            return length
        if isinstance(size, Refusal):
            return size
        refused = spans.refuse_kind(details, whatToShow) or spans.refuse_length(length, size)
        if refused is not None:
            return refused
        return (yield from self._collect(details, end, length, size, kind=whatToShow, rth=useRTH))

    def _collect(
        self, details: ContractDetails, end: float | None, length: spans.Duration, size: int, *, kind: str, rth: bool
    ) -> Gradual[BarSet | Refusal]:
        now = self._clock()
        until = min(now if end is None else end, details.expires or now, now)
        first = self.head(details)
        sessions = yield from spans.sessions_in_steps(details.venue, until, length, rth)
        start, made = 0.0, list[Bar]()
        for cell in cells_of(sessions, size, details.timeZoneId):
            if cell.start >= first:
                start = start or cell.start
                made.append((yield from self._bar(details, cell, kind, now)))
            yield
        if not made:
            return spans.no_data(details, kind)
        return BarSet(start, until, made, size >= DAY, details.timeZoneId)

    def _bar(self, details: ContractDetails, cell: Cell, kind: str, now: float) -> Gradual[Bar]:
        """The bar of a cell; those that have ended are kept."""
        key = (details.contract.conId, cell, kind)
        found = self._finished.get(key)
        if found is not None:
            self._finished.move_to_end(key)
            return found
        made = yield from self._read(details.contract.conId, cell, kind)
        if cell.end < now:
            self._finished[key] = made
            if len(self._finished) > KEPT_BARS:
                self._finished.popitem(last=False)
        return made

    def _tape(self, conId: int, kind: str) -> Tape:
        return self._market.volatility(conId, kind) if kind.endswith("VOLATILITY") else self._market.tape(conId)

    def _read(self, conId: int, cell: Cell, kind: str) -> Gradual[Bar]:
        tape, parts = self._tape(conId, kind), list[Bar]()
        for start, end in cell.spans:
            parts.append(tape.bar(start, end, kind))
            yield
        found = parts[0] if len(parts) == 1 else joined(parts)
        same = found.time == cell.start and found.date == cell.day
        return found if same else replace(found, time=cell.start, date=cell.day)

    def cell_at(self, details: ContractDetails, barSize: str, useRTH: bool, now: float) -> Cell:
        """The span of the bar that `now` lies in; while the market is closed, a span by the clock."""
        size = spans.BAR_SIZES[spans.SPELLINGS.get(barSize.strip(), barSize.strip())]
        day = hours.local_date(details.venue, now)
        session = hours.session(details.venue, day, useRTH)
        inside = session is not None and session[0] <= now < session[1]
        if size >= DAY:
            since = session[0] if session is not None and inside else floor(now / DAY) * float(DAY)
            until = session[1] if session is not None and inside else since + DAY
            return Cell(day, ((since, until),))
        shift = _offset(details.timeZoneId, now)
        left = floor((now + shift) / size) * size - shift
        right = left + size
        if session is not None and inside:
            left, right = max(left, session[0]), min(right, session[1])
        return Cell(day, ((left, right),))

    def read(self, details: ContractDetails, cell: Cell, kind: str, now: float) -> Bar:
        """The bar of a cell as it stands at `now`, which lies in or after it."""
        seen = [(start, min(end, now)) for start, end in cell.spans if start <= now]
        return outcome(self._bar(details, replace(cell, spans=tuple(seen)), kind, now))

    def current(self, details: ContractDetails, barSize: str, whatToShow: str) -> Bar | Refusal:
        """The bar that the present lies in, as keepUpToDate streams it, at any hour."""
        size = spans.parse_bar_size(barSize)
        refused = size if isinstance(size, Refusal) else spans.refuse_kind(details, whatToShow)
        if refused is not None:
            return refused
        now = self._clock()
        return self.read(details, self.cell_at(details, barSize, False, now), whatToShow, now)

    def head(self, details: ContractDetails) -> float:
        """The instant from which on there is data of a contract."""
        now = self._clock()
        if is_option(details):
            days = OPTION_DAYS_BACK
        else:
            days = FUTURE_DAYS_BACK if details.contract.secType in {"FUT", "CONTFUT"} else YEARS_BACK * 365
        day = hours.local_date(details.venue, now) - timedelta(days=days)
        return datetime(day.year, day.month, 1, tzinfo=zone(details.timeZoneId)).timestamp()

    def head_timestamp(self, details: ContractDetails, whatToShow: str, useRTH: bool) -> float | Refusal:
        """The start of the first session with such data (epoch seconds), or why there is none."""
        refusal = spans.refuse_kind(details, whatToShow)
        if refusal is not None:
            return Refusal(162, f"{spans.SERVICE}No head time stamp") if refusal.code == 162 else refusal
        return hours.next_open(details.venue, self.head(details), useRTH)

    def schedule(
        self, details: ContractDetails, end: float | None, duration: str, useRTH: bool
    ) -> list[tuple[date, float, float]] | Refusal:
        """The sessions of a period, the oldest first, as (trading day, start, end); today's whole session included."""
        length = spans.parse_duration(duration)
        if isinstance(length, Refusal):
            return length
        until = self._clock() if end is None else end
        found = spans.sessions_back(details.venue, until, length, useRTH)
        days = dict.fromkeys(day for day, _, _ in found)
        whole = [(day, start, stop) for day in days for start, stop in hours.sessions(details.venue, day, useRTH)]
        return whole or spans.no_data(details, "Schedule")


def joined(parts: list[Bar]) -> Bar:
    """The aggregate of bars, the earliest first; at least one."""
    volume = round(sum(part.volume for part in parts), 8) if parts[0].volume >= 0 else -1.0
    weights = sum(part.volume for part in parts)
    return replace(
        parts[0],
        high=max(part.high for part in parts),
        low=min(part.low for part in parts),
        close=parts[-1].close,
        volume=volume,
        wap=round(sum(part.wap * part.volume for part in parts) / weights, 6) if weights > 0 else parts[-1].wap,
        count=sum(part.count for part in parts) if parts[0].count >= 0 else -1,
    )


def _offset(timeZoneId: str, instant: float) -> float:
    offset = datetime.fromtimestamp(instant, zone(timeZoneId)).utcoffset() or timedelta()
    return offset.total_seconds()


def cells_of(sessions: list[tuple[date, float, float]], size: int, timeZoneId: str) -> Iterator[Cell]:
    """The spans of bars: whole multiples of the size on the exchange's clock, cut at the edges of sessions."""
    if size >= DAY:
        yield from _long_cells(sessions, size)
        return
    for day, start, end in sessions:
        shift = _offset(timeZoneId, start)
        left = start
        while left < end:
            right = min((floor((left + shift) / size) + 1) * size - shift, end)
            yield Cell(day, ((left, right),))
            left = right


def _long_cells(sessions: list[tuple[date, float, float]], size: int) -> Iterator[Cell]:
    """Days, lunch breaks left out; weeks and months joined from days, dated by their last day as a gateway does."""
    cell: Cell | None = None
    for day, start, end in sessions:
        if cell is not None and _same_period(cell.day, day, size):
            cell = Cell(day, (*cell.spans, (start, end)))
            continue
        if cell is not None:
            yield cell
        cell = Cell(day, ((start, end),))
    if cell is not None:
        yield cell


def _same_period(one: date, two: date, size: int) -> bool:
    if size == DAY:
        return one == two
    if size == WEEK:
        return one.isocalendar()[:2] == two.isocalendar()[:2]
    return size == MONTH and (one.year, one.month) == (two.year, two.month)
