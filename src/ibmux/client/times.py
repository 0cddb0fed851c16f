"""Times between Python's types and the texts of the API. Knows no message."""

from __future__ import annotations

import datetime as dt
from typing import Any

from ibmux.errors import RequestError


def write_ib(moment: dt.datetime | dt.date | str | None) -> str:
    """A moment as Interactive Brokers' requests want it; empty for None.

    A naive `datetime` is local time, as everywhere in Python; a `date` means its end in local time; text goes as it is.
    """
    if not moment:
        return ""
    if isinstance(moment, str):
        return moment
    if not isinstance(moment, dt.datetime):
        moment = dt.datetime.combine(moment, dt.time(23, 59, 59)).astimezone()
    return moment.astimezone(dt.UTC).strftime("%Y%m%d %H:%M:%S UTC")


def read_moment(value: Any) -> dt.datetime:
    """An aware time from ISO 8601 text, from seconds UTC or from a time already; without a zone it is UTC.

    Raises:
        RequestError: the text is no time.
    """
    if isinstance(value, int | float):
        return dt.datetime.fromtimestamp(value, dt.UTC)
    try:
        moment = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
    except ValueError:
        raise RequestError(f"{value!r} is not an ISO 8601 time.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def read_bar_date(value: Any) -> dt.date | dt.datetime:
    """The start of a bar: a `date` for daily and longer bars, else an aware `datetime`."""
    if isinstance(value, str) and len(value) == len("2024-01-31"):
        return dt.date.fromisoformat(value)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    return read_moment(value)
