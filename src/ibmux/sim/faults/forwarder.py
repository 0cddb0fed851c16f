"""A forwarder in front of a gateway, as socat stands in containers: it accepts for a gateway that may be dead.

It hands bytes on in both directions and knows no protocol. What it saw is in its log.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

from ibmux.sim.listening import CHUNK, Listening, relay
from ibmux.sim.log import Log

CLOSE, HANG = "close", "hang"
DIAL_TIMEOUT = 5.0
"""Seconds for the connection to the target."""


class Forwarder(Listening):
    """A port that leads to another: `async with Forwarder(("127.0.0.1", 4002)) as forwarder: forwarder.port`.

    Args:
        target: host and port of the gateway; may be changed while it runs.
        host: address to listen on.
        port: the port; 0 takes a free one.
        dead: what becomes of an accepted connection when the target does not answer: `close` it, as socat does, or let
            it `hang` until its peer goes.
        clock: gives the instants in the log; the time of day if not given.

    Attributes:
        log: connections, as a gateway's own log has them: `attempt`, `refused` (the target is dead), `closed`.
    """

    def __init__(
        self,
        target: tuple[str, int],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        dead: str = CLOSE,
        log: Log | None = None,
    ) -> None:
        if dead not in (CLOSE, HANG):
            raise ValueError(f"dead is {dead!r}; allowed are {CLOSE} and {HANG}")
        super().__init__(host, port)
        self.target, self.dead = target, dead
        self.log = log or Log(time.time)
        self._accepted = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay one connection, and tell the log of it."""
        self._accepted += 1
        number = self._accepted
        self.log.add("attempt", connection=number)
        ended = ("gateway", "the forwarder stops")
        try:
            ended = await self._relay(number, reader, writer)
        finally:
            self.log.add("closed", ended[1], connection=number, by=ended[0])

    async def _relay(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, str]:
        """One connection; return who ended it, and why."""
        try:
            async with asyncio.timeout(DIAL_TIMEOUT):
                up_reader, up_writer = await asyncio.open_connection(*self.target)
        except OSError as error:
            self.log.add("refused", "the gateway does not answer", connection=number)
            if self.dead == HANG:
                with contextlib.suppress(ConnectionError):
                    while await reader.read(CHUNK):
                        pass
                return "client", ""
            return "gateway", error.strerror or type(error).__name__
        try:
            return await relay((reader, writer), (up_reader, up_writer)), ""
        finally:
            up_writer.close()
