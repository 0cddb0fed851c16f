"""The bytes of a link's connection: packets in as they come, packets out gathered, one write per turn of the loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from mqtt5 import Packet, read

STALLED_BYTES = 8 * 1024 * 1024
"""Bytes the peer has not taken yet, above which QoS 0 messages are dropped instead of gathered."""

ROOM = 64 * 1024
"""Bytes read at a time."""


class Wire(asyncio.BufferedProtocol):
    """One connection of a link; used once.

    Attributes:
        lost: done with a sentence when the connection has ended.
        heard: time of the loop at which something came in last.

    Args:
        on_packet: called for every packet, in the loop.
    """

    def __init__(self, on_packet: Callable[[Packet], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_packet = on_packet
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes] = []
        self._gathering = False
        self._room = bytearray(ROOM)
        self._tail = b""
        self._reason = ""
        self.heard = self._loop.time()
        self.lost: asyncio.Future[str] = self._loop.create_future()

    # -- out ---------------------------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Write a packet: the first one of a turn at once, the others together at its end."""
        if self._gathering or self._transport is None:
            self._out.append(data)
        else:
            self._transport.write(data)
        if not self._gathering:
            self._gathering = True
            self._loop.call_soon(self._flush)

    @property
    def is_stalled(self) -> bool:
        """Whether the peer reads so slowly that what can be missed should not be sent."""
        transport = self._transport
        return transport is None or transport.get_write_buffer_size() > STALLED_BYTES

    @property
    def local_port(self) -> int:
        """The port on this side; 0 where there is none."""
        name = self._transport.get_extra_info("sockname") if self._transport else None
        return int(name[1]) if isinstance(name, tuple) else 0

    def _flush(self) -> None:
        self._gathering = False
        out, self._out = self._out, []
        if out and self._transport is not None:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def close(self) -> None:
        """Write what is gathered and close."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def abort(self, reason: str) -> None:
        """Close at once, for this reason."""
        self._reason = self._reason or reason
        if self._transport is not None:
            self._transport.abort()

    # -- in ----------------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands; packets are not delayed (TCP_NODELAY)."""
        self._transport = cast(asyncio.Transport, transport)
        raw = transport.get_extra_info("socket")
        if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get_buffer(self, sizehint: int) -> bytearray:
        """Where the transport puts what comes: one buffer for good; a new one for each read costs more."""
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        """So much has come."""
        self.data_received(bytes(memoryview(self._room)[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Read every whole packet; the rest waits for more."""
        self.heard = self._loop.time()
        if self._tail:
            data = self._tail + data
            self._tail = b""
        view = memoryview(data)
        place, end = 0, len(data)
        on_packet = self._on_packet
        while place < end:
            try:
                packet, used = read(view[place:] if place else view)
            except IndexError:
                self._tail = data[place:]
                return
            except ValueError as error:
                self.abort(f"the peer sent what is no MQTT 5 packet ({error})")
                return
            place += used
            on_packet(packet)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._transport = None
        if not self.lost.done():
            self.lost.set_result(self._reason or (str(exc) if exc else "the peer closed the connection"))

    def blame(self, reason: str) -> None:
        """The reason the peer gave for the end that comes now."""
        self._reason = self._reason or reason
