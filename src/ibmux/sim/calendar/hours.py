"""When markets are open: sessions by venue, the gateway's hours strings, and whether a venue is open at an instant.

Timetables and holidays are data elsewhere. All times that are spoken of here fall on whole minutes, so that what holds
at a minute's start holds for all of it. Nothing here knows contracts or prices.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from ibmux.sim.calendar.holidays import holidays, is_half_day, is_holiday
from ibmux.sim.calendar.timetables import MIDNIGHT, TIMETABLES, Span, Timetable

__all__ = [
    "TIMETABLES", "Calendar", "Session", "closing", "holidays", "hours_text", "is_half_day_at", "is_open",
    "is_trading_day", "local_date", "next_open", "previous_session", "session", "sessions", "trading_day_before",
    "zone",
]  # fmt: skip

Session = tuple[float, float]
LISTED_DAYS = 6  # a gateway lists today and about five more days
HORIZON = 15  # no exchange rests longer, in days


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """The time zone of that name."""
    return ZoneInfo(name)


def is_trading_day(venue: str, day: date) -> bool:
    """Whether `venue` has a session that belongs to `day`."""
    table = TIMETABLES[venue]
    return (table.weekend or day.weekday() < 5) and not is_holiday(table.calendar, day)


def is_half_day_at(venue: str, day: date) -> bool:
    """Whether `venue` closes early on `day`."""
    table = TIMETABLES[venue]
    return table.early is not None and is_trading_day(venue, day) and is_half_day(table.calendar, day)


def trading_day_before(venue: str, day: date) -> date:
    """`day` itself if `venue` trades on it, else the last day before on which it does."""
    while not is_trading_day(venue, day):
        day -= timedelta(days=1)
    return day


@lru_cache(maxsize=65536)
def sessions(venue: str, day: date, rth: bool = False) -> tuple[Session, ...]:
    """The sessions that belong to `day` as starts and ends (epoch seconds), in order: two where there is a lunch break.

    Args:
        venue: whose.
        day: the trading day; an evening session belongs to the day on which it ends.
        rth: regular hours only.
    """
    if not is_trading_day(venue, day):
        return ()
    table = TIMETABLES[venue]
    half = is_half_day_at(venue, day)
    limit = (table.early if rth else table.early_all) if half else None
    found = (_instants(table, day, span, limit) for span in (table.liquid if rth else table.trading))
    return tuple(span for span in found if span is not None)


def _instants(table: Timetable, day: date, span: Span, limit: time | None) -> Session | None:
    tz, (first, last) = zone(table.zone), span
    if first == last == MIDNIGHT:
        start, end = datetime.combine(day, first, tz), datetime.combine(day + timedelta(days=1), last, tz)
    else:
        start = datetime.combine(day - timedelta(days=1 if first > last else 0), first, tz)
        end = datetime.combine(day, min(last, limit) if limit else last, tz)
    return (start.timestamp(), end.timestamp()) if start.timestamp() < end.timestamp() else None


@lru_cache(maxsize=65536)
def session(venue: str, day: date, rth: bool = False) -> Session | None:
    """Start of the first and end of the last session (epoch seconds) that belong to `day`, or None.

    A lunch break lies inside: `sessions` tells the parts. `rth`: regular hours only.
    """
    found = sessions(venue, day, rth)
    return (found[0][0], found[-1][1]) if found else None


def closing(venue: str, day: date) -> float:
    """The instant at which the regular hours of `day` end; of the trading day before, where `day` is none."""
    return sessions(venue, trading_day_before(venue, day), True)[-1][1]


@lru_cache(maxsize=4096)
def _date_in_minute(venue: str, minute: int) -> date:
    table = TIMETABLES[venue]
    local = datetime.fromtimestamp(minute * 60, zone(table.zone))
    first, last = table.trading[0]
    return local.date() + timedelta(days=1 if first > last and local.time() >= first else 0)


def local_date(venue: str, now: float) -> date:
    """The trading day that the instant `now` belongs to: an evening session belongs to the day on which it ends."""
    return _date_in_minute(venue, int(now // 60))


@lru_cache(maxsize=4096)
def _open_in_minute(venue: str, minute: int, rth: bool) -> bool:
    instant = minute * 60
    return any(start <= instant < end for start, end in sessions(venue, _date_in_minute(venue, minute), rth))


def is_open(venue: str, now: float, rth: bool = False) -> bool:
    """Whether `venue` trades at `now` (epoch seconds)."""
    return _open_in_minute(venue, int(now // 60), rth)


def next_open(venue: str, now: float, rth: bool = False) -> float:
    """The start of the next session after `now`, or `now` itself while the venue is open (epoch seconds)."""
    if is_open(venue, now, rth):
        return now
    day = local_date(venue, now)
    for ahead in range(HORIZON):
        for start, _ in sessions(venue, day + timedelta(days=ahead), rth):
            if start > now:
                return start
    raise ValueError(f"{venue} has no session in the two weeks after {datetime.fromtimestamp(now, UTC)}")


def previous_session(venue: str, now: float, rth: bool = True) -> Session:
    """The last day of trading that ended at or before `now`, from its first start to its last end."""
    day = local_date(venue, now)
    for back in range(HORIZON):
        found = session(venue, day - timedelta(days=back), rth)
        if found is not None and found[1] <= now:
            return found
    raise ValueError(f"{venue} has no session in the two weeks before {datetime.fromtimestamp(now, UTC)}")


@lru_cache(maxsize=4096)
def hours_text(venue: str, today: date, rth: bool, until: float | None = None) -> str:
    """The gateway's `tradingHours` (or `liquidHours`) string for the days from `today` on.

    Args:
        venue: whose.
        today: the first day listed.
        rth: regular hours only.
        until: the instant (epoch seconds) at which the contract expires, after which nothing is listed.
    """
    parts: list[str] = []
    for ahead in range(LISTED_DAYS):
        day = today + timedelta(days=ahead)
        found = sessions(venue, day, rth)
        if not found:
            if not _opens_on(venue, day, rth):
                parts.append(f"{day:%Y%m%d}:CLOSED")
            continue
        parts += [_span_text(venue, start, min(end, until or end)) for start, end in found if start < (until or end)]
        if until is not None and until <= found[-1][1]:
            break
    return ";".join(parts)


def _opens_on(venue: str, day: date, rth: bool) -> bool:
    """Whether the next day's first session begins in the evening of `day`, which is then not called closed."""
    following = sessions(venue, day + timedelta(days=1), rth)
    return bool(following) and datetime.fromtimestamp(following[0][0], zone(TIMETABLES[venue].zone)).date() == day


def _span_text(venue: str, start: float, end: float) -> str:
    tz = zone(TIMETABLES[venue].zone)
    first, last = datetime.fromtimestamp(start, tz), datetime.fromtimestamp(end, tz)
    return f"{first:%Y%m%d:%H%M}-{last:%Y%m%d:%H%M}"


class Calendar:
    """The hours strings for the date that the clock shows.

    Args:
        clock: gives the present as epoch seconds.
    """

    __slots__ = ("_clock",)

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def now(self) -> float:
        """The clock's present (epoch seconds)."""
        return self._clock()

    def today(self, venue: str) -> date:
        """The trading day that the clock's present belongs to."""
        return local_date(venue, self._clock())

    def trading(self, venue: str, until: float | None = None) -> str:
        """All sessions from today on, up to the instant `until`."""
        return hours_text(venue, self.today(venue), False, until)

    def liquid(self, venue: str, until: float | None = None) -> str:
        """The regular sessions from today on, up to the instant `until`."""
        return hours_text(venue, self.today(venue), True, until)
