"""Ports for servers that close and open again."""

from __future__ import annotations

import socket
import sys
from collections import deque

_KEPT: deque[socket.socket] = deque()
_MOST = 16
"""Ports that are kept at once; no test has as many."""


def free_port() -> int:
    """A port that nobody listens on, and that no other program is given while the test lasts.

    It stays bound, which refuses connections; with `SO_REUSEADDR`, as servers set it, Linux lets a listener have it.
    """
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", 0))
    port: int = probe.getsockname()[1]
    _KEPT.append(probe)
    if sys.platform != "linux" or len(_KEPT) > _MOST:
        _KEPT.popleft().close()
    return port
