"""How liquid each type of security is: spreads, sizes in the book, sizes of trades. Tables with defaults, no behaviour.

A contract's own fields (`dailyVolume`, `sizeIncrement`) refine them where it has them.
"""

from __future__ import annotations

from math import floor, log10

from ibmux.sim.catalogue.contracts import ContractDetails

BOOKLESS = frozenset({"IND"})
"""Types that have a last price but neither bid nor ask."""
TRADELESS = frozenset({"CASH", "IND", "CFD", "CMDTY", "FUND"})
"""Types of which no trades are reported."""
OPTIONS = frozenset({"OPT", "FOP", "WAR", "IOPT"})
SPREADS = {
    "STK": 1e-4, "FUT": 4e-5, "CONTFUT": 4e-5, "CASH": 6e-5, "OPT": 1.5e-2, "FOP": 1.5e-2, "WAR": 1.5e-2, "IND": 0.0,
    "CRYPTO": 4e-4, "CFD": 1.5e-4, "BOND": 2e-3, "CMDTY": 3e-4, "FUND": 0.0,
}  # fmt: skip
"""The spread as a share of the price."""
LOTS = {
    "STK": (100.0, 30), "FUT": (1.0, 40), "CONTFUT": (1.0, 40), "CASH": (500_000.0, 10), "OPT": (1.0, 60),
    "FOP": (1.0, 60), "IND": (0.0, 1), "CFD": (100.0, 30), "BOND": (10.0, 50),
    "CMDTY": (10.0, 40), "FUND": (1.0, 20),
}  # fmt: skip
"""Size of a lot in the book, and the most lots at a price."""
MEAN_TRADE = {"STK": 100.0, "FUT": 3.0, "CONTFUT": 3.0, "OPT": 3.0, "FOP": 3.0}
"""Size of an average trade when trading is busy."""
FRACTIONAL = frozenset({"CRYPTO"})
"""Types that trade in parts of one: sizes are then about so much money as these."""
SMALL_TRADE, USUAL_TRADE, COIN_LOTS = 5.0, 500.0, 200
ROUND_LOT = 100
"""Shares of a round lot in the United States; some trades of fewer are not reported."""
DEFAULT_SPREAD, DEFAULT_LOT, DEFAULT_TRADE = 5e-4, (1.0, 40), 10.0


def spread_of(details: ContractDetails) -> float:
    """The spread as a share of the price."""
    return SPREADS.get(details.contract.secType, DEFAULT_SPREAD)


def lot_of(details: ContractDetails) -> tuple[float, int]:
    """Size of a lot in the book, and the most lots at a price."""
    if details.contract.secType in FRACTIONAL:
        return unit_of(details) * USUAL_TRADE / SMALL_TRADE, COIN_LOTS
    lot, most = LOTS.get(details.contract.secType, DEFAULT_LOT)
    return max(lot, details.sizeIncrement) if lot else lot, most


def has_round_lots(details: ContractDetails) -> bool:
    """Whether trades of less than a round lot are odd lots: of shares in the United States."""
    return details.contract.secType == "STK" and details.venue == "US"


def unit_of(details: ContractDetails) -> float:
    """The increment of trade sizes."""
    if details.contract.secType in FRACTIONAL:
        return float(10.0 ** floor(log10(SMALL_TRADE / details.price)))
    return max(1.0, details.sizeIncrement)


def mean_trade(details: ContractDetails) -> float:
    """Size of an average trade when trading is busy; 0.0 for what reports no trades."""
    kind = details.contract.secType
    if kind in TRADELESS or details.dailyVolume <= 0:
        return 0.0
    return USUAL_TRADE / details.price if kind in FRACTIONAL else MEAN_TRADE.get(kind, DEFAULT_TRADE)


def has_book(details: ContractDetails) -> bool:
    """Whether the contract has a bid and an ask."""
    return details.contract.secType not in BOOKLESS


def is_option(details: ContractDetails) -> bool:
    """Whether the contract's price follows from its underlying's by the option model."""
    return details.contract.secType in OPTIONS and bool(details.underConId)
