"""When Interactive Brokers allows the next request for history, tick-by-tick data or real-time bars.

Pure: time is an argument (seconds, any monotonic clock). Whoever asks books an instant; what is booked counts as sent
then, so that many who wait do not all go at once. Sources: IB's "Historical Data Limitations" and "Tick-by-Tick Data".
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Hashable

from ibmux.errors import Busy

SLACK = 0.25
"""Seconds added to every window: the gateway counts when it reads, not when we write."""
SMALL_BARS = frozenset({"1 sec", "1 secs", "5 secs", "10 secs", "15 secs", "30 secs"})
"""Sizes of bars that have hard limits; for larger ones the gateway slows down by itself."""
REMEMBERED = 1_000
"""Keys kept before those whose window has passed are thrown away."""


class Spacing:
    """At least `gap` seconds between two requests of the same key; with 0 as many as one likes."""

    def __init__(self, gap: float) -> None:
        self.gap = gap + SLACK if gap > 0.0 else 0.0
        self._latest: dict[Hashable, float] = {}

    def earliest(self, key: Hashable, now: float) -> float:
        """The instant from which one more request of this key is allowed."""
        return max(now, self._latest.get(key, float("-inf")) + self.gap)

    def note(self, key: Hashable, at: float, now: float) -> None:
        """One more request of this key goes at `at`."""
        if len(self._latest) >= REMEMBERED:
            self._latest = {each: last for each, last in self._latest.items() if last + self.gap > now}
        self._latest[key] = at

    def book(self, key: Hashable, now: float, latest: float) -> float:
        """Book the earliest instant.

        Raises:
            Busy: it is after `latest`; nothing is booked.
        """
        at = _within(self.earliest(key, now), now, latest, f"one such request in {self.gap:.0f} seconds is allowed")
        self.note(key, at, now)
        return at


class Quota:
    """At most `most` requests in any `window` seconds; a request may count as several."""

    def __init__(self, most: int, window: float) -> None:
        self.most = most
        self.window = window + SLACK
        self._booked: list[tuple[float, int]] = []

    def earliest(self, now: float, weight: int = 1) -> float:
        """The instant from which one more request is allowed; what is booked for later counts as in its window."""
        self._forget(now)
        used, at = sum(each for _, each in self._booked), now
        for when, each in self._booked:
            if used + weight <= self.most:
                break
            used, at = used - each, when + self.window
        return max(at, now)

    def note(self, at: float, weight: int = 1) -> None:
        """One more request goes at `at`."""
        insort(self._booked, (at, weight))

    def idle(self, now: float) -> bool:
        """Whether nothing of it counts any more."""
        self._forget(now)
        return not self._booked

    def book(self, now: float, latest: float) -> float:
        """Book the earliest instant.

        Raises:
            Busy: it is after `latest`; nothing is booked.
        """
        rule = f"{self.most} such requests in {self.window:.0f} seconds are allowed"
        at = _within(self.earliest(now), now, latest, rule)
        self.note(at)
        return at

    def _forget(self, now: float) -> None:
        while self._booked and self._booked[0][0] + self.window <= now:
            del self._booked[0]


class HistoryPacing:
    """The rules for bars of at most 30 seconds and what counts like them.

    The same question once in 15 seconds; fewer than six in 2 seconds about one contract, exchange and kind of data; 60
    in 10 minutes in all, of which bid and ask together count twice.
    """

    def __init__(self) -> None:
        self._same = Spacing(15.0)
        self._series: dict[Hashable, Quota] = {}
        self._all = Quota(60, 600.0)

    def book(self, question: Hashable, series: Hashable, now: float, latest: float, weight: int = 1) -> float:
        """Book the earliest instant for `question`, which is one of `series` (contract, exchange, kind of data).

        Raises:
            Busy: it is after `latest`; nothing is booked.
        """
        quota = self._series.get(series)
        if quota is None:
            self._make_room(now)
            quota = self._series[series] = Quota(5, 2.0)
        allowed = max(self._same.earliest(question, now), quota.earliest(now, weight), self._all.earliest(now, weight))
        at = _within(allowed, now, latest, "Interactive Brokers limits requests for small bars")
        self._same.note(question, at, now)
        quota.note(at, weight)
        self._all.note(at, weight)
        return at

    def _make_room(self, now: float) -> None:
        if len(self._series) >= REMEMBERED:
            self._series = {key: quota for key, quota in self._series.items() if not quota.idle(now)}


def _within(at: float, now: float, latest: float, rule: str) -> float:
    """The instant, if it is not too late for the one who asks."""
    if at > latest:
        wait = at - now
        raise Busy(
            f"The request would have to wait {wait:.0f} seconds: {rule}.",
            hint=f"Ask again with a deadline of more than {wait:.0f} seconds.",
            retry_after=round(wait, 1),
        )
    return at
