"""The simulated world's clock: when its day begins, and how much faster than real time it runs.

Everything that happens in the world happens at this clock's time. Limits on how fast a client may speak are kept in
real time, because the client's own clock is real.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

STEP = 1.0
"""Seconds by which a fast clock moves at a time. Whole steps make a day repeatable, however busy the machine is."""
MOST_STEPS = 3600
"""Steps made up for after a pause; further ones are longer."""
TURN = 0.05
"""Real seconds of steps in a row, at most: sockets have to be served, too. The others follow in the next turn."""


class Clock:
    """Simulated time in epoch seconds (UTC).

    Args:
        start: the instant at which the world begins; None for the present.
        speed: simulated seconds per real second. At 1 time flows; at 0 it stands until `pass_time` moves it; otherwise
            it moves in steps, when `steps` is read.
    """

    __slots__ = ("_began", "_present", "_start", "speed")

    def __init__(self, start: float | None = None, speed: float = 1.0) -> None:
        self._began = time.monotonic()
        self._start = time.time() if start is None else start
        self._present = self._start
        self.speed = speed

    def now(self) -> float:
        """The present of the simulated world."""
        return self._flowing() if self.speed == 1.0 else self._present

    def real(self, seconds: float) -> float:
        """How many real seconds so many simulated ones take; while time stands, as many."""
        return seconds / (self.speed or 1.0)

    @property
    def stands(self) -> bool:
        """Whether time passes only by hand."""
        return self.speed == 0

    def steps(self) -> Iterator[float]:
        """Move the present to where it should be by now; yield every instant on the way, at which things may happen.

        What takes longer than a turn goes on when it is called again.
        """
        if self.stands:
            return
        target = self._flowing()
        if self.speed == 1.0:
            yield target
            return
        step = max(STEP, STEP * int((target - self._present) / STEP / MOST_STEPS))
        ends = time.monotonic() + TURN
        while self._present + step <= target and time.monotonic() < ends:
            self._present += step
            yield self._present

    def pass_time(self, seconds: float) -> Iterator[float]:
        """Let so many seconds pass on a clock that stands; yield every instant on the way."""
        target = self._present + seconds
        while self._present + STEP < target:
            self._present += STEP
            yield self._present
        self._present = target
        yield target

    def set(self, *, speed: float | None = None, at: float | None = None) -> None:
        """Run on at another speed, or from another instant."""
        here = self._flowing() if self.speed == 1.0 else self._present
        self._start = self._present = here if at is None else at
        self._began = time.monotonic()
        self.speed = self.speed if speed is None else speed

    def _flowing(self) -> float:
        return self._start + (time.monotonic() - self._began) * self.speed
