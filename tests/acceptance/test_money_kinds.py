"""Orders of every kind through the proxy: each script is told its own, every execution once, nothing that is not so."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from ib_async import IB, LimitOrder, MarketOrder, Stock
from money_scene import APPLE, SECOND, SOFT, Scene, money_scene, no_budget, queued

from ibmux.sim.orders.order import ExecutionFilter

BAG = {
    "secType": "BAG", "symbol": "AAPL", "exchange": "SMART", "currency": "USD",
    "comboLegs": [
        {"conId": APPLE["conId"], "ratio": 1, "action": "BUY", "exchange": "SMART"},
        {"conId": SOFT["conId"], "ratio": 2, "action": "SELL", "exchange": "SMART"},
    ],
}  # fmt: skip
BY_HAND = {"start": "20260107 11:00:00 US/Eastern", "speed": 0.0}


async def test_a_combination_is_executed_as_a_whole_and_by_legs_each_told_once() -> None:
    async with money_scene("ann", "ben") as scene:
        placed = await scene.place("ann", "c", BAG, orderType="MKT", totalQuantity=5, account=SECOND)
        assert placed.code == "ok", placed
        await scene.becomes("ann", "c", "Filled")
        await scene.audit()
        assert [fill["contract"]["secType"] for fill in scene.fills("ann")] == ["BAG", "STK", "STK"]
        assert [fill["execution"]["shares"] for fill in scene.fills("ann")] == [5, 5, 10]
        assert len(scene.fills("ann", "commission")) == 2
        assert {fill["key"] for fill in scene.fills("ann")} == {"c"}
        assert not scene.fills("ben") and not scene.fills("external")
        held = {each["contract"]["conId"]: each["position"] for each in (await scene.ask("ann", "positions")).payload
                if each["account"] == SECOND}  # fmt: skip
        assert held[SOFT["conId"]] == -10 and not [conId for conId in held if conId == 28812380]
        entry = scene.book.find("ann", "c")
        assert (entry.trade.filled(), len(entry.trade.fills)) == (5, 3)


async def test_a_bracket_with_an_adjustable_stop_and_its_group() -> None:
    async with money_scene("ann", **BY_HAND) as scene:
        price = scene.simulator.world.market.quote(APPLE["conId"]).mid
        stop = {
            "action": "SELL", "totalQuantity": 10, "orderType": "STP", "auxPrice": round(price * 0.9, 2),
            "adjustedOrderType": "STP", "triggerPrice": round(price * 0.5, 2),
            "adjustedStopPrice": round(price * 0.95, 2),
        }  # fmt: skip
        profit = {"action": "SELL", "totalQuantity": 10, "orderType": "LMT", "lmtPrice": round(price * 2, 2)}
        parent = {"action": "BUY", "totalQuantity": 10, "orderType": "MKT", "transmit": False}
        tickets = [
            {"contract": APPLE, "order": parent, "key": "in"},
            {"contract": APPLE, "order": {**profit, "transmit": False}, "key": "profit", "parentKey": "in"},
            {"contract": APPLE, "order": stop, "key": "stop", "parentKey": "in"},
        ]
        answer = await scene.ask("ann", "placeOrders", tickets=tickets)
        assert answer.code == "ok", answer
        await scene.becomes("ann", "in", "Filled")
        await scene.becomes("ann", "profit", "Submitted")
        await scene.until(
            lambda: scene.book.find("ann", "stop").trade.order.auxPrice == stop["adjustedStopPrice"], "adjusted"
        )
        await scene.audit()
        assert (await scene.ask("ann", "cancelOrder", key="stop")).payload["orderStatus"]["status"] == "Cancelled"
        await scene.becomes("ann", "profit", "Cancelled")
        await scene.audit()


@pytest.mark.parametrize("kind", [1, 2, 3])
async def test_one_cancels_all(kind: int) -> None:
    """An admin's order may end those of a script, too; nobody else may join the group of another one."""
    async with money_scene("ann", **BY_HAND, partial_share=1.0) as scene:
        group = {"ocaGroup": "g", "ocaType": kind, "totalQuantity": 90}
        assert (await scene.place("ann", "far", **group)).code == "ok"
        assert (await scene.place("boss", "away", SOFT, **group)).code == "ok"
        assert (await scene.place("boss", "now", orderType="MKT", **group)).code == "ok"
        await scene.becomes("boss", "now", "Filled")
        await scene.becomes("ann", "far", "Cancelled")
        await scene.becomes("boss", "away", "Cancelled")
        await scene.audit()
        assert {fill["key"] for fill in scene.fills("boss")} == {"now"} and not scene.fills("ann")


