"""Where a proxy and its scripts find each other on one machine, if nobody says otherwise."""

from __future__ import annotations

import os
from collections.abc import Mapping

PORT = 1883
"""The usual TCP port of MQTT."""
DEFAULT_URL = f"mqtt://127.0.0.1:{PORT}"


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
