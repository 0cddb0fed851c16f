"""Attacks on the way of an order through proxy and session: none lost, none doubled, none falsely reported."""

from __future__ import annotations

import asyncio
import threading
import time
from decimal import Decimal
from typing import Any

import pytest
from money_scene import no_budget, queued
from stage import RawScript, raw_script, running_proxy, settings, until, url_of

from ibmux.config import GatewaySettings
from ibmux.daemon import Proxy
from ibmux.journal import Filter
from ibmux.messages.contracts import Contract
from ibmux.messages.orders import Order
from ibmux.session import Session
from ibmux.sim import SimulatedGateway
from ibmux.sim.events import OrderError
from ibmux.sim.orders.desk import OrderDesk
from ibmux.sim.orders.order import BookOrder, ExecutionFilter

APPLE = {"secType": "STK", "symbol": "AAPL", "conId": 265598, "exchange": "SMART", "currency": "USD"}
FAR = 1.0
"""A price at which nobody sells: the order works on."""


def limit(price: float = FAR, quantity: float = 10, **more: Any) -> dict[str, Any]:
    """A limit order as it goes over the wire."""
    return {"action": "BUY", "totalQuantity": quantity, "orderType": "LMT", "lmtPrice": price, **more}


def placing(key: str, price: float = FAR, quantity: float = 10, **more: Any) -> dict[str, Any]:
    """The arguments of `placeOrder`."""
    return {"contract": APPLE, "order": limit(price, quantity, **more), "key": key}


