"""The contract between those who publish and subscribe and what carries it: embedded endpoint or link to a broker."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias

from ibmux.mqtt.message import Message

Handler: TypeAlias = Callable[[Message], None]
"""Called in the event loop for each message; it must return within a millisecond and never block."""

Unsubscribe: TypeAlias = Callable[[], Awaitable[None] | None]


class Bus(Protocol):
    """Publish and subscribe; fulfilled by `server.Endpoint` and `client.Link`.

    The handlers of a bus hear what others publish: a bus does not echo its own messages to its own handlers.
    """

    async def start(self) -> None:
        """Listen, or connect."""

    async def close(self) -> None:
        """End every connection in an orderly way; nothing is left running."""

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 0,
        retain: bool = False,
        expiry: int | None = None,
        content_type: str | None = None,
        response_topic: str | None = None,
        correlation_data: bytes | None = None,
        user_properties: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Send a message; never blocks. An empty payload with `retain` clears what is retained. `expiry` in seconds."""

    async def subscribe(self, pattern: str, handler: Handler, *, qos: int = 1, late_ack: bool = False) -> Unsubscribe:
        """Have `handler` called for every message whose topic matches `pattern` (`+` and `#` as in MQTT).

        With `late_ack` a QoS 1 or 2 message is acknowledged only when the handler's side calls `message.ack()`, and
        what the same client sent behind it after that; a link to a broker waits `inbox.PATIENCE` seconds at most.
        Returns a function that unsubscribes; its result is None or has to be awaited.
        """
