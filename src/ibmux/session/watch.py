"""Streams that a farm's return left dead: what stays silent after it is asked for again.

Gateways have been seen to say that a data farm is back (2104, 2106) and to send nothing more for what was subscribed
before its loss. A quiet contract is asked for again too: one message, and nobody misses anything.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

from ibmux.config import GatewaySettings
from ibmux.session.feeds import Feed
from ibmux.session.hooks import Hooks
from ibmux.session.streams import Streams
from ibmux.session.ticks import Line

SILENCE = 15.0
"""Seconds after a farm's return in which a stream that lives has something to say, mostly."""


class Watch(Streams):
    """The part of a session that looks after streams when a farm comes back."""

    def __init__(
        self, settings: GatewaySettings, hooks: Hooks | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(settings, hooks, clock=clock)
        self._silent: set[Line | Feed] = set()
        self._patience: asyncio.TimerHandle | None = None

    def on_farm_back(self) -> None:
        """A farm that was lost serves again: see who speaks."""
        self._stop_watching()
        self._silent = {*self.lines.values(), *self.feeds}
        if self._silent:
            self._patience = asyncio.get_running_loop().call_later(SILENCE, self._renew_silent)

    def _flush(self) -> None:
        if self._silent:
            self._silent.difference_update(self._dirty.values(), self._stirred.values())
        super()._flush()

    def _lose_lines(self) -> None:
        self._stop_watching()
        super()._lose_lines()

    def _renew_silent(self) -> None:
        if self.state != "ready":  # a cut: nothing speaks, and nothing can be asked for
            self._patience = asyncio.get_running_loop().call_later(SILENCE, self._renew_silent)
            return
        silent, self._silent, self._patience = self._silent, set(), None
        for line in [each for each in self.lines.values() if each in silent and each.request and each.first is None]:
            self._cancel(line)
            self._post("market", partial(self._subscribe, line))
        for feed in [each for each in self.feeds if each in silent and each.request and each.first is None]:
            self.renew_stream(feed)

    def _stop_watching(self) -> None:
        self._silent = set()
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
