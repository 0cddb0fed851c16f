"""What could make of one order two, of a working one none, or of a told one an untold: each as it once could happen."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from incident_scene import an_order, gateway, ib_async_alone, is_told, keys_of, life, order_of, orders_of, statuses, told
from incident_scene import fill as fill_at
from money_scene import APPLE, Scene, no_budget, queued
from stage import until

from ibmux.journal import Journal, Record
from ibmux.journal.storing import Shelf
from ibmux.messages import encode
from ibmux.messages.contracts import Contract
from ibmux.messages.trades import CommissionReport, Execution, Fill
from ibmux.messages.trading import FillEvent
from ibmux.services import outbox, recovery
from ibmux.sim import SimulatedGateway

OTHER = ("DU2000001",)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "CERTAIN", 0.05)


class Disk:
    """A disk that can be made to hang."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.turns = threading.Event()
        self.turns.set()
        store = Shelf.store

        def slow(shelf: Shelf, groups: Any) -> Any:
            assert self.turns.wait(30)
            return store(shelf, groups)

        monkeypatch.setattr(Shelf, "store", slow)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    made = Disk(monkeypatch)
    yield made
    made.turns.set()


async def looked_twice(scene: Scene) -> None:
    """Until the proxy has drawn its conclusions from two looks at the gateway's lists."""
    book = scene.book
    await until(lambda: book.look >= 2, "a second look")
    await until(lambda: not scene.proxy.gateways["paper"].recovery._unseen(), "and nothing is open any more")


# -- logins


@pytest.mark.parametrize("acknowledged", [True, False])
async def test_orders_of_another_login_are_not_said_to_be_over(tmp_path: Path, acknowledged: bool) -> None:
    """A gateway was logged in elsewhere for a while: its empty lists say nothing of the first login's orders."""
    async with gateway() as simulator:
        async with life(simulator, tmp_path, "ann") as scene:
            if acknowledged:
                assert (await scene.place("ann", "a")).code == "ok"
            else:
                await simulator.faults.apply("hold_acks") if False else None
                assert (await scene.place("ann", "a")).code == "ok"
        async with gateway(accounts=OTHER) as elsewhere, life(elsewhere, tmp_path, "ann") as scene:
            await until(lambda: scene.book.look >= 1, "the first look")
            entry = scene.book.find("ann", "a")
            if not acknowledged:
                entry.acknowledged = False
            assert scene.proxy.gateways["paper"].recovery._unseen() == []
            assert (await scene.place("ann", "b")).code == "ok"
            assert scene.status("ann", "a") != "Inactive"
        async with life(simulator, tmp_path, "ann") as scene:
            answer = await scene.place("ann", "a")
            assert answer.payload["orderStatus"]["status"] == "Submitted"
            assert keys_of(simulator) == ["a"]


# -- the journal


async def test_a_fill_without_its_order_does_not_keep_the_proxy_from_starting(tmp_path: Path) -> None:
    """A fresh journal hears of today's executions, but not of the finished order that they belong to."""
    execution = Execution(execId="1", shares=10.0, price=1.0, permId=77, clientId=1, cumQty=10.0, avgPrice=1.0)
    contract = Contract(secType="STK", symbol="AAPL", conId=APPLE["conId"])
    event = FillEvent(0, 0, 0.0, "fill", "a", Fill(contract, execution, CommissionReport(), script="ann", key="a"))
    async with Journal(tmp_path / "journal.db") as journal:
        name = {"gateway": "paper", "script": "ann", "key": "a", "execId": "1", "permId": 77}
        await journal.append(Record(kind="fill", body=encode(event), **name))
    async with gateway() as simulator, life(simulator, tmp_path, "ann") as scene:
        assert (await scene.place("ann", "b")).code == "ok"
        answer = await scene.place("ann", "a")
        assert (answer.code, answer.payload["outcome"]) == ("order.key_conflict", "not_sent")
        assert (await scene.ask("ann", "orderStatus", key="a")).code == "order.not_found"
        assert keys_of(simulator) == ["b"]


async def test_a_day_with_a_new_journal_can_be_followed_by_another_start(tmp_path: Path) -> None:
    async with gateway() as simulator:
        async with life(simulator, tmp_path / "first", "ann") as scene:
            assert (await scene.place("ann", "a", orderType="MKT")).code == "ok"
            await scene.becomes("ann", "a", "Filled")
            await scene.audit()
        for _ in range(2):
            async with life(simulator, tmp_path / "second", "ann") as scene:
                await until(lambda: scene.book.fills, "the executions are known")  # noqa: B023
                await until(lambda: scene.proxy.journal.waiting == 0, "all is written")  # noqa: B023
        assert len(orders_of(simulator)) == 1


