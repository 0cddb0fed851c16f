"""Incidents that users met elsewhere: fills lost, told twice or counted twice, and ends that nobody heard of."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from incident_scene import (
    executed,
    fill,
    gateway,
    is_executed,
    is_told,
    keys_of,
    life,
    order_of,
    replayed,
)
from money_scene import APPLE, FAR, Scene
from ports import free_port
from stage import child, raw_script, settings, until

from ibmux.services import recovery
from ibmux.sim.orders.order import ExecutionFilter


@pytest.fixture(autouse=True)
def soon_certain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "CERTAIN", 0.2)


# -- fills while nobody heard -----------------------------------------------------------------------------------------

CUTS = {
    "1102": ("cut", "restore"),
    "1101": ("cut", "restore yes"),
    "told meanwhile": ("cut told=through", "restore"),
    "never told, and 1102": ("cut told=lost", "restore"),
    "never told, and 1101": ("cut told=lost", "restore yes"),
    "half open": ("half_open", "heal"),
    "restart": ("restart 999", "heal"),
    "lost socket": ("refuse", "heal"),
}


@pytest.mark.parametrize("how", CUTS)
async def test_fills_that_came_while_it_was_cut_are_told_once(how: str, tmp_path: Path) -> None:
    """Lean.IB#249: fills in the moment of 1100 were dropped, and never asked for again."""
    begin, end = CUTS[how]
    async with gateway() as simulator, life(simulator, tmp_path, "ann") as scene:
        for key in ("before", "whole", "part"):
            assert (await scene.place("ann", key)).code == "ok"
        fill(simulator, order_of(simulator, "before"), 10)
        await simulator.faults.apply(begin)
        if begin == "refuse":
            await simulator.faults.drop(1)
        fill(simulator, order_of(simulator, "whole"), 10)
        fill(simulator, order_of(simulator, "part"), 4)
        await simulator.faults.apply(end)
        if "never" in how:  # a gateway that never says it cannot be heard: what is, is asked for after 1101 and 1102
            await until(lambda: executed(scene, "ann", "part"), "the executions are asked for", 20)
        await scene.becomes("ann", "whole", "Filled")
        await scene.audit()
        sizes = {key: [size for _, size in executed(scene, "ann", key)] for key in ("before", "whole", "part")}
        assert sizes == {"before": [10], "whole": [10], "part": [4]}
        await is_told(scene, "ann", "whole", "Filled")
        assert (await scene.ask("ann", "orderStatus", key="part")).payload["orderStatus"]["remaining"] == 6


async def test_fills_that_came_while_the_proxy_was_down_are_told_once(tmp_path: Path) -> None:
    async with gateway() as simulator:
        async with life(simulator, tmp_path, "ann") as scene:
            assert (await scene.place("ann", "a")).code == "ok"
            fill(simulator, order_of(simulator, "a"), 3)
            await is_executed(scene, "ann", "a")
        fill(simulator, order_of(simulator, "a"), 4)
        for _ in range(2):  # and at the next start nothing is told again
            async with life(simulator, tmp_path, "ann") as scene:
                events = [each["fill"] for each in await settled_replay(scene, 2) if each.get("fill")]
                fills = [each["fill"]["execution"] for each in events if each["event"] == "fill"]
                assert [each["shares"] for each in fills] == [3, 4]
                status = (await scene.ask("ann", "orderStatus", key="a")).payload["orderStatus"]
                assert (status["filled"], status["remaining"]) == (7, 3)


async def settled_replay(scene: Scene, fills: int) -> list[dict[str, Any]]:
    """The past of the script once the journal has so many fills of it."""
    for _ in range(1000):
        events = await replayed(scene, "ann")
        if sum(1 for each in events if (each.get("fill") or {}).get("event") == "fill") >= fills:
            return events
        await asyncio.sleep(0.02)
    raise AssertionError(f"not {fills} fills in the journal: {events}")


