"""The market at two moments: now, and fifteen minutes ago for those who have no subscription.

Both are the same market, with another clock, so that delayed data are what live data were. It knows nothing of lines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ibmux.sim.calendar import hours
from ibmux.sim.feeds.permissions import DELAY
from ibmux.sim.prices.market import Market

if TYPE_CHECKING:
    from ibmux.sim.catalogue.contracts import ContractDetails
    from ibmux.sim.catalogue.universe import Universe
    from ibmux.sim.prices.bars import Bar

AUCTION = 600.0
"""Seconds before an auction from which on exchanges publish it."""


class Views:
    """Markets by moment.

    Args:
        live: the market as it is now.
        universe: its contracts.
        clock: gives the present as epoch seconds.
        always_open: markets never close.
    """

    def __init__(self, live: Market, universe: Universe, clock: Callable[[], float], *, always_open: bool) -> None:
        self.live = live
        self._universe, self._clock, self._always_open = universe, clock, always_open
        self.late = Market(universe, self.late_clock, always_open)

    def late_clock(self) -> float:
        """The moment that delayed data show."""
        return self._clock() - DELAY

    def moment(self, delayed: bool) -> float:
        """The moment that a line shows."""
        return self.late_clock() if delayed else self._clock()

    def is_open(self, details: ContractDetails, delayed: bool = False) -> bool:
        """Whether the contract's exchange trades at the moment that a line shows."""
        return self._always_open or hours.is_open(details.venue, self.moment(delayed))

    def is_open_at(self, details: ContractDetails, instant: float, rth: bool = False) -> bool:
        """Whether the contract trades at `instant`; `rth`: in regular hours."""
        return self._always_open or hours.is_open(details.venue, instant, rth)

    def market(self, delayed: bool) -> Market:
        """The market that a line shows; where hours are kept, its quotes stand at the last close while it is closed."""
        return self.late if delayed else self.live

    def day_bar(self, details: ContractDetails, now: float) -> Bar:
        """The trades of the present session so far."""
        return self.live.tape(details.contract.conId).bar(self._day_start(details, now), now, "TRADES")

    def _day_start(self, details: ContractDetails, now: float) -> float:
        today = hours.session(details.venue, hours.local_date(details.venue, now))
        if today is not None and today[0] <= now:
            return today[0]
        return hours.previous_session(details.venue, now, rth=False)[1]

    def past_bar(self, details: ContractDetails, now: float, seconds: float) -> Bar:
        """The trades of the last so many seconds."""
        return self.live.tape(details.contract.conId).bar(now - seconds, now, "TRADES")

    def last_regular(self, details: ContractDetails, now: float) -> float:
        """The last price of the last regular session."""
        start, end = hours.previous_session(details.venue, now)
        return self.live.tape(details.contract.conId).bar(start, end, "TRADES").close

    def last_closes(self, details: ContractDetails, now: float) -> tuple[float, float]:
        """The mid price at the last close, and at the one before."""
        tape = self.live.tape(details.contract.conId)
        last = hours.previous_session(details.venue, now)
        prior = hours.previous_session(details.venue, last[0])
        return round(tape.mid(last[1]), 4), round(tape.mid(prior[1]), 4)

    def is_auction_near(self, details: ContractDetails, now: float) -> bool:
        """Whether the exchange's auction at the open or the close is at most ten minutes away."""
        if self._always_open:
            return True
        today = hours.session(details.venue, hours.local_date(details.venue, now), rth=True)
        return today is not None and any(0 <= moment - now <= AUCTION for moment in today)

    def nearest_future(self, details: ContractDetails) -> ContractDetails | None:
        """The future on an index that expires next; None if there is none."""
        found = [each for each in self._universe.listed() if each.contract.secType == "FUT" and _is_on(each, details)]
        return min(found, key=lambda each: each.contract.lastTradeDateOrContractMonth, default=None)


def _is_on(future: ContractDetails, index: ContractDetails) -> bool:
    """Whether both follow the same price path."""
    return future.salt == index.salt