async def test_the_profit_takers_of_a_scale_order_belong_to_its_script() -> None:
    async with money_scene("ann", "ben", **BY_HAND) as scene:
        price = round(scene.simulator.world.market.quote(APPLE["conId"]).ask + 5, 2)
        scale = {
            "lmtPrice": price, "totalQuantity": 30, "scaleInitLevelSize": 10, "scaleSubsLevelSize": 10,
            "scalePriceIncrement": 0.01, "scaleProfitOffset": 100.0,
        }  # fmt: skip
        assert (await scene.place("ann", "s", **scale)).code == "ok"
        await scene.becomes("ann", "s", "Filled")
        makers = [each for each in scene.orders if each.maker is not None]
        assert len(makers) == 3
        await scene.audit()
        keys = {f"perm-{each.permId}" for each in makers}
        mine = {trade["key"] for trade in (await scene.ask("ann", "openTrades")).payload}
        assert mine == keys, "the script sees what the gateway made of its order"
        assert not (await scene.ask("ben", "openTrades", all=False)).payload
        for key in keys:
            assert (await scene.ask("ben", "cancelOrder", key=key, script="ann")).code == "order.not_yours"
            assert (await scene.ask("ann", "cancelOrder", key=key)).payload["orderStatus"]["status"] == "Cancelled"
        # A number that the gateway took for itself is not ours to give out again.
        assert (await scene.place("ben", "next")).code == "ok"
        await scene.audit()


async def test_a_number_that_the_gateway_takes_while_our_order_is_under_way_is_no_acknowledgement() -> None:
    """The profit taker of a scale order gets the very number that our next order has been sent under."""
    async with money_scene("ann", "ben", **BY_HAND) as scene:
        price = round(scene.simulator.world.market.quote(APPLE["conId"]).ask + 5, 2)
        scale = {
            "lmtPrice": price, "totalQuantity": 10, "scaleInitLevelSize": 10, "scaleSubsLevelSize": 10,
            "scalePriceIncrement": 0.01, "scaleProfitOffset": 100.0,
        }  # fmt: skip
        assert (await scene.place("ann", "s", **scale)).code == "ok"
        await scene.simulator.faults.apply("delay_next 5")
        sent = scene.scripts["ben"].send(
            "placeOrder",
            {"contract": SOFT, "order": {"action": "BUY", "totalQuantity": 10, "orderType": "LMT", "lmtPrice": 1.0},
             "key": "b"}, expiry=5,
        )  # fmt: skip
        await scene.until(lambda: scene.simulator.book._mishaps._queue, "the order is under way", step=0.0)
        await scene.until(lambda: [each for each in scene.orders if each.maker is not None], "the profit taker", 0.02)
        await scene.pass_time(6.0)
        answer = await scene.scripts["ben"].answer(sent)
        assert answer.code in ("order.rejected", "order.unknown"), answer
        assert not [each for each in scene.orders if each.contract.conId == SOFT["conId"]]
        assert not scene.fills("ben")
        taker = next(each for each in scene.orders if each.maker is not None)
        assert scene.status("ann", f"perm-{taker.permId}") == taker.status


