"""Orders: keys, live trades, what is told once and only once."""

from __future__ import annotations

import asyncio
import datetime as dt

import ib_async
import ib_insync
import pytest
from far_side import Proxy, Silence, trade

import ibmux
from ibmux import Contract, LimitOrder, MarketOrder, Order, Stock, errors
from ibmux.messages import orders as wire
from ibmux.messages.trades import CommissionReport, Execution, Fill, OrderState
from ibmux.messages.trading import FillEvent, OrderEvent

AAPL = Contract("STK", 265598, "AAPL", exchange="SMART", currency="USD")
NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


class Book:
    """The proxy's side of one script's orders."""

    def __init__(self, proxy: Proxy, script: str = "alpha") -> None:
        self.proxy, self.script = proxy, script

    def event(self, key: str, status: str, code: int = 0, message: str = "", fills=(), **more) -> None:
        order = Order(orderId=11, permId=900_011, action="BUY", totalQuantity=10, orderType="LMT", lmtPrice=5.0)
        report = trade(AAPL, order, key, self.script, status, **more)
        report.fills = list(fills)
        self.proxy.write(OrderEvent(1, 0, 1.0, key, report, code, message), script=self.script)

    def fill(self, key: str, exec_id: str, shares: float, commission: bool = False) -> Fill:
        fill = make_fill(key, exec_id, shares, commission)
        event = FillEvent(1, 0, 1.0, "commission" if commission else "fill", key, fill)
        self.proxy.write(event, script=self.script)
        return fill


def make_fill(key: str, exec_id: str, shares: float, commission: bool = False) -> Fill:
    execution = Execution(exec_id, NOW, shares=shares, price=5.0, permId=900_011)
    report = CommissionReport(exec_id, 1.0, "USD") if commission else CommissionReport()
    return Fill(AAPL, execution, report, NOW, key, "alpha")


def record(ib: ibmux.IB) -> list[tuple]:
    told: list[tuple] = []
    ib.newOrderEvent += lambda one: told.append(("new", one.key))
    ib.orderStatusEvent += lambda one: told.append(("status", one.key, one.orderStatus.status))
    ib.execDetailsEvent += lambda one, fill: told.append(("fill", one.key, fill.execution.execId))
    ib.commissionReportEvent += lambda one, fill, report: told.append(("commission", report.execId))
    return told


async def test_an_order_gets_number_and_key_and_its_trade_lives(proxy: Proxy, ib: ibmux.IB) -> None:
    told, book = record(ib), Book(proxy)
    order = LimitOrder("BUY", 10, 5.0)
    placed = await ib.placeOrder(AAPL, order)
    sent = proxy.of("placeOrder")[0]
    assert sent.key == placed.key
    assert len(placed.key) > 12
    assert (sent.order.orderId, sent.order.lmtPrice, sent.contract) == (0, 5.0, AAPL)
    assert (order.orderId > 1_000_000_000, order.permId) == (True, 900_011)
    assert placed.order is order
    assert placed.contract is AAPL
    assert (placed.orderStatus.status, placed.orderStatus.orderId) == ("Submitted", 11)
    assert placed.isActive()
    assert not placed.isDone()
    book.fill(placed.key, "e1", 4)
    book.event(placed.key, "Submitted", filled=4.0, remaining=6.0)
    book.fill(placed.key, "e2", 6)
    book.event(placed.key, "Filled", filled=10.0)
    book.fill(placed.key, "e1", 4, commission=True)
    assert await placed.done(20) is placed
    async with asyncio.timeout(20):
        while not placed.fills[0].commissionReport.execId:
            await ib.waitOnUpdate(5)
    assert (placed.filled(), placed.remaining()) == (10, 0)
    key = placed.key
    assert told == [
        ("new", key),
        ("status", key, "Submitted"),
        ("fill", key, "e1"),
        ("status", key, "Submitted"),
        ("fill", key, "e2"),
        ("status", key, "Filled"),
        ("commission", "e1"),
    ]
    assert "Filled" in repr(placed)


