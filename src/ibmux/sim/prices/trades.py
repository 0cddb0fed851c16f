"""How much of a contract is traded when: volume and number of trades of any span, and how a second's volume divides.

One cumulative function for each part of a trading day (night, before, regular, after) gives both, so that spans add up
exactly. A second has either no trades or at least four: at its open, at both extremes and at its close. Nothing here
knows prices.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from ibmux.sim.calendar import hours
from ibmux.sim.catalogue.contracts import ContractDetails
from ibmux.sim.prices.course import mix
from ibmux.sim.prices.liquidity import mean_trade, unit_of

LEAST_BLOCK = 16
TRADES_A_BLOCK = 5
SLOW_BLOCKS, BUSY_BLOCKS = 2, 3
"""Trading comes in blocks of at least four trades; so many a second in slow trading and in busy."""
NIGHT_SHARE = 0.25
"""How busy closed hours are beside the day's average, where a market never closes."""
OUTER_SHARE = 0.05
"""The share of a session's volume outside regular hours."""
DAYS_KEPT = 8192
LONGEST_CLOSURE = 15


class Part(NamedTuple):
    """A part of a trading day: its span in whole seconds, volume in units, units in a block, and whether it rushes."""

    start: int
    end: int
    total: float
    block: int
    rush: bool


Window = tuple[Part, ...]


def rush(done: float) -> float:
    """The share of the regular session's volume traded by a share of its time: steep at both ends, flat at noon."""
    return 0.5 * done + 2.0 * (done - 0.5) ** 3 + 0.25


