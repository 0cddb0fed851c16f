"""Orders over the wire, by both libraries: every path from placing to the end."""

from __future__ import annotations

from typing import Any

import pytest
from wire_client import Connector, Opener, until

from ibmux.sim import SimulatedGateway

ACCOUNT = "DU1000001"


async def stock(ib: Any, library: Any, symbol: str = "AAPL") -> Any:
    contract = library.Stock(symbol, "SMART", "USD")
    await ib.qualifyContractsAsync(contract)
    return contract


async def price_of(ib: Any, contract: Any) -> float:
    [ticker] = await ib.reqTickersAsync(contract)
    return float(ticker.close)


def statuses(trade: Any) -> list[str]:
    """Return the statuses that the trade went through, without repeats."""
    seen: list[str] = []
    for entry in trade.log:
        if entry.status and (not seen or seen[-1] != entry.status):
            seen.append(entry.status)
    return seen


async def test_a_market_order_fills(ib: Any, library: Any, gateway: SimulatedGateway) -> None:
    trade = ib.placeOrder(await stock(ib, library), library.MarketOrder("BUY", 100, account=ACCOUNT, orderRef="mine"))
    await until(lambda: trade.isDone() and trade.fills and trade.fills[0].commissionReport.execId)
    assert statuses(trade) == ["PendingSubmit", "PreSubmitted", "Filled"]
    [fill] = trade.fills
    assert (fill.execution.shares, fill.execution.side, fill.execution.acctNumber) == (100, "BOT", ACCOUNT)
    assert (fill.execution.orderRef, fill.execution.permId) == ("mine", trade.order.permId)
    assert fill.commissionReport.commission > 0
    assert trade.orderStatus.avgFillPrice == fill.execution.price
    assert gateway.stats.orders_placed == 1
    [done] = gateway.book.completed()
    assert done.order.permId == trade.order.permId


async def test_the_sale_reports_its_profit(ib: Any, library: Any) -> None:
    contract = await stock(ib, library, "KO")
    held = sum(p.position for p in ib.positions(ACCOUNT) if p.contract.conId == contract.conId)
    buy = ib.placeOrder(contract, library.MarketOrder("BUY", 10, account=ACCOUNT))
    await until(buy.isDone)
    sell = ib.placeOrder(contract, library.MarketOrder("SELL", 10 + held, account=ACCOUNT))
    await until(lambda: sell.isDone() and sell.fills and sell.fills[-1].commissionReport.execId)
    assert buy.fills[0].commissionReport.realizedPNL == 0 or held < 0
    assert sell.fills[-1].commissionReport.realizedPNL != 0


async def test_a_large_order_may_fill_in_parts(open_gateway: Opener, connect: Connector, library: Any) -> None:
    ib = await connect(await open_gateway(partial_share=1.0))
    trade = ib.placeOrder(await stock(ib, library), library.MarketOrder("BUY", 1000, account=ACCOUNT))
    await until(lambda: trade.isDone() and len([f for f in trade.fills if f.commissionReport.execId]) > 1)
    await until(lambda: sum(fill.execution.shares for fill in trade.fills) == 1000)
    assert 2 <= len(trade.fills) <= 4
    assert [fill.execution.cumQty for fill in trade.fills] == sorted(fill.execution.cumQty for fill in trade.fills)
    assert len({fill.execution.execId for fill in trade.fills}) == len(trade.fills)
    average = sum(fill.execution.shares * fill.execution.price for fill in trade.fills) / 1000
    assert trade.orderStatus.avgFillPrice == pytest.approx(average, abs=0.01)


async def test_a_limit_order_waits_is_changed_and_fills(ib: Any, library: Any) -> None:
    contract = await stock(ib, library)
    price = await price_of(ib, contract)
    trade = ib.placeOrder(contract, library.LimitOrder("BUY", 10, round(price * 0.8, 2), account=ACCOUNT))
    await until(lambda: trade.orderStatus.status == "Submitted")
    perm_id = trade.order.permId
    assert [open_.order.permId for open_ in await ib.reqOpenOrdersAsync()] == [perm_id] or ib.openTrades() == [trade]
    trade.order.lmtPrice = round(price * 1.2, 2)
    ib.placeOrder(contract, trade.order)
    await until(lambda: trade.orderStatus.status == "Filled")
    assert trade.order.permId == perm_id
    assert trade.fills[0].execution.price < price * 1.1


async def test_a_cancelled_order_is_cancelled_with_202(ib: Any, library: Any) -> None:
    contract = await stock(ib, library)
    trade = ib.placeOrder(contract, library.LimitOrder("BUY", 10, 1.0, account=ACCOUNT))
    await until(lambda: trade.orderStatus.status == "Submitted")
    ib.cancelOrder(trade.order)
    await until(lambda: trade.orderStatus.status == "Cancelled")
    await until(lambda: (trade.order.orderId, 202) in [error[:2] for error in ib.errors])
    assert trade.fills == []
    ib.client.cancelOrder(trade.order.orderId, "")
    await until(lambda: (trade.order.orderId, 10148) in [error[:2] for error in ib.errors])


