"""Readings: plain data about the proxy at one moment, as metrics want it. Knows no part that is measured.

Times in seconds UTC, durations in seconds, sizes in bytes; totals count since the start of the process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneReading:
    """One lane of the outgoing budget: messages that wait now and the wait of the oldest, messages that have passed
    and how long they waited together.
    """

    depth: int = 0
    oldest: float = 0.0
    passed: int = 0
    wait_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayReading:
    """One gateway's session and what is shared over it.

    `upstream` and `received` count messages, `pending` is questions that the gateway has not answered, `illegal` counts
    events that were impossible in their state, `faults` messages that could not be read; `ticks_in` and `ticks_out` are
    ticks, changes of order books and bars, `conflated` is updates of quotes folded into a later one.
    """

    name: str
    state: str
    epoch: int = 0
    halted: bool = False
    last_message: float | None = None
    farms: Mapping[str, bool] = field(default_factory=dict)
    connects: Counts = field(default_factory=dict)
    disconnects: Counts = field(default_factory=dict)
    gaps: Counts = field(default_factory=dict)
    transitions: Mapping[tuple[str, str], int] = field(default_factory=dict)
    parts: Mapping[str, bool] = field(default_factory=dict)
    lines: int = 0
    lines_limit: int = 0
    leases: int = 0
    upstream: int = 0
    received: int = 0
    pending: int = 0
    illegal: int = 0
    faults: int = 0
    ticks_in: int = 0
    ticks_out: int = 0
    conflated: int = 0
    lanes: Mapping[str, LaneReading] = field(default_factory=dict)
    in_flight: int = 0
    orders: Counts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttReading:
    """The MQTT door's carrier: the embedded endpoint, or the link to an outside broker."""

    up: bool = False
    connections: int = 0
    sessions: int = 0
    subscriptions: int = 0
    retained: int = 0
    queued_messages: int = 0
    queued_bytes: int = 0
    messages_in: int = 0
    messages_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    conflated: int = 0
    dropped: int = 0
    disconnects: Counts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalReading:
    """The record of orders: number of the newest record and of the first from which on none is missing, records that
    wait for the disk, whether it takes any, bytes of the file and its log.
    """

    last_seq: int = 0
    oldest_seq: int = 0
    waiting: int = 0
    trouble: bool = False
    file_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Everything at one moment; `scripts` counts the running copies by name."""

    version: str
    started: float
    gateways: Sequence[GatewayReading] = ()
    scripts: Counts = field(default_factory=dict)
    mqtt: MqttReading = MqttReading()
    journal: JournalReading = JournalReading()
