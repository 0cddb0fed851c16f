"""Another session of the user has the market data (10197): noted once, and one stream asks now and then whether it
still does.

While it lasts every stream that the gateway ended waits; the first one that is served again brings all back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

from ibmux.config import GatewaySettings
from ibmux.messages.session import GatewayStatus
from ibmux.session import codes
from ibmux.session.feed import Feed
from ibmux.session.hooks import Hooks
from ibmux.session.pulse import Beating
from ibmux.session.ticks import Line
from ibmux.session.watch import Watch

PROBE = 15.0
"""Seconds between two questions whether the other session still has the market data."""
WHY = "Another session of this user had the market data."


class Competing(Watch):
    """The part of a session that yields to another session of the user."""

    def __init__(
        self, settings: GatewaySettings, hooks: Hooks | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(settings, hooks, clock=clock)
        self._yielded: dict[Beating, None] = {}
        self._prober: asyncio.TimerHandle | None = None

    def status(self) -> GatewayStatus:
        """Where the session stands, in words too."""
        status = super().status()
        status.competing = self.competing
        if self.competing and self.state == "ready":
            status.reason = "Ready, but another session of this user has the market data (10197): quotes are stale."
            status.action = f"One stream asks again every {PROBE:g} seconds; the first that is served brings all back."
            status.advice = "Log the other session out of its market data, or end it."
        return status

    def _yield(self, stream: Beating, text: str) -> None:
        """A stream ended: it is stale until one is served; told once, not for each."""
        self._yielded[stream] = None
        self._lose(stream, WHY)
        if not self.competing:
            self.competing = True
            self.hooks.on_notice(codes.COMPETING, f"{text}. One stream asks again every {PROBE:g} s.")
            self.hooks.on_state(self.status(), self.state)
        if self._prober is None:
            self._probe_later()

    def _probe_later(self) -> None:
        self._prober = asyncio.get_running_loop().call_later(PROBE, self._probe)

    def _probe(self) -> None:
        """Ask for one stream: a line if there is any, whose requests are not counted."""
        self._prober = None
        waiting: list[Line | Feed] = [each for each in self._all() if each in self._yielded]
        self._yielded = dict.fromkeys(waiting)
        if not waiting:
            self._go_on()
        elif self.state == "ready":  # else when it is
            self._probe_later()
            if not any(each.request or each in self._due for each in waiting):
                self._ask_one(waiting[0])

    def _ask_one(self, stream: Line | Feed) -> None:
        if isinstance(stream, Line):
            self._post("market", partial(self._subscribe, stream))
        else:
            self._restore(stream)

    def _hear_stream(self, stream: Beating, now: float) -> None:
        super()._hear_stream(stream, now)
        if self.competing and stream in self._yielded and self.state == "ready":
            self._go_on()
            self._restore_yielded()

    def _go_on(self) -> None:
        """The other session is gone, or nobody waits for it any more."""
        self._forget_competition()
        self.hooks.on_state(self.status(), self.state)

    def _restore_yielded(self) -> None:
        for line in self.lines.values():
            if not line.request:
                self._post("market", partial(self._subscribe, line))
        for feed in self.feeds:
            if not (feed.request or feed in self._queued or feed in self._due):
                self._restore(feed)

    def _forget_competition(self) -> None:
        self.competing = False
        self._yielded = {}
        if self._prober is not None:
            self._prober.cancel()
            self._prober = None

    # -- what the driver asks for -----------------------------------------------------------------------------------

    def _lose_lines(self) -> None:
        """A new connection asks for everything, and hears of it if the other session is still there."""
        self._forget_competition()
        super()._lose_lines()

    def _restore_lines(self) -> None:
        super()._restore_lines()
        if self.competing and self._prober is None:
            self._probe_later()