async def test_a_fill_is_told_once_whoever_brings_it_first(proxy: Proxy, ib: ibmux.IB) -> None:
    told, book = record(ib), Book(proxy)
    placed = await ib.placeOrder(AAPL, LimitOrder("BUY", 10, 5.0), "k")
    book.event("k", "Submitted", filled=4.0, fills=[make_fill("k", "e1", 4)])
    book.fill("k", "e1", 4)
    book.fill("k", "e1", 4, commission=True)
    report = trade(AAPL, Order(permId=900_011), "k", "alpha", "Submitted", filled=7.0)
    report.fills = [make_fill("k", "e1", 4, commission=True), make_fill("k", "e2", 3)]
    proxy.answers["trades"] = lambda _request, _message: [report]
    assert await ib.trades() == [placed]
    book.fill("k", "e2", 3)
    book.event("k", "Filled", filled=10.0)
    await placed.done(20)
    assert [one for one in told if one[0] in ("fill", "commission")] == [
        ("fill", "k", "e1"),
        ("commission", "e1"),
        ("fill", "k", "e2"),
    ]


async def test_an_older_report_never_undoes_an_end(proxy: Proxy, ib: ibmux.IB) -> None:
    book = Book(proxy)
    placed = await ib.placeOrder(AAPL, LimitOrder("BUY", 10, 5.0), "k")
    book.event("k", "Filled", filled=10.0)
    await placed.done(20)
    stale = trade(AAPL, Order(permId=900_011), "k", "alpha", "Submitted")
    proxy.answers["orderStatus"] = lambda _request, _message: stale
    assert await ib.orderStatus("k") is placed
    assert placed.orderStatus.status == "Filled"


async def test_the_same_order_object_is_modified(proxy: Proxy, ib: ibmux.IB) -> None:
    proxy.answers["modifyOrder"] = lambda request, _message: trade(AAPL, request.order, request.key, "alpha")
    order = LimitOrder("BUY", 10, 5.0)
    placed = await ib.placeOrder(AAPL, order, "k")
    modified: list[object] = []
    placed.modifyEvent += modified.append
    order.lmtPrice = 5.5
    assert await ib.placeOrder(AAPL, order) is placed
    (request,) = proxy.of("modifyOrder")
    assert (request.key, request.order.lmtPrice, request.order.orderId) == ("k", 5.5, 0)
    assert modified == [placed]
    assert placed.log[-1].message == "Modify"
    Book(proxy).event("k", "Cancelled")
    await placed.done(20)
    with pytest.raises(errors.RequestError, match="finished"):
        await ib.placeOrder(AAPL, order)


async def test_the_same_key_is_sent_again_and_gives_the_same_trade(proxy: Proxy, ib: ibmux.IB) -> None:
    first = await ib.placeOrder(AAPL, LimitOrder("BUY", 10, 5.0), "k")
    again = await ib.placeOrder(AAPL, LimitOrder("BUY", 10, 5.0), "k")
    assert again is first
    one, two = proxy.of("placeOrder")
    assert one.key == two.key == "k"
    assert one.order == two.order


async def test_a_change_made_elsewhere_shows_but_not_over_the_scripts_own(proxy: Proxy, ib: ibmux.IB) -> None:
    order = LimitOrder("BUY", 10, 6.0)
    placed = await ib.placeOrder(AAPL, order, "k")
    Book(proxy).event("k", "Submitted", remaining=10.0)
    await placed.wait_for("Submitted", timeout=20)
    async with asyncio.timeout(20):
        while order.lmtPrice != 5.0:
            await ib.waitOnUpdate(5)
    order.totalQuantity = 20
    Book(proxy).event("k", "PreSubmitted", remaining=10.0)
    await placed.wait_for("PreSubmitted", timeout=20)
    assert order.totalQuantity == 20
    assert order.auxPrice is None


