"""The midpoints of a contract in a world with shocks: what they would be, times the factor of the moment."""

from __future__ import annotations

from ibmux.sim.prices.course import Node, Points, Prices, join
from ibmux.sim.prices.mids import Mids, price_at
from ibmux.sim.theory.shocks import Shocks

SHAKEN = frozenset({"STK", "IND", "FUT", "CONTFUT", "CFD"})
"""Security types whose prices a shock moves; options follow their underlying."""


class ShakenMids:
    """A middle price under shocks."""

    __slots__ = ("_mids", "_shocks", "key")

    def __init__(self, mids: Mids, shocks: Shocks) -> None:
        self._mids, self._shocks, self.key = mids, shocks, mids.key

    def span(self, start: int, end: int) -> Node:
        """See `Mids`."""
        if not self._shocks:
            return self._mids.span(start, end)
        at, pieces = start, []
        while at < end:
            stop = self._shocks.steady(at, end)
            factor = self._shocks.factor(at)
            pieces.append(Node(*(price * factor for price in self._mids.span(at, stop))))
            at = stop
        return join(pieces)

    def grains(self, start: int, end: int, length: int) -> list[Prices]:
        """See `Mids`."""
        if not self._shocks:
            return self._mids.grains(start, end, length)
        return [self.span(at, at + length) for at in range(start, end, length)]

    def points(self, second: int) -> Points:
        """See `Mids`."""
        points = self._mids.points(second)
        factor = self._shocks.factor(second)
        return points if factor == 1.0 else tuple([(offset, price * factor) for offset, price in points])

    def at(self, instant: float) -> float:
        """See `Mids`."""
        return price_at(self, instant)
