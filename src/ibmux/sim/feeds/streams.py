"""Streams beside quotes: tick-by-tick data, books, real-time bars. Owns which are open and lets each catch up in time.

What a stream sends is its own business; here are the registry, the polling and the faults that end them.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Hashable
from typing import TYPE_CHECKING, Any, ClassVar

from ibmux.sim.feeds.permissions import concerns

if TYPE_CHECKING:
    from ibmux.sim.catalogue.contracts import ContractDetails
    from ibmux.sim.clients.client import Client
    from ibmux.sim.feeds.views import Views
    from ibmux.sim.server import SimulatedGateway

MOST_REMEMBERED = 1000
"""Beginnings of streams that are remembered for the limits on new ones."""
POLL = 0.05
"""Real seconds between two looks at what is new."""


class Shared:
    """What several streams need at one moment, computed once."""

    def __init__(self, views: Views, now: float) -> None:
        self.views, self.now = views, now
        self._known: dict[Hashable, Any] = {}

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The value of `key`; `make` gives it the first time."""
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]


class Stream(ABC):
    """One request that goes on until it is cancelled."""

    kind: ClassVar[str]

    def __init__(self, client: Client, req_id: int, details: ContractDetails) -> None:
        self.client, self.req_id, self.details = client, req_id, details
        self.dead = False

    def __repr__(self) -> str:
        state = " dead" if self.dead else ""
        return f"{type(self).__name__}({self.req_id} {self.details.contract.localSymbol}{state})"

    @property
    def con_id(self) -> int:
        """The contract's number."""
        return self.details.contract.conId

    @abstractmethod
    def advance(self, shared: Shared) -> None:
        """Send what is new at `shared.now`."""

    @abstractmethod
    def skip(self, now: float) -> None:
        """Go on from `now`: what was before is not sent."""


class Streams:
    """All streams of a gateway but quotes."""

    def __init__(self, gateway: SimulatedGateway, views: Views) -> None:
        self._gateway, self.views = gateway, views
        self._open: list[Stream] = []
        self._begun: deque[tuple[float, str, int]] = deque(maxlen=MOST_REMEMBERED)
        self._polled = 0.0

    def of(self, kind: str) -> list[Stream]:
        """The open streams of a kind, over all clients."""
        return [stream for stream in self._open if stream.kind == kind]

    def bars(self) -> int:
        """How many market-data lines the streams take: real-time bars take one each."""
        return sum(stream.kind == "bars" for stream in self._open)

    def add(self, stream: Stream) -> None:
        """Let the stream run from now on."""
        stream.client.streams[stream.req_id] = stream
        self._open.append(stream)
        self._begun.append((time.monotonic(), stream.kind, stream.con_id))

    def begun(self, kind: str, within: float) -> list[int]:
        """The contracts of the streams of a kind that were opened in the last so many real seconds."""
        since = time.monotonic() - within
        return [con_id for when, known, con_id in self._begun if known == kind and when > since]

    def remove(self, stream: Stream) -> None:
        """End the stream."""
        stream.client.streams.pop(stream.req_id, None)
        if stream in self._open:
            self._open.remove(stream)

    def drop(self, client: Client) -> None:
        """End all streams of a client."""
        for stream in list(client.streams.values()):
            self.remove(stream)

    def pump(self, real_now: float) -> None:
        """Let every stream catch up, if it is time (`real_now`: seconds of a steady clock)."""
        if real_now - self._polled < POLL:
            return
        self._polled = real_now
        shared = Shared(self.views, self._gateway.clock.now())
        for stream in self._open:
            if not stream.dead:
                stream.advance(shared)

    def skip(self) -> None:
        """Let every stream go on from now."""
        for stream in self._open:
            stream.skip(self._gateway.clock.now())

    def end_all(self, code: int, text: str) -> None:
        """End every stream with an error."""
        for stream in list(self._open):
            self.remove(stream)
            stream.client.error(stream.req_id, code, text)

    def silence(self, venues: Collection[str] | None) -> None:
        """Let streams (of these venues, or all) send nothing more; they stay open until they are cancelled."""
        for stream in self._open:
            stream.dead = stream.dead or venues is None or concerns(venues, stream.details)

    def deaden(self, wanted: str) -> int:
        """Let streams of a kind or of a symbol (in lower case), or `all`, send nothing more. Return how many."""
        dying = [
            stream for stream in self._open if wanted in ("all", stream.kind, stream.details.contract.symbol.casefold())
        ]
        for stream in dying:
            stream.dead = True
        return len(dying)

    def reset_books(self) -> None:
        """Let every book begin anew: error 317, then all rows again."""
        for stream in self.of("depth"):
            stream.client.error(stream.req_id, 317, RESET)
            stream.skip(self._gateway.clock.now())


RESET = "Market depth data has been RESET. Please empty deep book contents before applying any new entries."
