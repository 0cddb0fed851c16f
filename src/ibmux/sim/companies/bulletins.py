"""The board of news bulletins: today's announcements of IB and of exchanges, posted by hand or by themselves.

It keeps what was posted and tells one listener; who subscribed is decided there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import NamedTuple

DAY = 86_400.0
MOST = 500
"""Bulletins kept; when more are posted in one day, the oldest are dropped."""
REGULAR, EXCHANGE_CLOSED, EXCHANGE_OPEN = 1, 2, 3
EXCHANGES = ("NYSE", "NASDAQ", "CBOE", "ARCA", "CME", "NYMEX", "EUREX")
TEXTS = {
    REGULAR: (
        "Margin requirements of several products on {exchange} change with tomorrow's session.",
        "Routine maintenance of systems is planned for the weekend.",
        "Symbols listed on {exchange} will change at the end of the month.",
    ),
    EXCHANGE_CLOSED: ("{exchange} is not available for trading.",),
    EXCHANGE_OPEN: ("{exchange} is available for trading again.",),
}


class Bulletin(NamedTuple):
    """Message updateNewsBulletin; `time` in epoch seconds."""

    msgId: int
    kind: int
    text: str
    exchange: str
    time: float


class Bulletins:
    """Today's bulletins.

    Args:
        seed: equal seeds give equal bulletins that come by themselves.
        rate: how many of these there are on an average day.
        clock: gives the present as epoch seconds.
    """

    def __init__(self, seed: int, rate: float, clock: Callable[[], float]) -> None:
        self._seed, self._rate, self._clock = seed, rate, clock
        self._board: list[Bulletin] = []
        self._number = 0
        self._seen = clock()
        self._listener: Callable[[Bulletin], None] | None = None
        self._schedule = lru_cache(maxsize=4)(self._planned)
        for kind, text, exchange, instant in self._due(self._seen - self._seen % DAY, self._seen):
            self._put(kind, text, exchange, instant)

    def listen(self, listener: Callable[[Bulletin], None]) -> None:
        """Call `listener` with every bulletin from now on; it takes the place of one that was set before."""
        self._listener = listener

    def today(self) -> list[Bulletin]:
        """What has been posted since midnight (UTC), the oldest first."""
        midnight = self._clock() // DAY * DAY
        return [bulletin for bulletin in self._board if bulletin.time >= midnight]

    def post(self, kind: int, text: str, exchange: str = "") -> Bulletin:
        """Announce something now: kind 1 is news, 2 an exchange that is no longer available, 3 one that is again.

        Raises:
            ValueError: there is no such kind.
        """
        if kind not in TEXTS:
            raise ValueError(f"kind is {kind}; allowed are 1, 2 and 3")
        bulletin = self._put(kind, text, exchange, self._clock())
        if self._listener is not None:
            self._listener(bulletin)
        return bulletin

    def advance(self, now: float) -> None:
        """Post what is due by `now`."""
        for kind, text, exchange, _ in self._due(self._seen, now):
            self.post(kind, text, exchange)
        self._seen = now

    def _put(self, kind: int, text: str, exchange: str, instant: float) -> Bulletin:
        self._number += 1
        bulletin = Bulletin(self._number, kind, text, exchange, instant)
        self._board = [*self.today(), bulletin][-MOST:]
        return bulletin

    def _due(self, start: float, end: float) -> list[tuple[int, str, str, float]]:
        """What is planned after `start` up to `end`; of a jump of more than a week only the last day."""
        first = max(start, end - DAY) if end - start > 7 * DAY else start
        plans = [plan for day in range(int(first // DAY), int(end // DAY) + 1) for plan in self._schedule(day)]
        times = [plan[3] for plan in plans]
        return plans[bisect_right(times, first) : bisect_right(times, end)]

    def _planned(self, day: int) -> list[tuple[int, str, str, float]]:
        """The bulletins of a day (counted from the epoch), by time: news, and exchanges that close and open again."""
        draw = Random(f"{self._seed}:bulletins:{day}")
        plans: list[tuple[int, str, str, float]] = []
        expected = self._rate
        while draw.random() < expected / (1.0 + expected) and len(plans) < MOST // 4:
            exchange, instant = draw.choice(EXCHANGES), (day + draw.random() * 0.95) * DAY
            if draw.random() < 0.8:
                plans.append((REGULAR, draw.choice(TEXTS[REGULAR]).format(exchange=exchange), exchange, instant))
                continue
            for kind, later in ((EXCHANGE_CLOSED, 0.0), (EXCHANGE_OPEN, draw.uniform(300.0, 3000.0))):
                plans.append((kind, TEXTS[kind][0].format(exchange=exchange), exchange, instant + later))
        return sorted(plans, key=lambda plan: plan[3])
