"""How late the event loop runs its timers: the delay that every script feels. Measures, and judges nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

INTERVAL = 0.25
"""Seconds between two samples."""


class LoopLag:
    """Samples the loop's lag; `last` and `worst` in seconds, `sampled` in the loop's own time (None before the first).

    `worst` decays by a tenth with each sample, so that it tells of the last few seconds.
    """

    def __init__(self, observe: Callable[[float], None] = lambda lag: None) -> None:
        self.last = 0.0
        self.worst = 0.0
        self.sampled: float | None = None
        self._observe = observe

    def __repr__(self) -> str:
        return f"<LoopLag last={self.last * 1e3:.1f}ms worst={self.worst * 1e3:.1f}ms>"

    def sample(self, lag: float, now: float) -> None:
        """Take in one measurement."""
        self.last = max(0.0, lag)
        self.worst = max(self.last, self.worst * 0.9)
        self.sampled = now
        self._observe(self.last)

    async def watch(self, interval: float = INTERVAL) -> None:
        """Sample until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + interval
            await asyncio.sleep(interval)
            now = loop.time()
            self.sample(now - due, now)
