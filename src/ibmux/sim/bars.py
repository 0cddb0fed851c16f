"""Historical bars: samples of a contract's path over the sessions that a request covers.

Every bar depends on its contract and its own span alone, so equal requests give equal finished bars, and a day's bar
opens and closes where its minutes do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from math import floor

from ibmux.sim import hours, spans
from ibmux.sim.contracts import ContractDetails, Refusal
from ibmux.sim.hours import zone
from ibmux.sim.market import Market
from ibmux.sim.paths import FairPrice
from ibmux.sim.prices import SPREADS
from ibmux.sim.spans import DAY, MONTH, WEEK

YEARS_BACK = 20
OPTION_DAYS_BACK = 90
TRADE_SIZE = 90.0  # shares in an average trade
KEPT_BARS = 50_000
Span = tuple[date, float, float]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; `time` is the start (epoch seconds), `date` the trading day that it belongs to."""

    time: float
    date: date
    open: float
    high: float
    low: float
    close: float
    volume: float
    wap: float
    count: int


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
        market: knows each contract's path.
        clock: gives the present as epoch seconds.
    """

    def __init__(self, market: Market, clock: Callable[[], float]) -> None:
        self._market, self._clock = market, clock
        self._finished = lru_cache(maxsize=KEPT_BARS)(self._sample)

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
        length, size = spans.parse_duration(duration), spans.parse_bar_size(barSize)
        if isinstance(length, Refusal):
            return length
        if isinstance(size, Refusal):
            return size
        refused = spans.refuse_kind(details, whatToShow) or spans.refuse_length(length, size)
        return refused or self._collect(details, end, length, size, kind=whatToShow, rth=useRTH)

    def _collect(
        self, details: ContractDetails, end: float | None, length: spans.Duration, size: int, *, kind: str, rth: bool
    ) -> BarSet | Refusal:
        now = self._clock()
        until = now if end is None else min(end, now)
        first = self.head(details)
        sessions = spans.sessions_back(details.venue, until, length, rth)
        cells = [cell for cell in _cells(sessions, size, details.timeZoneId) if cell[1] >= first]
        if not cells:
            contract = details.contract
            text = f"HMDS query returned no data: {contract.localSymbol}@{contract.exchange} {kind.title()}"
            return Refusal(162, f"{spans.SERVICE}{text}")
        made = [self._bar(details, cell, kind, now) for cell in cells]
        return BarSet(cells[0][1], until, made, size >= DAY, details.timeZoneId)

    def _bar(self, details: ContractDetails, cell: Span, kind: str, now: float) -> Bar:
        if cell[2] < now:
            return self._finished(details.contract.conId, cell, kind)
        return self._sample(details.contract.conId, cell, kind)

    def current(self, details: ContractDetails, barSize: str, whatToShow: str) -> Bar | Refusal:
        """The bar that the present lies in, as keepUpToDate streams it, at any hour."""
        size = spans.parse_bar_size(barSize)
        if isinstance(size, Refusal):
            return size
        refused = spans.refuse_kind(details, whatToShow)
        if refused is not None:
            return refused
        now = self._clock()
        start = now - now % size if size < DAY else now - now % DAY
        cell = (hours.local_date(details.venue, now), start, now)
        return self._sample(details.contract.conId, cell, whatToShow)

    def head(self, details: ContractDetails) -> float:
        """The instant from which on there is data of a contract."""
        now = self._clock()
        if details.contract.secType in {"OPT", "FUT"}:
            days = OPTION_DAYS_BACK if details.contract.secType == "OPT" else 365
        else:
            days = YEARS_BACK * 365
        day = hours.local_date(details.venue, now) - timedelta(days=days)
        return datetime(day.year, day.month, 1, tzinfo=zone(details.timeZoneId)).timestamp()

    def head_timestamp(self, details: ContractDetails, whatToShow: str, useRTH: bool) -> float | Refusal:
        """The start of the first session with such data (epoch seconds), or why there is none."""
        refusal = spans.refuse_kind(details, whatToShow)
        return refusal or hours.next_open(details.venue, self.head(details), useRTH)

    def _sample(self, conId: int, cell: Span, kind: str) -> Bar:
        """One bar from the path: where it opens and closes, its range from samples between."""
        details = self._market.details(conId)
        day, start, end = cell
        at = _shown(self._market.path(details), details, kind)
        count = 8 if end - start > 60 else 4
        step = (end - start) / count
        samples = [at(start + step * k) for k in range(count + 1)]
        if kind == "BID_ASK":  # open and close are the average bid and ask, low and high their extremes
            half = _half_spread(details, samples[0])
            samples = [sum(samples) / len(samples) - half, min(samples) - half, max(samples) + half, samples[-1] + half]
            samples[3] = max(samples[0] + details.minTick, samples[3])
        tick = _rounder(details, kind)
        volume, trades = _activity(details, start, end, kind)
        average = sum(samples) / len(samples)
        return Bar(
            start, day, tick(samples[0]), tick(max(samples)), tick(min(samples)), tick(samples[-1]), volume,
            round(average, 6) if volume > 0 else tick(average) if kind == "TRADES" else -1.0, trades,
        )  # fmt: skip


def _half_spread(details: ContractDetails, price: float) -> float:
    return max(details.minTick, price * SPREADS[details.contract.secType]) / 2


def _shown(path: FairPrice, details: ContractDetails, kind: str) -> Callable[[float], float]:
    """What a kind of data shows at an instant."""
    if kind.endswith("VOLATILITY"):
        return lambda instant: details.volatility * (0.9 + 0.2 * (path.at(instant) / details.price % 1.0))
    if kind in {"BID", "ASK"}:
        sign = 1 if kind == "ASK" else -1
        return lambda instant: path.at(instant) + sign * _half_spread(details, path.at(instant))
    return path.at


def _rounder(details: ContractDetails, kind: str) -> Callable[[float], float]:
    """Rounds to ticks what is a price, to a millionth what is none."""
    if kind in {"MIDPOINT", "HISTORICAL_VOLATILITY", "OPTION_IMPLIED_VOLATILITY"}:
        return lambda value: round(value, 6)
    inverse = round(1 / details.minTick)
    return lambda value: round(value * inverse) / inverse


def _activity(details: ContractDetails, start: float, end: float, kind: str) -> tuple[float, int]:
    """Volume and number of trades; -1 for data that has none. Busier at the ends of the regular session."""
    if kind not in {"TRADES", "ADJUSTED_LAST"} or details.dailyVolume <= 0:
        return (-1.0, -1) if kind not in {"TRADES", "ADJUSTED_LAST"} else (0.0, 0)
    day = hours.local_date(details.venue, start)
    share = 0.0
    while day <= hours.local_date(details.venue, end - 1):
        share += _day_share(details, day, start, end)
        day += timedelta(days=1)
    volume = float(round(details.dailyVolume * share))
    size = TRADE_SIZE if details.contract.secType == "STK" else 3.0
    return volume, max(1, round(volume / size)) if volume else 0


def _day_share(details: ContractDetails, day: date, start: float, end: float) -> float:
    """The share of a day's volume that falls between two instants, times how busy that day is."""
    whole = hours.session(details.venue, day)
    regular = hours.session(details.venue, day, rth=True)
    if whole is None or regular is None:
        return 0.0
    busy = 0.7 + 0.6 * ((details.contract.conId * 31 + day.toordinal() * 7919) % 1009) / 1009
    outer = _overlap(whole, start, end) / (whole[1] - whole[0])
    return busy * (0.05 * outer + 0.95 * (_rush(regular, end) - _rush(regular, start)))