async def test_a_bracket_is_built_placed_and_hangs_together(proxy: Proxy, ib: ibmux.IB) -> None:
    bracket = ib.bracketOrder("BUY", 10, 5.0, 6.0, 4.0, tif="GTC")
    assert [order.orderType for order in bracket] == ["LMT", "LMT", "STP"]
    assert [order.transmit for order in bracket] == [False, False, True]
    assert bracket.takeProfit.parentId == bracket.stopLoss.parentId == bracket.parent.orderId
    assert (bracket.stopLoss.action, bracket.stopLoss.auxPrice, bracket.parent.tif) == ("SELL", 4.0, "GTC")

    def place(request, _message):
        return [trade(ticket.contract, ticket.order, ticket.key, "alpha") for ticket in request.tickets]

    proxy.answers["placeOrders"] = place
    trades = await ib.placeOrders([(AAPL, order) for order in bracket])
    (request,) = proxy.of("placeOrders")
    parent = request.tickets[0].key
    assert [ticket.parentKey for ticket in request.tickets] == ["", parent, parent]
    assert [ticket.order.parentId for ticket in request.tickets] == [0, 0, 0]
    assert [one.order for one in trades] == list(bracket)
    with pytest.raises(errors.RequestError):
        ib.bracketOrder("HOLD", 1, 1, 1, 1)


async def test_a_bracket_placed_one_by_one_as_in_ib_async(proxy: Proxy, ib: ibmux.IB) -> None:
    bracket = ib.bracketOrder("SELL", 10, 5.0, 4.0, 6.0)
    trades = [await ib.placeOrder(AAPL, order) for order in bracket]
    keys = [request.key for request in proxy.of("placeOrder")]
    assert [request.parentKey for request in proxy.of("placeOrder")] == ["", keys[0], keys[0]]
    assert len({one.key for one in trades}) == 3
    orphan = LimitOrder("BUY", 1, 1.0, parentId=ib.client.getReqId())
    with pytest.raises(errors.RequestError, match="was not placed yet"):
        await ib.placeOrder(AAPL, orphan)


async def test_a_refused_order_is_finished_with_its_reason(proxy: Proxy, ib: ibmux.IB) -> None:
    told = record(ib)

    def refuse(_request, _message):
        raise errors.OrderRejected("The price is off", ib=(110, "The price does not conform"))

    proxy.answers["placeOrder"] = refuse
    with pytest.raises(errors.OrderRejected):
        await ib.placeOrder(AAPL, LimitOrder("BUY", 10, 5.001), "k")
    assert told == [("new", "k"), ("status", "k", "Inactive")]
    (refused,) = ib._book
    assert (refused.log[-1].errorCode, refused.log[-1].message) == (110, "The price is off")


async def test_what_was_not_sent_can_be_placed_again_as_it_is(proxy: Proxy, ib: ibmux.IB) -> None:
    place, order = proxy.answers["placeOrder"], LimitOrder("BUY", 10, 5.0)

    def not_ready(_request, _message):
        raise errors.NotReady("The session is waiting.")

    proxy.answers["placeOrder"] = not_ready
    with pytest.raises(errors.NotReady):
        await ib.placeOrder(AAPL, order)
    proxy.answers["placeOrder"] = place
    placed = await ib.placeOrder(AAPL, order)
    assert placed.orderStatus.status == "Submitted"
    one, two = proxy.of("placeOrder")
    assert one.key == two.key
    assert "modifyOrder" not in proxy.methods()


async def test_what_is_unknown_stays_open_and_can_be_asked_for(proxy: Proxy, ib: ibmux.IB) -> None:
    proxy.answers["placeOrder"] = lambda _request, _message: Silence
    with pytest.raises(errors.OrderUnknown, match="'k'"):
        await ib.placeOrder(AAPL, LimitOrder("BUY", 10, 5.0), "k", timeout=0.05)
    (known,) = ib._book
    assert known.orderStatus.status == "PendingSubmit"
    proxy.answers["orderStatus"] = lambda request, _message: trade(AAPL, Order(), request.key, "alpha")
    assert await ib.orderStatus("k") is known
    assert known.orderStatus.status == "Submitted"


