"""The middle price of a contract at every instant and over every span, from a course or from an underlying.

Shares, futures and the like follow a scaled course. An option is worth what Black-Scholes says of its underlying's
visible midpoint, with time to expiry and volatility held for a quarter of an hour (on the last day, for a minute):
within such a cell the option moves as its underlying does, and longer spans are the aggregate of cells.
"""

from __future__ import annotations

from functools import lru_cache
from math import floor
from typing import Protocol

from ibmux.sim.prices.course import DAY, MINUTE, QUARTER, Course, Node, Points, Prices, join
from ibmux.sim.prices.ladder import Ladder
from ibmux.sim.theory import options
from ibmux.sim.theory.options import Computation
from ibmux.sim.theory.paths import YEAR

CELLS_KEPT = 8192


class Mids(Protocol):
    """A middle price at every scale."""

    key: int

    def span(self, start: int, end: int) -> Node:
        """Open, high, low, close over whole seconds, `start` < `end`."""

    def grains(self, start: int, end: int, length: int) -> list[Prices]:
        """The nodes of the minutes or quarters (`length` seconds) between two multiples of it, `start` < `end`."""

    def points(self, second: int) -> Points:
        """The price at some instants of a second: (offset, price), the first at 0.0; it stands until the next."""

    def at(self, instant: float) -> float:
        """The price at an instant: that of the last point."""


def price_at(mids: Mids, instant: float) -> float:
    """The price of the last point at or before `instant`."""
    second = floor(instant)
    offset = instant - second
    price = 0.0
    for when, value in mids.points(second):
        if when > offset:
            break
        price = value
    return price


class ScaledMids:
    """A course at a level, in the contract's currency."""

    __slots__ = ("_course", "_level", "key")

    def __init__(self, course: Course, level: float, key: int) -> None:
        self._course, self._level, self.key = course, level, key

    def span(self, start: int, end: int) -> Node:
        """See `Mids`."""
        first, high, low, last = self._course.span(start, end)
        level = self._level
        return Node(first * level, high * level, low * level, last * level)

    def grains(self, start: int, end: int, length: int) -> list[Prices]:
        """See `Mids`."""
        level = self._level
        return [(a * level, b * level, c * level, d * level) for a, b, c, d in self._course.grains(start, end, length)]

    def points(self, second: int) -> Points:
        """See `Mids`."""
        level = self._level
        return tuple([(offset, price * level) for offset, price in self._course.points(second)])

    def at(self, instant: float) -> float:
        """See `Mids`."""
        return price_at(self, instant)


class OptionMids:
    """An option's theoretical price.

    Args:
        under: its underlying's middle price.
        ladder: the underlying's ticks; the model sees what traders see.
        strike, right, volatility: the option's own; `expiry` in epoch seconds.
        key: tells its hashes from others.
    """

    def __init__(
        self, under: Mids, ladder: Ladder, *, strike: float, right: str, volatility: float, expiry: float, key: int
    ) -> None:
        self._under, self._ladder, self.key = under, ladder, key
        self.strike, self.right, self._volatility, self.expiry = strike, right, volatility, expiry
        self._last_day = floor((expiry - DAY) / QUARTER) * QUARTER
        self._terms = lru_cache(CELLS_KEPT)(self._make_terms)
        self._cell = lru_cache(CELLS_KEPT)(lambda start: self._piece(start, self._cell_end(start)))

    def _cell_start(self, second: int) -> int:
        return second - second % (MINUTE if second >= self._last_day else QUARTER)

    def _cell_end(self, start: int) -> int:
        return start + (MINUTE if start >= self._last_day else QUARTER)

    def terms(self, instant: float) -> tuple[float, float]:
        """Years to expiry and volatility as the model takes them at an instant."""
        return self._terms(self._cell_start(floor(instant)))

    def _make_terms(self, start: int) -> tuple[float, float]:
        years = (self.expiry - start) / YEAR
        spot = self._ladder.show(self._under.points(start)[0][1])
        return years, options.smile(self._volatility, spot, self.strike, years)

    def spot(self, instant: float) -> float:
        """The underlying's visible midpoint."""
        return self._ladder.show(self._under.at(instant))

    def _piece(self, start: int, end: int) -> Node:
        """The node of a span within one cell; a put is high where its underlying is low."""
        years, volatility = self._terms(self._cell_start(start))
        show, strike, right = self._ladder.show, self.strike, self.right
        first, high, low, last = [
            options.price(show(price), strike, years, volatility, right) for price in self._under.span(start, end)
        ]
        return Node(first, high, low, last) if high >= low else Node(first, low, high, last)

    def span(self, start: int, end: int) -> Node:
        """See `Mids`."""
        at, pieces = start, []
        while at < end:
            stop = min(end, self._cell_end(self._cell_start(at)))
            whole = at == self._cell_start(at) and stop == self._cell_end(at)
            pieces.append(self._cell(at) if whole else self._piece(at, stop))
            at = stop
        return join(pieces)

    def grains(self, start: int, end: int, length: int) -> list[Prices]:
        """See `Mids`."""
        return [self.span(at, at + length) for at in range(start, end, length)]

    def points(self, second: int) -> Points:
        """See `Mids`."""
        years, volatility = self.terms(second)
        show, strike, right = self._ladder.show, self.strike, self.right
        return tuple(
            [
                (offset, options.price(show(price), strike, years, volatility, right))
                for offset, price in self._under.points(second)
            ]
        )

    def at(self, instant: float) -> float:
        """See `Mids`."""
        return price_at(self, instant)

    def compute(self, instant: float, volatility: float | None = None, spot: float | None = None) -> Computation:
        """Price and sensitivities at `instant`; volatility and the underlying's price are the model's unless given."""
        years, chosen = self.terms(instant)
        here = self.spot(instant) if spot is None else spot
        return options.compute(here, self.strike, years, chosen if volatility is None else volatility, self.right)

    def implied(self, target: float, instant: float, spot: float | None = None) -> float | None:
        """The volatility at which the option costs `target`."""
        years, _ = self.terms(instant)
        here = self.spot(instant) if spot is None else spot
        return options.implied_volatility(target, here, self.strike, years, self.right)
