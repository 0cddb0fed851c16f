"""A proxy as a process: its event loop, and the signals that end it."""

from __future__ import annotations

import asyncio
import gc
import signal

from ibmux.config import Config
from ibmux.daemon import Proxy
from ibmux.ops.eventloop import loop_factory


async def serve(config: Config) -> None:
    """Run a proxy until SIGTERM or SIGINT, then drain; a second signal ends it at once.

    Raises:
        IbmuxError: it cannot start; the message says why and what to do.
    """
    proxy = Proxy(config)
    gc.collect()
    gc.freeze()  # what stands now stays: a full collection that looked at it would hold up ticks for 20 ms
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if proxy.state == "draining" and task is not None:
            task.cancel()
        proxy.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    await proxy.run()


def main_loop(config: Config) -> None:
    """Run `serve` on uvloop, or on asyncio's own loop where uvloop is not installed.

    Raises:
        IbmuxError: the proxy cannot start.
    """
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(config))
