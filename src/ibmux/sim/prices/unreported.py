"""Trades that are not reported: they move neither last price nor volume nor bars, and only a full list shows them.

Which trades those are (odd lots, parts of combinations, derivative and average-price trades) is told in IB's
documentation of the tick attribute `unreported` and of the tick-by-tick type AllLast. A pure function of contract and
second, beside the reported trades of a tape.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ibmux.sim.prices.course import mix
from ibmux.sim.prices.liquidity import ROUND_LOT, has_round_lots
from ibmux.sim.prices.records import TradeTick

if TYPE_CHECKING:
    from ibmux.sim.prices.tape import Tape

WITH_PARTS = frozenset({"FUT", "CONTFUT", "OPT", "FOP"})
"""Security types that trade as parts of combinations, too."""
ODD_LOT = "I"
AWAY = ("4", "W", "7")
"""Sale conditions of trades that are priced away from the market: derivatively priced, average price, contingent."""
ODD_SHARE = 0.8
"""How many of a share's unreported trades are odd lots."""
FARTHEST = 0.002
"""How far from the market an average price may lie, as a share of the price."""
MOST_PARTS = 5


def unreported(tape: Tape, second: int, trades: int) -> list[TradeTick]:
    """The unreported trades of a second that has so many reported ones; in no special order."""
    if not trades:
        return []
    draw = mix(tape.key * 5 ^ second * 0x51ED27)
    kind = tape.details.contract.secType
    if kind == "STK" and has_round_lots(tape.details):
        return list(_of_share(tape, second, draw))
    if kind in WITH_PARTS and draw & 7 == 0:
        return [_part(tape, second, draw >> 8)]
    return []


def _of_share(tape: Tape, second: int, draw: int) -> Iterator[TradeTick]:
    """Up to three of a share: most of them odd lots at the bid, the ask or between them."""
    for number in range(draw & 3):
        bits = mix(draw + number)
        at, middle = _moment(tape, second, bits)
        place = tape.places[(bits >> 40) % len(tape.places)]
        if (bits >> 16 & 0xFF) / 256 < ODD_SHARE:
            size = 1.0 + (bits >> 24) % (ROUND_LOT - 1)
            prices = (tape.ladder.sold(middle), tape.ladder.show(middle), tape.ladder.bought(middle))
            yield TradeTick(at, round(prices[(bits >> 50) % 3], 4), size, place, ODD_LOT, False, True)
        else:
            away = 1.0 + FARTHEST * ((bits >> 24 & 0xFFF) / 2048 - 1.0)
            size = float(ROUND_LOT * (1 + (bits >> 36) % 20))
            yield TradeTick(at, round(middle * away, 4), size, place, AWAY[(bits >> 56) % len(AWAY)], False, True)


def _part(tape: Tape, second: int, bits: int) -> TradeTick:
    """A leg of a combination, at any price between bid and ask."""
    at, middle = _moment(tape, second, bits)
    price = max(tape.ladder.least, tape.ladder.near(middle))
    return TradeTick(at, price, 1.0 + (bits >> 24) % MOST_PARTS, tape.places[0], "", False, True)


def _moment(tape: Tape, second: int, bits: int) -> tuple[float, float]:
    """An instant of the second, and the middle price at it."""
    offset = (bits & 0xFFFF) / 65536
    middle = tape.middle.points(second)[0][1]
    for when, price in tape.middle.points(second):
        if when > offset:
            break
        middle = price
    return second + offset, middle