async def test_a_change_that_leaves_two_live_orders_shows_both_to_the_script() -> None:
    async with money_scene("ann", **BY_HAND) as scene:
        assert (await scene.place("ann", "a")).code == "ok"
        await scene.simulator.faults.apply("fork_on_modify")
        order = {"action": "BUY", "totalQuantity": 10, "orderType": "LMT", "lmtPrice": 2.0}
        answer = await scene.scripts["ann"].ask("modifyOrder", {"order": order, "key": "a"}, expiry=3)
        assert (answer.code, answer.payload["outcome"]) == ("order.unknown", "unknown")
        await scene.simulator.faults.apply("heal")
        first, second = scene.orders
        trades = {trade["key"]: trade["order"] for trade in (await scene.ask("ann", "openTrades")).payload}
        assert {key: order["lmtPrice"] for key, order in trades.items()} == {"a": 1.0, f"perm-{second.permId}": 2.0}
        assert trades["a"]["permId"] == first.permId
        await scene.audit()


async def test_hedges_and_conditions() -> None:
    async with money_scene("ann", **BY_HAND) as scene:
        parent = {"action": "BUY", "totalQuantity": 10, "orderType": "MKT", "transmit": False}
        hedge = {"action": "SELL", "totalQuantity": 0.0, "orderType": "MKT", "hedgeType": "P", "hedgeParam": "0.5"}
        later = [{"condType": 3, "isMore": True, "time": "20260107 11:30:00 US/Eastern"}]
        tickets = [
            {"contract": APPLE, "order": parent, "key": "in"},
            {"contract": SOFT, "order": {**hedge, "totalQuantity": 1.0}, "key": "hedge", "parentKey": "in"},
        ]
        answer = await scene.ask("ann", "placeOrders", tickets=tickets)
        assert answer.code == "ok", answer
        await scene.becomes("ann", "hedge", "Filled")
        timed = await scene.place("ann", "later", orderType="MKT", conditions=later)
        assert timed.code == "ok" and timed.payload["order"]["conditions"][0]["time"] == later[0]["time"]
        assert timed.payload["orderStatus"]["status"] == "PreSubmitted"
        await scene.pass_time(1801)
        await scene.becomes("ann", "later", "Filled")
        await scene.audit()
        assert {fill["key"]: fill["execution"]["shares"] for fill in scene.fills("ann")} == {
            "in": 10, "hedge": float(next(f for f in scene.fills("ann") if f["key"] == "hedge")["execution"]["shares"]),
            "later": 10,
        }  # fmt: skip


async def test_day_orders_lapse_and_others_live_over_the_change_of_the_day() -> None:
    async with money_scene("ann", start="20260107 15:50:00 US/Eastern", speed=0.0, always_open=False) as scene:
        assert (await scene.place("ann", "day")).code == "ok"
        assert (await scene.place("ann", "gtc", tif="GTC")).code == "ok"
        till = {"tif": "GTD", "goodTillDate": "20260108 10:00:00 US/Eastern"}
        assert (await scene.place("ann", "gtd", **till)).code == "ok"
        assert (await scene.place("ann", "moc", orderType="MOC")).code == "ok"
        await scene.audit()
        for _ in range(12):
            await scene.pass_time(60)
        await scene.becomes("ann", "moc", "Filled")
        await scene.until(lambda: scene.fills("ann"), "the fill is told")
        [fill] = scene.fills("ann")
        assert fill["execution"]["time"].strftime("%H:%M") == "21:00", "at the close, in UTC"
        before = dict(scene.book.fills)
        for _ in range(22):
            await scene.pass_time(3600)
        await scene.becomes("ann", "day", "Cancelled")
        await scene.becomes("ann", "gtd", "Cancelled")
        assert scene.status("ann", "gtc") in ("PreSubmitted", "Submitted")
        await scene.audit()
        assert scene.book.fills == before and len(scene.fills("ann")) == 1
        assert [trade["key"] for trade in (await scene.ask("ann", "openTrades")).payload] == ["gtc"]


async def test_an_advisors_order_is_told_by_account() -> None:
    async with money_scene("ann", advisor=True, **BY_HAND) as scene:
        groups = scene.simulator.world.advisor.groups()
        name, members = next(iter(groups.items()))
        placed = await scene.place("ann", "fa", orderType="MKT", totalQuantity=10, faGroup=name, faMethod="Equal")
        assert placed.code == "ok", placed
        await scene.becomes("ann", "fa", "Filled")
        await scene.audit()
        shares = {fill["execution"]["acctNumber"]: fill["execution"]["shares"] for fill in scene.fills("ann")}
        assert shares == dict.fromkeys(members, 10 / len(members))


