"""Margin and commission rules of the simulation, in base currency (USD).

Simplified after Interactive Brokers' published Reg T margins and fixed commissions: plausible and exact to the cent,
not a copy of their figures. Written options that shares or other options cover need no more than they can lose.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from ibmux.sim.accounts.money import CENT, ZERO, cents, exact, worth
from ibmux.sim.catalogue.contracts import ContractDetails

SHARE_INITIAL, SHARE_LONG, SHARE_SHORT = Decimal("0.5"), Decimal("0.25"), Decimal("0.3")
CURRENCY_SHARE = Decimal("0.03")
WRITTEN_SHARE = Decimal("0.2")
FUTURE_MAINTENANCE = Decimal("0.9")
SHARES = {"CFD": Decimal("0.2"), "BOND": Decimal("0.25"), "CRYPTO": Decimal(1), "FUND": Decimal("0.5")}
# Commissions in proportion to value: the least, and the share.
BY_VALUE = {
    "CASH": (Decimal("2.00"), Decimal("0.00002")),
    "BOND": (Decimal("1.00"), Decimal("0.001")),
    "ABROAD": (Decimal("3.00"), Decimal("0.0005")),
}
FUND_FEE, FUND_SHARE = Decimal("14.95"), Decimal("0.03")
"""Funds cost a fee per order, or a share of what little was traded."""
OPTIONS = frozenset({"OPT", "FOP"})


class Exposure(NamedTuple):
    """A position as margin rules see it; `spot` is the price of an option's underlying."""

    details: ContractDetails
    position: Decimal
    price: float
    spot: float


def requirement(details: ContractDetails, position: Decimal, price: float, spot: float) -> tuple[Decimal, Decimal]:
    """Initial and maintenance margin of holding `position` by itself; `spot` is the price of an option's underlying."""
    if not position:
        return ZERO, ZERO
    kind, value = details.contract.secType, abs(worth(details, position, price))
    if kind == "STK":
        return cents(value * SHARE_INITIAL), cents(value * (SHARE_LONG if position > 0 else SHARE_SHORT))
    if kind == "FUT":
        initial = abs(position) * exact(details.futureMargin)
        return cents(initial), cents(initial * FUTURE_MAINTENANCE)
    if kind in OPTIONS:
        written = cents(value + abs(worth(details, position, spot)) * WRITTEN_SHARE) if position < 0 else ZERO
        return written, written
    share = SHARES.get(kind, CURRENCY_SHARE)
    return cents(value * share), cents(value * share)


def requirements(rows: Iterable[Exposure]) -> tuple[Decimal, Decimal]:
    """Initial and maintenance margin of positions held together."""
    initial = maintenance = ZERO
    shares: dict[int, Decimal] = {}
    written: list[Exposure] = []
    bought: dict[tuple[int, str], list[Exposure]] = defaultdict(list)
    for row in rows:
        contract = row.details.contract
        if contract.secType == "STK":
            shares[contract.conId] = row.position
        if contract.secType in OPTIONS and row.position < 0:
            written.append(row)
            continue
        if contract.secType in OPTIONS and row.position > 0:
            bought[row.details.underConId, contract.right].append(row)
        first, later = requirement(*row)
        initial, maintenance = initial + first, maintenance + later
    needed = _written(written, bought, shares) if written else ZERO
    return initial + needed, maintenance + needed


def _written(
    written: list[Exposure], bought: dict[tuple[int, str], list[Exposure]], shares: dict[int, Decimal]
) -> Decimal:
    """What written options need: nothing where shares cover them, the most they can lose where other options do."""
    total = ZERO
    left = {id(row): row.position for rows in bought.values() for row in rows}
    for row in written:
        details, contract = row.details, row.details.contract
        naked = requirement(details, Decimal(-1), row.price, row.spot)[0]
        sign = 1 if contract.right == "C" else -1
        held = shares.get(details.underConId, ZERO) * sign // details.pointValue
        open_ = -row.position
        covered = max(ZERO, min(open_, held))
        if covered:
            shares[details.underConId] -= covered * details.pointValue * sign
            open_ -= covered
        for risk, other in sorted(_spreads(row, bought), key=lambda pair: pair[0]):
            paired = min(open_, left[id(other)])
            if risk < naked and paired > 0:
                total, open_ = total + paired * risk, open_ - paired
                left[id(other)] -= paired
        total += open_ * naked
    return cents(total)


def _spreads(row: Exposure, bought: dict[tuple[int, str], list[Exposure]]) -> list[tuple[Decimal, Exposure]]:
    """The bought options that cover a written one, each with the most that the pair can lose."""
    contract = row.details.contract
    sign = 1 if contract.right == "C" else -1
    found = []
    for other in bought.get((row.details.underConId, contract.right), ()):
        against = other.details.contract
        if against.lastTradeDateOrContractMonth >= contract.lastTradeDateOrContractMonth:
            width = (against.strike - contract.strike) * sign
            found.append((max(ZERO, worth(row.details, Decimal(1), width)), other))
    return found


def commission(details: ContractDetails, quantity: Decimal, value: Decimal) -> Decimal:
    """The commission of an order of which `quantity`, worth `value` (base currency), has been executed."""
    kind = details.contract.secType
    if kind in OPTIONS:
        return max(Decimal("1.00"), cents(quantity * Decimal("0.65")))
    if kind == "FUT":
        return cents(quantity * (Decimal("0.62") if details.contract.symbol.startswith("M") else Decimal("2.25")))
    if kind == "CRYPTO":
        return max(min(Decimal("1.75"), cents(value * CENT)), cents(value * Decimal("0.0018")))
    if kind == "FUND":
        return min(FUND_FEE, cents(value * FUND_SHARE))
    abroad = "" if details.contract.currency == "USD" else "ABROAD"
    if kind in BY_VALUE or abroad:
        least, share = BY_VALUE.get(kind) or BY_VALUE[abroad]
        return max(least, cents(value * share))
    full = max(Decimal("1.00"), cents(quantity * Decimal("0.005")))
    return max(CENT, min(full, cents(value * CENT)))
