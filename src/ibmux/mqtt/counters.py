"""What the endpoint counts, and how it reports itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counters:
    """Running counts; each is kept by the module where the thing happens."""

    messages_in: int = 0
    messages_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    conflated: int = 0
    dropped_slow: int = 0
    too_large: int = 0
    refused_publishes: int = 0
    handler_errors: int = 0
    disconnects: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Stats:
    """The state of an endpoint at one moment.

    Attributes:
        connections: clients connected; sessions: connected or waiting for their client to come back.
        queued_messages: messages that wait for slow or absent clients, with `queued_bytes`.
        conflated: messages replaced by a later one of the same topic before a slow client took them.
        dropped_slow: stream messages a slow client did not get; too_large: messages larger than a client accepts.
        refused_publishes: messages of clients that were not allowed to publish them.
        handler_errors: exceptions of local handlers.
        disconnects: ended connections by reason.
    """

    connections: int
    sessions: int
    subscriptions: int
    retained: int
    queued_messages: int
    queued_bytes: int
    messages_in: int
    messages_out: int
    bytes_in: int
    bytes_out: int
    conflated: int
    dropped_slow: int
    too_large: int
    refused_publishes: int
    handler_errors: int
    disconnects: dict[str, int]


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """One connected client; `since` in seconds of the epoch (UTC), `queued` in messages, `conflated` folds so far."""

    client_id: str
    username: str
    transport: str
    peer: str
    since: float
    subscriptions: int
    queued: int
    conflated: int