@pytest.mark.parametrize("cause", ["hang", "fail"])
async def test_what_the_disk_does_not_take_is_told_all_the_same(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    """The very events at which the disk fails, or hangs, too; with their numbers they come when it goes on."""
    monkeypatch.setattr(outbox, "PATIENCE", 0.2)
    async with gateway() as simulator, life(simulator, tmp_path, "ann") as scene:
        assert (await scene.place("ann", "a")).code == "ok"
        await is_told(scene, "ann", "a", "Submitted")
        await until(lambda: scene.proxy.journal.waiting == 0, "all is written")
        if cause == "fail":
            probe = Shelf.probe
            failing = pytest.MonkeyPatch()
            failing.setattr(Shelf, "store", _full)
            failing.setattr(Shelf, "probe", _full)
            assert probe
        else:
            disk.turns.clear()
        fill_at(simulator, order_of(simulator, "a"), 10)
        await is_told(scene, "ann", "a", "Filled")
        await until(lambda: told(scene, "ann", "a", "fill"), "the execution is told")
        assert {each["seq"] for each in told(scene, "ann", "a", "fill")} == {0}
        if cause == "fail":
            failing.undo()
        disk.turns.set()
        await until(lambda: any(each["seq"] for each in told(scene, "ann", "a", "fill")), "with its number")
        assert statuses(scene, "ann", "a")[-1] == "Filled"
        numbered = [each["seq"] for each in told(scene, "ann", "a") if each["seq"]]
        assert numbered == sorted(numbered)


def _full(*_: Any) -> Any:
    raise OSError(28, "No space left on device")


async def test_an_order_that_was_cancelled_in_the_queue_does_not_come_back_from_the_journal(
    tmp_path: Path, disk: Disk
) -> None:
    """Its intent is on the disk, the word that it was not sent is on the way there: its key is free all the same."""
    async with gateway() as simulator, life(simulator, tmp_path, "ann") as scene:
        with no_budget(scene.proxy):
            asked = scene.scripts["ann"].send("placeOrder", {**an_order(), "key": "a"})
            await queued(scene.proxy, 1)
            disk.turns.clear()
            assert (await scene.ask("ann", "cancelOrder", key="a")).code == "ok"
            assert (await scene.scripts["ann"].answer(asked)).payload["outcome"] == "not_sent"
            assert (await scene.ask("ann", "orderStatus", key="a")).code == "order.not_found"
            disk.turns.set()
        assert (await scene.place("ann", "a")).code == "ok"
        assert keys_of(simulator) == ["a"]


async def test_correlation_data_of_a_life_before_do_not_pass_for_a_new_order(tmp_path: Path) -> None:
    """A script without keys that counts its requests from 1 in each of its runs."""
    async with gateway() as simulator:
        async with life(simulator, tmp_path, "ann") as scene:
            assert (await scene.ask("ann", "placeOrder", **an_order())).code == "ok"
            fill_at(simulator, orders_of(simulator)[0], 10)
            await until(lambda: any(kind == "fill" for _, kind, _ in scene.heard), "it is filled")
        simulator.book._book._completed.clear() if hasattr(simulator.book._book, "_completed") else None
        async with life(simulator, tmp_path, "ann") as scene:
            answer = await scene.ask("ann", "placeOrder", **an_order())
            assert answer.code == "order.key_conflict"
            assert len(orders_of(simulator)) == 1


# -- keys


@pytest.mark.parametrize("finished", [False, True])
async def test_an_order_that_waits_does_not_leave_if_its_key_turns_up_at_the_gateway(
    tmp_path: Path, finished: bool
) -> None:
    """A proxy with a new journal: an order of its key was placed in a life that it knows nothing of."""
    async with gateway() as simulator:
        async with life(simulator, tmp_path / "first", "ann") as scene:
            assert (await scene.place("ann", "a")).code == "ok"
            if finished:
                fill_at(simulator, order_of(simulator, "a"), 10)
                await scene.becomes("ann", "a", "Filled")
        await simulator.faults.apply("freeze")
        async with life(simulator, tmp_path / "second", "ann", ready=False) as scene:
            asked = scene.scripts["ann"].send(
                "placeOrder", {**an_order(), "key": "a"}, expiry=20, user_properties=(("wait", "ready"),)
            )
            await until(lambda: scene.book.find("ann", "a"), "it waits")
            await simulator.faults.apply("thaw")
            await scene.scripts["ann"].answer(asked, 20)
            assert keys_of(simulator) == ["a"]
            answer = await scene.place("ann", "a")
            assert answer.payload["orderStatus"]["status"] == ("Filled" if finished else "Submitted")
            assert keys_of(simulator) == ["a"]
