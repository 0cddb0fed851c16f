"""The simulated gateway as a process: settings as JSON in the first argument, then orders as lines of JSON.

Its feed stands still until `{"do": "go", "rate": N}` and after `{"do": "freeze"}`: ticks can be counted exactly.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from typing import Any

from conversation import Orders, say

from ibmux.sim import Settings, SimulatedGateway
from ibmux.sim.feeds import channels

try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop

BIDS = (0, 1)
"""Ticks that carry a bid's size, and with it the time of sending."""


class Witness:
    """Counts what the feed makes: the number of stamped ticks that every line of a contract gets."""

    def __init__(self) -> None:
        self.stamped = 0
        self._write = channels.to_ticks

    def watch(self) -> None:
        """Count from now on."""
        channels.to_ticks = self.to_ticks

    def to_ticks(self, changes: Any) -> Any:
        self.stamped += sum(kind in BIDS for kind, _, _ in changes)
        return self._write(changes)


async def main() -> None:
    witness, settings = Witness(), Settings(**json.loads(sys.argv[1]))
    if settings.stamp:
        witness.watch()
    orders = await Orders.open()
    async with SimulatedGateway(settings) as gateway:
        gateway.feed.stop()
        say(port=gateway.port, conIds=shares(gateway), options=options(gateway))
        async for order in orders:
            if order["do"] == "go":
                witness.stamped = 0
                gateway.settings = dataclasses.replace(gateway.settings, rate=order["rate"])
                gateway.feed.start()
            elif order["do"] == "freeze":
                gateway.feed.stop()
            stats = gateway.stats
            say(
                stamped=witness.stamped,
                ticks=stats.ticks_sent,
                messages=stats.messages_in,
                connections=stats.connections,
                lines=sum(stats.lines.values()),
            )


def shares(gateway: SimulatedGateway) -> list[int]:
    """American shares, of which there are more than enough."""
    listed = (each.contract for each in gateway.world.universe.listed())
    return [each.conId for each in listed if each.secType == "STK" and each.currency == "USD"]


def options(gateway: SimulatedGateway) -> list[int]:
    """Options on one share, of which there are more than any benchmark asks about."""
    chain = gateway.world.universe.chain("AAPL")
    return [each.contract.conId for expiry in chain.values() for each in expiry]


with asyncio.Runner(loop_factory=new_event_loop) as runner:
    runner.run(main())