async def test_orders_by_hand_are_the_business_of_nobody_here_until_client_0_binds_them() -> None:
    async with money_scene("ann", **BY_HAND) as scene:
        scene.by_hand()
        assert not (await scene.ask("ann", "openTrades", all=True)).payload
        [seen] = (await scene.ask("ann", "reqAllOpenOrders")).payload
        assert seen["script"] == "external"
        [known] = (await scene.ask("ann", "openTrades", all=True)).payload
        assert known["key"] == seen["key"]
        scene.simulator.publish(scene.simulator.book.cancel_all(scene.simulator.clock.now()))
        assert not (await scene.ask("ann", "reqAllOpenOrders")).payload
        assert not (await scene.ask("ann", "openTrades", all=True)).payload, "it is over: nothing says that it is open"


async def test_client_0_binds_changes_and_cancels_orders_by_hand() -> None:
    async with money_scene(client_id=0, **BY_HAND) as scene:
        scene.by_hand(orderRef="mine")
        order = await scene.until(lambda: next((e for e in scene.orders if e.orderId < 0), None), "it is bound")
        await scene.until(lambda: scene.status("external", f"perm-{order.permId}") == "Submitted", "it is adopted")
        changed = {"action": "BUY", "totalQuantity": 3, "orderType": "LMT", "lmtPrice": 2.0, "permId": order.permId}
        answer = await scene.ask("boss", "modifyOrder", order={**changed, "orderRef": "mine"})
        assert answer.code == "ok", answer
        assert order.spec.orderRef == "mine", "a mark of nobody is not written"
        answer = await scene.ask("boss", "cancelOrder", permId=order.permId)
        assert answer.payload["orderStatus"]["status"] == "Cancelled"
        scene.by_hand(orderType="MKT", lmtPrice=None)
        await scene.until(lambda: scene.fills("external"), "the execution of a manual order is told")
        await scene.audit(clients=frozenset({0}))


async def test_as_master_the_proxy_hears_of_others_and_takes_no_error_of_theirs_for_its_own() -> None:
    async with money_scene("ann", master=1, **BY_HAND) as scene:
        other = IB()
        await other.connectAsync("127.0.0.1", scene.simulator.port, clientId=5, timeout=20)
        try:
            assert (await scene.place("ann", "a")).code == "ok"
            number = scene.book.find("ann", "a").trade.order.orderId
            other.client._reqIdSeq = number
            theirs = other.placeOrder(Stock("AAPL", "SMART", "USD"), LimitOrder("BUY", 5, 1.0))
            assert theirs.order.orderId == number
            await scene.until(lambda: [e for e in scene.book if e.script == "external"], "the other order is heard of")
            other.cancelOrder(theirs.order)
            await scene.until(theirs.isDone, "the other order is cancelled")
            await scene.until(lambda: all(e.done for e in scene.book if e.script == "external"), "and here too")
            assert scene.status("ann", "a") == "Submitted", "another client's 202 is not ours"
            await scene.audit(clients=frozenset({1, 5}))
        finally:
            other.disconnect()


NOISE = ["duplicate 1", "reorder 1", "duplicate 0.5", "reorder 0.5"]
NAMES = "openOrder orderStatus execDetails commissionReport error"


@pytest.mark.parametrize("noise", NOISE)
async def test_messages_that_come_twice_or_in_another_order_change_nothing(noise: str) -> None:
    async with money_scene("ann", "ben", partial_share=0.5) as scene:
        await scene.simulator.faults.apply(f"{noise} {NAMES}")
        for number in range(6):
            script = "ann" if number % 2 else "ben"
            bought = await scene.place(script, f"m{number}", orderType="MKT", totalQuantity=40)
            assert bought.code == "ok", bought
            assert (await scene.place(script, f"l{number}")).code == "ok"
            refused = await scene.place(script, f"r{number}", totalQuantity=5_000_000)
            assert refused.code == "order.rejected", refused
            if number % 2:
                answer = await scene.ask(script, "cancelOrder", key=f"l{number}")
                assert (answer.code, answer.payload["orderStatus"]["status"]) == ("ok", "Cancelled")
        for number in range(6):
            await scene.becomes("ann" if number % 2 else "ben", f"m{number}", "Filled")
        await scene.simulator.faults.apply("heal")
        await scene.audit()
        assert {fill["key"][0] for name in ("ann", "ben") for fill in scene.fills(name)} == {"m"}


