"""The paced way to the socket: whatever goes to the gateway passes here. The decisions are `core.pacing`'s."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable

from ibmux.core.pacing import LANES, Lane, Pacer
from ibmux.session.stats import LaneStats


class Waiting:
    """A message in the queue: how to send it, and whom to tell."""

    __slots__ = ("future", "lane", "send", "since")

    def __init__(self, lane: Lane, send: Callable[[], None], future: asyncio.Future[None] | None) -> None:
        self.lane = lane
        self.send = send
        self.future = future
        self.since = time.monotonic()


class Gate:
    """Sends at once while the budget lasts; what has to wait is sent by the pump, in the order of `core.pacing`."""

    def __init__(self, rate: float, burst: int) -> None:
        self._pacer: Pacer[Waiting] = Pacer(rate, burst)
        self._timer: asyncio.Handle | None = None
        self._due = 0.0
        self.passed: Counter[Lane] = Counter()
        self.waited: Counter[Lane] = Counter()
        self.wait_seconds: dict[Lane, float] = dict.fromkeys(LANES, 0.0)

    def stats(self) -> dict[str, LaneStats]:
        """How the lanes stand."""
        now = time.monotonic()
        return {
            lane: LaneStats(
                depth=self._pacer.depth(lane),
                oldest=max((now - head.since for head in self._pacer.heads(lane)), default=0.0),
                passed=self.passed[lane],
                waited=self.waited[lane],
                wait_seconds=self.wait_seconds[lane],
            )
            for lane in LANES
        }

    async def send(self, lane: Lane, script: str, send: Callable[[], None]) -> None:
        """Send when it is this message's turn; with an idle gate before this call returns to the loop.

        Raises:
            Busy: too many wait already; nothing was sent.
        """
        if self.send_now(lane, send):
            return
        waiting = Waiting(lane, send, asyncio.get_running_loop().create_future())
        self._pacer.offer(lane, script, waiting)
        try:
            self._arm()
            await waiting.future  # type: ignore[misc]
        except BaseException:  # whoever hears of a failure may count on it that nothing is sent later
            self._pacer.withdraw(lane, script, waiting)
            raise

    def send_now(self, lane: Lane, send: Callable[[], None]) -> bool:
        """Send if nothing has to wait, and say whether that was so."""
        if not self._pacer.admit(lane, time.monotonic()):
            return False
        self.passed[lane] += 1
        send()
        return True

    def post(self, lane: Lane, send: Callable[[], None]) -> None:
        """As `send`, without waiting, for what no script asked for.

        Raises:
            Busy: too many wait already.
        """
        if self._pacer.admit(lane, time.monotonic()):
            self.passed[lane] += 1
            self._fire(Waiting(lane, send, None))
        else:
            self._pacer.offer(lane, "", Waiting(lane, send, None))
            self._arm()

    def clear(self, error: Exception, *, posted: bool = False) -> None:
        """Whoever waits for a message to be sent gets the error; what was posted goes only with `posted`, at the end of
        the connection: it would take the turns of the next one.
        """
        for waiting in self._pacer.clear():
            if waiting.future is None:
                if posted:
                    continue
                self._pacer.offer(waiting.lane, "", waiting)
            elif not waiting.future.done():
                waiting.future.set_exception(error)

    def _arm(self) -> None:
        """Set the timer for the next message; a more urgent one that came meanwhile moves it forward."""
        delay = self._pacer.delay(time.monotonic())
        if delay is None:
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + delay
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._due, self._timer = due, loop.call_later(delay, self._pump)

    def _pump(self) -> None:
        self._timer = None
        try:
            while (waiting := self._pacer.take(time.monotonic())) is not None:
                self.passed[waiting.lane] += 1
                self.waited[waiting.lane] += 1
                self.wait_seconds[waiting.lane] += time.monotonic() - waiting.since
                self._fire(waiting)
        finally:
            self._arm()

    def _fire(self, waiting: Waiting) -> None:
        future = waiting.future
        if future is not None and future.done():
            return
        try:
            waiting.send()
        except Exception as error:
            if future is not None:
                future.set_exception(error)
            else:
                raise
        else:
            if future is not None:
                future.set_result(None)
