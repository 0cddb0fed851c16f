"""The figures by which a contract can be scanned: prices, volumes, options and company facts of one moment.

Prices and volumes are the market's, volatilities and options' volumes those of generic ticks. It knows no requests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import date

from ibmux.sim.calendar import hours
from ibmux.sim.catalogue.contracts import ContractDetails
from ibmux.sim.catalogue.universe import Universe
from ibmux.sim.companies import trading
from ibmux.sim.companies.company import Company, company
from ibmux.sim.companies.trading import HISTORICAL, IMPLIED, OptionTrade, option_trade
from ibmux.sim.prices.market import Market

DAY = 86_400.0
REACH_SAMPLES = 26
YEAR_ROOT = math.sqrt(252)
"""An ordinary day moves by a year's volatility over the root of its trading days."""
FUNDS = frozenset({"ETF", "ETN", "ETC"})
Figure = float | str | None
"""A figure of a contract; None where it has none."""


class Sight:
    """One contract at one moment."""

    __slots__ = (
        "_market", "_share", "_tape", "_venue", "company", "details", "has_options", "now", "price", "quote", "seed",
    )  # fmt: skip

    def __init__(self, market: Market, universe: Universe, details: ContractDetails, now: float) -> None:
        self.details, self.now, self._market, self.seed = details, now, market, universe.seed
        self.has_options = trading.has_options(universe, details)
        self.quote, self._tape = market.quote(details.contract.conId), market.tape(details.contract.conId)
        self.price = self.quote.last
        is_company = details.contract.secType == "STK" and details.stockType not in FUNDS
        self.company: Company | None = company(details, self.seed) if is_company else None
        self._venue = details.venue
        day = hours.local_date(self._venue, now)
        self._share = session_share(self._venue, day, now)

    @property
    def today(self) -> date:
        """The trading day that the moment belongs to."""
        return hours.local_date(self._venue, self.now)

    def change(self) -> Figure:
        """Percent since the previous close."""
        return 100.0 * (self.price / self.quote.close - 1.0)

    def since_open(self) -> Figure:
        """Percent since today's open."""
        return 100.0 * (self.price / self.quote.open - 1.0)

    def gap(self) -> Figure:
        """Percent between the previous close and today's open."""
        return 100.0 * (self.quote.open / self.quote.close - 1.0)

    def after_hours(self) -> Figure:
        """Percent since the end of the last regular session; None while one is on."""
        if hours.is_open(self._venue, self.now, rth=True):
            return None
        closed = hours.previous_session(self._venue, self.now)[1]
        return 100.0 * (self.price / self._tape.mid(closed) - 1.0)

    def day_range(self) -> Figure:
        """Today's highest less its lowest price."""
        return self.quote.high - self.quote.low

    def volume(self) -> Figure:
        """What has been traded today; None for what is not traded."""
        return self.quote.volume if self.details.dailyVolume else None

    def average_volume(self) -> Figure:
        """What is traded on an average day (generic tick 165)."""
        return trading.average_volume(self._market, self.details, self.now) or None

    def turnover(self) -> Figure:
        """Today's volume in USD."""
        return self.dollars(self.volume())

    def dollars(self, quantity: Figure) -> Figure:
        """What that quantity of the contract is worth in USD."""
        if not isinstance(quantity, float | int):
            return None
        return quantity * self.price * self.details.multiplier * self.details.currencyRate

    def relative_volume(self) -> Figure:
        """Today's volume as a multiple of what is usual by this time of the day."""
        usual = self.details.dailyVolume * self._share
        volume = self.volume()
        return volume / usual if usual and isinstance(volume, float | int) else None

    def rate(self, figure: Figure) -> Figure:
        """A figure of the day per minute of the session so far."""
        found = hours.session(self._venue, self.today)
        if found is None or self.now <= found[0]:  # the last session's day is still shown
            found = hours.previous_session(self._venue, self.now, rth=False)
        if not isinstance(figure, float | int):
            return None
        return figure / max(1.0, (min(self.now, found[1]) - found[0]) / 60.0)

    def trades(self) -> Figure:
        """How many trades there were today."""
        if not self._tape.activity.trades:
            return None
        begun = hours.session(self._venue, self.today)
        if begun is None or self.now <= begun[0]:
            begun = hours.previous_session(self._venue, self.now, rth=False)
        return self._tape.activity.count(int(begun[0]), int(min(self.now, begun[1])))

    def relative(self, figure: Figure) -> Figure:
        """A change in percent as a multiple of an ordinary day's, without its sign."""
        if not isinstance(figure, float | int):
            return None
        return abs(figure) / (100.0 * self.details.volatility / YEAR_ROOT)

    def reach(self, weeks: int) -> Figure:
        """Where the price lies between the lowest (0) and the highest (100) of so many weeks."""
        span = weeks * 7 * DAY
        seen = [self._tape.at(self.now - span * step / REACH_SAMPLES) for step in range(REACH_SAMPLES + 1)]
        low, high = min(*seen, self.price), max(*seen, self.price)
        return 100.0 * (self.price - low) / (high - low) if high > low else None

    def implied_volatility(self) -> Figure:
        """Of the options on it, per year (generic tick 106); None if there are none."""
        return self._volatility(IMPLIED) if self.has_options else None

    def _volatility(self, kind: str, before: int = 0) -> float | None:
        return trading.volatility(self._market, self.details, kind, self.now, before=before)

    def volatility_against(self, kind: str, before: int = 0) -> Figure:
        """The implied volatility in percent of another one, or of itself so many sessions ago."""
        implied, other = self.implied_volatility(), self._volatility(kind, before)
        return 100.0 * implied / other if isinstance(implied, float) and other else None

    def volatility_change(self) -> Figure:
        """How far the implied volatility is from that of the session before, in percent."""
        found = self.volatility_against(IMPLIED, 1)
        return found - 100.0 if isinstance(found, float) else None

    def of_options(self, figure: Callable[[OptionTrade], Figure]) -> Figure:
        """A figure of the day's options; None where there are none."""
        found: Figure = figure(option_trade(self.details, self.seed, self.today)) if self.has_options else None
        return found

    def option_volume(self) -> Figure:
        """Options traded today (generic tick 100)."""
        return self.of_options(lambda options: round(options.volume * self._share))

    def of_company(self, figure: Callable[[Company], Figure]) -> Figure:
        """A figure of the company; None for funds and what is no share."""
        found: Figure = figure(self.company) if self.company is not None else None
        return found

    def market_cap(self) -> Figure:
        """In millions of the share's currency; of a fund, its assets."""
        if self.company is not None:
            return self.company.market_cap(self.price)
        return self.details.dailyVolume * self.price * 20 / 1e6 if self.details.contract.secType == "STK" else None

    def market_cap_usd(self) -> Figure:
        """In millions of dollars."""
        cap = self.market_cap()
        return cap * self.details.currencyRate if isinstance(cap, float | int) else None

    def earnings_distance(self, ahead: bool) -> Figure:
        """Days to the next report of earnings, or from the last."""
        if self.company is None:
            return None
        found = self.company.quarters(self.today, 0 if ahead else 1, 1 if ahead else 0)
        return abs((found[0].reported - self.today).days) if found else None

    def stock_types(self) -> Iterable[str]:
        """The names by which a filter on the type of a stock knows it."""
        kind = self.details.stockType
        yield "ETF" if kind in FUNDS else "CORP" if kind in {"COMMON", ""} else kind
        if kind not in FUNDS:
            yield "STOCK"


