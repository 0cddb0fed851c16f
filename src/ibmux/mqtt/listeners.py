"""Where the endpoint listens: TCP, WebSocket, Unix socket; with or without TLS."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ibmux.errors import ConfigError

BACKLOG = 512
TAKEN = "Is another `ibmux serve` running? Else choose another port: 0 takes a free one, -1 none."
"""What to do about an address that cannot be had."""


@dataclass(frozen=True, slots=True)
class TcpListener:
    """MQTT over TCP, or over TLS with a context; port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 1883
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class WebSocketListener:
    """MQTT over WebSocket (subprotocol `mqtt`) at one path; `origins`: pages elsewhere that may connect too."""

    host: str = "127.0.0.1"
    port: int = 8083
    path: str = "/mqtt"
    tls: ssl.SSLContext | None = None
    origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnixListener:
    """MQTT over a Unix socket that only the proxy's own user may open (mode 0600)."""

    path: str


Listener: TypeAlias = TcpListener | WebSocketListener | UnixListener
Factory: TypeAlias = Callable[[], asyncio.Protocol]


def transport_name(listener: Listener) -> str:
    """What connections through this listener are called: tcp, tls, ws, wss, unix."""
    if isinstance(listener, UnixListener):
        return "unix"
    if isinstance(listener, WebSocketListener):
        return "wss" if listener.tls else "ws"
    return "tls" if listener.tls else "tcp"


async def open_listener(listener: Listener, factory: Factory, handshake_timeout: float) -> asyncio.Server:
    """Listen.

    Raises:
        ConfigError: the address or path cannot be used.
    """
    loop = asyncio.get_running_loop()
    try:
        if isinstance(listener, UnixListener):
            return await loop.create_unix_server(factory, sock=_unix_socket(listener.path), backlog=BACKLOG)
        patience = handshake_timeout if listener.tls else None
        return await loop.create_server(
            factory, listener.host, listener.port, ssl=listener.tls, ssl_handshake_timeout=patience, backlog=BACKLOG
        )
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise ConfigError(f"mqtt: cannot listen on {_address(listener)}: {why}.", hint=TAKEN) from error


def close_listener(listener: Listener, server: asyncio.Server) -> None:
    """Stop listening; a Unix socket's file goes, unless another has taken the path since."""
    inode = _inode(server) if isinstance(listener, UnixListener) else None
    server.close()
    if isinstance(listener, UnixListener):
        path = Path(listener.path)
        if path.exists() and (inode is None or path.stat().st_ino == inode):
            path.unlink()


def bound_port(server: asyncio.Server) -> int:
    """The port a server listens on; 0 for a Unix socket."""
    name = server.sockets[0].getsockname()
    return int(name[1]) if isinstance(name, tuple) else 0


def _address(listener: Listener) -> str:
    return listener.path if isinstance(listener, UnixListener) else f"{listener.host}:{listener.port}"


def _inode(server: asyncio.Server) -> int | None:
    names = [sock.getsockname() for sock in server.sockets]
    return Path(names[0]).stat().st_ino if names and Path(names[0]).exists() else None


def _unix_socket(path: str) -> socket.socket:
    """A bound socket whose file is private before anyone can connect."""
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.bind(path)
        os.chmod(path, 0o600)  # noqa: PTH101
    except BaseException:
        sock.close()
        raise
    return sock


def _remove_stale(path: str) -> None:
    """Remove the file a killed proxy left; one that somebody listens on stays, and binding fails with the reason."""
    file = Path(path)
    if not file.exists() or not stat.S_ISSOCK(file.stat().st_mode):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            file.unlink()
