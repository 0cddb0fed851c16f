"""Shocks: moments at which all prices of shares, indices and futures fall or rise together, within some time.

A shock multiplies what prices are from its begin on, and never what they were before; so every bar, tick and option
price tells of it in the same way. It knows no contracts beyond their kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import floor

MOST = 32
"""Shocks of one world."""
SECONDS_KEPT = 4096
DEEPEST, HIGHEST = -0.9, 1.0


@dataclass(frozen=True, slots=True)
class Shock:
    """From the second `start` (epoch) on, prices change by `change` (-0.07: -7 %) within `length` seconds."""

    start: int
    length: int
    change: float

    def factor(self, second: int) -> float:
        """By how much prices of that second are multiplied."""
        part = (second + 1 - self.start) / self.length
        return 1.0 if part <= 0 else float((1.0 + self.change) ** min(1.0, part))


class Shocks:
    """The shocks of one world."""

    def __init__(self) -> None:
        self._all: list[Shock] = []
        self._factor = lru_cache(SECONDS_KEPT)(self._make_factor)

    def __bool__(self) -> bool:
        return bool(self._all)

    def add(self, now: float, change: float, seconds: float) -> None:
        """Let prices change from the next second on.

        Args:
            now: the present, epoch seconds.
            change: the share, -0.07 for a fall by 7 %.
            seconds: within so many; at least 1.

        Raises:
            ValueError: a change out of range, or too many shocks.
        """
        if not DEEPEST <= change <= HIGHEST:
            raise ValueError(f"a shock is between {DEEPEST:.0%} and +{HIGHEST:.0%}")
        if len(self._all) >= MOST:
            raise ValueError(f"a world has at most {MOST} shocks")
        self._all.append(Shock(floor(now) + 1, max(1, round(seconds)), change))
        self._factor.cache_clear()

    def factor(self, second: int) -> float:
        """By how much all prices of that second are multiplied."""
        return self._factor(second) if self._all else 1.0

    def _make_factor(self, second: int) -> float:
        factor = 1.0
        for shock in self._all:
            factor *= shock.factor(second)
        return factor

    def steady(self, at: int, end: int) -> int:
        """Up to which second, `end` at most, the factor stays as it is at `at`."""
        for shock in self._all:
            if shock.start <= at < shock.start + shock.length:
                return at + 1
            if at < shock.start:
                end = min(end, shock.start)
        return end
