"""Growing, jittered pauses between attempts to connect. Knows neither clock nor socket."""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Pauses in seconds: at least `floor`, at most `cap`, the range doubling with each failure.

    Jitter keeps several proxies that lost the same gateway apart. The growth starts again only after the session was
    `ready` for `steady` seconds: a gateway that takes us in and drops us at once is not well.
    """

    def __init__(
        self, floor: float, cap: float, *, steady: float = 60.0, draw: Callable[[], float] = random.random
    ) -> None:
        self.floor = floor
        self.cap = max(cap, floor)
        self.steady = steady
        self.failures = 0
        self._draw = draw

    def pause(self) -> float:
        """The next pause, in seconds; each call counts as one more failure."""
        self.failures += 1
        highest = min(self.cap, self.floor * 2.0 ** min(self.failures, 32))
        return self.floor + self._draw() * (highest - self.floor)

    def lasted(self, seconds: float) -> None:
        """Tell how long the session was `ready`."""
        if seconds >= self.steady:
            self.failures = 0