async def test_cancel_of_an_unknown_order_is_10147(ib: Any) -> None:
    ib.client.cancelOrder(4711, "")
    await until(lambda: (4711, 10147) in [error[:2] for error in ib.errors])


async def test_stop_orders_wait_for_their_trigger(ib: Any, library: Any) -> None:
    contract = await stock(ib, library)
    price = await price_of(ib, contract)
    stop = ib.placeOrder(contract, library.StopOrder("SELL", 10, round(price * 0.8, 2), account=ACCOUNT))
    limit = ib.placeOrder(
        contract, library.StopLimitOrder("SELL", 10, round(price * 0.8, 2), round(price * 0.81, 2), account=ACCOUNT)
    )
    await until(lambda: {stop.orderStatus.whyHeld, limit.orderStatus.whyHeld} == {"trigger"})
    assert stop.orderStatus.status == limit.orderStatus.status == "PreSubmitted"
    stop.order.auxPrice = round(price * 1.2, 2)
    ib.placeOrder(contract, stop.order)
    await until(lambda: stop.orderStatus.status == "Filled")
    ib.cancelOrder(limit.order)
    await until(lambda: limit.orderStatus.status == "Cancelled")


async def test_on_the_close_orders_fill_at_the_close(ib: Any, library: Any) -> None:
    contract = await stock(ib, library)
    price = await price_of(ib, contract)
    order = library.Order(action="SELL", totalQuantity=5, orderType="MOC", account=ACCOUNT)
    limited = library.Order(
        action="SELL", totalQuantity=5, orderType="LOC", lmtPrice=round(price * 0.8, 2), account=ACCOUNT
    )
    trades = [ib.placeOrder(contract, order), ib.placeOrder(contract, limited)]
    await until(lambda: all(trade.orderStatus.status in ("PreSubmitted", "Submitted", "Filled") for trade in trades))
    await until(lambda: all(trade.orderStatus.status == "Filled" for trade in trades))


async def test_a_bracket_is_sent_whole_and_one_exit_cancels_the_other(
    ib: Any, library: Any, gateway: SimulatedGateway
) -> None:
    contract = await stock(ib, library)
    price = await price_of(ib, contract)
    bracket = ib.bracketOrder("BUY", 10, round(price * 1.2, 2), round(price * 2, 2), round(price * 0.5, 2))
    for order in bracket:
        order.account = ACCOUNT
    parent, profit, loss = [ib.placeOrder(contract, order) for order in bracket]
    await until(lambda: parent.orderStatus.status == "Filled")
    await until(lambda: profit.orderStatus.status == "Submitted" and loss.orderStatus.status == "PreSubmitted")
    perm_ids = [trade.order.permId for trade in (parent, profit, loss)]
    assert perm_ids == list(range(perm_ids[0], perm_ids[0] + 3))
    assert {order.ocaGroup for order in gateway.book.open_orders(1)} == {str(parent.order.permId)}
    profit.order.lmtPrice = round(price * 0.9, 2)
    ib.placeOrder(contract, profit.order)
    await until(lambda: profit.orderStatus.status == "Filled")
    await until(lambda: loss.orderStatus.status == "Cancelled")


async def test_cancelling_the_parent_cancels_the_bracket(ib: Any, library: Any) -> None:
    contract = await stock(ib, library)
    bracket = ib.bracketOrder("BUY", 10, 1.0, 900.0, 0.5, account=ACCOUNT)
    trades = [ib.placeOrder(contract, order) for order in bracket]
    await until(lambda: trades[0].orderStatus.status == "Submitted" and trades[2].orderStatus.whyHeld)
    assert trades[1].orderStatus.whyHeld == "child"
    assert trades[2].orderStatus.whyHeld == "child,trigger"
    ib.cancelOrder(trades[0].order)
    await until(lambda: all(trade.orderStatus.status == "Cancelled" for trade in trades))


async def test_what_is_not_transmitted_stays_with_the_client(ib: Any, library: Any, gateway: SimulatedGateway) -> None:
    contract = await stock(ib, library)
    trade = ib.placeOrder(contract, library.LimitOrder("BUY", 10, 1.0, account=ACCOUNT, transmit=False))
    await ib.reqCurrentTimeAsync()
    assert trade.orderStatus.status == "PendingSubmit"
    assert gateway.book.open_orders(None) == []
    trade.order.transmit = True
    ib.placeOrder(contract, trade.order)
    await until(lambda: trade.orderStatus.status == "Submitted")


