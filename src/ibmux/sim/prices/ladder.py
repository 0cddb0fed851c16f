"""The prices at which a contract can be quoted: from a middle price to bid, ask, midpoint and trade prices on ticks.

Every function of a ladder rises with the middle price (or stays), at the edges of market rules too. So what is true of
a span's extremes is true of every bid, ask and trade within it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, floor

Steps = Sequence[tuple[float, float]]
Map = Callable[[float], float]
LEAST_HALF = 0.01
"""Half of the narrowest spread before rounding to ticks, in ticks."""


class Ladder:
    """The price increments of one contract, and its spread.

    Args:
        steps: the market rule: (from price, increment), the lowest first.
        spread: as a share of the price.
        price: where the contract usually trades (0: unknown, the spread is then all proportional).
        bookless: it has no bid or ask, only a last price.
    """

    __slots__ = ("_half", "_share", "_single", "_steps", "bookless", "least")

    def __init__(self, steps: Steps, spread: float, price: float, bookless: bool = False) -> None:
        self._steps = [(edge, tick, 1 / tick if tick > 1 else float(round(1 / tick))) for edge, tick in steps][::-1]
        self._single = self._steps[0][2] if len(self._steps) == 1 else 0.0
        self.least = self._steps[-1][1]
        self.bookless = bookless
        tick = self.tick_at(price)
        # Rounding away from the middle widens a spread by one tick on average.
        self._half = max(LEAST_HALF * tick, (price * spread - tick) / 2)
        self._share = 0.0 if price else spread / 2

    def tick_at(self, price: float) -> float:
        """The increment at a price."""
        return next((tick for edge, tick, _ in self._steps if price >= edge), self.least)

    def _inverse(self, price: float) -> float:
        return next((inverse for edge, _, inverse in self._steps if price >= edge), self._steps[-1][2])

    def bid(self, middle: float) -> float:
        """The best bid at a middle price; 0.0 where nobody would buy."""
        wanted = middle - middle * self._share - self._half
        if wanted <= 0.0:
            return 0.0
        inverse = self._single or self._inverse(wanted)
        return floor(wanted * inverse) / inverse

    def ask(self, middle: float) -> float:
        """The best ask at a middle price, always above the bid."""
        wanted = middle + middle * self._share + self._half
        inverse = self._single or self._inverse(wanted)
        return ceil(wanted * inverse) / inverse

    def near(self, price: float) -> float:
        """The legal price nearest to `price`."""
        inverse = self._single or self._inverse(price)
        return max(self.least, round(price * inverse) / inverse)

    def below(self, price: float, ticks: int) -> float:
        """The price so many increments under a price on the ladder (0.0 at its end)."""
        for _ in range(ticks):
            tick = self.tick_at(price - self.least / 2)
            price = round(round(price / tick - 1) * tick, 10)
        return max(0.0, price)

    def above(self, price: float, ticks: int) -> float:
        """The price so many increments over a price on the ladder."""
        for _ in range(ticks):
            tick = self.tick_at(price + self.least / 2)
            price = round(round(price / tick + 1) * tick, 10)
        return price

    def show(self, middle: float) -> float:
        """The midpoint that can be seen: the middle of bid and ask; of what has no book, the last price."""
        if self.bookless:
            return self.near(middle)
        return round((self.bid(middle) + self.ask(middle)) / 2, 10)

    def sold(self, middle: float) -> float:
        """The price of a trade at the bid."""
        return self.near(middle) if self.bookless else max(self.least, self.bid(middle))

    def bought(self, middle: float) -> float:
        """The price of a trade at the ask."""
        return self.near(middle) if self.bookless else self.ask(middle)
