"""The endpoint's side of the opening handshake of a WebSocket.

A browser lets any page open a WebSocket to this machine, so a page's origin has to be the endpoint's own or an
allowed one.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from ibmux.mqtt.websocket import SUBPROTOCOL, accept_key
from ibmux.mqtt.websocket_transport import FramedProtocol, Inner

_SWITCH = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


class HandshakeError(Exception):
    """The request is no handshake for MQTT; `status` is the line of the HTTP answer."""

    def __init__(self, status: str, text: str) -> None:
        super().__init__(text)
        self.status = status


def answer(head: bytes, path: str, origins: tuple[str, ...]) -> bytes:
    """The answer to the HTTP request of an opening handshake.

    Raises:
        HandshakeError: it is none, or not for this path, or from a foreign page.
    """
    lines = head.decode("latin-1").split("\r\n")
    fields = _fields(lines[1:])
    words = lines[0].split(" ")
    if len(words) != 3 or words[0] != "GET" or words[2] != "HTTP/1.1":
        raise HandshakeError("400 Bad Request", "this is a WebSocket for MQTT")
    if words[1].partition("?")[0] != path:
        raise HandshakeError("404 Not Found", f"MQTT is at {path}")
    if "websocket" not in _tokens(fields.get("upgrade", "")) or "upgrade" not in _tokens(fields.get("connection", "")):
        raise HandshakeError("426 Upgrade Required", "this is a WebSocket for MQTT")
    if fields.get("sec-websocket-version") != "13":
        raise HandshakeError("426 Upgrade Required", "only version 13 of the WebSocket protocol is spoken here")
    if SUBPROTOCOL not in _tokens(fields.get("sec-websocket-protocol", "")):
        raise HandshakeError("400 Bad Request", f"the subprotocol has to be {SUBPROTOCOL}")
    key = fields.get("sec-websocket-key", "")
    if not key:
        raise HandshakeError("400 Bad Request", "Sec-WebSocket-Key is missing")
    _check_origin(fields, origins)
    text = f"{_SWITCH}Sec-WebSocket-Accept: {accept_key(key)}\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
    return text.encode("latin-1")


def _check_origin(fields: dict[str, str], origins: tuple[str, ...]) -> None:
    origin = fields.get("origin")
    if origin is None or origin in origins or urlsplit(origin).netloc == fields.get("host"):
        return
    raise HandshakeError("403 Forbidden", "pages of other origins may not connect")


def _fields(lines: list[str]) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _tokens(value: str) -> list[str]:
    return [token.strip().lower() for token in value.split(",")]


class WebSocketServer(FramedProtocol):
    """One WebSocket to the endpoint.

    Args:
        inner: the connection that speaks MQTT.
        path: where MQTT is.
        origins: pages that may connect beside the endpoint's own origin, such as `https://desk.example`.
    """

    def __init__(self, inner: Inner, path: str, origins: tuple[str, ...]) -> None:
        super().__init__(inner, masked=False)
        self._path = path
        self._origins = origins

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The time for CONNECT runs from here on, handshake included."""
        super().connection_made(transport)
        if self.framed is not None:
            self.inner.connection_made(self.framed)

    def opened(self, head: bytes) -> bool:
        """Answer the client's request."""
        raw = self.raw
        if raw is None:
            return False
        try:
            raw.write(answer(head, self._path, self._origins))
        except HandshakeError as error:
            body = f"{error}\n".encode()
            fields = (
                "Content-Type: text/plain\r\nConnection: close\r\nSec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n"
            )
            raw.write(f"HTTP/1.1 {error.status}\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            raw.close()
            return False
        return True
