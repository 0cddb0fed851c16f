"""What the simulator itself costs: `python bench/simulator.py --rate 20000 --clients 4 --lines 25`; with
`--profile FOLDER` py-spy watches it. Clients are bare sockets that count, in a process of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import Any

from figures import table
from fleet import Process
from ticks import watched

WARM_UP = 1.0
SETTLING = 5.0
POLL = 0.05


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    """One gateway, one process of listeners, one stretch of ticks."""
    wanted = options.clients * options.lines
    settings = {"lines": max(100, wanted), "max_clients": max(32, options.clients), "linger": 0.1, "rate": 1.0}
    gateway = await Process.start("gateway", json.dumps(settings))
    try:
        hello = await gateway.hear()
        con_ids = json.dumps((hello["options"] if options.options else hello["conIds"])[: options.lines])
        listener = await Process.start("listener", str(hello["port"]), str(options.clients), con_ids)
        try:
            await listener.hear()
            await _subscribed(gateway, listener, wanted)
            return await _stream(gateway, listener, options)
        finally:
            await listener.end()
    finally:
        await gateway.end()


async def _subscribed(gateway: Process, listener: Process, wanted: int) -> None:
    """Wait until all lines are open."""
    for _ in range(round(SETTLING / POLL)):
        if (await gateway.ask(do="look"))["lines"] >= wanted:
            return
        await asyncio.sleep(POLL)
    raise RuntimeError(f"not all of {wanted} lines were opened: {(await listener.ask(do='count'))['errors'][:3]}")


async def _stream(gateway: Process, listener: Process, options: argparse.Namespace) -> dict[str, Any]:
    """Let ticks flow, weigh the gateway meanwhile, then stop them and count what came."""
    await gateway.ask(do="go", rate=options.rate)
    await asyncio.sleep(WARM_UP)
    async with watched({"simulator": gateway}, options.profile, options.seconds):
        first, cpu, began = (await gateway.ask(do="look"))["ticks"], gateway.cpu(), time.monotonic()
        await asyncio.sleep(options.seconds)
        last, spent, took = (await gateway.ask(do="look"))["ticks"], gateway.cpu() - cpu, time.monotonic() - began
    sent = (await gateway.ask(do="freeze"))["ticks"]
    got = await listener.ask(do="count")
    for _ in range(round(SETTLING / POLL)):
        if got["ticks"] >= sent:
            break
        await asyncio.sleep(POLL)
        got = await listener.ask(do="count")
    return {
        "rate": (last - first) / took,
        "wanted": options.rate,
        "sent": sent,
        "received": got["ticks"],
        "lost": sent - got["ticks"],
        "core": spent / took,
        "microseconds": spent / (last - first) * 1e6,
        "ended": got["ended"],
    }


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=20_000.0, help="ticks a second over all lines")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--lines", type=int, default=25, help="lines of each client; all have the same contracts")
    parser.add_argument("--options", action="store_true", help="options instead of shares")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--profile", type=Path, help="folder for py-spy's folded stacks")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.profile is not None:
        options.profile.mkdir(parents=True, exist_ok=True)
    result = asyncio.run(measure(options))
    if options.json:
        print(json.dumps(result))
        return
    rows = [
        ("ticks/s sent, of those wanted", f"{result['rate']:.0f}, {result['rate'] / result['wanted']:.1%}"),
        ("ticks sent, received, lost", f"{result['sent']}, {result['received']}, {result['lost']}"),
        ("share of a core", f"{result['core']:.3f}"),
        ("CPU µs per tick", f"{result['microseconds']:.2f}"),
    ]
    title = f"simulator: {options.clients} clients with {options.lines} lines each, {options.rate:.0f} ticks/s in all"
    print(table(title, ("", ""), rows))


if __name__ == "__main__":
    main()
