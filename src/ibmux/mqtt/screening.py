"""Is every text in a packet UTF-8? The answer decides whether the codec may see the packet.

Most packets are settled by one look: nothing but ASCII where text can be. The others are walked through field by field.
A packet whose structure is broken passes: the codec refuses it properly.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat

_PUBLISH, _CONNECT, _SUBSCRIBE, _UNSUBSCRIBE, _DISCONNECT, _AUTH = 3, 1, 8, 10, 14, 15
_ACKS = range(4, 8)
_WITHOUT_TEXT = 5
"""Acknowledgements up to this length carry no properties."""

# Fields: s text, d binary, v variable byte integer, p properties, digits: bytes to pass over.
_PROPERTIES = (
    dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), "1")
    | dict.fromkeys((0x13, 0x21, 0x22, 0x23), "2")
    | dict.fromkeys((0x02, 0x11, 0x18, 0x27), "4")
    | dict.fromkeys((0x03, 0x08, 0x12, 0x15, 0x1A, 0x1C, 0x1F), "s")
    | dict.fromkeys((0x09, 0x16), "d")
    | {0x0B: "v", 0x26: "ss"}
)


class _Broken(Exception):
    """The structure ends here; what follows is for the codec to refuse."""


class _Walk:
    """Reads the fields of a body one after the other; UnicodeDecodeError at the first bad text."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.place = 0

    def take(self, length: int) -> bytes:
        start, self.place = self.place, self.place + length
        if self.place > len(self.body):
            raise _Broken
        return self.body[start : self.place]

    def integer(self) -> int:
        value = 0
        for shift in (0, 7, 14, 21):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise _Broken

    def field(self, kind: str) -> None:
        if kind in "sd":
            data = self.take(int.from_bytes(self.take(2), "big"))
            if kind == "s":
                data.decode()
        elif kind == "v":
            self.integer()
        elif kind == "p":
            self.properties()
        else:
            self.take(int(kind))

    def properties(self) -> None:
        end = self.integer() + self.place
        while self.place < end:
            for kind in _PROPERTIES.get(self.take(1)[0], "x"):
                if kind == "x":
                    raise _Broken
                self.field(kind)


def is_sound(frame: memoryview) -> bool:
    """Whether all text in a whole packet is UTF-8."""
    kind, size = frame[0] >> 4, len(frame)
    if size <= _WITHOUT_TEXT and kind in _ACKS:
        return True
    start = 2
    while frame[start - 1] & 0x80:
        start += 1
    body = bytes(frame[start : _publish_head(frame, start) if kind == _PUBLISH else size])
    if body.isascii():
        return True
    walk = _Walk(body)
    try:
        for field in _layout(kind, frame[0], body):
            walk.field(field)
    except UnicodeDecodeError:
        return False
    except _Broken:
        return True
    return True


def _publish_head(frame: memoryview, start: int) -> int:
    """Where the payload of a PUBLISH begins; the end of the frame if that cannot be told."""
    size = len(frame)
    place = start + 2 + ((frame[start] << 8) | frame[start + 1] if start + 1 < size else size)
    place += 2 if frame[0] & 0x06 else 0
    length, shift = 0, 0
    while place < size and shift < 28:
        byte = frame[place]
        place += 1
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            return min(size, place + length)
        shift += 7
    return size


def _layout(kind: int, first: int, body: bytes) -> Iterator[str]:
    """The fields of a packet in their order."""
    if kind == _PUBLISH:
        return iter("s2p" if first & 0x06 else "sp")
    if kind == _CONNECT:
        return _connect_layout(body)
    if kind == _SUBSCRIBE:
        return chain("2p", *repeat("s1", len(body)))
    if kind == _UNSUBSCRIBE:
        return chain("2p", repeat("s", len(body)))
    if kind in (_DISCONNECT, _AUTH):
        return iter("1p")
    return iter("21p")


def _connect_layout(body: bytes) -> Iterator[str]:
    name = int.from_bytes(body[:2], "big")
    flags = body[name + 3] if len(body) > name + 3 else 0
    yield from "s112ps"
    if flags & 0x04:
        yield from "psd"
    if flags & 0x80:
        yield "s"
    if flags & 0x40:
        yield "d"
