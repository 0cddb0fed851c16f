"""The filters of a ticker's ticks that ib_async has on `updateEvent`. Knows tick types, nothing of streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ibmux.client.events import Event, Owner

BIDS = frozenset({0, 1, 66, 69})
ASKS = frozenset({2, 3, 67, 70})
TRADES = frozenset({4, 5, 48, 68, 71})
"""Interactive Brokers' tick types of prices and sizes, live and delayed; 48 is time and sales."""


class TickerEvent(Event):
    """A ticker's `updateEvent`. Each filter is an event of its own that emits `(time, price, size)` for each tick."""

    __slots__ = ("_filters",)

    def __init__(self, name: str, owner: Owner | None = None) -> None:
        super().__init__(name, owner)
        self._filters: dict[str, Event] = {}

    def clear(self) -> None:
        """Forget every handler, and every filter."""
        super().clear()
        self._filters = {}

    def trades(self) -> Event:
        """Trades."""
        return self._ticks("trades", TRADES)

    def bids(self) -> Event:
        """Changes of the bid."""
        return self._ticks("bids", BIDS)

    def asks(self) -> Event:
        """Changes of the ask."""
        return self._ticks("asks", ASKS)

    def bidasks(self) -> Event:
        """Changes of bid and ask."""
        return self._ticks("bidasks", BIDS | ASKS)

    def midpoints(self) -> Event:
        """The mean of bid and ask after each batch of ticks; its size is 0."""

        def begin(found: Event) -> Callable[[Any], None]:
            def filtered(ticker: Any) -> None:
                if ticker.ticks:
                    found.emit(ticker.time, ticker.midpoint(), 0)

            return filtered

        return self._filter("midpoints", begin)

    def _ticks(self, name: str, kinds: frozenset[int]) -> Event:
        def begin(found: Event) -> Callable[[Any], None]:
            def filtered(ticker: Any) -> None:
                for tick in ticker.ticks:
                    if tick.tickType in kinds:
                        found.emit(tick.time, tick.price, tick.size)

            return filtered

        return self._filter(name, begin)

    def _filter(self, name: str, begin: Callable[[Event], Callable[[Any], None]]) -> Event:
        """The filter of this name: made once, so that asking for it again costs nothing."""
        found = self._filters.get(name)
        if found is None:
            found = self._filters[name] = Event(f"{self.name}.{name}", self._owner)
            self.connect(begin(found))
        return found
