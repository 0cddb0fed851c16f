"""What a session does while it stands: feel its pulse, look whether a cut is over, fetch what is missing, come home.

Each is a loop of its own that ends with the session; `core.machine` decides what follows.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from ibmux import sockets
from ibmux.config import GatewaySettings
from ibmux.core import verdicts
from ibmux.errors import IbmuxError
from ibmux.places import Endpoint
from ibmux.session.calls import bound
from ibmux.session.dialling import Dialling
from ibmux.session.hooks import Hooks
from ibmux.session.knocking import UNREACHED
from ibmux.session.link import GREETING

log = logging.getLogger(__name__)

MISSES = 2
"""Unanswered heartbeats after which the gateway counts as silent; one asked too soon after another may be swallowed."""
MARGIN = 0.97
"""Share of the promised time in which a dead session is found, so that the promise holds with a loop that is busy."""
LOOK = 1.0
"""Seconds between two looks at the kernel's table in a pause."""
PROBE = "IBM"
"""What is searched for to see whether Interactive Brokers answers: the gateway cannot know it by itself."""
ASK_AGAIN = (60.0, 600.0)
"""Seconds after which a missing part of the first download is asked for again: the first time, and at the most."""
HOMESICK = 3600.0
"""Seconds between two looks at the first endpoint, at the most, after coming home failed."""


Look = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]


