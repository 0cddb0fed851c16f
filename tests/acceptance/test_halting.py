"""Halts by a person and by the circuit breaker: what passes, what does not, who is told, and what a restart leaves."""

from __future__ import annotations

import asyncio
import os
import random
import time
from pathlib import Path

import pytest
from money_scene import APPLE, FIRST, no_budget, queued
from risk_scene import HELD, ONE, events, followed, holds, is_halted, scene_at, sell, simulated, status_of

from ibmux import places
from ibmux.errors import JournalFailed
from ibmux.journal import Journal, Record
from ibmux.messages import encode
from ibmux.messages.account import Position
from ibmux.messages.journal import HaltNote


async def test_a_halt_stops_new_orders_and_lets_cancels_pass() -> None:
    async with simulated() as simulator, scene_at(simulator, "ann") as scene:
        heard = await events(scene)
        assert (await scene.place("ann", "a")).code == "ok"
        assert (await scene.ask("ann", "halt")).code == "auth.forbidden"
        halted = await scene.ask("boss", "halt", reason="maintenance")
        assert halted.payload["halted"] == (await status_of(scene))["halted"] == "Halted by boss: maintenance"
        refused = await scene.place("ann", "b")
        assert is_halted(refused) and "maintenance" in refused.payload["message"]
        assert is_halted(await scene.place("boss", "b")), "an order that opens, of an admin"
        assert (await scene.place("ann", "a")).code == "ok", "the key's order is known"
        plain = {"action": "BUY", "totalQuantity": 10, "orderType": "LMT", "lmtPrice": 1.0, "tif": "DAY"}
        for change in ({"totalQuantity": 11}, {"totalQuantity": 5, "lmtPrice": 2.0}):
            assert is_halted(await scene.ask("ann", "modifyOrder", order={**plain, **change}, key="a"))
        order = (await scene.ask("ann", "orderStatus", key="a")).payload["order"]
        lower = await scene.ask("ann", "modifyOrder", order={**order, "totalQuantity": 4}, key="a")
        assert lower.payload["order"]["totalQuantity"] == 4
        assert (await scene.ask("ann", "cancelOrder", key="a")).payload["orderStatus"]["status"] == "Cancelled"
        assert (await scene.ask("boss", "halt", reason="another")).payload["halted"] == "Halted by boss: maintenance"
        assert (await scene.ask("boss", "resume", reason="done")).payload.get("halted", "") == ""
        assert (await scene.place("ann", "b")).code == "ok"
        assert (await scene.ask("boss", "resume")).code == "request.invalid"
        told = await scene.until(lambda: [each for each in heard if each["event"] == "resumed"], "it was told")
        assert told[0]["reason"] == "Resumed by boss: done"
        assert [each["reason"] for each in heard if each["event"] == "halted"] == ["Halted by boss: maintenance"]
    assert simulator.stats.orders_placed == 3  # two orders and one change


async def test_an_order_that_waits_for_its_turn_does_not_leave_after_a_halt() -> None:
    async with simulated() as simulator, scene_at(simulator, "ann") as scene:
        assert (await scene.place("ann", "known")).code == "ok"
        order = (await scene.ask("ann", "orderStatus", key="known")).payload["order"]
        with no_budget(scene.proxy):
            new = asyncio.create_task(scene.place("ann", "a"))
            change = asyncio.create_task(scene.ask("ann", "modifyOrder", order={**order, "lmtPrice": 2.0}, key="known"))
            await queued(scene.proxy, 2)
            assert (await scene.ask("boss", "halt")).code == "ok"
        assert is_halted(await new) and is_halted(await change)
        assert (await scene.ask("boss", "resume")).code == "ok"
        assert (await scene.place("ann", "a")).code == "ok", "its key is free again"
    assert simulator.stats.orders_placed == 2


@pytest.mark.parametrize("ended", [False, True])
async def test_a_restart_leaves_a_halt_as_it_was(ended: bool) -> None:
    async with simulated() as simulator:
        async with scene_at(simulator, "ann") as scene:
            assert (await scene.ask("boss", "halt", reason="night")).code == "ok"
            if ended:
                assert (await scene.ask("boss", "resume")).code == "ok"
        async with scene_at(simulator, "ann") as scene:
            assert (await status_of(scene)).get("halted", "") == ("" if ended else "Halted by boss: night")
            assert is_halted(await scene.place("ann", "a")) is not ended


