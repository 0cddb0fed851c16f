"""Messages a client publishes: aliases, quality of service, permission, and when they are acknowledged."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from mqtt5 import (
    DisconnectReasonCode,
    PubAckPacket,
    PubAckReasonCode,
    PubCompPacket,
    PubCompReasonCode,
    PublishPacket,
    PubRecPacket,
    PubRecReasonCode,
    PubRelPacket,
)

from ibmux.mqtt.faults import Fault, malformed, protocol_error
from ibmux.mqtt.filters import is_name
from ibmux.mqtt.publication import Publication

if TYPE_CHECKING:
    from ibmux.mqtt.connection import Connection

_UNHEARD, _FAILED, _NOT_ALLOWED, _FULL = 0x10, 0x80, 0x87, 0x97
_OK = 0


class Receipt:
    """The acknowledgement of one message, due when every handler that acknowledges late has done so."""

    __slots__ = ("_armed", "_waiting", "code", "incoming", "packet_id", "qos")

    def __init__(self, incoming: Incoming, packet_id: int, qos: int) -> None:
        self.incoming = incoming
        self.packet_id = packet_id
        self.qos = qos
        self.code = _OK
        self._waiting = 0
        self._armed = False

    @property
    def is_due(self) -> bool:
        """Whether nobody is waited for any more."""
        return self._armed and not self._waiting

    def expect(self) -> Callable[[], None]:
        """One more handler will acknowledge; the result is what it calls."""
        self._waiting += 1
        return self._done

    def arm(self, code: int, failed: bool) -> None:
        """All handlers were called: acknowledge with `code` as soon as none is waited for, at once if one `failed`."""
        self._armed = True
        self.code = _FAILED if failed else code
        if failed:
            self._waiting = 0
        self.incoming.line_up(self)

    def _done(self) -> None:
        if self._waiting:
            self._waiting -= 1
            if self.is_due:
                self.incoming.move_on(self.qos)


class Incoming:
    """What one connection publishes. Acknowledgements of one kind leave in the order of the messages, so that one that
    is late holds up those behind it (4.6, MQTT-4.6.0-2 and -3); the replies to requests do not wait for them.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._hub = connection.hub
        self._session = connection.session
        self._aliases: dict[int, str] = {}
        self._lines: tuple[deque[Receipt], deque[Receipt]] = deque(), deque()

    # -- PUBLISH -----------------------------------------------------------------------------------------------------

    def publish(self, packet: PublishPacket) -> None:
        """Take a PUBLISH of the client.

        Raises:
            Fault: it breaks the protocol or a limit.
        """
        self._hub.counters.messages_in += 1
        topic = self._topic(packet)
        self._check(packet)
        qos = int(packet.qos)
        if qos == 2 and self._is_repeated(packet):
            return
        if not self._connection.rules.authorize_publish(self._connection.client, topic):
            self._hub.counters.refused_publishes += 1
            self._answer(packet, qos, _NOT_ALLOWED)
            return
        publication = self._publication(packet, topic, qos)
        code = _OK
        if packet.retain and not self._hub.retained.put(publication):
            code = _FULL
        self._spread(packet, publication, code)

    def _spread(self, packet: PublishPacket, publication: Publication, code: int) -> None:
        """Deliver to subscribers and handlers, then acknowledge or leave that to the handlers."""
        hub, topic, qos = self._hub, publication.topic, publication.qos
        route, handlers = hub.remote.route(topic), hub.local.route(topic)
        if not route.is_empty:
            hub.deliver(publication, route)
        if handlers.is_empty:
            self._answer(packet, qos, _UNHEARD if route.is_empty and not code else code)
            return
        receipt = Receipt(self, packet.packet_id or 0, qos) if qos else None
        if qos == 2 and receipt is not None:
            self._session.incoming[receipt.packet_id] = receipt
        sound = hub.call_handlers(publication, handlers, receipt.expect if receipt else None)
        if receipt is not None:
            receipt.arm(code, failed=not sound)

    def _topic(self, packet: PublishPacket) -> str:
        topic, alias = packet.topic, packet.topic_alias
        if alias is not None:
            if alias > self._connection.limits.topic_alias_max:
                raise Fault(DisconnectReasonCode.TOPIC_ALIAS_INVALID, f"topic alias {alias} is too high")
            if topic:
                self._aliases[alias] = topic
            elif (known := self._aliases.get(alias)) is None:
                raise protocol_error(f"topic alias {alias} stands for nothing")
            else:
                return known
        if not is_name(topic):
            raise Fault(DisconnectReasonCode.TOPIC_NAME_INVALID, "the topic is empty, too deep, or has a wildcard")
        return topic

    def _check(self, packet: PublishPacket) -> None:
        if packet.subscription_ids:
            raise protocol_error("a client sends no subscription identifier")
        if packet.payload_format_indicator > 1:
            raise malformed("the payload format is neither 0 nor 1")
        if packet.response_topic is not None and not is_name(packet.response_topic):
            raise protocol_error("the response topic is no topic name")
        if packet.packet_id is None:
            if packet.duplicate:
                raise malformed("DUP is set on a message of QoS 0")
            return
        if not packet.packet_id:
            raise malformed("the packet identifier is 0")
        if len(self._lines[0]) + len(self._session.incoming) >= self._connection.limits.receive_maximum:
            raise Fault(DisconnectReasonCode.RECEIVE_MAX_EXCEEDED, "more unacknowledged messages than allowed")

    def _publication(self, packet: PublishPacket, topic: str, qos: int) -> Publication:
        expiry = packet.message_expiry_interval
        client = self._connection.client
        return Publication(
            topic,
            packet.payload,
            qos,
            packet.retain,
            expiry,
            0.0 if expiry is None else self._hub.clock(),
            packet.content_type,
            packet.response_topic,
            packet.correlation_data,
            packet.user_properties or None,
            packet.payload_format_indicator,
            client.client_id,
            client.username,
        )

    def _is_repeated(self, packet: PublishPacket) -> bool:
        """Whether this QoS 2 message is here already: then only its acknowledgement is (or will be) repeated."""
        packet_id = packet.packet_id or 0
        if packet_id not in self._session.incoming:
            self._session.incoming[packet_id] = None
            return False
        receipt = self._session.incoming[packet_id]
        if receipt is None:
            self._connection.control(PubRecPacket(packet_id).write())
        else:
            receipt.incoming = self
            self._lines[1].append(receipt)
        return True

    # -- acknowledgements --------------------------------------------------------------------------------------------

    def line_up(self, receipt: Receipt) -> None:
        """Acknowledge a message that handlers took when it is due, and those before it were."""
        line = self._lines[receipt.qos - 1]
        if receipt.is_due and not line:
            self._acknowledge(receipt.packet_id, receipt.qos, receipt.code)
        else:
            line.append(receipt)

    def move_on(self, qos: int) -> None:
        """Acknowledge what is due by now; nothing is sent if the connection is gone."""
        line = self._lines[qos - 1]
        while line and line[0].is_due:
            receipt = line.popleft()
            self._acknowledge(receipt.packet_id, qos, receipt.code)

    def _answer(self, packet: PublishPacket, qos: int, code: int) -> None:
        if not qos or packet.packet_id is None:
            return
        if not self._lines[qos - 1]:
            self._acknowledge(packet.packet_id, qos, code)
            return
        receipt = Receipt(self, packet.packet_id, qos)
        if qos == 2:
            self._session.incoming[receipt.packet_id] = receipt
        receipt.arm(code, failed=False)

    def _acknowledge(self, packet_id: int, qos: int, code: int) -> None:
        if qos == 1:
            data = PubAckPacket(packet_id, reason_code=PubAckReasonCode(code)).write()
        else:
            if code < 0x80:
                self._session.incoming[packet_id] = None
            else:
                self._session.incoming.pop(packet_id, None)
            data = PubRecPacket(packet_id, reason_code=PubRecReasonCode(code)).write()
        self._connection.control(data)

    def release(self, packet: PubRelPacket) -> None:
        """PUBREL: the client forgets the message, and so does the session."""
        known = packet.packet_id in self._session.incoming
        self._session.incoming.pop(packet.packet_id, None)
        code = PubCompReasonCode.SUCCESS if known else PubCompReasonCode.PACKET_ID_NOT_FOUND
        self._connection.control(PubCompPacket(packet.packet_id, reason_code=code).write())
