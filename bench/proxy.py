"""The proxy as a process: settings as JSON in the first argument; says its ports, ends with its input."""

from __future__ import annotations

import asyncio
import json
import sys

from conversation import Orders, say

from ibmux import config
from ibmux.daemon import Proxy

try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop


async def main() -> None:
    proxy = Proxy(config.build(json.loads(sys.argv[1]), "the benchmark"))
    orders = await Orders.open()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(proxy.run())
        await proxy.started.wait()
        gateway = proxy.gateways["paper"]
        await gateway.session.until_ready(asyncio.get_running_loop().time() + 30)
        say(**proxy.ports)
        async for _ in orders:
            sharing = gateway.sharing()
            stats = proxy.bus.stats()
            say(ticks_in=sharing.ticks_in, lines=sharing.lines, conflated=stats.conflated, dropped=stats.dropped_slow)
        proxy.stop()


with asyncio.Runner(loop_factory=new_event_loop) as runner:
    runner.run(main())
