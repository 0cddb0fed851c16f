"""Stands between clients and a real gateway, hands everything on, and writes it down with the accounts masked.

Only the clients' greeting is changed: versions above the last one of plain text are not offered, because nobody could
read them in the recording.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from ibmux.sim.listening import CHUNK, Listening, relay
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


class Recorder(Listening):
    """A relay on a port of this machine: `async with Recorder(…) as recorder: recorder.port`.

    Args:
        target: host and port of the gateway.
        path: the recording.
        host: where to listen.
        port: the port to listen on; 0 takes a free one.
        words: texts to hide beside account numbers.

    Attributes:
        on_event: hears in a sentence of each connection that begins or ends.
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
        super().__init__(host, port)
        self.connections = 0
        self.on_event: Callable[[str], None] = lambda text: None
        self._target, self._path, self._mask = target, path, Mask(words)

    async def __aenter__(self) -> Self:
        self._writer = Writer(self._path, datetime.now(UTC).isoformat(timespec="seconds"))
        self._began = time.monotonic()
        await super().__aenter__()
        self._flusher = asyncio.create_task(self._flush(), name="recording to disk")
        return self

    async def __aexit__(self, *ended: object) -> None:
        await super().__aexit__(*ended)
        self._flusher.cancel()
        await asyncio.gather(self._flusher, return_exceptions=True)
        self._writer.close()

    @property
    def messages(self) -> int:
        """How many messages were written."""
        return self._writer.entries

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_INTERVAL)
            self._writer.flush()

    def note(self, connection: int, kind: Kind, texts: list[str], version: int = 0) -> None:
        """Write down what happened, without what is private."""
        hidden = self._mask.hide(texts, _find_message(kind, texts), version)
        self._writer.add(Entry(time.monotonic() - self._began, connection, kind, hidden))

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from the client's greeting to the end of either side."""
        self.connections += 1
        listener = Listener(self, self.connections)
        try:
            async with asyncio.timeout(DIAL_TIMEOUT):
                up_reader, up_writer = await asyncio.open_connection(*self._target)
        except OSError as error:
            listener.ended(f"the gateway cannot be reached: {error.strerror or error}")
            return
        try:
            await _greet(reader, up_writer)
            listener.ended(await relay((reader, writer), (up_reader, up_writer), listener.said, listener.heard))
        except (BadGreeting, FrameTooLong, asyncio.IncompleteReadError, OSError) as error:
            listener.ended(str(error))
        finally:
            up_writer.close()


class Listener:
    """Cuts what goes over one connection into messages, and has them written down."""

    def __init__(self, recorder: Recorder, connection: int) -> None:
        self._recorder, self._connection = recorder, connection
        self._version = 0
        self._from_client, self._from_gateway = Framer(), Framer()

    def said(self, data: bytes) -> None:
        """The client sent this."""
        for payload in self._from_client.feed(data):
            self._recorder.note(self._connection, "in", split_fields(payload), self._version)

    def heard(self, data: bytes) -> None:
        """The gateway sent this; its first message is the answer to the greeting."""
        for payload in self._from_gateway.feed(data):
            if self._version:
                self._recorder.note(self._connection, "out", split_fields(payload), self._version)
            else:
                self._version, connected = parse_answer(payload)
                self._recorder.note(self._connection, "open", [str(self._version), connected])
                self._recorder.on_event(f"Connection {self._connection} is recorded; server version {self._version}.")

    def ended(self, by: str) -> None:
        """The connection is over: `client` or `gateway` ended it, or why there was none."""
        self._recorder.note(self._connection, "close", [by])
        who = f"the {by} closed it" if by in ("client", "gateway") else by
        self._recorder.on_event(f"Connection {self._connection} ended: {who}.")


async def _greet(reader: asyncio.StreamReader, up_writer: asyncio.StreamWriter) -> None:
    """Pass the greeting on, without versions that a recording cannot hold."""
    if await reader.readexactly(len(PREFIX)) != PREFIX:
        raise BadGreeting("no API greeting")
    size = int.from_bytes(await reader.readexactly(4), "big")
    if size > CHUNK:
        raise BadGreeting(f"a greeting of {size} bytes")
    asked = parse_greeting(await reader.readexactly(size))
    up_writer.write(encode_greeting(Greeting(asked.lowest, min(asked.highest, MAX_VERSION), asked.options)))


def _find_message(kind: Kind, texts: list[str]) -> Message | None:
    if kind == "in":
        return find_request(texts[0])
    return REPLY_NUMBERS.get(int(texts[0])) if kind == "out" and texts[0].isdigit() else None
