"""What comes in on one socket before anybody knows what it means: the prefix of the API, then frames.

Also keeps what arrives while the gateway stands still. Bytes in, payloads out; it sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from ibmux.tws.framing import Framer
from ibmux.tws.handshake import PREFIX, BadGreeting

MAX_REQUEST = 1 << 20
"""Longest request read, in bytes."""
MAX_GREETING = 1024
MAX_KEPT = 1 << 20
"""Bytes that are taken in while the gateway is frozen; the rest waits in the system."""


class Intake:
    """The bytes of one connection."""

    def __init__(self) -> None:
        self._prefix = bytearray()
        self._framer = Framer(MAX_GREETING)
        self._kept = bytearray()

    @property
    def full(self) -> bool:
        """Whether so much is kept that the system must hold the rest."""
        return len(self._kept) > MAX_KEPT

    def keep(self, data: bytes) -> None:
        """Lay bytes aside."""
        self._kept += data

    def take_kept(self) -> bytes:
        """What was laid aside; nothing is any more."""
        data = bytes(self._kept)
        self._kept.clear()
        return data

    def allow_requests(self) -> None:
        """The greeting is over: let longer messages in."""
        self._framer.limit = MAX_REQUEST

    def payloads(self, data: bytes) -> Iterator[bytes]:
        """The messages that are complete with these bytes.

        Raises:
            BadGreeting: the connection does not begin as one of the API.
            FrameTooLong: a message is longer than allowed.
        """
        missing = len(PREFIX) - len(self._prefix)
        if missing:
            self._prefix += data[:missing]
            if not PREFIX.startswith(self._prefix):
                raise BadGreeting(f"no API greeting: {bytes(self._prefix)!r}")
            data = data[missing:]
        yield from self._framer.feed(data)
