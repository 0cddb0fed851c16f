"""Where a price goes within a day: the course of a middle price at every scale down to parts of a second.

A course is relative (it wanders around 1.0) and a pure function of seed, salt and volatility. It is made from the top:
a day has an open, a high, a low and a close; its hours, their quarters, minutes and seconds divide it so that their
aggregate is the day exactly. Whatever is asked for first, the answers are the same. It knows no ticks and no contracts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import log, sqrt
from typing import NamedTuple

from ibmux.sim.theory.paths import MASK, YEAR, Path, gaussians

DAY, HOUR, QUARTER, MINUTE = 86_400, 3_600, 900, 60
WORD = (1 << 64) - 1
LONGEST_SPLIT = 64
POINTS = 7
"""Instants of a second at which the price is looked at."""
DAYS_KEPT, HOURS_KEPT, QUARTERS_KEPT, MINUTES_KEPT = 4096, 512, 256, 48


class Node(NamedTuple):
    """Open, high, low and close of a span."""

    open: float
    high: float
    low: float
    close: float


Prices = tuple[float, float, float, float]
"""Open, high, low and close: what a Node is made of, without its cost."""
Split = tuple[Prices, ...]
Points = tuple[tuple[float, float], ...]


def mix(number: int) -> int:
    """64 well-mixed bits of a number (the finalizer of splitmix64)."""
    number &= WORD
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 & WORD
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB & WORD
    return number ^ (number >> 31)


@lru_cache(maxsize=8)
def _tables(seed: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Normal deviates, and exponential ones for how far a bridge goes beyond its ends; padded to be cut anywhere."""
    normal = gaussians(seed)
    beyond = tuple(-2.0 * log((mix(seed + place) + 1) / 2.0**64) for place in range(MASK + 1))
    return normal + normal[:LONGEST_SPLIT], beyond + beyond[:LONGEST_SPLIT]


def reach(span: float, variance: float, draw: float) -> float:
    """How far a Brownian bridge goes beyond the farther of its ends, `span` apart; `draw`: exponential, mean 2."""
    return (sqrt(span * span + variance * draw) - span) / 2.0


