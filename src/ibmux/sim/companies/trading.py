"""How a contract and the options on it are traded: average volume, volatilities, volumes and open interest of a day.

The one source for generic ticks and scans. What the tapes tell is theirs; what no tape tells (options as a whole) is
drawn from seed, contract and day. It knows no requests and no clients.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from random import Random

from ibmux.sim.calendar import hours
from ibmux.sim.catalogue.contracts import ContractDetails
from ibmux.sim.catalogue.universe import Universe
from ibmux.sim.prices.market import Market

AVERAGED_DAYS = 90
VOLATILE = frozenset({"STK", "IND"})
"""Security types with volatility data."""
IMPLIED, HISTORICAL = "OPTION_IMPLIED_VOLATILITY", "HISTORICAL_VOLATILITY"
SHARES_AN_OPTION = 120.0
"""So many shares are traded for each option on them."""
INDEX_OPTIONS = 900_000.0
"""Options on an index that are traded on an average day."""
MOMENT = 1e-6


@dataclass(frozen=True, slots=True)
class OptionTrade:
    """The options on a contract on one day: whole day's volumes, open interest, and the average volume of a day."""

    calls: int
    puts: int
    openCalls: int
    openPuts: int
    average: int

    @property
    def volume(self) -> int:
        """Calls and puts of the whole day."""
        return self.calls + self.puts

    @property
    def interest(self) -> int:
        """Open calls and puts."""
        return self.openCalls + self.openPuts


NO_OPTIONS = OptionTrade(0, 0, 0, 0, 0)


def option_trade(details: ContractDetails, seed: int, day: date) -> OptionTrade:
    """How the options on a contract are traded on a day."""
    draw = Random(f"{seed}:options:{details.contract.conId}:{day.toordinal()}")
    steady = Random(f"{seed}:options:{details.contract.conId}")
    average = details.dailyVolume / SHARES_AN_OPTION if details.dailyVolume else INDEX_OPTIONS
    volume, puts_per_call = average * draw.uniform(0.3, 1.7), steady.uniform(0.4, 1.4) * draw.uniform(0.7, 1.4)
    calls = volume / (1.0 + puts_per_call)
    interest = steady.uniform(6.0, 12.0) * average * draw.uniform(0.97, 1.03)
    open_share = steady.uniform(0.35, 0.65)
    return OptionTrade(
        calls=round(calls), puts=round(volume - calls), openCalls=round(interest * open_share),
        openPuts=round(interest * (1.0 - open_share)), average=round(average),
    )  # fmt: skip


def has_options(universe: Universe, details: ContractDetails) -> bool:
    """Whether options on the contract are listed."""
    contract = details.contract
    if contract.secType == "FUT":
        return bool(universe.option_params(contract.conId))
    if contract.secType not in VOLATILE or not universe.options.has("OPT", contract.symbol):
        return False
    return universe.underlying(contract.symbol).contract.conId == contract.conId


def average_volume(market: Market, details: ContractDetails, now: float) -> float:
    """The mean volume of the last ninety regular sessions that are over; 0.0 for what is not traded."""
    tape, at, volumes = market.tape(details.contract.conId), now, list[float]()
    while tape.activity.trades and len(volumes) < AVERAGED_DAYS:
        start, end = hours.previous_session(details.venue, at)
        volumes.append(tape.volume(start, end))
        at = start
    return round(sum(volumes) / len(volumes)) if volumes else 0.0


def volatility(market: Market, details: ContractDetails, kind: str, now: float, *, before: int = 0) -> float | None:
    """Historical or implied volatility as the daily bars end: the present session's, or that of so many before it."""
    if details.contract.secType not in VOLATILE:
        return None
    at = now
    if before or not hours.is_open(details.venue, now, rth=True):
        start, end = hours.previous_session(details.venue, now)
        for _ in range(before if hours.is_open(details.venue, now, rth=True) else before + 1):
            at = end - MOMENT
            start, end = hours.previous_session(details.venue, start)
    return market.volatility(details.contract.conId, kind).mid(at)
