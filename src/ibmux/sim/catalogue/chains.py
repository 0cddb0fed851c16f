"""Option chains by rule: expirations from the date, strikes around the underlying's price, conIds that encode both.

An option's conId does not depend on the date, so a position keeps its contract while chains move on. Options on shares,
funds and indices (OPT) and on futures (FOP) are made alike. Nothing here knows the present or keeps anything.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from ibmux.sim.calendar.hours import closing, trading_day_before, zone
from ibmux.sim.catalogue import conids
from ibmux.sim.catalogue.chain_list import CBOE_ONLY, EQUITY, Chain, layout
from ibmux.sim.catalogue.contracts import Contract, ContractDetails
from ibmux.sim.catalogue.expirations import (
    MONTH_LETTERS,
    fridays,
    last_day,
    month_after,
    months_from,
    next_trading_days,
    third_friday,
    wednesdays,
    week_of_month,
)
from ibmux.sim.catalogue.listings import FUTURE_ORDERS, OPTION_ORDERS
from ibmux.sim.catalogue.rules import MARKET_RULES

EXCHANGES, INDEX_EXCHANGES = EQUITY, CBOE_ONLY
FIRST_CONID = conids.OPTIONS.first
BLOCKS = {"OPT": conids.OPTIONS, "FOP": conids.FUTURE_OPTIONS}
DAY_BITS = 11
WEEKDAYS = 1 << DAY_BITS
EPOCH = date(2024, 1, 1)  # a Monday
NEAR = date(2026, 1, 1)
DAILIES = 8
ALL_MONTHS = tuple(range(1, 13))
LEAP_MONTH = 1
STRIKE_ROOM = 4


class Strike(NamedTuple):
    """One option of a chain, by its place in it; `rung` is the strike in multiples of the chain's step."""

    chain: int
    expiry: date
    rung: int
    right: str
    secType: str = "OPT"

    @property
    def terms(self) -> Chain:
        """The chain."""
        return layout(self.secType).chains[self.chain]

    @property
    def strike(self) -> float:
        """The strike price."""
        return round(self.rung * self.terms.step, 6)


def _weekday_number(day: date) -> int:
    """Weekdays since the epoch: options expire on no others."""
    weeks, rest = divmod((day - EPOCH).days, 7)
    return weeks * 5 + min(rest, 4)


