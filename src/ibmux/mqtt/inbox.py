"""What a link has subscribed to, and the messages that come in: to whom they go, and when they are acknowledged."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from mqtt5 import PubAckPacket, PubCompPacket, PublishPacket, PubRecPacket, QoS, TopicFilter

from ibmux.mqtt.bus import Handler
from ibmux.mqtt.filters import SHARE, compile_filter, split_share
from ibmux.mqtt.message import Message

logger = logging.getLogger(__name__)

ROUTES_KEPT = 20_000
"""Topics whose handlers are remembered."""
PATIENCE = 2.0
"""Seconds for which a handler may hold back an acknowledgement: brokers leave few messages unacknowledged (mosquitto:
20), and everybody's requests come over this one link.
"""
_QOS = (QoS.AT_MOST_ONCE, QoS.AT_LEAST_ONCE, QoS.EXACTLY_ONCE)


class Listener:
    """One handler and the filter it listens to."""

    __slots__ = ("call", "late_ack", "matches", "pattern", "qos")

    def __init__(self, pattern: str, call: Handler, qos: int, late_ack: bool) -> None:
        self.pattern = pattern
        self.matches = compile_filter(split_share(pattern)[1])
        self.call = call
        self.qos = qos
        self.late_ack = late_ack


@dataclass(slots=True, eq=False)
class Due:
    """An acknowledgement, and how many handlers it waits for."""

    packet_id: int
    qos: int
    waiting: int
    timer: asyncio.TimerHandle | None = None


class Inbox:
    """The handlers of a link, by filter; each message goes to every handler whose filter matches, once."""

    def __init__(self) -> None:
        self.handler_errors = 0
        self._listeners: dict[str, list[Listener]] = {}
        self._routes: dict[str, tuple[Listener, ...]] = {}
        self._aliases: dict[int, str] = {}
        self._received: set[int] = set()
        self._send: Callable[[bytes], None] | None = None
        self._lines: tuple[deque[Due], deque[Due]] = deque(), deque()

    # -- subscriptions -----------------------------------------------------------------------------------------------

    def add(self, listener: Listener) -> None:
        """Take in a handler."""
        self._listeners.setdefault(listener.pattern, []).append(listener)
        self._routes.clear()

    def remove(self, listener: Listener) -> bool:
        """Let a handler go; True if it was the last of its filter."""
        rest = self._listeners.get(listener.pattern, [])
        if listener not in rest:
            return False
        rest.remove(listener)
        self._routes.clear()
        if not rest:
            del self._listeners[listener.pattern]
        return not rest

    @property
    def patterns(self) -> list[str]:
        """Every filter that has a handler."""
        return list(self._listeners)

    def wish(self, pattern: str) -> TopicFilter:
        """The filter as it is sent to the peer: all options given, for the codec's defaults are not the protocol's."""
        qos = max(listener.qos for listener in self._listeners[pattern])
        shared = pattern.startswith(SHARE)
        return TopicFilter(pattern, max_qos=_QOS[qos], no_local=not shared, retain_as_published=False)

    # -- messages ----------------------------------------------------------------------------------------------------

    def open(self, send: Callable[[bytes], None], session_present: bool) -> None:
        """A connection stands."""
        self._send = send
        self._lines = deque(), deque()
        self._aliases.clear()
        if not session_present:
            self._received.clear()

    def publish(self, packet: PublishPacket) -> None:
        """A message: hand it on, and acknowledge it unless a handler wants to do that."""
        topic = packet.topic
        alias = packet.topic_alias
        if alias is not None:
            if topic:
                self._aliases[alias] = topic
            else:
                topic = self._aliases.get(alias, "")
        listeners = self._routes.get(topic)
        if listeners is None:
            listeners = self._route(topic)
        if packet.packet_id is None:
            if listeners:
                self._call(listeners, self._message(packet, topic, 0))
        else:
            self._publish_reliably(packet, topic, listeners)

    def _publish_reliably(self, packet: PublishPacket, topic: str, listeners: tuple[Listener, ...]) -> None:
        packet_id, qos = packet.packet_id or 0, int(packet.qos)
        if qos == 2:
            if packet_id in self._received:
                self._acknowledge(packet_id, 2)
                return
            self._received.add(packet_id)
        late = sum(listener.late_ack for listener in listeners)
        line = self._lines[qos - 1]
        if not (late or line):  # the common case
            self._call(listeners, self._message(packet, topic, qos))
            self._acknowledge(packet_id, qos)
            return
        due = Due(packet_id, qos, late)
        line.append(due)
        for listener in listeners:
            message = self._message(packet, topic, qos)
            message.completion = partial(self._done, line, due) if listener.late_ack else None
            self._call((listener,), message)
        if due.waiting > 0:
            due.timer = asyncio.get_running_loop().call_later(PATIENCE, self._give_up, line, due)
        self._move_on(line)

    def _done(self, line: deque[Due], due: Due) -> None:
        due.waiting -= 1
        self._move_on(line)

    def _give_up(self, line: deque[Due], due: Due) -> None:
        due.waiting = 0
        self._move_on(line)

    def _move_on(self, line: deque[Due]) -> None:
        """Acknowledge in the order of the messages (MQTT-4.6.0-2, -3); lines of an earlier connection are nobody's."""
        while line and line[0].waiting <= 0:
            due = line.popleft()
            if due.timer is not None:
                due.timer.cancel()
            if line is self._lines[due.qos - 1]:
                self._acknowledge(due.packet_id, due.qos)

    def release(self, packet_id: int) -> None:
        """PUBREL: the message is over."""
        self._received.discard(packet_id)
        if self._send is not None:
            self._send(PubCompPacket(packet_id).write())

    def _route(self, topic: str) -> tuple[Listener, ...]:
        if len(self._routes) >= ROUTES_KEPT:
            self._routes.clear()
        found = tuple(one for group in self._listeners.values() for one in group if one.matches(topic))
        self._routes[topic] = found
        return found

    @staticmethod
    def _message(packet: PublishPacket, topic: str, qos: int) -> Message:
        return Message(
            topic,
            packet.payload,
            qos,
            packet.retain,
            packet.message_expiry_interval,
            packet.content_type,
            packet.response_topic,
            packet.correlation_data,
            tuple(packet.user_properties),
        )

    def _call(self, listeners: tuple[Listener, ...], message: Message) -> None:
        for listener in listeners:
            try:
                listener.call(message)
            except Exception:
                self.handler_errors += 1
                logger.exception("a handler of %s failed", message.topic)
                message.ack()  # it will not do so any more

    def _acknowledge(self, packet_id: int, qos: int) -> None:
        if self._send is not None:
            packet = PubAckPacket(packet_id) if qos == 1 else PubRecPacket(packet_id)
            self._send(packet.write())