async def test_an_order_whose_acknowledgement_is_held_back_is_unknown_and_then_known() -> None:
    async with money_scene("ann") as scene:
        await scene.simulator.faults.apply("hold_next")
        asked = {"contract": APPLE, "order": {"action": "BUY", "totalQuantity": 7, "orderType": "MKT"}, "key": "a"}
        answer = await scene.scripts["ann"].ask("placeOrder", asked, expiry=3)
        assert (answer.code, answer.payload["outcome"]) == ("order.unknown", "unknown")
        again = await scene.scripts["ann"].ask("placeOrder", asked, expiry=3)
        assert again.code == "order.unknown" and scene.simulator.stats.orders_placed == 1
        await scene.simulator.faults.apply("release")
        await scene.becomes("ann", "a", "Filled")
        assert (await scene.ask("ann", "placeOrder", **asked)).payload["orderStatus"]["status"] == "Filled"
        await scene.audit()
        assert scene.simulator.stats.orders_placed == 1


async def test_orders_that_are_rejected_or_late_at_the_gateway() -> None:
    async with money_scene("ann", **BY_HAND) as scene:
        for code in (201, 110, 10268, 321, 103):
            await scene.simulator.faults.apply(f"reject_next {code} no")
            answer = await scene.place("ann", f"r{code}")
            assert (answer.code, answer.payload["ib"]["code"]) == ("order.rejected", code)
        await scene.simulator.faults.apply("delay_next 5")
        asked = {"contract": APPLE, "order": {"action": "BUY", "totalQuantity": 7, "orderType": "LMT", "lmtPrice": 1.0},
                 "key": "late"}  # fmt: skip
        answer = await scene.scripts["ann"].ask("placeOrder", asked, expiry=3)
        assert answer.code == "order.unknown"
        await scene.pass_time(6)
        await scene.becomes("ann", "late", "Submitted")
        await scene.simulator.faults.apply("delay_next 5")
        change = {"order": {**asked["order"], "lmtPrice": 1.5}, "key": "late"}
        assert (await scene.scripts["ann"].ask("modifyOrder", change, expiry=3)).code == "order.unknown"
        again = await scene.scripts["ann"].ask("modifyOrder", {**change, "order": {**asked["order"], "lmtPrice": 1.7}})
        assert (again.code, again.payload["ib"]["code"]) == ("order.rejected", 2102)
        assert scene.status("ann", "late") == "Submitted"
        await scene.pass_time(6)
        await scene.until(lambda: scene.book.find("ann", "late").trade.order.lmtPrice == 1.5, "the first change")
        await scene.audit()


async def test_numbers_that_go_back_never_make_an_order_of_another() -> None:
    async with money_scene("ann", "ben") as scene:
        for number in range(3):
            assert (await scene.place("ann", f"a{number}", tif="GTC")).code == "ok"
        await scene.simulator.faults.apply("roll_ids 3")
        epoch = scene.proxy.gateways["paper"].session.epoch
        await scene.simulator.faults.apply("drop")
        await scene.until(lambda: scene.proxy.gateways["paper"].session.epoch > epoch, "connected again")
        session = scene.proxy.gateways["paper"].session
        await scene.until(lambda: session.state == "ready", "ready again")
        assert (await scene.place("ben", "b")).code == "ok"
        assert len(scene.orders) == 4
        await scene.audit()


