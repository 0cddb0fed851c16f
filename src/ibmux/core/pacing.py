"""Which message may go to the gateway next, and when: lanes by urgency, turns between scripts, a budget of messages.

Pure: time comes in as an argument. Interactive Brokers takes half as many messages a second as the login has
market-data lines (50 for 100 lines), answers more with error 100 and ends the session at the third breach.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, Literal, TypeVar

from ibmux.errors import Busy

Lane = Literal["cancel", "order", "account", "market", "bulk"]
LANES: tuple[Lane, ...] = ("cancel", "order", "account", "market", "bulk")
"""In order of urgency: a lane goes only when all before it are empty."""
_URGENT = frozenset({"cancel", "order"})
_BEFORE: dict[Lane, tuple[Lane, ...]] = {lane: LANES[: LANES.index(lane) + 1] for lane in LANES}
"""The lanes that go before a newcomer in this one: the more urgent ones, and its own."""
_WINDOW = 1.0

T = TypeVar("T")


class Pacer(Generic[T]):
    """A token bucket (`rate` per second, at most `burst` at once) and at most `rate` messages in any second.

    A tenth of the rate and a fifth of the burst are kept for cancels and orders, so that they leave at once even when
    everything else waits. Each script may have `share` messages waiting in a lane, all together `bound`: one more is
    refused (`Busy`).
    """

    def __init__(self, rate: float, burst: int, *, share: int = 500, bound: int = 5000) -> None:
        self.rate = rate
        self.burst = max(1, burst)
        self._share = share
        self._bound = bound
        self._tokens = float(self.burst)
        self._filled = float("-inf")
        self._sent: deque[float] = deque()
        self._lanes: dict[Lane, OrderedDict[str, deque[T]]] = {lane: OrderedDict() for lane in LANES}
        self._depth: dict[Lane, int] = dict.fromkeys(LANES, 0)

    def depth(self, lane: Lane) -> int:
        """How many messages wait in a lane."""
        return self._depth[lane]

    def heads(self, lane: Lane) -> list[T]:
        """The message that each script would send next."""
        return [queue[0] for queue in self._lanes[lane].values()]

    def admit(self, lane: Lane, now: float) -> bool:
        """Whether a message may go at once, past an empty queue; if so it is counted as sent."""
        if any(self._depth[each] for each in _BEFORE[lane]) or self._wait(lane, now) > 0.0:
            return False
        self._charge(now)
        return True

    def offer(self, lane: Lane, script: str, item: T) -> None:
        """Queue a message.

        Raises:
            Busy: too many wait already.
        """
        queue = self._lanes[lane].get(script)
        if self._depth[lane] >= self._bound or (queue is not None and len(queue) >= self._share):
            raise Busy(f"{self._depth[lane]} messages wait for the gateway in the lane `{lane}`.", outcome="not_sent")
        if queue is None:
            queue = self._lanes[lane][script] = deque()
        queue.append(item)
        self._depth[lane] += 1

    def withdraw(self, lane: Lane, script: str, item: T) -> bool:
        """Take a message back; whether it was still waiting."""
        queue = self._lanes[lane].get(script)
        if queue is None or item not in queue:
            return False
        queue.remove(item)
        self._depth[lane] -= 1
        if not queue:
            del self._lanes[lane][script]
        return True

    def take(self, now: float) -> T | None:
        """The next message that may go now, counted as sent; `None` if none waits or the budget is used up."""
        lane = self._next_lane()
        if lane is None or self._wait(lane, now) > 0.0:
            return None
        scripts = self._lanes[lane]
        script, queue = next(iter(scripts.items()))
        item = queue.popleft()
        if queue:
            scripts.move_to_end(script)
        else:
            del scripts[script]
        self._depth[lane] -= 1
        self._charge(now)
        return item

    def delay(self, now: float) -> float | None:
        """Seconds until `take` gives something; `None` if nothing waits."""
        lane = self._next_lane()
        return None if lane is None else self._wait(lane, now)

    def clear(self) -> list[T]:
        """Take everything out, most urgent first."""
        items = [item for scripts in self._lanes.values() for queue in scripts.values() for item in queue]
        for lane, scripts in self._lanes.items():
            scripts.clear()
            self._depth[lane] = 0
        return items

    def _next_lane(self) -> Lane | None:
        for lane in LANES:
            if self._depth[lane]:
                return lane
        return None

    def _wait(self, lane: Lane, now: float) -> float:
        """Seconds until the budget allows one message of this lane: the later of bucket and window."""
        if now > self._filled:
            self._tokens = min(float(self.burst), self._tokens + (now - self._filled) * self.rate)
            self._filled = now
        while self._sent and self._sent[0] <= now - _WINDOW:
            self._sent.popleft()
        urgent = lane in _URGENT
        need = 1.0 if urgent else min(float(self.burst), 1.0 + self.burst // 5)
        most = max(1, int(self.rate if urgent else self.rate * 0.9))
        # A whole token less rounding: refilling in small steps must not leave 0.9999999 for ever.
        wait = max(0.0, (need - self._tokens - 1e-9) / self.rate)
        if len(self._sent) >= most:
            wait = max(wait, self._sent[len(self._sent) - most] + _WINDOW - now)
        return wait

    def _charge(self, now: float) -> None:
        self._tokens -= 1.0
        self._sent.append(now)
