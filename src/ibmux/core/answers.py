"""Answers about the past that need not be asked for again: which are final, and how many are kept.

Pure: times are arguments. A finished bar does not change within a day; what a new day may change (splits, dividends) is
forgotten with the day, and with the connection, which gateways end every night.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Hashable
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ibmux.messages.history import ReqHistoricalData, ReqHistoricalTicks

SETTLED = 60.0
"""Seconds after the end of a bar, or of ticks, in which late trades may still be reported."""
LONGEST = 3600.0
"""Seconds that an answer is kept at most."""
CAPACITY = 32 * 1024 * 1024
"""Bytes of all answers together; the oldest go first."""
LARGEST = CAPACITY // 4
ITEM_SIZE = 512
"""Bytes that a bar or a tick is reckoned to take in memory; a bar was measured at 354, its date included."""
DAY = 86_400.0
_UNITS = {"sec": 1.0, "min": 60.0, "hour": 3600.0, "day": DAY, "week": 7 * DAY, "month": 31 * DAY}
_SIZE = re.compile(r"(\d+) ?([a-z]+?)s?\Z")
_END = re.compile(r"(\d{8})(?: +|-)(\d\d):(\d\d):(\d\d)(?: +(\S+))?\Z")
_WESTERNMOST = dt.timezone(dt.timedelta(hours=-12))
"""Where a time of no zone is reckoned to be: it is past when it is past everywhere."""


def moment(text: str) -> float | None:
    """One of IB's ways to write a time, in seconds UTC: of an unknown zone the latest that it can be; None if it is
    none of those ways.
    """
    hit = _END.match(text)
    if hit is None:
        return None
    day, hour, minute, second, zone = hit.groups()
    try:
        where = _zone(zone) if zone else dt.UTC if "-" in text else _WESTERNMOST
        return dt.datetime(
            int(day[:4]), int(day[4:6]), int(day[6:]), int(hour), int(minute), int(second), tzinfo=where
        ).timestamp()
    except ValueError:
        return None


def are_final_bars(question: ReqHistoricalData, now: float) -> bool:
    """Whether the bars that answer a question are finished, the one in which its end lies included.

    `now` is the gateway's time (seconds UTC) when it is asked. ADJUSTED_LAST is none of it: its past changes.
    """
    hit, end = _SIZE.match(question.barSizeSetting), moment(question.endDateTime)
    if hit is None or hit[2] not in _UNITS or end is None:
        return False
    if question.keepUpToDate or question.whatToShow.upper().startswith("ADJUSTED"):
        return False
    return end + int(hit[1]) * _UNITS[hit[2]] + SETTLED <= now


def are_final_ticks(question: ReqHistoricalTicks, now: float) -> bool:
    """Whether the ticks that answer a question about those before an instant are all reported."""
    end = moment(question.endDateTime)
    return end is not None and not question.startDateTime and end + SETTLED <= now


class AnswerStore:
    """Answers by their questions, bounded by bytes; what was entered first is forgotten first."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self.size = 0
        self._answers: dict[Hashable, tuple[float, list[Any]]] = {}
        self._age: tuple[Hashable, ...] = ()

    def __len__(self) -> int:
        return len(self._answers)

    def __repr__(self) -> str:
        return f"<AnswerStore {len(self._answers)} answers, {self.size} of {self.capacity} bytes>"

    def find(self, question: Hashable, epoch: int, now: float) -> list[Any] | None:
        """The answer to a question; `now` in seconds UTC, `epoch` is the session's: another one is another day."""
        self._turn(epoch, now)
        known = self._answers.get(question)
        if known is None:
            return None
        if known[0] <= now:
            self._forget(question)
            return None
        return known[1]

    def keep(self, question: Hashable, answer: list[Any], epoch: int, now: float) -> None:
        """Enter an answer; an empty one says nothing for later, and a very large one would push out all others."""
        self._turn(epoch, now)
        size = len(answer) * ITEM_SIZE
        if not 0 < size <= min(LARGEST, self.capacity):
            return
        self._forget(question)
        while self.size + size > self.capacity:
            self._forget(next(iter(self._answers)))
        self._answers[question] = now + LONGEST, answer
        self.size += size

    def _turn(self, epoch: int, now: float) -> None:
        """With another connection or another day everything is forgotten."""
        age = (epoch, now // DAY)
        if age != self._age:
            self._age, self.size = age, 0
            self._answers.clear()

    def _forget(self, question: Hashable) -> None:
        known = self._answers.pop(question, None)
        if known is not None:
            self.size -= len(known[1]) * ITEM_SIZE


def _zone(name: str) -> dt.tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return _WESTERNMOST
