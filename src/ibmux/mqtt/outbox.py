"""What a link has published with QoS 1 or 2 and the peer has not acknowledged: bounded, sent again after a break."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from mqtt5 import PubRelPacket

from ibmux.errors import Busy, ConnectionLost
from ibmux.mqtt.publication import Publication

BOUND_BYTES = 32 * 1024 * 1024
"""What may wait; one more message is refused, for nothing of QoS 1 is dropped silently."""
_LAST_ID = 65535


@dataclass(slots=True)
class Parcel:
    """A message to the peer; `receipt` is done with the reason code of its acknowledgement."""

    publication: Publication
    receipt: asyncio.Future[int] | None = None
    released: bool = False


class Outbox:
    """Messages on their way to the peer, at most `receive_maximum` of them at a time.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.receive_maximum = _LAST_ID
        self.inflight: dict[int, Parcel] = {}
        self.waiting: deque[Parcel] = deque()
        self.reserved: set[int] = set()
        self._clock = clock
        self._send: Callable[[bytes], None] | None = None
        self._emptied: asyncio.Future[None] | None = None
        self._bytes = 0
        self._last_id = 0

    def add(self, publication: Publication, receipt: asyncio.Future[int] | None = None) -> None:
        """Send a message, at once if the peer takes it now.

        Raises:
            Busy: too much waits already.
        """
        if self._bytes + publication.size > BOUND_BYTES and self._bytes:
            raise Busy(f"{self._bytes} bytes of messages wait for the broker already")
        self._bytes += publication.size
        self.waiting.append(Parcel(publication, receipt))
        self.pump()

    def number(self) -> int:
        """A packet identifier that is free."""
        while True:
            self._last_id = self._last_id % _LAST_ID + 1
            if self._last_id not in self.inflight and self._last_id not in self.reserved:
                return self._last_id

    def pump(self) -> None:
        """Send what waits, as far as the peer takes it."""
        while self._send is not None and self.waiting and len(self.inflight) < self.receive_maximum:
            parcel = self.waiting.popleft()
            message = parcel.publication
            left = message.left(self._clock())
            if left is not None and left <= 0:
                self._settle(parcel, 0)
                continue
            packet_id = self.number()
            self.inflight[packet_id] = parcel
            self._send(message.packet(qos=message.qos, retain=message.retain, packet_id=packet_id, expiry=left))
        self._tell_emptied()

    async def emptied(self) -> None:
        """Wait until every message was handed to the connection, or there is none any more; one may wait at a time."""
        if self._send is not None and self.waiting:
            self._emptied = asyncio.get_running_loop().create_future()
            await self._emptied

    def _tell_emptied(self) -> None:
        if self._emptied is not None and not self._emptied.done() and not (self.waiting and self._send):
            self._emptied.set_result(None)

    # -- acknowledgements --------------------------------------------------------------------------------------------

    def settled(self, packet_id: int, code: int) -> Parcel | None:
        """PUBACK, PUBCOMP, or an error in PUBREC: the message is done; None if none had this number."""
        parcel = self.inflight.pop(packet_id, None)
        if parcel is not None:
            self._settle(parcel, code)
            self.pump()
        return parcel

    def received(self, packet_id: int) -> None:
        """PUBREC: the peer has the message, now it is released."""
        parcel = self.inflight.get(packet_id)
        if parcel is not None:
            parcel.released = True
        if self._send is not None:
            self._send(PubRelPacket(packet_id).write())

    def _settle(self, parcel: Parcel, code: int) -> None:
        self._bytes -= parcel.publication.size
        if parcel.receipt is not None and not parcel.receipt.done():
            parcel.receipt.set_result(code)

    # -- the connection comes and goes -------------------------------------------------------------------------------

    def open(self, send: Callable[[bytes], None], receive_maximum: int, session_present: bool) -> None:
        """A connection stands: send again what was not acknowledged, under its old number if the peer knows it."""
        self._send = send
        self.receive_maximum = receive_maximum
        if session_present:
            for packet_id, parcel in self.inflight.items():
                send(self._again(packet_id, parcel))
        else:
            self.waiting.extendleft(reversed([one for one in self.inflight.values() if not one.released]))
            self._bytes -= sum(one.publication.size for one in self.inflight.values() if one.released)
            self.inflight.clear()
        self.pump()

    def _again(self, packet_id: int, parcel: Parcel) -> bytes:
        if parcel.released:
            return PubRelPacket(packet_id).write()
        message = parcel.publication
        left = message.left(self._clock())
        return message.packet(
            qos=message.qos,
            retain=message.retain,
            packet_id=packet_id,
            duplicate=True,
            expiry=None if left is None else max(left, 1),
        )

    def broken(self, reason: str) -> None:
        """The connection is gone: those who await a receipt are told; their messages are theirs to repeat."""
        self._send = None
        self.reserved.clear()
        for packet_id, parcel in list(self.inflight.items()):
            if parcel.receipt is not None:
                del self.inflight[packet_id]
                self._fail(parcel, reason)
        kept = [parcel for parcel in self.waiting if parcel.receipt is None]
        for parcel in self.waiting:
            if parcel.receipt is not None:
                self._fail(parcel, reason)
        self.waiting = deque(kept)
        self._tell_emptied()

    def _fail(self, parcel: Parcel, reason: str) -> None:
        self._bytes -= parcel.publication.size
        if parcel.receipt is not None and not parcel.receipt.done():
            parcel.receipt.set_exception(ConnectionLost(f"the connection broke before the acknowledgement: {reason}"))
