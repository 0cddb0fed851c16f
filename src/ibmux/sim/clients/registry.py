"""Who may connect and how fast they may speak: the registry of clientIds and the meter of one client's messages.

Decisions only; the caller gives the time in seconds of any steady clock.
"""

from __future__ import annotations

import math

REFUSALS = {
    "used": (326, "Unable to connect as the client id is already in use. Retry with a unique client id."),
    "full": (502, "Couldn't connect: the maximum of {} API connections is reached."),
}
"""What a client is told that may not come in: code and text by what `claim` returned."""


class ClientIds:
    """Which clientIds are in use. One stays in use for `linger` seconds after its connection ended."""

    def __init__(self, linger: float, limit: int) -> None:
        self.linger = linger
        self.limit = limit
        self._until: dict[int, float] = {}
        self._stuck: set[int] = set()

    def claim(self, client_id: int, now: float) -> str:
        """Take the id. Return "" if it was free, "used" if it is in use, "full" if too many clients are connected."""
        if client_id in self._stuck:
            return "used"
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

    def stick(self, client_id: int) -> None:
        """Let the id stay in use, whoever holds it, until `free`."""
        self._stuck.add(client_id)

    def unstick(self, client_id: int) -> None:
        """Let the id be free again: it neither sticks nor lingers."""
        self._stuck.discard(client_id)
        if self._until.get(client_id) != math.inf:
            self._until.pop(client_id, None)

    def free(self) -> None:
        """End everything that keeps ids in use beside connections: stuck ones and those that linger."""
        self._stuck.clear()
        self._until = {known: until for known, until in self._until.items() if until == math.inf}

    def connected(self) -> list[int]:
        """Return the ids that hold a connection now."""
        return sorted(client_id for client_id, until in self._until.items() if until == math.inf)


class Meter:
    """Counts one client's messages: `limit` a second on average, with bursts up to `limit`.

    A breach is a second in which messages had to be refused; the third (`most`) ends the session (IBKR, pacing
    limitations).
    A flood of ten times the limit inside one second is a further breach.
    """

    BREACHES = 3

    def __init__(self, limit: int, now: float, most: int = BREACHES) -> None:
        self.limit = limit
        self.most = most
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
        return self.breaches >= self.most
