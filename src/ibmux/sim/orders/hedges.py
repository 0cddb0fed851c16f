"""Orders attached to a parent as its hedge: delta, beta, currency and pair. How large they are, and why not. Pure."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from ibmux.sim.accounts.money import exact
from ibmux.sim.catalogue.contracts import Refusal

DELTA, BETA, CURRENCY, PAIR = "D", "B", "F", "P"
KINDS = frozenset({DELTA, BETA, CURRENCY, PAIR})
MOST = 10_000
"""Largest beta or ratio."""


def refuse_hedge(kind: str, param: str, child: bool) -> Refusal | None:
    """Why an order is no hedge, or None."""
    if not kind:
        return None
    if kind not in KINDS or not child:
        return Refusal(10007, "Invalid hedge type.")
    if kind == BETA and not _number(param):
        return Refusal(10008, "Invalid beta value.")
    if kind == PAIR and not _number(param):
        return Refusal(10009, "Invalid hedge ratio.")
    return None


def _number(text: str) -> Decimal | None:
    """A positive number of a reasonable size, or None."""
    try:
        found = Decimal(text)
    except ArithmeticError:
        return None
    return found if found.is_finite() and 0 < found <= MOST else None


class Need(NamedTuple):
    """What a hedge is measured by.

    Attributes:
        filled: what the parent filled.
        worth: what that is worth in the parent's currency, positive.
        delta: of the parent's option times its multiplier; 1 for anything else.
        price: of one unit of the hedge (its multiplier counted).
    """

    filled: Decimal
    worth: Decimal
    delta: float
    price: Decimal


def size(kind: str, param: str, need: Need, step: Decimal) -> Decimal:
    """How much of a hedge of that kind and parameter its parent's fill needs, a multiple of `step`."""
    match kind:
        case "D":
            raw = need.filled * exact(abs(need.delta))
        case "B":
            raw = need.worth * (_number(param) or Decimal(1)) / need.price
        case "F":
            raw = need.worth
        case _:
            raw = need.filled * (_number(param) or Decimal(1))
    return (raw / step).quantize(Decimal(1), ROUND_HALF_EVEN) * step
