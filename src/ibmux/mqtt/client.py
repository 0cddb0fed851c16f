"""A link to an MQTT 5 endpoint or broker: connects, stays connected, subscribes again after a break; a `bus.Bus`.

This is the script's side of the wire: it imports little, and a message costs a few microseconds.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import mqtt5
from mqtt5 import (
    ConnAckPacket,
    ConnectPacket,
    DisconnectPacket,
    Packet,
    PingReqPacket,
    PubAckPacket,
    PubCompPacket,
    PublishPacket,
    PubRecPacket,
    PubRelPacket,
    SubAckPacket,
    SubscribePacket,
    UnsubAckPacket,
    UnsubscribePacket,
)

from ibmux.errors import ConnectionLost, Forbidden, IbmuxError, Refused, RequestError, TooLarge, Unreachable
from ibmux.mqtt.bus import Handler
from ibmux.mqtt.dial import dial, parse_url
from ibmux.mqtt.filters import SHARE, is_filter, is_name, split_share
from ibmux.mqtt.inbox import Inbox, Listener
from ibmux.mqtt.outbox import Outbox
from ibmux.mqtt.pauses import pauses
from ibmux.mqtt.publication import QOS, Publication
from ibmux.mqtt.wire import Wire

__all__ = ["Link", "Will"]

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 10.0
"""How long the peer has for CONNACK, SUBACK or UNSUBACK."""
FILTERS_PER_PACKET = 100
_REFUSALS = frozenset({0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C})
"""CONNACK reason codes that will be the same at the next attempt."""
_PING = PingReqPacket().write()
_STEADY_SECONDS = 10.0
"""A connection that lasted this long is a good one: the next pause is short again."""

Told = TypeVar("Told")


@dataclass(frozen=True, slots=True)
class Will:
    """What the endpoint publishes when this link is lost without a goodbye, `delay` seconds later."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    delay: int = 0
    expiry: int | None = None
    content_type: str | None = None
    user_properties: tuple[tuple[str, str], ...] = field(default=())