class Upkeep(Dialling):
    """The part of a session that looks after the connection that stands."""

    def __init__(
        self, settings: GatewaySettings, hooks: Hooks | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(settings, hooks, clock=clock)
        self._stopped = asyncio.Event()
        self._asked_again = 0
        self._home_failed = 0
        self._looked: tuple[Endpoint, int] | None = None
        self._seen: Endpoint | None = None

    async def _keep_up(self) -> None:
        """Run every loop until the session stops."""
        duties = (self._feel_pulse, self._watch_port, self._probe_cut, self._fetch_missing, self._look_home)
        async with asyncio.TaskGroup() as tasks:
            loops = [tasks.create_task(repeat(duty), name=f"{self.name}:{duty.__name__}") for duty in duties]
            await self._stopped.wait()
            for loop in loops:
                loop.cancel()

    # -- pulse ------------------------------------------------------------------------------------------------------

    async def _feel_pulse(self) -> None:
        """Wait for silence, then ask the time; without an answer, and nothing else heard, the gateway is silent."""
        interval = self.settings.heartbeat * MARGIN / (MISSES + 1)
        link = self.link
        quiet = time.monotonic() - link.heard if link is not None and self.state in ("ready", "cut") else 0.0
        if quiet < interval or link is None:
            await asyncio.sleep(interval - quiet)
            return
        for _ in range(MISSES):
            asked = time.monotonic()
            self._post_stream(lambda wire: wire.reqCurrentTime())
            await asyncio.sleep(interval)
            if link is not self.link or link.heard >= asked:
                return
        if self.state in ("ready", "cut"):
            verdict = verdicts.mute(str(self.route.current), time.monotonic() - link.heard)
            self.feed("silent", verdict.reason, verdict.advice)

    # -- a pause ----------------------------------------------------------------------------------------------------

    async def _watch_port(self) -> None:
        """Where the gateway runs on this machine the kernel says, without a connection, whether anybody listens: one
        that goes away and comes back while a pause lasts has to settle, too.

        Only a listener that was seen while the session was `ready` can be missed: some containers hide theirs.
        """
        await asyncio.sleep(min(LOOK, self.settings.pause_floor / 2))
        place, due = self.route.current, self.due
        if self.state == "ready" and self._looked != (place, self.epoch):
            self._looked = place, self.epoch
            self._seen = place if await asyncio.to_thread(listens_here, place) else None
        elif self.state == "waiting" and due is not None and self._seen == place:
            listens = await asyncio.to_thread(listens_here, place)
            if not listens and (self.due, self.route.current) == (due, place):
                self.was_absent()

    # -- a cut ------------------------------------------------------------------------------------------------------

    async def _probe_cut(self) -> None:
        """Ask something that only Interactive Brokers can answer: gateways do not always say that they are back."""
        try:
            async with asyncio.timeout(self.settings.probe):
                await self.farm_back.wait()
        except TimeoutError:
            pass  # nothing was said: see for ourselves
        else:
            self.farm_back.clear()
            await asyncio.sleep(min(2.0, self.settings.probe / 10))
        if self.state == "cut" and await self._answers() and self.state == "cut":
            self.feed(
                "restored_bare",
                "Interactive Brokers answers again, though the gateway has not said so; everything is subscribed anew.",
            )

    async def _answers(self) -> bool:
        request = self.next_request()
        try:
            found = await self._exchange(
                request,
                "whether Interactive Brokers answers",
                lambda wire: wire.reqMatchingSymbols(request, PROBE),
                deadline=bound(min(self.settings.probe, 10.0)),
                lane="account",
            )
        except IbmuxError:  # the cut goes on: that is the answer
            return False
        return bool(found)  # nothing at all under this name is what a gateway knows by itself

    # -- what the first download left out ---------------------------------------------------------------------------

    async def _fetch_missing(self) -> None:
        first, longest = ASK_AGAIN
        await asyncio.sleep(min(longest, first * 2.0**self._asked_again))
        if self.state != "ready" or not self.missing:
            self._asked_again = 0
            return
        self._asked_again += 1
        try:
            await self._complete()
        except IbmuxError as error:
            log.info("%s: still missing: %s", self.name, error.message)
        if self.state == "ready":
            self._synchronised_later()

    def _synchronised_later(self) -> None:
        verdict = self._completeness()
        self._conclude(verdict, failed=False)
        self.hooks.on_looked(list(self.missing))
        self.reason, self.advice = (verdict.reason, verdict.advice) if self.missing else ("Ready.", "")
        self.hooks.on_state(self.status(), self.state)

    # -- home -------------------------------------------------------------------------------------------------------

    async def _look_home(self) -> None:
        """While a fallback serves, look whether home does again; let it settle; go there if it answers."""
        seconds = self.settings.home
        await asyncio.sleep(min(HOMESICK, seconds * 2.0 ** min(self._home_failed, 16)) if seconds else HOMESICK)
        home = self.route.home
        if self.state == "ready" and not self.route.away:
            self._home_failed = 0
        if not (seconds and self._serves_away() and await self._try_home(home, self._stays)):
            return
        await asyncio.sleep(self.settings.settle)
        if self._serves_away() and await self._try_home(home, self._answers_greeting):
            self._home_failed += 1
            self.settled(home)
            self.route.current = home
            self.feed("home", f"The first endpoint, {home}, answers again; the session moves there.")

    def _serves_away(self) -> bool:
        return self.route.away and self.state in ("ready", "cut")

    async def _try_home(self, place: Endpoint, look: Look) -> bool:
        try:
            async with asyncio.timeout(self.settings.connect_timeout):
                reader, writer = await asyncio.open_connection(*place)
        except UNREACHED:
            return False
        try:
            return await look(reader, writer)
        except OSError:
            return False
        finally:
            writer.close()

    async def _stays(self, reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> bool:
        """Whether the connection is kept for a moment; a forwarder alone does not."""
        try:
            async with asyncio.timeout(1.0):
                await reader.read(1)
        except TimeoutError:
            return True
        return False

    async def _answers_greeting(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the API answers; a listener that is stuck does not, and what serves is not given up for it."""
        writer.write(GREETING)
        try:
            async with asyncio.timeout(self.settings.connect_timeout):
                return bool(await reader.read(4))
        except TimeoutError:
            return False


def listens_here(place: Endpoint) -> bool:
    """Whether somebody listens there, as far as the kernel of this machine knows; yes where it cannot know. Takes some
    milliseconds.
    """
    try:
        return not sockets.is_local(place.host) or sockets.listener(place.port) is not None
    except sockets.NoTable:
        return True


async def repeat(duty: Callable[[], Awaitable[None]]) -> None:
    """Do it again and again, until cancelled."""
    while True:
        await duty()
