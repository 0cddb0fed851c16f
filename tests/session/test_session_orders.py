"""Orders over TCP: ids, placing, filling, changing, cancelling, what-if, and being certain about what was not sent."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from session_stage import Heard, Stage, soon, until

from ibmux.errors import NotReady, OrderNotSent, OrderRejected, RequestError
from ibmux.messages.contracts import Contract, TagValue
from ibmux.messages.orders import Order, OrderCondition, SoftDollarTier
from ibmux.messages.trades import CommissionReport
from ibmux.session import Session
from ibmux.session.base import REQUESTS_FROM
from ibmux.session.gate import Gate
from ibmux.sim import SimulatedGateway
from ibmux.sim.clients.client import Client


def limit(price: float = 1.0, **changes: Any) -> Order:
    return Order(
        **{"action": "BUY", "totalQuantity": 10, "orderType": "LMT", "lmtPrice": price, "account": "DU1000001"}
        | changes
    )


async def use_up(session: Session) -> None:
    """Leave the session no budget for the next twenty seconds."""
    session.gate = Gate(0.05, 1)
    await session.gate.send("bulk", "", lambda: None)


def statuses(heard: Heard, order_id: int) -> list[str]:
    return [each.status for each in heard.of("on_order_status") if each.orderId == order_id]


async def test_a_market_order_fills_and_every_message_is_told(session: Session, apple: Contract, heard: Heard) -> None:
    number = session.next_order_id()
    order = limit(orderType="MKT", lmtPrice=None, orderRef="ref-1")
    await session.send_order(number, apple, order, deadline=soon())
    report = await until(lambda: heard.of("on_commission"))
    (fill,) = heard.of("on_execution")
    assert (fill.execution.orderId, fill.execution.shares, fill.execution.orderRef) == (number, 10, "ref-1")
    assert (report[0].execId, report[0].realizedPNL) == (fill.execution.execId, None)
    told = [order for _, order, _ in heard.of("on_order")]
    assert {(each.orderId, each.clientId, each.orderRef, each.account) for each in told} == {
        (number, 1, "ref-1", "DU1000001")
    }
    await until(lambda: "Filled" in statuses(heard, number))
    assert fill.contract.conId == apple.conId


async def test_a_limit_order_is_listed_changed_and_cancelled(session: Session, apple: Contract, heard: Heard) -> None:
    number = session.next_order_id()
    await session.send_order(number, apple, limit(), deadline=soon())
    await until(lambda: "Submitted" in statuses(heard, number))
    for trades in (await session.open_orders(deadline=soon()), await session.all_open_orders(deadline=soon())):
        (trade,) = trades
        assert (trade.order.orderId, trade.order.lmtPrice, trade.orderStatus.status) == (number, 1.0, "Submitted")
        assert trade.order.permId == trade.orderStatus.permId > 0
    await session.send_order(number, apple, limit(2.0, totalQuantity=20), deadline=soon())
    await until(lambda: [o for _, o, _ in heard.of("on_order") if o.lmtPrice == 2.0 and o.totalQuantity == 20])
    await session.send_cancel(number, deadline=soon())
    await until(lambda: "Cancelled" in statuses(heard, number))
    await until(lambda: (number, 202) in {(call[0], call[1]) for call in heard.of("on_order_error")})
    assert await session.open_orders(deadline=soon()) == []
    (done,) = await session.completed_orders(deadline=soon())
    assert (done.orderStatus.status, done.order.permId) == ("Cancelled", trade.order.permId)


async def test_an_order_with_everything_comes_back_as_it_was_sent(
    session: Session, apple: Contract, heard: Heard
) -> None:
    rich: dict[str, Any] = {
        "tif": "GTC",
        "orderRef": "everything",
        "outsideRth": True,
        "hidden": True,
        "goodTillDate": "20291231 23:59:59 UTC",
        "algoStrategy": "Adaptive",
        "algoParams": [TagValue("adaptivePriority", "Urgent")],
        "ocaGroup": "group",
        "minQty": 2,
        "conditions": [
            OrderCondition(condType=1, price=101.5, conId=apple.conId, exch="SMART", triggerMethod=2, conjunction="o"),
            OrderCondition(condType=3, isMore=False, time="20291231 10:00:00 UTC"),
            OrderCondition(condType=4, percent=30),
            OrderCondition(condType=5, secType="STK", exch="SMART", symbol="MSFT"),
            OrderCondition(condType=6, volume=1000, conId=apple.conId, exch="SMART"),
            OrderCondition(condType=7, changePercent=2.5, conId=apple.conId, exch="SMART"),
        ],
        "conditionsCancelOrder": True,
        "conditionsIgnoreRth": True,
        "softDollarTier": SoftDollarTier("tier", "7"),
        "scaleInitLevelSize": 5,
        "scalePriceIncrement": 0.5,
        "scaleProfitOffset": 1.25,
        "modelCode": "model",
        "usePriceMgmtAlgo": True,
    }
    number = session.next_order_id()
    await session.send_order(number, apple, limit(**rich), deadline=soon())
    _, back, _ = await until(lambda: next((call for call in heard.of("on_order") if call[1].orderId == number), None))
    differing = {name: (getattr(back, name), value) for name, value in rich.items() if getattr(back, name) != value}
    assert not differing


async def test_every_order_of_the_day_is_known_after_a_reconnect(
    stage: Stage, gateway: SimulatedGateway, session: Session, apple: Contract, heard: Heard
) -> None:
    filled, working = session.next_order_id(), session.next_order_id()
    await session.send_order(filled, apple, limit(orderType="MKT", lmtPrice=None), deadline=soon())
    await session.send_order(working, apple, limit(orderRef="mine"), deadline=soon())
    await until(lambda: heard.of("on_commission") and "Submitted" in statuses(heard, working))
    heard.calls.clear()
    session.park("A pause.")
    session.resume()
    await session.until_ready(soon())
    orders = {order.orderId: order for _, order, _ in heard.of("on_order")}
    assert orders[working].orderRef == "mine"
    assert filled in {fill.execution.orderId for fill in heard.of("on_execution")}
    assert heard.of("on_commission")
    assert [trade.orderStatus.status for trade in heard.of("on_completed")] == ["Filled"]
    assert session.completed
    assert session.next_order_id() > working


async def test_errors_about_orders_reach_the_hook_with_their_code(
    session: Session, apple: Contract, heard: Heard
) -> None:
    await session.send_cancel(4711, deadline=soon())
    await until(lambda: [call for call in heard.of("on_order_error") if call[:2] == (4711, 10147)])
    number = session.next_order_id()
    await session.send_order(number, apple, limit(totalQuantity=5e6), deadline=soon())
    await until(lambda: [call for call in heard.of("on_order_error") if call[:2] == (number, 201)])


async def test_what_if_answers_with_margin_and_places_nothing(
    session: Session, gateway: SimulatedGateway, apple: Contract, heard: Heard
) -> None:
    state = await session.what_if(apple, limit(transmit=False), deadline=soon())
    assert float(state.initMarginChange) > 0
    assert state.commission is not None
    assert state.minCommission is None
    assert not heard.of("on_order_status")
    assert gateway.book.open_orders(None) == []
    with pytest.raises(OrderRejected):
        await session.what_if(apple, limit(orderType="XYZ"), deadline=soon())
    assert session.stats().pending == 0


async def test_ids_grow_beyond_everything_that_was_seen(
    session: Session, gateway: SimulatedGateway, apple: Contract, heard: Heard
) -> None:
    first = session.next_order_id()
    session.raise_order_ids(5000)
    assert session.next_order_id() == 5001 > first
    session.raise_order_ids(10)
    assert session.next_order_id() == 5002
    session.raise_order_ids(REQUESTS_FROM + 1)
    assert session.next_order_id() == 5003
    await session.send_order(6000, apple, limit(), deadline=soon())
    await until(lambda: statuses(heard, 6000))
    assert session.next_order_id() == 6001
    gateway.clients[1].reply("nextValidId", orderId=12)
    gateway.clients[1].reply("managedAccounts", accountsList="DU1000001,DU1000002")
    await session.matching_symbols("AAPL", deadline=soon())
    assert session.next_order_id() == 6002, "a count that rolled back is not believed"


async def test_an_order_that_was_not_sent_is_said_to_be_so(
    stage: Stage, gateway: SimulatedGateway, session: Session, apple: Contract
) -> None:
    with pytest.raises(RequestError) as text:
        await session.send_order(session.next_order_id(), apple, limit(orderRef="a\0b"), deadline=soon())
    with pytest.raises(RequestError) as number:
        await session.send_order(session.next_order_id(), apple, limit(float("nan")), deadline=soon())
    with pytest.raises(RequestError) as condition:
        bad = limit(conditions=[OrderCondition(condType=2)])
        await session.send_order(session.next_order_id(), apple, bad, deadline=soon())
    assert [each.value.fate for each in (text, number, condition)] == ["not_sent"] * 3
    await gateway.close()
    await until(lambda: session.state == "waiting")
    with pytest.raises(NotReady) as lost:
        await session.send_order(session.next_order_id(), apple, limit(), deadline=soon(0.05))
    assert lost.value.fate == "not_sent"
    assert gateway.stats.orders_placed == 0


async def test_an_order_whose_deadline_passes_in_the_queue_is_never_sent(
    stage: Stage, gateway: SimulatedGateway
) -> None:
    session = await stage.ready(gateway)
    await use_up(session)
    with pytest.raises(OrderNotSent) as late:
        await session.send_order(session.next_order_id(), Contract(conId=265598), limit(), deadline=soon(0.05))
    assert late.value.fate == "not_sent"
    assert session.stats().lanes["order"].depth == 0
    assert gateway.stats.orders_placed == 0


async def test_losing_the_gateway_answers_orders_in_the_queue_as_not_sent(
    stage: Stage, gateway: SimulatedGateway
) -> None:
    session = await stage.ready(gateway)
    await use_up(session)
    waiting = asyncio.create_task(
        session.send_order(session.next_order_id(), Contract(conId=265598), limit(), deadline=soon())
    )
    await until(lambda: session.stats().lanes["order"].depth == 1)
    await gateway.close()
    with pytest.raises(NotReady) as lost:
        await waiting
    assert lost.value.fate == "not_sent"
    assert gateway.stats.orders_placed == 0


async def test_global_cancel_ends_every_order(session: Session, apple: Contract, heard: Heard) -> None:
    numbers = [session.next_order_id() for _ in range(3)]
    for number in numbers:
        await session.send_order(number, apple, limit(), deadline=soon())
    await until(lambda: all("Submitted" in statuses(heard, number) for number in numbers))
    await session.global_cancel(deadline=soon())
    await until(lambda: all("Cancelled" in statuses(heard, number) for number in numbers))


async def test_orders_that_finish_while_the_list_comes_are_not_on_it(
    session: Session, gateway: SimulatedGateway, apple: Contract, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = session.next_order_id()
    await session.send_order(number, apple, limit(), deadline=soon())
    await until(lambda: "Submitted" in statuses(heard, number))
    reply = Client.reply

    def cancel_first(self: Client, name: str, **values: Any) -> None:
        if name == "openOrderEnd":
            gateway.publish(gateway.book.cancel(1, number, session.clock()))
        reply(self, name, **values)

    monkeypatch.setattr(Client, "reply", cancel_first)
    assert await session.open_orders(deadline=soon()) == []


async def test_client_0_asks_for_the_orders_that_people_place_by_hand(stage: Stage, gateway: SimulatedGateway) -> None:
    await stage.ready(gateway, client_id=0)
    await until(lambda: gateway.clients[0].auto_open)


async def test_commissions_are_kept_up_to_a_bound(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibmux.session.orders._REPORTS", 2)
    for number in range(5):
        session.on_commission(CommissionReport(f"exec-{number}", 1.0, "USD"))
    assert list(session._reports) == ["exec-3", "exec-4"]


async def test_ids_are_drawn_in_the_order_of_sending(
    session: Session, gateway: SimulatedGateway, apple: Contract, heard: Heard
) -> None:
    """A question about margin waits behind an order: with an id drawn earlier the gateway would refuse it (103)."""
    session.gate = Gate(0.01, 1)
    await session.gate.send("bulk", "", lambda: None)
    question = asyncio.create_task(session.what_if(apple, limit(), deadline=soon()))
    await until(lambda: session.stats().lanes["account"].depth == 1)
    drawn: list[int] = []

    def prepare(number: int) -> Order:
        drawn.append(number)
        return limit(orderId=number)

    orders = asyncio.gather(*(session.place_order(apple, prepare, deadline=soon()) for _ in range(3)))
    await until(lambda: session.stats().lanes["order"].depth == 3)
    session.gate._pacer.rate = 100.0
    session.gate._arm()
    await orders
    assert (await question).commission is not None
    await until(lambda: all("Submitted" in statuses(heard, number) for number in drawn))
    assert drawn == sorted(drawn)
    assert session.stats().pending == 0
    assert not heard.of("on_order_error")