class Course:
    """The course of one instrument's middle price, relative to its level.

    Args:
        seed: the simulation's seed.
        salt: tells one course from another; equal salts and volatilities give equal courses.
        volatility: per year, 0.25 being 25 %.
    """

    def __init__(self, seed: int, salt: int, volatility: float) -> None:
        self._path = Path(seed, salt, 1.0, volatility)
        self._normal, self._beyond = _tables(seed)
        self._volatility = volatility
        self.key = mix(seed * 1_000_003 + salt)
        self._midnight = lru_cache(DAYS_KEPT)(lambda day: self._path.at(day * float(DAY)))
        self._day = lru_cache(DAYS_KEPT)(self._make_day)
        self._hours = lru_cache(DAYS_KEPT // 8)(lambda day: self._split(self._day(day), 24, HOUR, day))
        self._quarters = lru_cache(HOURS_KEPT)(lambda hour: self._split(self.hour(hour), 4, QUARTER, hour))
        self._minutes = lru_cache(QUARTERS_KEPT)(lambda part: self._split(self.quarter(part), 15, MINUTE, part))
        self._seconds = lru_cache(MINUTES_KEPT)(lambda minute: self._split(self.minute(minute), 60, 1, minute))
        self.points = lru_cache(MINUTES_KEPT)(self._make_points)

    def _make_day(self, day: int) -> Prices:
        first, last = self._midnight(day), self._midnight(day + 1)
        variance = (self._volatility * first) ** 2 * DAY / YEAR
        draw, span = mix(self.key ^ day * 31), abs(last - first)
        high = max(first, last) + reach(span, variance, self._beyond[draw & MASK])
        low = min(first, last) - reach(span, variance, self._beyond[draw >> 20 & MASK])
        return first, high, max(low, min(first, last) / 2), last

    def hour(self, hour: int) -> Prices:
        """The node of an hour, numbered from the epoch; so the others."""
        return self._hours(hour // 24)[hour % 24]

    def quarter(self, quarter: int) -> Prices:
        """The node of a quarter of an hour."""
        return self._quarters(quarter // 4)[quarter % 4]

    def minute(self, minute: int) -> Prices:
        """The node of a minute."""
        return self._minutes(minute // 15)[minute % 15]

    def second(self, second: int) -> Prices:
        """The node of a second."""
        return self._seconds(second // 60)[second % 60]

    def span(self, start: int, end: int) -> Node:
        """The node of a span of whole seconds (epoch), `start` < `end`."""
        at, pieces = start, []
        while at < end:
            piece, length = self._largest(at, end)
            pieces.append(piece)
            at += length
        return join(pieces)

    def grains(self, start: int, end: int, length: int) -> list[Prices]:
        """The nodes of the minutes or quarters (`length`) between two multiples of it (epoch seconds)."""
        parts = range(start // QUARTER, -(-end // QUARTER))
        if length == QUARTER:
            return [self.quarter(part) for part in parts]
        found: list[Prices] = []
        for part in parts:
            found += self._minutes(part)
        skipped = start % QUARTER // MINUTE
        return found[skipped : skipped + (end - start) // MINUTE]

    def _largest(self, at: int, end: int) -> tuple[Prices, int]:
        """The longest node that begins at `at` and does not go beyond `end`, and its length."""
        left = end - at
        if left >= MINUTE and at % MINUTE == 0:
            if left < QUARTER or at % QUARTER:
                return self.minute(at // MINUTE), MINUTE
            if left < HOUR or at % HOUR:
                return self.quarter(at // QUARTER), QUARTER
            if left < DAY or at % DAY:
                return self.hour(at // HOUR), HOUR
            return self._day(at // DAY), DAY
        return self.second(at), 1

    def _split(self, node: Prices, count: int, length: int, index: int) -> Split:
        """Divide a node into `count` spans of `length` seconds: a Brownian bridge kept within the node's range."""
        draw = mix(self.key ^ index * 0x9E3779B97F4A7C15 ^ length)
        deviation = self._volatility * node[0] * sqrt(length / YEAR)
        stops = _bridge(node, self._normal[draw & MASK : (draw & MASK) + count], deviation)
        return _children(
            node,
            stops,
            deviation * deviation,
            self._beyond[draw >> 16 & MASK : (draw >> 16 & MASK) + count],
            self._beyond[draw >> 32 & MASK : (draw >> 32 & MASK) + count],
        )

    def _make_points(self, second: int) -> Points:
        """The price at `POINTS` instants of a second (offsets from 0.0, below 1.0): open, extremes, close, between."""
        first, high, low, last = self.second(second)
        draw = mix(self.key + second)
        one, two = (high, low) if draw & 1 else (low, high)
        first_stop = 0.12 + (draw >> 1 & 0xFFFF) * (0.26 / 65536)
        second_stop = 0.5 + (draw >> 17 & 0xFFFF) * (0.26 / 65536)
        third_stop = 0.88 + (draw >> 33 & 0xFFFF) * (0.1 / 65536)
        return (
            (0.0, first),
            (first_stop * 0.5, (first + one) * 0.5),
            (first_stop, one),
            ((first_stop + second_stop) * 0.5, (one + two) * 0.5),
            (second_stop, two),
            ((second_stop + third_stop) * 0.5, (two + last) * 0.5),
            (third_stop, last),
        )


def join(pieces: Sequence[Prices]) -> Node:
    """The aggregate of neighbouring spans, the earliest first; at least one."""
    if len(pieces) == 1:
        return Node(*pieces[0])
    firsts, highs, lows, lasts = zip(*pieces, strict=True)
    return Node(firsts[0], max(highs), min(lows), lasts[-1])


def _bridge(node: Prices, draws: tuple[float, ...], deviation: float) -> list[float]:
    """Prices at the borders between a node's children, from its open to its close, mirrored at its extremes."""
    first, high, low, last = node
    slope = (last - first - deviation * sum(draws)) / len(draws)
    stops, here = [first], first
    for draw in draws[:-1]:
        here += draw * deviation + slope
        stop = here
        if stop > high:
            stop = max(low, 2.0 * high - stop)
        elif stop < low:
            stop = min(high, 2.0 * low - stop)
        stops.append(stop)
    stops.append(last)
    return stops


def _children(
    node: Prices, stops: list[float], variance: float, above: tuple[float, ...], below: tuple[float, ...]
) -> Split:
    """Children between the stops: each goes beyond its ends within the node's range, one touches each extreme."""
    _, top, bottom, _ = node
    highs, lows = [], []
    for left, right, rise, fall in zip(stops, stops[1:], above, below, strict=False):
        upper, lower = (left, right) if left > right else (right, left)
        span = upper - lower
        square = span * span
        upper += (sqrt(square + variance * rise) - span) / 2.0
        lower -= (sqrt(square + variance * fall) - span) / 2.0
        highs.append(upper if upper < top else top)
        lows.append(lower if lower > bottom else bottom)
    highs[highs.index(max(highs))] = top
    lows[lows.index(min(lows))] = bottom
    return tuple(zip(stops, highs, lows, stops[1:], strict=False))
