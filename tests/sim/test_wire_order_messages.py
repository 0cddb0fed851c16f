"""The messages of an order: at other versions, in the recorded sequence, with every field as it was sent."""

from __future__ import annotations

from typing import Any

import pytest
from wire_client import Connector, Opener, until

ACCOUNT = "DU1000001"


async def stock(ib: Any, library: Any, symbol: str = "AAPL") -> Any:
    contract = library.Stock(symbol, "SMART", "USD")
    await ib.qualifyContractsAsync(contract)
    return contract


@pytest.mark.parametrize("version", [157, 163, 173, 177, 178])
async def test_orders_at_other_versions(open_gateway: Opener, connect: Connector, library: Any, version: int) -> None:
    ib = await connect(await open_gateway(version=version))
    contract = await stock(ib, library)
    trade = ib.placeOrder(contract, library.MarketOrder("BUY", 2, account=ACCOUNT))
    await until(lambda: trade.isDone() and trade.fills and trade.fills[0].commissionReport.execId)
    resting = ib.placeOrder(contract, library.LimitOrder("BUY", 2, 1.0, account=ACCOUNT))
    await until(lambda: resting.orderStatus.status == "Submitted")
    ib.cancelOrder(resting.order)
    await until(lambda: resting.orderStatus.status == "Cancelled")
    assert len(await ib.reqCompletedOrdersAsync(False)) == 2
    [fill] = await ib.reqExecutionsAsync()
    assert abs((fill.execution.time - fill.time).total_seconds()) < 60


async def test_the_recorded_sequence_of_a_market_order(ib: Any, library: Any) -> None:
    heads: list[str] = []
    original = ib.client.decoder.interpret

    def note(fields: list[str]) -> None:
        if fields[0] in ("3", "5", "11", "59"):
            heads.append(f"{fields[0]}:{fields[2]}" if fields[0] == "3" else fields[0])
        original(fields)

    ib.client.decoder.interpret = note
    trade = ib.placeOrder(await stock(ib, library), library.MarketOrder("BUY", 1, account=ACCOUNT))
    await until(lambda: "59" in heads)
    assert heads[:2] == ["5", "3:PreSubmitted"]
    assert heads.count("3:Filled") >= 2, "a fill's status is repeated"
    assert heads[-1] == "59", "the commission report comes last"
    assert heads.count("11") == 1
    assert trade.isDone()


async def test_an_order_with_everything_comes_back_as_sent(ib: Any, library: Any) -> None:
    contract = await stock(ib, library)
    order = library.Order(
        action="BUY", totalQuantity=7, orderType="LMT", lmtPrice=1.5, tif="GTC", account=ACCOUNT, orderRef="strategy 1",
        outsideRth=True, ocaGroup="group", ocaType=1, discretionaryAmt=0.0, hidden=False, algoStrategy="Adaptive",
        algoParams=[library.TagValue("adaptivePriority", "Normal")],
        conditions=[library.PriceCondition(price=500.0, conId=265598, exch="SMART")],
    )  # fmt: skip
    trade = ib.placeOrder(contract, order)
    await until(lambda: trade.orderStatus.status in ("Submitted", "PreSubmitted"))
    other = library.IB()
    try:
        await other.connectAsync(ib.client.host, ib.client.port, clientId=2, timeout=20)
        [seen] = [found for found in await other.reqAllOpenOrdersAsync() if _order(found).permId == trade.order.permId]
    finally:
        other.disconnect()
    back = _order(seen)
    names = ("action", "totalQuantity", "orderType", "lmtPrice", "tif", "account", "orderRef", "outsideRth", "ocaGroup")
    for name in (*names, "ocaType"):
        assert getattr(back, name) == getattr(order, name), name
    assert back.algoStrategy == "Adaptive"
    assert [(param.tag, param.value) for param in back.algoParams] == [("adaptivePriority", "Normal")]
    assert [(condition.price, condition.conId) for condition in back.conditions] == [(500.0, 265598)]


def _order(found: Any) -> Any:
    return getattr(found, "order", found)
