"""Which of a gateway's endpoints is tried next: in the order of the settings, and home again. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from ibmux.places import Endpoint


class Route:
    """The endpoints of one gateway, the first one is home; `current` is used, or tried next.

    A fallback that turned out to be another login is `ruled_out` until a person says `forgive`.
    """

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self.endpoints = tuple(endpoints)
        self.ruled_out: dict[Endpoint, str] = {}
        self.current = self.endpoints[0]

    def __repr__(self) -> str:
        return f"<Route at {self.current} of {', '.join(map(str, self.endpoints))}>"

    @property
    def home(self) -> Endpoint:
        """The first one of the settings."""
        return self.endpoints[0]

    @property
    def away(self) -> bool:
        """Whether the current one is a fallback; a port that the gateway itself moved to is none."""
        return self.current in self.endpoints[1:]

    def open(self) -> list[Endpoint]:
        """All that may be tried, home first."""
        return [each for each in self.endpoints if each not in self.ruled_out]

    def advance(self) -> Endpoint:
        """The current one failed: the next in the order, after the last one the first. A port that the gateway had
        moved to is forgotten.
        """
        allowed = self.open()
        at = allowed.index(self.current) + 1 if self.current in allowed else 0
        self.current = allowed[at % len(allowed)]
        return self.current

    def move(self, port: int) -> Endpoint:
        """The gateway listens on another port from now on (1300)."""
        self.current = Endpoint(self.current.host, port)
        return self.current

    def rule_out(self, endpoint: Endpoint, reason: str) -> None:
        """It is another login: never try it again by itself. Home cannot be ruled out."""
        if endpoint != self.home:
            self.ruled_out[endpoint] = reason

    def forgive(self) -> None:
        """A person says: try all of them."""
        self.ruled_out.clear()
