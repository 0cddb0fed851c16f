"""From a stream of bytes to whole packets, for input that may be hostile.

The codec panics on text that is not UTF-8, and prints the panic; so text is looked at before the codec reads it. It
also needs whole packets, and a packet larger than allowed is refused by its header, before it is gathered.
"""

from __future__ import annotations

from collections.abc import Iterator

from mqtt5 import DisconnectReasonCode, Packet, read

from ibmux.mqtt.faults import Fault, malformed
from ibmux.mqtt.screening import is_sound

CONNECT = 0x10
"""First byte of the first packet of any client."""
_REFUSED_PROTOCOL_31 = b"\x20\x02\x00\x01"
"""CONNACK of MQTT 3.1.1: unacceptable protocol level; the only answer an older client can read."""


class OldProtocol(Exception):
    """A client of MQTT 3.1 or 3.1.1 asks to be let in; `answer` is what it understands."""

    answer = _REFUSED_PROTOCOL_31


def header(data: bytes | memoryview, start: int) -> tuple[int, int] | None:
    """Where the body of the packet at `start` begins, and its length; None if more bytes are needed.

    Raises:
        Fault: the length has more than four bytes.
    """
    length, shift = 0, 0
    for place in range(start + 1, min(start + 5, len(data))):
        byte = data[place]
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            return place + 1, length
        shift += 7
    if len(data) >= start + 5:
        raise malformed("the remaining length has more than four bytes")
    return None


def check_first(byte: int) -> None:
    """Look at the very first byte, so that nobody waits for the rest of what is no MQTT.

    Raises:
        Fault: it does not begin a CONNECT.
    """
    if byte != CONNECT:
        raise Fault(DisconnectReasonCode.PROTOCOL_ERROR, "the first packet has to be CONNECT")


class Frames:
    """Splits what a client sends into whole packets.

    Attributes:
        limit: bytes of one packet, header included.
    """

    __slots__ = ("_have", "_need", "_parts", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._parts: list[bytes] = []
        self._have = 0
        self._need = 0

    def feed(self, data: bytes) -> Iterator[memoryview]:
        """The packets that are whole now; the rest is kept for the next call.

        Raises:
            Fault: a packet is larger than the limit, or its header is malformed.
        """
        if self._parts:
            self._parts.append(data)
            self._have += len(data)
            if self._have < self._need:
                return
            data = b"".join(self._parts)
            self._parts.clear()
        view, start, end = memoryview(data), 0, len(data)
        while start < end:
            found = header(data, start)
            stop = start + 2 if found is None else found[0] + found[1]
            if stop - start > self.limit:
                raise Fault(DisconnectReasonCode.PACKET_TOO_LARGE, f"a packet may have {self.limit} bytes")
            if found is None or stop > end:
                self._keep(data[start:], stop - start)
                return
            yield view[start:stop]
            start = stop

    def _keep(self, rest: bytes, need: int) -> None:
        self._parts.append(rest)
        self._have = len(rest)
        self._need = max(need, len(rest) + 1)


def decode(frame: memoryview) -> Packet:
    """The packet in a whole frame.

    Raises:
        Fault: it is malformed.
    """
    if not is_sound(frame):
        raise malformed("text that is not UTF-8")
    try:
        packet, used = read(frame)
    except (ValueError, IndexError) as error:
        raise malformed(str(error)) from None
    except BaseException as error:
        if type(error).__module__ != "pyo3_runtime":
            raise
        raise malformed("the packet cannot be read") from None
    if used != len(frame):
        raise malformed("the packet is longer than its parts")
    return packet


def check_greeting(frame: memoryview) -> None:
    """Look at the first packet before the codec does: is it a CONNECT of a version that is spoken here?

    Raises:
        OldProtocol: a client of MQTT 3.
        Fault: an unknown protocol, or a reserved flag.
    """
    found = header(frame, 0)
    body = bytes(frame[found[0] if found else 2 :])
    name_end = 2 + int.from_bytes(body[:2], "big")
    name, rest = body[2:name_end], body[name_end:]
    if len(rest) < 2:
        raise malformed("CONNECT is too short")
    if name == b"MQIsdp" or (name == b"MQTT" and rest[0] < 5):
        raise OldProtocol
    if name != b"MQTT" or rest[0] != 5:
        raise Fault(DisconnectReasonCode.PROTOCOL_ERROR, "only MQTT 5 is spoken here")
    if rest[1] & 1:
        raise malformed("a reserved flag of CONNECT is set")