async def test_an_order_of_before_a_restart_is_known_while_orders_are_halted() -> None:
    async with simulated() as simulator:
        async with scene_at(simulator, "ann") as scene:
            assert (await scene.place("ann", "a")).code == "ok"
            assert (await scene.ask("ann", "cancelOrder", key="a")).code == "ok"
        async with scene_at(simulator, "ann") as scene:
            assert (await scene.ask("boss", "halt")).code == "ok"
            known = await scene.place("ann", "a")
            assert (known.code, known.payload["orderStatus"]["status"]) == ("ok", "Cancelled")


async def test_an_old_halt_is_written_down_again_so_that_retention_does_not_end_it() -> None:
    path = Path(places.journal())
    async with Journal(path, clock=lambda: time.time() - 3 * 86_400) as journal:
        note = encode(HaltNote("ann", "holidays"))
        await journal.append(Record(gateway="paper", kind="note", script="ann", status="halt", body=note))
    async with simulated() as simulator, scene_at(simulator, "ann") as scene:
        assert (await status_of(scene))["halted"] == "Halted by ann: holidays"
        await scene.proxy.journal._do(lambda shelf: shelf.last)  # nobody waits for the disk to have it
        [newest, *_] = await scene.proxy.journal.notes("paper", ("halt",))
        assert newest.time > time.time() - 3600
        assert newest.body == note


async def test_a_halt_that_the_disk_does_not_take_halts_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise JournalFailed("The disk is full.")

    async with simulated() as simulator, scene_at(simulator, "ann") as scene:
        monkeypatch.setattr(scene.proxy.journal, "append", fail)
        answer = await scene.ask("boss", "halt", reason="now")
        assert (answer.code, answer.payload["outcome"]) == ("journal.failed", "none")
        assert answer.payload["message"].startswith("Orders are halted, but this is not in the journal")
        assert (await status_of(scene))["halted"] == "Halted by boss: now"
        assert is_halted(await scene.place("ann", "a"))


# -- what closes a position -------------------------------------------------------------------------------------------


async def test_an_admin_may_close_a_position_while_orders_are_halted_and_no_more_than_that() -> None:
    async with simulated() as simulator, scene_at(simulator, "ann") as scene:
        await holds(scene, HELD)
        assert (await scene.ask("boss", "halt")).code == "ok"
        assert is_halted(await sell(scene, "ann", "1", HELD)), "not an admin"
        assert is_halted(await sell(scene, "boss", "1", HELD + 1)), "more than is held"
        assert is_halted(await scene.place("boss", "1", totalQuantity=10, orderType="MKT", account=FIRST)), "opens"
        assert (await sell(scene, "boss", "1", 260, orderType="LMT", lmtPrice=100_000.0)).code == "ok"
        assert is_halted(await sell(scene, "boss", "2", 41)), "260 are being closed already"
        assert (await sell(scene, "boss", "2", 40)).code == "ok"
        await holds(scene, 260)
        assert is_halted(await sell(scene, "boss", "3", 1))
        assert (await scene.ask("boss", "cancelOrder", key="1")).code == "ok"
        by_name = {"secType": "STK", "symbol": "AAPL", "exchange": "SMART", "currency": "USD"}
        rest = {"action": "SELL", "totalQuantity": 260, "orderType": "MKT", "account": FIRST}
        assert (await scene.place("boss", "3", by_name, **rest)).code == "ok"
        await holds(scene, 0)
        assert is_halted(await sell(scene, "boss", "4", 1))


async def test_of_closings_at_once_only_so_many_pass_as_there_is_to_close() -> None:
    async with simulated() as simulator, scene_at(simulator, "ann") as scene:
        await holds(scene, HELD)
        assert (await scene.ask("boss", "halt")).code == "ok"
        legs = [{"contract": APPLE, "key": f"leg {number}", "order": {"action": "SELL", "totalQuantity": HELD,
                 "orderType": "MKT", "account": FIRST}} for number in range(2)]  # fmt: skip
        assert is_halted(await scene.ask("boss", "placeOrders", tickets=legs))
        answers = await asyncio.gather(*(sell(scene, "boss", f"{number}", HELD / 2) for number in range(6)))
        assert sorted(answer.code for answer in answers) == ["ok"] * 2 + ["order.halted"] * 4
        await holds(scene, 0)


async def test_a_sale_counts_before_the_position_shows_it() -> None:
    async with simulated() as simulator, scene_at(simulator, "ann") as scene:
        await holds(scene, HELD)
        assert (await scene.ask("boss", "halt")).code == "ok"
        await simulator.faults.apply("lose 1 position")
        assert (await sell(scene, "boss", "1", HELD)).code == "ok"
        await scene.becomes("boss", "1", "Filled")
        await scene.until(lambda: scene.book.fills, "the fill is told")
        assert is_halted(await sell(scene, "boss", "2", 1))
        await holds(scene, HELD)


