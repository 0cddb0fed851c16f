"""A combination's quotes on their way to its lines: bid and ask as the quotes of its legs make them.

A combination has no trades of its own; what it costs is the business of `combos`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibmux.sim.feeds.channels import Channel
from ibmux.sim.feeds.lines import Line, to_ticks
from ibmux.sim.orders import combos
from ibmux.sim.prices.quote import ASK, ASK_SIZE, BID, BID_SIZE

if TYPE_CHECKING:
    from ibmux.sim.catalogue.contracts import ContractDetails
    from ibmux.sim.feeds.views import Views
    from ibmux.sim.orders.combos import ComboQuote
    from ibmux.sim.prices.quote import Change


class ComboChannel(Channel):
    """The lines that show one combination, live or delayed."""

    def __init__(self, details: ContractDetails, parts: tuple[combos.Part, ...], delayed: bool, views: Views) -> None:
        super().__init__(details, delayed, views)
        self._parts = parts
        self._shown: ComboQuote | None = None

    def step(self, stamped: bool) -> int:
        """Tell the lines what changed. Return the number of ticks sent."""
        ticks = to_ticks(self._changes())
        return sum(line.send(ticks) for line in self.lines if line.defaults) if ticks else 0

    def _changes(self) -> list[Change]:
        """What changed since the last look; nothing while a leg has no price."""
        now, before = combos.quote(self._views.market(self.delayed), self._parts), self._shown
        if not now.valid or now == before:
            return []
        self._shown = now
        changes: list[Change] = []
        if before is None or now.bid != before.bid:
            changes.append((BID, now.bid, now.bidSize))
        elif now.bidSize != before.bidSize:
            changes.append((BID_SIZE, 0.0, now.bidSize))
        if before is None or now.ask != before.ask:
            changes.append((ASK, now.ask, now.askSize))
        elif now.askSize != before.askSize:
            changes.append((ASK_SIZE, 0.0, now.askSize))
        return changes

    def greet(self, line: Line) -> int:
        """Send both sides as they stand, as a new line starts. Return the number of ticks."""
        quote = combos.quote(self._views.market(self.delayed), self._parts)
        if not line.defaults or not quote.valid:
            return 0
        return line.send(to_ticks([(BID, quote.bid, quote.bidSize), (ASK, quote.ask, quote.askSize)]))
