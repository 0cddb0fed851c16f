"""The timetable of every venue, as data: time zone, sessions, regular hours, holidays and early closes.

A venue is a group of exchanges or contracts with one timetable. Times are those that the exchanges publish.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time

Span = tuple[time, time]
MIDNIGHT = time(0)


@dataclass(frozen=True, slots=True)
class Timetable:
    """Local opening and closing times of a venue; an opening after its closing lies on the day before.

    Attributes:
        zone: time zone of the times.
        trading: all sessions of a day in order.
        liquid: the regular ones among them.
        calendar: whose holidays it keeps (see `holidays`).
        early: when regular hours end on a half day; None: half days are like others.
        early_all: when all trading ends on a half day.
        weekend: it trades on Saturdays and Sundays too.
    """

    zone: str
    trading: tuple[Span, ...]
    liquid: tuple[Span, ...]
    calendar: str
    early: time | None = None
    early_all: time | None = None
    weekend: bool = False


def _spans(text: str) -> tuple[Span, ...]:
    found = []
    for part in text.split():
        first, last = part.split("-")
        found.append((time.fromisoformat(first), time.fromisoformat(last)))
    return tuple(found)


def _table(zone: str, trading: str, liquid: str, calendar: str, *early: str) -> Timetable:
    """Early closes: of the regular hours, and of all trading where that is another time."""
    first, last = (time.fromisoformat(text) if text else None for text in ((*early, *early[-1:], "", "")[:2]))
    return Timetable(zone, _spans(trading), _spans(liquid), calendar, first, last)


EAST, CENTRAL = "US/Eastern", "US/Central"
TIMETABLES = {
    "US": _table(EAST, "04:00-20:00", "09:30-16:00", "US", "13:00", "17:00"),
    "US.OPT": _table(EAST, "09:30-16:00", "09:30-16:00", "US", "13:00"),
    "US.OPT.ETF": _table(EAST, "09:30-16:15", "09:30-16:15", "US", "13:15"),
    "US.OPT.IND": _table(CENTRAL, "08:30-15:15", "08:30-15:15", "US", "12:15"),
    "US.OPT.GTH": _table(CENTRAL, "19:15-08:25 08:30-15:15 15:15-16:00", "08:30-15:15", "US", "12:15"),
    "US.IND": _table(CENTRAL, "08:30-15:15", "08:30-15:00", "US", "12:00", "12:15"),
    "US.RTH": _table(EAST, "09:30-16:00", "09:30-16:00", "US", "13:00"),
    "BONDS": _table(EAST, "08:00-17:00", "08:00-17:00", "BONDS", "14:00"),
    "CME": _table(CENTRAL, "17:00-16:00", "08:30-16:00", "FUTURES", "12:00"),
    "NYMEX": _table(EAST, "18:00-17:00", "09:30-16:00", "FUTURES", "13:00"),
    "METALS": _table(EAST, "18:00-17:00", "18:00-17:00", "FUTURES", "13:00"),
    "CFD.IND": _table(EAST, "18:00-17:00", "09:30-16:00", "FUTURES", "13:00"),
    "FX": _table(EAST, "17:15-17:00", "17:15-17:00", "FX"),
    "EU": _table("MET", "09:00-17:30", "09:00-17:30", "XETRA"),
    "EURONEXT": _table("MET", "09:00-17:30", "09:00-17:30", "EURONEXT", "14:05"),
    "SWISS": _table("MET", "09:00-17:30", "09:00-17:30", "SWISS"),
    "UK": _table("GB-Eire", "08:00-16:30", "08:00-16:30", "UK", "12:30"),
    "EUREX": _table("MET", "01:10-22:00", "08:00-22:00", "XETRA"),
    "EUREX.OPT": _table("MET", "08:50-17:30", "08:50-17:30", "XETRA"),
    "CA": _table(EAST, "09:30-16:00", "09:30-16:00", "CANADA", "13:00"),
    "TSEJ": _table("Japan", "09:00-11:30 12:30-15:30", "09:00-11:30 12:30-15:30", "JAPAN"),
    "SEHK": _table("Hongkong", "09:30-12:00 13:00-16:00", "09:30-12:00 13:00-16:00", "HONGKONG", "12:00"),
    "AU": _table("Australia/NSW", "10:00-16:00", "10:00-16:00", "AUSTRALIA", "14:00"),
    "MX": _table("America/Mexico_City", "08:30-15:00", "08:30-15:00", "MEXICO"),
    "CRYPTO": Timetable(EAST, ((MIDNIGHT, MIDNIGHT),), ((MIDNIGHT, MIDNIGHT),), "NONE", weekend=True),
}
