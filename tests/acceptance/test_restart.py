"""The proxy is killed and started again under a working script, which goes on by itself: nothing is doubled or lost."""

from __future__ import annotations

import json

import pytest
from ports import free_port
from stage import Child, child, settings, until

import ibmux
from ibmux.core import reference
from ibmux.sim import SimulatedGateway
from ibmux.sim.orders.order import ExecutionFilter

APPLE = ibmux.Contract(conId=265598, exchange="SMART")


async def kill(proxy: Child) -> None:
    """End a process as a failing machine does."""
    proxy.process.kill()
    await proxy.process.wait()


@pytest.mark.timeout(180)
async def test_scripts_go_on_after_the_proxy_was_killed(simulator: SimulatedGateway) -> None:
    port = free_port()
    tree = json.dumps(settings(simulator.port, mqtt={"port": port}))
    url = f"mqtt://127.0.0.1:{port}"
    async with child("first proxy", "proxy", tree) as first:
        await first.hear()
        async with ibmux.connect("lasting", url=url) as ib:
            await until(lambda: ib.status().state == "ready", "the session is ready")
            ticker = await ib.reqMktData(APPLE)
            working = await ib.placeOrder(APPLE, ibmux.LimitOrder("BUY", 5, 1.0), key="working")
            filled = await ib.placeOrder(APPLE, ibmux.MarketOrder("BUY", 3), key="filled")
            await filled.done(20)
            await until(lambda: filled.filled() == 3, "its executions")
            told = []
            ib.execDetailsEvent += lambda trade, fill: told.append(fill.execution.execId)
            gaps = []
            ib.gapEvent += lambda start, end, reason: gaps.append(reason)

            await kill(first)
            await until(lambda: not ib.isConnected(), "the script notices")
            async with child("second proxy", "proxy", tree) as second:
                await second.hear()
                await until(ib.isConnected, "the script is back", 20)
                await until(lambda: ib.status().state == "ready", "the new session is ready", 20)
                await until(lambda: gaps, "the script is told of the gap")
                assert await ib.positions()
                moved = ticker.timestamp
                await until(lambda: ticker.timestamp != moved, "ticks come again")

                again = await ib.placeOrder(APPLE, ibmux.LimitOrder("BUY", 5, 1.0), key="working")
                assert again is working
                assert working.orderStatus.status in ("PreSubmitted", "Submitted")
                await ib.cancelOrder(working)
                assert working.orderStatus.status == "Cancelled"
                after = await ib.placeOrder(APPLE, ibmux.MarketOrder("SELL", 3), key="after")
                await after.done(20)
                await until(lambda: after.filled() == 3, "the executions of the new order")
                mine = {each.execution.execId for each in await ib.fills()}

    record = simulator.world.desk.executions(ExecutionFilter())
    keys = [reference.read(execution.orderRef).key for execution, _ in record]
    assert sorted(set(keys)) == ["after", "filled"]
    assert mine == {execution.execId for execution, _ in record}
    assert sorted(told) == sorted(execution.execId for execution, _ in record if execution.side == "SLD")
    completed = [reference.read(each.order.spec.orderRef).key for each in simulator.world.desk.completed()]
    assert sorted(completed) == ["after", "filled", "working"], "an order was doubled"
    assert simulator.stats.by_client == {1: 2}