def bracket(name: str, parent: dict[str, Any], profit: dict[str, Any], loss: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `placeOrders` for a bracket whose last leg transmits all."""
    legs = [("in", "", parent, False), ("profit", f"{name}-in", profit, False), ("loss", f"{name}-in", loss, True)]
    return {
        "tickets": [
            {
                "contract": APPLE,
                "order": {**order, "transmit": transmit},
                "key": f"{name}-{leg}",
                "parentKey": parent_key,
            }
            for leg, parent_key, order, transmit in legs
        ]
    }


def exit_at(price: float, kind: str = "LMT") -> dict[str, Any]:
    """An order that closes what `limit` opens."""
    return {
        "action": "SELL", "totalQuantity": 10, "orderType": kind, "lmtPrice" if kind == "LMT" else "auxPrice": price,
    }  # fmt: skip


def session_of(proxy: Proxy) -> Session:
    return proxy.gateways["paper"].session


def working(simulator: SimulatedGateway, client: int = 1) -> list[BookOrder]:
    """What the gateway has, legs that wait for their transmission too."""
    return [each for each in simulator.world.desk._book.open() if each.clientId == client]


# -- waiting for the disk ---------------------------------------------------------------------------------------------


async def test_an_order_that_the_disk_did_not_take_in_time_is_not_sent(
    proxy: Proxy, simulator: SimulatedGateway
) -> None:
    free = threading.Event()
    blocked = asyncio.ensure_future(proxy.journal._do(lambda _: free.wait(30)))
    async with raw_script(url_of(proxy), "ann") as ann:
        try:
            answer = await ann.ask("placeOrder", placing("a"), expiry=1)
        finally:
            free.set()
        assert (answer.payload["outcome"], simulator.stats.orders_placed) == ("not_sent", 0)
        assert "the disk did not take its intent in time" in answer.payload["message"]
        await blocked
        assert (await ann.ask("placeOrder", placing("a"))).payload["key"] == "a"
    await proxy.journal._do(lambda shelf: shelf.last)  # nobody waits for the disk to have that it was sent
    wanted = Filter(key="a", kinds=("intent", "unsent", "sent"))
    kinds = [each.kind for each in await proxy.journal.read(wanted=wanted)]
    assert (kinds, simulator.stats.orders_placed) == (["intent", "unsent", "intent", "sent"], 1)


# -- waiting at the gate ----------------------------------------------------------------------------------------------


async def test_what_was_not_sent_is_reported_to_each_script_in_its_own_words(proxy: Proxy) -> None:
    async with raw_script(url_of(proxy), "ann") as ann, raw_script(url_of(proxy), "ben") as ben:
        with no_budget(proxy):
            asked = [ann.send("placeOrder", placing("a", 11)), ben.send("placeOrder", placing("b", 12))]
            await queued(proxy, 2)
            session_of(proxy).park("a test says so")
            answers = [await ann.answer(asked[0]), await ben.answer(asked[1])]
    for answer, own, other in zip(answers, ("LMT 11", "LMT 12"), ("LMT 12", "LMT 11"), strict=True):
        assert (answer.code, answer.payload["outcome"]) == ("gateway.not_ready", "not_sent")
        assert own in answer.payload["message"]
        assert other not in answer.payload["message"]


async def test_who_joined_an_order_that_was_not_sent_hears_just_that(proxy: Proxy) -> None:
    async with raw_script(url_of(proxy), "ann") as ann:
        with no_budget(proxy):
            asked = [ann.send("placeOrder", placing("a")) for _ in range(2)]
            await queued(proxy, 1)
            await until(lambda: proxy.door.in_flight == 2, "both requests wait")
            session_of(proxy).park("a test says so")
            outcomes = [(await ann.answer(each)).payload["outcome"] for each in asked]
    assert outcomes == ["not_sent", "not_sent"]


async def test_an_order_at_the_gate_is_cancelled_by_never_being_sent(proxy: Proxy, simulator: SimulatedGateway) -> None:
    async with raw_script(url_of(proxy), "ann") as ann:
        with no_budget(proxy):
            placed = ann.send("placeOrder", placing("a"))
            await queued(proxy, 1)
            cancelled = await ann.ask("cancelOrder", {"key": "a"})
            assert cancelled.code == "ok"
            assert cancelled.payload["orderStatus"]["status"] == "ApiCancelled"
            again = ann.send("placeOrder", placing("a", 2.0))
            await queued(proxy, 2)
        answer = await ann.answer(placed)
        assert (answer.code, answer.payload["outcome"]) == ("order.not_sent", "not_sent")
        assert (await ann.answer(again)).payload["order"]["lmtPrice"] == 2.0
        assert (await ann.ask("orderStatus", {"key": "a"})).payload["orderStatus"]["status"] == "Submitted"
    assert [float(each.spec.lmtPrice or 0) for each in working(simulator)] == [2.0]


async def test_a_change_waits_until_its_order_is_there(proxy: Proxy, simulator: SimulatedGateway) -> None:
    async with raw_script(url_of(proxy), "ann") as ann:
        with no_budget(proxy):
            placed = ann.send("placeOrder", placing("a"))
            await queued(proxy, 1)
            changed = ann.send("modifyOrder", {"order": limit(2.0), "key": "a"})
            await until(lambda: proxy.door.in_flight == 2, "both requests wait")
        assert (await ann.answer(placed)).code == "ok"
        assert (await ann.answer(changed)).payload["order"]["lmtPrice"] == 2.0
    assert [float(each.spec.lmtPrice or 0) for each in working(simulator)] == [2.0]


async def test_a_deadline_that_passes_at_the_gate_sends_nothing(proxy: Proxy, simulator: SimulatedGateway) -> None:
    async with raw_script(url_of(proxy), "ann") as ann:
        with no_budget(proxy):
            answer = await ann.ask("placeOrder", placing("a"), expiry=1)
        assert (answer.code, answer.payload["outcome"]) == ("order.not_sent", "not_sent")
        assert (await ann.ask("orderStatus", {"key": "a"})).code == "order.not_found"
    assert simulator.stats.orders_placed == 0


async def test_an_order_that_waits_for_the_session_can_be_cancelled(simulator: SimulatedGateway) -> None:
    async with running_proxy(settings(simulator.port)) as proxy, raw_script(url_of(proxy), "ann") as ann:
        await simulator.close()
        await until(lambda: proxy.gateways["paper"].session.state != "ready", "the session is lost")
        placed = ann.send("placeOrder", placing("a"), user_properties=(("wait", "ready"),))
        await until(lambda: len(proxy.gateways["paper"].feed.book) == 1, "the order waits")
        cancelled = await ann.ask("cancelOrder", {"key": "a"})
        assert (cancelled.code, cancelled.payload["orderStatus"]["status"]) == ("ok", "ApiCancelled")
        await simulator.start()
        answer = await ann.answer(placed)
        assert (answer.code, answer.payload["outcome"]) == ("order.not_sent", "not_sent")
    assert simulator.stats.orders_placed == 0


# -- whose order ------------------------------------------------------------------------------------------------------


async def test_an_order_of_another_clientid_is_never_changed_under_ours(simulator: SimulatedGateway) -> None:
    tree = settings(simulator.port, scripts={"boss": {"role": "admin"}})
    async with running_proxy(tree) as proxy, raw_script(url_of(proxy), "boss") as boss:
        other = Session(GatewaySettings(name="other", port=simulator.port, client_id=5))
        running = asyncio.create_task(other.run())
        try:
            deadline = asyncio.get_running_loop().time() + 30
            await other.until_ready(deadline)
            order = Order(action="BUY", totalQuantity=10, orderType="LMT", lmtPrice=1.0)
            await other.place_order(Contract(**APPLE), lambda number: _with_id(order, number), deadline=deadline)
            mine = (await boss.ask("placeOrder", placing("mine", 3.0))).payload
            listed = (await boss.ask("reqAllOpenOrders")).payload
            [foreign] = [trade for trade in listed if trade["order"]["clientId"] == 5]
            assert foreign["order"]["orderId"] == mine["order"]["orderId"]
            answer = await boss.ask("modifyOrder", {"order": limit(2.0, permId=foreign["order"]["permId"])}, expiry=10)
            assert answer.code == "order.not_yours"
        finally:
            await other.drain()
            await asyncio.wait_for(running, 20)
        assert [float(each.spec.lmtPrice or 0) for each in working(simulator)] == [3.0]


def _with_id(order: Order, number: int) -> Order:
    order.orderId = number
    return order


async def test_a_leg_cannot_be_hung_on_another_scripts_order(proxy: Proxy, simulator: SimulatedGateway) -> None:
    async with raw_script(url_of(proxy), "ann") as ann, raw_script(url_of(proxy), "ben") as ben:
        held = (await ann.ask("placeOrder", placing("held", transmit=False))).payload
        leg = placing("leg", parentId=held["order"]["orderId"])
        assert (await ben.ask("placeOrder", leg)).code == "order.not_yours"
        assert (await ben.ask("placeOrder", placing("lost", parentId=999))).code == "order.not_found"
        assert [each.held for each in working(simulator)] == [True]
        assert (await ann.ask("placeOrder", leg)).code == "ok"


async def test_scripts_reach_only_their_own_orders(simulator: SimulatedGateway) -> None:
    tree = settings(simulator.port, scripts={"guard": {"role": "cancel"}})
    async with (
        running_proxy(tree) as proxy,
        raw_script(url_of(proxy), "ann") as ann,
        raw_script(url_of(proxy), "ben") as ben,
        raw_script(url_of(proxy), "guard") as guard,
    ):
        trade = (await ann.ask("placeOrder", placing("a"))).payload
        number, perm = trade["order"]["orderId"], trade["order"]["permId"]
        for names in ({"orderId": number}, {"permId": perm}, {"key": "a", "script": "ann"}):
            assert (await ben.ask("cancelOrder", names)).code == "order.not_yours"
        for names in ({"orderId": number}, {"permId": perm}):
            assert (await ben.ask("modifyOrder", {"order": limit(2.0, **names)})).code == "order.not_yours"
        assert (await ben.ask("modifyOrder", {"order": limit(2.0), "key": "a"})).code == "order.not_found"
        assert [float(each.spec.lmtPrice or 0) for each in working(simulator)] == [FAR]
        assert (await guard.ask("cancelOrder", {"key": "a", "script": "ann"})).code == "ok"
    assert not working(simulator)


async def test_no_script_is_called_like_the_owner_of_foreign_orders(proxy: Proxy) -> None:
    from ibmux.errors import Refused, Unreachable

    script = RawScript(url_of(proxy), "external")
    with pytest.raises((Refused, Unreachable)):
        await asyncio.wait_for(script.open(), 30)
    await script.link.close()


# -- what the gateway said --------------------------------------------------------------------------------------------


async def test_an_order_that_is_cancelled_instead_of_taken_is_refused(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gateways refuse with `Inactive` or with `Cancelled`, and error 201 after it."""

    def reject(self: OrderDesk, order: Any, refusal: Any, now: float) -> list[Any]:
        told = self._floor.end(order, "Cancelled", now, refusal.text, error=False)
        shown = order.open_order()
        return [shown, *told, OrderError(order.clientId, order.orderId, refusal.code, refusal.text)]

    monkeypatch.setattr(OrderDesk, "_reject", reject)
    async with raw_script(url_of(proxy), "ann") as ann:
        answer = await ann.ask("placeOrder", placing("huge", quantity=2_000_000))
        assert (answer.code, answer.payload["outcome"]) == ("order.rejected", "rejected")
        assert answer.payload["ib"]["code"] == 201


async def test_a_bracket_whose_parent_is_refused_is_refused(proxy: Proxy, simulator: SimulatedGateway) -> None:
    async with raw_script(url_of(proxy), "ann") as ann:
        unit = bracket("b", limit(150.0, 900_000), exit_at(400.0), exit_at(1.0, "STP"))
        answer = await ann.ask("placeOrders", unit)
        assert answer.code == "order.rejected", answer
        assert answer.payload["ib"]["code"] == 201
        assert answer.payload["outcome"] == "rejected"
    assert not working(simulator)


async def test_a_bracket_whose_last_leg_is_refused_leaves_nothing(proxy: Proxy, simulator: SimulatedGateway) -> None:
    async with raw_script(url_of(proxy), "ann") as ann:
        answer = await ann.ask("placeOrders", bracket("b", limit(), exit_at(400.0), exit_at(1.00001, "STP")))
        assert answer.code == "order.rejected"
        assert answer.payload["ib"]["code"] == 110
        assert answer.payload["outcome"] == "rejected"
        assert "b-in" in answer.payload["message"]
        assert "b-profit" in answer.payload["message"]
        assert not working(simulator)


async def test_a_unit_is_checked_whole_before_its_first_leg_leaves(proxy: Proxy, simulator: SimulatedGateway) -> None:
    async with raw_script(url_of(proxy), "ann") as ann:
        answer = await ann.ask("placeOrders", bracket("b", limit(), exit_at(400.0), {**exit_at(1.0), "orderType": ""}))
        assert (answer.code, answer.payload["outcome"]) == ("request.invalid", "not_sent")
    assert simulator.stats.orders_placed == 0


async def test_a_unit_that_fails_leaves_orders_of_before_alone(proxy: Proxy, simulator: SimulatedGateway) -> None:
    async with raw_script(url_of(proxy), "ann") as ann:
        await ann.ask("placeOrder", placing("a"))
        unit = {"tickets": [placing("a"), placing("b", 2.0, 2_000_000)]}
        assert (await ann.ask("placeOrders", unit)).code == "order.rejected"
        assert (await ann.ask("orderStatus", {"key": "a"})).payload["orderStatus"]["status"] == "Submitted"
    assert len(working(simulator)) == 1


async def test_a_leg_that_was_executed_before_the_unit_failed_is_not_hidden(proxy: Proxy) -> None:
    """`outcome` must not say that nothing happened."""
    async with raw_script(url_of(proxy), "ann") as ann:
        market = {"contract": APPLE, "order": {"action": "BUY", "totalQuantity": 1, "orderType": "MKT"}, "key": "a"}
        gate = session_of(proxy).gate
        send, done = gate.send, asyncio.Event()

        async def late(lane: Any, script: str, fire: Any) -> None:
            """The second leg leaves only when the first one is executed."""
            if done.is_set():
                entry = proxy.gateways["paper"].feed.book.find("ann", "a")
                assert entry is not None
                await until(lambda: entry.done, "the first leg is executed")
            done.set()
            await send(lane, script, fire)

        gate.send = late  # type: ignore[method-assign]
        gate.send_now = lambda *_: False  # type: ignore[method-assign]
        answer = await ann.ask("placeOrders", {"tickets": [market, placing("b", 2.0, 2_000_000)]})
        assert (answer.code, answer.payload["outcome"]) == ("order.rejected", "unknown")
        assert "a (Filled)" in answer.payload["message"]


async def test_a_change_is_acknowledged_though_the_gateway_fills_in_prices(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recordings show trailStopPrice set to the limit plus 1 in openOrder (see the sequences of real gateways)."""
    from ibmux.sim.clients import delivery

    shown = delivery.open_order_values

    def fill_in(event: Any) -> Any:
        values = shown(event)
        return values | {"trailStopPrice": float(values["lmtPrice"] or 0) + 1}

    monkeypatch.setattr(delivery, "open_order_values", fill_in)
    async with raw_script(url_of(proxy), "ann") as ann:
        assert (await ann.ask("placeOrder", placing("a"))).code == "ok"
        answer = await ann.ask("modifyOrder", {"order": limit(2.0), "key": "a"}, expiry=10)
        assert answer.code == "ok"
        assert answer.payload["order"]["lmtPrice"] == 2.0


async def test_a_change_that_the_gateway_never_showed_is_unknown(
    proxy: Proxy, simulator: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with raw_script(url_of(proxy), "ann") as ann:
        await ann.ask("placeOrder", placing("a"))
        [order] = working(simulator)

        def status_only(self: OrderDesk, *_: Any) -> list[Any]:
            return [order.order_status(), order.order_status()]

        monkeypatch.setattr(OrderDesk, "_modify", status_only)
        answer = await ann.ask("modifyOrder", {"order": limit(tif="GTC"), "key": "a"}, expiry=3)
        assert (answer.code, answer.payload["outcome"]) == ("order.unknown", "unknown")


async def test_a_change_that_lost_the_race_against_the_execution_is_refused(
    proxy: Proxy, simulator: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with raw_script(url_of(proxy), "ann") as ann:
        await ann.ask("placeOrder", placing("a"))

        def too_late(self: OrderDesk, order: Any, *_: Any) -> list[Any]:
            return self._floor.cancel(order, 0.0)

        monkeypatch.setattr(OrderDesk, "_modify", too_late)
        answer = await ann.ask("modifyOrder", {"order": limit(2.0), "key": "a"})
        assert answer.code == "order.rejected"
        assert "Cancelled" in answer.payload["message"]


async def test_of_two_changes_at_once_each_gets_its_own_answer(proxy: Proxy, simulator: SimulatedGateway) -> None:
    async with raw_script(url_of(proxy), "ann") as ann:
        await ann.ask("placeOrder", placing("a"))
        asked = [ann.send("modifyOrder", {"order": limit(price), "key": "a"}) for price in (2.0, 2.00001, 3.0)]
        answers = [await ann.answer(each) for each in asked]
        assert [each.code for each in answers] == ["ok", "order.rejected", "ok"]
    assert [float(each.spec.lmtPrice or 0) for each in working(simulator)] == [3.0]


async def test_a_what_if_does_not_pass_for_an_order(proxy: Proxy, simulator: SimulatedGateway) -> None:
    async with raw_script(url_of(proxy), "ann") as ann:
        answer = await ann.ask("placeOrder", placing("a", whatIf=True), expiry=10)
        assert (answer.code, answer.payload["outcome"]) == ("request.invalid", "not_sent")
        assert "whatIfOrder" in answer.payload["hint"]
        await ann.ask("placeOrder", placing("b"))
        changed = await ann.ask("modifyOrder", {"order": limit(2.0, whatIf=True), "key": "b"}, expiry=10)
        assert changed.code == "request.invalid"
        assert (await ann.ask("whatIfOrder", {"contract": APPLE, "order": limit(whatIf=True)})).code == "ok"
    assert len(working(simulator)) == 1


# -- losses in the middle ---------------------------------------------------------------------------------------------


async def test_an_acknowledgement_that_was_lost_with_the_connection_comes_with_the_next(
    proxy: Proxy, simulator: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = SimulatedGateway.publish

    def hang_up(self: SimulatedGateway, events: Any) -> None:
        if events:  # the order's: without any, it is the clock's turn, and the order may not have been read yet
            monkeypatch.setattr(SimulatedGateway, "publish", publish)
            for connection in list(self.connections):
                connection.abort()
        publish(self, events)

    async with raw_script(url_of(proxy), "ann") as ann:
        monkeypatch.setattr(SimulatedGateway, "publish", hang_up)
        answer = await ann.ask("placeOrder", placing("a"), expiry=20)
        assert answer.code == "ok"
        assert answer.payload["orderStatus"]["status"] == "Submitted"
        assert (await ann.ask("placeOrder", placing("a"))).code == "ok"
    assert simulator.stats.orders_placed == 1


async def test_a_new_proxy_knows_the_keys_and_refuses_another_order_under_them(simulator: SimulatedGateway) -> None:
    tree = settings(simulator.port)
    async with running_proxy(tree) as proxy, raw_script(url_of(proxy), "ann") as ann:
        first = (await ann.ask("placeOrder", placing("a"))).payload
        await ann.ask("placeOrder", placing("gone", 2.0))
        await ann.ask("cancelOrder", {"key": "gone"})
    async with running_proxy(tree) as proxy, raw_script(url_of(proxy), "ann") as ann:
        again = (await ann.ask("placeOrder", placing("a"))).payload
        assert again["order"]["permId"] == first["order"]["permId"]
        assert (await ann.ask("placeOrder", placing("gone", 2.0))).payload["orderStatus"]["status"] == "Cancelled"
        for change in ({"action": "SELL"}, {"orderType": "MKT"}):
            other = await ann.ask("placeOrder", {**placing("a"), "order": {**limit(), **change}})
            assert other.code == "order.key_conflict"
        elsewhere = {"contract": {**APPLE, "conId": 272093, "symbol": "MSFT"}, "order": limit(), "key": "a"}
        assert (await ann.ask("placeOrder", elsewhere)).code == "order.key_conflict"
        changed = await ann.ask("modifyOrder", {"order": limit(2.0), "key": "a"})
        assert changed.payload["order"]["lmtPrice"] == 2.0
        assert (await ann.ask("cancelOrder", {"key": "a"})).payload["orderStatus"]["status"] == "Cancelled"
    assert simulator.stats.orders_placed == 3


async def test_a_partial_execution_that_is_cancelled_keeps_its_fills(proxy: Proxy, simulator: SimulatedGateway) -> None:
    async with raw_script(url_of(proxy), "ann") as ann:
        await ann.ask("placeOrder", placing("a", quantity=100))
        [order] = working(simulator)
        simulator.publish(simulator.world.desk._floor.fill(order, Decimal(40), 1.0, time.time()))
        cancelled = (await ann.ask("cancelOrder", {"key": "a"})).payload
        assert (cancelled["orderStatus"]["status"], cancelled["orderStatus"]["filled"]) == ("Cancelled", 40)
        assert [fill["execution"]["shares"] for fill in cancelled["fills"]] == [40]
        assert (await ann.ask("placeOrder", placing("a", quantity=100))).payload["fills"] == cancelled["fills"]
    assert len(simulator.world.desk.executions(ExecutionFilter())) == 1


# -- bad input --------------------------------------------------------------------------------------------------------


async def test_the_value_of_an_order_is_not_what_the_script_says_of_its_contract(simulator: SimulatedGateway) -> None:
    tree = settings(simulator.port, limits={"order_value": 1000.0})
    async with running_proxy(tree) as proxy, raw_script(url_of(proxy), "ann") as ann:
        small = {"contract": {**APPLE, "multiplier": "0.001"}, "order": {**limit(), "lmtPrice": 500.0}, "key": "a"}
        answer = await ann.ask("placeOrder", small)
        assert (answer.code, answer.payload["outcome"]) == ("order.limit", "not_sent")
        cash = {"contract": APPLE, "order": {**limit(), "orderType": "MKT", "cashQty": 5000.0}, "key": "b"}
        assert (await ann.ask("placeOrder", cash)).code == "order.limit"
    assert simulator.stats.orders_placed == 0


async def test_a_key_cannot_carry_the_mark_of_another_script(proxy: Proxy, simulator: SimulatedGateway) -> None:
    async with raw_script(url_of(proxy), "ann") as ann:
        answer = await ann.ask("placeOrder", placing("a | ibmux:ben/b"))
        assert (answer.code, answer.payload["outcome"]) == ("request.invalid", "not_sent")
    assert simulator.stats.orders_placed == 0
