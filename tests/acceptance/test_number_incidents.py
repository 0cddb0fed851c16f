"""Incidents that users met elsewhere: a gateway restarts, nextValidId goes back, and one number is two orders'.

Where it shows the trap, ib_async alone falls into it first.
"""

from __future__ import annotations

from pathlib import Path

import ib_async
import pytest
from incident_scene import (
    SHARES,
    again,
    an_order,
    executed,
    gateway,
    ib_async_alone,
    is_executed,
    is_told,
    keys_of,
    life,
    order_of,
    orders_of,
)
from money_scene import Scene
from stage import until

from ibmux.services import recovery


@pytest.fixture(autouse=True)
def soon_certain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "CERTAIN", 0.2)


async def test_ib_async_gives_out_a_number_again_that_is_in_use() -> None:
    """Lean.IB#242, ib_insync#80: after a restart nextValidId is lower than what was used."""
    async with gateway() as simulator, ib_async_alone(simulator) as ib:
        trades = [ib.placeOrder(SHARES, ib_async.MarketOrder("BUY", 1)) for _ in range(2)]
        await until(lambda: all(trade.isDone() for trade in trades), "both are filled")
        ib.disconnect()
        await simulator.faults.roll_ids(5)
        nothing = ib_async.StartupFetch(0)
        await ib.connectAsync(simulator.host, simulator.port, clientId=9, timeout=20, fetchFields=nothing)
        assert ib.client.getReqId() <= trades[-1].order.orderId


@pytest.mark.parametrize("restarted", ["gateway", "proxy", "both"])
async def test_no_number_is_used_again_after_a_restart(restarted: str, tmp_path: Path) -> None:
    async with gateway() as simulator:
        async with life(simulator, tmp_path, "ann") as scene:
            for key, kind in (("working", "LMT"), ("filled", "MKT"), ("ended", "LMT")):
                assert (await scene.place("ann", key, orderType=kind)).code == "ok"
            await scene.ask("ann", "cancelOrder", key="ended")
            await scene.becomes("ann", "filled", "Filled")
            if restarted == "gateway":
                await simulator.faults.apply("restart 0.2 roll=9")
                await again(scene)
                await new_orders_stand_alone(scene)
                return
        if restarted == "both":
            await simulator.faults.apply("restart 0.2 roll=9")
            await simulator.faults.settle()
        else:
            await simulator.faults.apply("roll_ids 9")
        simulator.book.roll(simulator.clock.now())  # the day's finished orders are in no list any more
        async with life(simulator, tmp_path, "ann") as scene:
            await new_orders_stand_alone(scene)


async def new_orders_stand_alone(scene: Scene) -> None:
    """New orders have numbers of their own, and each execution is its own order's."""
    for number in range(3):
        assert (await scene.place("ann", f"new-{number}", orderType="MKT", totalQuantity=2)).code == "ok"
        await scene.becomes("ann", f"new-{number}", "Filled")
        await is_executed(scene, "ann", f"new-{number}")
        assert [size for _, size in executed(scene, "ann", f"new-{number}")] == [2]
    numbers = [each.orderId for each in orders_of(scene.simulator)]
    assert len(numbers) == len(set(numbers)) == len(set(keys_of(scene.simulator))) >= 4
    assert not [each for _, kind, each in scene.heard if kind == "order" and each.get("code") == 103]


async def test_the_number_of_an_order_that_never_arrived_is_not_given_to_another(tmp_path: Path) -> None:
    """Lean.IB#242: the gateway restarted under four orders, gave their numbers out again, and the news were crossed."""
    async with gateway() as simulator, life(simulator, tmp_path, "ann") as scene:
        await scene.place("ann", "first")
        await simulator.faults.apply("half_open")
        sent = [
            scene.scripts["ann"].send("placeOrder", {**an_order(), "key": f"lost-{number}"}, expiry=8)
            for number in range(4)
        ]
        await until(lambda: all(scene.book.find("ann", f"lost-{n}") for n in range(4)), "they are on their way")
        await until(lambda: scene.book.find("ann", "lost-3").trade.order.orderId, "they were handed to the socket")
        gone = {scene.book.find("ann", f"lost-{number}").trade.order.orderId for number in range(4)}
        await simulator.faults.apply("restart 0.2")
        await simulator.faults.apply("heal")
        await again(scene)
        for number in range(4):
            assert (await scene.place("ann", f"new-{number}")).code == "ok"
        assert not gone & {order_of(simulator, f"new-{number}").orderId for number in range(4)}
        assert {(await scene.scripts["ann"].answer(each)).payload["outcome"] for each in sent} <= {
            "not_sent",
            "unknown",
        }
        await until(
            lambda: not any(scene.book.find("ann", f"lost-{n}") for n in range(4)), "they are declared not sent"
        )
        for number in range(4):
            for key, status in (("lost", "Inactive"), ("new", "Submitted")):
                await is_told(scene, "ann", f"{key}-{number}", status)