SEED = int(os.environ.get("IBMUX_CLOSINGS_SEED", "11"))


async def test_whatever_closings_come_at_once_none_turns_the_position() -> None:
    """Random sizes, prices and cancels, partial fills, positions that lag behind the fills."""
    print(f"IBMUX_CLOSINGS_SEED={SEED}")  # noqa: T201
    dice = random.Random(SEED)
    slow = {"partial_share": 0.7, "fill_delay": 0.02, "status_first": 0.5, "seed": SEED}
    async with simulated(**slow) as simulator, scene_at(simulator, "ann") as scene:
        await holds(scene, HELD)
        seen: list[float] = []
        hooks = scene.proxy.gateways["paper"].session.hooks
        before = hooks.on_position

        def watch(position: Position) -> None:
            if (position.account, position.contract.conId) == (FIRST, APPLE["conId"]):
                seen.append(position.position)
            before(position)

        hooks.on_position = watch
        assert (await scene.ask("boss", "halt")).code == "ok"
        passed = 0
        for wave in range(12):
            orders = []
            for number in range(dice.randint(1, 5)):
                far = {"orderType": "LMT", "lmtPrice": 100_000.0} if dice.random() < 0.4 else {}
                orders.append(sell(scene, "boss", f"{wave}.{number}", dice.randint(1, 120), **far))
            answers = await asyncio.gather(*orders)
            assert {answer.code for answer in answers} <= {"ok", "order.halted"}
            passed += sum(answer.code == "ok" for answer in answers)
            for each in [trade for trade in scene.book if not trade.done and dice.random() < 0.5]:
                await scene.ask("boss", "cancelOrder", key=each.key)
        assert passed > 3
        assert (await scene.ask("boss", "reqGlobalCancel")).code == "ok"
        await scene.until(lambda: all(each.done for each in scene.book), "nothing works any more")
        await scene.audit()  # the last status may come before its execution
        sold = sum(fill.execution.shares for fill in scene.book.fills.values())
        await holds(scene, HELD - sold)
        assert sold and min(seen) >= 0


# -- the circuit breaker ----------------------------------------------------------------------------------------------


async def test_a_burst_of_rejections_halts() -> None:
    async with simulated() as simulator, scene_at(simulator, "ann", gateway={"rejections": 3}) as scene:
        heard = await events(scene)
        await simulator.faults.apply("reject_next 201 no 3")
        for number in range(3):
            assert (await scene.place("ann", f"{number}")).code == "order.rejected"
        assert is_halted(await scene.place("ann", "more"))
        told = await scene.until(lambda: [each for each in heard if each["event"] == "halted"], "it was told")
        assert told[0]["reason"] == "Halted by the circuit breaker: 3 orders were refused within 60 s."
        assert is_halted(await scene.place("ann", "more")), "nobody has looked at it"
        assert (await scene.ask("boss", "resume")).code == "ok"
        await simulator.faults.apply("reject_next 201 no 2")
        for number in range(2):
            assert (await scene.place("ann", f"again {number}")).code == "order.rejected"
        assert (await scene.place("ann", "more")).code == "ok"


async def test_what_was_not_sent_is_no_rejection() -> None:
    tables = {"limits": {"order_quantity": 100.0}}
    async with simulated() as simulator, scene_at(simulator, "ann", gateway={"rejections": 2}, **tables) as scene:
        for number in range(4):
            assert (await scene.place("ann", f"{number}", totalQuantity=101)).code == "order.limit"
        assert (await scene.place("ann", "more")).code == "ok"


async def test_a_loss_halts_and_a_restart_does_not_end_it() -> None:
    limit = {"loss_limit": 20_000.0}
    async with simulated(**ONE, pnl_interval=0.1) as simulator:
        async with scene_at(simulator, "ann", gateway=limit) as scene:
            halting = await followed(scene)
            assert (await scene.place("ann", "before")).code == "ok"
            await simulator.faults.apply("shock -30% 0.1")
            await scene.until(lambda: halting.halted, "shares for 200,000 lost 30 %")
            assert halting.halted.startswith("Halted by the circuit breaker: the day's loss is ")
            assert halting.halted.endswith("; loss_limit is 20,000.00.")
            assert is_halted(await scene.place("ann", "more"))
        async with scene_at(simulator, "ann", gateway=limit) as scene:
            assert is_halted(await scene.place("ann", "more"))
            await followed(scene)
            assert (await scene.ask("boss", "resume", reason="seen")).code == "ok"
            assert (await scene.place("ann", "more")).code == "ok", "counted from where it was seen"
        async with scene_at(simulator, "ann", gateway=limit) as scene:
            await followed(scene)
            assert (await scene.place("ann", "again")).code == "ok"
