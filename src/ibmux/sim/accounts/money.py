"""Money in exact cents: conversions between the prices of quotes (binary floats on ticks) and decimal amounts."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from ibmux.sim.catalogue.contracts import ContractDetails

CENT = Decimal("0.01")
ZERO = Decimal(0)


def exact(value: float) -> Decimal:
    """The decimal number that a float prints as."""
    return Decimal(repr(value))


def cents(value: Decimal) -> Decimal:
    """An amount rounded to cents, half to even."""
    return value.quantize(CENT, ROUND_HALF_EVEN)


def worth(details: ContractDetails, quantity: Decimal, price: float) -> Decimal:
    """What `quantity` of a contract is worth at `price`, in base currency and whole cents; negative for a short."""
    return cents(quantity * exact(price) * details.pointValue * exact(details.currencyRate))
