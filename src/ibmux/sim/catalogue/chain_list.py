"""Which underlyings have options, and how their chains are made, as data: shares by rule, indices and futures by name.

The order of chains is part of the options' conIds: new ones go to the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from typing import NamedTuple

from ibmux.sim.catalogue import shares
from ibmux.sim.catalogue.markets import FUNDS

EQUITY = "SMART,AMEX,CBOE,PHLX,PSE,ISE,BOX,BATS,NASDAQOM,CBOE2,NASDAQBX,MIAX,GEMINI,EDGX,MERCURY,PEARL,EMERALD,MEMX"
CBOE_ONLY, NASDAQ_ONLY, EUREX_ONLY = "SMART,CBOE", "SMART,PHLX,ISE,GEMINI", "EUREX"


class Chain(NamedTuple):
    """One trading class of options.

    Attributes:
        step: the distance of strikes.
        width: how many strikes lie on either side of the price.
        weeklies: how many Fridays are listed.
        monthlies: how many months are listed, by third Fridays.
        daily: the next trading days are listed too.
        leaps: how many Januaries after the months are listed.
        settles: `PM` at the close of the last day; `AM` by the opening prices of the day after the last.
        level: about where the underlying trades, for the room that strikes need.
        rule: the market rule.
        expiry: the rule of its months (see `expirations`).
    """

    symbol: str
    tradingClass: str
    step: float
    width: int
    weeklies: int
    monthlies: int
    volatility: float
    daily: bool = False
    leaps: int = 0
    settles: str = "PM"
    level: float = 0.0
    exchanges: str = EQUITY
    multiplier: str = "100"
    currency: str = "USD"
    venue: str = "US.OPT"
    zone: str = "US/Eastern"
    rule: int = 110
    secType: str = "OPT"
    expiry: str = "third friday"
    european: bool = False
    weekly_class: bool = False
    time: str = ""

    @property
    def slots(self) -> int:
        """How many strikes can ever be listed, from one step up."""
        return 192 + int(3 * self.level / self.step)


def _index(
    symbol: str, tradingClass: str, step: float, width: int, dates: tuple[int, int], *, level: float,
    volatility: float, exchanges: str = CBOE_ONLY, daily: bool = False, am: bool = False, venue: str = "US.OPT.IND",
    leaps: int = 0,
) -> Chain:  # fmt: skip
    return Chain(
        symbol, tradingClass, step, width, *dates, volatility, daily, leaps, "AM" if am else "PM", level, exchanges,
        venue=venue, zone="US/Central", rule=109, european=True,
    )  # fmt: skip


INDEX_CHAINS = (
    _index("SPX", "SPX", 25.0, 30, (0, 12), level=6700, volatility=0.16, am=True, venue="US.OPT.GTH", leaps=3),
    _index("SPX", "SPXW", 5.0, 60, (8, 4), level=6700, volatility=0.16, daily=True, venue="US.OPT.GTH"),
    _index("NDX", "NDX", 100.0, 30, (0, 8), level=24900, volatility=0.20, am=True, exchanges=NASDAQ_ONLY),
    _index("NDX", "NDXP", 25.0, 40, (6, 2), level=24900, volatility=0.20, daily=True, exchanges=NASDAQ_ONLY),
    _index("VIX", "VIX", 1.0, 14, (0, 8), level=40, volatility=0.9, am=True, venue="US.OPT.GTH")._replace(
        expiry="volatility"
    ),
    _index("VIX", "VIXW", 1.0, 14, (4, 0), level=40, volatility=0.9, am=True, venue="US.OPT.GTH")._replace(
        expiry="volatility"
    ),
    _index("RUT", "RUT", 10.0, 30, (0, 8), level=2400, volatility=0.22, am=True),
    _index("RUT", "RUTW", 5.0, 50, (6, 2), level=2400, volatility=0.22, daily=True),
    _index("XSP", "XSP", 1.0, 40, (6, 6), level=670, volatility=0.16, daily=True),
    _index("OEX", "OEX", 10.0, 30, (0, 6), level=3350, volatility=0.17)._replace(european=False),
    _index("DJX", "DJX", 1.0, 40, (4, 6), level=468, volatility=0.15),
    Chain(
        "ESTX50", "OESX", 25.0, 30, 0, 12, 0.17, settles="PM", level=5600, exchanges=EUREX_ONLY, multiplier="10",
        currency="EUR", venue="EUREX.OPT", zone="MET", rule=123, european=True, expiry="eurex", time="12:00:00",
    ),
    Chain(
        "DAX", "ODAX", 50.0, 40, 0, 12, 0.18, settles="PM", level=23800, exchanges=EUREX_ONLY, multiplier="5",
        currency="EUR", venue="EUREX.OPT", zone="MET", rule=123, european=True, expiry="eurex", time="13:00:00",
    ),
)  # fmt: skip

FAMOUS = (
    Chain("AAPL", "AAPL", 2.5, 24, 6, 8, 0.27, leaps=2, level=268),
    Chain("MSFT", "MSFT", 5.0, 20, 6, 8, 0.24, leaps=2, level=485),
    Chain("SPY", "SPY", 1.0, 50, 6, 10, 0.16, True, 2, level=668, venue="US.OPT.ETF", rule=32),
    Chain("QQQ", "QQQ", 1.0, 50, 6, 10, 0.20, True, 2, level=605, venue="US.OPT.ETF", rule=32),
    Chain("TSLA", "TSLA", 5.0, 30, 6, 8, 0.52, leaps=2, level=405),
    Chain("NVDA", "NVDA", 2.5, 26, 6, 8, 0.42, leaps=2, level=182),
    Chain("AMZN", "AMZN", 2.5, 22, 6, 8, 0.30, leaps=2, level=222),
    Chain("META", "META", 5.0, 26, 6, 8, 0.32, leaps=2, level=610),
    Chain("IWM", "IWM", 1.0, 36, 6, 8, 0.22, True, 1, level=240, venue="US.OPT.ETF", rule=32),
)


def _future(
    symbol: str, tradingClass: str, exchange: str, step: float, width: int, *, dates: tuple[int, int], level: float,
    volatility: float, multiplier: str, rule: int, expiry: str, time: str, weekly: bool = False, venue: str = "CME",
) -> Chain:  # fmt: skip
    zone = "US/Eastern" if venue == "NYMEX" else "US/Central"
    return Chain(
        symbol, tradingClass, step, width, *dates, volatility, level=level, exchanges=exchange, multiplier=multiplier,
        venue=venue, zone=zone, rule=rule, secType="FOP", expiry=expiry, weekly_class=weekly, time=time,
    )  # fmt: skip


FUTURE_CHAINS = (
    _future("ES", "ES", "CME", 25.0, 40, dates=(0, 4), level=6700, volatility=0.16, multiplier="50", rule=157,
            expiry="third friday", time="08:30:00"),
    _future("ES", "EW", "CME", 10.0, 60, dates=(0, 4), level=6700, volatility=0.16, multiplier="50", rule=157,
            expiry="month end", time="15:00:00"),
    _future("ES", "EW", "CME", 5.0, 60, dates=(6, 0), level=6700, volatility=0.16, multiplier="50", rule=157,
            expiry="third friday", time="15:00:00", weekly=True),
    _future("NQ", "NQ", "CME", 100.0, 40, dates=(0, 3), level=24900, volatility=0.20, multiplier="20", rule=157,
            expiry="third friday", time="08:30:00"),
    _future("NQ", "QN", "CME", 50.0, 40, dates=(4, 0), level=24900, volatility=0.20, multiplier="20", rule=157,
            expiry="third friday", time="15:00:00", weekly=True),
    _future("RTY", "RTO", "CME", 10.0, 30, dates=(0, 3), level=2400, volatility=0.22, multiplier="50", rule=123,
            expiry="third friday", time="08:30:00"),
    _future("CL", "LO", "NYMEX", 0.5, 40, dates=(0, 8), level=60, volatility=0.32, multiplier="1000", rule=32,
            expiry="crude oil option", time="14:30:00", venue="NYMEX"),
    _future("CL", "LO", "NYMEX", 0.5, 30, dates=(5, 0), level=60, volatility=0.32, multiplier="1000", rule=32,
            expiry="crude oil option", time="14:30:00", venue="NYMEX", weekly=True),
    _future("GC", "OG", "COMEX", 10.0, 50, dates=(0, 6), level=4080, volatility=0.18, multiplier="100", rule=123,
            expiry="metal option", time="13:30:00", venue="NYMEX"),
    _future("GC", "OG", "COMEX", 5.0, 40, dates=(5, 0), level=4080, volatility=0.18, multiplier="100", rule=123,
            expiry="metal option", time="13:30:00", venue="NYMEX", weekly=True),
    _future("SI", "SO", "COMEX", 0.25, 40, dates=(0, 5), level=50, volatility=0.32, multiplier="5000", rule=45,
            expiry="metal option", time="13:25:00", venue="NYMEX"),
    _future("NG", "LNE", "NYMEX", 0.05, 40, dates=(0, 6), level=4.4, volatility=0.55, multiplier="10000", rule=2721,
            expiry="gas option", time="14:30:00", venue="NYMEX"),
    _future("ZN", "OZN", "CBOT", 0.5, 20, dates=(0, 4), level=112.5, volatility=0.06, multiplier="1000", rule=96,
            expiry="treasury option", time="16:00:00"),
    _future("ZB", "OZB", "CBOT", 1.0, 20, dates=(0, 4), level=117, volatility=0.10, multiplier="1000", rule=96,
            expiry="treasury option", time="16:00:00"),
    _future("EUR", "EUU", "CME", 0.005, 40, dates=(0, 5), level=1.16, volatility=0.08, multiplier="125000", rule=58,
            expiry="currency option", time="09:00:00"),
)  # fmt: skip
STEPS = ((1000.0, 20.0), (500.0, 10.0), (200.0, 5.0), (100.0, 2.5), (25.0, 1.0), (0.0, 0.5))


def _by_rule(symbol: str, price: float, fund: bool) -> Chain:
    step = next(step for edge, step in STEPS if price >= edge)
    return Chain(symbol, symbol, step, 16, 4, 6, 0.0, leaps=1, level=price, rule=32 if fund else 110)


def _others() -> Iterator[Chain]:
    """Every other share and fund of the United States; their volatility is their underlying's."""
    named = {chain.symbol for chain in FAMOUS}
    for lines, fund in ((shares.NASDAQ, False), (shares.NYSE, False), (FUNDS, True)):
        for line in lines.splitlines():
            symbol, _, price, _ = line.split(" ", 3)
            if symbol not in named:
                yield _by_rule(symbol, float(price), fund)


CHAINS = (*FAMOUS, *INDEX_CHAINS)
"""The chains that have a name here; `option_chains` has all."""


@cache
def option_chains() -> tuple[Chain, ...]:
    """Every chain of options on shares, funds and indices."""
    return (*CHAINS, *_others())


class Layout(NamedTuple):
    """A family of chains and the first strike slot of each."""

    chains: tuple[Chain, ...]
    bases: tuple[int, ...]
    by_symbol: dict[str, tuple[int, ...]]


def _layout(chains: tuple[Chain, ...]) -> Layout:
    by_symbol: dict[str, tuple[int, ...]] = {}
    for number, chain in enumerate(chains):
        by_symbol[chain.symbol] = (*by_symbol.get(chain.symbol, ()), number)
    return Layout(chains, (0, *accumulate(chain.slots for chain in chains)), by_symbol)


@cache
def layout(secType: str) -> Layout:
    """The family of chains of a security type: OPT or FOP."""
    return _layout(option_chains() if secType == "OPT" else FUTURE_CHAINS)
