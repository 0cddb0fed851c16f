"""A trading day that passes in seconds: orders on the close and the open, the end of the day, expiry Friday."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from wire_client import Connector, Opener, until

from ibmux.sim import SimulatedGateway
from ibmux.sim.instants import instant_text

FIRST, SECOND = "DU1000001", "DU1000002"
NEW_YORK = ZoneInfo("US/Eastern")


async def stock(ib: Any, library: Any, symbol: str = "AAPL") -> Any:
    contract = library.Stock(symbol, "SMART", "USD")
    await ib.qualifyContractsAsync(contract)
    return contract


def present(gateway: SimulatedGateway) -> str:
    return instant_text(gateway.clock.now(), "US/Eastern")


async def test_an_order_on_the_close_fills_at_four_and_the_rest_of_the_day_lapses(
    open_gateway: Opener, connect: Connector, library: Any
) -> None:
    gateway = await open_gateway(start="20260608 15:45:00 US/Eastern", speed=1.0, always_open=False)
    ib = await connect(gateway)
    contract = await stock(ib, library)
    closing = ib.placeOrder(contract, library.Order(action="BUY", totalQuantity=7, orderType="MOC", account=FIRST))
    resting = ib.placeOrder(contract, library.LimitOrder("BUY", 7, 1.0, account=FIRST))
    await until(lambda: {closing.orderStatus.status, resting.orderStatus.status} == {"Submitted"})
    gateway.clock.set(speed=900.0)
    await until(lambda: closing.orderStatus.status == "Filled")
    await until(lambda: resting.orderStatus.status == "Cancelled")
    [fill] = closing.fills
    assert fill.execution.time.astimezone(NEW_YORK) == datetime(2026, 6, 8, 16, tzinfo=NEW_YORK)
    late = library.MarketOrder("BUY", 7, account=FIRST)
    ib.placeOrder(contract, late)
    await until(lambda: (late.orderId, 399) in [error[:2] for error in ib.errors])


async def test_a_late_order_on_the_close_is_rejected(open_gateway: Opener, connect: Connector, library: Any) -> None:
    gateway = await open_gateway(start="20260608 15:56:00 US/Eastern", always_open=False)
    ib = await connect(gateway)
    order = library.Order(action="BUY", totalQuantity=7, orderType="MOC", account=FIRST)
    trade = ib.placeOrder(await stock(ib, library), order)
    await until(lambda: (order.orderId, 201) in [error[:2] for error in ib.errors])
    assert trade.fills == []


async def test_an_order_for_the_opening(open_gateway: Opener, connect: Connector, library: Any) -> None:
    gateway = await open_gateway(start="20260608 09:29:40 US/Eastern", always_open=False)
    ib = await connect(gateway)
    order = library.MarketOrder("BUY", 7, account=FIRST, tif="OPG")
    trade = ib.placeOrder(await stock(ib, library), order)
    await until(lambda: trade.orderStatus.status == "Submitted")
    assert trade.order.tif == "OPG"
    gateway.clock.set(speed=60.0)
    await until(lambda: trade.orderStatus.status == "Filled")
    assert trade.fills[0].execution.time.astimezone(NEW_YORK) == datetime(2026, 6, 8, 9, 30, tzinfo=NEW_YORK)


async def test_options_are_gone_after_expiry_friday(open_gateway: Opener, connect: Connector, library: Any) -> None:
    gateway = await open_gateway(start="20260612 15:30:00 US/Eastern", always_open=False)
    ib = await connect(gateway)
    apple = await stock(ib, library)
    spot = gateway.world.market.quote(apple.conId).mid
    rows = [row.contract for row in gateway.world.universe.chain("AAPL")["20260612"] if row.contract.right == "C"]
    deep = min(rows, key=lambda row: abs(row.strike - spot * 0.95))
    call = library.Option("AAPL", "20260612", deep.strike, "C", "SMART", tradingClass=deep.tradingClass)
    await ib.qualifyContractsAsync(call)
    bought = ib.placeOrder(call, library.MarketOrder("BUY", 2, account=SECOND))
    await until(bought.isDone)
    gateway.clock.set(speed=1200.0)
    await until(lambda: {p.contract.conId: p.position for p in ib.positions(SECOND)}.get(apple.conId) == 200)
    assert call.conId not in {p.contract.conId for p in ib.positions(SECOND)}
    assert present(gateway) >= "20260612 16:00:00"
