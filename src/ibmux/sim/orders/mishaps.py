"""What can be made to go wrong at the order desk: rejections, delays, lost acknowledgements, ids rolled back, forks.

A store of switches and of what waits; the desk asks it at the right moments.
"""

from __future__ import annotations

from collections import deque
from math import inf

from ibmux.sim.catalogue.contracts import Query, Refusal
from ibmux.sim.events import Commission, Event, Execution, OpenOrder, OrderError, OrderStatus
from ibmux.sim.orders.order import OrderSpec

Key = tuple[int, int]
QUEUED = 1000
"""Orders that may be delayed at once; further ones are taken without delay."""

KEPT_BACK = 10_000
"""Events that may be kept back at once."""


class Mishaps:
    """The desk's switches."""

    def __init__(self) -> None:
        self.rejections: deque[Refusal] = deque(maxlen=QUEUED)
        self.delays: deque[float] = deque(maxlen=QUEUED)
        self.hold: float | None = None
        self.rollback = 0
        self.fork = False
        self._delayed: deque[tuple[float, OrderSpec, Query]] = deque()
        self._held: dict[Key, float] = {}
        self._fills: set[str] = set()
        self._kept: list[Event] = []

    def take_rejection(self) -> Refusal | None:
        """The rejection that awaits the next order; it is used up."""
        return self.rejections.popleft() if self.rejections else None

    def put_off(self, spec: OrderSpec, query: Query, now: float) -> bool:
        """Put the order off if a delay awaits it; the delay is used up."""
        if not self.delays or len(self._delayed) >= QUEUED:
            return False
        self._delayed.append((now + self.delays.popleft(), spec, query))
        return True

    def due(self, now: float) -> list[tuple[OrderSpec, Query]]:
        """The orders whose delay is over."""
        ready = [(spec, query) for when, spec, query in self._delayed if when <= now]
        self._delayed = deque(one for one in self._delayed if one[0] > now)
        return ready

    def begin_hold(self, spec: OrderSpec, now: float) -> None:
        """Keep back everything that is said about this order, if that awaits the next one."""
        if self.hold is not None:
            self._held[spec.clientId, spec.orderId] = now + self.hold
            self.hold = None

    def release(self) -> None:
        """Keep nothing back any longer; what was kept leaves with the next events."""
        self._held = dict.fromkeys(self._held, -inf)

    def pass_on(self, events: list[Event], now: float) -> list[Event]:
        """The events that may leave now, those first whose time has come; too many, and none is kept any longer."""
        if not self._held:
            return events
        over = {key for key, until in self._held.items() if until <= now}
        full = len(self._kept) >= KEPT_BACK
        self._held = {} if full else {key: until for key, until in self._held.items() if key not in over}
        waiting, self._kept = [*self._kept, *events], []
        return [event for event in waiting if not self._keeps(event)]

    def _keeps(self, event: Event) -> bool:
        if isinstance(event, Commission):
            kept = event.execId in self._fills
        else:
            kept = _key(event) in self._held
            if isinstance(event, Execution):
                self._fills = self._fills | {event.execId} if kept else self._fills - {event.execId}
        if kept:
            self._kept.append(event)
        return kept


def _key(event: Event) -> Key | None:
    if isinstance(event, OpenOrder):
        return event.clientId, event.order.orderId
    if isinstance(event, OrderStatus | Execution | OrderError):
        return event.clientId, event.orderId
    return None


class Snags:
    """The switches as an order desk offers them."""

    def __init__(self) -> None:
        self._mishaps = Mishaps()

    def reject_next(self, code: int = 201, text: str = "Order rejected - reason:simulated") -> None:
        """Refuse the next new order with this code; 201 leaves an inactive order behind, any other an error alone.

        Called several times, it refuses as many orders, 1,000 at most.
        """
        self._mishaps.rejections.append(Refusal(code, text))

    def delay_next(self, seconds: float) -> None:
        """Look at the next placeOrder (new or change) only after so many seconds; several calls, as many orders."""
        self._mishaps.delays.append(seconds)

    def hold_acknowledgement(self, seconds: float = inf) -> None:
        """Take the next order, and work it, but say nothing of it for so many seconds, or until it is released."""
        self._mishaps.hold = seconds

    def release_acknowledgements(self, now: float) -> list[Event]:
        """Say what was held back."""
        self._mishaps.release()
        return self._mishaps.pass_on([], now)

    def roll_back_ids(self, by: int) -> None:
        """Let the next nextValidId be lower by so much, once; numbers in use stay used (103)."""
        self._mishaps.rollback = by

    def fork_on_modify(self, on: bool) -> None:
        """While on, a change becomes a second live order under the same number, with a permId of its own."""
        self._mishaps.fork = on
