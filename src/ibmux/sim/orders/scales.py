"""Scale orders: one order that works in components, each at a better price than the one before.

The first component rests at the limit price; every further one a price increment lower (of a purchase) or higher (of a
sale). With a profit offset, each filled component is closed by an order of its own. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ibmux.sim.catalogue.contracts import Refusal


@dataclass(frozen=True, slots=True)
class Scale:
    """What a client asks: sizes in units of the order, prices in the contract's currency; 0 where it is unset."""

    first: int
    later: int
    step: float
    profitOffset: float = 0.0
    autoReset: bool = False
    position: int = 0
    filled: int = 0


@dataclass(frozen=True, slots=True)
class Component:
    """The part of a scale order that works now: its place, its limit and what is left of it."""

    place: int
    limit: float
    left: Decimal


def refuse_scale(scale: Scale | None, orderType: str) -> Refusal | None:
    """Why a scale order is none, or None."""
    if scale is None:
        return None
    checks = (
        (not 0 < scale.step < 1e9, Refusal(408, "Invalid scale order increment.")),
        (scale.first < 1, Refusal(409, "Invalid scale order. You must specify order component size.")),
        (scale.later < 0, Refusal(410, "Invalid subsequent component size for scale order.")),
        (scale.profitOffset < 0, Refusal(418, "Invalid scale order profit offset.")),
        (scale.autoReset and not scale.profitOffset, Refusal(446, "Missing scale order profit offset.")),
        (
            orderType not in {"LMT", "REL"},
            Refusal(387, "Unsupported order type for this exchange and security type."),
        ),
    )
    return next((refusal for wrong, refusal in checks if wrong), None)


def component(scale: Scale, limit: float, sign: int, filled: Decimal, remaining: Decimal) -> Component:
    """The component that works when `filled` of the order is done; `sign` is 1 for a purchase."""
    later = Decimal(scale.later or scale.first)
    done, place, size = filled + scale.filled, 0, Decimal(scale.first)
    if done >= size:
        (more, done), size = divmod(done - size, later), later
        place = 1 + int(more)
    price = round(limit - sign * place * scale.step, 8)
    return Component(place, price, min(size - done, remaining))
