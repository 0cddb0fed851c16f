"""A script with the ibmux client. Arguments: its name, the proxy's url."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

from conversation import Orders, say
from script import Script

import ibmux

APPLE = ibmux.Contract(conId=265598, exchange="SMART")


async def main(name: str, url: str) -> None:
    async with ibmux.connect(name, url=url) as ib:
        held = await ib.positions()
        say(first_position=time.monotonic_ns(), positions=len(held))
        trades: list[Any] = []

        async def order(_number: int) -> None:
            trades.append(await ib.placeOrder(APPLE, ibmux.LimitOrder("BUY", 1, 1.0)))

        async def clean() -> None:
            while trades:
                await ib.cancelOrder(trades.pop())

        async def subscribe(con_id: int, on_ticker: Callable[[Any], None]) -> None:
            ticker = await ib.reqMktData(ibmux.Contract(conId=con_id, exchange="SMART"))
            ticker.updateEvent += on_ticker

        asks = {
            "time": lambda _: ib.reqCurrentTime(),
            "details": lambda con_id: ib.reqContractDetails(ibmux.Contract(conId=con_id, exchange="SMART")),
            "known": lambda _: ib.reqContractDetails(APPLE),
            "positions": lambda _: ib.positions(),
            "order": order,
        }
        await Script(asks, subscribe, clean).serve(await Orders.open())


asyncio.run(main(sys.argv[1], sys.argv[2]))
