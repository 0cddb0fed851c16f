"""Combinations, conditions, attributes, exercise, orders by hand and the Master client, through both libraries."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from wire_client import Connector, Opener, RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.sim.catalogue.contracts import Query
from ibmux.sim.clients.delivery import tell_orders
from ibmux.sim.orders.order import OrderSpec
from ibmux.tws.requests import REQUEST_NAMES

FIRST, SECOND = "DU1000001", "DU1000002"


async def stock(ib: Any, library: Any, symbol: str = "AAPL") -> Any:
    contract = library.Stock(symbol, "SMART", "USD")
    await ib.qualifyContractsAsync(contract)
    return contract


def bag(library: Any, *legs: tuple[int, int, str], symbol: str = "AAPL") -> Any:
    rows = [
        library.ComboLeg(conId=conId, ratio=ratio, action=action, exchange="SMART") for conId, ratio, action in legs
    ]
    return library.Contract(secType="BAG", symbol=symbol, exchange="SMART", currency="USD", comboLegs=rows)


async def test_a_combination_is_executed_leg_by_leg(ib: Any, library: Any) -> None:
    apple, soft = await stock(ib, library), await stock(ib, library, "MSFT")
    contract = bag(library, (apple.conId, 1, "BUY"), (soft.conId, 2, "SELL"))
    order = library.MarketOrder("BUY", 5, account=SECOND)
    order.smartComboRoutingParams = [library.TagValue("NonGuaranteed", "0")]
    trade = ib.placeOrder(contract, order)
    await until(lambda: trade.isDone() and sum(bool(fill.commissionReport.execId) for fill in trade.fills) == 2)
    assert [fill.contract.secType for fill in trade.fills] == ["BAG", "STK", "STK"]
    assert [(fill.contract.symbol, fill.execution.shares) for fill in trade.fills[1:]] == [("AAPL", 5), ("MSFT", 10)]
    whole, first, second = (fill.execution.price for fill in trade.fills)
    assert whole == pytest.approx(first - 2 * second)
    await until(lambda: {p.contract.symbol: p.position for p in ib.positions(SECOND)}.get("MSFT") == -10)
    assert "BAG" not in {p.contract.secType for p in ib.positions()}
    done = await ib.reqCompletedOrdersAsync(False)
    assert [one.contract.comboLegsDescrip for one in done] == [f"{apple.conId}|1,{soft.conId}|-2"]


async def test_a_combination_comes_back_with_its_legs_and_prices(
    ib: Any, library: Any, gateway: SimulatedGateway
) -> None:
    apple, soft = await stock(ib, library), await stock(ib, library, "MSFT")
    contract = bag(library, (apple.conId, 1, "BUY"), (soft.conId, 1, "SELL"))
    order = library.LimitOrder("BUY", 5, -900.0, account=SECOND)
    trade = ib.placeOrder(contract, order)
    await until(lambda: trade.orderStatus.status == "Submitted")
    [seen] = await ib.reqAllOpenOrdersAsync()
    found = getattr(seen, "contract", contract)
    assert [(leg.conId, leg.ratio, leg.action) for leg in found.comboLegs] == [
        (apple.conId, 1, "BUY"),
        (soft.conId, 1, "SELL"),
    ]
    ib.cancelOrder(trade.order)
    await until(lambda: trade.orderStatus.status == "Cancelled")
    by_leg = library.Order(action="BUY", totalQuantity=1, orderType="LMT", lmtPrice=0.0, account=SECOND)
    by_leg.orderComboLegs = [library.OrderComboLeg(price=1.0), library.OrderComboLeg(price=1.0)]
    trade = ib.placeOrder(contract, by_leg)
    await until(lambda: trade.orderStatus.status == "Submitted")
    assert gateway.book.open_orders(1)[0].spec.legPrices == (1.0, 1.0)


async def test_a_what_if_of_a_combination(ib: Any, library: Any) -> None:
    apple, soft = await stock(ib, library), await stock(ib, library, "MSFT")
    contract = bag(library, (apple.conId, 1, "BUY"), (soft.conId, 1, "BUY"))
    state = await ib.whatIfOrderAsync(contract, library.MarketOrder("BUY", 10, account=SECOND))
    assert float(state.initMarginChange) > 0
    assert state.commission == pytest.approx(2.0)


BAD_COMBOS = [([], 314), ([(0, 1, "BUY")], 312)]


@pytest.mark.parametrize(("legs", "code"), BAD_COMBOS)
async def test_bad_combinations_are_refused(ib: Any, library: Any, legs: list[Any], code: int) -> None:
    trade = ib.placeOrder(bag(library, *legs), library.MarketOrder("BUY", 5, account=SECOND))
    await until(lambda: (trade.order.orderId, code) in [error[:2] for error in ib.errors])


async def test_every_attribute_comes_back_as_sent(ib: Any, library: Any) -> None:
    contract = await stock(ib, library)
    order = library.Order(
        action="BUY", totalQuantity=70, orderType="LMT", lmtPrice=2.5, tif="GTD", account=FIRST, displaySize=10,
        goodTillDate="20991231 20:00:00 US/Eastern", goodAfterTime="20990101 10:00:00 US/Eastern", minQty=5,
        hidden=True, triggerMethod=2, discretionaryAmt=0.0, scaleInitLevelSize=20, scaleSubsLevelSize=10,
        scalePriceIncrement=0.25, scaleProfitOffset=1.5, scaleAutoReset=True, algoStrategy="Vwap",
        algoParams=[library.TagValue("maxPctVol", "0.1"), library.TagValue("startTime", "09:30:00 US/Eastern")],
        outsideRth=True, sweepToFill=True, conditionsIgnoreRth=True, conditionsCancelOrder=False,
        conditions=[
            library.PriceCondition(price=500.0, conId=contract.conId, exch="SMART", isMore=True, conjunction="o"),
            library.TimeCondition(time="20990101 10:00:00 US/Eastern", isMore=True),
            library.MarginCondition(percent=5, isMore=False),
            library.ExecutionCondition(secType="STK", exch="SMART", symbol="KO"),
            library.VolumeCondition(volume=10**9, conId=contract.conId, exch="SMART", isMore=True),
            library.PercentChangeCondition(changePercent=90.0, conId=contract.conId, exch="SMART", isMore=True),
        ],
    )  # fmt: skip
    sent = library.util.dataclassAsDict(order)
    trade = ib.placeOrder(contract, order)
    await until(lambda: trade.orderStatus.status == "PreSubmitted")
    other = library.IB()
    try:
        await other.connectAsync(ib.client.host, ib.client.port, clientId=2, timeout=20)
        [found] = await other.reqAllOpenOrdersAsync()
    finally:
        other.disconnect()
    back = library.util.dataclassAsDict(getattr(found, "order", found))
    names = (
        "action totalQuantity orderType lmtPrice tif account displaySize goodTillDate goodAfterTime minQty hidden "
        "triggerMethod scaleInitLevelSize scaleSubsLevelSize scalePriceIncrement scaleProfitOffset scaleAutoReset "
        "algoStrategy algoParams outsideRth sweepToFill conditions conditionsIgnoreRth conditionsCancelOrder"
    )
    for name in names.split():
        assert back[name] == sent[name], name


async def test_an_adjustable_stop_and_a_hedge_come_back_as_sent(ib: Any, library: Any) -> None:
    contract, soft = await stock(ib, library), await stock(ib, library, "MSFT")
    parent = library.LimitOrder("BUY", 10, 1.0, account=FIRST, transmit=False, orderId=ib.client.getReqId())
    hedge = library.MarketOrder("SELL", 0, account=FIRST, hedgeType="P", hedgeParam="2", parentId=parent.orderId)
    ib.placeOrder(contract, parent)
    child = ib.placeOrder(soft, hedge)
    await until(lambda: child.orderStatus.whyHeld == "child")
    assert (child.order.hedgeType, child.order.hedgeParam) == ("P", "2")
    stop = library.StopOrder(
        "SELL", 10, 5.0, account=FIRST, adjustedOrderType="TRAIL", triggerPrice=9000.0, adjustedStopPrice=6.0,
        adjustedTrailingAmount=3.0, adjustableTrailingUnit=0,
    )  # fmt: skip
    trade = ib.placeOrder(contract, stop)
    await until(lambda: trade.orderStatus.status == "PreSubmitted")
    assert (trade.order.adjustedOrderType, trade.order.triggerPrice) == ("TRAIL", 9000.0)
    assert (trade.order.adjustedStopPrice, trade.order.adjustedTrailingAmount) == (6.0, 3.0)


async def test_a_conditional_order_waits_and_fills(ib: Any, library: Any) -> None:
    contract, soft = await stock(ib, library), await stock(ib, library, "MSFT")
    order = library.MarketOrder("BUY", 1, account=FIRST)
    order.conditions = [library.ExecutionCondition(secType="STK", exch="SMART", symbol="MSFT")]
    trade = ib.placeOrder(contract, order)
    await until(lambda: trade.orderStatus.status == "PreSubmitted")
    ib.placeOrder(soft, library.MarketOrder("BUY", 1, account=FIRST))
    await until(lambda: trade.orderStatus.status == "Filled")


CODES = [
    ({"algoStrategy": "Nonsense"}, 439),
    ({"displaySize": 50}, 10020),
    ({"scaleInitLevelSize": 10, "scalePriceIncrement": 0.0}, 408),
    ({"orderType": "TRAIL"}, 321),
    ({"orderType": "STP LMT", "lmtPrice": 5.0}, 321),
    ({"totalQuantity": 0.00001}, 10243),
    ({"goodAfterTime": "never"}, 337),
]


@pytest.mark.parametrize(("changes", "code"), CODES)
async def test_refusals_over_the_wire(ib: Any, library: Any, changes: dict[str, Any], code: int) -> None:
    values = {"action": "BUY", "totalQuantity": 1, "orderType": "LMT", "lmtPrice": 5.0, "account": FIRST} | changes
    order = library.Order(**values)
    ib.placeOrder(await stock(ib, library), order)
    await until(lambda: (order.orderId, code) in [error[:2] for error in ib.errors])


async def test_warnings_leave_the_order_alive(open_gateway: Opener, connect: Connector, library: Any) -> None:
    ib = await connect(await open_gateway(hard_to_borrow=("KO",), locate_delay=0.05))
    trade = ib.placeOrder(await stock(ib, library, "KO"), library.MarketOrder("SELL", 5, account=FIRST))
    await until(lambda: (trade.order.orderId, 404) in [error[:2] for error in ib.errors])
    await until(lambda: trade.orderStatus.status == "Filled")
    market = library.MarketOrder("BUY", 5, account=FIRST, outsideRth=True)
    trade = ib.placeOrder(await stock(ib, library), market)
    await until(lambda: (market.orderId, 2109) in [error[:2] for error in ib.errors])
    await until(lambda: trade.orderStatus.status == "Filled")


async def test_an_option_is_bought_and_exercised(ib: Any, library: Any, gateway: SimulatedGateway) -> None:
    apple = await stock(ib, library)
    universe, market = gateway.world.universe, gateway.world.market
    spot = market.quote(apple.conId).mid
    rows = [row for row in list(universe.chain("AAPL").values())[6] if row.contract.right == "C"]
    deep = min(rows, key=lambda row: abs(row.contract.strike - spot * 0.95)).contract
    call = library.Option("AAPL", deep.lastTradeDateOrContractMonth, deep.strike, "C", "SMART", tradingClass="AAPL")
    await ib.qualifyContractsAsync(call)
    bought = ib.placeOrder(call, library.MarketOrder("BUY", 1, account=SECOND))
    await until(bought.isDone)
    ib.exerciseOptions(call, 1, 1, SECOND, 0)
    await until(lambda: {p.contract.conId: p.position for p in ib.positions(SECOND)}.get(apple.conId) == 100)
    assert call.conId not in {p.contract.conId for p in ib.positions(SECOND)}
    ib.exerciseOptions(call, 1, 1, SECOND, 0)
    await until(lambda: 322 in [error[1] for error in ib.errors])


def by_hand(gateway: SimulatedGateway) -> None:
    spec = OrderSpec(
        orderId=0, clientId=0, action="BUY", totalQuantity=Decimal(3), orderType="LMT", lmtPrice=1.0, account=FIRST
    )
    query = Query(symbol="AAPL", secType="STK", exchange="SMART", currency="USD")
    gateway.publish(gateway.book.place_by_hand(spec, query, gateway.clock.now()))


async def test_client_zero_binds_orders_placed_by_hand(
    gateway: SimulatedGateway, connect: Connector, raw: RawOpener
) -> None:
    by_hand(gateway)
    zero, one = await raw(gateway, 0), await raw(gateway, 1)
    assert zero.of(5) == []
    one.send(5, 1)
    await until(lambda: one.of(53))
    assert one.of(5) == []
    one.send(16, 1)
    await until(lambda: len(one.of(53)) == 2)
    assert [message[1] for message in one.of(5)] == ["0"]
    zero.send(5, 1)
    await until(lambda: zero.of(53))
    assert [message[3] for message in zero.of(100)] == ["-1"]
    assert {message[1] for message in zero.of(5)} == {"-1"}
    by_hand(gateway)
    zero.send(15, 1, 1)
    await until(lambda: len(zero.of(100)) == 2)
    by_hand(gateway)
    await until(lambda: len(zero.of(100)) == 3)
    zero.send(4, 1, -3, "")
    await until(lambda: (-3, 202) in zero.errors())


async def test_the_library_sees_what_was_placed_by_hand(gateway: SimulatedGateway, connect: Connector) -> None:
    ib = await connect(gateway, 0)
    ib.client.reqAutoOpenOrders(True)
    await ib.reqCurrentTimeAsync()
    by_hand(gateway)
    await until(lambda: len(ib.openTrades()) == 1)
    [trade] = ib.openTrades()
    assert trade.order.orderId == -1
    ib.cancelOrder(trade.order)
    await until(lambda: trade.orderStatus.status == "Cancelled")


async def test_the_master_hears_of_every_client(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(master=9)
    master, first = await raw(gateway, 9), await raw(gateway, 1)
    order = {
        "orderId": 1, "symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD", "action": "BUY",
        "totalQuantity": 1, "orderType": "LMT", "lmtPrice": 1.0, "account": FIRST, "transmit": True,
    }  # fmt: skip
    first.send(*REQUEST_NAMES["placeOrder"].encode(order, first.version))
    await until(lambda: master.of(5) and master.of(3))
    by_hand(gateway)
    await until(lambda: "0" in {message[1] for message in master.of(5)})
    await master.close()
    await until(lambda: 9 not in gateway.clients)
    again = await raw(gateway, 9)
    assert {message[1] for message in again.of(5)} >= {"1"}, "a returning Master is told of all that is open"
    first.send(*REQUEST_NAMES["placeOrder"].encode(order | {"orderId": 2, "orderType": "MKT"}, first.version))
    await until(lambda: again.of(59))
    seen = len(again.of(11))
    tell_orders(gateway.clients[9])
    await until(lambda: len(again.of(11)) == seen + 1)
    assert again.of(11)[-1][1:3] == ["-1", "2"]


async def test_an_advisors_order_is_shared_among_accounts(
    open_gateway: Opener, connect: Connector, library: Any
) -> None:
    ib = await connect(await open_gateway(advisor=True))
    order = library.MarketOrder("BUY", 10, faGroup="Equals", faMethod="Equal")
    trade = ib.placeOrder(await stock(ib, library), order)
    await until(lambda: trade.isDone() and len(trade.fills) == 2)
    assert {fill.execution.acctNumber: fill.execution.shares for fill in trade.fills} == {FIRST: 5, SECOND: 5}
    assert trade.order.faGroup == "Equals"
