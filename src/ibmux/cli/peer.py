"""One bounded conversation with a gateway in its own protocol, for `ibmux check`: one socket, one attempt.

Sends and reads messages; what they mean for the verdict is `check`'s business.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from ibmux.tws.framing import Framer, FrameTooLong, join_fields, split_fields
from ibmux.tws.handshake import DEFAULT_VERSION, MIN_VERSION, Greeting, encode_greeting, parse_answer
from ibmux.tws.layout import BadMessage
from ibmux.tws.replies import REPLY_NUMBERS
from ibmux.tws.requests import REQUEST_NAMES


class Closed(Exception):
    """The other side closed the connection."""


class NotTheApi(Exception):
    """What came is no TWS protocol; the text shows its start."""


class Reply(NamedTuple):
    """One message of the gateway; `values` is empty where its layout is not known."""

    name: str
    values: dict[str, Any]


class Peer:
    """A gateway at the other end of an open socket; `version` is agreed by `greet`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.version = 0
        self._reader = reader
        self._writer = writer
        self._framer = Framer()
        self._waiting: list[bytes] = []

    def __repr__(self) -> str:
        return f"<Peer version={self.version}>"

    async def greet(self) -> str:
        """Send the greeting and return the gateway's own time text.

        Raises:
            Closed: the other side hung up instead.
            NotTheApi: something else answered.
        """
        self._writer.write(encode_greeting(Greeting(MIN_VERSION, DEFAULT_VERSION)))
        payload = await self._payload()
        try:
            self.version, time = parse_answer(payload)
        except ValueError as error:
            raise NotTheApi(str(error)) from None
        return time

    def send(self, name: str, **values: Any) -> None:
        """Send the request `name`."""
        self._writer.write(join_fields(REQUEST_NAMES[name].encode(values, self.version)))

    async def read(self) -> Reply:
        """The next message.

        Raises:
            Closed: the other side hung up.
            NotTheApi: what came is no message.
        """
        return self._reply(split_fields(await self._payload()))

    def _reply(self, texts: Sequence[str]) -> Reply:
        if not texts or not texts[0].isascii() or not texts[0].isdigit():
            raise NotTheApi(f"no message number: {texts[:1]!r}")
        message = REPLY_NUMBERS.get(int(texts[0]))
        if message is None:
            return Reply(texts[0], {})
        try:
            return Reply(message.name, message.decode(texts, self.version))
        except BadMessage as error:
            raise NotTheApi(f"{message.name}: {error}") from None

    async def _payload(self) -> bytes:
        while not self._waiting:
            try:
                data = await self._reader.read(65536)
            except OSError as error:
                raise Closed(str(error)) from None
            if not data:
                raise Closed("the connection was closed")
            try:
                self._waiting.extend(self._framer.feed(data))
            except FrameTooLong:
                raise NotTheApi(f"no frame: {data[:24]!r}") from None
        return self._waiting.pop(0)

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:  # the other side was quicker
            return


@asynccontextmanager
async def dial(host: str, port: int) -> AsyncIterator[Peer]:
    """Open one connection and close it at the end.

    Raises:
        OSError: nothing listens there.
    """
    reader, writer = await asyncio.open_connection(host, port)
    peer = Peer(reader, writer)
    try:
        yield peer
    finally:
        await peer.close()
