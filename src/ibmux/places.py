"""Places to listen and to connect: endpoints, and where a proxy and its scripts meet if nobody says otherwise."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

PORT = 1883
"""The usual TCP port of MQTT."""
DEFAULT_URL = f"mqtt://127.0.0.1:{PORT}"


class Endpoint(NamedTuple):
    """Where a gateway listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Read `host:port`, or `[address]:port` for IPv6.

        Raises:
            ValueError: it is neither.
        """
        host, colon, port = text.strip().rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not (colon and host and port.isdecimal() and 0 < int(port) < 65536):
            raise ValueError(f"{text!r} is no host:port")
        return cls(host, int(port))


def sockets(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Where the proxy's Unix socket may lie, the user's own folder first."""
    runtime = environ.get("XDG_RUNTIME_DIR")
    return [*([f"{runtime}/ibmux/mqtt.sock"] if runtime else []), "/run/ibmux/mqtt.sock"]


def socket_to_open(environ: Mapping[str, str] = os.environ) -> str:
    """The first of these places that this user may write to; its folder is made in the user's own. Empty if none."""
    for path in sockets(environ):
        folder = path.rpartition("/")[0]
        parent = folder.rpartition("/")[0]
        if os.access(folder, os.W_OK):
            return path
        if parent == environ.get("XDG_RUNTIME_DIR") and os.access(parent, os.W_OK):
            os.mkdir(folder, 0o700)  # noqa: PTH102 - pathlib takes scripts milliseconds to load
            return path
    return ""


def journal(path: str = "auto", environ: Mapping[str, str] = os.environ) -> str:
    """Where the journal lies: the path as it is, or for `auto` the folder for state that systemd or the user's session
    names (`STATE_DIRECTORY`, `XDG_STATE_HOME`), else ~/.local/state.
    """
    if path != "auto":
        return os.path.expanduser(path)  # noqa: PTH111 - pathlib takes scripts milliseconds to load
    if service := environ.get("STATE_DIRECTORY", "").partition(":")[0]:  # several are separated by colons
        return f"{service}/journal.db"
    home = environ.get("XDG_STATE_HOME", "")
    if not home.startswith("/"):  # a relative one counts as none, says the XDG base directory specification
        home = f"{environ.get('HOME') or os.path.expanduser('~')}/.local/state"  # noqa: PTH111
    return f"{home}/ibmux/journal.db"


def in_words(error: OSError) -> str:
    """Why a connection failed, by the system or the resolver; of several addresses that were tried, asyncio's text."""
    if type(error).__name__ == "gaierror":  # its numbers are not the system's; `socket` itself is not needed here
        return error.strerror or "no such host"
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error).rstrip(".")
