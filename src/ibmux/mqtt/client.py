"""A link to an MQTT 5 endpoint or broker: connects, stays connected, subscribes again after a break; a `bus.Bus`.

This is the script's side of the wire: it imports little, and a message costs a few microseconds.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from mqtt5 import DisconnectPacket

from ibmux.errors import ConnectionLost, Refused, TooLarge, Unreachable
from ibmux.mqtt.bus import Handler
from ibmux.mqtt.dial import dial, parse_url
from ibmux.mqtt.dialogue import Dialogue
from ibmux.mqtt.filters import is_filter, is_name, split_share
from ibmux.mqtt.greeting import Greeting, Will, check_code, check_welcome, unreachable
from ibmux.mqtt.inbox import Listener
from ibmux.mqtt.pauses import pauses
from ibmux.mqtt.publication import Publication
from ibmux.mqtt.wire import Wire

__all__ = ["Link", "Will"]

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 2.0
STEADY_SECONDS = 10.0
"""A connection that lasted this long is a good one: the next pause is short again."""

Told = TypeVar("Told")


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
        on_disconnect: called with the reason, a unreachable, when a connection is lost.
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
        connect_timeout: float = CONNECT_SECONDS,
    ) -> None:
        self.address = parse_url(url)
        self.client_id = client_id
        self.connected = False
        self.dropped = 0
        self._greeting = Greeting(client_id, username, password, will, keepalive, session_expiry)
        self._tls = tls
        self._clean_start = clean_start
        self._on_connect = on_connect
        self._on_disconnect = on_disconnect
        self._timeout = connect_timeout
        self._dialogue = Dialogue(str(self.address))
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        state = "connected" if self.connected else "not connected"
        return f"<Link {self.client_id!r} {self.address} [{state} | {len(self._dialogue.inbox.patterns)} filters]>"

    @property
    def local_port(self) -> int:
        """The port on this side, 0 where there is none."""
        wire = self._dialogue.wire
        return wire.local_port if wire is not None else 0

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
        """Send what waits, as far as the peer takes it, and say goodbye: no will; the endpoint forgets the session."""
        self.connected = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._dialogue.send_rest(CLOSE_SECONDS)
        wire, self._dialogue.wire = self._dialogue.wire, None
        if wire is not None and not wire.lost.done():
            wire.send(DisconnectPacket(session_expiry_interval=0).write())
            wire.close()
            if not (await asyncio.wait([wire.lost], timeout=CLOSE_SECONDS))[0]:
                wire.abort("the link was closed")
                await wire.lost
        self._dialogue.broken("the link was closed")

    async def _keep(self) -> None:
        """Wait for the end of each connection, then try until there is a new one."""
        attempts = pauses()
        while (wire := self._dialogue.wire) is not None:
            began = time.monotonic()
            await asyncio.wait([wire.lost])  # not the future itself: to cancel this task must not cancel it
            self._down(wire.lost.result())
            if time.monotonic() - began > STEADY_SECONDS:
                attempts = pauses()
            while not self.connected:
                await asyncio.sleep(next(attempts))
                try:
                    await self._connect(clean=False)
                except (Unreachable, Refused) as error:
                    logger.info("no connection yet: %s", error.message)
                except Exception:  # the link goes on trying, whatever it was
                    logger.exception("an attempt to connect to %s failed", self.address)

    def _down(self, reason: str) -> None:
        self.connected = False
        self._dialogue.broken(reason)
        logger.info("connection to %s lost: %s", self.address, reason)
        _tell(self._on_disconnect, reason)

    async def _connect(self, clean: bool) -> None:
        dialogue = self._dialogue
        wire = Wire(dialogue.packet)
        try:
            async with asyncio.timeout(self._timeout):
                await dial(self.address, wire, self._tls)
                welcome = await dialogue.greet(wire, self._greeting.packet(clean))
                check_welcome(welcome, str(self.address), self.client_id)
                dialogue.begin(wire, welcome, self._greeting.keepalive)
                await dialogue.subscribe_all()
        except BaseException as error:
            wire.abort("the connection did not come about")
            dialogue.broken("the connection did not come about")
            if isinstance(error, TimeoutError):
                raise Unreachable(f"{self.address} did not answer within {self._timeout:g} s.") from None
            if isinstance(error, (OSError, ConnectionLost)):
                raise unreachable(str(self.address), error) from None
            raise
        self.connected = True
        _tell(self._on_connect, welcome.session_present)

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
        born, properties = time.monotonic(), list(user_properties) or None
        publication = Publication(
            topic, payload, qos, retain, expiry, born, content_type, response_topic, correlation_data, properties
        )
        if qos:
            self._check(publication)
            self._dialogue.outbox.add(publication)
        else:
            self._publish_once(publication)

    def _publish_once(self, publication: Publication) -> None:
        wire = self._dialogue.wire
        if not self.connected or wire is None or wire.is_stalled:
            self.dropped += 1
            return
        data = publication.packet(retain=publication.retain, expiry=publication.expiry)
        if len(data) > self._dialogue.max_packet:
            raise self._too_large(len(data))
        wire.send(data)

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
        """Send a message and wait until the endpoint acknowledged it; returns its code (0, or 16: nobody listens).

        It waits as long as the connection stands: bound it with a timeout of your own.

        Raises:
            Unreachable: there is no connection; nothing was sent.
            ConnectionLost: the connection broke first; the message may have arrived.
            Forbidden: this client may not publish there.
            RequestError: the endpoint did not take the message.
        """
        if not self.connected:
            raise Unreachable(f"no connection to {self.address}")
        born, properties = time.monotonic(), list(user_properties) or None
        publication = Publication(
            topic, payload, qos or 1, retain, expiry, born, content_type, response_topic, correlation_data, properties
        )
        self._check(publication)
        receipt: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._dialogue.outbox.add(publication, receipt)
        code = await receipt
        check_code(code, f"publish to {topic}")
        return code

    def _check(self, publication: Publication) -> None:
        if not is_name(publication.topic):
            raise ValueError(f"{publication.topic!r} is no topic name")
        limit = self._dialogue.max_packet
        if publication.size > limit // 2 and (size := len(publication.numbered(1, 2))) > limit:
            raise self._too_large(size)

    def _too_large(self, size: int) -> TooLarge:
        return TooLarge(f"a message of {size} bytes; the endpoint accepts {self._dialogue.max_packet}")

    # -- subscribe ---------------------------------------------------------------------------------------------------

    async def subscribe(
        self, pattern: str, handler: Handler, *, qos: int = 1, late_ack: bool = False
    ) -> Callable[[], Awaitable[None]]:
        """Have a handler called for matching messages of others; without a connection it takes effect later.

        Filters of one link should not overlap: some brokers send a message once for each filter that matches.

        Raises:
            ValueError: the pattern is no topic filter.
            Forbidden: this client may not subscribe there.
            RequestError: the endpoint did not take the subscription.
            ConnectionLost: the connection broke first; the subscription takes effect with the next one.
        """
        if not is_filter(split_share(pattern)[1]):
            raise ValueError(f"{pattern!r} is no topic filter")
        dialogue, listener = self._dialogue, Listener(pattern, handler, qos, late_ack)
        dialogue.inbox.add(listener)
        if self.connected:
            code = (await dialogue.subscribe([pattern]))[0]
            if code >= 0x80:
                dialogue.inbox.remove(listener)
            check_code(code, f"subscribe to {pattern}")

        async def unsubscribe() -> None:
            if dialogue.inbox.remove(listener) and self.connected:
                await dialogue.unsubscribe(pattern)

        return unsubscribe


def _tell(callback: Callable[[Told], None] | None, what: Told) -> None:
    """Call back; an exception there must not end the link."""
    if callback is not None:
        try:
            callback(what)
        except Exception:
            logger.exception("a callback of a link failed")
