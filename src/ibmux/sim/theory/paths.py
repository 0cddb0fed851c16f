"""The fair price of a contract at any instant, past or present, as a pure function of the seed.

A path is a sum of smooth noises over time scales from a minute to half a year, each scaled so that the sum wanders like
a geometric random walk of the wanted volatility. It gives each day its open and its close; what lies between is the
`course`'s. It knows nothing of ticks, spreads or sessions.
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, floor, sqrt
from random import Random
from typing import Protocol

YEAR = 365.0 * 86_400
SCALES = tuple(60.0 * 4.0**k for k in range(10))
TABLE_BITS = 13
MASK = (1 << TABLE_BITS) - 1
# The variance of the sum of octaves over a lag is about 3.3 times the square of that lag's own octave.
OCTAVE_SHARE = 1 / 1.8


class FairPrice(Protocol):
    """Something that has a fair price at every instant."""

    def at(self, instant: float) -> float:
        """The fair price at `instant` (epoch seconds), in the contract's own currency."""


@lru_cache(maxsize=8)
def gaussians(seed: int) -> tuple[float, ...]:
    """A table of normal deviates."""
    draw = Random(seed)
    return tuple(draw.gauss(0.0, 1.0) for _ in range(MASK + 1))


class Path:
    """The fair price of one instrument that trades on its own.

    Args:
        seed: the simulation's seed; equal seeds give equal paths.
        salt: tells one instrument's path from another's (its conId).
        level: the price around which the path wanders.
        volatility: per year, 0.25 being 25 %.
    """

    __slots__ = ("_level", "_octaves", "_table")

    def __init__(self, seed: int, salt: int, level: float, volatility: float) -> None:
        self._table = gaussians(seed)
        self._level = level
        draw = Random(seed * 1_000_003 + salt)
        self._octaves = [
            (1.0 / scale, volatility * sqrt(scale / YEAR) * OCTAVE_SHARE, draw.randrange(1 << 30)) for scale in SCALES
        ]

    def at(self, instant: float) -> float:
        """The fair price at `instant`."""
        table = self._table
        total = 0.0
        for frequency, amplitude, salt in self._octaves:
            place = instant * frequency
            cell = floor(place)
            part = place - cell
            # Multiplicative hashing spreads neighbouring cells over the table of normal deviates.
            one = table[((cell + salt) * 2_654_435_761 >> 9) & MASK]
            two = table[((cell + 1 + salt) * 2_654_435_761 >> 9) & MASK]
            total += amplitude * (one + (two - one) * part * part * (3.0 - 2.0 * part))
        return self._level * exp(total)
