"""Stands between clients and a real gateway, hands everything on, and writes it down with the accounts masked.

Only the clients' greeting is changed: versions above the last one of plain text are not offered, because nobody could
read them in the recording.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from ibmux.sim.recording.file import Entry, Kind, Writer
from ibmux.sim.recording.mask import Mask
from ibmux.tws.framing import Framer, FrameTooLong, split_fields
from ibmux.tws.handshake import (
    MAX_VERSION,
    PREFIX,
    BadGreeting,
    Greeting,
    encode_greeting,
    parse_answer,
    parse_greeting,
)
from ibmux.tws.layout import Message
from ibmux.tws.replies import REPLY_NUMBERS
from ibmux.tws.requests import find_request

FLUSH_INTERVAL = 1.0
DIAL_TIMEOUT = 10.0
"""Seconds for the connection to the gateway."""
CHUNK = 1 << 16


class Recorder:
    """A relay on a port of this machine: `async with Recorder(…) as recorder: recorder.port`.

    Args:
        target: host and port of the gateway.
        path: the recording.
        host: where to listen.
        port: the port to listen on; 0 takes a free one.
        words: texts to hide beside account numbers.
    """

    def __init__(
        self,
        target: tuple[str, int],
        path: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        words: tuple[str, ...] = (),
    ) -> None:
        self.host, self.port = host, port
        self.connections = 0
        self._target, self._path, self._mask = target, path, Mask(words)
        self._server: asyncio.Server | None = None
        self._relays: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._writer = Writer(self._path, datetime.now(UTC).isoformat(timespec="seconds"))
        self._began = time.monotonic()
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self._flusher = asyncio.create_task(self._flush(), name="recording to disk")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in (self._flusher, *self._relays):
            task.cancel()
        await asyncio.gather(self._flusher, *self._relays, return_exceptions=True)
        self._writer.close()

    @property
    def messages(self) -> int:
        """How many messages were written."""
        return self._writer.entries

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_INTERVAL)
            self._writer.flush()

    def _note(self, connection: int, kind: Kind, texts: list[str], version: int = 0) -> None:
        message = _find_message(kind, texts)
        self._writer.add(
            Entry(time.monotonic() - self._began, connection, kind, self._mask.hide(texts, message, version))
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self._relays.add(task)
        try:
            await self._relay(reader, writer)
        finally:
            self._relays.discard(task)
            writer.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from the client's greeting to the end of either side."""
        self.connections += 1
        number = self.connections
        try:
            async with asyncio.timeout(DIAL_TIMEOUT):
                up_reader, up_writer = await asyncio.open_connection(*self._target)
        except OSError as error:
            self._note(number, "close", [f"the gateway cannot be reached: {error.strerror or error}"])
            return
        try:
            await self._greet(reader, up_writer)
            await self._pump_both(number, (reader, writer), (up_reader, up_writer))
        except (BadGreeting, FrameTooLong, asyncio.IncompleteReadError, OSError) as error:
            self._note(number, "close", [str(error)])
        finally:
            up_writer.close()

    @staticmethod
    async def _greet(reader: asyncio.StreamReader, up_writer: asyncio.StreamWriter) -> None:
        """Pass the greeting on, without versions that a recording cannot hold."""
        if await reader.readexactly(len(PREFIX)) != PREFIX:
            raise BadGreeting("no API greeting")
        size = int.from_bytes(await reader.readexactly(4), "big")
        if size > CHUNK:
            raise BadGreeting(f"a greeting of {size} bytes")
        asked = parse_greeting(await reader.readexactly(size))
        up_writer.write(encode_greeting(Greeting(asked.lowest, min(asked.highest, MAX_VERSION), asked.options)))

    async def _pump_both(
        self,
        number: int,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        gateway: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        version = MAX_VERSION

        def answered(payload: bytes) -> None:
            nonlocal version
            version, connected = parse_answer(payload)
            self._note(number, "open", [str(version), connected])

        def said(payload: bytes) -> None:
            self._note(number, "in", split_fields(payload), version)

        def heard(payload: bytes) -> None:
            self._note(number, "out", split_fields(payload), version)

        pumps = {
            asyncio.create_task(_pump(client[0], gateway[1], said), name="client"),
            asyncio.create_task(_pump(gateway[0], client[1], heard, first=answered), name="gateway"),
        }
        try:
            done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            self._note(number, "close", [min(task.get_name() for task in done)])
        finally:
            for task in pumps:
                task.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)


def _find_message(kind: Kind, texts: list[str]) -> Message | None:
    if kind == "in":
        return find_request(texts[0])
    return REPLY_NUMBERS.get(int(texts[0])) if kind == "out" and texts[0].isdigit() else None


async def _pump(
    source: asyncio.StreamReader,
    sink: asyncio.StreamWriter,
    note: Callable[[bytes], None],
    first: Callable[[bytes], None] | None = None,
) -> None:
    """Hand on bytes until the source ends, at the pace of the sink; tell of every whole message."""
    framer = Framer()
    with contextlib.suppress(ConnectionError):
        while data := await source.read(CHUNK):
            sink.write(data)
            for payload in framer.feed(data):
                (first or note)(payload)
                first = None
            await sink.drain()
