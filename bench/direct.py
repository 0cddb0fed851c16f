"""A script with ib_async and its own connection. Arguments: its clientId, the gateway's port."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from typing import Any

import ib_async
from conversation import Orders, say
from script import Script

APPLE = ib_async.Contract(conId=265598, exchange="SMART")
ACKNOWLEDGED = {"PreSubmitted", "Submitted"}


async def main(client_id: int, port: int) -> None:
    logging.getLogger("ib_async").setLevel(logging.CRITICAL)  # a cancelled order is logged as an error
    ib = ib_async.IB()
    await ib.connectAsync("127.0.0.1", port, clientId=client_id, timeout=60)
    held = ib.positions()
    say(first_position=time.monotonic_ns(), positions=len(held))
    trades: list[Any] = []

    async def order(_number: int) -> None:
        acknowledged = asyncio.get_running_loop().create_future()
        trade = ib.placeOrder(APPLE, ib_async.LimitOrder("BUY", 1, 1.0))
        trades.append(trade)

        def look(changed: Any) -> None:
            if changed.orderStatus.status in ACKNOWLEDGED and not acknowledged.done():
                acknowledged.set_result(None)

        trade.statusEvent += look
        await acknowledged

    async def clean() -> None:
        for trade in trades:
            ib.cancelOrder(trade.order)
            await asyncio.sleep(0.03)  # the gateway takes 50 messages a second
        while any(trade.isActive() for trade in trades):
            await ib.updateEvent
        trades.clear()

    async def subscribe(con_id: int, on_ticker: Callable[[Any], None]) -> None:
        ticker = ib.reqMktData(ib_async.Contract(conId=con_id, exchange="SMART"))
        ticker.updateEvent += on_ticker

    async def positions(_number: int) -> None:
        ib.positions()

    asks = {
        "time": lambda _: ib.reqCurrentTimeAsync(),
        "details": lambda con_id: ib.reqContractDetailsAsync(ib_async.Contract(conId=con_id, exchange="SMART")),
        "known": lambda _: ib.reqContractDetailsAsync(APPLE),
        "positions": positions,
        "order": order,
    }
    await Script(asks, subscribe, clean).serve(await Orders.open())
    ib.disconnect()


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
