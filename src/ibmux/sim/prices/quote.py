"""Live prices: one quote per contract that follows its tape, step by step.

`Quote.step` is the hot path of the simulated feed. What happened on the tape since the last step becomes ticks; between
two happenings only sizes flicker and the last trade is repeated. Nothing here knows who is subscribed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from math import floor, inf
from random import Random

from ibmux.sim.calendar import hours
from ibmux.sim.prices.liquidity import lot_of
from ibmux.sim.prices.tape import QuoteTick, Tape, TradeTick

Change = tuple[int, float, float]
BID_SIZE, BID, ASK, ASK_SIZE, LAST, LAST_SIZE, HIGH, LOW, VOLUME, CLOSE, OPEN = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 14
PRICE_TICKS = frozenset({BID, ASK, LAST, HIGH, LOW, CLOSE, OPEN})
LONGEST_CLOSURE = 15
ASK_ONLY, BID_ONLY, BOTH = 0.25, 0.5, 0.8
"""Of the steps between two happenings, up to so many change the ask's size, the bid's, or both; the rest repeat."""
MOMENT = 1e-6


class Quote:
    """The live prices of one contract: prices in its own currency, sizes in shares or contracts.

    Attributes:
        bid, ask: the best prices; -1.0 where there is none (an index, a worthless option).
        last: the price of the last trade of the day (before the first: where the day began; of what reports no trades,
            the bid).
        lastExchange: where that trade was; empty before the first.
        open, high, low: of the day since its session began, trading outside regular hours included.
        close: where the regular session before the day ended.
        volume: traded since the day's session began.
        steps: how many movements the quote has made.
        isIndex: there is no book.
    """

    __slots__ = (
        "__weakref__", "_clock", "_day", "_due", "_i", "_j", "_lot", "_lots", "_next_day", "_quotes", "_random",
        "_second", "_seldom", "_shut", "_trades", "_untold", "ask", "askSize", "bid", "bidSize", "close", "details",
        "high", "isIndex", "last", "lastExchange", "lastSize", "low", "minTick", "open", "steps", "tape", "volume",
    )  # fmt: skip

    def __init__(self, tape: Tape, *, clock: Callable[[], float], seed: int, always_open: bool = True) -> None:
        details = tape.details
        self.tape, self.details, self._clock = tape, details, clock
        self._random = Random(f"{seed}:quote:{details.contract.conId}").random
        self.minTick, self.isIndex, self.steps = details.minTick, tape.ladder.bookless, 0
        self._seldom = not tape.activity.trades
        self._shut = not always_open
        self._lot, self._lots = lot_of(details)
        self._untold: dict[int, Change] = {}
        self.bidSize = self.askSize = self.lastSize = 0.0
        self.lastExchange = ""
        self.roll(clock())

    @property
    def mid(self) -> float:
        """The middle of bid and ask, which need not lie on a tick; an index's last price."""
        return self.last if self.isIndex else round((max(0.0, self.bid) + self.ask) / 2, 10)

    @property
    def present(self) -> float:
        """The instant whose prices the quote shows: the present, or where hours are kept the last session's end."""
        return self._effective(self._clock())

    def fair(self) -> Tape:
        """The tape that the quote follows."""
        return self.tape

    def roll(self, now: float) -> None:
        """Take up the trading day of `now`: its open, the close before it, its range and volume so far."""
        self._day, self._next_day = _trading_day(self.details.venue, now)
        first, tape, day = floor(self._day), self.tape, self._day
        regular = hours.previous_session(self.details.venue, day)
        self.close = tape.bar(regular[1] - 1, regular[1], "TRADES").close
        self.open = tape.opening(first)
        self.high = self.low = self.last = self.open
        self.volume, self.lastExchange = 0.0, ""
        self._load(self._effective(now), day)
        self._untold.clear()

    def _effective(self, now: float) -> float:
        """The instant whose prices are shown: while a market that keeps hours is closed, the end of its session."""
        if self._shut:
            session = hours.session(self.details.venue, hours.local_date(self.details.venue, self._day))
            if session is not None and now >= session[1]:
                return session[1] - MOMENT
        return now

    def _load(self, now: float, since: float) -> None:
        """Take up the second of `now`, after all that happened from `since` until it began."""
        second = floor(now)
        tape = self.tape
        if second > since:
            high, low = tape.range(since, second)
            self.high, self.low = max(self.high, high), min(self.low, low)
        if not self._seldom:
            self.volume = tape.volume(self._day, second)
            known = tape.last_trade(second - MOMENT, since)
            if known is not None:
                self.last, self.lastSize, self.lastExchange = known.price, known.size, known.exchange
        self._second, self._i, self._j = second, 0, 0
        self._quotes = tape.quotes_of(second) if not self.isIndex else _index_quotes(tape, second)
        self._trades = tape.trades_of(second)
        self._take(now)

    def _take(self, now: float) -> None:
        """Let what the second's tape says until `now` happen."""
        quotes, trades, i, j = self._quotes, self._trades, self._i, self._j
        while i < len(quotes) and quotes[i].time <= now:
            i += 1
        if i > self._i:
            self._quoted(quotes[i - 1])
        while j < len(trades) and trades[j].time <= now:
            self._traded(trades[j])
            j += 1
        self._i, self._j = i, j
        self._due = min(
            quotes[i].time if i < len(quotes) else inf,
            trades[j].time if j < len(trades) else inf,
            self._second + 1.0,
        )

    def _quoted(self, tick: QuoteTick) -> None:
        bid = tick.bid if tick.bid > 0 else -1.0
        if self.isIndex:
            self.last = tick.bid
            self.high, self.low = max(self.high, tick.bid), min(self.low, tick.bid)
            self.bid = self.ask = -1.0
            return
        self.bid, self.ask, self.bidSize, self.askSize = bid, tick.ask, tick.bidSize, tick.askSize
        if self._seldom:
            self.last = max(bid, self.tape.ladder.least)
            self.high, self.low = max(self.high, tick.ask), min(self.low, self.last)

    def _traded(self, tick: TradeTick) -> None:
        self.last, self.lastSize, self.lastExchange = tick.price, tick.size, tick.exchange
        self.volume = round(self.volume + tick.size, 8)
        if tick.price > self.high:
            self.high = tick.price
        elif tick.price < self.low:
            self.low = tick.price

    def look(self) -> None:
        """Bring the prices up to the present; the next step tells what changed.

        Of what is not told yet only the latest of each tick type is kept, so that it does not grow.
        """
        now = self._clock()
        if now >= self._due:
            for change in self._follow(now):
                self._untold.pop(change[0], None)
                self._untold[change[0]] = change

    def step(self) -> list[Change]:
        """Move on to the present; the ticks that changed, or a size that flickers where the tape has nothing new."""
        self.steps += 1
        if self._untold:
            self.look()
            changes = list(self._untold.values())
            self._untold.clear()
            return changes
        now = self._clock()
        changes = self._follow(now) if now >= self._due else []
        return changes or self._flicker(self._random())

    def _flicker(self, draw: float) -> list[Change]:
        """What changes while the tape has nothing new: sizes, within the prices as they are."""
        if self.isIndex:
            return [(LAST, self.last, 0.0)]
        if draw >= BOTH and not self._seldom:
            return [(LAST, self.last, self.lastSize), (VOLUME, 0.0, self.volume)]
        part = draw * 8.0 % 1.0
        size = self._lot * (1 + int(part * part * self._lots))
        if draw < ASK_ONLY:
            self.askSize = size
            return [(ASK_SIZE, 0.0, size)]
        self.bidSize = size if self.bid > 0 else 0.0
        if draw < BID_ONLY:
            return [(BID_SIZE, 0.0, self.bidSize)]
        part = 1.0 - part
        self.askSize = self._lot * (1 + int(part * part * self._lots))
        return [(BID_SIZE, 0.0, self.bidSize), (ASK_SIZE, 0.0, self.askSize)]

    def _follow(self, now: float) -> list[Change]:
        """Catch up with the tape; the ticks that tell what changed."""
        if now >= self._next_day:
            self.roll(now)
            return self.snapshot()
        bid, ask, last, high, low = self.bid, self.ask, self.last, self.high, self.low
        bid_size, ask_size, volume = self.bidSize, self.askSize, self.volume
        present = self._effective(now)
        if present < self._second + 1.0:
            self._take(present)
            if present < now:
                self._due = self._next_day
        else:
            self._load(present, self._second)
        changes: list[Change] = []
        if self.bid != bid:
            changes.append((BID, self.bid, self.bidSize))
        elif self.bidSize != bid_size:
            changes.append((BID_SIZE, 0.0, self.bidSize))
        if self.ask != ask:
            changes.append((ASK, self.ask, self.askSize))
        elif self.askSize != ask_size:
            changes.append((ASK_SIZE, 0.0, self.askSize))
        if self.volume != volume:
            changes += [(LAST, self.last, self.lastSize), (VOLUME, 0.0, self.volume)]
        elif self.last != last and self.isIndex:
            changes.append((LAST, self.last, 0.0))
        if self.high != high:
            changes.append((HIGH, self.high, 0.0))
        if self.low != low:
            changes.append((LOW, self.low, 0.0))
        return changes

    def snapshot(self) -> list[Change]:
        """All ticks as a new subscriber gets them, in the order of a real gateway."""
        day = [(HIGH, self.high, 0.0), (LOW, self.low, 0.0), (CLOSE, self.close, 0.0), (OPEN, self.open, 0.0)]
        if self.isIndex:
            return [(LAST, self.last, 0.0), *day]
        book = [(BID, self.bid, self.bidSize if self.bid > 0 else 0.0), (ASK, self.ask, self.askSize)]
        if self._seldom:
            return [*book, *day[:3]]
        return [(LAST, self.last, self.lastSize), (VOLUME, 0.0, self.volume), *day, *book]


def _index_quotes(tape: Tape, second: int) -> list[QuoteTick]:
    """An index's values in a second, in the form of quotes."""
    shown = tape.ladder.show
    return [
        QuoteTick(second + offset, shown(price), -1.0, 0.0, 0.0, False, False)
        for offset, price in tape.middle.points(second)
    ]


def _trading_day(venue: str, now: float) -> tuple[float, float]:
    """When the session of the trading day of `now` began, and when the next one begins.

    A day lasts from the start of its session to the start of the next.
    """
    today = hours.local_date(venue, now)
    after, day = inf, today + timedelta(days=LONGEST_CLOSURE)
    while day > today - timedelta(days=LONGEST_CLOSURE):
        found = hours.session(venue, day)
        if found is not None:
            if found[0] <= now:
                return found[0], after
            after = found[0]
        day -= timedelta(days=1)
    raise ValueError(f"{venue} has no session in the two weeks before {now}")