async def test_cancelling_by_order_trade_or_key(proxy: Proxy, ib: ibmux.IB) -> None:
    def cancel(request, _message):
        return trade(AAPL, Order(permId=request.permId or 900_011), request.key, "alpha", "Cancelled")

    proxy.answers["cancelOrder"] = cancel
    cancelled: list[object] = []
    ib.cancelOrderEvent += cancelled.append
    orders = [LimitOrder("BUY", 10, price) for price in (1.0, 2.0, 3.0)]
    placed = [await ib.placeOrder(AAPL, order, f"k{number}") for number, order in enumerate(orders)]
    for what, one in zip((orders[0], placed[1], "k2"), placed, strict=True):
        assert await ib.cancelOrder(what) is one
        assert one.isDone()
    assert cancelled == placed
    assert [request.key for request in proxy.of("cancelOrder")] == ["k0", "k1", "k2"]
    stranger = wire.Order(permId=77)
    await ib.cancelOrder(stranger, "20260101 10:00:00")
    request = proxy.of("cancelOrder")[-1]
    assert (request.key, request.permId, request.manualCancelOrderTime) == ("", 77, "20260101 10:00:00")
    with pytest.raises(errors.RequestError, match="names no order"):
        await ib.cancelOrder(LimitOrder("BUY", 1, 1.0))


async def test_a_trade_of_another_script_is_named_with_its_owner(proxy: Proxy, ib: ibmux.IB) -> None:
    theirs = trade(AAPL, LimitOrder("BUY", 1, 1.0), "their-key", "beta")
    proxy.answers["openTrades"] = lambda request, _message: [theirs] if request.all else []
    proxy.answers["cancelOrder"] = lambda _request, _message: theirs
    assert await ib.openTrades() == []
    (one,) = await ib.openTrades(all=True)
    assert one.script == "beta"
    await ib.cancelOrder(one)
    request = proxy.of("cancelOrder")[0]
    assert (request.key, request.script) == ("their-key", "beta")
    assert list(ib._book) == []


async def test_orders_that_stood_before_are_known_without_being_news(proxy: Proxy, connect) -> None:
    old = trade(AAPL, LimitOrder("BUY", 10, 5.0), "old", "alpha")
    old.fills = [make_fill("old", "e1", 4)]
    proxy.answers["trades"] = lambda _request, _message: [old]
    proxy.answers["openOrders"] = proxy.answers["openTrades"] = lambda _request, _message: [old]
    proxy.answers["modifyOrder"] = lambda request, _message: trade(AAPL, request.order, request.key, "alpha")
    ib = await connect()
    told, book = record(ib), Book(proxy)
    book.fill("old", "e2", 6)
    (known,) = await ib.trades()
    async with asyncio.timeout(20):
        while len(known.fills) < 2:
            await ib.waitOnUpdate(5)
    assert told == [("fill", "old", "e2")]
    (order,) = await ib.openOrders()
    assert order is known.order
    order.lmtPrice = 5.5
    assert await ib.placeOrder(AAPL, order) is known
    assert proxy.of("modifyOrder")[0].key == "old"


async def test_a_restarted_script_gets_its_order_back_by_key(proxy: Proxy, connect) -> None:
    old = trade(AAPL, LimitOrder("BUY", 10, 5.0), "old", "alpha")
    proxy.answers["trades"] = lambda _request, _message: [old]
    proxy.answers["placeOrders"] = lambda _request, _message: [old]
    ib = await connect()
    order = ib_async.LimitOrder("BUY", 10, 5.0)
    (known,) = await ib.trades()
    assert await ib.placeOrder(AAPL, order, "old") is known
    assert known.order is order
    assert order.permId == 900_011
    assert await ib.placeOrders([(AAPL, LimitOrder("BUY", 10, 5.0), "old")]) == [known]
    assert known.order is order


async def test_what_was_missed_during_a_loss_is_told_after_it(proxy: Proxy, ib: ibmux.IB) -> None:
    told = record(ib)
    placed = await ib.placeOrder(AAPL, LimitOrder("BUY", 10, 5.0), "k")
    report = trade(AAPL, Order(permId=900_011), "k", "alpha", "Filled", filled=10.0)
    report.fills = [make_fill("k", "e1", 10, commission=True)]
    elsewhere = trade(AAPL, Order(permId=5), "k2", "alpha", "Submitted")
    proxy.answers["trades"] = lambda _request, _message: [report, elsewhere]
    told.clear()
    fill, cost = make_fill("k", "e1", 10), report.fills[0]
    proxy.write(FillEvent(1, 0, 1.0, "fill", "k", fill), tell=False)
    proxy.write(FillEvent(1, 0, 1.0, "commission", "k", cost), tell=False)
    await proxy.restart()
    await placed.done(20)
    async with asyncio.timeout(20):
        while len(told) < 4:
            await ib.waitOnUpdate(5)
    assert sorted(told) == [
        ("commission", "e1"),
        ("fill", "k", "e1"),
        ("status", "k", "Filled"),
        ("status", "k2", "Submitted"),
    ]


