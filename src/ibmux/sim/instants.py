"""The gateway's texts for instants: `yyyymmdd hh:mm:ss zone`, `yyyymmdd-hh:mm:ss` (UTC), and back."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfoNotFoundError

from ibmux.sim.calendar.hours import zone
from ibmux.sim.catalogue.contracts import Refusal

BAD_INSTANT = (
    "End Date/Time: The date, time, or time-zone entered is invalid. The correct format is yyyymmdd hh:mm:ss xx/xxxx "
    "where yyyymmdd and xx/xxxx are optional. E.g.: 20031126 15:59:00 US/Eastern. Note that there is a space between "
    "the date and time, and between the time and time-zone. If no date is specified, current date is assumed. If no "
    "time-zone is specified, local time-zone is assumed(deprecated). You can also provide yyyymmddd-hh:mm:ss time is "
    "in UTC. Note that there is a dash between the date and time in UTC notation."
)
PATTERN = re.compile(r"(\d{8})(?:(-| +)(\d{1,2}:\d{2}(?::\d{2})?)(?: +(\S+(?: \S+)*))?)?")


def parse_end(text: str, timeZoneId: str) -> float | Refusal | None:
    """The instant that a client wrote (epoch seconds); None for an empty text, a Refusal (10314) for a bad one.

    Args:
        text: as `20260105 16:00:00 US/Eastern`, `20260105-21:00:00` (UTC), `20260105 16:00:00` or `20260105`.
        timeZoneId: the zone of a text that names none.
    """
    text = text.strip()
    if not text:
        return None
    found = PATTERN.fullmatch(text)
    if found is None:
        return Refusal(10314, BAD_INSTANT)
    day, mark, clock, named = found.groups()
    try:
        tz = UTC if mark == "-" else zone(named or timeZoneId)
        return datetime.strptime(f"{day} {_seconds(clock)}", "%Y%m%d %H:%M:%S").replace(tzinfo=tz).timestamp()
    except (ValueError, ZoneInfoNotFoundError):
        return Refusal(10314, BAD_INSTANT)


def parse_start(text: str) -> float | None:
    """The instant at which a world begins (epoch seconds); None for an empty text: the present.

    Raises:
        ValueError: it is none; write `20260105 09:25:00 US/Eastern`.
    """
    found = parse_end(text, "UTC")
    if isinstance(found, Refusal):
        raise ValueError(f"start is {text!r}; write it as 20260105 09:25:00 US/Eastern")
    return found


def _seconds(clock: str | None) -> str:
    if clock is None:
        return "23:59:59"
    return clock if clock.count(":") == 2 else f"{clock}:00"


def instant_text(instant: float, timeZoneId: str) -> str:
    """An instant in a zone, as `20260105 16:00:00 US/Eastern`."""
    return f"{datetime.fromtimestamp(instant, zone(timeZoneId)):%Y%m%d %H:%M:%S} {timeZoneId}"