def calls(scene: Scene, expiry: str, *distances: float) -> list[dict[str, Any]]:
    """Calls on Apple whose strikes are so far from the price, in shares of it."""
    spot = scene.simulator.world.market.quote(APPLE["conId"]).mid
    rows = [row for day in scene.simulator.world.universe.chain("AAPL").values() for row in day]
    rows = [row for row in rows if row.contract.right == "C" and row.contract.lastTradeDateOrContractMonth == expiry]
    found = [min(rows, key=lambda row: abs(row.contract.strike - spot * away)).contract for away in distances]
    return [
        {
            "secType": "OPT", "symbol": "AAPL", "exchange": "SMART", "currency": "USD", "strike": each.strike,
            "right": "C", "lastTradeDateOrContractMonth": expiry, "multiplier": "100", "conId": each.conId,
        }
        for each in found
    ]  # fmt: skip


FRIDAY = "20260116"


async def test_settlements_are_nobodys_here_and_are_told_once() -> None:
    async with money_scene("ann", start=f"{FRIDAY} 15:30:00 US/Eastern", speed=0.0, always_open=False) as scene:
        deep, worthless = calls(scene, FRIDAY, 0.9, 1.2)
        for key, contract in (("deep", deep), ("worthless", worthless)):
            bought = await scene.place(
                "ann", key, contract, orderType="LMT", lmtPrice=500.0, totalQuantity=2, account=SECOND
            )
            assert bought.code == "ok", bought
            await scene.becomes("ann", key, "Filled")
        for _ in range(60):
            await scene.pass_time(60)
        settled = [e for e, _ in scene.simulator.book.executions(ExecutionFilter()) if e.orderId == 0]
        assert {(e.contract.secType, float(e.shares)) for e in settled} == {("OPT", 2.0), ("STK", 200.0)}
        for _ in range(2):  # a client that did not place them hears of them when it asks
            listed = (await scene.ask("ann", "reqExecutions")).payload
            assert {fill["script"] for fill in listed} == {"ann", "external"}
        told = lambda: (len(scene.fills("ann")), len(scene.fills("external")))  # noqa: E731
        await scene.until(lambda: told() == (2, len(settled)), "all is told")
        assert Counter(fill["execution"]["execId"] for fill in scene.fills("external")) == {
            e.execId: 1 for e in settled
        }
        await scene.audit(clients=frozenset({0, 1}))
        rows = (await scene.ask("ann", "positions")).payload
        held = {each["contract"]["conId"]: each["position"] for each in rows if each["account"] == SECOND}
        assert held.get(APPLE["conId"]) == 200 and deep["conId"] not in held


@pytest.mark.parametrize("action", [1, 2])
async def test_an_exercise_is_told_to_its_script_alone_and_once(action: int) -> None:
    async with money_scene("ann", "ben", tree={"limits": {"order_quantity": 50.0}}, moc_delay=1.0, **BY_HAND) as scene:
        [option] = calls(scene, FRIDAY, 0.9)
        assert (await scene.place("ann", "buy", option, orderType="MKT", totalQuantity=2, account=SECOND)).code == "ok"
        await scene.becomes("ann", "buy", "Filled")
        asked = {"contract": option, "exerciseAction": action, "exerciseQuantity": 2, "account": SECOND, "override": 1}
        for wrong in ({"exerciseQuantity": 60}, {"exerciseAction": 3}, {"account": "DU9"}, {"exerciseQuantity": 0}):
            answer = await scene.ask("ann", "exerciseOptions", **{**asked, **wrong}, key="e")
            assert answer.payload["outcome"] == "not_sent", answer
        assert (await scene.ask("ann", "exerciseOptions", **{**asked, "exerciseQuantity": 5}, key="much")).payload[
            "ib"
        ]["code"] == 322
        await scene.simulator.faults.apply("lose 1 openOrder orderStatus")
        for _ in range(2):
            answer = await scene.scripts["ann"].ask("exerciseOptions", {**asked, "key": "e"}, expiry=3)
            assert (answer.code, answer.payload["outcome"]) == ("order.unknown", "unknown")
        await scene.simulator.faults.apply("heal")
        assert len([each for each in scene.orders if each.exercise]) == 1, "it was sent once"
        assert (await scene.ask("ann", "reqOpenOrders")).code == "ok"
        again = await scene.ask("ann", "exerciseOptions", **asked, key="e")
        assert (again.code, again.payload["orderStatus"]["status"]) == ("ok", "PreSubmitted")
        assert (
            await scene.ask("ann", "exerciseOptions", **{**asked, "exerciseQuantity": 1}, key="e")
        ).code == "order.key_conflict"
        assert (await scene.place("ann", "e", option, totalQuantity=2)).code == "order.key_conflict"
        order = {"action": "SELL", "totalQuantity": 1, "orderType": "MKT"}
        changed = await scene.ask("ann", "modifyOrder", order=order, key="e")
        assert (changed.code, changed.payload["outcome"]) == ("request.invalid", "not_sent")
        await scene.pass_time(2)
        await scene.becomes("ann", "e", "Filled")
        await scene.audit()
        kinds = [fill["contract"]["secType"] for fill in scene.fills("ann") if fill["key"] == "e"]
        assert kinds == (["OPT", "STK"] if action == 1 else [])
        assert scene.book.find("ann", "e").trade.filled() == (2 if action == 1 else 0)
        assert not scene.fills("ben") and not scene.fills("external")


