"""A script of one's own under test, on good days and bad ones: pytest test_my_script.py

`enter` stands for the script: ib_async alone, as it would run beside IB Gateway. Each test has a gateway of its own on
a free port. Needs pytest and pytest-asyncio.
"""

import asyncio

import pytest
from ib_async import IB, LimitOrder, MarketOrder, Order, Stock

from ibmux.sim import Settings, SimulatedGateway

pytestmark = pytest.mark.asyncio
AAPL = Stock("AAPL", "SMART", "USD")


class Refused(Exception):
    """The gateway did not take the order."""


async def enter(ib, order):
    """The code under test: place an order, and return when it is filled; a refusal is an error."""
    trade = ib.placeOrder(AAPL, order)
    async with asyncio.timeout(10):
        while not trade.isDone():
            await trade.statusEvent
    if trade.orderStatus.status != "Filled":
        raise Refused(trade.orderStatus.status)  # the reason goes to ib.errorEvent
    return trade


async def connect(gateway):
    ib = IB()
    await ib.connectAsync("127.0.0.1", gateway.port, clientId=1)
    return ib


async def test_an_order_fills():
    async with SimulatedGateway(Settings(fill_delay=0.0, partial_share=0.0)) as gateway:
        ib = await connect(gateway)
        trade = await enter(ib, MarketOrder("BUY", 100, account="DU1000001"))
        assert trade.filled() == 100
        ib.disconnect()


async def test_a_refusal_is_noticed():
    async with SimulatedGateway(Settings()) as gateway:
        ib = await connect(gateway)
        await gateway.faults.reject_next(201, "Order rejected - reason: no margin")
        with pytest.raises(Refused, match="Inactive"):
            await enter(ib, LimitOrder("BUY", 100, 50.0, account="DU1000001"))
        assert gateway.stats.orders_placed == 1  # and it was not tried again
        ib.disconnect()


async def test_an_order_for_the_close_survives_a_cut():
    begin = Settings(start="20260106 15:40:00 US/Eastern", speed=0, always_open=False)  # the clock stands
    async with SimulatedGateway(begin) as gateway:
        ib = await connect(gateway)
        order = Order(action="BUY", totalQuantity=100, orderType="MOC", account="DU1000001")
        entry = asyncio.create_task(enter(ib, order))
        await asyncio.wait_for(ib.openOrderEvent, 10)  # the gateway has it
        await gateway.pass_time(15 * 60)
        await gateway.faults.cut(10 * 60)  # 15:55 to 16:05
        await gateway.pass_time(6 * 60)
        assert not entry.done()  # filled at 16:00, and not told yet
        await gateway.pass_time(5 * 60)
        assert (await entry).filled() == 100
        ib.disconnect()
