"""The last message of each topic, kept for those who subscribe later."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ibmux.mqtt.filters import compile_filter, has_wildcard
from ibmux.mqtt.publication import Publication


class Retained:
    """The retained messages by topic; expired ones are never given out.

    Args:
        capacity: topics kept at most; messages of further topics are not retained.
        clock: seconds, monotonic.
    """

    def __init__(self, capacity: int, clock: Callable[[], float]) -> None:
        self._kept: dict[str, Publication] = {}
        self._capacity = capacity
        self._clock = clock

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def put(self, publication: Publication) -> bool:
        """Keep a message, or clear its topic if the payload is empty; False if there is no room."""
        topic = publication.topic
        if not publication.payload:
            self._kept.pop(topic, None)
            return True
        if topic not in self._kept and len(self._kept) >= self._capacity and not self.sweep():
            return False
        self._kept[topic] = publication
        return True

    def get(self, topic: str) -> Publication | None:
        """The living message of a topic."""
        publication = self._kept.get(topic)
        if publication is None or publication.expiry is None:
            return publication
        left = publication.left(self._clock())
        if left is not None and left <= 0:
            del self._kept[topic]
            return None
        return publication

    def topics(self, pattern: str) -> Iterator[str]:
        """Topics that match, as they stand at the call; some may be gone when their turn comes."""
        if not has_wildcard(pattern):
            return iter((pattern,) if pattern in self._kept else ())
        return filter(compile_filter(pattern), tuple(self._kept))

    def sweep(self) -> int:
        """Remove what has expired; how many that was."""
        now = self._clock()
        dead = [
            topic for topic, kept in self._kept.items() if kept.expiry is not None and kept.expiry <= now - kept.born
        ]
        for topic in dead:
            del self._kept[topic]
        return len(dead)
