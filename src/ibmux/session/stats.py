"""A session's numbers at one moment, for metrics and status. Plain data; counts since the session was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneStats:
    """One lane of the way out: messages that wait and the age of the oldest (seconds), messages that went, how many
    of them had to wait and how long together (seconds).
    """

    depth: int = 0
    oldest: float = 0.0
    passed: int = 0
    waited: int = 0
    wait_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What one session did: messages out and in, when the last one came (seconds UTC, `None` if never), lines, ticks,
    open requests, events that were illegal in their state, messages that could not be read, connects by result and
    disconnects by reason, transitions from state to state.
    """

    sent: int
    received: int
    last_message: float | None
    lines: int
    ticks_in: int
    pending: int
    illegal: int
    faults: int
    connects: Mapping[str, int]
    disconnects: Mapping[str, int]
    transitions: Mapping[tuple[str, str], int]
    lanes: Mapping[str, LaneStats]
