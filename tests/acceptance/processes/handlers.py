"""Asynchronous handlers of ib_async and of ibmux on uvloop: reports how often each ran.

Arguments: the gateway's port, the proxy's url. The loop is made as `uvloop.run` and newer servers make it: it is
running, but it is not the current loop of the policy.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from typing import Any

import ib_async
import uvloop

import ibmux

AAPL = ibmux.Contract("STK", 265598, "AAPL", exchange="SMART", currency="USD")
ENOUGH = 3


async def hear(event: Any, name: str, counts: Counter[str]) -> None:
    """Count the calls of a plain and of an asynchronous handler until the plain one has had enough."""
    enough = asyncio.Event()

    def plain(*_: Any) -> None:
        counts[f"{name} plain"] += 1
        if counts[f"{name} plain"] >= ENOUGH:
            enough.set()

    async def asynchronous(*_: Any) -> None:
        counts[f"{name} asynchronous"] += 1

    event += plain
    event += asynchronous
    await asyncio.wait_for(enough.wait(), 30)
    await asyncio.sleep(0.05)


async def main(port: int, url: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    library = ib_async.IB()
    await library.connectAsync("127.0.0.1", port, clientId=9, timeout=20)
    library.reqMktData(ib_async.Stock("AAPL", "SMART", "USD", conId=265598))
    await hear(library.pendingTickersEvent, "ib_async", counts)
    library.disconnect()
    async with ibmux.connect("handlers", url=url) as script:
        await script.reqMktData(AAPL)
        await hear(script.pendingTickersEvent, "ibmux", counts)
    return counts


with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    counted = runner.run(main(int(sys.argv[1]), sys.argv[2]))
sys.stdout.write(json.dumps(counted) + "\n")