async def test_events_with_a_code_reach_the_error_event(proxy: Proxy, ib: ibmux.IB) -> None:
    placed = await ib.placeOrder(AAPL, LimitOrder("BUY", 10, 5.0), "k")
    told: list[tuple] = []
    ib.errorEvent += lambda *args: told.append(args)
    Book(proxy).event("k", "Cancelled", 202, "Order Canceled - reason:")
    await placed.done(20)
    assert told == [(placed.order.orderId, 202, "Order Canceled - reason:", AAPL)]
    assert placed.log[-1].errorCode == 202


async def test_streams_of_orders_and_fills(proxy: Proxy, ib: ibmux.IB) -> None:
    changes, fills = ib.orderEvents(), ib.fillEvents()
    placed = await ib.placeOrder(AAPL, LimitOrder("BUY", 10, 5.0), "k")
    Book(proxy).fill("k", "e1", 10)
    async with asyncio.timeout(20):
        assert await anext(changes) is placed
        assert (await anext(fills)).execution.execId == "e1"


async def test_a_fill_of_an_order_that_nobody_told_of(proxy: Proxy, ib: ibmux.IB) -> None:
    fills = ib.fillEvents()
    Book(proxy).fill("", "e9", 1)
    async with asyncio.timeout(20):
        fill = await anext(fills)
    assert fill.execution.execId == "e9"
    assert [one.order.permId for one in ib._book] == [900_011]


async def test_waiting_for_an_order_has_a_bound(proxy: Proxy, ib: ibmux.IB) -> None:
    placed = await ib.placeOrder(AAPL, LimitOrder("BUY", 10, 5.0))
    with pytest.raises(TimeoutError):
        await placed.done(0.02)


@pytest.mark.parametrize("library", [ib_async, ib_insync], ids=["ib_async", "ib_insync"])
async def test_orders_of_other_libraries_live_too(proxy: Proxy, ib: ibmux.IB, library) -> None:
    contract, order = library.Stock("AAPL", "SMART", "USD"), library.LimitOrder("BUY", 10, 5.0, tif="DAY")
    placed = await ib.placeOrder(contract, order)
    request = proxy.of("placeOrder")[0]
    assert request.order == Order(action="BUY", totalQuantity=10.0, orderType="LMT", lmtPrice=5.0, tif="DAY")
    assert request.contract == Stock("AAPL", "SMART", "USD")
    assert placed.order is order
    assert placed.contract is contract
    assert (order.permId, order.orderId) == (900_011, placed.order.orderId)
    proxy.answers["modifyOrder"] = lambda request, _message: trade(AAPL, request.order, request.key, "alpha")
    order.lmtPrice = 6.0
    assert await ib.placeOrder(contract, order) is placed
    assert proxy.of("modifyOrder")[0].order.lmtPrice == 6.0
    proxy.answers["cancelOrder"] = lambda request, _message: trade(AAPL, Order(), request.key, "alpha", "Cancelled")
    assert (await ib.cancelOrder(order)).isDone()


async def test_what_if_and_the_lists(proxy: Proxy, ib: ibmux.IB) -> None:
    fill = make_fill("k", "e1", 1)
    lists = {"fills": [fill], "reqExecutions": [fill], "reqGlobalCancel": True}
    lists |= {name: [] for name in ("openTrades", "reqOpenOrders", "reqAllOpenOrders", "reqCompletedOrders")}
    for name, answer in lists.items():
        proxy.answers[name] = lambda _request, _message, answer=answer: answer
    proxy.answers["whatIfOrder"] = lambda _request, _message: OrderState(commission=1.5)
    order = MarketOrder("BUY", 1)
    assert (await ib.whatIfOrder(AAPL, order)).commission == 1.5
    assert (order.orderId, order.whatIf) == (0, False)
    assert await ib.fills() == [fill]
    assert await ib.executions() == [fill.execution]
    assert await ib.reqExecutions(ib_async.ExecutionFilter(symbol="AAPL")) == [fill]
    assert proxy.of("reqExecutions")[0].execFilter.symbol == "AAPL"
    assert await ib.reqExecutions() == [fill]
    assert await ib.reqGlobalCancel() is True
    for name in ("openTrades", "openOrders", "orders", "trades", "reqOpenOrders", "reqAllOpenOrders"):
        assert await getattr(ib, name)() == []
    assert await ib.reqCompletedOrders(True) == []
    grouped = ib.oneCancelsAll([order, LimitOrder("BUY", 1, 2.0)], "group", 1)
    assert [(one.ocaGroup, one.ocaType) for one in grouped] == [("group", 1)] * 2


