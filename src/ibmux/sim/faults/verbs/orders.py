"""Faults of orders: rejected, late, forked, and order ids that go back."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from ibmux.sim.faults.verbs.kind import FaultError, Number, Seconds, count_of

if TYPE_CHECKING:
    from ibmux.sim.server import SimulatedGateway

REJECTED = "Order rejected - reason:Rejected by the simulator"


def reject_next(gateway: SimulatedGateway, code: Number = 201, text: str = REJECTED, count: Number = 1) -> str:
    """Reject the next order, or so many, with that error."""
    if not 1 <= count <= 1000:
        raise FaultError("reject_next: count is 1 to 1000")
    for _ in range(count):
        gateway.world.desk.reject_next(code, text)
    return gateway.faults.note("reject_next", f"rejected with {code}: the next {count_of(count, 'order')}")


def delay_next(gateway: SimulatedGateway, seconds: Seconds, count: Number = 1) -> str:
    """Let the next order or change, or so many, lie for so long before it is looked at."""
    if not 1 <= count <= 1000:
        raise FaultError("delay_next: count is 1 to 1000")
    for _ in range(count):
        gateway.world.desk.delay_next(seconds)
    return gateway.faults.note("delay_next", f"to wait {seconds:g} s: the next {count_of(count, 'order')}")


def hold_next(gateway: SimulatedGateway, seconds: Seconds = 0.0) -> str:
    """Take the next order and work it, but say nothing of it for so long, or until `release`."""
    gateway.world.desk.hold_acknowledgement(seconds or inf)
    return gateway.faults.note(
        "hold_next", "nothing is said of the next order" + (f" for {seconds:g} s" if seconds else "")
    )


def release(gateway: SimulatedGateway) -> str:
    """Say what `hold_next` held back."""
    events = gateway.world.desk.release_acknowledgements(gateway.clock.now())
    gateway.tell(events)
    return gateway.faults.note("release", f"{count_of(len(events), 'message')} told")


def roll_ids(gateway: SimulatedGateway, count: Number) -> str:
    """Let the next nextValidId be lower by so many, as after restarts. Ids in use stay used (103)."""
    gateway.world.desk.roll_back_ids(count)
    return gateway.faults.note("roll_ids", f"the next order id is lower by {count}")


def fork_on_modify(gateway: SimulatedGateway, seconds: Seconds = 0.0) -> str:
    """Let a change of an order leave the old one alive beside the changed one, as in outages: two live orders."""
    desk = gateway.world.desk
    desk.fork_on_modify(True)
    text = "a changed order leaves its old self alive"
    return gateway.faults.begin("fork_on_modify", text, lambda: desk.fork_on_modify(False), seconds)


ACTS = (reject_next, delay_next, hold_next, release, roll_ids, fork_on_modify)
