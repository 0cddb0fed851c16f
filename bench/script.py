"""What both kinds of script do alike: measure round trips and tick latencies on order. The libraries are theirs."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from conversation import Orders, say

BID_SIZE = 0
CYCLE = 10**9
"""The stamp in a BID_SIZE tick is the time of sending in microseconds, modulo this."""

Ask = Callable[[int], Awaitable[Any]]


class Script:
    """One script under measurement.

    Args:
        asks: by name, a question that is timed from the call to the answer; it gets a conId of which none has asked.
        subscribe: opens a stream of one conId and has `on_ticker` called at each of its updates.
        clean: undoes what a question left behind (working orders); not timed.
    """

    def __init__(
        self,
        asks: dict[str, Ask],
        subscribe: Callable[[int, Callable[[Any], None]], Awaitable[None]],
        clean: Callable[[], Awaitable[None]],
    ) -> None:
        self.asks = asks
        self.subscribe = subscribe
        self.clean = clean
        self.unasked: Iterator[int] = iter(())
        self.ticks = 0
        self.stamped = 0
        self.latencies = array("q")

    def on_ticker(self, ticker: Any) -> None:
        """The callback whose latency counts; the same lines for both libraries."""
        now = time.time_ns() // 1000 % CYCLE
        ticks = ticker.ticks
        self.ticks += len(ticks)
        for tick in ticks:
            if tick.tickType == BID_SIZE:
                self.stamped += 1
                self.latencies.append((now - int(tick.size)) % CYCLE)

    async def serve(self, orders: Orders) -> None:
        """Carry out orders until the input ends."""
        async for order in orders:
            say(**await getattr(self, f"do_{order.pop('do')}")(**order))

    async def do_subscribe(self, conIds: list[int], pause: float) -> dict[str, Any]:
        for con_id in conIds:
            await self.subscribe(con_id, self.on_ticker)
            await asyncio.sleep(pause)
        return {"lines": len(conIds)}

    async def do_learn(self, conIds: list[int]) -> dict[str, Any]:
        """Contracts of which nobody has asked the details yet; each question gets one."""
        self.unasked = iter(conIds)
        return {}

    async def do_ask(self, name: str, count: int, burst: int, pause: float) -> dict[str, Any]:
        """Ask `count` times, `burst` in a row and then none for `burst * pause` seconds."""
        ask, seconds = self.asks[name], []
        for number in range(count):
            con_id = next(self.unasked)
            began = time.perf_counter()
            await ask(con_id)
            seconds.append(time.perf_counter() - began)
            if pause and number % burst == burst - 1:
                await asyncio.sleep(pause * burst)
        await self.clean()
        return {"seconds": seconds}

    async def do_reset(self) -> dict[str, Any]:
        self.ticks = self.stamped = 0
        self.latencies = array("q")
        return {}

    async def do_count(self) -> dict[str, Any]:
        return {"ticks": self.ticks, "stamped": self.stamped}

    async def do_latencies(self) -> dict[str, Any]:
        return {"microseconds": list(self.latencies)}
