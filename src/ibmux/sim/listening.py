"""A port on which each connection is served by a task of its own, and a relay from one connection to another.

Owns listening, the tasks and their end; knows no protocol. (Gateways themselves use a faster way: see `server`.)
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self

CHUNK = 1 << 16
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Note = Callable[[bytes], None]


class Listening(ABC):
    """`async with …` listens; the end of it ends every connection.

    Args:
        host: address to listen on.
        port: the port; 0 takes a free one.
        limit: longest line that `talk` may read, in bytes.
    """

    def __init__(self, host: str, port: int, *, limit: int = CHUNK) -> None:
        self.host, self.port = host, port
        self.talks: set[asyncio.Task[None]] = set()
        self._limit = limit
        self._server: asyncio.Server | None = None

    @abstractmethod
    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection; it is closed afterwards."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, self.port, limit=self._limit)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in self.talks:
            task.cancel()
        await asyncio.gather(*self.talks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self.talks.add(task)
        try:
            await self.talk(reader, writer)
        except asyncio.CancelledError:
            return  # only `__aexit__` cancels; asyncio's streams would report a cancelled task as a fault
        finally:
            self.talks.discard(task)
            writer.close()


def ignore(_: bytes) -> None:
    """Look at nothing of what is relayed."""


async def relay(client: Stream, gateway: Stream, said: Note = ignore, heard: Note = ignore) -> str:
    """Hand bytes on in both directions until one side ends; `client` or `gateway`, whoever did.

    Args:
        client: who asked.
        gateway: who answers.
        said: sees what the client sends, before it is sent on.
        heard: sees what the gateway sends.
    """
    pumps = {
        asyncio.create_task(_pump(client[0], gateway[1], said), name="client"),
        asyncio.create_task(_pump(gateway[0], client[1], heard), name="gateway"),
    }
    try:
        done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        return min(task.get_name() for task in done)
    finally:
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, note: Note) -> None:
    """Hand bytes on until the source ends, at the pace of the sink."""
    with contextlib.suppress(ConnectionError):
        while data := await source.read(CHUNK):
            note(data)
            sink.write(data)
            await sink.drain()
