"""One process of the demo: the gateway, the proxy or a script. It ends when the demo ends, however that ends.

Tells the demo what it needs to know as lines of JSON on standard output; a script's own lines go there as they are.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import runpy
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from ibmux.ops.eventloop import loop_factory

GRACE = 5.0
"""Seconds between the word that the demo is gone and the end by force."""
_PR_SET_PDEATHSIG = 1

GATEWAY: dict[str, Any] = {
    "seed": 7,
    "linger": 1.0,
    "rate": 60.0,
    "moc_delay": 3.0,
    "fill_delay": 0.2,
    "partial_share": 0.5,
}
"""Settings of the simulated gateway: a close that comes soon, fills in pieces, a lively market."""


def follow_parent() -> None:
    """End with the demo, also when that is killed: by a signal on Linux, else by the end of standard input."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_await_end, name="end of the demo", daemon=True).start()


def _await_end() -> None:
    while os.read(0, 4096):
        continue
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(GRACE)
    os._exit(1)


def tell(event: str, **facts: Any) -> None:
    """Write one line for the demo."""
    sys.stdout.write(msgspec.json.encode({"event": event, **facts}).decode() + "\n")
    sys.stdout.flush()


async def run_gateway() -> None:
    """The simulated gateway on a free port, until SIGTERM; then what it counted, as a witness."""
    from ibmux.sim import Settings, SimulatedGateway  # noqa: PLC0415 - each process imports its own part

    async with SimulatedGateway(Settings(**GATEWAY)) as gateway:
        tell("listening", port=gateway.port)
        await _signalled()
        stats = gateway.stats
        tell(
            "counted",
            connections=stats.connections_ever,
            clients=stats.by_client,
            messages=stats.messages_in,
            ticks=stats.ticks_sent,
            orders=stats.orders_placed,
        )


async def _signalled() -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()


async def run_proxy(port: int) -> None:
    """The proxy in front of the gateway on `port`, its doors on free ports, until SIGTERM drains it."""
    from ibmux import config, daemon  # noqa: PLC0415
    from ibmux.ops import logs  # noqa: PLC0415

    settings = config.build(
        {
            "gateways": {"paper": {"port": port, "kind": "paper", "pause_floor": 0.5}},
            "mqtt": {"port": 0},
            "http": {"port": 0},
            "journal": {"path": "journal.db"},  # in the demo's own folder, which is this process's
            "default_role": "trade",
        },
        "the demo",
    )
    logs.set_up(settings.log.level, "text")
    proxy = daemon.Proxy(settings)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, proxy.stop)
    running = asyncio.create_task(proxy.run())
    started = asyncio.create_task(proxy.started.wait())
    await asyncio.wait({running, started}, return_when=asyncio.FIRST_COMPLETED)
    started.cancel()
    if proxy.started.is_set():
        tell("listening", **proxy.ports)
    await running


def run_script(path: str) -> int:
    """A script as if it had been started by hand; Ctrl-C (SIGINT) is its proper end."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        runpy.run_path(path, run_name="__main__")
    except KeyboardInterrupt:
        return 0
    return 0


def main(arguments: list[str]) -> int:
    """Run one part: `gateway`, `proxy PORT` or `script PATH`."""
    follow_parent()
    part, *rest = arguments
    loops: dict[str, Callable[[], Any]] = {"gateway": run_gateway, "proxy": lambda: run_proxy(int(rest[0]))}
    if part == "script":
        return run_script(rest[0])
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(loops[part]())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
