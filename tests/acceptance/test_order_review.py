"""What could make of one order two, of a working one none, or of a told one an untold: each as it once could happen."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from incident_scene import an_order, gateway, is_told, keys_of, life, order_of, orders_of, statuses, told
from incident_scene import fill as fill_at
from money_scene import no_budget, queued
from stage import until

from ibmux.journal import Journal, Record
from ibmux.journal.storing import Shelf
from ibmux.messages import encode
from ibmux.messages.contracts import Contract
from ibmux.messages.trades import CommissionReport, Execution, Fill
from ibmux.messages.trading import FillEvent
from ibmux.services import outbox, recovery
from ibmux.sim.answers import HANDLERS
from ibmux.sim.clients.client import Client
from ibmux.tws.layout import Values

OTHER = ("DU2000001",)
NOW = dt.datetime(2026, 2, 19, 15, 30, tzinfo=dt.UTC)


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


# -- logins


@pytest.mark.parametrize("acknowledged", [True, False])
async def test_orders_of_another_login_are_not_said_to_be_over(tmp_path: Path, acknowledged: bool) -> None:
    """A gateway was logged in elsewhere for a while: its empty lists say nothing of the first login's orders."""
    async with gateway() as simulator:
        async with life(simulator, tmp_path, "ann") as scene:
            if not acknowledged:
                await simulator.faults.apply("hold_next")
            patience = 10 if acknowledged else 3
            answer = await scene.scripts["ann"].ask("placeOrder", {**an_order(), "key": "a"}, expiry=patience)
            assert answer.payload.get("outcome", "taken") == ("taken" if acknowledged else "unknown")
        async with gateway(accounts=OTHER) as elsewhere, life(elsewhere, tmp_path, "ann") as scene:
            for _ in range(1000):  # no permId is given twice
                elsewhere.book._book.next_perm_id()
            await until(lambda: scene.book.look >= 1, "the first look")
            assert scene.proxy.gateways["paper"].recovery._unseen() == []
            assert (await scene.place("ann", "b")).code == "ok"
            cancelled = await scene.ask("ann", "cancelOrder", key="a")
            assert (cancelled.code, keys_of(elsewhere)) == ("order.not_yours", ["b"])
            assert scene.status("ann", "a") not in ("", "Inactive")
        await simulator.faults.apply("release")
        async with life(simulator, tmp_path, "ann") as scene:
            answer = await scene.place("ann", "a")
            assert answer.payload["orderStatus"]["status"] == "Submitted"
            assert keys_of(simulator) == ["a"]


async def test_orders_of_a_clientid_of_before_are_told_to_be_over(tmp_path: Path) -> None:
    """The clientId in proxy.toml was changed: the gateway says nothing of them any more, only its list of all does."""
    async with gateway() as simulator:
        async with life(simulator, tmp_path, "ann") as scene:
            assert (await scene.place("ann", "a")).code == "ok"
        gateways = {"paper": {"port": simulator.port, "client_id": 2, "pause_floor": 0.1, "settle": 0.1}}
        async with life(simulator, tmp_path, "ann", gateways=gateways) as scene:
            assert len((await scene.ask("boss", "reqAllOpenOrders")).payload) == 1
            assert scene.status("ann", "a") == "Submitted"
            order = order_of(simulator, "a")
            simulator.publish(simulator.book.cancel(1, order.orderId, simulator.clock.now()))
            await until(lambda: order.over, "it is cancelled")
            assert (await scene.ask("boss", "reqAllOpenOrders")).payload == []
            await is_told(scene, "ann", "a", "Inactive")


async def test_orders_of_others_that_end_unseen_do_not_stay_open_in_the_journal(tmp_path: Path) -> None:
    async with gateway() as simulator, life(simulator, tmp_path, "ann") as scene:
        scene.by_hand()
        assert len((await scene.ask("boss", "reqAllOpenOrders")).payload) == 1
        [order] = simulator.book._book.open()
        simulator.book._book._orders.clear()
        simulator.book._floor.end(order, "Cancelled", simulator.clock.now(), "by hand")
        assert (await scene.ask("boss", "reqAllOpenOrders")).payload == []
        await until(lambda: scene.proxy.journal.waiting == 0, "all is written")
        assert await scene.proxy.journal.unfinished("paper") == []


# -- the journal


async def test_a_fill_without_its_order_does_not_keep_the_proxy_from_starting(tmp_path: Path) -> None:
    """A fresh journal hears of today's executions, but not of the finished order that they belong to."""
    execution = Execution(execId="1", shares=10.0, price=1.0, permId=77, clientId=1, cumQty=10.0, avgPrice=1.0)
    contract = Contract(secType="STK", symbol="AAPL", conId=265598)
    event = FillEvent(0, 0, 0.0, "fill", "a", Fill(contract, execution, CommissionReport(), NOW, script="ann", key="a"))
    async with Journal(tmp_path / "journal.db") as journal:
        name: dict[str, Any] = {"gateway": "paper", "script": "ann", "key": "a", "execId": "1", "permId": 77}
        await journal.append(Record(kind="fill", body=encode(event), **name))
    async with gateway() as simulator, life(simulator, tmp_path, "ann") as scene:
        assert (await scene.place("ann", "b")).code == "ok"
        answer = await scene.place("ann", "a")
        assert (answer.code, answer.payload["outcome"]) == ("order.key_taken", "not_sent")
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
                await until(lambda: scene.book.fills, "the executions are known")
                await until(lambda: scene.proxy.journal.waiting == 0, "all is written")
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
        with monkeypatch.context() as broken:
            if cause == "fail":
                broken.setattr(Shelf, "store", _full)
                broken.setattr(Shelf, "probe", _full)
            else:
                disk.turns.clear()
            fill_at(simulator, order_of(simulator, "a"), 10)
            await is_told(scene, "ann", "a", "Filled")
            await until(lambda: told(scene, "ann", "a", "fill"), "the execution is told")
            assert {each["seq"] for each in told(scene, "ann", "a", "fill")} == {0}
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
            known = (await scene.ask("ann", "orderStatus", key="a")).code
            disk.turns.set()
            assert known == "order.not_found"
        assert (await scene.scripts["ann"].answer(asked)).payload["outcome"] == "not_sent"
        assert (await scene.place("ann", "a")).code == "ok"
        assert keys_of(simulator) == ["a"]


