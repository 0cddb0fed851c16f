"""Live prices: one quote per contract that moves a little at every step, around the fair price of its path.

`Quote.step` is the hot path of the simulated feed: prices are whole ticks inside and become floats on the way out.
Nothing here knows who is subscribed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, floor
from random import Random

from ibmux.sim import hours, options
from ibmux.sim.contracts import ContractDetails
from ibmux.sim.options import Computation
from ibmux.sim.paths import YEAR, FairPrice

Change = tuple[int, float, float]
BID_SIZE, BID, ASK, ASK_SIZE, LAST, LAST_SIZE, HIGH, LOW, VOLUME, CLOSE, OPEN = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 14
PRICE_TICKS = frozenset({BID, ASK, LAST, HIGH, LOW, CLOSE, OPEN})
FAIR_EVERY = 1.0  # seconds between looks at the path: it hardly moves within a second
DAY_SAMPLES = 48
EDGE = 1.1
Steps = Sequence[tuple[float, float]]
SPREADS = {"STK": 1e-4, "FUT": 4e-5, "CASH": 6e-5, "OPT": 1.5e-2, "IND": 0.0}
LOTS = {"STK": (100, 30), "FUT": (1, 40), "CASH": (500_000, 10), "OPT": (1, 60), "IND": (0, 1)}
MEAN_TRADE = {"STK": 100, "FUT": 2, "CASH": 0, "OPT": 2, "IND": 0}


class OptionPath:
    """The fair price of an option: Black-Scholes on its underlying's path with the simulation's smile."""

    __slots__ = ("_expiry", "_right", "_strike", "_under", "_volatility")

    def __init__(self, under: FairPrice, details: ContractDetails, expiry: float) -> None:
        contract = details.contract
        self._under, self._expiry = under, expiry
        self._strike, self._right, self._volatility = contract.strike, contract.right, details.volatility

    def volatility(self, instant: float) -> float:
        """The volatility that the simulation gives this option at `instant`."""
        return options.smile(self._volatility, self._under.at(instant), self._strike, (self._expiry - instant) / YEAR)

    def compute(self, spot: float, instant: float, volatility: float | None = None) -> Computation:
        """Price and sensitivities with the underlying at `spot`."""
        chosen = self.volatility(instant) if volatility is None else volatility
        return options.compute(spot, self._strike, (self._expiry - instant) / YEAR, chosen, self._right)

    def implied(self, target: float, spot: float, instant: float) -> float | None:
        """The volatility at which the option costs `target`."""
        return options.implied_volatility(target, spot, self._strike, (self._expiry - instant) / YEAR, self._right)

    def at(self, instant: float) -> float:
        """The fair price at `instant`."""
        spot, years = self._under.at(instant), (self._expiry - instant) / YEAR
        chosen = options.smile(self._volatility, spot, self._strike, years)
        return options.price(spot, self._strike, years, chosen, self._right)


class Quote:
    """The live prices of one contract: prices in its own currency, sizes in shares or contracts.

    Attributes:
        steps: how many movements the quote has made.
    """

    __slots__ = (
        "_ask", "_band", "_bid", "_clock", "_fair", "_grid", "_high", "_inverse", "_last", "_lot", "_lots", "_low",
        "_mean_trade", "_next_fair", "_path", "_random", "_spread", "askSize", "bidSize", "close", "details",
        "isIndex", "lastSize", "minTick", "open", "steps", "volume",
    )  # fmt: skip

    def __init__(
        self, details: ContractDetails, path: FairPrice, steps: Steps, *, clock: Callable[[], float], seed: int
    ) -> None:
        kind = details.contract.secType
        self.details, self._path, self._clock = details, path, clock
        self._random = Random(f"{seed}:quote:{details.contract.conId}").random
        self.minTick, self.isIndex, self.steps = details.minTick, kind == "IND", 0
        self._grid = [(edge, round(1 / tick)) for edge, tick in steps]
        self._inverse = self._grid[0][1]
        self._lot, self._lots = LOTS[kind]
        self._mean_trade = MEAN_TRADE[kind]
        self.bidSize, self.askSize, self.lastSize = (float(self._size()) for _ in range(3))
        self.roll(clock())

    @property
    def bid(self) -> float:
        """The best bid; -1.0 where there is none (an index, a worthless option)."""
        return self._bid / self._inverse if self._bid > 0 and not self.isIndex else -1.0

    @property
    def ask(self) -> float:
        """The best ask; -1.0 where there is none."""
        return self._ask / self._inverse if not self.isIndex else -1.0

    @property
    def last(self) -> float:
        """The price of the last trade (of foreign exchange, which reports no trades, a recent bid)."""
        return self._last / self._inverse

    @property
    def high(self) -> float:
        """The day's highest price so far."""
        return self._high / self._inverse

    @property
    def low(self) -> float:
        """The day's lowest price so far."""
        return self._low / self._inverse

    @property
    def mid(self) -> float:
        """The middle of bid and ask, which need not lie on a tick; an index's last price."""
        return self.last if self.isIndex else (self._bid + self._ask) / (2 * self._inverse)

    def roll(self, now: float) -> None:
        """Begin the trading day of `now`: its open, the close before it, its range and volume so far."""
        venue, at = self.details.venue, self._path.at
        previous = hours.previous_session(venue, now)
        today = hours.session(venue, hours.local_date(venue, now))
        start = min(now, today[0]) if today else previous[1]
        self._inverse = self._fitting(at(now))
        samples = [self._ticks(at(start + (now - start) * k / DAY_SAMPLES)) for k in range(DAY_SAMPLES + 1)]
        self.open, self.close = samples[0] / self._inverse, self._ticks(at(previous[1])) / self._inverse
        self._high, self._low, self._last = max(samples), min(samples), samples[-1]
        share = min(1.0, (now - start) / (today[1] - today[0])) if today else 1.0
        self.volume = float(round(self.details.dailyVolume * share))
        self._look(now)
        self._bid = max(0, self._fair - self._spread // 2 - 1)
        self._ask = self._bid + self._spread

    def _look(self, now: float) -> bool:
        """Look where the fair price is, and how wide the book should be; whether prices moved to another grid."""
        price = self._path.at(now)
        inverse = self._fitting(price)
        moved = inverse != self._inverse
        if moved:
            self._regrid(inverse)
        self._fair = self._ticks(price)
        self._next_fair = now + FAIR_EVERY
        self._spread = max(1, round(self._fair * SPREADS[self.details.contract.secType]))
        self._band = max(3, self._spread * 2)
        return moved

    def _fitting(self, price: float) -> int:
        """Ticks per unit of money near a price; near the edge of a market rule the coarser ones, legal on both."""
        return next(inverse for edge, inverse in reversed(self._grid) if price * EDGE >= edge)

    def _regrid(self, inverse: int) -> None:
        factor, self._inverse = inverse / self._inverse, inverse
        self._bid, self._low, self._last = (floor(one * factor) for one in (self._bid, self._low, self._last))
        self._ask, self._high = ceil(self._ask * factor), ceil(self._high * factor)
        self._ask = max(self._ask, self._bid + 1)
        self._last = max(1, self._last)

    def _ticks(self, value: float) -> int:
        return max(1, round(value * self._inverse))

    def _size(self) -> int:
        draw = self._random()
        return self._lot * (1 + int(draw * draw * self._lots))

    def step(self) -> list[Change]:
        """Move once: a trade, a change of a size, or of a price; the ticks that changed."""
        self.steps += 1
        now = self._clock()
        if now >= self._next_fair and self._look(now):
            return self.snapshot()
        draw = self._random()
        if self.isIndex:
            return self._index_step(draw)
        if draw < 0.35:
            return self._move(draw / 0.35)
        if draw < 0.65:
            return self._trade(draw)
        if draw < 0.825:
            self.bidSize = float(self._size())
            return [(BID_SIZE, 0.0, self.bidSize)]
        self.askSize = float(self._size())
        return [(ASK_SIZE, 0.0, self.askSize)]

    def _index_step(self, draw: float) -> list[Change]:
        away = self._fair - self._last
        move = int(away * 0.3) + (1 if draw < 0.5 else -1)
        self._last = max(1, self._last + move)
        return [(LAST, self._last / self._inverse, 0.0), *self._range()]

    def _move(self, draw: float) -> list[Change]:
        """Shift one side of the book, towards the fair price when far from it, and keep the spread within bounds."""
        away = self._fair - (self._bid + self._ask) // 2
        band = self._band
        if away > band or away < -band:
            return self._jump(away)
        up = draw < 0.5 + 0.4 * away / band
        wide = self._ask - self._bid > self._spread
        if up == wide:  # narrowing upwards moves the bid, widening upwards the ask
            self._bid = max(0, self._bid + (1 if up else -1))
            self.bidSize = float(self._size())
            return [(BID, self.bid, self.bidSize)]
        self._ask = max(self._bid + 1, self._ask + (1 if up else -1))
        self.askSize = float(self._size())
        return [(ASK, self._ask / self._inverse, self.askSize)]

    def _jump(self, away: int) -> list[Change]:
        shift = int(away * 0.5)
        self._bid = max(0, self._bid + shift)
        self._ask = self._bid + self._spread
        self.bidSize, self.askSize = float(self._size()), float(self._size())
        return [(BID, self.bid, self.bidSize), (ASK, self._ask / self._inverse, self.askSize)]

    def _trade(self, draw: float) -> list[Change]:
        if not self._mean_trade:  # no trades are reported for foreign exchange
            self._last, self.bidSize = self._bid, float(self._size())
            return [(BID_SIZE, 0.0, self.bidSize), *self._range()]
        self._last = max(1, self._bid if draw < 0.5 else self._ask)
        size = float(max(1, int(self._random() * 2 * self._mean_trade)))
        self.lastSize, self.volume = size, self.volume + size
        changes = [(LAST, self._last / self._inverse, size), (VOLUME, 0.0, self.volume)]
        return changes + self._range() if self._last > self._high or self._last < self._low else changes

    def _range(self) -> list[Change]:
        if self._last > self._high:
            self._high = self._last
            return [(HIGH, self.high, 0.0)]
        if self._last < self._low:
            self._low = self._last
            return [(LOW, self.low, 0.0)]
        return []

    def snapshot(self) -> list[Change]:
        """All ticks as a new subscriber gets them, in the order of a real gateway."""
        day = [(HIGH, self.high, 0.0), (LOW, self.low, 0.0), (CLOSE, self.close, 0.0), (OPEN, self.open, 0.0)]
        if self.isIndex:
            return [(LAST, self.last, 0.0), *day]
        book = [(BID, self.bid, self.bidSize if self.bid > 0 else 0.0), (ASK, self.ask, self.askSize)]
        if not self._mean_trade:
            return [*book, *day[:3]]
        return [(LAST, self.last, self.lastSize), (VOLUME, 0.0, self.volume), *day, *book]

    def fair(self) -> FairPrice:
        """The path that the quote hovers around."""
        return self._path
