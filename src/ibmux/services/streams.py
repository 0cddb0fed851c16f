"""Shared streams that are no quotes: what comes of a feed goes out as it comes, one encode for all who read it.

One table for each kind that Interactive Brokers limits by itself; what to ask for is in `ticks`, `depth` and `bars`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ibmux import topics
from ibmux.config import GatewaySettings
from ibmux.core.leases import Demands
from ibmux.errors import GatewayError
from ibmux.services.contracts import Contracts
from ibmux.services.leased import ContractStream, Leased
from ibmux.services.publisher import Publisher
from ibmux.session.feed import Feed

if TYPE_CHECKING:
    from ibmux.session import Session

Wrap = Callable[[int, int, float, list[Any]], Any]
"""Makes a message of epoch, number of its first item, time and items."""


class Means(NamedTuple):
    """What every service of streams works with; `leases` is how many a running copy of a script may hold."""

    session: Session
    publisher: Publisher
    contracts: Contracts
    settings: GatewaySettings
    leases: int


class Key(NamedTuple):
    """A stream: a contract, and the name of the stream in its topic."""

    conId: int
    name: str


class Stream(ContractStream):
    """One open stream: its feed upstream, its topic, and how its messages are made."""

    __slots__ = ("feed", "publisher", "topic", "wrap")

    def __init__(self, publisher: Publisher, key: Key, feed: Feed, wrap: Wrap) -> None:
        super().__init__(feed.contract)
        self.publisher = publisher
        self.topic = topics.market(publisher.gateway, *key)
        self.feed = feed
        feed.name = key.name
        self.wrap = wrap

    def publish(self, items: list[Any]) -> None:
        """The hot path: every item of one read of the socket, in one message."""
        publisher = self.publisher
        publisher.stream(self.topic, self.wrap(publisher.epoch, self.seq, publisher.clock(), items), len(items))
        self.seq += len(items)

    def skip(self) -> None:
        """Items may have been missed: a hole in the numbers tells the readers."""
        self.seq += 1


class Streams(Leased[Key, Stream]):
    """The streams of one kind.

    Args:
        room: how many may be open at once.
        full: the error beyond.
    """

    def __init__(self, means: Means, room: Callable[[], int], full: Callable[[], GatewayError]) -> None:
        super().__init__(means.settings, means.leases)
        self.session = means.session
        self._room, self._full = room, full
        self.refit: Callable[[Feed, Demands], bool] = lambda _feed, _demands: False

    async def start(
        self, key: Key, stream: Stream, demands: Demands, *, again: bool, deadline: float, script: str
    ) -> None:
        """Open the feed, or change it to what is demanded now."""
        changed = self.refit(stream.feed, demands)
        if again:
            if changed:
                self.session.renew_stream(stream.feed)
            return
        stream.feed.deliver, stream.feed.broken = stream.publish, stream.skip
        await self.session.open_stream(stream.feed, deadline=deadline, script=script)

    def keep(self, stream: Stream) -> None:
        """A change of a feed is asked for when its turn comes, and does not fail."""

    async def stop(self, key: Key, stream: Stream) -> None:
        """End the feed."""
        self.session.close_stream(stream.feed)

    def room(self) -> int:
        """As IB's limits say."""
        return self._room()

    def full(self) -> GatewayError:
        """IB's limit is reached."""
        return self._full()
