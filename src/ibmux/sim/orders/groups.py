"""One cancels all: what the orders of a group do to each other. Pure.

Type 1 cancels the others at the first fill, 2 and 3 reduce them in proportion. Types 1 and 2 are "with block": only one
order of the group is at the exchange at a time, so that no two can fill at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal

from ibmux.sim.accounts.money import ZERO, exact
from ibmux.sim.orders.order import BookOrder

CANCEL_WITH_BLOCK, REDUCE_WITH_BLOCK, REDUCE = 1, 2, 3
REDUCING = frozenset({REDUCE_WITH_BLOCK, REDUCE})
BLOCKING = frozenset({CANCEL_WITH_BLOCK, REDUCE_WITH_BLOCK})


def is_blocked(order: BookOrder, others: Iterable[BookOrder]) -> bool:
    """Whether another order of its group is being filled, for which this one has to wait."""
    if order.ocaType not in BLOCKING or order.due is not None:
        return False
    return any(other.due is not None and other.auctionAt is None and not other.waiting for other in others)


def reduced(other: BookOrder, filled: Decimal, before: Decimal) -> Decimal:
    """The quantity that is left to another order of the group after one filled `filled` of the `before` it had left."""
    step = exact(other.details.sizeIncrement)
    share = other.remaining * filled / before
    cut = max(step, (share / step).quantize(Decimal(1), ROUND_HALF_EVEN) * step)
    return max(ZERO, other.remaining - cut)


def ends(order: BookOrder, other: BookOrder) -> bool:
    """Whether a fill of `order` ends `other`, which has been reduced already."""
    return other.ocaType not in REDUCING or order.remaining <= ZERO or other.remaining <= ZERO
