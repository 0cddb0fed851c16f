"""Futures: which are listed when, made when asked for; their numbers, last days and front months.

A future's conId tells product and delivery month, so that an expired one is still found. Knows no live prices.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import lru_cache
from itertools import islice
from math import exp
from typing import NamedTuple

from ibmux.sim.calendar.hours import TIMETABLES, Calendar, zone
from ibmux.sim.catalogue import conids, markets
from ibmux.sim.catalogue.contracts import Contract, ContractDetails
from ibmux.sim.catalogue.expirations import MONTH_LETTERS, last_day, months_from
from ibmux.sim.catalogue.listings import FUTURE_ORDERS, INDEX_VOLATILITY, leader, salt
from ibmux.sim.catalogue.markets import FUTURES, Future
from ibmux.sim.theory.paths import YEAR

YEAR_ZERO = 2000
MONTH_BITS = 12
YEARS_KEPT = 2  # expired futures can be asked for that long (IB documentation of includeExpired)
BUSIEST = 1_200_000.0
SLOPE_FROM = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
SLOPE_YEARS = 4.0
PHYSICAL = {"ZB", "ZN", "CL", "GC", "MGC", "SI", "NG", "EUR", "GBP"}


class Delivery(NamedTuple):
    """A product's contract of a month; `product` is a place in FUTURES."""

    product: int
    year: int
    month: int

    @property
    def terms(self) -> Future:
        """The product."""
        return FUTURES[self.product]


PRODUCTS = {product.symbol: place for place, product in enumerate(FUTURES)}


def encode(delivery: Delivery, seed: int) -> int:
    """The conId of a future."""
    months = (delivery.year - YEAR_ZERO) * 12 + delivery.month - 1
    return conids.FUTURES.number(delivery.product << MONTH_BITS | months, seed)


def decode(conId: int, seed: int) -> Delivery | None:
    """The future that a conId stands for, whether listed or not; None where it stands for none."""
    plain = conids.FUTURES.plain(conId, seed)
    if plain is None or plain >> MONTH_BITS >= len(FUTURES):
        return None
    years, month = divmod(plain & ((1 << MONTH_BITS) - 1), 12)
    delivery = Delivery(plain >> MONTH_BITS, YEAR_ZERO + years, month + 1)
    return delivery if MONTH_LETTERS[month] in delivery.terms.months else None


@lru_cache(maxsize=4096)
def expiry_of(delivery: Delivery) -> tuple[date, float]:
    """A future's last day, and the instant on it at which trading ends (epoch seconds)."""
    terms = delivery.terms
    day = last_day(terms.expiry, delivery.year, delivery.month)
    ending = datetime.combine(day, time.fromisoformat(terms.time), zone(TIMETABLES[terms.venue].zone))
    return day, ending.timestamp()


def deliveries(product: int, day: date, now: float) -> list[Delivery]:
    """The listed contracts of a product on `day`, the front month first."""
    terms = FUTURES[product]
    months = tuple(MONTH_LETTERS.index(letter) + 1 for letter in terms.months)
    coming = (Delivery(product, year, month) for year, month in months_from(day, months))
    return list(islice((one for one in coming if expiry_of(one)[1] > now), markets.EXPIRIES[terms.months]))


def expired(product: int, day: date, now: float) -> list[Delivery]:
    """The contracts of a product that have expired within the last two years, the oldest first."""
    months = tuple(MONTH_LETTERS.index(letter) + 1 for letter in FUTURES[product].months)
    since = day.replace(year=day.year - YEARS_KEPT, day=1)
    count = (YEARS_KEPT + 1) * len(months) + 1
    past = (Delivery(product, year, month) for year, month in islice(months_from(since, months), count))
    return [one for one in past if since <= expiry_of(one)[0] and expiry_of(one)[1] <= now]


def first_after(symbol: str, day: date) -> Delivery:
    """The first contract of a product whose last day is not before `day`: what an option of that day is written on."""
    product = PRODUCTS[symbol]
    months = tuple(MONTH_LETTERS.index(letter) + 1 for letter in FUTURES[product].months)
    coming = (Delivery(product, year, month) for year, month in months_from(day, months))
    return next(one for one in coming if expiry_of(one)[0] >= day)


