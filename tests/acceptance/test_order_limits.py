"""Limits of orders through the whole proxy: sizes, values, price bands, daily caps, live accounts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from money_scene import APPLE, FIRST, SOFT
from msgspec.structs import replace
from risk_scene import HELD, scene_at, simulated

from ibmux.core.risk import Ask
from ibmux.errors import Halted, LimitExceeded
from ibmux.journal import Filter
from ibmux.messages.contracts import Contract
from ibmux.messages.orders import Order
from ibmux.services.caller import Caller

LIVE, SECOND = "U1000001", "U1000002"


def ann(**bounds: Any) -> dict[str, Any]:
    """Tables in which these are the limits of ann."""
    return {"scripts": {"ann": {"role": "trade", **bounds}}}


async def price_of(scene: Any, contract: dict[str, Any] = APPLE) -> float:
    [quote] = (await scene.ask("boss", "reqTickers", contracts=[contract])).payload
    return float(quote["fields"]["bid"])


async def test_the_tighter_limit_counts() -> None:
    tables = {**ann(order_quantity=5.0), "limits": {"order_quantity": 50.0, "order_value": 100.0}}
    async with simulated() as simulator, scene_at(simulator, "ann", "ben", **tables) as scene:
        assert (await scene.place("ann", "a", totalQuantity=5)).code == "ok"
        assert (await scene.place("ann", "b", totalQuantity=6)).code == "order.limit"
        assert (await scene.place("ben", "a", totalQuantity=50)).code == "ok"
        assert (await scene.place("ben", "b", totalQuantity=51)).code == "order.limit"
        assert (await scene.place("ben", "b", totalQuantity=50, lmtPrice=2.1)).code == "order.limit"
        order = (await scene.ask("ben", "orderStatus", key="a")).payload["order"]
        for change in ({"totalQuantity": 51}, {"lmtPrice": 2.1}):
            answer = await scene.ask("ben", "modifyOrder", order={**order, **change}, key="a")
            assert (answer.code, answer.payload["outcome"]) == ("order.limit", "not_sent")


async def test_an_order_without_a_price_is_worth_that_of_the_last_quote() -> None:
    async with simulated() as simulator, scene_at(simulator, "ann", **ann(order_value=1000.0)) as scene:
        price = await price_of(scene)
        few = int(900 / price)
        assert few > 0
        assert (await scene.place("ann", "a", orderType="MKT", totalQuantity=few)).code == "ok"
        assert (await scene.place("ann", "b", orderType="MKT", totalQuantity=few * 2)).code == "order.limit"
        assert (await scene.place("ann", "c", orderType="MOC", totalQuantity=few * 2)).code == "order.limit"


async def test_a_price_must_be_near_the_last_quote() -> None:
    tables = {"limits": {"price_band": 0.05}}
    async with simulated() as simulator, scene_at(simulator, "ann", **tables) as scene:
        assert (await scene.place("ann", "far")).code == "order.limit", "nobody streams it"
        price = await price_of(scene)
        assert (await scene.place("ann", "near", lmtPrice=round(price * 0.97, 2))).code == "ok"
        assert (await scene.place("ann", "high", lmtPrice=round(price * 1.2, 2))).code == "order.limit"
        stop: dict[str, Any] = {"orderType": "STP", "action": "SELL"}
        assert (await scene.place("ann", "stop", auxPrice=round(price * 0.5, 2), **stop)).code == "order.limit"
        assert (await scene.place("ann", "market", orderType="MKT")).code == "ok", "names no price"
        order = (await scene.ask("ann", "orderStatus", key="near")).payload["order"]
        answer = await scene.ask("ann", "modifyOrder", order={**order, "lmtPrice": 1.0}, key="near")
        assert answer.code == "order.limit"


async def test_without_a_quote_no_price_can_be_judged() -> None:
    dark = {"subscriptions": (), "delayed": False}
    async with (
        simulated(**dark) as simulator,
        scene_at(simulator, "ann", gateway={"price_band": 0.05}) as scene,
    ):
        answer = await scene.place("ann", "a")
        assert (answer.code, answer.payload["outcome"]) == ("order.limit", "not_sent")
        assert "needs" in answer.payload["message"] or "asks for the last quote of AAPL" in answer.payload["message"]
        assert "reqMktData" in answer.payload["hint"]
    assert simulator.stats.orders_placed == 0


async def test_what_cannot_be_valued_is_not_sent() -> None:
    async with simulated() as simulator, scene_at(simulator, "ann", **ann(order_value=1000.0)) as scene:
        for contract, code in (
            ({"secType": "STK", "symbol": "NOSUCH", "exchange": "SMART", "currency": "USD"}, "contract.unknown"),
            ({**APPLE, "multiplier": "many"}, "request.invalid"),
        ):
            answer = await scene.place("ann", "a", contract)
            assert (answer.code, answer.payload["outcome"]) == (code, "not_sent")
        by_id = {"conId": APPLE["conId"], "exchange": "SMART"}
        assert (await scene.place("ann", "a", by_id, totalQuantity=1001)).code == "order.limit"
        assert (await scene.place("ann", "a", by_id, totalQuantity=1000)).code == "ok"
    assert simulator.stats.orders_placed == 1


# -- a day ------------------------------------------------------------------------------------------------------------


async def test_a_daily_cap_on_orders_outlasts_a_restart() -> None:
    async with simulated() as simulator:
        async with scene_at(simulator, "ann", **ann(orders_per_day=2)) as scene:
            assert [(await scene.place("ann", key)).code for key in "aabba"] == ["ok"] * 5
            assert (await scene.place("ann", "c")).code == "order.limit"
        async with scene_at(simulator, "ann", "ben", **ann(orders_per_day=3)) as scene:
            assert (await scene.place("ann", "a")).code == "ok"
            assert (await scene.place("ann", "c")).code == "ok"
            assert (await scene.place("ann", "d")).code == "order.limit"
            assert (await scene.place("ben", "a")).code == "ok", "the cap is ann's"


async def test_a_daily_cap_of_all_scripts_together() -> None:
    async with simulated() as simulator, scene_at(simulator, "ann", "ben", gateway={"orders_per_day": 3}) as scene:
        names = ("ann", "ben", "ann", "ben", "ann")
        answers = await asyncio.gather(*(scene.place(who, f"{number}") for number, who in enumerate(names)))
        assert sorted(answer.code for answer in answers) == ["ok"] * 3 + ["order.limit"] * 2
        assert simulator.stats.orders_placed == 3


async def test_a_daily_cap_on_value_counts_what_is_sent_and_taken() -> None:
    async with simulated() as simulator:
        async with scene_at(simulator, "ann", **ann(value_per_day=100.0)) as scene:
            assert (await scene.place("ann", "a", totalQuantity=40)).code == "ok"
            await simulator.faults.apply("reject_next 201 no 1")
            assert (await scene.place("ann", "b", totalQuantity=60)).code == "order.rejected"
            assert (await scene.place("ann", "c", totalQuantity=61)).code == "order.limit"
            order = (await scene.ask("ann", "orderStatus", key="a")).payload["order"]
            bigger = await scene.ask("ann", "modifyOrder", order={**order, "totalQuantity": 90}, key="a")
            assert bigger.code == "ok"
            assert (await scene.place("ann", "c", totalQuantity=11)).code == "order.limit"
        async with scene_at(simulator, "ann", **ann(value_per_day=100.0)) as scene:
            assert (await scene.place("ann", "c", totalQuantity=11)).code == "order.limit", "also after a restart"
            assert (await scene.place("ann", "c", totalQuantity=10)).code == "ok"


async def test_legs_of_a_unit_are_counted_each_and_refused_together() -> None:
    async with simulated() as simulator, scene_at(simulator, "ann", **ann(orders_per_day=2)) as scene:
        order = {"action": "BUY", "totalQuantity": 1, "orderType": "LMT", "lmtPrice": 1.0}
        legs = [
            {"contract": each, "key": f"{number}", "order": order} for number, each in enumerate((APPLE, SOFT, APPLE))
        ]
        assert (await scene.ask("ann", "placeOrders", tickets=legs)).code == "order.limit"
        assert simulator.stats.orders_placed == 0
        assert (await scene.ask("ann", "whatIfOrder", contract=APPLE, order=order)).code == "ok"
        assert (await scene.ask("ann", "placeOrders", tickets=legs[:2])).code == "ok"
        assert (await scene.place("ann", "more")).code == "order.limit"


async def test_an_admin_may_close_beyond_the_limits() -> None:
    tight = {"orders_per_day": 1, "price_band": 0.01, "order_quantity": 5.0, "order_value": 10.0}
    tables = {"scripts": {"boss": {"role": "admin", **tight}}}
    async with simulated() as simulator, scene_at(simulator, "ann", **tables) as scene:
        sale: dict[str, Any] = {"action": "SELL", "orderType": "LMT", "lmtPrice": 5000.0, "account": FIRST}
        for number in range(2):
            assert (await scene.place("boss", f"{number}", totalQuantity=HELD / 2, **sale)).code == "ok"
        assert (await scene.place("boss", "2", totalQuantity=1, **sale)).code == "order.limit"


async def test_an_exercise_is_worth_what_changes_hands_and_is_halted_like_an_order() -> None:
    async with simulated() as simulator, scene_at(simulator, "ann", **ann(order_value=50_000.0)) as scene:
        risk = scene.proxy.gateways["paper"].risk
        calls = {"secType": "OPT", "symbol": "AAPL", "exchange": "SMART", "currency": "USD", "right": "C"}
        found = (await scene.ask("ann", "reqContractDetails", contract=calls)).payload
        [first, *_] = [each["contract"] for each in found]
        option = Contract(
            "OPT", **{name: first[name] for name in ("conId", "symbol", "strike", "multiplier", "currency")}
        )
        caller = Caller("ann", "x", "trade", asyncio.get_running_loop().time() + 10)
        most = int(50_000 // (option.strike * 100))

        def exercise(quantity: float) -> Ask:
            order = Order(action="EXERCISE", totalQuantity=quantity, orderType="OPTION", account=FIRST)
            return Ask(f"{quantity}", option, order, exercise=True)

        assert await risk.check(caller, exercise(most)) == [(most * option.strike * 100, "USD")]
        with pytest.raises(LimitExceeded, match="above the limit of 50,000"):
            await risk.check(caller, exercise(most + 1))
        assert (await scene.ask("boss", "halt")).code == "ok"
        for role in ("trade", "admin"):
            with pytest.raises(Halted):
                await risk.check(replace(caller, role=role), exercise(1))


# -- live accounts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accounts", "named", "account", "code"),
    [
        ((LIVE,), (), "", "order.limit"),
        ((LIVE,), (), LIVE, "order.limit"),
        ((LIVE,), (LIVE,), "", "ok"),
        ((LIVE, SECOND), (LIVE,), "", "order.limit"),
        ((LIVE, SECOND), (LIVE,), SECOND, "order.limit"),
        ((LIVE, SECOND), (LIVE,), LIVE, "ok"),
        ((FIRST,), (), "", "ok"),
    ],
)
async def test_a_live_account_must_be_named(accounts: Any, named: Any, account: str, code: str) -> None:
    async with (
        simulated(accounts=accounts) as simulator,
        scene_at(simulator, "ann", gateway={"accounts": list(named)}) as scene,
    ):
        answer = await scene.place("ann", "a", account=account)
        assert answer.code == code
        if code != "ok":
            assert answer.payload["outcome"] == "not_sent"
            assert "accounts" in answer.payload["hint"]
            assert simulator.stats.orders_placed == 0


async def test_an_order_at_a_live_account_that_is_not_named_can_be_cancelled_and_not_enlarged() -> None:
    async with simulated(accounts=(LIVE,)) as simulator:
        async with scene_at(simulator, "ann", gateway={"accounts": [LIVE]}) as scene:
            order = (await scene.place("ann", "a")).payload["order"]
        async with scene_at(simulator, "ann") as scene:
            for change in ({"totalQuantity": 50}, {"lmtPrice": 2.0}):
                answer = await scene.ask("ann", "modifyOrder", order={**order, **change}, key="a")
                assert (answer.code, answer.payload["outcome"]) == ("order.limit", "not_sent")
            lower = await scene.ask("ann", "modifyOrder", order={**order, "totalQuantity": 5}, key="a")
            assert lower.code == "ok"
            assert (await scene.ask("ann", "cancelOrder", key="a")).payload["orderStatus"]["status"] == "Cancelled"


async def test_a_refusal_is_journalled_with_the_scripts_name() -> None:
    async with simulated() as simulator, scene_at(simulator, "ann", **ann(order_quantity=5.0)) as scene:
        assert (await scene.place("ann", "a")).code == "order.limit"
        assert (await scene.ask("boss", "halt")).code == "ok"
        assert (await scene.place("ann", "b", totalQuantity=1)).code == "order.halted"
        assert (await scene.place("ann", "c", totalQuantity=1)).code == "order.halted"
        refused: list[tuple[str, str]] = []
        async with asyncio.timeout(30):
            while len(refused) < 3:  # nobody waits for the disk to have them
                wanted = Filter(gateway="paper", kinds=("refusal",))
                refused = [(each.script, each.key) for each in await scene.proxy.journal.read(wanted=wanted)]
        assert refused == [("ann", "a"), ("ann", "b"), ("ann", "c")]