async def test_an_exercise_at_the_gate_is_cancelled_by_never_being_sent() -> None:
    async with money_scene("ann", **BY_HAND) as scene:
        [option] = calls(scene, FRIDAY, 0.9)
        assert (await scene.place("ann", "buy", option, orderType="MKT", totalQuantity=2, account=SECOND)).code == "ok"
        await scene.becomes("ann", "buy", "Filled")
        assert (await scene.ask("ann", "reqContractDetails", contract=option)).code == "ok"  # then it is known
        asked = {"contract": option, "exerciseAction": 1, "exerciseQuantity": 2, "account": SECOND, "override": 1}
        with no_budget(scene.proxy):
            first = scene.scripts["ann"].send("exerciseOptions", {**asked, "key": "e"})
            await queued(scene.proxy, 1)
            cancelled = await scene.ask("ann", "cancelOrder", key="e")
            assert (cancelled.code, cancelled.payload["orderStatus"]["status"]) == ("ok", "ApiCancelled")
            again = scene.scripts["ann"].send("exerciseOptions", {**asked, "exerciseQuantity": 1, "key": "e"})
            await queued(scene.proxy, 2)
        answer = await scene.scripts["ann"].answer(first)
        assert (answer.code, answer.payload["outcome"]) == ("order.not_sent", "not_sent")
        assert "cancelled while it waited" in answer.payload["message"]
        assert (await scene.scripts["ann"].answer(again)).code == "ok", "its key is free again"
        assert [float(each.spec.totalQuantity) for each in scene.orders if each.exercise] == [1.0]


async def test_two_scripts_of_one_name_under_two_clientids_are_two() -> None:
    """Executions of all clients are listed; the mark of another proxy's script is none of ours."""
    async with money_scene("ann") as scene:
        other = IB()
        await other.connectAsync("127.0.0.1", scene.simulator.port, clientId=5, timeout=20)
        try:
            order = MarketOrder("BUY", 5)
            order.orderRef = "ibmux:ann/k"
            trade = other.placeOrder(Stock("AAPL", "SMART", "USD"), order)
            await scene.until(trade.isDone, "the other proxy's order is executed")
            working = MarketOrder("BUY", 5)
            working.orderType, working.lmtPrice, working.orderRef = "LMT", 1.0, "ibmux:ann/k"
            other.placeOrder(Stock("AAPL", "SMART", "USD"), working)
            await scene.until(lambda: [each for each in scene.orders if each.clientId == 5], "another one works")
            listed = (await scene.ask("ann", "reqExecutions")).payload
            assert [fill["script"] for fill in listed] == ["external"]
            await scene.until(lambda: scene.fills("external"), "it is told as a stranger's")
            assert not scene.fills("ann")
            shown = (await scene.ask("ann", "reqAllOpenOrders")).payload
            assert [trade["script"] for trade in shown] == ["external"]
            assert (await scene.place("ann", "k")).code == "ok"
        finally:
            other.disconnect()
