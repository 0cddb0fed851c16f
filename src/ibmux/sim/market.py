"""The market: one shared quote and one path per contract, and what options are worth.

It creates quotes when they are first asked for. It knows nothing of subscriptions, orders or accounts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from ibmux.sim import hours
from ibmux.sim.contracts import ContractDetails
from ibmux.sim.options import Computation
from ibmux.sim.paths import FairPrice
from ibmux.sim.prices import OptionPath, Quote
from ibmux.sim.universe import Universe

BID_OPTION, ASK_OPTION, LAST_OPTION, MODEL_OPTION = 10, 11, 12, 13
UNDEFINED = -2.0


class Market:
    """Live prices of every contract of a universe.

    Args:
        universe: the contracts.
        clock: gives the present as epoch seconds.
    """

    def __init__(self, universe: Universe, clock: Callable[[], float]) -> None:
        self._universe, self._clock = universe, clock
        self._quotes: dict[int, Quote] = {}
        self._paths: dict[int, FairPrice] = {}

    def quote(self, conId: int) -> Quote:
        """The shared quote of a contract; KeyError if there is no such contract."""
        found = self._quotes.get(conId)
        if found is None:
            found = self._quotes[conId] = self._new_quote(conId)
        return found

    def _new_quote(self, conId: int) -> Quote:
        details = self.details(conId)
        rule = self._universe.market_rule(int(details.marketRuleIds.partition(",")[0]))
        steps = rule or ((0.0, details.minTick),)
        return Quote(details, self.path(details), steps, clock=self._clock, seed=self._universe.seed)

    def details(self, conId: int) -> ContractDetails:
        """The contract of that number; KeyError if there is none."""
        details = self._universe.get(conId)
        if details is None:
            raise KeyError(conId)
        return details

    def path(self, details: ContractDetails) -> FairPrice:
        """The fair price of a contract at every instant."""
        conId = details.contract.conId
        found = self._paths.get(conId)
        if found is None:
            found = self._paths[conId] = self._new_path(details)
        return found

    def _new_path(self, details: ContractDetails) -> FairPrice:
        if details.contract.secType != "OPT":
            return self._universe.path(details)
        under = self.path(self.details(details.underConId))
        return OptionPath(under, details, expiry_of(details))

    def roll(self, now: float) -> None:
        """Begin a new day: every quote starts its day's range and volume afresh."""
        for quote in self._quotes.values():
            quote.roll(now)

    def _option(self, conId: int) -> OptionPath | None:
        path = self.path(self.details(conId))
        return path if isinstance(path, OptionPath) else None

    def computations(self, conId: int) -> list[tuple[int, Computation]]:
        """Sensitivities at bid, ask and last price and by the model, as (tickType, values); empty but for options."""
        path = self._option(conId)
        if path is None:
            return []
        now, quote = self._clock(), self.quote(conId)
        spot = self.quote(quote.details.underConId).mid
        prices = [(BID_OPTION, quote.bid), (ASK_OPTION, quote.ask), (LAST_OPTION, quote.last)]
        found = [(kind, _at_price(path, price, spot, now)) for kind, price in prices]
        return [*found, (MODEL_OPTION, path.compute(spot, now))]

    def option_price(self, conId: int, volatility: float, undPrice: float) -> Computation | None:
        """What the option is worth at that volatility and price of the underlying; None for anything but an option."""
        path = self._option(conId)
        return path.compute(undPrice, self._clock(), volatility) if path else None

    def implied_vol(self, conId: int, optPrice: float, undPrice: float) -> Computation | None:
        """The volatility at which the option costs `optPrice`; None for anything but an option, or if there is none."""
        path, now = self._option(conId), self._clock()
        volatility = path.implied(optPrice, undPrice, now) if path else None
        return path.compute(undPrice, now, volatility)._replace(optPrice=optPrice) if path and volatility else None


def expiry_of(details: ContractDetails) -> float:
    """The instant at which an option expires: the regular close of its last day (epoch seconds)."""
    text = details.contract.lastTradeDateOrContractMonth
    day = date(int(text[:4]), int(text[4:6]), int(text[6:]))
    closing = hours.session("US", day, rth=True)
    if closing is None:
        raise ValueError(f"{details.contract.localSymbol} expires on a holiday")
    return closing[1]


def _at_price(path: OptionPath, price: float, spot: float, now: float) -> Computation:
    volatility = path.implied(price, spot, now) if price > 0 else None
    if volatility is None:
        return Computation(UNDEFINED, UNDEFINED, price, 0.0, UNDEFINED, UNDEFINED, UNDEFINED, spot)
    return path.compute(spot, now, volatility)._replace(optPrice=price)
