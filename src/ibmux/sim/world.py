"""The simulated world behind a gateway, built once: contracts, prices, history, accounts and the order desk.

The wiring diagram of the simulation's domain; time enters through the clock and `advance`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ibmux.sim.accounts.accounts import Accounts
from ibmux.sim.accounts.advisor import Advisor
from ibmux.sim.accounts.models import Models
from ibmux.sim.catalogue.universe import Universe
from ibmux.sim.companies.bulletins import Bulletins
from ibmux.sim.companies.news import News
from ibmux.sim.companies.scanner import Scanner
from ibmux.sim.events import Event
from ibmux.sim.orders.desk import OrderDesk
from ibmux.sim.prices.bars import History
from ibmux.sim.prices.market import Market
from ibmux.sim.terms import WorldSettings

__all__ = ["World", "WorldSettings"]


class World:
    """Everything that a simulated gateway knows.

    Args:
        settings: how the world behaves.
        clock: gives the present as epoch seconds.
    """

    def __init__(self, settings: WorldSettings, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.universe = Universe(settings.seed, clock)
        self.market = Market(self.universe, clock, settings.always_open)
        self.history = History(self.market, clock)
        now = clock()
        self.accounts = Accounts(settings.accounts, settings.cash, self.universe, self.market, now=now)
        self.desk = OrderDesk(self.universe, self.market, self.accounts, settings, started=now)
        self.advisor = Advisor(settings.accounts, settings.advisor)
        self.desk.use_advisor(self.advisor)
        self.models = Models(settings.models, self.market)
        self.scanner = Scanner(self.universe, self.market)
        self.news = News(self.universe, settings.news)
        self.shown: dict[int, str] = {}
        self.bulletins = Bulletins(settings.seed, settings.bulletins, clock)
        self._today = self.universe.calendar.today("US")

    def advance(self, now: float) -> list[Event]:
        """Let time pass until `now`; what happened, in sending order. A new day starts profits and executions anew."""
        events = self.desk.advance(now)
        today = self.universe.calendar.today("US")
        if today != self._today:
            self._today = today
            self.accounts.roll()
            self.market.roll(now)
            events += self.desk.roll(now)
        return events
