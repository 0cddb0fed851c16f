"""How an advisor's order is shared among the accounts of a group: who takes part, and how much of each fill is whose.

Pure but for the figures that it asks of the accounts. Methods under IBKR's names.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal

from ibmux.sim.accounts.accounts import Accounts
from ibmux.sim.accounts.advisor import METHODS, Advisor
from ibmux.sim.catalogue.contracts import Refusal
from ibmux.sim.orders.order import OrderSpec

Shares = tuple[tuple[str, Decimal], ...]
EQUAL = frozenset({"Equal", "EqualQuantity"})
NO_ALLOCATION = Refusal(436, "You must specify an allocation (either a single account, group, or profile).")


def is_shared(spec: OrderSpec, advisor: Advisor) -> bool:
    """Whether the order is an advisor's for several accounts."""
    return advisor.enabled and (bool(spec.faGroup) or spec.account in {"", advisor.master, f"{advisor.master}A"})


def refuse_allocation(spec: OrderSpec, advisor: Advisor) -> Refusal | None:
    """Why the order cannot be shared out, or None."""
    if spec.faGroup and not advisor.enabled:
        return Refusal(321, "Error validating request.-'bF' : cause - FA data operations ignored for non FA customers.")
    if not is_shared(spec, advisor):
        return None
    if not spec.faGroup or spec.legs:  # combinations are not shared out
        return NO_ALLOCATION
    if not advisor.groups().get(spec.faGroup) or (spec.faMethod and spec.faMethod not in METHODS):
        return Refusal(321, "Error validating request.-'bF' : cause - Invalid FA group or method")
    return None


def shares_of(spec: OrderSpec, advisor: Advisor, accounts: Accounts) -> Shares:
    """The accounts that take part, each with its weight: equal, or by what the account is worth."""
    members = advisor.groups().get(spec.faGroup, ())
    if spec.faMethod in EQUAL:
        return tuple((name, Decimal(1)) for name in members)
    return tuple((name, max(Decimal(1), accounts[name].figures().netLiquidation)) for name in members)


def divide(quantity: Decimal, shares: Shares, step: Decimal, done: Sequence[Decimal]) -> list[Decimal]:
    """What each account gets of a fill, whole steps that add up, so that its part of all fills stays near its weight.

    Args:
        quantity: of the fill.
        shares: accounts and weights.
        step: the least that an account can get.
        done: what each has got of the order before.
    """
    total, whole = sum(weight for _, weight in shares), quantity + sum(done)
    due = [whole * weight / total for _, weight in shares]
    parts = [
        max(Decimal(0), ((want - got) / step).quantize(Decimal(1), ROUND_DOWN) * step)
        for want, got in zip(due, done, strict=True)
    ]
    while sum(parts) > quantity:
        most = max(range(len(parts)), key=lambda n: parts[n])
        parts[most] -= min(parts[most], sum(parts) - quantity)
    left = quantity - sum(parts)
    neediest = sorted(range(len(parts)), key=lambda n: done[n] + parts[n] - due[n])
    for place in neediest:
        more = min(left, step) if place != neediest[-1] else left
        parts[place] += more
        left -= more
    return parts
