"""Attempts to connect, one at a time, each on one socket.

A failed attempt ends in an event for `core.machine` and in a verdict for people. When the next one is due is not
decided here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from ibmux.config import GatewaySettings
from ibmux.core import machine, verdicts
from ibmux.core.verdicts import Promise, Verdict
from ibmux.errors import IbmuxError
from ibmux.messages.session import CheckStep
from ibmux.places import Endpoint, in_words
from ibmux.session import wording
from ibmux.session.attempt import ACCOUNTS, ANSWER, CONNECT, DOWNLOAD, NEXT_ID, START, Attempt
from ibmux.session.hooks import Hooks
from ibmux.session.knocking import Knocking
from ibmux.session.link import InUse, Link, Stranger
from ibmux.session.notices import Notices
from ibmux.session.receiver import Receiver
from ibmux.session.snapshot import Snapshot

log = logging.getLogger(__name__)

LATE = 5.0
"""Seconds after which a first download counts as slow."""
AT_ONCE = 2.0
"""Seconds within which a forwarder without a gateway behind it closes what it took."""
AWAITED = {START: "an answer to startApi", NEXT_ID: "nextValidId", ACCOUNTS: "managedAccounts"}
"""What a gateway that has greeted still owes."""


class Fell(Exception):
    """An attempt failed: what that is to the state machine, and what it is to people."""

    def __init__(self, event: machine.Event, verdict: Verdict) -> None:
        super().__init__(verdict.reason)
        self.event, self.verdict = event, verdict


class Dialling(Notices, Snapshot, Knocking):
    """The part of a session that gets connected and synchronised."""

    def __init__(
        self, settings: GatewaySettings, hooks: Hooks | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(settings, hooks, clock=clock)
        self.concluded = asyncio.Event()
        """Set when the first attempt is over."""
        self.show_step: Callable[[int, CheckStep], None] = lambda number, step: None
        """Hears of each step of an attempt when it begins and when it ends."""
        self._login: tuple[str, ...] = ()
        self._served: Endpoint | None = None
        self._fresh = False

    # -- one attempt ------------------------------------------------------------------------------------------------

    async def _dial(self) -> None:
        """One attempt to connect; never while an older socket is still there."""
        place = str(self.route.current)
        attempt = self.attempt = Attempt(place, self.client_id, self.clock, self.show_step)
        try:
            await self._reach(attempt)
        except Fell as fell:
            self._give_up(fell.event, fell.verdict)
        except Exception as error:
            log.exception("%s: the attempt to connect failed", self.name)
            self._give_up("failed", verdicts.broken(place, repr(error)))
        else:
            self._connected()

    async def _reach(self, attempt: Attempt) -> None:
        """Connect, let the gateway settle if it was away, greet it.

        Raises:
            Fell: the attempt failed.
        """
        self._expect()
        link, self._knocked = self._knocked, None
        if link is None:
            if left := await self._make_room():
                raise Fell("failed", verdicts.leftover(attempt.place, ", ".join(left)))
            link = self.link = self._make_link()
            await self._open(link)
        self.link = link
        attempt.passed(CONNECT)
        if self.route.current in self._absent:
            await self._settle(link)
            attempt.settle()
        await self._greet_gateway(link, attempt)

    async def _open(self, link: Link) -> None:
        try:
            async with asyncio.timeout(self.settings.connect_timeout):
                await link.reach(*self.route.current)
        except TimeoutError:
            raise Fell("absent", verdicts.absent(str(self.route.current), "no answer")) from None
        except OSError as error:
            raise Fell("absent", verdicts.absent(str(self.route.current), in_words(error))) from None
        self._ends.append(link.ends)

    async def _settle(self, link: Link) -> None:
        """A gateway that has just opened its port is left alone, on the socket that it took. One that closes it after a
        while is a gateway, and its time runs on; one that closes it at once may be a forwarder's.

        Raises:
            Fell: the socket was closed.
        """
        place, begun = self.route.current, time.monotonic()
        since = self._absent[place] = self._absent[place] or begun
        left = max(0.0, since + self.settings.settle - begun)
        self.due = begun + left
        self._say(wording.settling(self.settings, place))
        try:
            async with asyncio.timeout(left):
                await link.gone.wait()
        except TimeoutError:
            self.due = None
            self.settled(place)
            self._say(wording.words(self.state, self.settings, place))
        else:
            if time.monotonic() - begun < AT_ONCE:
                self._absent[place] = None
            if link.oddity:
                raise Fell("failed", verdicts.stranger(str(place), link.oddity))
            raise Fell("failed", verdicts.hung_up(str(place)))

    async def _greet_gateway(self, link: Link, attempt: Attempt) -> None:
        place, limit = str(self.route.current), self.settings.connect_timeout
        try:
            async with asyncio.timeout(limit):
                await link.introduce(self.client_id)
        except InUse:
            raise Fell("in_use", verdicts.in_use(place, self.client_id)) from None
        except Stranger as error:
            raise Fell("failed", verdicts.stranger(place, str(error))) from None
        except TimeoutError:
            verdict = verdicts.silent(place, limit)
            if link.serverVersion():
                verdict = verdicts.stuck(place, AWAITED.get(attempt.reached, "an answer"), limit)
            raise Fell("failed", verdict) from None
        except OSError:
            if link.received:
                raise Fell("failed", verdicts.refused(place, attempt.complaint)) from None
            self.was_absent()  # a forwarder may stand there, and the gateway behind it be away
            raise Fell("failed", verdicts.hung_up(place)) from None

    def _connected(self) -> None:
        """The API is up; whether this is the login that was promised decides what follows."""
        problem = self._unsuitable()
        if problem is None:
            if self.attempt is not None:
                self.attempt.passed(ACCOUNTS, f"{', '.join(self.accounts)} ({self.kind})")
            self.connects["connected"] += 1
            self._fresh = True
            self.feed("connected")
            if not self.upstream:
                self.feed("cut", f"{self.route.current} has no connection to Interactive Brokers.")
        else:
            self._reject(problem)

    def _unsuitable(self) -> Verdict | None:
        """Whether this is another login than the settings promise; a port that the gateway moved to has to have the
        login of before if they promise none.
        """
        settings = self.settings
        promise = Promise(settings.kind or verdicts.kind_of(settings.accounts), settings.accounts)
        if self.route.moved and promise == Promise():
            promise = Promise(verdicts.kind_of(self._login), self._login)
        return verdicts.unsuitable(str(self.route.current), promise, self.accounts)

    def _reject(self, problem: Verdict) -> None:
        """Another login than promised: any other endpoint than home is not tried again; at home a person must decide,
        unless a fallback has served.
        """
        home = self.route.home
        if self.route.current == home and self._served in (None, home):
            self._give_up("unsuitable", problem)
        elif self.route.current == home:
            self._give_up("failed", problem)
        else:
            self.route.rule_out(self.route.current, problem.reason)
            self._give_up("failed", problem)

    def on_accounts(self, accounts: list[str]) -> None:
        """The login's accounts. Other ones in the middle of a session are looked at as at its begin: an account that
        was not downloaded must not seem empty.
        """
        before = self.accounts
        super().on_accounts(accounts)
        if accounts == before or self.state not in ("syncing", "ready", "cut"):
            return
        problem = self._unsuitable()
        if problem is not None:
            self._reject(problem)
        elif self.state != "cut":  # what ends a cut downloads everything
            named = f"The login has other accounts now: {', '.join(accounts)}."
            self.feed("restored" if self.state == "ready" else "restored_bare", named)

    def _give_up(self, event: machine.Event, verdict: Verdict) -> None:
        """The attempt failed: tell, and choose the endpoint of the next one."""
        self._conclude(verdict, failed=True)
        if event == "failed":
            self._advance()
        if event == "absent":
            self.was_absent()
        self.feed(event, verdict.reason, verdict.advice)

    def _advance(self) -> None:
        """The endpoint of the attempt failed: the next one, unless the gateway itself has named another port."""
        if self.attempt is None or self.attempt.place == str(self.route.current):
            self.route.advance()

    def _conclude(self, verdict: Verdict, *, failed: bool) -> None:
        """The attempt has a verdict; a failure is none if it had one before."""
        if self.attempt is not None:
            self.attempt.conclude(verdict, failed=failed)
        self.concluded.set()

    def _lost(self, reason: str) -> None:
        """The connection ended though nobody here wanted it."""
        verdict = verdicts.unfinished(reason)
        if self.attempt is not None and not self.attempt.over and self.attempt.complaint:
            verdict = verdicts.refused(str(self.route.current), self.attempt.complaint)
            reason = verdict.reason
        self._conclude(verdict, failed=True)
        if self.state in ("connecting", "syncing"):
            self._advance()
        self.feed("lost", reason)

    # -- the first download -----------------------------------------------------------------------------------------

    async def _synchronise(self) -> None:
        began = time.monotonic()
        try:
            await self._download()
        except IbmuxError as error:
            self._give_up("failed", verdicts.unfinished(error.message))
        except Exception as error:
            log.exception("%s: the first download failed", self.name)
            self._give_up("failed", verdicts.unfinished(repr(error)))
        else:
            self._synchronised(time.monotonic() - began)

    def _synchronised(self, seconds: float) -> None:
        verdict = self._completeness()
        if verdict.exit == verdicts.CheckExit.READY and seconds > min(LATE, self.settings.request_timeout / 2):
            verdict = verdicts.late(seconds)
        if self.attempt is not None:
            self.attempt.passed(DOWNLOAD, f"{len(self._positions)} positions of {len(self.accounts)} accounts")
        self._conclude(verdict, failed=False)
        complete = verdict.exit == verdicts.CheckExit.READY
        self._login = tuple(self.accounts)
        self.route.served()
        self.hooks.on_looked(list(self.missing))
        self.feed("synchronised", "" if complete else verdict.reason, "" if complete else verdict.advice)
        self._announce_endpoint()

    def _completeness(self) -> Verdict:
        """What the gateway has given, and what it left out."""
        return verdicts.complete(self.client_id, self.accounts, list(self.missing.values()))

    def _announce_endpoint(self) -> None:
        """Say that the session serves from another endpoint than before."""
        before, self._served = self._served or self.route.home, self.route.current
        if before != self._served:
            what = (
                "fell back to" if self.route.away else "followed the gateway to" if self.route.moved else "came home to"
            )
            self.hooks.on_endpoint(f"{self.name} {what} {self._served}, from {before}.")

    def _make_link(self) -> Link:
        def answered(text: str) -> None:
            if self.attempt is not None:
                self.attempt.passed(ANSWER, f"server version {self.server_version}, {text}")

        return Link(Receiver(self), self._hot(), self._flush, self._lost, answered)  # type: ignore[arg-type]

    def _say(self, words: wording.Words) -> None:
        """The same state, in other words."""
        self.reason, self.action, self.advice = words
        self.hooks.on_state(self.status(), self.state)