async def test_a_leg_must_be_a_contract_and_an_order(ib: ibmux.IB) -> None:
    with pytest.raises(errors.RequestError, match="is no leg"):
        await ib.placeOrders([(AAPL,)])
    with pytest.raises(errors.RequestError, match="is not an order"):
        await ib.placeOrder(AAPL, "BUY 1")


async def test_filled_is_told_once_and_with_its_quantity(proxy: Proxy, ib: ibmux.IB) -> None:
    told, filled, book = record(ib), [], Book(proxy)
    placed = await ib.placeOrder(AAPL, LimitOrder("BUY", 10, 5.0), "k")
    placed.filledEvent += filled.append
    book.event("k", "Filled", remaining=10.0)
    book.event("k", "Filled", filled=10.0, avgFillPrice=5.0)
    book.event("k", "Filled", filled=10.0, avgFillPrice=0.0)
    assert (await placed.done(20)).orderStatus.avgFillPrice == 5.0
    completed = trade(AAPL, Order(permId=900_011), "k", "alpha", "Filled", filled=10.0)
    proxy.answers["reqCompletedOrders"] = lambda _request, _message: [completed]
    assert await ib.reqCompletedOrders() == [placed]
    assert placed.orderStatus.avgFillPrice == 5.0
    assert filled == [placed]
    assert [one for one in told if one[-1] == "Filled"] == [("status", "k", "Filled")]


async def test_an_order_without_key_is_modified_by_its_permId(proxy: Proxy, ib: ibmux.IB) -> None:
    proxy.answers["modifyOrder"] = lambda request, _message: trade(AAPL, request.order, "", "external")
    order = LimitOrder("BUY", 1, 1.0, permId=77, orderId=5)
    modified = await ib.modifyOrder(order)
    request = proxy.of("modifyOrder")[0]
    assert (request.key, request.order.permId, request.order.orderId) == ("", 77, 5)
    assert modified.script == "external"


async def test_a_parent_of_the_gateways_own_number_is_left_as_it_is(proxy: Proxy, ib: ibmux.IB) -> None:
    await ib.placeOrder(AAPL, LimitOrder("BUY", 1, 1.0, parentId=42))
    assert proxy.of("placeOrder")[0].order.parentId == 42


async def test_connecting_does_not_wait_for_long_for_the_standing_orders(proxy: Proxy, connect) -> None:
    proxy.answers["trades"] = lambda _request, _message: Silence
    ib = await connect(timeout=3.0)
    assert ib.isConnected()


async def test_finished_trades_are_forgotten_past_a_bound(proxy: Proxy, ib: ibmux.IB, monkeypatch) -> None:
    monkeypatch.setattr("ibmux.client.book.KEPT", 3)
    proxy.answers["placeOrder"] = lambda request, _message: trade(AAPL, request.order, request.key, "alpha", "Filled")
    for number in range(5):
        await ib.placeOrder(AAPL, LimitOrder("BUY", 1, 1.0), f"k{number}")
    assert [one.key for one in ib._book] == ["k2", "k3", "k4"]


async def test_a_key_that_became_free_takes_another_order(proxy: Proxy, ib: ibmux.IB) -> None:
    first = await ib.placeOrder(AAPL, LimitOrder("BUY", 10, 5.0), "k")
    Book(proxy).event("k", "Inactive", message="it was never sent")
    await first.done(20)
    order = LimitOrder("BUY", 20, 6.0)
    again = await ib.placeOrder(AAPL, order, "k")
    assert again.order is order
    assert (again.order.totalQuantity, again.orderStatus.status) == (20, "Submitted")
