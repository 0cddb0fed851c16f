"""Which event loop long-running processes use. Knows nothing that runs on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Make uvloop's loops, or asyncio's own where uvloop is not installed."""
    try:
        from uvloop import new_event_loop  # noqa: PLC0415 - it does not build everywhere
    except ImportError:
        return asyncio.new_event_loop
    return new_event_loop
