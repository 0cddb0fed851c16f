"""What can be made to go wrong at the order desk: rejections, delays, lost acknowledgements, ids rolled back, forks.

A store of switches and of what waits; the desk asks it at the right moments.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import NamedTuple

from ibmux.sim.catalogue.contracts import Refusal
from ibmux.sim.events import Commission, Event, Execution, OpenOrder, OrderError, OrderStatus

Key = tuple[int, int]
Act = Callable[[float], list[Event]]
"""What a request does when its turn comes (epoch seconds); the events that follow."""
QUEUED = 1000
"""Requests that may wait at once; further delays are used up without effect."""

KEPT_BACK = 10_000
"""Events that may be kept back at once."""


class Waiting(NamedTuple):
    """A request that waits: until when, whose it is, what it does; `orderId` if it places or changes that order."""

    until: float
    clientId: int
    orderId: int | None
    act: Act


class Mishaps:
    """The desk's switches, and the requests that wait for their turn."""

    def __init__(self) -> None:
        self.rejections: deque[Refusal] = deque(maxlen=QUEUED)
        self.delays: deque[float] = deque(maxlen=QUEUED)
        self.hold: float | None = None
        self.rollback = 0
        self.fork = False
        self._queue: deque[Waiting] = deque()
        self._held: dict[Key, float] = {}
        self._fills: set[str] = set()
        self._kept: list[Event] = []

    def take_rejection(self) -> Refusal | None:
        """The rejection that awaits the next order; it is used up."""
        return self.rejections.popleft() if self.rejections else None

    def delay(self) -> float | None:
        """The delay that awaits the next order, in seconds; it is used up."""
        return self.delays.popleft() if self.delays else None

    def queue(self, clientId: int, orderId: int | None, act: Act, until: float) -> bool:
        """Let a request wait, if it has to: until then, and behind what its client has asked before.

        A gateway reads what one client sends in order, so nothing overtakes; other clients go on.
        """
        ahead = [waiting.until for waiting in self._queue if waiting.clientId == clientId]
        last = max([until, *ahead])
        if (not ahead and last == -inf) or len(self._queue) >= QUEUED:
            return False
        self._queue.append(Waiting(last, clientId, orderId, act))
        return True

    def is_pending(self, clientId: int, orderId: int) -> bool:
        """Whether that order waits to be placed or changed."""
        return any((one.clientId, one.orderId) == (clientId, orderId) for one in self._queue)

    def due(self, now: float) -> list[Act]:
        """What the requests do whose turn has come, in order."""
        ready = [waiting.act for waiting in self._queue if waiting.until <= now]
        self._queue = deque(waiting for waiting in self._queue if waiting.until > now)
        return ready

    def take_hold(self) -> float | None:
        """For how long everything is to be kept back that is said about the next order, in seconds; it is used up."""
        hold, self.hold = self.hold, None
        return hold

    def keep_back(self, key: Key, hold: float | None, now: float) -> None:
        """Keep back for so long what is said about the order of that client and number."""
        if hold is not None:
            self._held[key] = now + hold

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
        """Look at the next placeOrder (new or change) only after so many seconds; several calls, as many orders.

        What the same client asks of orders meanwhile waits behind it; another change of that order is refused (2102).
        """
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

    def expect_nothing(self) -> None:
        """Let the next orders be as any: what awaits them is forgotten; what waits or is held back already, is not."""
        mishaps = self._mishaps
        mishaps.rejections.clear()
        mishaps.delays.clear()
        mishaps.hold, mishaps.rollback = None, 0

    def fork_on_modify(self, on: bool) -> None:
        """While on, a change becomes a second live order under the same number, with a permId of its own."""
        self._mishaps.fork = on
