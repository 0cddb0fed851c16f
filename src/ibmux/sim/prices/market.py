"""The market: one tape and one shared quote per contract, the book around it, and what options are worth.

It creates quotes when they are first asked for. It knows nothing of subscriptions, orders or accounts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache

from ibmux.sim.calendar import hours
from ibmux.sim.catalogue import futures
from ibmux.sim.catalogue.contracts import ContractDetails
from ibmux.sim.catalogue.universe import Universe
from ibmux.sim.prices import depth, histogram
from ibmux.sim.prices.carried import CarriedMids
from ibmux.sim.prices.course import Course, mix
from ibmux.sim.prices.depth import Level
from ibmux.sim.prices.gradual import Gradual, outcome
from ibmux.sim.prices.ladder import Ladder, Steps
from ibmux.sim.prices.liquidity import has_book, is_option, spread_of
from ibmux.sim.prices.mids import Mids, OptionMids, ScaledMids
from ibmux.sim.prices.quote import Quote
from ibmux.sim.prices.shaken import SHAKEN, ShakenMids
from ibmux.sim.prices.shelf import Shelf
from ibmux.sim.prices.tape import Tape
from ibmux.sim.theory.options import Computation
from ibmux.sim.theory.paths import FairPrice

BID_OPTION, ASK_OPTION, LAST_OPTION, MODEL_OPTION = 10, 11, 12, 13
UNDEFINED = -2.0
VOLATILITY_OF_VOLATILITY = 0.1
QUOTES_KEPT = TAPES_KEPT = 1000
"""Quotes and tapes that are kept though nobody holds them."""
VOLATILITIES_KEPT = 256


class Market:
    """Prices of every contract of a universe.

    Args:
        universe: the contracts.
        clock: gives the present as epoch seconds.
        always_open: quotes move at any hour; otherwise they stand still while their venue is closed.
    """

    def __init__(self, universe: Universe, clock: Callable[[], float], always_open: bool = True) -> None:
        self._universe, self._clock, self._always_open = universe, clock, always_open
        self._quotes: Shelf[Quote] = Shelf(QUOTES_KEPT)
        self._tapes: Shelf[Tape] = Shelf(TAPES_KEPT)
        self._courses: dict[tuple[int, float], Course] = {}
        self._volatility = lru_cache(VOLATILITIES_KEPT)(self._make_volatility)

    def quote(self, conId: int) -> Quote:
        """The shared quote of a contract at the present; KeyError if there is no such contract."""
        found = self._quotes.get(conId)
        if found is None:
            tape = self.tape(conId)
            found = Quote(tape, clock=self._clock, seed=self._universe.seed, always_open=self._always_open)
            self._quotes.put(conId, found)
        else:
            found.look()
        return found

    def tape(self, conId: int) -> Tape:
        """What was quoted and traded in a contract at every instant; KeyError if there is no such contract."""
        found = self._tapes.get(conId)
        if found is None:
            details = self.details(conId)
            found = Tape(details, self._mids(details), self._ladder(details))
            self._tapes.put(conId, found)
        return found

    def _ladder(self, details: ContractDetails) -> Ladder:
        if details.contract.secType == "CFD" and has_book(under := self.details(details.underConId)):
            return self._ladder(under)  # a CFD is quoted as what is under it
        price = 0.0 if is_option(details) else details.price
        return Ladder(self._steps(details), spread_of(details), price, bookless=not has_book(details))

    def _steps(self, details: ContractDetails) -> Steps:
        rule = self._universe.market_rule(int(details.marketRuleIds.partition(",")[0] or 0))
        return rule or ((0.0, details.minTick),)

    def _mids(self, details: ContractDetails) -> Mids:
        key = mix(self._universe.seed * 7919 + details.contract.conId)
        if not is_option(details):
            middle = self._spot(details, key)
            shaken = details.contract.secType in SHAKEN
            return ShakenMids(middle, self._universe.shocks) if shaken else middle
        under = self.tape(details.underConId)
        contract = details.contract
        return OptionMids(
            under.middle, under.ladder, strike=contract.strike, right=contract.right, volatility=details.volatility,
            expiry=expiry_of(details), key=key,
        )  # fmt: skip

    def _spot(self, details: ContractDetails, key: int) -> Mids:
        """The middle price but for shocks: a future's is its spot's with the carry of the days that are left."""
        course = self._course(details.salt, details.volatility)
        delivery = futures.decode(details.contract.conId, self._universe.seed)
        if delivery is None:
            return ScaledMids(course, details.price, key)
        terms = delivery.terms
        return CarriedMids(ScaledMids(course, terms.price, key), terms.carry, details.expires)

    def _course(self, salt: int, volatility: float) -> Course:
        found = self._courses.get((salt, volatility))
        if found is None:
            found = self._courses[salt, volatility] = Course(self._universe.seed, salt, volatility)
        return found

    def volatility(self, conId: int, kind: str) -> Tape:
        """The tape of a contract's historical or implied volatility (`kind` as whatToShow), read as its midpoint."""
        return self._volatility(conId, kind)

    def _make_volatility(self, conId: int, kind: str) -> Tape:
        details = self.details(conId)
        salt = details.salt + 1 + (kind == "HISTORICAL_VOLATILITY")
        middle = ScaledMids(self._course(salt, VOLATILITY_OF_VOLATILITY), details.volatility, mix(salt))
        return Tape(details, middle, Ladder(((0.0, 1e-6),), 0.0, details.volatility, bookless=True))

    def details(self, conId: int) -> ContractDetails:
        """The contract of that number; KeyError if there is none."""
        details = self._universe.get(conId)
        if details is None:
            raise KeyError(conId)
        return details

    def path(self, details: ContractDetails) -> FairPrice:
        """The fair price of a contract at every instant."""
        return self.tape(details.contract.conId)

    def depth(self, conId: int, rows: int, smart: bool) -> tuple[list[Level], list[Level]]:
        """The book of a contract: bids and asks, the best first; see `depth.levels`."""
        return depth.levels(self.quote(conId), rows, smart, self._clock())

    def histogram(self, conId: int, period: str, useRTH: bool) -> list[tuple[float, float]]:
        """Volume by price over a period back from the present (`3 days`); ValueError for an unreadable period."""
        return outcome(self.histogram_steps(conId, period, useRTH))

    def histogram_steps(self, conId: int, period: str, useRTH: bool) -> Gradual[list[tuple[float, float]]]:
        """The same as `histogram`, in steps."""
        return histogram.measure(self.tape(conId), period, useRTH, self._clock())

    def roll(self, now: float) -> None:
        """Bring every quote up to the present; where a trading day has begun by `now`, range and volume begin anew."""
        for quote in self._quotes.values():
            quote.look()

    def _option(self, conId: int) -> OptionMids | None:
        middle = self.tape(conId).middle
        return middle if isinstance(middle, OptionMids) else None

    def computations(self, conId: int) -> list[tuple[int, Computation]]:
        """Sensitivities at bid, ask and last price and by the model, as (tickType, values); empty but for options."""
        option = self._option(conId)
        if option is None:
            return []
        quote = self.quote(conId)
        now = quote.present
        prices = [(BID_OPTION, quote.bid), (ASK_OPTION, quote.ask), (LAST_OPTION, quote.last)]
        found = [(kind, _at_price(option, price, now)) for kind, price in prices]
        return [*found, (MODEL_OPTION, option.compute(now))]

    def option_price(self, conId: int, volatility: float, undPrice: float) -> Computation | None:
        """What the option is worth at that volatility and price of the underlying; None for anything but an option."""
        option = self._option(conId)
        return option.compute(self._clock(), volatility, undPrice) if option else None

    def implied_vol(self, conId: int, optPrice: float, undPrice: float) -> Computation | None:
        """The volatility at which the option costs `optPrice`; None for anything but an option, or if there is none."""
        option, now = self._option(conId), self._clock()
        volatility = option.implied(optPrice, now, undPrice) if option else None
        if option is None or volatility is None:
            return None
        return option.compute(now, volatility, undPrice)._replace(optPrice=optPrice)


def expiry_of(details: ContractDetails) -> float:
    """The instant at which an option expires (epoch seconds): its own, else the regular close of its last day."""
    if details.expires:
        return details.expires
    text = details.contract.lastTradeDateOrContractMonth
    day = date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    closing = hours.session(details.venue, day, rth=True) or hours.session("US", day, rth=True)
    if closing is None:
        raise ValueError(f"{details.contract.localSymbol} expires on a holiday")
    return closing[1]


def _at_price(option: OptionMids, price: float, now: float) -> Computation:
    volatility = option.implied(price, now) if price > 0 else None
    if volatility is None:
        spot = option.spot(now)
        return Computation(UNDEFINED, UNDEFINED, price, 0.0, UNDEFINED, UNDEFINED, UNDEFINED, spot)
    return option.compute(now, volatility)._replace(optPrice=price)