def session_share(venue: str, day: date, now: float) -> float:
    """Which part of the session that quotes show is over: 1 from its end until the next one begins."""
    found = hours.session(venue, day)
    if found is None or now <= found[0]:
        return 1.0
    return min(1.0, (now - found[0]) / (found[1] - found[0]))


METRICS: dict[str, Callable[[Sight], Figure]] = {
    "symbol": lambda sight: sight.details.contract.symbol,
    "price": lambda sight: sight.price,
    "priceUsd": lambda sight: sight.price * sight.details.currencyRate,
    "change": Sight.change,
    "sinceOpen": Sight.since_open,
    "gap": Sight.gap,
    "afterHours": Sight.after_hours,
    "range": Sight.day_range,
    "relativeChange": lambda sight: sight.relative(sight.change()),
    "relativeRange": lambda sight: sight.relative(100.0 * float(sight.day_range() or 0.0) / sight.price),
    "volume": Sight.volume,
    "averageVolume": Sight.average_volume,
    "turnover": Sight.turnover,
    "averageTurnover": lambda sight: sight.dollars(sight.average_volume()),
    "relativeVolume": Sight.relative_volume,
    "volumeRate": lambda sight: sight.rate(sight.volume()),
    "trades": Sight.trades,
    "tradeRate": lambda sight: sight.rate(sight.trades()),
    "notOpen": lambda sight: None if sight.quote.volume else 1.0,
    "halted": lambda sight: None,
    "impliedVolatility": Sight.implied_volatility,
    "volatilityChange": Sight.volatility_change,
    "volatilityRatio": lambda sight: sight.volatility_against(HISTORICAL),
    "optionVolume": Sight.option_volume,
    "averageOptionVolume": lambda sight: sight.of_options(lambda options: options.average),
    "relativeOptionVolume": lambda sight: sight.of_options(lambda options: options.volume / options.average),
    "openInterest": lambda sight: sight.of_options(lambda options: options.interest),
    "putCallVolume": lambda sight: sight.of_options(lambda options: options.puts / max(1, options.calls)),
    "putCallInterest": lambda sight: sight.of_options(lambda options: options.openPuts / max(1, options.openCalls)),
    "of13Weeks": lambda sight: sight.reach(13),
    "of26Weeks": lambda sight: sight.reach(26),
    "of52Weeks": lambda sight: sight.reach(52),
    "marketCap": Sight.market_cap,
    "marketCapUsd": Sight.market_cap_usd,
    "priceEarnings": lambda sight: sight.of_company(lambda it: sight.price / it.earnings if it.earnings else None),
    "priceBook": lambda sight: sight.of_company(lambda it: sight.price / it.book if it.book else None),
    "growth": lambda sight: sight.of_company(lambda it: 100.0 * it.growth),
    "returnOnEquity": lambda sight: sight.of_company(lambda it: it.roe),
    "quickRatio": lambda sight: sight.of_company(lambda it: it.quickRatio),
    "dividendYield": lambda sight: sight.of_company(lambda it: 100.0 * it.dividend / sight.price),
    "daysToEarnings": lambda sight: sight.earnings_distance(ahead=True),
    "daysFromEarnings": lambda sight: sight.earnings_distance(ahead=False),
}
