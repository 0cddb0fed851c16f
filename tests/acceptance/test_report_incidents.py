"""Incidents that users met elsewhere: warnings taken for ends, ends that were none.

Where it shows the trap, ib_async alone falls into it first.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ib_async
import pytest
from incident_scene import (
    SHARES,
    fill,
    gateway,
    ib_async_alone,
    is_told,
    keys_of,
    life,
    order_of,
    orders_of,
    statuses,
    told,
)
from money_scene import APPLE, FAR
from order_agreement import WARNINGS
from stage import until

from ibmux.services import recovery
from ibmux.sim.events import OrderError

REFUSED_CANCELS = {
    161: "Cancel attempted when order is not in a cancellable state. Order permId = 1",
    10147: "OrderId 1 that needs to be cancelled is not found.",
    10148: "OrderId 1 that needs to be cancelled cannot be cancelled, state: Submitted.",
}


@pytest.fixture(autouse=True)
def soon_certain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "CERTAIN", 0.2)


# -- warnings ---------------------------------------------------------------------------------------------------------


async def test_ib_async_takes_a_warning_for_an_end() -> None:
    """ib_async#191, #217: the order that was said to be cancelled was filled."""
    async with gateway(tif_preset=True) as simulator, ib_async_alone(simulator) as ib:
        trade = ib.placeOrder(SHARES, ib_async.LimitOrder("BUY", 10, FAR))
        said: list[str] = []
        trade.cancelledEvent += lambda each: said.append(each.orderStatus.status)
        await until(lambda: said, "it is said to be cancelled")
        assert [each.status for each in orders_of(simulator, 9)] == ["Submitted"]


@pytest.mark.parametrize("code", WARNINGS)
async def test_a_warning_is_no_end(code: int, tmp_path: Path) -> None:
    """ib_insync#328, ib_async#191, Lean#1026."""
    async with gateway() as simulator, life(simulator, tmp_path, "ann") as scene:
        await simulator.faults.apply("hold_next")
        asked = {
            "contract": APPLE,
            "order": {"action": "BUY", "totalQuantity": 10, "orderType": "LMT", "lmtPrice": FAR},
        }
        placing = scene.scripts["ann"].send("placeOrder", {**asked, "key": "a"}, expiry=20)
        await until(lambda: orders_of(simulator), "it is there, and nothing was said of it")
        warning = OrderError(1, order_of(simulator, "a").orderId, code, WARNINGS[code])
        [client] = simulator.clients.values()
        client.error(warning.orderId, code, warning.text)  # before its acknowledgement
        await until(lambda: [e for e in told(scene, "ann", "a") if e.get("code") == code], "the script is told")
        assert placing not in scene.scripts["ann"].replies, "a warning is no acknowledgement"
        await simulator.faults.apply("release")
        answer = await scene.scripts["ann"].answer(placing)
        assert (answer.code, answer.payload["orderStatus"]["status"]) == ("ok", "Submitted")
        simulator.publish([warning])  # and after it
        await until(lambda: len([e for e in told(scene, "ann", "a") if e.get("code") == code]) == 2, "told again")
        assert (await scene.ask("ann", "orderStatus", key="a")).payload["orderStatus"]["status"] == "Submitted"
        fill(simulator, order_of(simulator, "a"), 10)
        await is_told(scene, "ann", "a", "Filled")
        assert not {"Cancelled", "Inactive", "ApiCancelled"} & set(statuses(scene, "ann", "a"))
        await scene.audit()


async def test_a_script_that_tries_again_after_a_warning_has_one_order(tmp_path: Path) -> None:
    """pysystemtrade#1580: fifteen orders, each said to be cancelled by a warning, and all were filled."""
    async with gateway(tif_preset=True) as simulator, life(simulator, tmp_path, "ann") as scene:
        for _ in range(15):
            answer = await scene.place("ann", "roll", totalQuantity=1)
            assert (answer.code, answer.payload["orderStatus"]["status"]) == ("ok", "Submitted")
        fill(simulator, order_of(simulator, "roll"), 1)
        await scene.becomes("ann", "roll", "Filled")
        assert keys_of(simulator) == ["roll"]
        await scene.audit()


