"""One client's connection to the endpoint: its packets in, its timers, its end. Bytes come from any asyncio transport.

What packets mean is elsewhere: `admission` (CONNECT), `incoming` (PUBLISH), `subscribing`, `sessions`
(acknowledgements).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from typing import Any, cast

from mqtt5 import (
    ConnAckPacket,
    ConnAckReasonCode,
    ConnectPacket,
    DisconnectPacket,
    DisconnectReasonCode,
    PingReqPacket,
    PingRespPacket,
    PubAckPacket,
    PubCompPacket,
    PublishPacket,
    PubRecPacket,
    PubRelPacket,
    PubRelReasonCode,
    SubscribePacket,
    UnsubscribePacket,
)

from ibmux.mqtt.admission import admit
from ibmux.mqtt.faults import Fault, protocol_error
from ibmux.mqtt.framing import Frames, OldProtocol, check_first, check_greeting, decode
from ibmux.mqtt.hub import Hub
from ibmux.mqtt.identity import Client, ConnectRefused
from ibmux.mqtt.incoming import Incoming
from ibmux.mqtt.limits import Limits
from ibmux.mqtt.outgoing import HIGH_WATER, Outgoing
from ibmux.mqtt.registry import Registry
from ibmux.mqtt.rules import Rules
from ibmux.mqtt.sessions import Session
from ibmux.mqtt.subscribing import Subscribing

logger = logging.getLogger(__name__)

_GREETING_BYTES = 128 * 1024
"""Largest CONNECT; a client is not known before it."""
LARGE = 64 * 1024
"""Bytes that came in at once, after which the other clients have their turn."""
_PONG = PingRespPacket().write()


class Connection(Outgoing, asyncio.Protocol):
    """The endpoint's side of one connection.

    Attributes:
        client, session: set once the client is admitted.
        since: when it connected, in seconds of the epoch (UTC).
    """

    client: Client
    session: Session

    def __init__(self, hub: Hub, registry: Registry, rules: Rules, limits: Limits, transport_name: str) -> None:
        super().__init__(hub, limits.max_queued_bytes)
        self.hub = hub
        self.registry = registry
        self.rules = rules
        self.limits = limits
        self.transport_name = transport_name
        self.peer = ""
        self.since = time.time()
        self.is_admitted = False
        self._has_begun = False
        self._is_greeted = False
        self._frames = Frames(min(_GREETING_BYTES, limits.max_packet_size))
        self._handlers: dict[type, Callable[[Any], None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._patience = 0.0
        self._heard = 0.0

    # -- the transport -----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client opened a socket; it has a moment to send CONNECT."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=HIGH_WATER)
        self.peer = _peer(transport)
        if not self.registry.opened(self):
            self.transport.abort()
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self.limits.connect_timeout, self._hang_up, "connect_timeout")

    def data_received(self, data: bytes) -> None:
        """Handle every whole packet; whatever is wrong with one ends this connection and nothing else."""
        self.counters.bytes_in += len(data)
        try:
            if not self._has_begun:
                self._has_begun = True
                check_first(data[0])
            for frame in self._frames.feed(data):
                if self.ended:
                    return
                self._receive(frame)
            if len(data) > LARGE:
                self.yield_turn()
        except Fault as fault:
            self.end(fault.code, fault.text)
        except ConnectRefused as refusal:
            self._refuse(refusal.code, refusal.text)
        except OldProtocol as old:
            self._append(old.answer)
            self._hang_up("old_protocol")
        except Exception:
            logger.exception("a packet of %s could not be handled", self)
            self.end(DisconnectReasonCode.UNSPECIFIED_ERROR, "the endpoint failed to handle a packet")

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        if not self.ended:
            self._leave("connection_lost", gone=True)
        self.transport = None
        if self._timer is not None:
            self._timer.cancel()
        self.registry.closed(self)

    def __repr__(self) -> str:
        name = repr(self.client.client_id) if self.is_admitted else "before CONNECT"
        return f"<Connection {name} {self.transport_name} {self.peer} | {len(self.held)} held>"

    # -- packets -----------------------------------------------------------------------------------------------------

    def _receive(self, frame: memoryview) -> None:
        if not self.is_admitted:
            self._greet(frame)
            return
        packet = decode(frame)
        self._heard = asyncio.get_running_loop().time()
        handler = self._handlers.get(type(packet))
        if handler is None:
            raise protocol_error(f"a client does not send {type(packet).__name__} here")
        handler(packet)

    def _greet(self, frame: memoryview) -> None:
        check_greeting(frame)
        self._is_greeted = True
        packet = decode(frame)
        if not isinstance(packet, ConnectPacket):
            raise protocol_error("the first packet has to be CONNECT")
        admit(self, packet)

    def admitted(self, session: Session, packet: ConnectPacket, keepalive: int) -> None:
        """The client is in: from now on its packets are handled."""
        self.session, self.client = session, session.client
        self.is_admitted = True
        self._frames.limit = self.limits.max_packet_size
        if packet.max_packet_size is not None:
            self.max_packet = packet.max_packet_size
        self.allow_aliases(packet.topic_alias_max)
        self._incoming, self._subscribing = Incoming(self), Subscribing(self)
        self._handlers = {
            PublishPacket: self._incoming.publish,
            PubAckPacket: self._acknowledged,
            PubRecPacket: self._received,
            PubRelPacket: self._incoming.release,
            PubCompPacket: self._acknowledged,
            SubscribePacket: self._subscribing.subscribe,
            UnsubscribePacket: self._subscribing.unsubscribe,
            PingReqPacket: self._pong,
            DisconnectPacket: self._disconnect,
        }
        self._watch(keepalive)

    def _acknowledged(self, packet: PubAckPacket | PubCompPacket) -> None:
        self.session.acknowledged(packet.packet_id)
        if not self.session.queue:
            self._subscribing.replay()

    def _received(self, packet: PubRecPacket) -> None:
        if int(packet.reason_code) >= 0x80:
            self.session.acknowledged(packet.packet_id)
            return
        known = self.session.received(packet.packet_id)
        code = PubRelReasonCode.SUCCESS if known else PubRelReasonCode.PACKET_ID_NOT_FOUND
        self.control(PubRelPacket(packet.packet_id, reason_code=code).write())

    def _pong(self, _packet: PingReqPacket) -> None:
        self.control(_PONG)

    def _disconnect(self, packet: DisconnectPacket) -> None:
        expiry = packet.session_expiry_interval
        if expiry is not None:
            if expiry and not self.session.expiry:
                raise protocol_error("a session that ends with its connection cannot be given a longer life")
            self.session.expiry = min(expiry, self.limits.session_expiry_max)
        if packet.reason_code == DisconnectReasonCode.NORMAL_DISCONNECTION:
            self.session.will = None
        self._hang_up("client_disconnect")

    # -- room again --------------------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Send what waits in the session, then what retained messages are still due."""
        if self.is_admitted:
            self.session.pump()
            self._subscribing.replay()

    def overflow(self) -> None:
        """More waits for the client than it may."""
        self.registry.overflow(self.session)

    # -- the end -----------------------------------------------------------------------------------------------------

    def end(self, code: DisconnectReasonCode, text: str, *, gone: bool = True) -> None:
        """Tell the client why, and close; `gone` unless the same client goes on over another connection."""
        if self.ended:
            return
        if self.is_admitted:
            self.forget()
            self._append(DisconnectPacket(reason_code=code, reason_str=text or None).write())
        elif self._is_greeted:
            self._append(_connack(code, text))
        self._hang_up(code.name.lower(), gone=gone)

    def _refuse(self, code: int, text: str) -> None:
        self._append(_connack(code, text))
        self._hang_up("refused")

    def _hang_up(self, reason: str, *, gone: bool = True) -> None:
        """Close after what is written; the transport gets a bounded time for it."""
        if self.ended:
            return
        self.flush()
        transport = self.transport
        if transport is not None:
            transport.close()
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(self.limits.close_timeout, transport.abort)
        self._leave(reason, gone=gone)

    def _leave(self, reason: str, *, gone: bool) -> None:
        self.ended = True
        self.open = False
        self.forget()
        self.counters.disconnects[reason] += 1
        if self.is_admitted:
            self.registry.left(self, gone=gone)

    # -- keep-alive --------------------------------------------------------------------------------------------------

    def _watch(self, keepalive: int) -> None:
        """Wait one and a half times the keep-alive for the next packet (section 3.1.2.10); 0: for ever."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        self._patience = keepalive * 1.5
        self._heard = loop.time()
        if keepalive:
            self._timer = loop.call_later(self._patience, self._look)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        due = self._heard + self._patience
        if due <= loop.time():
            self.end(DisconnectReasonCode.KEEP_ALIVE_TIMEOUT, "nothing was heard for 1.5 times the keep-alive")
        else:
            self._timer = loop.call_at(due, self._look)


def _connack(code: int, text: str) -> bytes:
    try:
        reason = ConnAckReasonCode(code)
    except ValueError:  # the reason of a DISCONNECT that CONNACK does not know
        reason = ConnAckReasonCode.UNSPECIFIED_ERROR
    return ConnAckPacket(reason_code=reason, reason_str=text or None).write()


def _peer(transport: asyncio.BaseTransport) -> str:
    """Where the client is, as text; packets to it are not delayed (TCP_NODELAY)."""
    raw = transport.get_extra_info("socket")
    if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    name = transport.get_extra_info("peername")
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else "unix"
