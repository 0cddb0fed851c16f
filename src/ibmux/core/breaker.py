"""When trading stops by itself: too many rejections at once, or too large a loss. Pure; times are the caller's."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from math import isfinite


@dataclass(slots=True)
class Burst:
    """Rejections within a window of seconds; `limit` 0 means that no number is too many."""

    limit: int
    window: float
    times: deque[float] = field(default_factory=deque)

    def strike(self, now: float) -> bool:
        """One more; whether that is too many."""
        if not self.limit:
            return False
        self.times.append(now)
        while self.times[0] <= now - self.window:
            self.times.popleft()
        return len(self.times) >= self.limit

    def clear(self) -> None:
        """Begin anew: a person looked at it."""
        self.times.clear()


@dataclass(slots=True)
class LossWatch:
    """The daily profit and loss of a login's accounts, added up; `limit` 0 means that no loss is too large.

    Attributes:
        base: where the loss is counted from: 0, or after a person's `resume` where it stood then. It rises with the
            account, up to 0, so that the next day begins at 0 by itself.
        known: the profit of each account, as last told.
        complete: whether that of every account is known.
        accepted: whether a person accepted a loss that was not known yet.
    """

    limit: float
    base: float = 0.0
    known: dict[str, float] = field(default_factory=dict)
    complete: bool = False
    accepted: bool = False

    @property
    def total(self) -> float:
        """The sum of what is known."""
        return sum(self.known.values())

    def saw(self, account: str, daily: float, accounts: Collection[str]) -> bool:
        """One account's profit of the day (NaN: not known); whether the loss of all is too large.

        Nothing is judged before each of the `accounts` is known.
        """
        if not self.limit or not isfinite(daily):
            return False
        self.known[account] = daily
        self.complete = all(each in self.known for each in accounts)
        if not self.complete:
            return False
        if self.accepted:
            self.accept()
        self.base = min(0.0, max(self.base, self.total))
        return self.total < self.base - self.limit

    def accept(self) -> None:
        """A person has seen the loss as it stands, or as it will be when it is known, and goes on from there."""
        self.accepted = not self.complete
        if self.complete:
            self.base = min(0.0, self.total)