@pytest.mark.parametrize("code", REFUSED_CANCELS)
async def test_a_refused_cancel_is_no_end_and_a_cancel_is(code: int, tmp_path: Path) -> None:
    """ib_insync#656, #690, Lean.IB#248."""
    async with gateway() as simulator, life(simulator, tmp_path, "ann") as scene:
        await scene.place("ann", "a")
        simulator.publish([OrderError(1, order_of(simulator, "a").orderId, code, REFUSED_CANCELS[code])])
        await until(lambda: [e for e in told(scene, "ann", "a") if e.get("code") == code], "the script is told")
        assert (await scene.ask("ann", "orderStatus", key="a")).payload["orderStatus"]["status"] == "Submitted"
        ended = await scene.ask("ann", "cancelOrder", key="a")
        assert (ended.code, ended.payload["orderStatus"]["status"]) == ("ok", "Cancelled")
        await until(lambda: [e for e in told(scene, "ann", "a") if e.get("code") == 202], "202 is told")
        await is_told(scene, "ann", "a", "Cancelled")
        await scene.audit()


# -- ends that are none -----------------------------------------------------------------------------------------------


async def test_a_cancel_that_lost_the_race_says_filled(tmp_path: Path) -> None:
    """ibsync#23, ib_insync#491, #656: it went from PendingCancel to Filled, and had been counted as cancelled."""
    async with gateway() as simulator, life(simulator, tmp_path, "ann") as scene:
        await scene.place("ann", "a")
        order = order_of(simulator, "a")
        await simulator.faults.apply("delay 2 0 error")  # the word of the cut comes late
        await simulator.faults.apply("cut told=through")
        cancelling = scene.scripts["ann"].send("cancelOrder", {"key": "a"}, expiry=20)
        await until(lambda: simulator.outage._orders, "the gateway holds the cancel")
        pending = replace(order.order_status(), status="PendingCancel")
        simulator.publish([pending])
        fill(simulator, order, 10)
        await simulator.faults.heal()
        answer = await scene.scripts["ann"].answer(cancelling)
        assert (answer.code, answer.payload["orderStatus"]["status"]) == ("ok", "Filled")
        await is_told(scene, "ann", "a", "Filled")
        assert "Cancelled" not in statuses(scene, "ann", "a")
        await scene.audit()


async def test_a_refused_change_is_no_end(tmp_path: Path) -> None:
    """ib_insync#502: the change was refused (110), the order was taken for cancelled, and filled."""
    async with gateway() as simulator, life(simulator, tmp_path, "ann") as scene:
        await scene.place("ann", "a")
        wish = {"action": "BUY", "totalQuantity": 10, "orderType": "LMT", "lmtPrice": 1.00001}
        refused = await scene.ask("ann", "modifyOrder", order=wish, key="a")
        assert (refused.code, refused.payload["ib"]["code"]) == ("order.rejected", 110)
        shown = (await scene.ask("ann", "orderStatus", key="a")).payload
        assert (shown["orderStatus"]["status"], shown["order"]["lmtPrice"]) == ("Submitted", 1.0)
        fill(simulator, order_of(simulator, "a"), 10)
        await is_told(scene, "ann", "a", "Filled")
        assert "Cancelled" not in statuses(scene, "ann", "a")
        await scene.audit()


async def test_an_order_that_was_inactive_works_again(tmp_path: Path) -> None:
    """nautilus#3603, ib_insync#363: `Inactive` while shares were looked for; the order lived, and was filled."""
    async with gateway() as simulator, life(simulator, tmp_path, "ann") as scene:
        await scene.place("ann", "a")
        order = order_of(simulator, "a")
        simulator.publish([replace(order.order_status(), status="Inactive", whyHeld="locate")])
        await is_told(scene, "ann", "a", "Inactive")
        simulator.publish(order.snapshot())
        await is_told(scene, "ann", "a", "Submitted")
        assert [trade["key"] for trade in (await scene.ask("ann", "openTrades")).payload] == ["a"]
        assert (await scene.ask("ann", "cancelOrder", key="a")).payload["orderStatus"]["status"] == "Cancelled"
        await scene.audit()


async def test_a_status_without_permid_is_its_orders(tmp_path: Path) -> None:
    """Lean.IB#117, nautilus#3464: numbers are missing in some messages, and what they say was dropped or doubled."""
    async with gateway() as simulator, life(simulator, tmp_path, "ann") as scene:
        await scene.place("ann", "a")
        order = order_of(simulator, "a")
        simulator.publish([replace(order.order_status(), permId=0, status="PreSubmitted")])
        await is_told(scene, "ann", "a", "PreSubmitted")
        simulator.publish(order.snapshot())
        await is_told(scene, "ann", "a", "Submitted")
        assert [trade["order"]["permId"] for trade in (await scene.ask("ann", "trades", all=True)).payload] == [
            order.permId
        ]
        await scene.audit()
