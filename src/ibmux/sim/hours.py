"""When markets are open: sessions by venue, the gateway's hours strings, and whether a venue is open at an instant.

A venue is a group of exchanges with one timetable. Holidays are the rules of the United States' exchanges, used for all
venues but foreign exchange. Nothing here knows contracts or prices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

Session = tuple[float, float]
LISTED_DAYS = 6  # a gateway lists today and about five more days


@dataclass(frozen=True, slots=True)
class Timetable:
    """Local opening and closing times of a venue; an `open` after `close` means that it opens on the day before."""

    zone: str
    trading: tuple[time, time]
    liquid: tuple[time, time]
    holidays: bool = True


def _times(*clock: str) -> tuple[time, time]:
    first, last = (time.fromisoformat(text) for text in clock)
    return first, last


TIMETABLES = {
    "US": Timetable("US/Eastern", _times("04:00", "20:00"), _times("09:30", "16:00")),
    "US.OPT": Timetable("US/Eastern", _times("09:30", "16:00"), _times("09:30", "16:00")),
    "US.IND": Timetable("US/Central", _times("08:30", "15:15"), _times("08:30", "15:00")),
    "CME": Timetable("US/Central", _times("17:00", "16:00"), _times("08:30", "15:00")),
    "NYMEX": Timetable("US/Eastern", _times("18:00", "17:00"), _times("09:30", "16:00")),
    "FX": Timetable("US/Eastern", _times("17:15", "17:00"), _times("17:15", "17:00"), holidays=False),
    "EU": Timetable("MET", _times("09:00", "17:30"), _times("09:00", "17:30"), holidays=False),
    "UK": Timetable("GB-Eire", _times("08:00", "16:30"), _times("08:00", "16:30"), holidays=False),
    "CA": Timetable("US/Eastern", _times("09:30", "16:00"), _times("09:30", "16:00")),
    "ASIA": Timetable("Japan", _times("09:00", "15:00"), _times("09:00", "15:00"), holidays=False),
    "AU": Timetable("Australia/NSW", _times("10:00", "16:00"), _times("10:00", "16:00"), holidays=False),
    "MX": Timetable("America/Mexico_City", _times("08:30", "15:00"), _times("08:30", "15:00")),
}


def _weekday_of_month(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _good_friday(year: int) -> date:
    """Two days before Easter Sunday (the anonymous Gregorian computus)."""
    a, b, c = year % 19, year // 100, year % 100
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    rest = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * rest) // 451
    month, day = divmod(h + rest - 7 * m + 114, 31)
    return date(year, month, day + 1) - timedelta(days=2)


def _observed(day: date) -> date:
    """A holiday on a Saturday is kept on the Friday before, one on a Sunday on the Monday after."""
    return day + timedelta(days={5: -1, 6: 1}.get(day.weekday(), 0))


@lru_cache(maxsize=64)
def holidays(year: int) -> frozenset[date]:
    """The full holidays of the United States' stock exchanges in `year`."""
    fixed = [date(year, 1, 1), date(year, 6, 19), date(year, 7, 4), date(year, 12, 25)]
    last_monday_of_may = date(year, 5, 31) - timedelta(days=date(year, 5, 31).weekday())
    floating = [_weekday_of_month(year, 1, 0, 3), _weekday_of_month(year, 2, 0, 3), _good_friday(year)]
    floating += [last_monday_of_may, _weekday_of_month(year, 9, 0, 1), _weekday_of_month(year, 11, 3, 4)]
    return frozenset([_observed(day) for day in fixed] + floating)


def is_trading_day(venue: str, day: date) -> bool:
    """Whether `venue` has a session that belongs to `day`."""
    if day.weekday() >= 5:
        return False
    return not (TIMETABLES[venue].holidays and day in holidays(day.year))


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """The time zone of that name."""
    return ZoneInfo(name)


@lru_cache(maxsize=65536)
def session(venue: str, day: date, rth: bool = False) -> Session | None:
    """Start and end (epoch seconds) of the session that belongs to `day`, or None; `rth`: regular hours only."""
    if not is_trading_day(venue, day):
        return None
    table = TIMETABLES[venue]
    first, last = table.liquid if rth else table.trading
    eve = timedelta(days=1 if first > last else 0)
    tz = zone(table.zone)
    start, end = datetime.combine(day - eve, first, tz), datetime.combine(day, last, tz)
    return start.timestamp(), end.timestamp()


def local_date(venue: str, now: float) -> date:
    """The trading day that the instant `now` belongs to: an evening session belongs to the day on which it ends."""
    table = TIMETABLES[venue]
    local = datetime.fromtimestamp(now, zone(table.zone))
    first, last = table.trading
    return local.date() + timedelta(days=1 if first > last and local.time() >= first else 0)


def is_open(venue: str, now: float, rth: bool = False) -> bool:
    """Whether `venue` trades at `now` (epoch seconds)."""
    found = session(venue, local_date(venue, now), rth)
    return found is not None and found[0] <= now < found[1]


def next_open(venue: str, now: float, rth: bool = False) -> float:
    """The start of the next session after `now`, or `now` itself while the venue is open (epoch seconds)."""
    if is_open(venue, now, rth):
        return now
    day = local_date(venue, now)
    for ahead in range(15):
        found = session(venue, day + timedelta(days=ahead), rth)
        if found is not None and found[0] > now:
            return found[0]
    raise ValueError(f"{venue} has no session in the two weeks after {datetime.fromtimestamp(now, UTC)}")


def previous_session(venue: str, now: float, rth: bool = True) -> Session:
    """The last session that ended at or before `now`."""
    day = local_date(venue, now)
    for back in range(15):
        found = session(venue, day - timedelta(days=back), rth)
        if found is not None and found[1] <= now:
            return found
    raise ValueError(f"{venue} has no session in the two weeks before {datetime.fromtimestamp(now, UTC)}")


@lru_cache(maxsize=1024)
def hours_text(venue: str, today: date, rth: bool) -> str:
    """The gateway's `tradingHours` (or `liquidHours`) string for the days from `today` on."""
    tz = zone(TIMETABLES[venue].zone)
    days = []
    for ahead in range(LISTED_DAYS):
        day = today + timedelta(days=ahead)
        found = session(venue, day, rth)
        if found is None:
            days.append(f"{day:%Y%m%d}:CLOSED")
        else:
            first, last = (datetime.fromtimestamp(instant, tz) for instant in found)
            days.append(f"{first:%Y%m%d:%H%M}-{last:%Y%m%d:%H%M}")
    return ";".join(days)


class Calendar:
    """The hours strings for the date that the clock shows.

    Args:
        clock: gives the present as epoch seconds.
    """

    __slots__ = ("_clock",)

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def today(self, venue: str) -> date:
        """The trading day that the clock's present belongs to."""
        return local_date(venue, self._clock())

    def trading(self, venue: str) -> str:
        """All sessions from today on."""
        return hours_text(venue, self.today(venue), False)

    def liquid(self, venue: str) -> str:
        """The regular sessions from today on."""
        return hours_text(venue, self.today(venue), True)
