"""The figures by which a contract can be scanned: prices, volumes, options and company facts of one moment.

Prices and volumes are those of the market; what the market does not have (option volumes, open interest) is made up
from seed, contract and day. It knows no requests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import date
from random import Random

from ibmux.sim.calendar import hours
from ibmux.sim.catalogue.contracts import ContractDetails
from ibmux.sim.companies.company import Company, company
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

    __slots__ = ("_draw", "_share", "_tape", "_venue", "company", "details", "now", "price", "quote")

    def __init__(self, market: Market, details: ContractDetails, now: float, seed: int) -> None:
        self.details, self.now = details, now
        self.quote, self._tape = market.quote(details.contract.conId), market.tape(details.contract.conId)
        self.price = self.quote.last
        is_company = details.contract.secType == "STK" and details.stockType not in FUNDS
        self.company: Company | None = company(details, seed) if is_company else None
        self._venue = details.venue
        day = hours.local_date(self._venue, now)
        self._share = session_share(self._venue, day, now)
        draw = Random(f"{seed}:scan:{details.contract.conId}:{day}")
        self._draw = tuple(draw.random() for _ in range(8))

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
        """What is traded on an average day."""
        return self.details.dailyVolume or None

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
        volume = self.volume()
        mean = 100.0 if self.details.contract.secType == "STK" else 2.0
        return round(volume / mean) if isinstance(volume, float | int) else None

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
        """Of the options on it, per year; None if there are none."""
        return self.details.volatility * (0.85 + 0.45 * self._draw[1]) if self.has_options else None

    @property
    def has_options(self) -> bool:
        """Whether options on it are traded: on shares and funds of the United States."""
        return self.details.contract.secType == "STK" and self._venue == "US"

    def optional(self, figure: Figure) -> Figure:
        """The figure, if options on the contract are traded."""
        return figure if self.has_options else None

    def draw(self, place: int, low: float, high: float) -> float:
        """A made-up figure of the day."""
        return low + (high - low) * self._draw[place]

    def option_volume(self) -> Figure:
        """Options traded today."""
        return self.optional(round(self.details.dailyVolume / 100 * self._share * self.draw(2, 0.1, 1.6)))

    def of_company(self, figure: Callable[[Company], Figure]) -> Figure:
        """A figure of the company; None for funds and what is no share."""
        found: Figure = figure(self.company) if self.company is not None else None
        return found

    def market_cap(self) -> Figure:
        """In millions of the share's currency; of a fund, its assets."""
        if self.company is not None:
            return self.company.market_cap(self.price)
        return self.details.dailyVolume * self.price * 20 / 1e6 if self.details.contract.secType == "STK" else None

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
    "volatilityChange": lambda sight: sight.optional(sight.draw(3, -18.0, 22.0)),
    "volatilityRatio": lambda sight: sight.optional(100.0 * sight.draw(1, 0.85, 1.3)),
    "optionVolume": Sight.option_volume,
    "averageOptionVolume": lambda sight: sight.optional(round(sight.details.dailyVolume / 120)),
    "relativeOptionVolume": lambda sight: sight.optional(sight.draw(2, 0.1, 1.6)),
    "openInterest": lambda sight: sight.optional(round(sight.details.dailyVolume / 100 * sight.draw(4, 2.0, 9.0))),
    "putCallVolume": lambda sight: sight.optional(sight.draw(5, 0.3, 2.2)),
    "putCallInterest": lambda sight: sight.optional(sight.draw(6, 0.4, 1.9)),
    "of13Weeks": lambda sight: sight.reach(13),
    "of26Weeks": lambda sight: sight.reach(26),
    "of52Weeks": lambda sight: sight.reach(52),
    "marketCap": Sight.market_cap,
    "priceEarnings": lambda sight: sight.of_company(lambda it: sight.price / it.earnings if it.earnings else None),
    "priceBook": lambda sight: sight.of_company(lambda it: sight.price / it.book if it.book else None),
    "growth": lambda sight: sight.of_company(lambda it: 100.0 * it.growth),
    "returnOnEquity": lambda sight: sight.of_company(lambda it: it.roe),
    "quickRatio": lambda sight: sight.of_company(lambda it: it.quickRatio),
    "dividendYield": lambda sight: sight.of_company(lambda it: 100.0 * it.dividend / sight.price),
    "daysToEarnings": lambda sight: sight.earnings_distance(ahead=True),
    "daysFromEarnings": lambda sight: sight.earnings_distance(ahead=False),
}
