"""Waiting for times and conditions as ib_async's IB class names it, and what of ib_async makes no sense behind a proxy.

The second half says, for each such name, what to write instead.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NoReturn

from ibmux.client.connection import Identity
from ibmux.client.events import Event
from ibmux.client.session import Session
from ibmux.errors import RequestError

Time = dt.time | dt.datetime
"""A time of today (local), or a moment; a moment without a zone is local."""

EVENTS = (
    "connectedEvent", "disconnectedEvent", "updateEvent", "pendingTickersEvent", "barUpdateEvent", "newOrderEvent",
    "orderModifyEvent", "cancelOrderEvent", "openOrderEvent", "orderStatusEvent", "execDetailsEvent",
    "commissionReportEvent", "updatePortfolioEvent", "positionEvent", "accountValueEvent", "accountSummaryEvent",
    "pnlEvent", "pnlSingleEvent", "scannerDataEvent", "tickNewsEvent", "newsBulletinEvent", "wshMetaEvent", "wshEvent",
    "errorEvent", "timeoutEvent",
)  # fmt: skip


class Moments(Session):
    """Times. Event: `timeoutEvent(seconds)` when nothing came for as long as `setTimeout` says.

    Attributes:
        events: the names of all events that ib_async has.
        MaxSyncedSubAccounts, TimezoneTWS: as in ib_async; nothing depends on them: the proxy synchronises every
            account, and times are aware.
    """

    events = EVENTS
    RequestTimeout: float = 30.0
    MaxSyncedSubAccounts = 50
    TimezoneTWS = ""

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        self.timeoutEvent = Event("timeoutEvent", self._owner)
        self._idle_limit = 0.0
        self._idle_since = 0.0
        self._idle_timer: asyncio.TimerHandle | None = None

    @property
    def RaiseRequestErrors(self) -> bool:
        """Always True: a request that fails raises."""
        return True

    @RaiseRequestErrors.setter
    def RaiseRequestErrors(self, value: bool) -> None:
        if not value:
            raise RequestError(
                "RaiseRequestErrors cannot be switched off: a failed request is never an empty answer.",
                hint="Catch `ibmux.IbmuxError` around the request.",
            )

    async def waitUntil(self, t: Time) -> bool:
        """Wait until a time; returns at once if it is over. True, as in ib_async."""
        await asyncio.sleep(seconds_until(t))
        return True

    async def timeRangeAsync(self, start: Time, end: Time, step: float) -> AsyncIterator[dt.datetime]:
        """Each moment from `start` to `end`, `step` seconds apart, when it has come; those that are over are left out:
        `async for moment in ib.timeRangeAsync(dt.time(9, 30), dt.time(16), 60): …`.
        """
        for moment in moments(start, end, step):
            await self.waitUntil(moment)
            yield moment

    def schedule(self, time: Time, callback: Callable[..., Any], *args: Any) -> asyncio.TimerHandle:
        """Call `callback` at a time; the result can be cancelled."""
        return asyncio.get_running_loop().call_later(seconds_until(time), callback, *args)

    async def loopUntil(self, condition: Callable[[], Any] | None = None, timeout: float = 0) -> AsyncIterator[object]:
        """The value of `condition` after each update until it is true, or False after `timeout` seconds (0: never):
        `async for filled in ib.loopUntil(trade.isDone, 10): …`.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        while True:
            value = condition() if condition else None
            if value or (timeout and loop.time() >= end):
                yield value or False
                return
            yield value
            await self.waitOnUpdate(max(0.001, end - loop.time()) if timeout else 0)

    def setTimeout(self, timeout: float = 60) -> None:
        """Emit `timeoutEvent` once if nothing comes from the proxy for `timeout` seconds; 0 ends the watch."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        loop = asyncio.get_running_loop()
        self._idle_limit, self._idle_since = timeout, loop.time()
        if timeout > 0:
            self._idle_timer = loop.call_later(timeout, self._look_idle)

    def _look_idle(self) -> None:
        loop = asyncio.get_running_loop()
        idle = loop.time() - self._idle_since
        left = self._idle_limit - idle
        if left > 0:
            self._idle_timer = loop.call_later(left, self._look_idle)
        else:
            self._idle_timer = None
            self.timeoutEvent.emit(idle)

    def _flush(self) -> None:
        self._idle_since = asyncio.get_running_loop().time()
        super()._flush()

    async def close(self) -> None:
        """Say goodbye and end everything; the proxy ends this client's leases, orders stay as they are."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        await super().close()

    disconnect = close

    # -- what to write instead --------------------------------------------------------------------------------------

    def connect(self, *_: Any, **__: Any) -> NoReturn:
        """Always an error: `ibmux.connect` makes clients that are connected.

        Raises:
            RequestError: says what to write.
        """
        raise RequestError(
            "This client is connected already; host, port and clientId are the proxy's affair.",
            hint="Write `ib = await ibmux.connect('my-script')` (without `await`: `ibmux.sync.connect`) in place of "
            "`ib = IB()` and `ib.connect(…)`.",
        )

    connectAsync = connect

    def run(self, work: Any = None, timeout: float | None = None) -> NoReturn:
        """Always an error here; the synchronous client has `run`.

        Raises:
            RequestError: says what to write.
        """
        if asyncio.iscoroutine(work):
            work.close()  # it will not be awaited
        raise RequestError(
            "`run` would block the event loop in which this client lives.",
            hint="Write `await …`; in plain scripts use `ibmux.sync.connect`, whose client has `run`.",
        )

    def timeRange(self, start: Time, end: Time, step: float) -> NoReturn:
        """Always an error here; the synchronous client has `timeRange`.

        Raises:
            RequestError: says what to write.
        """
        raise RequestError(
            "`timeRange` would block the event loop in which this client lives.",
            hint="Write `async for moment in ib.timeRangeAsync(…)`.",
        )


def moments(start: Time, end: Time, step: float) -> Iterator[dt.datetime]:
    """The moments from `start` to `end`, `step` seconds apart, without those that are over when asked for the first.

    Raises:
        RequestError: `step` is not above 0.
    """
    if step <= 0:
        raise RequestError(f"step is {step}; it must be above 0 seconds.")
    delta, moment, last = dt.timedelta(seconds=step), on_day(start), on_day(end)
    behind = dt.datetime.now(moment.tzinfo) - moment
    if behind > dt.timedelta(0):
        moment += delta * -(-behind // delta)
    while moment <= last:
        yield moment
        moment += delta


def seconds_until(time: Time) -> float:
    """Seconds from now, 0 if the time is over."""
    moment = on_day(time)
    return max(0.0, (moment - dt.datetime.now(moment.tzinfo)).total_seconds())


def on_day(time: Time) -> dt.datetime:
    """A time of today as a moment; a moment stays what it is."""
    return time if isinstance(time, dt.datetime) else dt.datetime.combine(dt.datetime.now(time.tzinfo).date(), time)
