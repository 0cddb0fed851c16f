"""What a simulated gateway counts, and the snapshot of it that tests and programs read."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Counts:
    """What the gateway counted since its start."""

    connections_ever: int = 0
    by_client: dict[int, int] = field(default_factory=dict)
    messages_in: int = 0
    ticks_sent: int = 0
    orders_placed: int = 0


@dataclass(frozen=True, slots=True)
class Stats:
    """A snapshot of the counts.

    `connections` are started clients now, `connections_ever` all that ever started, `by_client` the same per clientId;
    `lines` the streaming market-data lines now per connected clientId; `close_wait` the sockets whose peers went while
    the gateway was stuck.
    """

    connections: int
    connections_ever: int
    by_client: dict[int, int]
    messages_in: int
    ticks_sent: int
    orders_placed: int
    lines: dict[int, int]
    close_wait: int = 0