def local_symbol(delivery: Delivery) -> str:
    """As `ESM6`."""
    terms = delivery.terms
    return f"{terms.root or terms.symbol}{MONTH_LETTERS[delivery.month - 1]}{delivery.year % 10}"


def level(terms: Future, expires: float) -> float:
    """The level of a future that expires then: its spot's, and more (or less) the later that is.

    The slope begins on a fixed day, so that a contract's price does not depend on when it is looked at.
    """
    years = (expires - SLOPE_FROM) / YEAR
    return round(terms.price * exp(terms.carry * max(-SLOPE_YEARS, min(SLOPE_YEARS, years))), 6)


def future(delivery: Delivery, calendar: Calendar, seed: int) -> ContractDetails:
    """The details of a future."""
    terms, local = delivery.terms, local_symbol(delivery)
    day, ending = expiry_of(delivery)
    text, follows = f"{day:%Y%m%d}", leader(terms.symbol)
    contract = Contract(
        encode(delivery, seed), terms.symbol, "FUT", text, multiplier=str(terms.multiplier), exchange=terms.exchange,
        currency=terms.currency, localSymbol=local, tradingClass=terms.root or terms.symbol,
    )  # fmt: skip
    return ContractDetails(
        contract, calendar, terms.venue, terms.tick, terms.name, FUTURE_ORDERS, terms.exchange,
        TIMETABLES[terms.venue].zone, level(terms, ending), INDEX_VOLATILITY.get(follows, terms.volatility),
        marketName=terms.root or terms.symbol, salt=salt(terms.symbol), expires=ending,
        contractMonth=f"{delivery.year}{delivery.month:02d}", realExpirationDate=text, lastTradeTime=terms.time,
        underSymbol=terms.symbol, underSecType="IND", marketRuleIds=str(terms.rule), aggGroup=2147483647,
        futureMargin=terms.margin, currencyRate=markets.RATES[terms.currency],
        cashSettled=terms.symbol not in PHYSICAL, dailyVolume=BUSIEST,
    )  # fmt: skip


def thin_out(listed: list[ContractDetails]) -> None:
    """Give the front month most of the volume, and every later one less."""
    for place, details in enumerate(listed):
        details.dailyVolume = max(40.0, round(BUSIEST * exp(-place * 2.0)))


class Board:
    """The futures of a universe, made when first asked for and moved on with the clock.

    Args:
        calendar: knows the present.
        seed: equal seeds give equal conIds.
    """

    def __init__(self, calendar: Calendar, seed: int) -> None:
        self._calendar, self._seed = calendar, seed
        self._known: dict[int, ContractDetails] = {}
        self._listed: dict[str, tuple[float, list[ContractDetails]]] = {}

    def get(self, conId: int) -> ContractDetails | None:
        """The future of that number, expired or not; None if there is none."""
        found = self._known.get(conId)
        if found is None and (delivery := decode(conId, self._seed)) is not None:
            return self._make(delivery)
        return found

    def _make(self, delivery: Delivery) -> ContractDetails:
        conId = encode(delivery, self._seed)
        found = self._known.get(conId)
        if found is None:
            found = self._known[conId] = future(delivery, self._calendar, self._seed)
        return found

    def listed(self, symbol: str) -> list[ContractDetails]:
        """A product's futures of the present, the front month first; empty where there is no such product."""
        product = PRODUCTS.get(symbol)
        if product is None:
            return []
        now = self._calendar.now()
        until, found = self._listed.get(symbol, (0.0, []))
        if now >= until:
            found = [self._make(one) for one in deliveries(product, self._calendar.today(FUTURES[product].venue), now)]
            thin_out(found)
            self._listed[symbol] = (found[0].expires, found)
        return found

    def expired(self, symbol: str) -> list[ContractDetails]:
        """A product's futures that expired within the last two years."""
        product = PRODUCTS.get(symbol)
        if product is None:
            return []
        today = self._calendar.today(FUTURES[product].venue)
        return [self._make(one) for one in expired(product, today, self._calendar.now())]

    def under(self, symbol: str, day: date) -> ContractDetails:
        """The future on which an option that expires on `day` is written."""
        return self._make(first_after(symbol, day))
