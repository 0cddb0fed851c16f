"""The halt of new orders: by a person or by the circuit breaker, ended by a person alone, kept in the journal.

Here is whether orders are halted, and since what; what a halt means for an order is `risk`'s to say.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakSet

from ibmux.config import GatewaySettings
from ibmux.core.breaker import Burst, LossWatch
from ibmux.core.codes import judge
from ibmux.core.entry import Change, Entry
from ibmux.errors import Draining, IbmuxError, JournalFailed, NotReady, RequestError
from ibmux.messages import decode, encode
from ibmux.messages.account import PnL, ReqPnL
from ibmux.messages.journal import HaltNote
from ibmux.messages.session import GatewayStatus, Halt, Resume
from ibmux.services.caller import Caller, Handler
from ibmux.topics import EXTERNAL

if TYPE_CHECKING:
    from ibmux.services.outbox import Outbox
    from ibmux.services.profit import Profit
    from ibmux.session import Session

log = logging.getLogger(__name__)

BREAKER = "the circuit breaker"
_REFUSED = frozenset({"refused", "change_refused"})
PATIENCE = 5.0
"""Seconds to wait until the disk has a halt, or its end."""
PAUSE = 5.0
"""Seconds between two looks whether every account's profit and loss is followed."""
RENEWAL = 86_400.0
"""Seconds after which a halt is written down again, so that the journal's retention does not end it."""
Announce = Callable[[Literal["halted", "resumed"], str], None]
"""Publishes the gateway's status, and a session event with this reason."""


