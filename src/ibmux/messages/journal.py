"""What the journal's records hold beyond orders' events: what a script wanted, and what it was refused."""

from __future__ import annotations

from ibmux.messages.contracts import Contract
from ibmux.messages.exercise import ExerciseOptions
from ibmux.messages.orders import Order
from ibmux.messages.wire import Record


class Intent(Record):
    """An order before it is sent: who wants it, and the keys of the legs that stand or fall with it.

    `exercise` is set where it is no order but the exercise of an option. `worth` is what it counts for in the day's
    value, and in which currency; 0 where no limit asks for it. `login` are the accounts of the gateway's login.
    """

    contract: Contract
    order: Order
    instance: str = ""
    parentKey: str = ""
    unit: list[str] = []
    exercise: ExerciseOptions | None = None
    worth: tuple[float, str] = (0.0, "")
    login: list[str] = []


class Wish(Record):
    """A change or a cancellation before it is sent: by whom, the order as it is to be, and what that adds to the day's
    value.
    """

    by: str
    order: Order | None = None
    worth: tuple[float, str] = (0.0, "")


class HaltNote(Record):
    """A halt of new orders, or its end: by whom (a script, or the circuit breaker), and why; `base` is where the
    breaker counts losses from.
    """

    by: str
    reason: str
    base: float = 0.0


class Refusal(Record):
    """A request that was refused before anything was sent."""

    method: str
    code: str
    message: str
