"""Two scripts that ask the same: one with ib_async straight at a simulated gateway, one through ibmux.

Each side has a simulated gateway of its own, of one seed and with the clock standing still, so that all that differs is
the way.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import ib_async
from stage import running_proxy, settings, until

import ibmux
from ibmux.sim import Settings, SimulatedGateway

TURNS, TURN = 120, 0.005
"""Looks, so many seconds apart, after which a wait lets time pass in the gateway's world: for how long this machine
stands still in between does not count.
"""
WORLD_STEP, WORLD_STEPS = 0.1, 60


class Side:
    """One script and its gateway.

    Attributes:
        moves: whether waiting may let time pass in the gateway's world.
    """

    def __init__(self, name: str, ib: Any, gateway: SimulatedGateway) -> None:
        self.name, self.ib, self.gateway = name, ib, gateway
        self.moves = False

    async def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the client as its users do, and wait for its answer."""
        function = getattr(self.ib, f"{method}Async", None) or getattr(self.ib, method)
        answer = function(*args, **kwargs)
        if not inspect.isawaitable(answer):
            return answer
        task = asyncio.ensure_future(answer)
        await self.until(task.done, method)
        return task.result()

    async def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait for something that needs no time in the gateway's world, or else a little of it."""
        for _ in range(WORLD_STEPS if self.moves else 0):
            for _ in range(TURNS):
                if value := condition():
                    return value
                await asyncio.sleep(TURN)
            await self.gateway.pass_time(WORLD_STEP)
        return await until(condition, f"{self.name}: {what}")


@asynccontextmanager
async def both(**changes: Any) -> AsyncIterator[tuple[Side, Side]]:
    """The two sides, connected."""
    async with direct(**changes) as one, through(**changes) as other:
        yield one, other


def world(**changes: Any) -> Settings:
    """The gateway of either side."""
    given = {
        "seed": 11, "start": "20260107 11:00:00 US/Eastern", "speed": 0.0, "fill_delay": 0.0, "partial_share": 0.0,
        "linger": 0.0, "status_first": 0.0,
    }  # fmt: skip
    return Settings(**{**given, **changes})


@asynccontextmanager
async def standing(**changes: Any) -> AsyncIterator[SimulatedGateway]:
    """A gateway whose clock stands, and where all the same happens at once what is due."""

    async def go_on(gateway: SimulatedGateway) -> None:
        while True:
            await asyncio.sleep(0.01)
            if gateway.clock.stands:
                await gateway.pass_time(0.0)

    async with SimulatedGateway(world(**changes)) as gateway:
        task = asyncio.create_task(go_on(gateway))
        try:
            yield gateway
        finally:
            task.cancel()


@asynccontextmanager
async def direct(**changes: Any) -> AsyncIterator[Side]:
    """ib_async at the gateway itself."""
    async with standing(**changes) as gateway:
        ib = ib_async.IB()
        await ib.connectAsync("127.0.0.1", gateway.port, clientId=1, timeout=20)
        try:
            yield Side("direct", ib, gateway)
        finally:
            ib.disconnect()


@asynccontextmanager
async def through(**changes: Any) -> AsyncIterator[Side]:
    """The client of ibmux at a proxy in front of the gateway."""
    async with (
        standing(**changes) as gateway,
        running_proxy(settings(gateway.port, default_role="admin")) as proxy,
        ibmux.connect("parity", url=f"mqtt://127.0.0.1:{proxy.ports['mqtt']}") as ib,
    ):
        yield Side("through ibmux", ib, gateway)
