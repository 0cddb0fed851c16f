"""The order efficiency ratio: (submissions + changes + cancels) / (executed orders + 1), 20 at most by IBKR's rules."""

from __future__ import annotations

from collections.abc import Iterable

from ibmux.sim.catalogue.contracts import Refusal

PATIENCE = 50
"""Requests about orders before the ratio is looked at; a few orders say nothing."""


class Efficiency:
    """Counts the day's orders.

    Args:
        limit: the highest ratio; 0 for none.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self.requests = 0
        self._executed: set[int] = set()

    def note_executed(self, permIds: Iterable[int]) -> None:
        """Note that these orders have executions."""
        self._executed.update(permIds)

    @property
    def ratio(self) -> float:
        """The ratio of the day so far."""
        return self.requests / (len(self._executed) + 1)

    def refuse(self) -> Refusal | None:
        """Why no further order is taken, or None."""
        if not self._limit or self.requests < PATIENCE or self.ratio <= self._limit:
            return None
        text = f"Order rejected - reason:Order efficiency ratio {self.ratio:.1f} exceeds the limit of {self._limit:g}"
        return Refusal(201, text)

    def roll(self) -> None:
        """Begin a new day."""
        self.requests = 0
        self._executed.clear()
