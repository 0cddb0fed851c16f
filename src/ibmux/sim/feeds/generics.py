"""Generic ticks of all lines: when each is looked at again, and who gets which.

What a number brings is in `genericticks`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ibmux.sim.feeds.genericticks import LIVE_ONLY, TICKS, YIELDS, Facts, make
from ibmux.sim.feeds.lines import Line
from ibmux.sim.feeds.profiles import Profiles

if TYPE_CHECKING:
    from ibmux.sim.catalogue.contracts import ContractDetails
    from ibmux.sim.feeds.channels import Channel
    from ibmux.sim.feeds.views import Views
    from ibmux.sim.world import World

__all__ = ["TICKS", "YIELDS", "Generics"]

REFRESH = 2.0
"""Simulated seconds between two looks at the generic ticks of a contract; the first ones come at once."""
PRICELESS = ("BAG", "NEWS")


class Generics:
    """The generic ticks of all channels."""

    def __init__(self, world: World, views: Views) -> None:
        self._views = views
        self._profiles = Profiles(world)

    def refresh(self, channel: Channel) -> int:
        """Send the generic ticks of a channel that changed, every few seconds. Return how many were sent."""
        now = self._views.moment(delayed=False)
        if not 0 <= now - channel.refreshed < REFRESH:
            channel.refreshed = now
            return self.tell(channel.details, channel.lines, now)
        return 0

    def greet(self, line: Line) -> int:
        """Send a new line its generic ticks. Return how many."""
        return self.tell(line.details, (line,), self._views.moment(delayed=False))

    def tell(self, details: ContractDetails, lines: Iterable[Line], now: float) -> int:
        """Send these lines of a contract the generic ticks that changed. Return how many were sent."""
        asking = [(line, _due(line)) for line in lines]
        every = sorted(set[int]().union(*(wanted for _, wanted in asking)))
        if not every or details.contract.secType in PRICELESS:
            return 0
        facts = Facts(details, self._views, self._profiles.of(details, now), now)
        ticks = {each: make(each, facts) for each in every}
        return sum(line.send_news(tick for each in sorted(wanted) for tick in ticks[each]) for line, wanted in asking)


def _due(line: Line) -> frozenset[int]:
    """The generic ticks that a line gets: what it asked for and may see, and what bonds have without being asked."""
    if line.delayed:
        return line.wanted - LIVE_ONLY
    return line.wanted | {YIELDS} if line.details.bond is not None and line.defaults else line.wanted
