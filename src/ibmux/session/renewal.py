"""What goes on until it is cancelled and is no market data: asked for again when it alone was refused.

After a loss profit and loss, values of accounts and scans are subscribed again; a gateway that is not quite there yet
may refuse one of them.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any

from ibmux.config import GatewaySettings
from ibmux.session.asking import Asking
from ibmux.session.hooks import Hooks
from ibmux.session.lines import retry_pause

Refused = tuple[Hashable, Callable[[Any], None]]
"""What was refused, and what subscribes it again."""


class Renewal(Asking):
    """The part of a session that does not take a refusal for an answer."""

    def __init__(
        self, settings: GatewaySettings, hooks: Hooks | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(settings, hooks, clock=clock)
        self._refusals: Counter[Hashable] = Counter()
        self._retries: dict[Hashable, asyncio.TimerHandle] = {}

    def _take_refused(self, request: int) -> Refused | None:
        """The stream that had this request, and has none now; each kind knows its own."""
        return None

    def _was_refused(self, request: int, code: int, text: str) -> bool:
        """A stream was refused that nobody waits for: it is asked for again. Whether it was one."""
        refused = self._take_refused(request)
        if refused is not None:
            self._try_stream_again(*refused, code, text)
        return refused is not None

    def _try_stream_again(self, key: Hashable, subscribe: Callable[[Any], None], code: int, text: str) -> None:
        pause = retry_pause(self._refusals[key])
        if not self._refusals[key]:
            self.hooks.on_notice(code, f"{text} It is asked for again until it is served.")
        self._refusals[key] += 1
        self._retry_later(pause, key, subscribe)

    def _retry_later(self, pause: float, key: Hashable, subscribe: Callable[[Any], None]) -> None:
        self._retries[key] = asyncio.get_running_loop().call_later(pause, self._retry, key, subscribe)

    def _retry(self, key: Hashable, subscribe: Callable[[Any], None]) -> None:
        del self._retries[key]
        if self.state == "ready":
            self._post_stream(subscribe)
        else:
            self._retry_later(retry_pause(0), key, subscribe)

    def _stop_retries(self) -> None:
        """Everything is subscribed again with the next connection."""
        for timer in self._retries.values():
            timer.cancel()
        self._retries.clear()
        self._refusals.clear()
