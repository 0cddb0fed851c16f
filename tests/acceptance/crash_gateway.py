"""The gateway's program from the outside: a process that is killed, alone or with others, and comes back.

It stands between the proxies and the simulator, which plays Interactive Brokers' servers: these keep their book and go
on filling. What the program alone had is gone with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from crash_nursing import START, Nursery
from stage import PROCESSES, until

from ibmux.sim import SimulatedGateway

sys.path.append(str(PROCESSES))
import crash_hands
from crash_relay import POINTS

MET = 2.0
"""Seconds after which a program is killed that has not met the point of its end."""
NOTICED = 1.0
"""Seconds in which the servers have noticed the end of a program, unless they stand still."""
SHARE, LONGEST = 0.15, 0.02
"""Which part of what comes a program keeps for a moment, and for how many seconds at most."""
DOWN = (0.02, 0.5)
"""Seconds until a program is started again."""
UNTRANSMITTED = "untransmitted orders forgotten"


class GatewayProgram:
    """The program in all its lives.

    Attributes:
        port: where proxies find it; while it is down the port refuses.
        deaths: how often it was killed, by what it was doing and who died with it.
        lost: what was in its hands, and what it had not transmitted.
    """

    def __init__(self, seed: int, folder: Path, simulator: SimulatedGateway, nursery: Nursery) -> None:
        self.seed, self.folder, self.simulator, self.nursery = seed, folder, simulator, nursery
        self.chance = random.Random(f"gateway {seed}")
        self.deaths: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.number = 0
        self.point = ""
        self._lives = 0
        self._address = socket.socket()  # bound all the time, and never listening: nobody else gets the port
        self._address.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._address.bind(("127.0.0.1", 0))
        self.port = int(self._address.getsockname()[1])
        self._task: asyncio.Task[None] | None = None

    @property
    def up(self) -> bool:
        """Whether it listens."""
        return self.number in self.nursery.ready and self.number not in self.nursery.ended

    async def start(self) -> None:
        """Let it live; whenever it was killed, it is started again."""
        await self._begin()
        self._task = asyncio.create_task(self._go_on())

    async def _begin(self) -> None:
        self._lives += 1
        [self.point] = self.chance.choices(
            list(POINTS), [2 + 4 * (point[1] == "placeOrder") for point in POINTS.values()]
        )
        self.number = await self.nursery.start(
            "gateway",
            name="gateway",
            port=self.port,
            target=self.simulator.port,
            aim=(self.point, self.chance.randint(1, POINTS[self.point][3])),
            seed=f"gateway {self.seed} {self._lives}",
            share=SHARE,
            longest=LONGEST,
            hands=str(self.folder / "hands"),
            errors=str(self.folder / "gateway.errors"),
        )
        await until(lambda: self.up or self.number in self.nursery.ended, "the gateway listens", START)

    async def _go_on(self) -> None:
        """Half of the programs do not find again what they had not transmitted: the servers never heard of it."""
        while True:
            number, forgets, pause = self.number, self.chance.random() < 0.5, self.chance.uniform(*DOWN)
            await self.nursery.end_of(number)
            assert self.nursery.ended[number] == -signal.SIGKILL, f"the gateway ended: {self.nursery.ended[number]}"
            self._take_stock()
            began = time.monotonic()
            with contextlib.suppress(AssertionError):
                await until(lambda: not self.simulator.connections, "its end is noticed", NOTICED)
                self.lost[UNTRANSMITTED] += forget_held(self.simulator) if forgets else 0
            await asyncio.sleep(max(0.0, pause - (time.monotonic() - began)))
            await self._begin()

    def _take_stock(self) -> None:
        held = crash_hands.read(self.folder / "hands")
        self.lost["with something in its hands"] += bool(held.up or held.down)
        self.lost["bytes to the servers"] += held.up
        self.lost["orders"] += held.orders
        self.lost["bytes to the proxy"] += held.down

    async def die(self, *company: int, of: str, at_point: bool = False) -> str:
        """Kill it, in one instant with other processes; with `at_point` at its point, if it meets that soon.

        Returns:
            `of`, and the point that it met.
        """
        await self.back()
        number, what = self.number, of
        if at_point:
            self.nursery.arm(number, *company)
            with contextlib.suppress(AssertionError):
                await until(lambda: number in self.nursery.ended, "its point", MET)
                what = f"{of}, {self.point}"
        await self.nursery.kill(number, *company)
        self.deaths[what] += 1
        return what

    async def back(self) -> None:
        """Wait until it listens again."""
        await until(lambda: self.up, "the gateway is back", START)

    def figures(self) -> Iterator[str]:
        """How often it was killed, and what that cost."""
        yield f"gateway killed {self.deaths.total()} times: {dict(self.deaths)}; lost: {dict(self.lost)}"

    async def close(self) -> None:
        """Start it no more.

        Raises:
            AssertionError: it had ended otherwise than by being killed, or did not listen again.
        """
        self._address.close()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task


def forget_held(simulator: SimulatedGateway) -> int:
    """Take from the book what was not transmitted, without a word; how many orders it was."""
    book = simulator.book._book
    held = [order for order in book.open() if order.held]
    for order in held:
        order.status = "ApiCancelled"
        book.close(order, simulator.clock.now(), "")
        book._forget(order)
    return len(held)


@asynccontextmanager
async def gateway_program(
    seed: int, folder: Path, simulator: SimulatedGateway, nursery: Nursery
) -> AsyncIterator[GatewayProgram]:
    """A program that lives again and again."""
    program = GatewayProgram(seed, folder, simulator, nursery)
    try:
        await program.start()
        yield program
    finally:
        await program.close()
