"""What `ibmux sim` says while it runs, a line for whoever comes and goes and what goes wrong; and what is typed to it.

It knows the terminal and the gateway's log, no protocol.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Self

from ibmux.sim import SimulatedGateway
from ibmux.sim.faults.control import answer
from ibmux.sim.faults.verbs.control import entry_text, instant_text
from ibmux.sim.faults.verbs.kind import count_of
from ibmux.sim.log import Entry

BEAT = 60.0
"""Real seconds between two looks at whether there is something to sum up."""
IN_BACKGROUND = 1.0
"""Seconds after which a program in the background looks again whether it may read the terminal."""
DETAILS = ("attempt", "spoke", "greeted")
FAULTS = ("fault", "lifted", "act")
MOST_WAITING = 1000
"""Typed lines that may wait; further ones are refused."""


class Narrator:
    """Tells of a gateway, and does what is typed: `async with Narrator(gateway, say) as narrator: narrator.take(line)`.

    Args:
        gateway: the gateway.
        say: shows a line.
        typed: lines are typed by a person, who needs no `ok` before an answer; programs do.
    """

    def __init__(self, gateway: SimulatedGateway, say: Callable[[str], None], *, typed: bool = False) -> None:
        self._gateway, self._say, self._by_hand = gateway, say, typed
        self._lines: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)
        self._started: set[int] = set()
        self._told = (0, 0)
        self._typed = False
        gateway.log.listen(self._hear)

    async def __aenter__(self) -> Self:
        self._tasks = (
            asyncio.create_task(self._obey(), name="typed faults"),
            asyncio.create_task(self._beat(), name="summary"),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._gateway.log.unlisten(self._hear)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def take(self, line: str) -> None:
        """Do what a line says, after those before it."""
        try:
            self._lines.put_nowait(line)
        except asyncio.QueueFull:
            self._say(f"error too many lines at once: {line} is left out")

    async def _obey(self) -> None:
        while True:
            line = await self._lines.get()
            self._typed = True
            text = await answer(self._gateway, line)
            self._typed = False
            if line.strip():
                self._say(_for_people(text) if self._by_hand else text)

    def _hear(self, entry: Entry) -> None:
        if self._is_worth_telling(entry):
            ended = entry.kind == "closed" and entry.client is not None
            self._say(f"{entry_text(entry)}{self._orders() if ended else ''}")

    def _is_worth_telling(self, entry: Entry) -> bool:
        """Whether to show an event: sockets that never start a session are shown only while that is the fault."""
        if entry.kind == "started":
            self._started.add(entry.connection)
        odd = self._gateway.listener.deaf
        if entry.kind in DETAILS:
            return odd
        if entry.kind == "closed":
            return odd or entry.connection in self._started
        if entry.kind in FAULTS:
            return not self._typed
        return entry.kind != "step" or entry.text.endswith("is over")

    def _orders(self) -> str:
        count = self._gateway.stats.orders_placed
        return f"; {count_of(count, 'order')} so far" if count else ""

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            stats = self._gateway.stats
            now = (stats.connections, stats.orders_placed)
            if now != self._told or self._gateway.clock.speed != 1.0:
                self._told = now
                self._say(
                    f"{instant_text(self._gateway.clock.now())}: {count_of(now[0], 'client')}, "
                    f"{count_of(now[1], 'order')} so far"
                )


def _for_people(answer_text: str) -> str:
    """An answer of the control port without its `ok`."""
    *lines, last = answer_text.splitlines()
    rest = last.removeprefix("ok").strip() if last.split(" ")[0] == "ok" else last
    return "\n".join([*lines, rest] if rest else lines)


def read_input(take: Callable[[str], None]) -> None:
    """Hand every line of standard input to `take`, in the running loop, until it ends.

    A thread reads, because an event loop cannot wait for everything that standard input may be. It is left behind when
    the program ends; nothing is lost with it.
    """
    loop = asyncio.get_running_loop()
    if hasattr(signal, "SIGTTIN"):
        # A program in the background that reads the terminal would be stopped; ignored, its read fails instead.
        signal.signal(signal.SIGTTIN, signal.SIG_IGN)

    def hand_over(line: bytes) -> None:
        try:
            loop.call_soon_threadsafe(take, line.decode(errors="replace"))
        except RuntimeError:
            return  # the loop has ended, and with it the gateway

    def read() -> None:
        rest = b""
        while True:
            try:
                data = os.read(sys.stdin.fileno(), 4096)
            except OSError:
                if not os.isatty(0):
                    return
                time.sleep(IN_BACKGROUND)
                continue
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                hand_over(line)
            if not data:
                return

    if sys.stdin is not None and not sys.stdin.closed:
        threading.Thread(target=read, name="standard input", daemon=True).start()
