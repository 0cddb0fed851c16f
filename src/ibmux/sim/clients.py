"""Who may connect and how fast they may speak: the registry of clientIds and the meter of one client's messages.

Decisions only; the caller gives the time in seconds of any steady clock.
"""

from __future__ import annotations

import math


class ClientIds:
    """Which clientIds are in use. One stays in use for `linger` seconds after its connection ended."""

    def __init__(self, linger: float, limit: int) -> None:
        self.linger = linger
        self.limit = limit
        self._until: dict[int, float] = {}

    def claim(self, client_id: int, now: float) -> str:
        """Take the id. Return "" if it was free, "used" if it is in use, "full" if too many clients are connected."""
        self._until = {known: until for known, until in self._until.items() if until > now}
        if client_id in self._until:
            return "used"
        if len(self.connected()) >= self.limit:
            return "full"
        self._until[client_id] = math.inf
        return ""

    def release(self, client_id: int, now: float) -> None:
        """Note the end of the connection that held the id."""
        self._until[client_id] = now + self.linger

    def connected(self) -> list[int]:
        """Return the ids that hold a connection now."""
        return sorted(client_id for client_id, until in self._until.items() if until == math.inf)


class Meter:
    """Counts one client's messages: `limit` a second on average, with bursts up to `limit`.

    A breach is a second in which messages had to be refused; the third ends the session (IBKR, pacing limitations).
    A flood of ten times the limit inside one second is a further breach.
    """

    BREACHES = 3

    def __init__(self, limit: int, now: float) -> None:
        self.limit = limit
        self.breaches = 0
        self.refused = 0
        self._tokens = float(limit)
        self._last = now
        self._breach_ends = -math.inf

    def admit(self, now: float) -> bool:
        """Count one message. Return whether it may pass; if not, `breaches` may have grown."""
        self._tokens = min(self.limit, self._tokens + (now - self._last) * self.limit)
        self._last = now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return True
        self.refused += 1
        if now >= self._breach_ends or self.refused > 10 * self.limit:
            self.breaches += 1
            self.refused = 1
            self._breach_ends = now + 1.0
        return False

    @property
    def exhausted(self) -> bool:
        """Whether the session is to be ended."""
        return self.breaches >= self.BREACHES
