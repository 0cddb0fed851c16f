"""Margin and commission rules of the simulation, in base currency (USD).

Simplified after Interactive Brokers' published Reg T margins and fixed commissions: plausible and exact to the cent,
not a copy of their figures.
"""

from __future__ import annotations

from decimal import Decimal

from ibmux.sim.contracts import ContractDetails
from ibmux.sim.money import CENT, ZERO, cents, exact, worth

SHARE_INITIAL, SHARE_LONG, SHARE_SHORT = Decimal("0.5"), Decimal("0.25"), Decimal("0.3")
CURRENCY_SHARE = Decimal("0.03")
WRITTEN_SHARE = Decimal("0.2")
FUTURE_MAINTENANCE = Decimal("0.9")


def requirement(details: ContractDetails, position: Decimal, price: float, spot: float) -> tuple[Decimal, Decimal]:
    """Initial and maintenance margin of holding `position`; `spot` is the price of an option's underlying."""
    if not position:
        return ZERO, ZERO
    kind, value = details.contract.secType, abs(worth(details, position, price))
    if kind == "STK":
        return cents(value * SHARE_INITIAL), cents(value * (SHARE_LONG if position > 0 else SHARE_SHORT))
    if kind == "FUT":
        initial = abs(position) * exact(details.futureMargin)
        return cents(initial), cents(initial * FUTURE_MAINTENANCE)
    if kind == "OPT":
        written = cents(value + abs(worth(details, position, spot)) * WRITTEN_SHARE) if position < 0 else ZERO
        return written, written
    return cents(value * CURRENCY_SHARE), cents(value * CURRENCY_SHARE)


def commission(details: ContractDetails, quantity: Decimal, value: Decimal) -> Decimal:
    """The commission of an order of which `quantity`, worth `value` (base currency), has been executed."""
    kind = details.contract.secType
    if kind == "OPT":
        return max(Decimal("1.00"), cents(quantity * Decimal("0.65")))
    if kind == "FUT":
        return cents(quantity * (Decimal("0.62") if details.contract.symbol.startswith("M") else Decimal("2.25")))
    if kind == "CASH":
        return max(Decimal("2.00"), cents(value * Decimal("0.00002")))
    if details.contract.currency != "USD":
        return max(Decimal("3.00"), cents(value * Decimal("0.0005")))
    full = max(Decimal("1.00"), cents(quantity * Decimal("0.005")))
    return max(CENT, min(full, cents(value * CENT)))
