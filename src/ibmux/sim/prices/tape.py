"""The tape of a contract: what was quoted and traded at every instant, as ticks and as bars, from one middle price.

A pure function of contract, seed and instant; ticks and bars of a span agree however it is cut. Bid, ask, midpoint and
trade prices rise with the middle price (see `ladder`), so a bar follows from the middle's open, high, low and close.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from math import ceil, floor

from ibmux.sim.calendar import hours
from ibmux.sim.catalogue.contracts import ContractDetails
from ibmux.sim.prices.course import MINUTE, Node, mix
from ibmux.sim.prices.ladder import Ladder
from ibmux.sim.prices.liquidity import lot_of
from ibmux.sim.prices.mids import Mids
from ibmux.sim.prices.records import Bar, MidTick, QuoteTick, TradeTick
from ibmux.sim.prices.trades import Activity, divide
from ibmux.sim.prices.turnover import average_quotes, turnover
from ibmux.sim.prices.unreported import unreported

__all__ = ["Bar", "MidTick", "QuoteTick", "Tape", "TradeTick"]

SECONDS_KEPT = 64
EXCHANGES = 6
TRADED = frozenset({"TRADES", "AGGTRADES", "ADJUSTED_LAST"})


class Tape:
    """What was quoted and traded in one contract.

    Args:
        details: the contract.
        mids: its middle price.
        ladder: its ticks and spread.
    """

    def __init__(self, details: ContractDetails, mids: Mids, ladder: Ladder) -> None:
        self.details, self.middle, self.ladder = details, mids, ladder
        self.activity = Activity(details, mids.key)
        self.key = self._key = mids.key
        self._lot, self._lots = lot_of(details)
        contract = details.contract
        places = [place for place in details.validExchanges.split(",") if place and place != "SMART"]
        self.places = places[:EXCHANGES] or [contract.exchange]
        self.digits = 8 if self.activity.unit < 1 else 0
        self.trades_of = lru_cache(SECONDS_KEPT)(self._make_trades)
        self.prints_of = lru_cache(SECONDS_KEPT)(self._make_prints)
        self.quotes_of = lru_cache(SECONDS_KEPT)(self._make_quotes)
        self._last_before = lru_cache(SECONDS_KEPT)(self._find_last)

    def mid(self, instant: float) -> float:
        """The visible midpoint at an instant (epoch seconds): the middle of bid and ask; an index's value."""
        return self.ladder.show(self.middle.at(instant))

    def at(self, instant: float) -> float:
        """The fair price at an instant, between bid and ask."""
        return self.middle.at(instant)

    def trades(self, start: float, end: float) -> list[TradeTick]:
        """The reported trades with start <= time < end, oldest first: last price, volume and bars come from these."""
        return self._read(self.trades_of, start, end)

    def prints(self, start: float, end: float) -> list[TradeTick]:
        """All trades with start <= time < end, those that are not reported among them, oldest first."""
        return self._read(self.prints_of, start, end)

    def _read(self, of: Callable[[int], list[TradeTick]], start: float, end: float) -> list[TradeTick]:
        found: list[TradeTick] = []
        at, stop = floor(start), ceil(end)
        while at < stop and self.activity.trades:
            until = min(stop, (at // MINUTE + 1) * MINUTE)
            if self.activity.count(at, until):  # minutes without trades are passed over at once
                for second in range(at, until):
                    found += of(second)
            at = until
        if found and (found[0].time < start or found[-1].time >= end):
            return [tick for tick in found if start <= tick.time < end]
        return found

    def quotes(self, start: float, end: float) -> list[QuoteTick]:
        """The changes of the best bid and ask with start <= time < end, oldest first; at least one a second."""
        return [
            tick
            for second in range(floor(start), ceil(end))
            for tick in self.quotes_of(second)
            if start <= tick.time < end
        ]

    def mids(self, start: float, end: float) -> list[MidTick]:
        """The changes of the midpoint with start <= time < end, oldest first."""
        found = []
        for second in range(floor(start), ceil(end)):
            points = self.middle.points(second)
            known = self.ladder.show(points[0][1])
            for offset, price in points:
                shown = self.ladder.show(price)
                if shown != known and start <= second + offset < end:
                    found.append(MidTick(second + offset, shown))
                known = shown
        return found

    def _side(self, bought: bool, middle: float) -> float:
        return self.ladder.bought(middle) if bought else self.ladder.sold(middle)

    def _sides(self, second: int) -> int:
        """Bits of a second: 1: it opens with a purchase, 2: it closes with one."""
        return mix(self._key ^ second * 0x9E37)

    def _make_trades(self, second: int) -> list[TradeTick]:
        units, count = self.activity.measure(second)
        if not count:
            return []
        points = self.middle.points(second)
        sides = self._sides(second)
        high_first = points[2][1] >= points[4][1]
        marks = [
            (points[0][0], self._side(bool(sides & 1), points[0][1])),
            (points[2][0], self._side(high_first, points[2][1])),
            (points[4][0], self._side(not high_first, points[4][1])),
            (points[6][0], self._side(bool(sides & 2), points[6][1])),
        ]
        marks += [self._mark(points, mix(sides + number)) for number in range(count - 4)]
        marks.sort(key=lambda mark: mark[0])
        unit, key = self.activity.unit, sides >> 20
        found = []
        for (offset, price), part in zip(marks, divide(units, count, sides >> 8), strict=True):
            size = round(part * unit, self.digits)
            key = key * 69069 + 1 & 0xFFFFFFFF
            place = self.places[(key >> 16) % len(self.places)]
            found.append(TradeTick(second + offset, price, size, place, "", False, False))
        return found

    def _make_prints(self, second: int) -> list[TradeTick]:
        trades = self.trades_of(second)
        beside = unreported(self, second, len(trades))
        return sorted([*trades, *beside], key=lambda tick: tick.time) if beside else trades

    def _mark(self, points: tuple[tuple[float, float], ...], draw: int) -> tuple[float, float]:
        """A trade at some instant of the second between its first and its last one."""
        place = 1 + (draw >> 1) % 5
        here, after = points[place][0], points[place + 1][0]
        offset = here + (after - here) * ((draw >> 20 & 0xFFF) / 4096)
        return offset, self._side(bool(draw & 1), points[place][1])

    def _size(self, draw: int) -> float:
        """A size in the book: small ones are more frequent."""
        part = (draw & 0xFFFF) / 65536
        return round(self._lot * (1 + int(part * part * self._lots)), 8)

    def _make_quotes(self, second: int) -> list[QuoteTick]:
        if self.ladder.bookless:
            return []
        found: list[QuoteTick] = []
        bid = ask = -1.0
        draw = mix(self._key * 3 + second)
        lower, upper, size = self.ladder.bid, self.ladder.ask, self._size
        bids, asks = size(draw), size(draw >> 16)
        for offset, middle in self.middle.points(second):
            new_bid, new_ask = lower(middle), upper(middle)
            if new_bid == bid and new_ask == ask:
                continue
            draw = draw * 6364136223846793005 + 1442695040888963407 & 0xFFFFFFFFFFFFFFFF
            if new_bid != bid:
                bid, bids = new_bid, size(draw >> 24)
            if new_ask != ask:
                ask, asks = new_ask, size(draw >> 44)
            found.append(QuoteTick(second + offset, bid, ask, bids if bid > 0 else 0.0, asks, False, False))
        return found

    def volume(self, start: float, end: float) -> float:
        """What was traded with start <= time < end, in the contract's units."""
        first, last = ceil(start), floor(end)
        if first > last:
            return round(sum(tick.size for tick in self.trades(start, end)), self.digits)
        whole = self.activity.volume(first, last) * self.activity.unit
        edges = self.trades(start, first) if start < first else []
        edges += self.trades(last, end) if last < end else []
        return round(whole + sum(tick.size for tick in edges), self.digits)

    def last_trade(self, now: float, since: float) -> TradeTick | None:
        """The latest trade before `now` and not before `since`; None if there was none."""
        second = floor(now)
        for tick in reversed(self.trades_of(second)):
            if tick.time <= now:
                return tick if tick.time >= since else None
        return self._last_before(second, floor(since))

    def _find_last(self, second: int, since: int) -> TradeTick | None:
        found = self.activity.last_busy(second, since)
        return self.trades_of(found)[-1] if found is not None else None

    def node(self, start: float, end: float) -> Node:
        """The middle price from `start` (a whole second) up to `end`, which may be the present (start < end)."""
        first, last = floor(start), floor(end)
        if last <= first:
            return self._partial(first, end)
        found = self.middle.span(first, last)
        return _joined(found, self._partial(last, end)) if end > last else found

    def range(self, start: float, end: float) -> tuple[float, float]:
        """The highest and the lowest price at which could be traded in a span: high and low of its bar of trades."""
        node = self.node(start, end)
        return self.ladder.bought(node.high), self.ladder.sold(node.low)

    def opening(self, second: int) -> float:
        """The price with which a second opens: that of its first trade, if it has any."""
        return self._side(bool(self._sides(second) & 1), self.middle.points(second)[0][1])

    def bar(self, start: float, end: float, whatToShow: str) -> Bar:
        """The bar from `start` (a whole second) up to `end`, which may be the present (start < end, epoch seconds).

        Longer bars are the exact aggregate of shorter ones; averages (`wap`, and open and close of BID_ASK) are so
        for bars of whole minutes (see `turnover`).
        """
        first, node = floor(start), self.node(start, end)
        day = _date(self.details.venue, first)
        if whatToShow in TRADED:
            return self._traded(day, first, end, node)
        prices = self._shown(node, whatToShow, first, end)
        return Bar(float(first), day, *prices, -1.0, -1.0, -1)

    def _partial(self, second: int, end: float) -> Node:
        """The node of the beginning of a second, up to `end`."""
        seen = [price for offset, price in self.middle.points(second) if second + offset < end or offset == 0.0]
        return Node(seen[0], max(seen), min(seen), seen[-1])

    def _shown(self, node: Node, kind: str, first: int, end: float) -> tuple[float, float, float, float]:
        ladder = self.ladder
        if kind == "BID_ASK":
            bid, ask = average_quotes(self, first, end)
            return bid, ladder.ask(node.high), ladder.bid(node.low), ask
        show = {"BID": ladder.bid, "ASK": ladder.ask}.get(kind, ladder.show)
        return show(node.open), show(node.high), show(node.low), show(node.close)

    def _traded(self, day: date, first: int, end: float, node: Node) -> Bar:
        """A bar of trades: from bid to ask, so that whatever trades at either lies within it."""
        second = ceil(end) - 1
        close = self._side(bool(self._sides(second) & 2), node.close)
        volume, count = self.activity.volume(first, floor(end)), self.activity.count(first, floor(end))
        size = volume * self.activity.unit
        printed = self.trades(second, end) if end < second + 1 else []
        if printed:
            close = printed[-1].price
            size += sum(tick.size for tick in printed)
        high, low = self.ladder.bought(node.high), self.ladder.sold(node.low)
        opening = self._side(bool(self._sides(first) & 1), node.open)
        size = round(size, self.digits)
        average = turnover(self, first, end) / size if size else (opening + high + low + close) / 4
        return Bar(float(first), day, opening, high, low, close, size, round(average, 6), count + len(printed))


def _joined(one: Node, two: Node) -> Node:
    return Node(one.open, max(one.high, two.high), min(one.low, two.low), two.close)


@lru_cache(maxsize=4096)
def _date_of_hour(venue: str, hour: int) -> date:
    return hours.local_date(venue, hour * 3600.0)


def _date(venue: str, second: int) -> date:
    """The trading day of a second. Sessions may begin at any minute, so only clear hours are remembered."""
    one = _date_of_hour(venue, second // 3600)
    if one == _date_of_hour(venue, second // 3600 + 1):
        return one
    return hours.local_date(venue, float(second))