def _weekday(number: int, near: date) -> date:
    """The weekday of that number modulo WEEKDAYS (nearly eight years) that is next to `near`."""
    middle = _weekday_number(near)
    number += round((middle + WEEKDAYS // 4 - number) / WEEKDAYS) * WEEKDAYS
    weeks, rest = divmod(number, 5)
    return EPOCH + timedelta(days=weeks * 7 + rest)


def encode(option: Strike, seed: int) -> int:
    """The conId of an option."""
    slot = layout(option.secType).bases[option.chain] + option.rung
    plain = (slot << DAY_BITS | _weekday_number(option.expiry) % WEEKDAYS) << 1 | (option.right == "C")
    return BLOCKS[option.secType].number(plain, seed)


def decode(conId: int, seed: int, near: date = NEAR) -> Strike | None:
    """The option that a conId stands for, its expiry being the one next to the date `near`; None if it is none."""
    for secType, block in BLOCKS.items():
        plain = block.plain(conId, seed)
        if plain is None:
            continue
        bases = layout(secType).bases
        slot, number = plain >> (DAY_BITS + 1), (plain >> 1) % WEEKDAYS
        if slot >= bases[-1]:
            return None
        chain = bisect_right(bases, slot) - 1
        if slot == bases[chain]:
            return None
        return Strike(chain, _weekday(number, near), slot - bases[chain], "C" if plain & 1 else "P", secType)
    return None


def _months(chain: Chain, today: date) -> Iterator[date]:
    """The monthly expirations that are not over, without end, and the January ones after."""
    for year, month in months_from(today, ALL_MONTHS):
        day = last_day(chain.expiry, year, month)
        if day >= today:
            yield day


def _leaps(chain: Chain, after: date) -> Iterator[date]:
    year = after.year
    for ahead in range(1, chain.leaps + 1):
        yield third_friday(year + ahead, LEAP_MONTH)


def _weekly_days(chain: Chain, today: date) -> Iterator[date]:
    if chain.expiry == "volatility":
        yield from wednesdays(today, chain.weeklies)
        return
    for day in fridays(today, chain.weeklies):
        # The third Friday belongs to the monthly or quarterly class of the same underlying, the fifth to nobody.
        if not chain.weekly_class or week_of_month(day) in {1, 2, 4}:
            yield day


@lru_cache(maxsize=2048)
def settlements(chain: Chain, today: date) -> tuple[date, ...]:
    """The days on which the options listed on `today` are settled, in order: days, Fridays and months."""
    found: set[date] = set(_weekly_days(chain, today))
    if chain.daily:
        found |= set(next_trading_days(today, DAILIES))
    months = list(islice(_months(chain, today), chain.monthlies))
    if chain.monthlies:
        found |= set(months) | set(_leaps(chain, months[-1]))
    if chain.expiry == "volatility" and chain.tradingClass.endswith("W"):
        found -= set(islice(_months(chain, today), 8))
    return tuple(sorted(day for day in found if day >= today))


def last_trading_day(chain: Chain, settled: date) -> date:
    """The last day on which an option trades: the settlement's, or the one before where opening prices settle it."""
    return trading_day_before("US", settled - timedelta(days=1)) if chain.settles == "AM" else settled


def expirations(chain: Chain, today: date) -> list[date]:
    """The last trading days of the options listed on `today`, as `lastTradeDateOrContractMonth` has them, in order."""
    return [last_trading_day(chain, day) for day in settlements(chain, today)]


@lru_cache(maxsize=8192)
def expiry_instant(chain: Chain, settled: date) -> float:
    """The instant at which options end: the close, a time of day, or the next morning's opening (epoch seconds)."""
    if chain.settles == "AM":
        return datetime.combine(settled, time(8, 30), zone("US/Central")).timestamp()
    if chain.time:
        return datetime.combine(settled, time.fromisoformat(chain.time), zone(chain.zone)).timestamp()
    return closing("US", settled)


def strike_indices(chain: Chain, spot: float) -> range:
    """The strikes listed around `spot`, in multiples of the chain's step."""
    middle = round(spot / chain.step)
    return range(max(1, middle - chain.width), max(2, min(chain.slots - 1, middle + chain.width) + 1))


def rung_of(chain: Chain, strike: float) -> int | None:
    """The place of a strike price in a chain; None where it is no multiple of the step."""
    rung = round(strike / chain.step)
    return rung if 0 < rung < chain.slots and abs(rung * chain.step - strike) < chain.step * 1e-6 else None


def is_plausible(place: Strike, spot: float) -> bool:
    """Whether there can be or have been such an option: its day is one that the chain lists, its strike not absurd."""
    chain = place.terms
    return place.strike < spot * STRIKE_ROOM and place.expiry in _possible_days(chain, place.expiry)


@lru_cache(maxsize=2048)
def _possible_days(chain: Chain, day: date) -> frozenset[date]:
    """The settlement days that may be listed, around a day: as seen on that very day, and by the yearly rule."""
    found = set(settlements(chain, day))
    return frozenset(found | ({third_friday(day.year, LEAP_MONTH)} if chain.leaps else set()))


def trading_class(chain: Chain, settled: date) -> str:
    """The trading class of an option; weekly ones of futures carry the number of the week."""
    return f"{chain.tradingClass}{week_of_month(settled)}" if chain.weekly_class else chain.tradingClass


def _local_symbol(place: Strike) -> str:
    chain, strike, day = place.terms, place.strike, place.expiry
    name = trading_class(chain, day)
    if place.secType == "FOP":
        year, month = option_month(chain, day)
        return f"{name}{MONTH_LETTERS[month - 1]}{year % 10} {place.right}{strike:g}"
    if chain.exchanges == "EUREX":
        return f"{place.right} {name} {day:%Y%m%d} {strike:g} M"
    return f"{name:<6}{day:%y%m%d}{place.right}{round(strike * 1000):08d}"


def option_month(chain: Chain, settled: date) -> tuple[int, int]:
    """The contract month of an option: metals', oil's and bonds' end in the month before theirs."""
    if chain.weekly_class or chain.secType == "OPT":
        return settled.year, settled.month
    ahead = (month_after(settled.year, settled.month, count) for count in range(3))
    own = (settled.year, settled.month)
    return next((one for one in ahead if last_day(chain.expiry, *one) == settled), own)


def option(place: Strike, under: ContractDetails, seed: int) -> ContractDetails:
    """The details of one option on `under`."""
    return next(series([place], under, seed))


def series(places: Iterable[Strike], under: ContractDetails, seed: int) -> Iterator[ContractDetails]:
    """The details of options on `under` of one chain and settlement day: all but the contract itself is common."""
    model: ContractDetails | None = None
    for place in places:
        contract = _contract(place, seed)
        if model is None:
            model = _details(place, contract, under)
            yield model
        else:
            yield model.of(contract)


def _contract(place: Strike, seed: int) -> Contract:
    chain, settled = place.terms, place.expiry
    return Contract(
        encode(place, seed), chain.symbol, place.secType, _last_day_text(chain, settled), place.strike, place.right,
        chain.multiplier, chain.exchanges.partition(",")[0], "", chain.currency, _local_symbol(place),
        trading_class(chain, settled),
    )  # fmt: skip


@lru_cache(maxsize=2048)
def _last_day_text(chain: Chain, settled: date) -> str:
    return f"{last_trading_day(chain, settled):%Y%m%d}"


def _details(place: Strike, contract: Contract, under: ContractDetails) -> ContractDetails:
    chain, settled, fop = place.terms, place.expiry, place.secType == "FOP"
    year, month = option_month(chain, settled)
    return ContractDetails(
        contract, under.calendar, chain.venue, min(tick for _, tick in MARKET_RULES[chain.rule]), under.longName,
        FUTURE_ORDERS if fop else OPTION_ORDERS, chain.exchanges, chain.zone, 0.0, chain.volatility or under.volatility,
        marketName=contract.tradingClass, marketRuleIds=_rule_ids(chain.rule, chain.exchanges.count(",") + 1),
        contractMonth=f"{year}{month:02d}", realExpirationDate=f"{settled:%Y%m%d}",
        lastTradeTime=_last_time(chain, settled), underConId=under.contract.conId,
        underSymbol=under.contract.localSymbol if fop else chain.symbol, underSecType=under.contract.secType,
        aggGroup=2147483647 if fop else 2, dailyVolume=800.0, industry=under.industry, category=under.category,
        subcategory=under.subcategory, currencyRate=under.currencyRate, expires=expiry_instant(chain, settled),
        european=chain.european, cashSettled=under.contract.secType == "IND",
        futureMargin=under.futureMargin if fop else 0.0,
    )  # fmt: skip


@lru_cache(maxsize=256)
def _rule_ids(rule: int, count: int) -> str:
    return ",".join([str(rule)] * count)


@lru_cache(maxsize=2048)
def _last_time(chain: Chain, settled: date) -> str:
    if chain.settles == "AM":
        return "15:15:00"
    ending = datetime.fromtimestamp(expiry_instant(chain, settled), UTC)
    return f"{ending.astimezone(zone(chain.zone)):%H:%M:%S}"