class Activity:
    """The trading in one contract, all sizes in units (see `unit`).

    Args:
        details: the contract.
        key: tells its hashes from other contracts'.
    """

    def __init__(self, details: ContractDetails, key: int) -> None:
        self._details, self._key = details, key & 0xFFFFFFFF
        self.unit = unit_of(details)
        self._mean = mean_trade(details) / self.unit
        self.trades = self._mean > 0
        self._window = lru_cache(DAYS_KEPT)(self._make_window)
        self._around: Window = ()

    def window(self, second: int) -> Window:
        """The parts of the trading day around a second: from the end of the session before to the end of its own."""
        around = self._around
        if not around or not around[0].start <= second < around[-1].end:
            around = self._around = self._find_window(second)
        return around

    def _find_window(self, second: int) -> Window:
        venue = self._details.venue
        day = hours.local_date(venue, second)
        for ahead in range(LONGEST_CLOSURE):
            session = hours.session(venue, day + timedelta(days=ahead))
            if session is not None and session[1] > second:
                return self._window(day + timedelta(days=ahead))
        raise ValueError(f"{venue} has no session in the two weeks after {second}")

    def _make_window(self, day: date) -> Window:
        venue = self._details.venue
        whole = hours.session(venue, day)
        if whole is None:
            raise ValueError(f"{venue} has no session on {day}")
        regular = hours.session(venue, day, rth=True) or whole
        start, end = int(whole[0]), int(whole[1])
        before = int(_previous_end(venue, day, start))
        busy = 0.7 + 0.6 * (mix(self._key * 31 + day.toordinal()) & 0xFFFF) / 65536
        units = self._details.dailyVolume / self.unit * busy if self.trades else 0.0
        inner, outer = regular[1] - regular[0], (end - start) - (regular[1] - regular[0])
        rate = units * OUTER_SHARE / outer if outer > 0 else 0.0
        night = NIGHT_SHARE * units / (end - start)
        spans = [
            (before, start, night * (start - before), False),
            (start, int(regular[0]), rate * (regular[0] - start), False),
            (int(regular[0]), int(regular[1]), units * (1 - OUTER_SHARE if outer > 0 else 1.0), inner > 0),
            (int(regular[1]), end, rate * (end - regular[1]), False),
        ]
        return tuple(Part(a, b, total, self._block(total / (b - a)), busy) for a, b, total, busy in spans if b > a)

    def _block(self, rate: float) -> int:
        """How many units are a block where `rate` units are traded a second."""
        full = max(LEAST_BLOCK, int(self._mean * TRADES_A_BLOCK))
        return max(LEAST_BLOCK, int(rate / SLOW_BLOCKS)) if rate < full else max(full, int(rate / BUSY_BLOCKS))

    def blocks(self, part: Part, second: int) -> int:
        """The whole blocks of a part traded before a second."""
        if second <= part.start:
            return 0
        if second >= part.end:
            return int(part.total / part.block)
        minute, rest = divmod(second, 60)
        moved = one = minute + self._shift(part, minute)
        if rest:
            two = minute + 1 + self._shift(part, minute + 1)
            moved = one + (two - one) * (rest + self._jitter(second) * 0.9) / 60
        done = (moved * 60 - part.start) / (part.end - part.start)
        done = 0.0 if done < 0.0 else 1.0 if done > 1.0 else done
        return int(part.total * (rush(done) if part.rush else done) / part.block)

    def _shift(self, part: Part, minute: int) -> float:
        """How far a border between minutes moves, in minutes; the ends of the part stay."""
        return self._jitter(minute) * 0.8 if part.start < minute * 60 < part.end else 0.0

    def _jitter(self, number: int) -> float:
        """Evenly spread fractions: borders between cells move by them, and never cross."""
        return ((number * 2_654_435_761 + self._key) & 0xFFFFFFFF) / 4_294_967_296

    def _units(self, part: Part, blocks: int) -> int:
        return blocks * part.block + mix(self._key + blocks) % (part.block // 2) if blocks else 0

    def _sum(self, start: int, end: int, measure: Callable[[Part, int], int]) -> int:
        total, at = 0, start
        while at < end and self.trades:
            window = self.window(at)
            for part in window:
                first, last = max(at, part.start), min(end, part.end)
                if first < last:
                    total += measure(part, self.blocks(part, last)) - measure(part, self.blocks(part, first))
            at = window[-1].end
        return total

    def volume(self, start: int, end: int) -> int:
        """Units traded between two whole seconds."""
        return self._sum(start, end, self._units)

    def grains(self, start: int, end: int, length: int) -> list[int]:
        """Units traded in each span of `length` seconds between two multiples of it (epoch seconds)."""
        found, at = [0] * ((end - start) // length), start
        while at < end and self.trades:
            window = self.window(at)
            for part in window:
                first, last = max(at, part.start), min(end, part.end)
                if first < last:
                    for piece, units in self._pieces(part, first, last, length):
                        found[(piece - start) // length] += units
            at = window[-1].end
        return found

    def _pieces(self, part: Part, first: int, last: int, length: int) -> Iterator[tuple[int, int]]:
        """What a part has in each span of `length` seconds, as (start, units); the outer ones may be shorter."""
        at, before = first, self._units(part, self.blocks(part, first))
        while at < last:
            until = min(last, (at // length + 1) * length)
            after = self._units(part, self.blocks(part, until))
            yield at, after - before
            at, before = until, after

    def count(self, start: int, end: int) -> int:
        """Trades between two whole seconds."""
        return self._sum(start, end, _count)

    def measure(self, second: int) -> tuple[int, int]:
        """Units and trades of one second: (0, 0), or at least (8, 4)."""
        if not self.trades:
            return 0, 0
        part = next(part for part in self.window(second) if second < part.end)
        one, two = self.blocks(part, second), self.blocks(part, second + 1)
        if one == two:
            return 0, 0
        return self._units(part, two) - self._units(part, one), _count(part, two) - _count(part, one)

    def last_busy(self, before: int, since: int) -> int | None:
        """The latest second with trades that begins before `before` and not before `since`."""
        at = before
        while self.trades and at > since:
            for part in reversed(self.window(at - 1)):
                found = self._last_in(part, at)
                if found is not None:
                    return found if found >= since else None
            at = self.window(at - 1)[0].start
        return None

    def _last_in(self, part: Part, before: int) -> int | None:
        done = self.blocks(part, before) if before > part.start else 0
        if done == 0:
            return None
        seconds = range(part.start, min(before, part.end) + 1)
        return seconds[bisect_left(seconds, done, key=lambda second: self.blocks(part, second))] - 1


def _previous_end(venue: str, day: date, start: float) -> float:
    """The end of the session before the one of `day`."""
    for back in range(1, LONGEST_CLOSURE):
        found = hours.session(venue, day - timedelta(days=back))
        if found is not None:
            return min(found[1], start)
    return start


def _count(part: Part, blocks: int) -> int:
    return blocks * TRADES_A_BLOCK + (mix(blocks) & 1) if blocks else 0


def divide(units: int, count: int, draw: int) -> list[int]:
    """`count` whole sizes, each at least one, that add up to `units` (not less than `count`)."""
    base = units // count
    sizes = [base] * count
    for place in range(0, count - 1, 2):
        shift = (draw >> (place & 31)) % base
        sizes[place] += shift
        sizes[place + 1] -= shift
    sizes[-1] += units - base * count
    return sizes
