"""Option chains by rule: expirations from the date, strikes around the underlying's price, conIds that encode both.

An option's conId does not depend on the date, so a position keeps its contract while chains move on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from ibmux.sim.catalogue_markets import CHAINS, Chain
from ibmux.sim.contracts import Contract, ContractDetails
from ibmux.sim.hours import is_trading_day
from ibmux.sim.listings import OPTION_ORDERS

EXCHANGES = "SMART,AMEX,CBOE,PHLX,PSE,ISE,BOX,BATS,NASDAQOM,CBOE2,NASDAQBX,MIAX,GEMINI,EDGX,MERCURY,PEARL,EMERALD,MEMX"
INDEX_EXCHANGES = "SMART,CBOE"
EPOCH = date(2025, 1, 1)
FIRST_CONID = 600_000_000
BITS = 28
SIZE = 1 << BITS
STRIKE_BITS = 11
DAY_BITS = 12
FACTOR = 167_772_161 | 1  # odd: multiplying by it modulo a power of two can be undone
INVERSE = pow(FACTOR, -1, SIZE)
DAILIES = 8
SCALED = {32: 0.01, 110: 0.01, 109: 0.05}


class Strike(NamedTuple):
    """One option of a chain, by its place in it; `rung` is the strike in multiples of the chain's step."""

    chain: int
    expiry: date
    rung: int
    right: str


def encode(option: Strike, seed: int) -> int:
    """The conId of an option."""
    plain = (option.chain << DAY_BITS) | (option.expiry - EPOCH).days
    plain = (((plain << STRIKE_BITS) | option.rung) << 1) | (option.right == "C")
    return FIRST_CONID + (plain * FACTOR + seed * 7919) % SIZE


def decode(conId: int, seed: int) -> Strike | None:
    """The option that a conId stands for; None where it stands for none."""
    if not FIRST_CONID <= conId < FIRST_CONID + SIZE:
        return None
    plain = ((conId - FIRST_CONID - seed * 7919) * INVERSE) % SIZE
    right = "C" if plain & 1 else "P"
    index = (plain >> 1) & ((1 << STRIKE_BITS) - 1)
    day = (plain >> (1 + STRIKE_BITS)) & ((1 << DAY_BITS) - 1)
    chain = plain >> (1 + STRIKE_BITS + DAY_BITS)
    if chain >= len(CHAINS) or index == 0:
        return None
    return Strike(chain, EPOCH + timedelta(days=day), index, right)


def third_friday(year: int, month: int) -> date:
    """The day on which monthly options expire (the Thursday before where that is a holiday)."""
    first = date(year, month, 1)
    return _trading(first + timedelta(days=(4 - first.weekday()) % 7 + 14))


def _trading(day: date) -> date:
    return day if is_trading_day("US", day) else day - timedelta(days=1)


def expirations(chain: Chain, today: date) -> list[date]:
    """The expirations listed on `today`, in order: days, Fridays and months as the chain has them."""
    found: set[date] = set()
    if chain.daily:
        ahead = (today + timedelta(days=n) for n in range(2 * DAILIES))
        found |= set([day for day in ahead if is_trading_day("US", day)][:DAILIES])
    friday = today + timedelta(days=(4 - today.weekday()) % 7)
    found |= {_trading(friday + timedelta(weeks=week)) for week in range(chain.weeklies)}
    for later in range(chain.monthlies):
        extra = today.month - 1 + later
        found.add(third_friday(today.year + extra // 12, extra % 12 + 1))
    return sorted(day for day in found if day >= today)


def strike_indices(chain: Chain, spot: float) -> range:
    """The strikes listed around `spot`, in multiples of the chain's step."""
    middle = round(spot / chain.step)
    return range(max(1, middle - chain.width), min((1 << STRIKE_BITS) - 1, middle + chain.width) + 1)


def options(number: int, under: ContractDetails, spot: float, today: date, seed: int) -> Iterator[ContractDetails]:
    """Every option of chain `number` (an index of CHAINS) on `today`."""
    chain = CHAINS[number]
    indices = strike_indices(chain, spot)
    for day in expirations(chain, today):
        for index in indices:
            for right in ("C", "P"):
                yield option(Strike(number, day, index, right), under, seed)


def option(place: Strike, under: ContractDetails, seed: int) -> ContractDetails:
    """The details of one option on `under`."""
    chain = CHAINS[place.chain]
    strike = place.rung * chain.step
    day = f"{place.expiry:%Y%m%d}"
    local = f"{chain.tradingClass:<6}{day[2:]}{place.right}{round(strike * 1000):08d}"
    index = under.contract.secType == "IND"
    exchanges = INDEX_EXCHANGES if index else EXCHANGES
    rule, tick = (109, 0.05) if index else (32, 0.01) if chain.daily else (110, 0.01)
    contract = Contract(
        encode(place, seed), chain.symbol, "OPT", day, strike, place.right, "100", "SMART", "", "USD", local,
        chain.tradingClass,
    )  # fmt: skip
    return ContractDetails(
        contract, under.calendar, "US.OPT", tick, under.longName, OPTION_ORDERS, exchanges, "US/Eastern", 0.0,
        chain.volatility, marketName=chain.tradingClass, marketRuleIds=_RULES[rule, index], contractMonth=day[:6],
        realExpirationDate=day, lastTradeTime="16:00:00", underConId=under.contract.conId, underSymbol=chain.symbol,
        underSecType=under.contract.secType, aggGroup=2, dailyVolume=800.0, industry=under.industry,
        category=under.category, subcategory=under.subcategory,
    )  # fmt: skip


_RULES = {
    (rule, index): ",".join([str(rule)] * ((INDEX_EXCHANGES if index else EXCHANGES).count(",") + 1))
    for rule in SCALED
    for index in (False, True)
}
