"""Numbers that stand for topics towards clients that allow it (topic aliases, section 3.3.2.3.4).

A topic has the same number for every client, so that clients that know it share the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable

HIGHEST = 4096
"""Numbers given out; later topics go by their names."""


class AliasBook:
    """The numbers of topics; only streams get one, for a topic used once gains nothing.

    Args:
        is_stream: whether a topic is published to again and again.
    """

    def __init__(self, is_stream: Callable[[str], bool]) -> None:
        self._numbers: dict[str, int] = {}
        self._is_stream = is_stream

    def number(self, topic: str) -> int:
        """The alias of a topic, 0 if it has none."""
        number = self._numbers.get(topic)
        if number is None:
            if len(self._numbers) >= HIGHEST or not self._is_stream(topic):
                return 0
            number = self._numbers[topic] = len(self._numbers) + 1
        return number
