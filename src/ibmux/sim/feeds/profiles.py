"""What is known of a contract once a day: ranges of weeks, average volume, volatilities, open interest, dividends.

Ranges and volumes come from the daily bars, so that they agree with historical data; what no bar tells is drawn from
the seed. It knows nothing of ticks or clients.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from ibmux.sim.calendar import hours
from ibmux.sim.companies import trading
from ibmux.sim.companies.company import company
from ibmux.sim.companies.trading import NO_OPTIONS, OptionTrade
from ibmux.sim.prices.spans import Duration, sessions_back

if TYPE_CHECKING:
    from ibmux.sim.catalogue.contracts import ContractDetails
    from ibmux.sim.world import World

WEEKS = (13, 26, 52)
YEAR = Duration(1, "Y")
KEPT = 1000
"""Profiles that are kept; beyond them the oldest is made again when it is asked for."""


class Day(NamedTuple):
    """The range of a trading day."""

    day: date
    high: float
    low: float


@dataclass(frozen=True, slots=True)
class Profile:
    """One contract on one day.

    `ranges` holds low and high of 13, 26 and 52 weeks; volumes are in shares or contracts; `options` are those on the
    contract (of an option: itself); `dividends` is the text of tick 59, `ratios` that of tick 47.
    """

    ranges: tuple[tuple[float, float], ...] = ()
    averageVolume: float = 0.0
    options: OptionTrade = NO_OPTIONS
    openInterest: int = 0
    shortableShares: int = 0
    dividends: str = ""
    ratios: str = ""


class Profiles:
    """Profiles of all contracts, made when first asked for and again on a new day."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: OrderedDict[int, tuple[date, Profile]] = OrderedDict()

    def of(self, details: ContractDetails, now: float) -> Profile:
        """The profile of a contract on the day of `now`."""
        day = hours.local_date(details.venue, now)
        found = self._known.get(details.contract.conId)
        if found is None or found[0] != day:
            found = self._known[details.contract.conId] = (day, self._make(details, day, now))
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        return found[1]

    def _make(self, details: ContractDetails, day: date, now: float) -> Profile:
        draw = Random(f"{self._world.settings.seed}:profile:{details.contract.conId}:{day.toordinal()}")
        kind = details.contract.secType
        daily = [] if kind in ("OPT", "FOP", "BAG") else self._days(details, now)
        options, market = self._option_trade(details, day), self._world.market
        share = kind == "STK"
        company_share, seed = share and details.stockType in ("COMMON", "ADR"), self._world.settings.seed
        return Profile(
            ranges=tuple(_range(daily, weeks, day) for weeks in WEEKS) if daily else (),
            averageVolume=trading.average_volume(market, details, now) if daily else 0.0,
            options=options,
            openInterest=round(details.dailyVolume * draw.uniform(1.2, 2.0)) if kind == "FUT" else 0,
            shortableShares=round(details.dailyVolume * draw.uniform(0.05, 0.5)) if share else 0,
            dividends=_dividends(details, seed, day) if company_share else "",
            ratios=_ratios(details, daily, seed, self._price(details, now)) if company_share else "",
        )  # fmt: skip

    def _days(self, details: ContractDetails, now: float) -> list[Day]:
        """The regular sessions of a year, as their daily bars show them: trades, and of currencies midpoints."""
        tape, first = self._world.market.tape(details.contract.conId), self._world.history.head(details)
        show, found = tape.ladder.show, list[Day]()
        for day, start, end in sessions_back(details.venue, now, YEAR, True):
            if start >= first and details.contract.secType == "CASH":
                node = tape.node(start, end)
                found.append(Day(day, show(node.high), show(node.low)))
            elif start >= first:
                found.append(Day(day, *tape.range(start, end)))
        return found

    def _price(self, details: ContractDetails, now: float) -> float:
        return self._world.market.tape(details.contract.conId).mid(now)

    def _option_trade(self, details: ContractDetails, day: date) -> OptionTrade:
        """How the options on the contract are traded; of an option, its own usual volume and open interest."""
        seed = self._world.settings.seed
        if details.contract.secType in ("OPT", "FOP"):
            volume = round(details.dailyVolume)
            interest = round(volume * Random(f"{seed}:interest:{details.contract.conId}").uniform(3, 20))
            call = details.contract.right == "C"
            return OptionTrade(volume * call, volume * (not call), interest * call, interest * (not call), 0)
        if not trading.has_options(self._world.universe, details):
            return NO_OPTIONS
        return trading.option_trade(details, seed, day)


def _range(daily: list[Day], weeks: int, day: date) -> tuple[float, float]:
    first = day - timedelta(weeks=weeks)
    within = [bar for bar in daily if bar.day >= first] or daily[-1:]
    return min(bar.low for bar in within), max(bar.high for bar in within)


def _dividends(details: ContractDetails, seed: int, day: date) -> str:
    """Past and expected twelve months, next date, next amount; empty fields for who pays none."""
    about = company(details, seed)
    if not about.dividend:
        return ",,,"
    coming = [paid for quarter in about.quarters(day, 2, 4) if (paid := about.ex_dividend(quarter)) and paid[0] >= day]
    following, _, amount = coming[0]
    return f"{about.dividend},{round(about.dividend * (1 + about.growth), 2)},{following:%Y%m%d},{amount}"


def _ratios(details: ContractDetails, daily: list[Day], seed: int, price: float) -> str:
    """Some of the ratios that gateways list, as NAME=value;NAME=value."""
    about = company(details, seed)
    low, high = (min(bar.low for bar in daily), max(bar.high for bar in daily)) if daily else (price, price)
    values = {
        "NPRICE": price, "NHIG": high, "NLOW": low, "MKTCAP": about.market_cap(price),
        "PEEXCLXOR": price / about.earnings, "TTMEPSXCLX": about.earnings, "BETA": about.beta,
        "TTMROEPCT": about.roe, "QQUICKRATI": about.quickRatio, "TTMREV": about.revenue, "QBVPS": about.book,
        "YIELD": 100 * about.dividend / price,
    }  # fmt: skip
    return ";".join(f"{name}={round(value, 5)}" for name, value in values.items()) + ";"
