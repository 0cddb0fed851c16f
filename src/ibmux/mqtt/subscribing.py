"""SUBSCRIBE and UNSUBSCRIBE of a client, and the retained messages a new subscription is sent.

Retained messages go out in slices, one a turn of the loop and only while the client takes them: a hundred thousand of
them neither hold up the other clients nor fill memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mqtt5 import (
    DisconnectReasonCode,
    RetainHandling,
    SubAckPacket,
    SubAckReasonCode,
    SubscribePacket,
    TopicFilter,
    UnsubAckPacket,
    UnsubAckReasonCode,
    UnsubscribePacket,
)

from ibmux.mqtt.faults import Fault, malformed, protocol_error
from ibmux.mqtt.filters import is_filter, split_share
from ibmux.mqtt.subscriptions import Options

if TYPE_CHECKING:
    from ibmux.mqtt.connection import Connection

SLICE = 500
"""Retained messages looked at for one client in one turn of the loop."""


class Subscribing:
    """The subscriptions of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._hub = connection.hub
        self._session = connection.session
        self._replays: dict[str, Iterator[str]] = {}
        self._scheduled = False

    def subscribe(self, packet: SubscribePacket) -> None:
        """Take a SUBSCRIBE: acknowledge it, then send the retained messages of its filters.

        Raises:
            Fault: it breaks the protocol.
        """
        if not packet.topic_filters:
            raise protocol_error("SUBSCRIBE without a filter")
        if not packet.packet_id:
            raise malformed("the packet identifier is 0")
        replays: list[str] = []
        codes = [self._subscribe(wish, packet.subscription_id, replays) for wish in packet.topic_filters]
        self._connection.control(SubAckPacket(packet.packet_id, codes).write())
        for pattern in replays:
            self._replays[pattern] = self._hub.retained.topics(pattern)
        self.replay()

    def _subscribe(self, wish: TopicFilter, identifier: int | None, replays: list[str]) -> SubAckReasonCode:
        """Subscribe to one filter; filters whose retained messages are due are added to `replays`."""
        group, pattern = _split(wish)
        connection, session = self._connection, self._session
        if not is_filter(pattern):
            return SubAckReasonCode.TOPIC_FILTER_INVALID
        if not connection.rules.authorize_subscribe(connection.client, pattern):
            return SubAckReasonCode.NOT_AUTHORIZED
        known = wish.pattern in session.filters
        if not known and len(session.filters) >= connection.limits.max_subscriptions_per_client:
            return SubAckReasonCode.QUOTA_EXCEEDED
        options = Options(int(wish.max_qos), wish.no_local, wish.retain_as_published, identifier)
        session.filters[wish.pattern] = options
        self._hub.remote.add(pattern, session, options, group)
        handling = wish.retain_handling
        if not group and (
            handling == RetainHandling.SEND_ALWAYS
            or (handling == RetainHandling.SEND_IF_SUBSCRIPTION_NOT_EXISTS and not known)
        ):
            replays.append(pattern)
        return SubAckReasonCode(options.qos)

    def unsubscribe(self, packet: UnsubscribePacket) -> None:
        """Take an UNSUBSCRIBE.

        Raises:
            Fault: it breaks the protocol.
        """
        if not packet.patterns:
            raise protocol_error("UNSUBSCRIBE without a filter")
        if not packet.packet_id:
            raise malformed("the packet identifier is 0")
        codes = [self._unsubscribe(pattern) for pattern in packet.patterns]
        self._connection.control(UnsubAckPacket(packet.packet_id, codes).write())

    def _unsubscribe(self, wish: str) -> UnsubAckReasonCode:
        if self._session.filters.pop(wish, None) is None:
            return UnsubAckReasonCode.NO_SUBSCRIPTION_EXISTED
        group, pattern = split_share(wish)
        self._hub.remote.remove(pattern, self._session, group)
        if not group:
            self._replays.pop(pattern, None)
        return UnsubAckReasonCode.SUCCESS

    # -- retained messages -------------------------------------------------------------------------------------------

    def replay(self) -> None:
        """Send retained messages that are due, a slice of them and as far as the client takes them."""
        connection, session = self._connection, self._session
        room = SLICE
        while self._replays and not (connection.blocked or connection.ended or session.queue):
            pattern, topics = next(iter(self._replays.items()))
            options = session.filters.get(pattern)
            topic = next(topics, None) if options else None
            if topic is None:
                self._replays.pop(pattern)
                continue
            self._give(topic, options or Options())
            room -= 1
            if not room:
                self._continue_later()
                return

    def _give(self, topic: str, options: Options) -> None:
        kept = self._hub.retained.get(topic)
        if kept is None or (options.no_local and kept.origin == self._session.client.client_id):
            return
        ids = () if options.identifier is None else (options.identifier,)
        self._hub.give(self._session, kept, options.qos, True, ids)

    def _continue_later(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._next_slice)

    def _next_slice(self) -> None:
        self._scheduled = False
        self.replay()


def _split(wish: TopicFilter) -> tuple[str, str]:
    """Group and pattern of a wish.

    Raises:
        Fault: it is no shared subscription although it begins like one, or it is one without its own messages.
    """
    try:
        group, pattern = split_share(wish.pattern)
    except ValueError as error:
        raise Fault(DisconnectReasonCode.TOPIC_FILTER_INVALID, str(error)) from None
    if group and wish.no_local:
        raise protocol_error("a shared subscription cannot leave out the subscriber's own messages")
    return group, pattern
