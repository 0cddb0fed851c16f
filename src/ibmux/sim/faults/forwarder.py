"""A forwarder in front of a gateway, as socat stands in containers: it accepts for a gateway that may be dead.

It hands bytes on in both directions and knows no protocol. What it saw is in its log.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Self

from ibmux.sim.log import Log

CLOSE, HANG = "close", "hang"
CHUNK = 1 << 16
DIAL_TIMEOUT = 5.0
"""Seconds for the connection to the target."""


class Forwarder:
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
        self.target, self.host, self.port, self.dead = target, host, port, dead
        self.log = log or Log(time.time)
        self._accepted = 0
        self._server: asyncio.Server | None = None
        self._relays: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._relays:
            task.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self._relays.add(task)
        self._accepted += 1
        number = self._accepted
        self.log.add("attempt", connection=number)
        ended = ("gateway", "the forwarder stops")
        try:
            ended = await self._relay(number, reader, writer)
        finally:
            self._relays.discard(task)
            writer.close()
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
            return await _pump_both((reader, writer), (up_reader, up_writer))
        finally:
            up_writer.close()


async def _pump_both(
    client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    gateway: tuple[asyncio.StreamReader, asyncio.StreamWriter],
) -> tuple[str, str]:
    pumps = {
        asyncio.create_task(_pump(client[0], gateway[1]), name="client"),
        asyncio.create_task(_pump(gateway[0], client[1]), name="gateway"),
    }
    try:
        done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        return min(task.get_name() for task in done), ""
    finally:
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Hand bytes on until the source ends, at the pace of the sink."""
    with contextlib.suppress(ConnectionError):
        while data := await source.read(CHUNK):
            sink.write(data)
            await sink.drain()