@pytest.mark.parametrize("cause", ["hang", "fail"])
async def test_a_key_of_before_stays_taken_where_the_disk_does_not_take_it_a_second_time(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    """The word that the second attempt was not sent must not be taken for the first one, which was executed."""
    async with gateway() as simulator, life(simulator, tmp_path, "ann") as scene:
        assert (await scene.place("ann", "a")).code == "ok"
        fill_at(simulator, order_of(simulator, "a"), 10)
        await scene.becomes("ann", "a", "Filled")
    async with gateway() as another_day:
        async with life(another_day, tmp_path, "ann") as scene:
            with monkeypatch.context() as broken:
                if cause == "fail":
                    broken.setattr(Shelf, "store", _full)
                    broken.setattr(Shelf, "probe", _full)
                else:
                    disk.turns.clear()
                await scene.scripts["ann"].ask("placeOrder", {**an_order(), "key": "a"}, expiry=1)
            disk.turns.set()
            await until(lambda: scene.proxy.journal.healthy and not scene.proxy.journal.waiting, "all is written")
        async with life(another_day, tmp_path, "ann") as scene:
            assert (await scene.place("ann", "a")).payload["orderStatus"]["status"] == "Filled"
            assert not orders_of(another_day)


async def test_correlation_data_of_a_life_before_do_not_pass_for_a_new_order(tmp_path: Path) -> None:
    """A script without keys that counts its requests from 1 in each of its runs."""
    async with gateway() as simulator, life(simulator, tmp_path, "ann") as scene:
        assert (await scene.ask("ann", "placeOrder", **an_order())).code == "ok"
        fill_at(simulator, orders_of(simulator)[0], 10)
        await until(lambda: any(kind == "fill" for _, kind, _ in scene.heard), "it is filled")
    async with gateway() as another_day, life(another_day, tmp_path, "ann") as scene:
        answer = await scene.ask("ann", "placeOrder", **an_order())
        assert answer.code == "order.key_conflict"
        assert not orders_of(another_day)


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
        await simulator.faults.apply("refuse")
        async with life(simulator, tmp_path / "second", "ann", ready=False) as scene:
            asked = scene.scripts["ann"].send(
                "placeOrder", {**an_order(), "key": "a"}, expiry=20, user_properties=(("wait", "ready"),)
            )
            await until(lambda: scene.book.find("ann", "a"), "it waits")
            await simulator.faults.heal()
            await scene.scripts["ann"].answer(asked, 20)
            assert keys_of(simulator) == ["a"]
            answer = await scene.place("ann", "a")
            assert answer.payload["orderStatus"]["status"] == ("Filled" if finished else "Submitted")
            assert keys_of(simulator) == ["a"]


# -- units and groups


async def test_the_stop_of_a_unit_stays_if_its_entry_fills_while_it_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A leg was refused, so the unit is cancelled; the entry is filled before its cancellation comes through."""
    cancel = HANDLERS["cancelOrder"]

    def too_late(client: Client, ask: Values) -> None:
        order = order_of(simulator, "entry")
        if not order.over:
            fill_at(simulator, order, 10)
        cancel(client, ask)

    monkeypatch.setitem(HANDLERS, "cancelOrder", too_late)
    async with gateway() as simulator, life(simulator, tmp_path, "ann") as scene:
        answer = await scene.ask("ann", "placeOrders", tickets=[
            leg("entry", transmit=False),
            leg("target", parent="entry", action="SELL", transmit=False, lmtPrice=900.0, tif="NONSENSE"),
            leg("stop", parent="entry", action="SELL", orderType="STP", lmtPrice=None, auxPrice=0.5),
        ])  # fmt: skip
        assert (answer.code, answer.payload["outcome"]) == ("order.rejected", "unknown")
        assert "protects" in answer.payload["message"]
        assert scene.status("ann", "entry") == "Filled"
        assert not order_of(simulator, "stop").over


def leg(key: str, parent: str = "", **changes: Any) -> dict[str, Any]:
    """A leg of a unit."""
    return {**an_order(**changes), "key": key, "parentKey": parent}


async def test_nobody_joins_the_group_of_another_script(tmp_path: Path) -> None:
    """A fill of one order cancels all others of its group: that would be a right to cancel."""
    async with gateway() as simulator, life(simulator, tmp_path, "ann", "bob") as scene:
        assert (await scene.place("ann", "a", ocaGroup="exits", ocaType=1)).code == "ok"
        refused = await scene.place("bob", "b", ocaGroup="exits", ocaType=1)
        assert (refused.code, refused.payload["outcome"]) == ("order.not_yours", "not_sent")
        assert (await scene.place("ann", "a2", ocaGroup="exits", ocaType=1)).code == "ok"
        assert (await scene.place("boss", "c", ocaGroup="exits", ocaType=1)).code == "ok"
        assert keys_of(simulator) == ["a", "a2", "c"]
