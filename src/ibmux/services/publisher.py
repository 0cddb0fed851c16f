"""The way of updates to the scripts: one encode, one publish. Knows the bus by its `publish` alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ibmux.messages import CONTENT_TYPE, encode

Publish = Callable[..., None]


class Publisher:
    """Publishes records of one gateway.

    Attributes:
        ticks_out: items of market data published so far: ticks, changes of books, bars.
    """

    def __init__(self, gateway: str, publish: Publish, clock: Callable[[], float] = time.time) -> None:
        self.gateway = gateway
        self.clock = clock
        self.epoch = 0
        self.ticks_out = 0
        self._publish = publish

    def event(self, topic: str, record: Any) -> None:
        """An event that nobody may miss (QoS 1)."""
        self._publish(topic, encode(record), qos=1, content_type=CONTENT_TYPE)

    def state(self, topic: str, record: Any, *, expiry: int | None = None, qos: int = 1) -> None:
        """The last known state (retained); `expiry` in seconds."""
        self._publish(topic, encode(record), qos=qos, retain=True, expiry=expiry, content_type=CONTENT_TYPE)

    def clear(self, topic: str) -> None:
        """Take a retained state away: it is over."""
        self._publish(topic, b"", qos=1, retain=True)

    def stream(self, topic: str, record: Any, items: int) -> None:
        """An update of a stream (QoS 0) with so many items; its own sequence number tells a reader of holes."""
        self.ticks_out += items
        self._publish(topic, encode(record), content_type=CONTENT_TYPE)
