"""A scenario played from Python: an order for the close, with the connection cut over it. Takes a second or two.

Needs no proxy: the scenario's gateway runs in this process, and ib_async speaks to it. Its clock stands, and
`pass_time` moves it. What ib_async logs (1100, 1102) is what a script beside a real gateway would see.
"""

import asyncio

from ib_async import IB, Order, Stock

from ibmux.sim import SimulatedGateway
from ibmux.sim.faults import scenario


async def main():
    day = scenario.load("moc-close", speed=0)
    print(day.title)
    ib = IB()
    async with SimulatedGateway(day.settings) as gateway:
        await ib.connectAsync("127.0.0.1", gateway.port, clientId=1)
        day.play(gateway)
        order = Order(action="SELL", totalQuantity=100, orderType="MOC", account=ib.managedAccounts()[0])
        trade = ib.placeOrder(Stock("AAPL", "SMART", "USD"), order)
        for _ in range(int(day.length // 120)):
            await gateway.pass_time(120)
            await asyncio.sleep(0.02)  # a moment for the messages to arrive
            now, fills = await ib.reqCurrentTimeAsync(), [each.execution.price for each in trade.fills]
            print(f"{now:%H:%M} UTC {trade.orderStatus.status}", *fills)
        ib.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
