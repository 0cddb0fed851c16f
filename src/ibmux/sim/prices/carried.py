"""The midpoints of a future: its spot's, and more (or less) the more days are left; at the expiry both are equal."""

from __future__ import annotations

from math import ceil, exp

from ibmux.sim.prices.course import DAY, Node, Points, Prices, join
from ibmux.sim.prices.mids import Mids, price_at
from ibmux.sim.theory.paths import YEAR


class CarriedMids:
    """A middle price with a carry.

    Args:
        spot: the middle price of what is delivered.
        carry: growth per year of the future's price with the time that is left.
        expires: when that is over, epoch seconds.
    """

    __slots__ = ("_carry", "_last", "_spot", "key")

    def __init__(self, spot: Mids, carry: float, expires: float) -> None:
        self._spot, self._carry, self.key = spot, carry, spot.key
        self._last = ceil(expires / DAY) - 1

    def factor(self, second: int) -> float:
        """How far the future stands above its spot; constant for a day (UTC), and 1 on the last one and after it."""
        return exp(self._carry * max(0, self._last - second // DAY) * DAY / YEAR)

    def span(self, start: int, end: int) -> Node:
        """See `Mids`."""
        at, pieces = start, []
        while at < end:
            stop = min(end, (at // DAY + 1) * DAY)
            pieces.append(Node(*_times(self._spot.span(at, stop), self.factor(at))))
            at = stop
        return join(pieces)

    def grains(self, start: int, end: int, length: int) -> list[Prices]:
        """See `Mids`."""
        found, at = [], start
        while at < end:
            stop = min(end, (at // DAY + 1) * DAY)
            factor = self.factor(at)
            found += [_times(node, factor) for node in self._spot.grains(at, stop, length)]
            at = stop
        return found

    def points(self, second: int) -> Points:
        """See `Mids`."""
        factor = self.factor(second)
        return tuple([(offset, price * factor) for offset, price in self._spot.points(second)])

    def at(self, instant: float) -> float:
        """See `Mids`."""
        return price_at(self, instant)


def _times(node: Prices, factor: float) -> Prices:
    one, high, low, two = node
    return one * factor, high * factor, low * factor, two * factor