def _overlap(span: hours.Session, start: float, end: float) -> float:
    return max(0.0, min(span[1], end) - max(span[0], start))


def _rush(span: hours.Session, instant: float) -> float:
    """The share of the regular session's volume traded by an instant: steep at both ends, flat at noon."""
    done = min(1.0, max(0.0, (instant - span[0]) / (span[1] - span[0])))
    return 0.5 * done + 2.0 * (done - 0.5) ** 3 + 0.25


def _cells(sessions: list[Span], size: int, timeZoneId: str) -> Iterator[Span]:
    """The spans of bars: whole multiples of the size on the exchange's clock, cut at the edges of sessions."""
    if size >= DAY:
        yield from _long_cells(sessions, size)
        return
    for day, start, end in sessions:
        offset = datetime.fromtimestamp(start, zone(timeZoneId)).utcoffset() or timedelta()
        shift = offset.total_seconds()
        left = start
        while left < end:
            right = min((floor((left + shift) / size) + 1) * size - shift, end)
            yield day, left, right
            left = right


def _long_cells(sessions: list[Span], size: int) -> Iterator[Span]:
    """Days as they are; weeks and months joined from days, dated by their last day as a gateway does."""
    joined: Span | None = None
    for day, start, end in sessions:
        if joined is not None and _same_period(joined[0], day, size):
            joined = (day, joined[1], end)
            continue
        if joined is not None:
            yield joined
        joined = (day, start, end)
    if joined is not None:
        yield joined


def _same_period(one: date, two: date, size: int) -> bool:
    if size == WEEK:
        return one.isocalendar()[:2] == two.isocalendar()[:2]
    return size == MONTH and (one.year, one.month) == (two.year, two.month)
