"""A proxy as a process of its own: settings as JSON in the first argument, its ports as a JSON line when it serves.

At the end of its input it says when its loop stood still (`late`: from when to when, on the monotonic clock), and ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from ibmux import config
from ibmux.daemon import Proxy

try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop


LOOK = 0.02
"""Seconds between two looks at the clock."""


async def keep(late: list[tuple[float, float]]) -> None:
    """Note when the loop stood still, until cancelled."""
    before = time.monotonic()
    while True:
        await asyncio.sleep(LOOK)
        now = time.monotonic()
        if now - before > 3 * LOOK:
            late.append((before, now))
        before = now


def say(**report: object) -> None:
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()


async def main() -> None:
    late: list[tuple[float, float]] = []
    proxy = Proxy(config.build(json.loads(sys.argv[1]), "the test"))
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(proxy.run())
        await proxy.started.wait()
        say(**proxy.ports)
        keeping = tasks.create_task(keep(late))
        await ended
        keeping.cancel()
        say(late=late)
        proxy.stop()
        await running


with asyncio.Runner(loop_factory=new_event_loop) as runner:
    runner.run(main())
