"""One message on its way through the endpoint, with the bytes it becomes on the wire.

A publication is encoded once for each form in which it leaves, however many clients take it: plain (QoS 0), as a
retained message, and for QoS 1 and 2 as head and tail around the packet identifier.
"""

from __future__ import annotations

from collections.abc import Sequence

from mqtt5 import PublishPacket, QoS

QOS = (QoS.AT_MOST_ONCE, QoS.AT_LEAST_ONCE, QoS.EXACTLY_ONCE)
OVERHEAD = 64
"""Bytes counted for a queued message beside topic and payload."""


class Publication:
    """A message as published, and when.

    Attributes:
        expiry: seconds of life it had at `born`, None for ever.
        born: reading of the endpoint's clock when it came in; only meaningful with an expiry.
        origin: client id of the publisher, empty for the endpoint itself.
        size: about what it costs in memory, in bytes.
    """

    __slots__ = (
        "_named",
        "_plain",
        "_short",
        "_split",
        "born",
        "content_type",
        "correlation",
        "expiry",
        "origin",
        "payload",
        "properties",
        "qos",
        "response_topic",
        "retain",
        "size",
        "text",
        "topic",
        "username",
    )

    def __init__(  # noqa: PLR0917  (one for every message: keywords would cost time)
        self,
        topic: str,
        payload: bytes,
        qos: int = 0,
        retain: bool = False,
        expiry: int | None = None,
        born: float = 0.0,
        content_type: str | None = None,
        response_topic: str | None = None,
        correlation: bytes | None = None,
        properties: list[tuple[str, str]] | None = None,
        text: int = 0,
        origin: str = "",
        username: str = "",
    ) -> None:
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.expiry = expiry
        self.born = born
        self.content_type = content_type
        self.response_topic = response_topic
        self.correlation = correlation
        self.properties = properties
        self.text = text
        self.origin = origin
        self.username = username
        self.size = len(payload) + len(topic) + OVERHEAD
        self._plain: bytes | None = None
        self._named: bytes | None = None
        self._short: bytes | None = None
        self._split: tuple[bytes, bytes] | None = None

    def left(self, now: float) -> int | None:
        """Whole seconds until it expires, rounded up; 0 or less: it has expired; None: it never does."""
        if self.expiry is None:
            return None
        return self.expiry - int(now - self.born)

    def plain(self) -> bytes:
        """The packet most subscribers get: QoS 0, not retained, no identifiers, the expiry as published."""
        if self._plain is None:
            self._plain = self.packet(expiry=self.expiry)
        return self._plain

    def aliased(self, number: int, known: bool) -> bytes:
        """The plain packet for a client that is told the topic's number now, or knows it already."""
        if known:
            if self._short is None:
                self._short = self.packet(expiry=self.expiry, alias=number, topic="")
            return self._short
        if self._named is None:
            self._named = self.packet(expiry=self.expiry, alias=number)
        return self._named

    def packet(
        self,
        *,
        qos: int = 0,
        retain: bool = False,
        expiry: int | None = None,
        ids: Sequence[int] = (),
        packet_id: int | None = None,
        duplicate: bool = False,
        alias: int | None = None,
        topic: str | None = None,
    ) -> bytes:
        """The packet in any form; `topic` empty with an `alias` that the client knows already."""
        return PublishPacket(
            self.topic if topic is None else topic,
            self.payload,
            qos=QOS[qos],
            retain=retain,
            packet_id=packet_id,
            duplicate=duplicate,
            payload_format_indicator=self.text,
            message_expiry_interval=expiry,
            content_type=self.content_type,
            response_topic=self.response_topic,
            correlation_data=self.correlation,
            subscription_ids=list(ids) if ids else None,
            topic_alias=alias,
            user_properties=self.properties,
        ).write()

    def numbered(self, packet_id: int, qos: int) -> bytes:
        """The packet of QoS 1 or 2 with this identifier, the expiry as published, not retained."""
        if qos != 1:
            return self.packet(qos=qos, packet_id=packet_id, expiry=self.expiry)
        if self._split is None:
            whole = self.packet(qos=1, packet_id=1, expiry=self.expiry)
            start = 1
            while whole[start] & 0x80:
                start += 1
            start += 3 + len(self.topic.encode())
            self._split = whole[:start], whole[start + 2 :]
        head, tail = self._split
        return b"%b%b%b" % (head, packet_id.to_bytes(2, "big"), tail)
