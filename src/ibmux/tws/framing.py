"""Frames of the TWS socket protocol: a 4-byte big-endian length, then NUL-terminated text fields.

Owns bytes and their bounds; knows no message and does no I/O. The same code serves both ends of a connection.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

MAX_FRAME = 0xFFFFFF
"""Largest payload in bytes that official clients accept and send."""

_LENGTH = struct.Struct(">I")
pack_length = _LENGTH.pack


class FrameTooLong(ValueError):
    """The peer announced a payload beyond the limit, or an empty one; the stream cannot be trusted any more."""


def frame(payload: bytes) -> bytes:
    """Return `payload` with its length in front."""
    return _LENGTH.pack(len(payload)) + payload


def join_fields(fields: Iterable[str]) -> bytes:
    """Return the framed message of these fields, each ended by NUL. A NUL inside a field is dropped."""
    texts = list(fields)
    joined = "\0".join(texts)
    if joined.count("\0") >= len(texts) > 0:
        joined = "\0".join(text.replace("\0", "") for text in texts)
    return frame(joined.encode() + b"\0")


def split_fields(payload: bytes) -> list[str]:
    """Return the fields of one payload; undecodable bytes are kept as escapes."""
    fields = payload.decode(errors="backslashreplace").split("\0")
    if fields[-1] == "":
        fields.pop()
    return fields


class Framer:
    """Cuts a byte stream into payloads. Holds at most one unfinished frame, whose length is bounded by `limit`."""

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self.limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield every payload that `data` completes.

        Raises:
            FrameTooLong: a length of zero or above the limit; nothing after it is read.
        """
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= 4:
            (size,) = _LENGTH.unpack_from(buffer, start)
            if not 0 < size <= self.limit:
                raise FrameTooLong(f"frame of {size} bytes; allowed are 1 to {self.limit}")
            end = start + 4 + size
            if end > len(buffer):
                break
            payload = bytes(buffer[start + 4 : end])
            start = end
            yield payload
        del buffer[:start]

    def take_rest(self) -> bytes:
        """Return and forget the bytes of the unfinished frame."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest
