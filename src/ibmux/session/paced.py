"""Requests that Interactive Brokers limits by more than messages a second: each waits until it is allowed.

The rules themselves are `core.history_pacing`'s; here is the waiting.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ibmux.config import GatewaySettings
from ibmux.core.history_pacing import HistoryPacing, Quota, Spacing
from ibmux.errors import Busy
from ibmux.session.asking import Asking
from ibmux.session.hooks import Hooks

OPEN_HISTORIES = 50
"""Requests for history that may be open at a time, those that are kept up to date included (IB's documentation)."""

Book = Callable[[float, float], float]
"""Books an instant: from now and the latest instant that is of use, or `Busy`."""


class Paces:
    """What one login has asked for lately; `tick_spacing` in seconds, as in the settings."""

    def __init__(self, tick_spacing: float = 15.0) -> None:
        self.history = HistoryPacing()
        self.ticks = Spacing(tick_spacing)
        self.bars = Quota(60, 600.0)


class Paced(Asking):
    """The part of a session that waits until it may ask."""

    def __init__(
        self, settings: GatewaySettings, hooks: Hooks | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(settings, hooks, clock=clock)
        self.paces = Paces(settings.tick_spacing)
        self._histories = asyncio.Semaphore(OPEN_HISTORIES)

    async def pace(self, book: Book, deadline: float) -> None:
        """Wait for the instant that `book` gives.

        Raises:
            Busy: it is after the deadline (the loop's time); nothing is booked then.
        """
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, book(now, deadline) - now))

    @asynccontextmanager
    async def open_history(self, deadline: float) -> AsyncIterator[None]:
        """Be one of the histories that are open."""
        await self.take_history(deadline)
        try:
            yield
        finally:
            self._histories.release()

    async def take_history(self, deadline: float) -> None:
        """Become one of the histories that are open; `give_history` ends it.

        Raises:
            Busy: all of them are in use until the deadline.
        """
        try:
            async with asyncio.timeout_at(deadline):
                await self._histories.acquire()
        except TimeoutError:
            raise Busy(f"{OPEN_HISTORIES} requests for history are open already.", retry_after=1.0) from None

    def give_history(self) -> None:
        """One history is open no more."""
        self._histories.release()
