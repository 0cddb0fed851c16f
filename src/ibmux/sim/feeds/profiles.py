"""What is known of a contract once a day: ranges of weeks, average volume, volatilities, open interest, dividends.

Ranges and volumes come from the daily bars, so that they agree with historical data; what no bar tells is drawn from
the seed. It knows nothing of ticks or clients.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING

from ibmux.sim.calendar import hours
from ibmux.sim.catalogue.contracts import Refusal
from ibmux.sim.companies.company import company

if TYPE_CHECKING:
    from ibmux.sim.catalogue.contracts import ContractDetails
    from ibmux.sim.prices.bars import Bar
    from ibmux.sim.world import World

WEEKS = (13, 26, 52)
AVERAGED_DAYS = 90
OPTIONABLE = ("STK", "IND", "FUT")


@dataclass(frozen=True, slots=True)
class Profile:
    """One contract on one day.

    `ranges` holds low and high of 13, 26 and 52 weeks; volumes are in shares or contracts; volatilities are fractions
    per year and None where none is known; `calls` and `puts` are volumes, `openCalls` and `openPuts` open interest of
    the options on the contract (of an option: its own). `dividends` is the text of tick 59, `ratios` that of tick 47.
    """

    ranges: tuple[tuple[float, float], ...] = ()
    averageVolume: float = 0.0
    historicalVolatility: float | None = None
    impliedVolatility: float | None = None
    calls: int = 0
    puts: int = 0
    openCalls: int = 0
    openPuts: int = 0
    averageOptionVolume: int = 0
    openInterest: int = 0
    shortableShares: int = 0
    dividends: str = ""
    ratios: str = ""


class Profiles:
    """Profiles of all contracts, made when first asked for and again on a new day."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[int, tuple[date, Profile]] = {}

    def of(self, details: ContractDetails, now: float) -> Profile:
        """The profile of a contract on the day of `now`."""
        day = hours.local_date(details.venue, now)
        found = self._known.get(details.contract.conId)
        if found is None or found[0] != day:
            found = self._known[details.contract.conId] = (day, self._make(details, day))
        return found[1]

    def _make(self, details: ContractDetails, day: date) -> Profile:
        draw = Random(f"{self._world.settings.seed}:profile:{details.contract.conId}:{day.toordinal()}")
        kind = details.contract.secType
        daily = (
            []
            if kind in ("OPT", "FOP", "BAG")
            else self._bars(details, "1 Y", "MIDPOINT" if kind == "CASH" else "TRADES")
        )
        calls, puts, open_calls, open_puts = self._option_counts(details, draw)
        share = kind == "STK"
        company_share, seed = share and details.stockType in ("COMMON", "ADR"), self._world.settings.seed
        return Profile(
            ranges=tuple(_range(daily, weeks, day) for weeks in WEEKS) if daily else (),
            averageVolume=_average([bar.volume for bar in daily[-AVERAGED_DAYS:]]),
            historicalVolatility=self._last(details, "HISTORICAL_VOLATILITY"),
            impliedVolatility=self._last(details, "OPTION_IMPLIED_VOLATILITY"),
            calls=calls, puts=puts, openCalls=open_calls, openPuts=open_puts,
            averageOptionVolume=round((calls + puts) * draw.uniform(0.8, 1.2)),
            openInterest=round(details.dailyVolume * draw.uniform(1.2, 2.0)) if kind == "FUT" else 0,
            shortableShares=round(details.dailyVolume * draw.uniform(0.05, 0.5)) if share else 0,
            dividends=_dividends(details, seed, day) if company_share else "",
            ratios=_ratios(details, daily, seed) if company_share else "",
        )  # fmt: skip

    def _bars(self, details: ContractDetails, duration: str, what: str) -> list[Bar]:
        found = self._world.history.bars(details, None, duration, "1 day", whatToShow=what, useRTH=True)
        return [] if isinstance(found, Refusal) else list(found.bars)

    def _last(self, details: ContractDetails, what: str) -> float | None:
        if details.contract.secType not in OPTIONABLE:
            return None
        bars = self._bars(details, "5 D", what)
        return bars[-1].close if bars else None

    def _option_counts(self, details: ContractDetails, draw: Random) -> tuple[int, int, int, int]:
        """Volume and open interest of calls and puts: of the options on the contract, or of the option itself."""
        if details.contract.secType in ("OPT", "FOP"):
            volume, interest = (
                round(details.dailyVolume * draw.random()),
                round(details.dailyVolume * draw.uniform(3, 20)),
            )
            call = details.contract.right == "C"
            return (volume, 0, interest, 0) if call else (0, volume, 0, interest)
        if details.contract.secType not in OPTIONABLE or not self._has_options(details):
            return 0, 0, 0, 0
        calls = draw.randrange(20_000, 900_000)
        puts = round(calls * draw.uniform(0.5, 1.4))
        return calls, puts, round(calls * draw.uniform(6, 12)), round(puts * draw.uniform(6, 12))

    def _has_options(self, details: ContractDetails) -> bool:
        return bool(self._world.universe.option_params(details.contract.conId, ""))


def _range(daily: list[Bar], weeks: int, day: date) -> tuple[float, float]:
    first = day - timedelta(weeks=weeks)
    within = [bar for bar in daily if bar.date >= first] or daily[-1:]
    return min(bar.low for bar in within), max(bar.high for bar in within)


def _average(volumes: list[float]) -> float:
    return round(sum(volumes) / len(volumes)) if volumes and sum(volumes) > 0 else 0.0


def _dividends(details: ContractDetails, seed: int, day: date) -> str:
    """Past and expected twelve months, next date, next amount; empty fields for who pays none."""
    about = company(details, seed)
    if not about.dividend:
        return ",,,"
    coming = [paid for quarter in about.quarters(day, 2, 4) if (paid := about.ex_dividend(quarter)) and paid[0] >= day]
    following, _, amount = coming[0]
    return f"{about.dividend},{round(about.dividend * (1 + about.growth), 2)},{following:%Y%m%d},{amount}"


def _ratios(details: ContractDetails, daily: list[Bar], seed: int) -> str:
    """Some of the ratios that gateways list, as NAME=value;NAME=value."""
    about = company(details, seed)
    price = daily[-1].close if daily else details.price
    low, high = (min(bar.low for bar in daily), max(bar.high for bar in daily)) if daily else (price, price)
    values = {
        "NPRICE": price, "NHIG": high, "NLOW": low, "MKTCAP": about.market_cap(price),
        "PEEXCLXOR": price / about.earnings, "TTMEPSXCLX": about.earnings, "BETA": about.beta,
        "TTMROEPCT": about.roe, "QQUICKRATI": about.quickRatio, "TTMREV": about.revenue, "QBVPS": about.book,
        "YIELD": 100 * about.dividend / price,
    }  # fmt: skip
    return ";".join(f"{name}={round(value, 5)}" for name, value in values.items()) + ";"
