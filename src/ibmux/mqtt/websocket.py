"""WebSocket frames (RFC 6455) as MQTT uses them: a stream of bytes in binary frames (section 6). No sockets here."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass

SUBPROTOCOL = "mqtt"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
NORMAL, PROTOCOL_ERROR, UNSUPPORTED = 1000, 1002, 1003
HEAD_BYTES = 16 * 1024
"""Largest HTTP head that is read."""
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CONTROL_BYTES = 125


class FrameError(Exception):
    """The peer broke the framing; `code` is the status of the closing frame."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def accept_key(key: str) -> str:
    """The answer to `Sec-WebSocket-Key`, by which a server proves that it understood."""
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def new_key() -> str:
    """A fresh `Sec-WebSocket-Key`."""
    return base64.b64encode(os.urandom(16)).decode()


def frame(opcode: int, payload: bytes, masked: bool) -> bytes:
    """One whole frame; those of a client are masked."""
    size, flag = len(payload), 0x80 if masked else 0
    if size < 126:
        head = bytes((0x80 | opcode, flag | size))
    elif size < 1 << 16:
        head = bytes((0x80 | opcode, flag | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, flag | 127)) + size.to_bytes(8, "big")
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + mask(payload, key, 0)


def mask(data: bytes, key: bytes, offset: int) -> bytes:
    """Mask or unmask data that lies `offset` bytes into its frame."""
    size = len(data)
    turned = key[offset % 4 :] + key[: offset % 4]
    pattern = (turned * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(pattern, "little")).to_bytes(size, "little")


def close_payload(code: int, text: str = "") -> bytes:
    """The body of a closing frame."""
    return code.to_bytes(2, "big") + text.encode()[: _CONTROL_BYTES - 2]


@dataclass(slots=True)
class _Open:
    """A frame whose head was read and whose payload is still coming in."""

    opcode: int
    left: int
    key: bytes
    done: int = 0


class Deframer:
    """Turns what comes in into payloads; those of data frames are handed on piece by piece, as they come.

    Args:
        masked: whether frames have to be masked: those of a client.
    """

    def __init__(self, masked: bool) -> None:
        self._masked = masked
        self._buffer = b""
        self._open: _Open | None = None
        self._control = b""
        self._fragmented = False

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Pieces as (opcode, payload): BINARY for data of MQTT, CLOSE, PING and PONG whole.

        Raises:
            FrameError: the peer broke the framing.
        """
        data, self._buffer = self._buffer + data, b""
        pieces: list[tuple[int, bytes]] = []
        while data:
            if self._open is None:
                taken = self._head(data)
                if not taken:
                    self._buffer = data
                    break
                data = data[taken:]
            if self._open is not None:
                data = self._payload(self._open, data, pieces)
        return pieces

    def _head(self, data: bytes) -> int:
        """Read a frame's head into `_open`; its length, 0 if it is not complete yet."""
        if len(data) < 2:
            return 0
        first, second = data[0], data[1]
        size, place = second & 0x7F, 2
        if size > _CONTROL_BYTES:
            width = 2 if size == 126 else 8
            size, place = int.from_bytes(data[2 : 2 + width], "big"), 2 + width
        is_masked = bool(second & 0x80)
        self._check(first, size, is_masked)
        end = place + (4 if is_masked else 0)
        if len(data) < end:
            return 0
        opcode = first & 0x0F
        if opcode < CLOSE:
            self._fragmented = not first & 0x80
        self._open = _Open(opcode if opcode >= CLOSE else BINARY, size, data[place:end])
        return end

    def _check(self, first: int, size: int, is_masked: bool) -> None:
        opcode = first & 0x0F
        if first & 0x70 or opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise FrameError(PROTOCOL_ERROR, "a reserved bit or opcode is used")
        if is_masked != self._masked:
            raise FrameError(PROTOCOL_ERROR, "frames of clients are masked, those of servers are not")
        if opcode == TEXT:
            raise FrameError(UNSUPPORTED, "MQTT goes in binary frames")
        if opcode >= CLOSE and (size > _CONTROL_BYTES or not first & 0x80):
            raise FrameError(PROTOCOL_ERROR, "a control frame is too long or in parts")
        if opcode < CLOSE and (opcode == CONTINUATION) != self._fragmented:
            raise FrameError(PROTOCOL_ERROR, "the parts of a message are out of order")

    def _payload(self, current: _Open, data: bytes, pieces: list[tuple[int, bytes]]) -> bytes:
        """Take what there is of the open frame's payload; the rest of the data."""
        piece, rest = data[: current.left], data[current.left :]
        if current.key and piece:
            piece = mask(piece, current.key, current.done)
        current.done += len(piece)
        current.left -= len(piece)
        if current.opcode < CLOSE:
            if piece:
                pieces.append((BINARY, piece))
        else:
            self._control += piece
        if not current.left:
            if current.opcode >= CLOSE:
                pieces.append((current.opcode, self._control))
                self._control = b""
            self._open = None
        return rest
