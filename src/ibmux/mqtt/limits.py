"""What a client may use of the endpoint: every queue, table and wait has its bound here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the endpoint.

    Attributes:
        max_packet_size: bytes of one packet from a client; above it the client is disconnected (0x95).
        receive_maximum: QoS 1 and 2 messages of a client not yet acknowledged; above it: 0x93. The same number bounds
            what is on its way to a client, if the client's own bound is not smaller.
        max_queued_bytes: what waits for one client, connected or not; above it see `outgoing.Outgoing`.
        max_connections: connected clients; one more is refused (0x89).
        max_sessions: sessions, connected or waiting; above it the one that is longest without connection ends.
        max_subscriptions_per_client: one more is refused (0x97).
        retained_max: retained messages; above it new topics are not retained (0x97), known ones still are.
        session_expiry_max: seconds a session outlives its connection; longer wishes are cut (and the client is told).
        connect_timeout: seconds from the accepted socket to a whole CONNECT, TLS and WebSocket handshake included.
        keepalive_max: seconds; a longer keep-alive, or none, is replaced by it (and the client is told).
        topic_alias_max: topic aliases a client may define.
        close_timeout: seconds a closing connection has to take its last bytes.
        gather: seconds between two writes of a QoS 0 stream that many clients read: each of them wakes up for each
            write, which costs more than the messages. The first message after a pause goes at once; so does everything
            else, and takes along what was gathered for the same client.
    """

    max_packet_size: int = 16 * 1024 * 1024
    receive_maximum: int = 1024
    max_queued_bytes: int = 16 * 1024 * 1024
    max_connections: int = 1000
    max_sessions: int = 5000
    max_subscriptions_per_client: int = 5000
    retained_max: int = 100_000
    session_expiry_max: int = 24 * 3600
    connect_timeout: float = 10.0
    keepalive_max: int = 300
    topic_alias_max: int = 256
    close_timeout: float = 3.0
    gather: float = 0.02


DEFAULT_LIMITS = Limits()
