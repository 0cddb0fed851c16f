"""How fast history may be asked for: Interactive Brokers' pacing rules, which hold for a login's clients together.

Pure: time is an argument (seconds, any monotonic clock). Source: IB's "Historical Data Limitations": for bars of up to
30 seconds no identical request within 15 seconds, fewer than six for the same contract, exchange and kind of data
within two, at most 60 in ten minutes, where BID_ASK counts twice. Longer bars have no hard limit.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable
from typing import NamedTuple

IDENTICAL_GAP = 15.0
SAME_CONTRACT, SAME_WINDOW = 5, 2.0
MOST, WINDOW = 60, 600.0
SMALL_BAR = 30
"""Seconds of the longest bar that the hard rules hold for."""
VIOLATION = "Historical Market Data Service error message:Historical data request pacing violation"


class Asked(NamedTuple):
    """A request that was let through: when, all that it asked, its contract with exchange and kind, and its weight."""

    time: float
    request: Hashable
    contract: Hashable
    weight: int


class HistoryLimits:
    """The requests of the last ten minutes. Refused ones do not count."""

    def __init__(self) -> None:
        self._past: deque[Asked] = deque()

    def admit(self, request: Hashable, contract: Hashable, now: float, *, weight: int = 1) -> bool:
        """Whether a request keeps the rules; if so it counts from now on.

        Args:
            request: equal for identical requests.
            contract: equal for the same contract, exchange and kind of data.
            now: seconds, monotonic.
            weight: 2 for BID_ASK, else 1.
        """
        while self._past and now - self._past[0].time >= WINDOW:
            self._past.popleft()
        if self._is_too_much(request, contract, now, weight):
            return False
        self._past.append(Asked(now, request, contract, weight))
        return True

    def _is_too_much(self, request: Hashable, contract: Hashable, now: float, weight: int) -> bool:
        if any(one.request == request and now - one.time < IDENTICAL_GAP for one in self._past):
            return True
        lately = Counter[Hashable]()
        for one in self._past:
            if now - one.time < SAME_WINDOW:
                lately[one.contract] += one.weight
        return lately[contract] + weight > SAME_CONTRACT or sum(one.weight for one in self._past) + weight > MOST
