"""Bytes on their way out of one connection: gathered for a loop turn, written at once, bounded for who does not read.

Knows no message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

HIGH_WATER = 1 << 18


class Outbox:
    """The outgoing half of a socket.

    Args:
        loop: whose turns gather bytes.
        limit: bytes that may wait for one slow reader.
        held: whether nothing may leave at present.
        overflow: called when the limit is passed.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limit: int,
        held: Callable[[], bool],
        overflow: Callable[[], object],
    ) -> None:
        self._loop, self._limit, self._held, self._overflow = loop, limit, held, overflow
        self._transport: asyncio.Transport | None = None
        self._waiting: list[bytes] = []
        self.full = False

    def attach(self, transport: asyncio.Transport) -> None:
        """Send to this socket from now on."""
        self._transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER)

    def add(self, data: bytes) -> None:
        """Queue bytes; all that one loop turn queues leaves in one write."""
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting.append(data)

    def flush(self) -> None:
        """Write what waits."""
        transport = self._transport
        if transport is None or transport.is_closing() or not self._waiting or self._held():
            return
        transport.write(b"".join(self._waiting))
        self._waiting.clear()
        if self.full and transport.get_write_buffer_size() > self._limit:
            self._overflow()
