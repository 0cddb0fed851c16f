"""The session itself: carries out what `core.machine` decides, and feeds it what happens.

One activity at a time (an attempt to connect, or a download), one socket ever. Everything that a reconnect must not
lose lives in the session; the link and what ib_async keeps die with the connection.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from ibmux.config import GatewaySettings
from ibmux.core import machine
from ibmux.core.backoff import Backoff
from ibmux.errors import IbmuxError
from ibmux.messages.session import State
from ibmux.session import wording
from ibmux.session.exercise import Exercise
from ibmux.session.hooks import Hooks
from ibmux.session.link import InUse, Link
from ibmux.session.news import News
from ibmux.session.notices import Notices
from ibmux.session.receiver import Receiver
from ibmux.session.reference import Reference
from ibmux.session.scanner import Scanner
from ibmux.session.snapshot import Snapshot

log = logging.getLogger(__name__)

_MISSES = 2
"""Unanswered heartbeats after which the gateway counts as silent; one may be swallowed."""


class Session(Scanner, News, Reference, Exercise, Notices, Snapshot):
    """One upstream connection to one gateway, for ever; see `Base` for what can be read from it."""

    def __init__(
        self, settings: GatewaySettings, hooks: Hooks | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(settings, hooks, clock=clock)
        self.backoff = Backoff(settings.pause_floor, settings.pause_cap)
        self._effects: dict[machine.Effect, Callable[[], None]] = {
            "dial": lambda: self._begin(self._dial()),
            "download": lambda: self._begin(self._synchronise()),
            "close": self._close,
            "pause": self._pause,
            "fail_pending": self._fail_pending,
            "lose_streams": self._lose_streams,
            "restore_streams": self._restore_streams,
        }
        self._activity: asyncio.Task[None] | None = None
        self._closing: list[Link] = []
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = asyncio.Event()
        self._fresh = False
        self._bare = True
        self._settling = False
        self._gap: tuple[float, str] | None = None
        self._ready_at = 0.0

    # -- life -------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connect, synchronise, stay, reconnect, until drained or cancelled."""
        self._stopped.clear()
        self.feed("start")
        try:
            while not self._stopped.is_set():
                await self._heartbeat()
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
        """Stay away from the gateway until `resume`."""
        self.feed("park", reason)

    def resume(self) -> None:
        """Connect now: ends `parked`, and any pause."""
        self.feed("resume")

    def feed(self, event: machine.Event, reason: str = "") -> None:
        """Something happened: move, carry out the effects, tell. What cannot happen in this state is counted."""
        step = machine.step(self.state, event)
        if step is None:
            self.illegal += 1
            log.warning("%s: the event %s is illegal in state %s", self.name, event, self.state)
            return
        previous = self.state
        self._leave(previous, step.state, event, reason)
        self.state = step.state
        self.reason = reason or wording.reason(step.state, self.settings)
        for effect in step.effects:
            self._effects[effect]()
        if previous != step.state:
            self.since = self.clock()
            self._enter(step.state)
        self.hooks.on_state(self.status(), previous)

    def _leave(self, previous: State, state: State, event: machine.Event, reason: str) -> None:
        """Book what the move means for pauses and gaps."""
        self._settling = event == "lost" and previous in ("ready", "cut")
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.next_attempt = None
        if previous == "ready" and state != "ready":
            self._ready.clear()
            self.backoff.lasted(time.monotonic() - self._ready_at)
            self._gap = (self.clock(), reason or wording.reason(state, self.settings))
        if event in ("failed", "lost", "silent", "in_use", "unsuitable"):
            (self.connects if previous == "connecting" else self.disconnects)[event] += 1

    def _enter(self, state: State) -> None:
        if state != "ready":
            return
        self._ready_at = time.monotonic()
        self._ready.set()
        if self._gap is not None:
            (start, reason), self._gap = self._gap, None
            self.hooks.on_gap(start, self.since, reason)

    # -- effects ----------------------------------------------------------------------------------------------------

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Start the one activity; the one before it has ended or is ended."""
        if self._activity is not None and self._activity is not asyncio.current_task():
            self._activity.cancel()
        self._activity = asyncio.get_running_loop().create_task(work)

    def _close(self) -> None:
        if self.link is not None:
            self._last_message = self.stats().last_message
            link, self.link = self.link, None
            link.close()
            self._closing.append(link)
            self._sent, self._received = self._sent + link.sent, self._received + link.received
            self._faults += link.faults
        self._live_account = ""
        self._told_data_type = False

    def _pause(self) -> None:
        seconds = self.backoff.pause()
        if self._settling:
            seconds = max(seconds, self.settings.settle)
        self.next_attempt = self.clock() + seconds
        self._timer = asyncio.get_running_loop().call_later(seconds, self.feed, "due")

    def _fail_pending(self) -> None:
        if self._activity is not None and self._activity is not asyncio.current_task():
            self._activity.cancel()
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
        if self._fresh:
            self.epoch += 1
            self._fresh = False
        self._restore_lines()  # also what the gateway gave up while nothing could be asked for
        if self._bare:
            self._bare = False
            self._restore_accounts()
            self._restore_scans()
            self._restore_bulletins()

    # -- activities -------------------------------------------------------------------------------------------------

    async def _dial(self) -> None:
        """One attempt to connect; never while an older socket is still there."""
        await self._await_end()
        self._expect()
        link = self.link = Link(Receiver(self), self._hot(), self._flush, lambda reason: self.feed("lost", reason))
        host, port = self.settings.host, self.settings.port
        try:
            async with asyncio.timeout(self.settings.connect_timeout):
                await link.open(host, port, self.client_id)
        except InUse as error:
            self.feed("in_use", wording.in_use(self.settings, str(error)))
        except TimeoutError:
            self.feed("failed", wording.silent(self.settings))
        except OSError as error:
            self.feed("failed", wording.unreachable(self.settings, error))
        except Exception as error:
            log.exception("%s: the attempt to connect failed", self.name)
            self.feed("failed", f"The attempt to connect failed: {error!r}.")
        else:
            self._connected()

    def _connected(self) -> None:
        """The API is up; whether this is the login that was promised decides what follows."""
        problem = wording.unsuitable(self.settings, self.kind, self.accounts)
        if problem:
            self.feed("unsuitable", problem)
            return
        self.connects["connected"] += 1
        self._fresh = True
        self.feed("connected")

    async def _synchronise(self) -> None:
        try:
            missing = await self._download()
        except IbmuxError as error:
            self.feed("failed", f"The first download failed: {error.message}")
        except Exception as error:
            log.exception("%s: the first download failed", self.name)
            self.feed("failed", f"The first download failed: {error!r}.")
        else:
            self.feed("synchronised", wording.ready(missing))

    async def _await_end(self) -> None:
        """Until every socket of before is gone."""
        for link in list(self._closing):
            await link.end()
            if link in self._closing:
                self._closing.remove(link)

    async def _heartbeat(self) -> None:
        """Wait for silence, then ask the time; without an answer, and nothing else heard, the gateway is silent."""
        interval = self.settings.heartbeat
        link = self.link
        quiet = time.monotonic() - link.heard if link is not None and self.state in ("ready", "cut") else 0.0
        if quiet < interval or link is None:
            await self._pass_time(interval - quiet)
            return
        for _ in range(_MISSES):
            asked = time.monotonic()
            self._post_stream(lambda wire: wire.reqCurrentTime())
            await self._pass_time(min(interval, 10.0))
            if link is not self.link or link.heard >= asked or self._stopped.is_set():
                return
        self.feed("silent", f"The gateway has said nothing for {time.monotonic() - link.heard:.0f} seconds.")

    async def _pass_time(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            return
