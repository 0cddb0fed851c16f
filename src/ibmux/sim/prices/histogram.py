"""Volume by price over a period, as reqHistogramData answers it, from a contract's tape."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import timedelta

from ibmux.sim.calendar import hours
from ibmux.sim.prices.gradual import Gradual
from ibmux.sim.prices.tape import Tape

PERIOD = re.compile(r"(\d+) (second|minute|hour|day|week|month|year)s?")
SECONDS = {
    "second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 7 * 86_400, "month": 30 * 86_400,
    "year": 365 * 86_400,
}  # fmt: skip
SLICE = 60
MOST_SLICES = 4000
MOST_LEVELS = 500


def parse_period(text: str) -> int:
    """A period as `3 days` in seconds; ValueError if it is none."""
    found = PERIOD.fullmatch(text.strip().lower())
    if found is None or int(found[1]) == 0:
        raise ValueError(f"Invalid time period '{text}'")
    return int(found[1]) * SECONDS[found[2]]


def measure(tape: Tape, period: str, useRTH: bool, now: float) -> Gradual[list[tuple[float, float]]]:
    """Prices and the size traded at each, the lowest price first, over a period back from `now`; in steps.

    The period counts sessions' time in calendar days. Each slice's volume stands at its typical price.
    """
    start = int(now - parse_period(period))
    spans = [span for span in sessions(tape.details.venue, start, now, useRTH) if span[1] > span[0]]
    length = sum(end - begin for begin, end in spans)
    size = max(SLICE, -(-length // MOST_SLICES // SLICE) * SLICE)
    found: dict[float, float] = defaultdict(float)
    for begin, end in spans:
        for left in range(begin, end, size):
            right = min(left + size, end)
            volume = tape.volume(left, right)
            if volume > 0:
                found[tape.ladder.near(sum(tape.range(left, right)) / 2)] += volume
            yield
    return _thin(sorted((price, round(size, 8)) for price, size in found.items()), tape)


def sessions(venue: str, start: int, now: float, useRTH: bool) -> list[tuple[int, int]]:
    """The parts of sessions between two instants, in whole seconds, the oldest first."""
    day, last = hours.local_date(venue, start), hours.local_date(venue, now)
    found = []
    while day <= last:
        for session in hours.sessions(venue, day, useRTH):
            found.append((max(start, int(session[0])), min(int(now), int(session[1]))))
        day += timedelta(days=1)
    return found


def _thin(rows: list[tuple[float, float]], tape: Tape) -> list[tuple[float, float]]:
    """Join neighbouring prices where there are too many rows for one answer."""
    group = -(-len(rows) // MOST_LEVELS) or 1
    parts = [rows[place : place + group] for place in range(0, len(rows), group)]
    return [(part[len(part) // 2][0], round(sum(size for _, size in part), 8)) for part in parts]