@pytest.mark.timeout(180)
async def test_a_part_that_was_filled_before_a_kill_and_one_after_it(tmp_path: Path) -> None:
    async with gateway() as simulator:
        tree = settings(
            simulator.port, mqtt={"port": (port := free_port())}, journal={"path": str(tmp_path / "journal.db")}
        )
        url = f"mqtt://127.0.0.1:{port}"
        async with child("first proxy", "proxy", json.dumps(tree)) as first:
            await first.hear()
            async with raw_script(url, "ann") as ann:
                order = {"action": "BUY", "totalQuantity": 10, "orderType": "LMT", "lmtPrice": FAR}
                asked = {"contract": APPLE, "order": order, "key": "a"}
                answer = await ann.ask("placeOrder", asked, expiry=20, user_properties=(("wait", "ready"),))
                assert answer.code == "ok"
                fill(simulator, order_of(simulator, "a"), 4)
                await fills_of(ann, 1)
                first.process.kill()
                await first.process.wait()
        fill(simulator, order_of(simulator, "a"), 3)
        async with child("second proxy", "proxy", json.dumps(tree)) as second:
            await second.hear()
            async with raw_script(url, "ann") as ann:
                fills = await fills_of(ann, 2)
                assert [each["execution"]["shares"] for each in fills] == [4, 3]
                same = (await ann.ask("placeOrder", asked, expiry=20, user_properties=(("wait", "ready"),))).payload
                assert (same["orderStatus"]["filled"], same["orderStatus"]["remaining"]) == (7, 3)
                ids: list[str] = []
                while len(ids) < 2:  # the second one is told when the disk has it
                    past = (await ann.ask("replay", {"since": 0})).payload["events"]
                    ids = [each["fill"]["fill"]["execution"]["execId"] for each in past
                           if (each.get("fill") or {}).get("event") == "fill"]  # fmt: skip
                assert ids == [each["execution"]["execId"] for each in fills]
        assert keys_of(simulator) == ["a"]


async def fills_of(script: Any, count: int) -> list[dict[str, Any]]:
    """The script's executions, as soon as there are so many."""
    for _ in range(500):
        found = (await script.ask("fills")).payload
        if len(found) >= count:
            return list(found)
        await asyncio.sleep(0.02)
    raise AssertionError(f"not {count} fills")


# -- executions -------------------------------------------------------------------------------------------------------


async def test_an_order_that_is_executed_at_once_without_any_status_is_filled(tmp_path: Path) -> None:
    """pysystemtrade#188, ib_insync#164: IB promises no orderStatus to an order that is executed at once."""
    async with gateway() as simulator, life(simulator, tmp_path, "ann") as scene:
        await simulator.faults.apply("lose 100% orderStatus")
        answer = await scene.place("ann", "a", orderType="MKT", totalQuantity=5)
        assert answer.code == "ok"
        await is_executed(scene, "ann", "a")
        await is_told(scene, "ann", "a", "Filled")
        status = (await scene.ask("ann", "orderStatus", key="a")).payload["orderStatus"]
        assert (status["status"], status["filled"], status["remaining"]) == ("Filled", 5, 0)
        assert status["avgFillPrice"] == pytest.approx(order_of(simulator, "a").avgFillPrice)


async def test_a_corrected_execution_counts_once(tmp_path: Path) -> None:
    """ib_insync#364: an execution whose id ends in `.02` takes the place of the one that ends in `.01`."""
    async with gateway() as simulator, life(simulator, tmp_path, "ann") as scene:
        await scene.place("ann", "a")
        fill(simulator, order_of(simulator, "a"), 10)
        await is_executed(scene, "ann", "a")
        [(first, _)] = simulator.book.executions(ExecutionFilter())
        assert first.execId.endswith(".01")
        better = replace(first, execId=f"{first.execId[:-1]}2", price=0.99, avgPrice=0.99)
        simulator.publish([better])
        await until(lambda: len(executed(scene, "ann", "a")) == 2, "the correction is told")
        trade = (await scene.ask("ann", "orderStatus", key="a")).payload
        assert [each["execution"]["execId"] for each in trade["fills"]] == [better.execId]
        assert trade["orderStatus"]["filled"] == 10
        simulator.publish([first, better])  # a first download tells both again
        await scene.place("ann", "b")
        trade = (await scene.ask("ann", "orderStatus", key="a")).payload
        assert [each["execution"]["execId"] for each in trade["fills"]] == [better.execId]
        assert [name for name, _ in executed(scene, "ann", "a")] == [first.execId, better.execId]
