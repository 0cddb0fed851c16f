"""The packets between a link and its peer: questions and their answers, messages to inbox and from outbox, pings.

It outlives connections: what was subscribed and not yet acknowledged stays when one breaks. It does not open them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from mqtt5 import (
    ConnAckPacket,
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

from ibmux.errors import ConnectionLost, Unreachable
from ibmux.mqtt.inbox import Inbox
from ibmux.mqtt.outbox import Outbox
from ibmux.mqtt.wire import Wire

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 10.0
"""How long the peer has for SUBACK or UNSUBACK."""
FILTERS_PER_PACKET = 100
UNLIMITED = 1 << 28
_PING = PingReqPacket().write()


class Dialogue:
    """The conversation of one link.

    Attributes:
        wire: the connection, None before the first.
        max_packet: bytes of the largest packet the peer accepts.

    Args:
        where: the peer, for sentences.
    """

    def __init__(self, where: str) -> None:
        self.inbox = Inbox()
        self.outbox = Outbox(time.monotonic)
        self.wire: Wire | None = None
        self.max_packet = UNLIMITED
        self._where = where
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._welcome: asyncio.Future[ConnAckPacket] | None = None
        self._pinging: asyncio.TimerHandle | None = None
        self._table: dict[type, Callable[[Any], None]] = {
            PublishPacket: self.inbox.publish,
            PubAckPacket: self._settled,
            PubCompPacket: self._settled,
            PubRecPacket: self._received,
            PubRelPacket: self._released,
            SubAckPacket: self._answered,
            UnsubAckPacket: self._answered,
            ConnAckPacket: self._welcomed,
            DisconnectPacket: self._dismissed,
        }

    # -- a connection comes and goes ---------------------------------------------------------------------------------

    async def greet(self, wire: Wire, connect: bytes) -> ConnAckPacket:
        """Send CONNECT and wait for the answer.

        Raises:
            Unreachable: the peer closed the connection instead.
        """
        self._welcome = asyncio.get_running_loop().create_future()
        wire.send(connect)
        waits: list[asyncio.Future[Any]] = [self._welcome, wire.lost]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if not self._welcome.done():
            raise Unreachable(f"{self._where} did not let us connect: {wire.lost.result()}")
        return self._welcome.result()

    def begin(self, wire: Wire, welcome: ConnAckPacket, keepalive: int) -> None:
        """The peer let us in: send what waited, and ping it from now on."""
        self.wire = wire
        self.max_packet = welcome.max_packet_size or UNLIMITED
        self.inbox.open(wire.send, welcome.session_present)
        self.outbox.open(wire.send, welcome.receive_max, welcome.session_present)
        agreed = keepalive if welcome.server_keep_alive is None else welcome.server_keep_alive
        if agreed:
            self._ping(wire, agreed)

    def broken(self, reason: str) -> None:
        """The connection is gone: nobody waits any longer for an answer over it."""
        if self._pinging is not None:
            self._pinging.cancel()
        self.outbox.broken(reason)
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            if not answer.done():
                answer.set_exception(ConnectionLost(f"the connection broke before the answer: {reason}"))

    async def send_rest(self, patience: float) -> None:
        """The peer takes only so many messages at once: give those that wait their turn some time (seconds)."""
        if self.wire is None:
            return
        rest = asyncio.create_task(self.outbox.emptied())
        either: list[asyncio.Future[Any]] = [rest, self.wire.lost]
        try:
            await asyncio.wait(either, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        finally:
            rest.cancel()
            await asyncio.gather(rest, return_exceptions=True)

    def _ping(self, wire: Wire, keepalive: int) -> None:
        """Twice in each keep-alive period make both sides hear something."""
        loop = asyncio.get_running_loop()
        if loop.time() - wire.heard > 1.5 * keepalive:
            wire.abort(f"nothing was heard for {1.5 * keepalive:g} s")
            return
        wire.send(_PING)
        self._pinging = loop.call_later(keepalive / 2, self._ping, wire, keepalive)

    # -- packets in --------------------------------------------------------------------------------------------------

    def packet(self, packet: Packet) -> None:
        """A packet of the peer; kinds a client does not get are ignored."""
        handler = self._table.get(type(packet))
        if handler is not None:
            handler(packet)

    def _welcomed(self, packet: ConnAckPacket) -> None:
        if self._welcome is not None and not self._welcome.done():
            self._welcome.set_result(packet)

    def _settled(self, packet: PubAckPacket | PubCompPacket) -> None:
        self._done(packet.packet_id, int(packet.reason_code))

    def _received(self, packet: PubRecPacket) -> None:
        code = int(packet.reason_code)
        if code >= 0x80:
            self._done(packet.packet_id, code)
        else:
            self.outbox.received(packet.packet_id)

    def _released(self, packet: PubRelPacket) -> None:
        self.inbox.release(packet.packet_id)

    def _done(self, packet_id: int, code: int) -> None:
        parcel = self.outbox.settled(packet_id, code)
        if code >= 0x80 and parcel is not None and parcel.receipt is None:
            logger.warning("a message to %s was refused with reason code 0x%02X", parcel.publication.topic, code)

    def _answered(self, packet: SubAckPacket | UnsubAckPacket) -> None:
        answer = self._answers.pop(packet.packet_id, None)
        self.outbox.reserved.discard(packet.packet_id)
        if answer is not None and not answer.done():
            answer.set_result(packet)

    def _dismissed(self, packet: DisconnectPacket) -> None:
        if self.wire is not None:
            self.wire.blame(packet.reason_str or packet.reason_code.name.lower().replace("_", " "))
            self.wire.close()

    # -- questions ---------------------------------------------------------------------------------------------------

    async def subscribe(self, patterns: list[str]) -> list[int]:
        """Subscribe to filters of the inbox; the reason code of each.

        Raises:
            ConnectionLost: there was no answer.
        """
        packet_id = self.outbox.number()
        packet = SubscribePacket(packet_id, [self.inbox.wish(pattern) for pattern in patterns])
        answer: SubAckPacket = await self._ask(packet_id, packet.write())
        return [int(code) for code in answer.reason_codes]

    async def subscribe_all(self) -> None:
        """Subscribe to every filter of the inbox; refusals are logged.

        Raises:
            ConnectionLost: there was no answer.
        """
        patterns = self.inbox.patterns
        for start in range(0, len(patterns), FILTERS_PER_PACKET):
            part = patterns[start : start + FILTERS_PER_PACKET]
            for pattern, code in zip(part, await self.subscribe(part), strict=True):
                if code >= 0x80:
                    logger.warning("%s refused the subscription to %s (0x%02X)", self._where, pattern, code)

    async def unsubscribe(self, pattern: str) -> None:
        """Unsubscribe from a filter.

        Raises:
            ConnectionLost: there was no answer.
        """
        packet_id = self.outbox.number()
        await self._ask(packet_id, UnsubscribePacket(packet_id, [pattern]).write())

    async def _ask(self, packet_id: int, data: bytes) -> Any:
        wire = self.wire
        if wire is None or wire.lost.done():
            raise ConnectionLost("there is no connection")
        answer = self._answers[packet_id] = asyncio.get_running_loop().create_future()
        self.outbox.reserved.add(packet_id)
        wire.send(data)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await answer
        except TimeoutError:
            raise ConnectionLost(f"{self._where} did not answer within {ANSWER_SECONDS:g} s") from None