class Halting:
    """Whether new orders of one gateway are halted, and the circuit breaker that may do so."""

    def __init__(
        self, session: Session, outbox: Outbox, profit: Profit, settings: GatewaySettings, announce: Announce
    ) -> None:
        self.session = session
        self.outbox = outbox
        self.journal = outbox.journal
        self.profit = profit
        self.settings = settings
        self.announce = announce
        self.burst = Burst(settings.rejections, settings.rejections_window)
        self.losses = LossWatch(settings.loss_limit)
        self._note = HaltNote("", "")
        self._noted = 0.0
        self._counted: WeakSet[Entry] = WeakSet()
        self._followed: set[str] = set()
        self._blind: set[str] = set()
        self._unwritten: set[asyncio.Future[Any]] = set()

    @property
    def halted(self) -> str:
        """By whom and why new orders are stopped; empty while they are not."""
        return self.session.halted

    def handlers(self) -> dict[str, Handler]:
        """Which function answers which method."""
        return {"halt": self.halt, "resume": self.resume}

    # -- questions

    async def halt(self, caller: Caller, request: Halt) -> GatewayStatus:
        """Stop new orders now. One halt is enough: a second one changes nothing.

        Raises:
            JournalFailed: orders are halted, but a restart of the proxy would forget it.
        """
        if not self.halted:
            await self._durable(self._halt(caller.script, request.reason), "Orders are halted")
        return self.session.status()

    async def resume(self, caller: Caller, request: Resume) -> GatewayStatus:
        """Let orders pass again; the breaker counts anew, losses from where they stand.

        Raises:
            RequestError: nothing is halted.
            JournalFailed: orders pass, but a restart of the proxy would halt them again.
        """
        if not self.halted:
            raise RequestError(f"{self.session.name} is not halted.", hint="`ibmux status` shows how it stands.")
        self.burst.clear()
        self.losses.accept()
        self.session.halted = ""
        reason = f"Resumed by {caller.script}{f': {request.reason}' if request.reason else '.'}"
        self._note = HaltNote(caller.script, request.reason, self.losses.base)
        written = self._write("resume")
        log.warning("gateway.resumed", extra={"gateway": self.session.name, "reason": reason})
        self.announce("resumed", reason)
        await self._durable(written, "Orders pass again")
        return self.session.status()

    # -- the state

    async def load(self) -> None:
        """Halted or not, as the journal says; call it before anything can be sent.

        Raises:
            JournalFailed: the journal cannot be read.
        """
        for record in await self.journal.notes(self.settings.name, ("halt", "resume"), 1):
            self._note = decode(record.body, HaltNote)
            self._noted = record.time
            if self.session.clock() - record.time < RENEWAL:  # else it was the loss of a day that is over
                self.losses.base = self._note.base
            if record.status == "halt":
                self.session.halted = _worded(self._note)
                log.warning("gateway.halted", extra={"gateway": self.session.name, "reason": self.halted})
                self._renew()

    async def keep(self) -> None:
        """Follow what the loss limit needs, and keep a halt's record young; runs until cancelled."""
        while True:
            self._renew()
            if self.settings.loss_limit:
                await self._follow()
            await asyncio.sleep(PAUSE)

    def _halt(self, by: str, reason: str) -> asyncio.Future[Any] | None:
        self._note = HaltNote(by, reason, self.losses.base)
        self.session.halted = _worded(self._note)
        written = self._write("halt")
        log.error("gateway.halted", extra={"gateway": self.session.name, "by": by, "reason": self.halted})
        self.announce("halted", self.halted)
        return written

    def _renew(self) -> None:
        if self.halted and self.session.clock() - self._noted > RENEWAL:
            self._write("halt")

    def _write(self, status: str) -> asyncio.Future[Any] | None:
        """Have the journal take the note; `None` if it does not."""
        self._noted = self.session.clock()
        script = self._note.by if self._note.by != BREAKER else ""
        written = self.outbox.note(status, script, encode(self._note))
        if written is not None:
            self._unwritten.add(written)
            written.add_done_callback(self._written)
        return written

    def _written(self, note: asyncio.Future[Any]) -> None:
        self._unwritten.discard(note)
        if not note.cancelled() and (error := note.exception()) is not None:
            log.error("gateway.halt_unwritten", extra={"gateway": self.session.name, "error": str(error)})

    async def _durable(self, written: asyncio.Future[Any] | None, what: str) -> None:
        if written is not None:
            done, _ = await asyncio.wait((written,), timeout=PATIENCE)
            if done and written.exception() is None:
                return
        trouble = self.journal.trouble
        why = trouble.message if trouble is not None else "The disk does not answer."
        raise JournalFailed(f"{what}, but this is not in the journal: a restart would undo it. {why}", outcome="none")

    # -- the breaker

    def saw(self, change: Change) -> None:
        """A change of an order: is it a rejection, and one too many?"""
        if self._is_rejection(change) and self.burst.strike(asyncio.get_running_loop().time()) and not self.halted:
            window = f"{self.settings.rejections_window:g} s"
            self._halt(BREAKER, f"{self.settings.rejections} orders were refused within {window}.")

    def _is_rejection(self, change: Change) -> bool:
        """Whether the gateway refused an order (told once, however often it says so) or a change of one."""
        entry = change.entry
        if entry is None or change.kind != "order" or entry.script == EXTERNAL or entry.unsent:
            return False
        if entry.refused:
            known = entry in self._counted
            self._counted.add(entry)
            return not known
        return entry.acknowledged and not entry.done and bool(change.code) and judge(change.code) in _REFUSED

    def saw_pnl(self, pnl: PnL) -> None:
        """Profit and loss of an account."""
        if pnl.modelCode or not self.losses.saw(pnl.account, pnl.dailyPnL, self.session.accounts) or self.halted:
            return
        self._halt(BREAKER, f"the day's loss is {-self.losses.total:,.2f}; loss_limit is {self.losses.limit:,.2f}.")

    async def _follow(self) -> None:
        """Claim the stream of every account's profit and loss; scripts' claims on them are others."""
        with suppress(NotReady, Draining):  # then there may be no account to follow
            await self.session.until_ready(asyncio.get_running_loop().time() + PAUSE)
        for account in [each for each in self.session.accounts if each not in self._followed]:
            deadline = asyncio.get_running_loop().time() + self.settings.request_timeout
            try:
                await self.profit.start(Caller("", "circuit breaker", "read", deadline), ReqPnL(account))
            except IbmuxError as error:
                self._note_blind(account, str(error))
            else:
                self._followed.add(account)
                self._blind.discard(account)

    def _note_blind(self, account: str, why: str) -> None:
        if account not in self._blind:
            self._blind.add(account)
            log.warning("breaker.blind", extra={"gateway": self.session.name, "account": account, "why": why})


def _worded(note: HaltNote) -> str:
    return f"Halted by {note.by}{f': {note.reason}' if note.reason else '.'}"