async def test_a_what_if_order_tells_margin_and_commission_and_leaves_nothing(
    ib: Any, library: Any, gateway: SimulatedGateway
) -> None:
    contract = await stock(ib, library)
    state = await ib.whatIfOrderAsync(contract, library.MarketOrder("BUY", 100, account=ACCOUNT))
    change, before, after = (
        float(value) for value in (state.initMarginChange, state.initMarginBefore, state.initMarginAfter)
    )
    assert change > 0
    assert after == pytest.approx(before + change, abs=0.02)
    assert state.commission > 0
    assert state.commissionCurrency == "USD"
    assert gateway.book.open_orders(None) == []
    assert ib.openTrades() == []


REJECTED = [
    ({"orderType": "MAGIC"}, 321),
    ({"totalQuantity": 0}, 434),
    ({"totalQuantity": 2_000_000}, 201),
    ({"orderType": "LMT", "lmtPrice": 100.001}, 110),
    ({"account": "DU0"}, 321),
    ({"parentId": 4711}, 10006),
]


@pytest.mark.parametrize(("changes", "code"), REJECTED)
async def test_rejections(ib: Any, library: Any, changes: dict[str, Any], code: int) -> None:
    order = library.Order(**{"action": "BUY", "totalQuantity": 1, "orderType": "MKT", "account": ACCOUNT} | changes)
    trade = ib.placeOrder(await stock(ib, library), order)
    await until(lambda: (order.orderId, code) in [error[:2] for error in ib.errors])
    assert trade.fills == []


async def test_a_used_order_id_is_103_and_a_filled_order_cannot_be_changed(ib: Any, library: Any) -> None:
    contract = await stock(ib, library)
    trade = ib.placeOrder(contract, library.MarketOrder("BUY", 1, account=ACCOUNT))
    await until(trade.isDone)
    again = library.MarketOrder("BUY", 1, account=ACCOUNT)
    ib.client.placeOrder(trade.order.orderId, contract, again)
    await until(lambda: (trade.order.orderId, 104) in [error[:2] for error in ib.errors])
    ib.client.placeOrder(trade.order.orderId - 1, contract, again)
    await until(lambda: (trade.order.orderId - 1, 103) in [error[:2] for error in ib.errors])
    assert len(ib.fills()) == 1


async def test_executions_by_filter(ib: Any, library: Any) -> None:
    for symbol, account in (("AAPL", ACCOUNT), ("MSFT", "DU1000002")):
        trade = ib.placeOrder(await stock(ib, library, symbol), library.MarketOrder("BUY", 1, account=account))
        await until(trade.isDone)
    every = await ib.reqExecutionsAsync()
    assert {fill.contract.symbol for fill in every} == {"AAPL", "MSFT"}
    assert all(fill.commissionReport.commission > 0 for fill in ib.fills())
    for wanted, found in [
        ({"symbol": "AAPL"}, {"AAPL"}),
        ({"acctCode": "DU1000002"}, {"MSFT"}),
        ({"side": "SELL"}, set()),
        ({"clientId": 9}, set()),
        ({"secType": "STK", "clientId": 1}, {"AAPL", "MSFT"}),
    ]:
        fills = await ib.reqExecutionsAsync(library.ExecutionFilter(**wanted))
        assert {fill.contract.symbol for fill in fills} == found, wanted


async def test_completed_orders_tell_how_they_ended(ib: Any, library: Any) -> None:
    contract = await stock(ib, library)
    filled = ib.placeOrder(contract, library.MarketOrder("BUY", 3, account=ACCOUNT, orderRef="done"))
    cancelled = ib.placeOrder(contract, library.LimitOrder("BUY", 4, 1.0, account=ACCOUNT))
    await until(lambda: filled.isDone() and cancelled.orderStatus.status == "Submitted")
    ib.cancelOrder(cancelled.order)
    await until(cancelled.isDone)
    trades = {trade.order.permId: trade for trade in await ib.reqCompletedOrdersAsync(False)}
    one, other = trades[filled.order.permId], trades[cancelled.order.permId]
    assert (one.orderStatus.status, one.order.filledQuantity, one.order.orderRef) == ("Filled", 3, "done")
    assert (other.orderStatus.status, other.order.lmtPrice) == ("Cancelled", 1.0)


async def test_global_cancel_ends_every_order(ib: Any, library: Any, gateway: SimulatedGateway) -> None:
    contract = await stock(ib, library)
    trades = [ib.placeOrder(contract, library.LimitOrder("BUY", 1, 1.0 + n, account=ACCOUNT)) for n in range(3)]
    await until(lambda: len(gateway.book.open_orders(None)) == 3)
    ib.reqGlobalCancel()
    await until(lambda: all(trade.orderStatus.status == "Cancelled" for trade in trades))
    assert gateway.book.open_orders(None) == []
