"""What the journal's records hold beyond orders' events: what a script wanted, and what it was refused."""

from __future__ import annotations

from ibmux.messages.contracts import Contract
from ibmux.messages.exercise import ExerciseOptions
from ibmux.messages.orders import Order
from ibmux.messages.wire import Record


class Intent(Record):
    """An order before it is sent: who wants it, and the keys of the legs that stand or fall with it.

    `exercise` is set where it is no order but the exercise of an option.
    """

    contract: Contract
    order: Order
    instance: str = ""
    parentKey: str = ""
    unit: list[str] = []
    exercise: ExerciseOptions | None = None


class Wish(Record):
    """A change or a cancellation before it is sent: by whom, and the order as it is to be."""

    by: str
    order: Order | None = None


class Refusal(Record):
    """A request that was refused before anything was sent."""

    method: str
    code: str
    message: str
