"""From a url to an open connection: mqtt, mqtts, ws, wss, unix."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit

from ibmux.errors import ConfigError
from ibmux.mqtt.wire import Wire

Scheme = Literal["mqtt", "mqtts", "ws", "wss", "unix"]
PORTS = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443, "unix": 0}


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed url; `path` is the socket's file (unix) or the resource (ws, wss)."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def is_secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme in ("mqtts", "wss")

    def __str__(self) -> str:
        return f"unix://{self.path}" if self.scheme == "unix" else f"{self.scheme}://{self.host}:{self.port}"


def parse_url(url: str) -> Address:
    """Read a url such as `mqtt://127.0.0.1:1883` or `unix:///run/ibmux.sock`.

    Raises:
        ConfigError: it is none of the known kinds, or lacks host or path.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"{url!r} is not a usable url: {error}") from None
    if parts.scheme not in PORTS:
        raise ConfigError(f"{url!r}: the scheme has to be one of {', '.join(PORTS)}")
    path = unquote(parts.path)
    if parts.scheme == "unix":
        path = unquote(parts.netloc) + path
    elif parts.scheme in ("ws", "wss"):
        path = parts.path or "/mqtt"
    if not (path if parts.scheme == "unix" else parts.hostname):
        raise ConfigError(f"{url!r} names no {'path' if parts.scheme == 'unix' else 'host'}")
    return Address(parts.scheme, parts.hostname or "", port or PORTS[parts.scheme], path)


async def dial(address: Address, wire: Wire, tls: ssl.SSLContext | None) -> None:
    """Connect `wire` to the address.

    Raises:
        OSError: nobody answers there, or TLS failed.
    """
    loop = asyncio.get_running_loop()
    if address.scheme == "unix":
        await loop.create_unix_connection(lambda: wire, address.path)
        return
    context = (tls or _default_context()) if address.is_secure else None
    if address.scheme in ("mqtt", "mqtts"):
        await loop.create_connection(lambda: wire, address.host, address.port, ssl=context)
        return
    await _dial_websocket(address, wire, context)


async def _dial_websocket(address: Address, wire: Wire, context: ssl.SSLContext | None) -> None:
    from ibmux.mqtt.websocket_client import WebSocketClient  # noqa: PLC0415  (most scripts never need it)

    host = f"{address.host}:{address.port}"
    transport, protocol = await asyncio.get_running_loop().create_connection(
        lambda: WebSocketClient(wire, host, address.path), address.host, address.port, ssl=context
    )
    try:
        await protocol.ready
    except BaseException:
        transport.abort()
        raise


def _default_context() -> ssl.SSLContext:
    return ssl.create_default_context()