class Link:
    """A connection to an MQTT 5 endpoint that mends itself.

    Attributes:
        connected: whether messages go through now.
        dropped: QoS 0 messages not sent because there was no connection, or the peer took nothing.

    Args:
        url: `mqtt://host:port`, `mqtts://`, `ws://host:port/path`, `wss://`, `unix:///path` (percent-encoded).
        client_id: how the endpoint knows this client; unique among its clients.
        username, password: credentials, if the endpoint wants them.
        tls: context for `mqtts` and `wss`; the system's certificates if None.
        will: published by the endpoint when this link is lost.
        keepalive: seconds; a peer that is silent for one and a half times as long is taken for dead.
        clean_start: begin with an empty session at `start`; later connections take the session up again.
        session_expiry: seconds the endpoint remembers the session after a loss.
        on_connect: called after every connection and subscription, with whether the endpoint had kept the session.
        on_disconnect: called with the reason, a sentence, when a connection is lost.
        connect_timeout: seconds for one attempt.
    """

    def __init__(
        self,
        url: str,
        *,
        client_id: str,
        username: str | None = None,
        password: str | bytes | None = None,
        tls: ssl.SSLContext | None = None,
        will: Will | None = None,
        keepalive: int = 15,
        clean_start: bool = True,
        session_expiry: int = 0,
        on_connect: Callable[[bool], None] | None = None,
        on_disconnect: Callable[[str], None] | None = None,
        connect_timeout: float = ANSWER_SECONDS,
    ) -> None:
        self.address = parse_url(url)
        self.client_id = client_id
        self.connected = False
        self.dropped = 0
        self._username = username
        self._password = password.encode() if isinstance(password, str) else password
        self._tls = tls
        self._will = will
        self._keepalive = keepalive
        self._clean_start = clean_start
        self._session_expiry = session_expiry
        self._on_connect = on_connect
        self._on_disconnect = on_disconnect
        self._timeout = connect_timeout
        self._inbox = Inbox()
        self._outbox = Outbox(time.monotonic)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._connack: asyncio.Future[ConnAckPacket] | None = None
        self._wire: Wire | None = None
        self._task: asyncio.Task[None] | None = None
        self._pinging: asyncio.TimerHandle | None = None
        self._max_packet = 1 << 28
        self._table: dict[type, Callable[[Any], None]] = {
            PubAckPacket: self._settled,
            PubCompPacket: self._settled,
            PubRecPacket: self._received,
            PubRelPacket: lambda packet: self._inbox.release(packet.packet_id),
            SubAckPacket: self._answered,
            UnsubAckPacket: self._answered,
            ConnAckPacket: self._welcomed,
            DisconnectPacket: self._dismissed,
        }

    def __repr__(self) -> str:
        state = "connected" if self.connected else "not connected"
        return f"<Link {self.client_id!r} {self.address} [{state} | {len(self._inbox.patterns)} filters]>"

    @property
    def local_port(self) -> int:
        """The port on this side, 0 where there is none."""
        return self._wire.local_port if self._wire is not None else 0

    # -- life --------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect; from then on the link mends itself.

        Raises:
            Unreachable: nobody answers at the url, or not with MQTT 5.
            Refused: the endpoint does not let this client in.
        """
        await self._connect(self._clean_start)
        self._task = asyncio.create_task(self._keep(), name=f"link {self.client_id}")

    async def close(self) -> None:
        """Say goodbye (no will is published) and end the connection."""
        wire, self._wire = self._wire, None
        self.connected = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if wire is not None and not wire.lost.done():
            wire.send(DisconnectPacket().write())
            await self._hang_up(wire)
        self._broken("the link was closed")

    async def _hang_up(self, wire: Wire) -> None:
        wire.close()
        done, _ = await asyncio.wait([wire.lost], timeout=2.0)
        if not done:
            wire.abort("the link was closed")
            await wire.lost

    async def _keep(self) -> None:
        """Wait for the end of each connection, then try until there is a new one."""
        attempts = pauses()
        while self._wire is not None:
            began = time.monotonic()
            lost = self._wire.lost
            await asyncio.wait([lost])  # not the future itself: to cancel this task must not cancel it
            self._down(lost.result())
            if time.monotonic() - began > _STEADY_SECONDS:
                attempts = pauses()
            while not self.connected:
                await asyncio.sleep(next(attempts))
                try:
                    await self._connect(clean=False)
                except (Unreachable, Refused) as error:
                    logger.info("no connection yet: %s", error.message)

    def _down(self, reason: str) -> None:
        self.connected = False
        self._broken(reason)
        logger.info("connection to %s lost: %s", self.address, reason)
        _tell(self._on_disconnect, reason)

    def _broken(self, reason: str) -> None:
        """Nobody waits any longer for an answer over the connection that is gone."""
        if self._pinging is not None:
            self._pinging.cancel()
        self._outbox.broken(reason)
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            if not answer.done():
                answer.set_exception(ConnectionLost(f"the connection broke before the answer: {reason}"))

    # -- connecting --------------------------------------------------------------------------------------------------

    async def _connect(self, clean: bool) -> None:
        wire = Wire(self._packet)
        try:
            async with asyncio.timeout(self._timeout):
                await dial(self.address, wire, self._tls)
                welcome = await self._greet(wire, clean)
                self._up(wire, welcome)
                await self._subscribe_all()
        except BaseException as error:
            wire.abort("the connection did not come about")
            self._broken("the connection did not come about")
            if isinstance(error, TimeoutError):
                raise Unreachable(f"{self.address} did not answer within {self._timeout:g} s") from None
            if isinstance(error, (OSError, ConnectionLost)):
                raise Unreachable(f"nobody answers at {self.address}: {_sentence(error)}") from None
            raise
        self.connected = True
        _tell(self._on_connect, welcome.session_present)

    async def _greet(self, wire: Wire, clean: bool) -> ConnAckPacket:
        self._connack = asyncio.get_running_loop().create_future()
        wire.send(self._connect_packet(clean))
        waits: list[asyncio.Future[Any]] = [self._connack, wire.lost]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if not self._connack.done():
            raise Unreachable(f"{self.address} did not let us connect: {wire.lost.result()}")
        welcome = self._connack.result()
        code = int(welcome.reason_code)
        if code:
            reason = welcome.reason_str or welcome.reason_code.name.lower().replace("_", " ")
            kind: type[IbmuxError] = Refused if code in _REFUSALS else Unreachable
            raise kind(f"{self.address} refused {self.client_id!r}: {reason}")
        return welcome

    def _connect_packet(self, clean: bool) -> bytes:
        return ConnectPacket(
            self.client_id,
            username=self._username,
            password=self._password,
            clean_start=clean,
            will=_packed(self._will),
            keep_alive=self._keepalive,
            session_expiry_interval=self._session_expiry,
        ).write()

    def _up(self, wire: Wire, welcome: ConnAckPacket) -> None:
        self._wire = wire
        self._max_packet = welcome.max_packet_size or 1 << 28
        self._inbox.open(wire.send, welcome.session_present)
        self._outbox.open(wire.send, welcome.receive_max, welcome.session_present)
        keepalive = self._keepalive if welcome.server_keep_alive is None else welcome.server_keep_alive
        if keepalive:
            self._ping(wire, keepalive)

    def _ping(self, wire: Wire, keepalive: int) -> None:
        """Twice in each keep-alive period make both sides hear something."""
        loop = asyncio.get_running_loop()
        if loop.time() - wire.heard > 1.5 * keepalive:
            wire.abort(f"nothing was heard for {1.5 * keepalive:g} s")
            return
        wire.send(_PING)
        self._pinging = loop.call_later(keepalive / 2, self._ping, wire, keepalive)

    # -- packets in --------------------------------------------------------------------------------------------------

    def _packet(self, packet: Packet) -> None:
        if type(packet) is PublishPacket:
            self._inbox.publish(packet)
        else:
            handler = self._table.get(type(packet))
            if handler is not None:
                handler(packet)

    def _welcomed(self, packet: ConnAckPacket) -> None:
        if self._connack is not None and not self._connack.done():
            self._connack.set_result(packet)

    def _settled(self, packet: PubAckPacket | PubCompPacket) -> None:
        self._done(packet.packet_id, int(packet.reason_code))

    def _received(self, packet: PubRecPacket) -> None:
        code = int(packet.reason_code)
        if code >= 0x80:
            self._done(packet.packet_id, code)
        else:
            self._outbox.received(packet.packet_id)

    def _done(self, packet_id: int, code: int) -> None:
        parcel = self._outbox.settled(packet_id, code)
        if code >= 0x80 and parcel is not None and parcel.receipt is None:
            logger.warning("a message to %s was refused with reason code 0x%02X", parcel.publication.topic, code)

    def _answered(self, packet: SubAckPacket | UnsubAckPacket) -> None:
        answer = self._answers.pop(packet.packet_id, None)
        self._outbox.reserved.discard(packet.packet_id)
        if answer is not None and not answer.done():
            answer.set_result(packet)

    def _dismissed(self, packet: DisconnectPacket) -> None:
        if self._wire is not None:
            self._wire.blame(packet.reason_str or packet.reason_code.name.lower().replace("_", " "))
            self._wire.close()

    # -- publish -----------------------------------------------------------------------------------------------------

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
        """Send a message. Without a connection QoS 0 is dropped and counted, QoS 1 and 2 wait for the next one.

        Raises:
            ValueError: the topic is no topic name.
            TooLarge: the endpoint does not accept packets of this size.
            Busy: too much waits to be sent (QoS 1 and 2).
        """
        if qos:
            properties = list(user_properties) or None
            born = 0.0 if expiry is None else time.monotonic()
            self._outbox.add(
                self._checked(
                    Publication(
                        topic,
                        payload,
                        qos,
                        retain,
                        expiry,
                        born,
                        content_type,
                        response_topic,
                        correlation_data,
                        properties,
                    )
                )
            )
            return
        wire = self._wire
        if not self.connected or wire is None or wire.is_stalled:
            self.dropped += 1
            return
        data = PublishPacket(
            topic,
            payload,
            retain=retain,
            message_expiry_interval=expiry,
            content_type=content_type,
            response_topic=response_topic,
            correlation_data=correlation_data,
            user_properties=list(user_properties) if user_properties else None,
        ).write()
        if len(data) > self._max_packet:
            raise TooLarge(f"a message of {len(data)} bytes; the endpoint accepts {self._max_packet}")
        wire.send(data)

    def _checked(self, publication: Publication) -> Publication:
        if not is_name(publication.topic):
            raise ValueError(f"{publication.topic!r} is no topic name")
        if publication.size > self._max_packet - 1024 and len(publication.numbered(1, 2)) > self._max_packet:
            raise TooLarge(f"a message of {publication.size} bytes; the endpoint accepts {self._max_packet}")
        return publication

    async def publish_acked(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        expiry: int | None = None,
        content_type: str | None = None,
        response_topic: str | None = None,
        correlation_data: bytes | None = None,
        user_properties: Sequence[tuple[str, str]] = (),
    ) -> int:
        """Send a message and wait until the endpoint acknowledged it; returns its reason code (0, or 16: nobody listens).

        It waits as long as the connection stands: bound it with a timeout of your own.

        Raises:
            Unreachable: there is no connection; nothing was sent.
            ConnectionLost: the connection broke first; the message may have arrived.
            Forbidden: this client may not publish there.
            RequestError: the endpoint did not take the message.
        """
        if not self.connected:
            raise Unreachable(f"no connection to {self.address}")
        receipt: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        publication = Publication(
            topic,
            payload,
            qos or 1,
            retain,
            expiry,
            time.monotonic(),
            content_type,
            response_topic,
            correlation_data,
            list(user_properties) or None,
        )
        self._outbox.add(self._checked(publication), receipt)
        code = await receipt
        if code >= 0x80:
            _raise(code, f"publish to {topic}")
        return code

    # -- subscribe ---------------------------------------------------------------------------------------------------

    async def subscribe(
        self, pattern: str, handler: Handler, *, qos: int = 1, late_ack: bool = False
    ) -> Callable[[], Awaitable[None]]:
        """Have a handler called for matching messages of others; without a connection it takes effect with the next one.

        Filters of one link should not overlap: some brokers send a message once for each filter that matches.

        Raises:
            ValueError: the pattern is no topic filter.
            Forbidden: this client may not subscribe there.
            RequestError: the endpoint did not take the subscription.
            ConnectionLost: the connection broke first; the subscription takes effect with the next one.
        """
        if not is_filter(split_share(pattern)[1] if pattern.startswith(SHARE) else pattern):
            raise ValueError(f"{pattern!r} is no topic filter")
        listener = Listener(pattern, handler, qos, late_ack)
        self._inbox.add(listener)
        if self.connected:
            code = (await self._ask_to_subscribe([pattern]))[0]
            if code >= 0x80:
                self._inbox.remove(listener)
                _raise(code, f"subscribe to {pattern}")

        async def unsubscribe() -> None:
            if self._inbox.remove(listener) and self.connected:
                packet_id = self._outbox.number()
                await self._ask(packet_id, UnsubscribePacket(packet_id, [pattern]).write())

        return unsubscribe

    async def _subscribe_all(self) -> None:
        patterns = self._inbox.patterns
        for start in range(0, len(patterns), FILTERS_PER_PACKET):
            part = patterns[start : start + FILTERS_PER_PACKET]
            for pattern, code in zip(part, await self._ask_to_subscribe(part), strict=True):
                if code >= 0x80:
                    logger.warning("%s refused the subscription to %s (0x%02X)", self.address, pattern, code)

    async def _ask_to_subscribe(self, patterns: list[str]) -> list[int]:
        packet_id = self._outbox.number()
        packet = SubscribePacket(packet_id, [self._inbox.wish(pattern) for pattern in patterns])
        answer = await self._ask(packet_id, packet.write())
        return [int(code) for code in answer.reason_codes]

    async def _ask(self, packet_id: int, data: bytes) -> Any:
        """Send a packet and wait for its answer, at most `ANSWER_SECONDS`."""
        wire = self._wire
        if wire is None or wire.lost.done():
            raise ConnectionLost("there is no connection")
        answer = self._answers[packet_id] = asyncio.get_running_loop().create_future()
        self._outbox.reserved.add(packet_id)
        wire.send(data)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await answer
        except TimeoutError:
            raise ConnectionLost(f"{self.address} did not answer within {ANSWER_SECONDS:g} s") from None


def _packed(will: Will | None) -> mqtt5.Will | None:
    if will is None:
        return None
    return mqtt5.Will(
        will.topic,
        payload=will.payload,
        qos=QOS[will.qos],
        retain=will.retain,
        message_expiry_interval=will.expiry,
        content_type=will.content_type,
        will_delay_interval=will.delay,
        user_properties=list(will.user_properties) or None,
    )


def _tell(callback: Callable[[Told], None] | None, what: Told) -> None:
    """Call back; an exception there must not end the link."""
    if callback is not None:
        try:
            callback(what)
        except Exception:
            logger.exception("a callback of a link failed")


def _raise(code: int, what: str) -> None:
    if code == 0x87:
        raise Forbidden(f"{what}: not allowed")
    raise RequestError(f"{what}: refused with reason code 0x{code:02X}")


def _sentence(error: BaseException) -> str:
    """What went wrong, in the system's words where it has some."""
    number = error.errno if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else None
    if number is not None and number in errno.errorcode:
        return os.strerror(number).lower()
    return str(error).lower()
