"""One socket to a gateway: ib_async's client, which encodes requests, on a connection of our own.

Replaced here: the throttle queue (our gate paces), the reading of frames (once per read, not once per message), the
handshake (bounded; error 326 is heard at once). Made for one connection; a new one gets a new `Link`.
"""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from collections.abc import Callable
from typing import Any

from ib_async.client import Client

from ibmux.places import Endpoint, in_words
from ibmux.session.decoder import Decoder
from ibmux.session.wire import Wire, frame

log = logging.getLogger(__name__)

Fields = list[str]
SERVER_VERSION = 176
"""The highest that every text client decodes, so that messages can be passed through unchanged."""
_VERSIONS = b"v%d..%d" % (Client.MinClientVersion, SERVER_VERSION)
GREETING = b"API\0" + struct.pack(">I", len(_VERSIONS)) + _VERSIONS
"""The first bytes on a connection; a gateway answers with its version."""
_LARGEST = 0xFFFFFF
"""Bytes in a message; more is no gateway's."""


class InUse(Exception):
    """Another program is connected under our clientId (326)."""


class Stranger(Exception):
    """What answers is no gateway."""


class Link(Client):
    """One connection, from the attempt to its end.

    Args:
        wrapper: gets every decoded message.
        hot: handlers of raw fields by message id, in place of ib_async's decoder.
        flush: called once per network read, after its messages.
        lost: called once if the connection ends after the handshake and we did not end it, with the reason in words.
        answered: called once with the gateway's own time text when it has answered the greeting.
    """

    MaxClientVersion = SERVER_VERSION
    MaxRequests = 0

    def __init__(
        self,
        wrapper: Any,
        hot: dict[str, Callable[[Fields], None]],
        flush: Callable[[], None],
        lost: Callable[[str], None],
        answered: Callable[[str], None] = lambda text: None,
    ) -> None:
        super().__init__(wrapper)  # type: ignore[no-untyped-call]
        self.decoder = Decoder(wrapper, 0)
        self.wire = Wire(self)
        self._handlers: dict[str, Callable[[Fields], None]] = {
            **{str(number): handler for number, handler in self.decoder.handlers.items()},
            **hot,
        }
        self._flush = flush
        self._lost = lost
        self._answered = answered
        self._rest = b""
        self._closed = False
        self._spoken = False
        self.oddity = ""
        """Why what answers is no gateway, in words."""
        self.greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.gone = asyncio.Event()
        self.heard = time.monotonic()
        self.received = 0
        self.sent = 0
        self.faults = 0

    @property
    def alive(self) -> bool:
        """Whether a message can be handed to the socket."""
        return not self._closed and self.wire.open

    @property
    def up(self) -> bool:
        """Whether the gateway has named its accounts and the next order id."""
        return self.greeted.done() and not self.greeted.cancelled() and self.greeted.exception() is None

    @property
    def ends(self) -> tuple[Endpoint, Endpoint]:
        """Our end of the socket, and the other one."""
        return self.wire.ends

    async def reach(self, host: str, port: int) -> None:
        """Open the socket; nothing is said.

        Raises:
            OSError: no connection.
        """
        self.host, self.port = host, port
        await asyncio.get_running_loop().create_connection(lambda: self.wire, host, port)
        if self._closed:
            self.wire.close()
            raise ConnectionError("given up while it connected")

    async def introduce(self, client_id: int) -> None:
        """Greet, and wait until the gateway has named its accounts and the next order id.

        Raises:
            OSError: the connection ended first.
            InUse: error 326.
            Stranger: what answers is no gateway.
        """
        self.clientId = client_id
        self._spoken = True
        self.wire.write(GREETING)
        await self.greeted

    def greet(self) -> None:
        """The API is up: accounts and next order id are known."""
        if not self.greeted.done():
            self.greeted.set_result(None)

    def refuse(self, error: Exception) -> None:
        """The gateway does not let us in."""
        if not self.greeted.done():
            self.greeted.set_exception(error)
            self.greeted.exception()  # looked at: nobody may wait for it while a gateway settles

    async def end(self, patience: float = 2.0) -> None:
        """Close, and wait until the socket is gone: never two to one gateway."""
        self.close()
        if not self.wire.present:
            return
        try:
            async with asyncio.timeout(patience):
                await self.gone.wait()
        except TimeoutError:
            self.wire.abort()
            await self.gone.wait()

    def close(self) -> None:
        """Send what is buffered, then close; nothing is heard of this connection any more."""
        self._closed = True
        self.greeted.cancel()
        self.wire.close()

    def ended(self, error: Exception | None) -> None:
        """The socket is gone."""
        self.gone.set()
        if self._closed:
            return
        self._closed = True
        why = in_words(error) if isinstance(error, OSError) else error
        reason = f"The connection broke: {why}." if error else "The gateway closed the connection."
        if not self.greeted.done():
            self.refuse(ConnectionError(reason))
        elif self.up:
            self._lost(reason)

    # -- out --------------------------------------------------------------------------------------------------------

    def send(self, *fields: Any, makeEmpty: bool = True) -> None:
        """Encode one message and hand it to the socket.

        Raises:
            ConnectionError: the connection is gone; nothing was sent.
            RequestError: a text that would break the message apart; nothing was sent.
        """
        self.post(frame(fields, makeEmpty))

    def post(self, message: bytes) -> None:
        """Hand a message that is written already to the socket.

        Raises:
            ConnectionError: the connection is gone; nothing was sent.
        """
        if not self.alive:
            raise ConnectionError("the connection to the gateway is gone")
        self.wire.write(message)
        self.sent += 1

    # -- in ---------------------------------------------------------------------------------------------------------

    def read(self, data: bytes) -> None:
        """Take what the socket gave: whole messages are handled, the rest waits."""
        self.heard = time.monotonic()
        if not self._spoken:
            self._give_up("it speaks before it is spoken to")
            return
        if self._rest:
            data = self._rest + data
        start, end = 0, len(data)
        while end - start > 4 and not self._closed:
            size = int.from_bytes(data[start : start + 4], "big")
            if size > _LARGEST:
                self._give_up(f"a message of {size} bytes is none of a gateway's")
                break
            stop = start + 4 + size
            if stop > end:
                break
            fields = data[start + 4 : stop].decode("utf-8", "backslashreplace").split("\0")
            fields.pop()
            start = stop
            self.received += 1
            self._dispatch(fields)
        self._rest = data[start:]
        self._flush()

    def _dispatch(self, fields: Fields) -> None:
        if not self._serverVersion:
            self._start(fields)
            return
        try:
            self._handlers[fields[0]](fields)
        except Exception:
            # One message that nobody understands must not stop the others.
            self.faults += 1
            log.exception("cannot handle the gateway's message %r", fields)

    def _start(self, fields: Fields) -> None:
        """The answer to our greeting: the version that both sides speak, and the gateway's time."""
        version = int(fields[0]) if fields and fields[0].isdecimal() else 0
        if not self.MinClientVersion <= version <= self.MaxClientVersion:
            self._give_up(f"it answers as version {version}, ibmux speaks {self.MinClientVersion} to {SERVER_VERSION}")
            return
        self._serverVersion = self.decoder.serverVersion = version
        self.wireState = Client.CONNECTED
        self._apiReady = True
        self._answered(fields[1] if len(fields) > 1 else "")
        self.startApi()  # type: ignore[no-untyped-call]

    def _give_up(self, reason: str) -> None:
        self.oddity = reason
        self.refuse(Stranger(reason))
        self.wire.abort()
