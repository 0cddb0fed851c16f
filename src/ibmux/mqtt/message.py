"""One application message as a handler sees it, whichever side of the wire it came from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Message:
    """A received PUBLISH.

    Attributes:
        topic: the full topic name, aliases resolved.
        payload: the bytes as published.
        qos: quality of service with which it arrived here.
        retain: whether it is a retained message, sent because of a new subscription (for an endpoint's own handlers: or
            whether the publisher asked to retain it).
        expiry: seconds left until the message expires, None if it never does.
        content_type: MIME type of the payload, as published.
        response_topic: where the publisher wants the reply.
        correlation_data: what the reply has to carry back.
        user_properties: name-value pairs in the order they were sent.
        client: client id of the publisher; empty if unknown (a link to a broker never learns it).
        username: the publisher's authenticated name; empty if it has none.
    """

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    expiry: float | None = None
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    user_properties: tuple[tuple[str, str], ...] = ()
    client: str = ""
    username: str = ""
    completion: Callable[[], None] | None = field(default=None, repr=False, compare=False)

    def ack(self) -> None:
        """Let the acknowledgement go to the publisher (PUBACK, or PUBREC for QoS 2); without one due it has no effect.

        Only handlers subscribed with `late_ack=True` have to call it: after what must not be lost is on disk.
        """
        completion, self.completion = self.completion, None
        if completion is not None:
            completion()
