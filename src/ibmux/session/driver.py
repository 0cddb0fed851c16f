"""The session itself: carries out what `core.machine` decides, and feeds it what happens.

One activity at a time (an attempt to connect, knocking, a download), one socket ever. Everything that a reconnect must
not lose lives in the session; the link and what ib_async keeps die with the connection.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from ibmux.config import GatewaySettings
from ibmux.core import machine, verdicts
from ibmux.core.backoff import Backoff
from ibmux.messages.session import State
from ibmux.session import wording
from ibmux.session.exercise import Exercise
from ibmux.session.hooks import Hooks
from ibmux.session.news import News
from ibmux.session.reference import Reference
from ibmux.session.scanner import Scanner
from ibmux.session.upkeep import Upkeep

log = logging.getLogger(__name__)


class Session(Upkeep, Scanner, News, Reference, Exercise):
    """One upstream connection to one gateway, for ever; see `Base` for what can be read from it."""

    def __init__(
        self, settings: GatewaySettings, hooks: Hooks | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(settings, hooks, clock=clock)
        self.backoff = Backoff(settings.pause_floor, settings.pause_cap)
        self._effects: dict[machine.Effect, Callable[[], None]] = {
            "dial": lambda: self._begin(self._dial()),
            "knock": lambda: self._begin(self._knock()),
            "download": lambda: self._begin(self._synchronise()),
            "close": self._close,
            "pause": self._pause,
            "fail_pending": self._fail_pending,
            "lose_streams": self._lose_streams,
            "restore_streams": self._restore_streams,
        }
        self._activity: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._bare = True
        self._gap: tuple[float, str] | None = None
        self._ready_at = 0.0

    # -- life -------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connect, synchronise, stay, reconnect, until drained or cancelled."""
        self._stopped.clear()
        self.feed("start")
        try:
            await self._keep_up()
        finally:
            await self.drain()

    async def drain(self) -> None:
        """End the connection in order: nothing new is taken, what waits is answered, what is buffered is sent."""
        if self.state == "stopped":
            return
        self.feed("drain")
        if self._activity is not None:
            self._activity.cancel()
            await asyncio.gather(self._activity, return_exceptions=True)
        await self.turns.close()
        await self._await_end()
        if self.state == "draining":
            self.feed("drained")
        self._stopped.set()

    def park(self, reason: str) -> None:
        """Stay away from the gateway until `resume`; parked already, for another reason."""
        if self.state == "parked":
            self._say(wording.words("parked", self.settings, self.route.current)._replace(reason=reason))
        else:
            self.feed("park", reason)

    def resume(self) -> None:
        """Connect now: ends `parked`, and any pause; pauses begin small again."""
        self.route.forgive()
        self.backoff.failures = 0
        self.feed("resume")

    def feed(self, event: machine.Event, reason: str = "", advice: str = "") -> None:
        """Something happened: move, carry out the effects, tell. What cannot happen in this state is counted."""
        step = machine.step(self.state, event)
        if step is None:
            self.illegal += 1
            log.warning("%s: the event %s is illegal in state %s", self.name, event, self.state)
            return
        previous = self.state
        self._leave(previous, step.state, event, reason)
        self.state = step.state
        known = wording.words(step.state, self.settings, self.route.current, knocking="knock" in step.effects)
        self.reason, self.action, self.advice = reason or known.reason, known.action, advice or known.advice
        for effect in step.effects:
            self._effects[effect]()
        if previous != step.state:
            self.since = self.clock()
            self.transitions[previous, step.state] += 1
            self._enter(step.state)
        self.hooks.on_state(self.status(), previous)

    def _leave(self, previous: State, state: State, event: machine.Event, reason: str) -> None:
        """Book what the move means for pauses and gaps."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.due = None
        if previous == "ready" and state != "ready":
            self._ready.clear()
            self.backoff.lasted(time.monotonic() - self._ready_at)
            known = wording.words(state, self.settings, self.route.current)
            unheard = time.monotonic() - self.link.heard if event == "silent" and self.link is not None else 0.0
            self._gap = (self.clock() - unheard, reason or known.reason)
        if previous in ("connecting", "syncing") and state not in ("connecting", "syncing", "ready", "cut"):
            self._conclude(verdicts.unfinished(reason), failed=True)
        if event in ("absent", "failed", "lost", "silent", "in_use", "unsuitable", "home"):
            (self.connects if previous == "connecting" else self.disconnects)[event] += 1

    def _enter(self, state: State) -> None:
        if state == "cut":
            self._conclude(verdicts.offline(self.reason), failed=True)
        if state != "ready":
            return
        self._ready_at = time.monotonic()
        self._ready.set()
        if self._gap is not None:
            (start, reason), self._gap = self._gap, None
            self.gaps += 1
            self.hooks.on_gap(start, max(start, self.since), reason)  # the clock may have been set back

    # -- effects ----------------------------------------------------------------------------------------------------

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Start the one activity; the one before it has ended or is ended."""
        self._end_activity()
        self._activity = asyncio.get_running_loop().create_task(work)

    def _end_activity(self) -> None:
        if self._activity is not None and self._activity is not asyncio.current_task():
            self._activity.cancel()

    def _close(self) -> None:
        self._end_activity()
        if self._knocked is not None:
            self._put_away(self._knocked)
            self._knocked = None
        if self.link is not None:
            self._last_message = self.stats().last_message
            link, self.link = self.link, None
            self._put_away(link)
            self._sent, self._received = self._sent + link.sent, self._received + link.received
            self._faults += link.faults
        self.gate.clear(self.not_ready(), posted=True)
        self.upstream = False
        self.farms, self.missing = {}, {}
        self._live_account = ""
        self._told_data_type = False

    def _pause(self) -> None:
        seconds = self.backoff.pause()
        self.due = time.monotonic() + seconds
        self._timer = asyncio.get_running_loop().call_later(seconds, self.feed, "due")

    def _fail_pending(self) -> None:
        self._end_activity()
        error = self.not_ready()
        self.calls.fail_all(error)
        self.gate.clear(error)

    def _lose_streams(self) -> None:
        self._bare = True
        self._lose_lines()
        self._lose_accounts()
        self._lose_scans()
        self._lose_calendar()

    def _restore_streams(self) -> None:
        self.settled()
        if self._fresh:
            self.epoch += 1
            self._fresh = False
        self._restore_lines()  # also what the gateway gave up while nothing could be asked for
        if self._bare:
            self._bare = False
            self._restore_accounts()
            self._restore_scans()
            self._restore_bulletins()
