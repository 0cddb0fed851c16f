"""Long work on the loop: a few milliseconds at a time, so that ticks of other clients keep flowing.

Work is an iterator that pauses (yields) often; works take turns. It knows nothing of what they do.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ibmux.sim.server import SimulatedGateway

log = logging.getLogger(__name__)

SLICE = 0.004
"""Seconds of work in one turn of the loop."""
Work = Iterator[None]


class Slices:
    """The works in progress of a gateway; how many there are is bounded by who lets requests in."""

    def __init__(self, gateway: SimulatedGateway) -> None:
        self._gateway = gateway
        self._works: deque[Work] = deque()
        self._planned = False

    def __len__(self) -> int:
        return len(self._works)

    def begin(self, work: Work) -> None:
        """Do the first slice now, so that short work is done at once; the rest in later turns of the loop."""
        if not self._works and self._go_on(work, time.perf_counter() + SLICE):
            return
        self._works.append(work)
        self._plan()

    def clear(self) -> None:
        """Drop what is not done."""
        self._works.clear()

    def _plan(self) -> None:
        if self._works and not self._planned:
            self._planned = True
            self._gateway.loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Some works in turn, until the slice is over."""
        self._planned = False
        until = time.perf_counter() + SLICE
        while self._works and time.perf_counter() < until:
            work = self._works.popleft()
            if not self._go_on(work, until):
                self._works.append(work)
        self._plan()

    def _go_on(self, work: Work, until: float) -> bool:
        """Work until the slice is over. Return whether the work is done."""
        try:
            for _ in work:
                if time.perf_counter() >= until:
                    return False
        except Exception:
            # One request must not end the others: the fault is logged, its asker has been told nothing.
            log.exception("long work failed")
        return True
