"""A link's side of the opening handshake of a WebSocket."""

from __future__ import annotations

import asyncio

from ibmux.mqtt.websocket import SUBPROTOCOL, accept_key, new_key
from ibmux.mqtt.websocket_transport import FramedProtocol, Inner


class WebSocketClient(FramedProtocol):
    """One WebSocket to an endpoint or broker.

    Attributes:
        ready: done when the handshake succeeded; ConnectionError if it did not.

    Args:
        inner: the protocol that speaks MQTT; it is connected when the handshake is over.
        host: value of the `Host` field.
        path: where MQTT is.
    """

    def __init__(self, inner: Inner, host: str, path: str) -> None:
        super().__init__(inner, masked=True)
        self._host = host
        self._path = path
        self._key = new_key()
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the WebSocket."""
        super().connection_made(transport)
        if self.raw is not None:
            self.raw.write(
                f"GET {self._path} HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {self._key}\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n".encode()
            )

    def opened(self, head: bytes) -> bool:
        """Check the server's answer."""
        status, _, rest = head.decode("latin-1").partition("\r\n")
        wanted = f"sec-websocket-accept: {accept_key(self._key)}".lower()
        if " 101 " not in f"{status} " or wanted not in rest.lower():
            self._fail(f"no WebSocket there: {status[:80]}")
            return False
        if self.framed is not None and not self.ready.done():
            self.inner.connection_made(self.framed)
            self.ready.set_result(None)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed, perhaps before the handshake was over."""
        self._fail("the connection ended during the handshake of the WebSocket")
        super().connection_lost(exc)

    def _fail(self, reason: str) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(reason))
        if self.raw is not None:
            self.raw.close()
