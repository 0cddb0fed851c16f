"""Requests in flight: one question, one answer, one deadline, across reconnects.

A request is sent with its deadline as message expiry. After a reconnect whatever still waits is sent again under the
same correlation data: reads are idempotent, and orders carry a key that never becomes two orders. Knows no method's
meaning.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import os
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from ibmux.errors import ConnectionLost, GatewayTimeout, IbmuxError, OrderUnknown, Unreachable
from ibmux.messages import CONTENT_TYPE, Method, decode
from ibmux.mqtt.message import Message

log = logging.getLogger("ibmux.client")

GRACE = 0.5
"""Seconds after the message's expiry in which the proxy's own "expired" may still arrive."""
UNCERTAIN = frozenset({"placeOrder", "placeOrders", "modifyOrder", "cancelOrder", "exerciseOptions"})
"""Methods whose silence says nothing about what happened."""

NEVER_TWICE = frozenset({"reqGlobalCancel", "replaceFA"})
"""Methods that are not sent again after a reconnect: they would also hit what came since."""
WAIT_FOR_SESSION = (("wait", "ready"),)
"""Asks the proxy to wait for the session within the deadline: right for a question, not for an order."""


class Publisher(Protocol):
    """The part of a link that requests need."""

    @property
    def connected(self) -> bool:
        """Whether a message would be sent now."""

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 0,
        expiry: int | None = None,
        content_type: str | None = None,
        response_topic: str | None = None,
        correlation_data: bytes | None = None,
        user_properties: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Send a message."""


class Pending(msgspec.Struct, eq=False):
    """One question that waits for its answer; `deadline` in the loop's clock."""

    method: Method
    topic: str
    payload: bytes
    deadline: float
    future: asyncio.Future[list[bytes]]
    key: str = ""
    sent: bool = False
    total: int = 1
    parts: dict[int, bytes] = msgspec.field(default_factory=dict)


class Requests:
    """The table of requests in flight.

    Attributes:
        reply_topic: where the answers go.
        paused: whether the proxy is known to be away, so that sending makes no sense.
        late: answers that came after their deadline.
    """

    def __init__(self, link: Publisher) -> None:
        self.reply_topic = ""
        self.paused = False
        self.late = 0
        self._link = link
        self._waiting: dict[bytes, Pending] = {}
        self._nonce = os.urandom(4)
        self._count = itertools.count(1)

    def __len__(self) -> int:
        return len(self._waiting)

    async def ask(self, method: Method, topic: str, payload: bytes, timeout: float, key: str = "") -> Any:
        """Send a request and wait for its answer; `timeout` in seconds, `key` names the order in errors.

        Raises:
            IbmuxError: the proxy's own error, as the class it raised.
            GatewayTimeout, OrderUnknown: no answer within the deadline.
            Unreachable: the request could not even be sent within the deadline.
            ConnectionLost: the client was closed before the answer came.
        """
        loop = asyncio.get_running_loop()
        name = self._nonce + next(self._count).to_bytes(8, "big")
        seconds = max(1, math.ceil(timeout))
        pending = Pending(method, topic, payload, loop.time() + seconds, loop.create_future(), key)
        self._waiting[name] = pending
        alarm = loop.call_at(loop.time() + timeout + GRACE, self._expire, name)
        try:
            self._send(name, pending)
            payloads = await pending.future
        finally:
            alarm.cancel()
            del self._waiting[name]
        if len(payloads) == 1:
            return decode(payloads[0], method.reply)
        parts = [decode(payload, method.reply) for payload in payloads]
        return "".join(parts) if method.reply is str else [item for part in parts for item in part]

    def resume(self) -> None:
        """Send again whatever waits: the connection, or the proxy, is back."""
        for name, pending in self._waiting.items():
            if pending.future.done():
                continue
            if pending.sent and pending.method.name in NEVER_TWICE:
                pending.future.set_exception(_lost(pending, "the connection to the proxy was lost"))
            else:
                pending.parts.clear()
                self._send(name, pending)

    def receive(self, message: Message) -> None:
        """Take one reply, or one part of it."""
        pending = self._waiting.get(message.correlation_data or b"")
        if pending is None or pending.future.done():
            self.late += 1
            return
        properties = dict(message.user_properties)
        if properties.get("status") != "ok":
            pending.future.set_exception(IbmuxError.from_wire(decode(message.payload, dict[str, Any])))
            return
        index, total = _part(properties.get("part", "1/1"))
        pending.parts[index] = message.payload
        if len(pending.parts) >= total:
            pending.future.set_result([pending.parts[number] for number in sorted(pending.parts)])

    def fail(self, reason: str) -> None:
        """End everything that waits; the client is closing."""
        for pending in self._waiting.values():
            if not pending.future.done():
                pending.future.set_exception(_lost(pending, reason))

    def _send(self, name: bytes, pending: Pending) -> None:
        if self.paused or not self._link.connected:
            return
        pending.sent = True
        left = pending.deadline - asyncio.get_running_loop().time()
        self._link.publish(
            pending.topic,
            pending.payload,
            qos=1,
            expiry=max(1, math.ceil(left)),
            content_type=CONTENT_TYPE,
            response_topic=self.reply_topic,
            correlation_data=name,
            user_properties=() if pending.method.name in UNCERTAIN else WAIT_FOR_SESSION,
        )

    def _expire(self, name: bytes) -> None:
        pending = self._waiting.get(name)
        if pending is not None and not pending.future.done():
            pending.future.set_exception(_silence(pending))


def _lost(pending: Pending, reason: str) -> ConnectionLost:
    return ConnectionLost(f"{pending.method.name} got no answer: {reason}.")


def _part(text: str) -> tuple[int, int]:
    """Number and count of a part from `i/n`."""
    index, _, total = text.partition("/")
    return int(index), int(total or 1)


def _silence(pending: Pending) -> IbmuxError:
    """The error for a request that nobody answered in time."""
    method = pending.method.name
    if not pending.sent:
        return Unreachable(f"{method} was not sent: the proxy could not be reached within the deadline.")
    if method in UNCERTAIN:
        return OrderUnknown(f"{method} of order {pending.key!r} was not acknowledged within the deadline.")
    return GatewayTimeout(f"{method} was not answered within the deadline.")
