"""Orders that are placed as one: what a unit is made of, what its legs are called, how a quantity is shared. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import floor
from typing import Any, NamedTuple

from ibmux.errors import RequestError
from ibmux.messages.orders import Order

REDUCE_WITH_BLOCK = 2
"""What a fill does to the other order of a pair (`ocaType`): it is reduced by as much, and never are both at the
exchange at once, so that not more is sold than is held.
"""


class BracketOrder(NamedTuple):
    """An entry with its two exits; iterate over it, or hand it to `placeUnit`."""

    parent: Order
    takeProfit: Order
    stopLoss: Order


class Exit(NamedTuple):
    """One part of a position: its profit target and its stop, of which one ends the other."""

    takeProfit: Order
    stopLoss: Order


class ScaleOut:
    """An entry that is left in parts, each at its own target and each with its own stop; iterate over its orders, or
    hand it to `placeUnit`.
    """

    def __init__(self, parent: Order, exits: Sequence[Exit]) -> None:
        self.parent = parent
        self.exits = tuple(exits)

    def __iter__(self) -> Iterator[Order]:
        yield self.parent
        for each in self.exits:
            yield from each

    def __repr__(self) -> str:
        parts = ", ".join(
            f"{each.takeProfit.totalQuantity:g} at {each.takeProfit.lmtPrice:g} or {each.stopLoss.auxPrice:g}"
            for each in self.exits
        )
        return f"<ScaleOut {self.parent.action} {self.parent.totalQuantity:g}: {parts}>"


def name_legs(unit: Iterable[Any]) -> list[str]:
    """What the legs of a unit are called in their keys: `entry`, `target`, `stop`, in a scale-out with a number; those
    of anything else are counted.
    """
    if isinstance(unit, BracketOrder):
        return ["entry", "target", "stop"]
    if isinstance(unit, ScaleOut):
        numbers = range(1, len(unit.exits) + 1)
        return ["entry", *(f"{name}{number}" for number in numbers for name in ("target", "stop"))]
    return [str(number) for number, _ in enumerate(unit, 1)]


def share(quantity: float, parts: Sequence[float]) -> list[float]:
    """A quantity in parts, given as shares of 1 or as quantities; whole ones where the quantity is whole.

    Raises:
        RequestError: the parts are not all of it, or one of them is nothing.
    """
    if not parts or min(parts) <= 0:
        raise RequestError("Every target needs a part above 0 of the quantity.")
    total = sum(parts)
    if abs(total - quantity) < 1e-9 * max(1.0, quantity):
        return list(parts)
    if abs(total - 1.0) > 1e-6:
        raise RequestError(
            f"The parts make {total:g}, neither 1 nor the quantity of {quantity:g}.",
            hint="Give shares that make 1, such as 0.5, 0.25, 0.25, or quantities that make the whole.",
        )
    exact = [quantity * part for part in parts]
    if quantity != floor(quantity):
        return exact
    return _whole(exact, quantity)


def _whole(exact: list[float], quantity: float) -> list[float]:
    """Whole parts of a whole quantity: what rounding down leaves over goes where most was cut off."""
    sizes = [float(floor(each + 1e-9)) for each in exact]
    order = sorted(range(len(exact)), key=lambda number: sizes[number] - exact[number])
    for number in order[: round(quantity - sum(sizes))]:
        sizes[number] += 1
    if min(sizes) == 0:
        raise RequestError(f"{quantity:g} cannot be shared like that: one part would be nothing.")
    return sizes
