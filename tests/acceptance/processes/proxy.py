"""A proxy as a process of its own: settings as JSON in the first argument, its ports as a JSON line when it serves."""

from __future__ import annotations

import asyncio
import json
import sys

from ibmux import config
from ibmux.daemon import Proxy

try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop


async def main() -> None:
    proxy = Proxy(config.build(json.loads(sys.argv[1]), "the test"))
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(proxy.run())
        await proxy.started.wait()
        sys.stdout.write(json.dumps(proxy.ports) + "\n")
        sys.stdout.flush()
        await ended
        proxy.stop()
        await running


with asyncio.Runner(loop_factory=new_event_loop) as runner:
    runner.run(main())
