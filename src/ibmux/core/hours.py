"""Trading hours as Interactive Brokers writes them: whether a market is open at an instant. No clock, no I/O."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import lru_cache
from zoneinfo import ZoneInfo

Session = tuple[float, float]
"""Start and end in seconds UTC."""
DAY = 86_400.0


class Hours:
    """The hours of one contract over the days that its details list.

    Args:
        text: `tradingHours` or `liquidHours` of contract details: `20260105:0400-20260105:2000;20260106:CLOSED`; older
            gateways leave the second date out, and write several sessions of a day with commas.
        zone: `timeZoneId`.
    """

    __slots__ = ("_known", "_sessions")

    def __init__(self, text: str, zone: str) -> None:
        self._sessions: tuple[Session, ...] = ()
        self._known: Session = (0.0, 0.0)
        try:
            place = ZoneInfo(zone.partition(" ")[0])
            days = [_date(each[:8], place) for each in text.split(";") if each]
            self._sessions = tuple(_read(text, place))
        except (KeyError, ValueError, OSError):  # a zone or a notation that nobody knows: then nothing is known
            return
        if days:
            starts, ends = zip((min(days), max(days) + DAY), *self._sessions, strict=True)
            self._known = (min(starts), max(ends))

    def __repr__(self) -> str:
        return f"<Hours with {len(self._sessions)} sessions>"

    def is_open(self, now: float) -> bool | None:
        """Whether the market is open at `now` (seconds UTC); None beyond the days that are known."""
        if not self._known[0] <= now < self._known[1]:
            return None
        return any(start <= now < end for start, end in self._sessions)


@lru_cache(maxsize=1024)
def hours(text: str, zone: str) -> Hours:
    """The hours of this text; many contracts share one."""
    return Hours(text, zone)


def _read(text: str, zone: ZoneInfo) -> Iterator[Session]:
    for day in text.split(";"):
        date, _, spans = day.partition(":")
        for span in spans.split(","):
            if not span or span == "CLOSED":
                continue
            first, _, last = span.partition("-")
            end_date, _, end = last.rpartition(":")
            yield _instant(date, first.rpartition(":")[2], zone), _instant(end_date or date, end, zone)


def _date(text: str, zone: ZoneInfo) -> float:
    return _instant(text, "0000", zone)


def _instant(date: str, clock: str, zone: ZoneInfo) -> float:
    """Seconds UTC of a local date and time; 2400 is the end of the day.

    Raises:
        ValueError: it is none.
    """
    day = dt.datetime.strptime(date, "%Y%m%d").replace(tzinfo=zone)
    hour, minute = divmod(int(clock), 100)
    days, hour = divmod(hour, 24)
    return (day + dt.timedelta(days=days)).replace(hour=hour, minute=minute).timestamp()
