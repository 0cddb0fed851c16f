"""Scripts that place orders, as a process: the proxy's url and their number as arguments, then orders as lines of JSON.

Each has a connection of its own, and places its next order when the gateway has acknowledged the one before.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time

from conversation import Orders, say

from ibmux import topics
from ibmux.messages import CONTENT_TYPE, encode
from ibmux.messages.contracts import Contract
from ibmux.messages.orders import Order
from ibmux.messages.trading import PlaceOrder
from ibmux.mqtt.client import Link
from ibmux.mqtt.message import Message

try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop

NUMBERS = itertools.count(1)
PATIENCE = 30.0


class Orderer:
    """One script: its connection, and the replies that it waits for by their correlation data."""

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self.link = Link(url, client_id=name, username=name)
        self.answers: dict[bytes, asyncio.Future[Message]] = {}

    async def open(self) -> None:
        """Connect, and listen for replies."""
        await self.link.start()
        await self.link.subscribe(topics.replies(self.name, "bench"), self._take, qos=1)

    def _take(self, message: Message) -> None:
        self.answers.pop(message.correlation_data or b"").set_result(message)

    async def place(self, contract: Contract) -> float:
        """One order; the seconds until the gateway's word on it.

        Raises:
            RuntimeError: it was refused.
        """
        key = f"bench{next(NUMBERS):08d}"
        order = Order(action="BUY", totalQuantity=100.0, orderType="LMT", lmtPrice=1.23, tif="DAY")
        answer = self.answers[key.encode()] = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        self.link.publish(
            topics.request("paper", self.name, "placeOrder"),
            encode(PlaceOrder(contract=contract, order=order, key=key)),
            qos=1,
            content_type=CONTENT_TYPE,
            response_topic=topics.reply("paper", self.name, "bench"),
            correlation_data=key.encode(),
        )
        message = await asyncio.wait_for(answer, PATIENCE)
        if ("status", "ok") not in message.user_properties:
            raise RuntimeError(f"an order was refused: {message.payload!r}")
        return time.perf_counter() - began


async def main() -> None:
    url, number = sys.argv[1], int(sys.argv[2])
    contract = Contract(conId=265598, symbol="AAPL", secType="STK", exchange="SMART", currency="USD")
    scripts = [Orderer(url, f"orderer{each}") for each in range(number)]
    await asyncio.gather(*(each.open() for each in scripts))
    orders = await Orders.open()
    say(ready=True)
    async for order in orders:
        times: list[float] = []

        async def run(script: Orderer, count: int, pause: float, times: list[float] = times) -> None:
            for _ in range(count):
                times.append(await script.place(contract))
                await asyncio.sleep(pause)

        began = time.perf_counter()
        chosen = scripts[: order["scripts"]]
        await asyncio.gather(*(run(each, order["count"], order["pause"]) for each in chosen))
        say(seconds=times, lasted=time.perf_counter() - began)
    await asyncio.gather(*(each.link.close() for each in scripts))


with asyncio.Runner(loop_factory=new_event_loop) as runner:
    runner.run(main())
