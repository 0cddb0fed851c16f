"""MQTT on a WebSocket: what a protocol writes goes out in binary frames, what comes in reaches it without them."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Any, Protocol, cast

from ibmux.mqtt.websocket import (
    BINARY,
    CLOSE,
    HEAD_BYTES,
    NORMAL,
    PING,
    PONG,
    Deframer,
    FrameError,
    close_payload,
    frame,
)

PONG_BYTES = 64 * 1024
"""Bytes a peer may leave unread before its pings go unanswered."""


class FramedTransport(asyncio.Transport):
    """The transport a protocol gets: the real one, with frames around what is written.

    Attributes:
        is_open: whether the opening handshake is over.
    """

    def __init__(self, transport: asyncio.Transport, masked: bool) -> None:
        super().__init__()
        self._transport = transport
        self._masked = masked
        self.is_open = False

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Write one binary frame."""
        self._transport.write(frame(BINARY, bytes(data), self._masked))

    def control(self, opcode: int, payload: bytes) -> None:
        """Write a control frame."""
        self._transport.write(frame(opcode, payload, self._masked))

    def close(self) -> None:
        """Write what is left, say goodbye, close."""
        self.close_with(NORMAL)

    def close_with(self, code: int, text: str = "") -> None:
        """Close with a status."""
        if self.is_open and not self._transport.is_closing():
            self.control(CLOSE, close_payload(code, text))
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether it is closed or about to be."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the real transport knows."""
        return self._transport.get_extra_info(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set when the protocol is told to pause."""
        self._transport.set_write_buffer_limits(high=high, low=low)

    def get_write_buffer_size(self) -> int:
        """Bytes not yet taken by the peer."""
        return self._transport.get_write_buffer_size()

    def pause_reading(self) -> None:
        """Read nothing for now."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._transport.resume_reading()


class Inner(Protocol):
    """What speaks MQTT inside of the frames: the part of asyncio's protocols that it takes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""

    def data_received(self, data: bytes) -> None:
        """Bytes without frames have come."""

    def pause_writing(self) -> None:
        """The socket is full."""

    def resume_writing(self) -> None:
        """The socket has room."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""


class FramedProtocol(asyncio.Protocol, ABC):
    """One end of a WebSocket around a protocol that knows nothing of it; subclasses do the opening handshake.

    Args:
        inner: the protocol that speaks MQTT.
        masked: whether this end masks its frames: a client does.
    """

    def __init__(self, inner: Inner, *, masked: bool) -> None:
        self.inner = inner
        self.framed: FramedTransport | None = None
        self.raw: asyncio.Transport | None = None
        self._masked = masked
        self._deframer = Deframer(masked=not masked)
        self._head = b""

    @abstractmethod
    def opened(self, head: bytes) -> bool:
        """The other side's HTTP head has come in; True if the handshake succeeded. Subclasses decide."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open; the handshake begins."""
        self.raw = cast(asyncio.Transport, transport)
        self.framed = FramedTransport(self.raw, self._masked)

    def data_received(self, data: bytes) -> None:
        """HTTP until the handshake is over, frames from then on."""
        framed = self.framed
        if framed is None or framed.is_closing():
            return
        if not framed.is_open:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0 and len(self._head) <= HEAD_BYTES:
                return
            head, data, self._head = self._head[: max(end, 0)], self._head[end + 4 :], b""
            framed.is_open = self.opened(head)
            if not framed.is_open:
                return
        self._frames(framed, data)

    def _frames(self, framed: FramedTransport, data: bytes) -> None:
        try:
            pieces = self._deframer.feed(data)
        except FrameError as error:
            framed.close_with(error.code, str(error))
            return
        for opcode, payload in pieces:
            if framed.is_closing():
                return
            if opcode == BINARY:
                self.inner.data_received(payload)
            elif opcode == PING and framed.get_write_buffer_size() < PONG_BYTES:
                framed.control(PONG, payload)
            elif opcode == CLOSE:
                framed.close()

    def pause_writing(self) -> None:
        """The socket is full."""
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        """The socket has room."""
        self.inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self.inner.connection_lost(exc)
