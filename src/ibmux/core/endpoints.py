"""Which of a gateway's endpoints is tried next: in the order of the settings, and home again. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from ibmux.places import Endpoint


class Route:
    """The endpoints of one gateway, the first one is home; `current` is used, or tried next.

    A fallback that turned out to be another login is `ruled_out` until a person says `forgive`. A port that the gateway
    moved to (1300) is tried after all others, until one of them serves again.
    """

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self.endpoints = tuple(endpoints)
        self.ruled_out: dict[Endpoint, str] = {}
        self.current = self.endpoints[0]
        self._new_port: Endpoint | None = None
        self._origin = self.endpoints[0]

    def __repr__(self) -> str:
        return f"<Route at {self.current} of {', '.join(map(str, self.endpoints))}>"

    @property
    def home(self) -> Endpoint:
        """The first one of the settings."""
        return self.endpoints[0]

    @property
    def moved(self) -> bool:
        """Whether the current one is a port that the gateway itself moved to."""
        return self.current not in self.endpoints

    @property
    def away(self) -> bool:
        """Whether the current one is a fallback, or a port that a fallback moved to."""
        return (self._origin if self.moved else self.current) in self.endpoints[1:]

    def open(self) -> list[Endpoint]:
        """All that may be tried, home first."""
        known = [*self.endpoints, *([self._new_port] if self._new_port else [])]
        return [each for each in known if each not in self.ruled_out]

    def advance(self) -> Endpoint:
        """The current one failed: the next in the order, after the last one the first."""
        allowed = self.open()
        at = allowed.index(self.current) + 1 if self.current in allowed else 0
        self.current = allowed[at % len(allowed)]
        return self.current

    def move(self, port: int) -> Endpoint:
        """The gateway listens on another port from now on (1300)."""
        if not self.moved:
            self._origin = self.current
        self.current = Endpoint(self.current.host, port)
        self._new_port = self.current if self.moved else None
        return self.current

    def served(self) -> None:
        """The current one serves: if it is one of the settings, a port that the gateway had moved to is forgotten."""
        if not self.moved:
            self._new_port = None

    def rule_out(self, endpoint: Endpoint, reason: str) -> None:
        """It is another login: never try it again by itself. Home cannot be ruled out."""
        if endpoint != self.home:
            self.ruled_out[endpoint] = reason

    def forgive(self) -> None:
        """A person says: try all of them."""
        self.ruled_out.clear()
