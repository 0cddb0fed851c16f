"""Averages over a span: what was paid for all that was traded, and the mean of bid and ask over time.

Minutes are the grains: a whole minute counts with its typical price, so that bars of whole minutes are the aggregate of
one another whatever their length. What is left of a minute counts by its trades (or seconds) one by one. Before `OLD`
quarters of an hour are the grains: twenty years of minutes would take too long.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor
from typing import TYPE_CHECKING

from ibmux.sim.prices.course import MINUTE, QUARTER

if TYPE_CHECKING:
    from ibmux.sim.prices.course import Prices
    from ibmux.sim.prices.tape import Tape

OLD = 1_735_689_600
"""The first second of 2025 (UTC)."""


def turnover(tape: Tape, start: int, end: float) -> float:
    """The sum of price times size of the reported trades from a whole second up to `end`."""
    if start >= OLD:
        return _by_minutes(tape, start, end)
    if end > OLD:
        return turnover(tape, start, OLD) + _by_minutes(tape, OLD, end)
    first, last = _whole(start, end, QUARTER)
    if first >= last:
        return _by_minutes(tape, start, end)
    total = _by_grains(tape, first, last, QUARTER)
    if start < first:
        total += _by_minutes(tape, start, first)
    return total + (_by_minutes(tape, last, end) if last < end else 0.0)


def _by_minutes(tape: Tape, start: int, end: float) -> float:
    first, last = _whole(start, end, MINUTE)
    if first >= last:
        return _traded(tape, start, end)
    total = _by_grains(tape, first, last, MINUTE)
    if start < first:
        total += _traded(tape, start, first)
    return total + (_traded(tape, last, end) if last < end else 0.0)


def _by_grains(tape: Tape, first: int, last: int, length: int) -> float:
    activity, total = tape.activity, 0.0
    sold, bought = tape.ladder.sold, tape.ladder.bought
    volumes = activity.grains(first, last, length)
    for units, (one, high, low, two) in zip(volumes, tape.middle.grains(first, last, length), strict=True):
        if units:
            middle = (one + high + low + two) / 4
            total += units * (sold(middle) + bought(middle))
    return total * activity.unit / 2


def _whole(start: int, end: float, length: int) -> tuple[int, int]:
    """Where the first whole grain of a span begins and the last one ends."""
    return -(-start // length) * length, floor(end) // length * length


def _traded(tape: Tape, start: int, end: float) -> float:
    return sum(tick.price * tick.size for tick in tape.trades(start, end))


def average_quotes(tape: Tape, start: int, end: float) -> tuple[float, float]:
    """The means of bid and ask over the time from a whole second up to `end`."""
    bids = asks = length = 0.0
    for seconds, middle in _typical(tape, start, end):
        bids += tape.ladder.bid(middle) * seconds
        asks += tape.ladder.ask(middle) * seconds
        length += seconds
    return round(bids / length, 6), round(asks / length, 6)


def _typical(tape: Tape, start: int, end: float) -> Iterator[tuple[float, float]]:
    """The grains of a span: (seconds, typical middle price)."""
    first, last = _whole(start, end, MINUTE)
    if first >= last:
        first = last = ceil(end)
    for second in range(start, min(first, ceil(end))):
        yield _grain(tape, second, end)
    at = first
    while at < last:
        length = QUARTER if at < OLD and at % QUARTER == 0 and last - at >= QUARTER else MINUTE
        yield length, _middle(tape.middle.grains(at, at + length, length)[0])
        at += length
    for second in range(last, ceil(end)):
        yield _grain(tape, second, end)


def _grain(tape: Tape, second: int, end: float) -> tuple[float, float]:
    until = min(end, second + 1.0)
    return until - second, _middle(tape.node(second, until))


def _middle(node: Prices) -> float:
    return sum(node) / 4
