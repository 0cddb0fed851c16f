"""Can a session be held with this gateway? Six timed steps over one connection, one attempt.

Says which answer is awaited when; `peer` carries the bytes, `verdicts` says what they mean, `check` shows the result.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from ibmux.cli import verdicts
from ibmux.cli.exits import CheckExit
from ibmux.cli.peer import Closed, NotTheApi, Peer, Reply, dial
from ibmux.cli.verdicts import Target, Verdict

STEPS = 6


@dataclass(slots=True)
class Step:
    """One step: `seconds` it took, and what it found; `ok` is None while it runs."""

    number: int
    title: str
    ok: bool | None = None
    seconds: float = 0.0
    text: str = ""


@dataclass(slots=True)
class Result:
    """The verdict in one sentence, with a hint; `seconds` for everything."""

    exit: CheckExit
    message: str
    hint: str = ""
    seconds: float = 0.0
    steps: list[Step] = field(default_factory=list)


class Examination:
    """Runs the steps once; `show` hears of each step when it begins and when it ends."""

    def __init__(self, target: Target, show: Callable[[Step], None] = lambda step: None) -> None:
        self.target = target
        self.steps: list[Step] = []
        self._show = show
        self._offline = False
        self._complaint = ""
        self._accounts: list[str] = []

    async def run(self) -> Result:
        """Examine and judge; never raises for what the gateway does."""
        began = time.perf_counter()
        try:
            async with AsyncExitStack() as stack:
                result = Result(CheckExit.READY, await self._walk(stack))
        except Verdict as verdict:
            result = Result(verdict.exit, verdict.message, verdict.hint)
        result.seconds = time.perf_counter() - began
        result.steps = self.steps
        return result

    async def _walk(self, stack: AsyncExitStack) -> str:
        peer = await self._connect(stack)
        await self._greet(peer)
        first = await self._start(peer)
        await self._next_id(peer, first)
        await self._check_accounts(peer)
        return await self._download(peer)

    @asynccontextmanager
    async def _step(self, title: str, late: Verdict) -> AsyncIterator[Step]:
        """Time one step; `late` is the verdict if it takes too long."""
        step = Step(len(self.steps) + 1, title)
        self.steps.append(step)
        self._show(step)
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self.target.timeout):
                yield step
            step.ok = True
        except TimeoutError:
            heard = f", after {step.text}" if step.text else ""
            step.ok, step.text = False, f"no answer within {self.target.timeout:g} s{heard}"
            raise late from None
        except Verdict:
            step.ok = False
            raise
        except NotTheApi as error:
            step.ok, step.text = False, str(error)
            raise verdicts.not_the_api(self.target) from None
        finally:
            step.seconds = time.perf_counter() - began
            self._show(step)

    async def _connect(self, stack: AsyncExitStack) -> Peer:
        target = self.target
        async with self._step(f"TCP connect {target.address}", verdicts.nothing_listens(target, "no answer")):
            try:
                return await stack.enter_async_context(dial(target.host, target.port))
            except OSError as error:
                raise verdicts.nothing_listens(target, in_words(error)) from None

    async def _greet(self, peer: Peer) -> None:
        async with self._step("API answer", verdicts.silent(self.target)) as step:
            try:
                said = await peer.greet()
            except Closed:
                raise verdicts.hung_up(self.target) from None
            step.text = f"server version {peer.version}, {said}"

    async def _start(self, peer: Peer) -> Reply:
        """Send startApi; the first of the two words that follow shows that the clientId was taken."""
        async with self._step(f"startApi as clientId {self.target.client_id}", verdicts.stuck("startApi")) as step:
            peer.send("startApi", clientId=self.target.client_id, optionalCapabilities="")
            reply = await self._read(peer)
            while reply.name not in {"managedAccounts", "nextValidId"}:
                reply = await self._read(peer)
            step.text = "accepted"
            return reply

    async def _next_id(self, peer: Peer, reply: Reply) -> None:
        async with self._step("nextValidId", verdicts.stuck("nextValidId")) as step:
            while reply.name != "nextValidId":
                self._take(reply)
                reply = await self._read(peer)
            step.text = str(reply.values["orderId"])

    async def _check_accounts(self, peer: Peer) -> None:
        async with self._step("accounts", verdicts.stuck("managedAccounts")) as step:
            while not self._accounts:
                self._take(await self._read(peer))
            step.text = f"{', '.join(self._accounts)} ({verdicts.kind_of(self._accounts[0])})"
            if verdict := verdicts.judge_accounts(self.target, self._accounts):
                raise verdict

    async def _download(self, peer: Peer) -> str:
        """Positions and own open orders, to their end marks; orders are what a read-only API refuses."""
        late = verdicts.slow("The first download did not end.")
        async with self._step("positions and open orders", late) as step:
            await self._count(peer, step)
            if self._offline:
                raise verdicts.slow("The gateway answers, but it has lost Interactive Brokers (1100).")
        if step.seconds > self.target.timeout / 2:
            raise verdicts.slow(f"The first download took {step.seconds:.1f} s.")
        return f"Ready: clientId {self.target.client_id}, {', '.join(self._accounts)}, {step.text}."

    async def _count(self, peer: Peer, step: Step) -> None:
        """Both downloads; what came, and which end is missing, is in the step's text at any time."""
        counts = {"position": 0, "openOrder": 0}
        missing = ["positionEnd", "openOrderEnd"]
        peer.send("reqPositions")
        peer.send("reqOpenOrders")
        while missing:
            reply = await self._read(peer)
            if reply.name in counts:
                counts[reply.name] += 1
            elif reply.name in missing:
                missing.remove(reply.name)
            lacking = f" without {' and '.join(missing)}" if missing else ""
            step.text = f"{counts['position']} positions, {counts['openOrder']} open orders{lacking}"
        peer.send("cancelPositions")

    async def _read(self, peer: Peer) -> Reply:
        """The next message; an error that ends the examination is raised as its verdict."""
        try:
            reply = await peer.read()
        except Closed:
            raise verdicts.refused(self._complaint) from None
        if reply.name == "error":
            self._hear(int(reply.values["errorCode"]), str(reply.values["errorString"]))
        return reply

    def _hear(self, code: int, text: str) -> None:
        if verdict := verdicts.judge_error(self.target, code, text):
            raise verdict
        if not verdicts.is_notice(code):
            self._complaint = f"{text} ({code})"
        if code in verdicts.LOST:
            self._offline = True
        elif code in verdicts.RESTORED:
            self._offline = False

    def _take(self, reply: Reply) -> None:
        if reply.name == "managedAccounts":
            self._accounts = [each for each in str(reply.values["accountsList"]).split(",") if each]


def in_words(error: OSError) -> str:
    """The system's reason, or the resolver's; where several addresses were tried, asyncio's own text."""
    if isinstance(error, socket.gaierror):
        return error.strerror or "no such host"
    return os.strerror(error.errno) if error.errno else str(error).rstrip(".")
