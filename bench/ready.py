"""How soon the proxy is `ready` once the gateway can serve: `python bench/ready.py --runs 20`.

Simulator and proxy share one process and one loop; there is no network delay. The settling time is what the proxy waits
on purpose: it is taken off.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from tempfile import TemporaryDirectory
from typing import Any

from figures import middle, milliseconds, table

from ibmux import config
from ibmux.daemon import Proxy
from ibmux.sim import Settings, SimulatedGateway

try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop

PATIENCE = 60.0
AIM = 1.0
"""Seconds beyond the settling time, at the most."""


class Watched:
    """A proxy on a simulated gateway, and the instants at which it became `ready`."""

    def __init__(self, gateway: SimulatedGateway, proxy: Proxy) -> None:
        self.gateway = gateway
        self.session = proxy.gateways["paper"].session
        self.at = 0.0
        self._ready, self._away = asyncio.Event(), asyncio.Event()
        self._tell = self.session.hooks.on_state
        self.session.hooks.on_state = self._hear

    def _hear(self, status: Any, previous: Any) -> None:
        self._tell(status, previous)
        if status.state == "ready" and previous != "ready":
            self.at = time.monotonic()
            self._ready.set()
            self._away.clear()
        elif status.state != "ready":
            self._ready.clear()
            self._away.set()

    async def ready(self) -> float:
        """When it became ready (monotonic clock)."""
        await asyncio.wait_for(self._ready.wait(), PATIENCE)
        return self.at

    async def away(self) -> None:
        """Wait until it is not."""
        await asyncio.wait_for(self._away.wait(), PATIENCE)

    def opened(self) -> float:
        """When the gateway's port opened last."""
        return float(self.gateway.log.of("listening")[-1].real)


@asynccontextmanager
async def watched(settle: float, fault: str = "") -> AsyncIterator[Watched]:
    """A gateway with a fault in force, and a proxy that has just been started."""
    with TemporaryDirectory() as folder:
        async with SimulatedGateway(Settings(linger=0.0)) as gateway:
            if fault:
                await gateway.faults.apply(fault)
            tree = {
                "gateways": {"paper": {"port": gateway.port, "settle": settle, "pause_floor": 0.5, "pause_cap": 1.0}},
                "mqtt": {"port": 0, "socket": ""},
                "http": {"port": -1},
                "journal": {"path": f"{folder}/journal.db"},
            }
            proxy = Proxy(config.build(tree, "the benchmark"))
            running = asyncio.create_task(proxy.run())
            try:
                await proxy.started.wait()
                yield Watched(gateway, proxy)
            finally:
                proxy.stop()
                await running


async def cold(runs: int, settle: float) -> list[float]:
    """The proxy was there before the gateway."""
    found = []
    for _ in range(runs):
        async with watched(settle, "refuse") as stack:
            await asyncio.sleep(0.8 + random.random())
            await stack.gateway.faults.heal()
            found.append(await stack.ready() - stack.opened() - settle)
    return found


async def restarted(runs: int, settle: float) -> list[float]:
    """The gateway restarts under a session that stands."""
    found = []
    async with watched(settle) as stack:
        for _ in range(runs):
            await stack.session.until_ready(asyncio.get_running_loop().time() + PATIENCE)
            await stack.gateway.faults.restart(1.5 + random.random())
            await stack.away()
            found.append(await stack.ready() - stack.opened() - settle)
    return found


async def restored(runs: int, settle: float, *, bare: bool) -> list[float]:
    """A cut ends; there is nothing to settle."""
    found = []
    async with watched(settle) as stack:
        for _ in range(runs):
            await stack.session.until_ready(asyncio.get_running_loop().time() + PATIENCE)
            await stack.gateway.faults.cut()
            await stack.away()
            await asyncio.sleep(0.1)
            began = time.monotonic()
            await stack.gateway.faults.restore(bare)
            found.append(await stack.ready() - began)
    return found


async def measure(runs: int, settle: float) -> dict[str, list[float]]:
    """Seconds from serving to ready, the settling time taken off, by what happened."""
    return {
        "cold start, the port was closed": await cold(runs, settle),
        "after a restart": await restarted(runs, settle),
        "after a cut, 1102": await restored(runs, settle, bare=False),
        "after a cut, 1101": await restored(runs, settle, bare=True),
    }


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="of each kind")
    parser.add_argument("--settle", type=float, default=2.0, help="seconds that the gateway is given to settle")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    logging.disable(logging.ERROR)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        found = runner.run(measure(options.runs, options.settle))
    if options.json:
        print(json.dumps(found))
        return
    rows = [
        (name, milliseconds(middle(each)), milliseconds(max(each)), "met" if max(each) < AIM else "NOT MET")
        for name, each in found.items()
    ]
    title = f"from serving to ready, beyond a settling time of {options.settle:g} s; {options.runs} runs of each kind"
    print(table(title, ("", "median", "worst", "aim: below 1 s"), rows))


if __name__ == "__main__":
    main()
