"""Trader: enters with a bracket, and sells another holding at the close. Then it watches what it has open.

Each order has a key: the same key never becomes two orders, even if this script is killed and started again.
"""
# ruff: noqa: T201

import asyncio

import ibmux
from ibmux import IB, MarketOrder, Order, Stock, Trade

QUANTITY = 100
PATIENCE = 60.0
"""Seconds that the close may take."""


def told(trade: Trade) -> str:
    """How an order stands, in one line."""
    order, status = trade.order, trade.orderStatus
    paid = f" at {status.avgFillPrice:.2f}" if status.filled else ""
    return f"{order.action} {order.totalQuantity:g} {trade.contract.symbol} {order.orderType}: {status.status}{paid}"


async def enter(ib: IB, account: str, symbol: str) -> list[Trade]:
    """Buy at the market's price with a take-profit and a stop-loss; returns when the entry is filled."""
    stock = Stock(symbol, "SMART", "USD")
    await ib.qualifyContracts(stock)
    ticker = await ib.reqMktData(stock)
    prices = [round(ticker.ask * factor, 2) for factor in (1.01, 1.02, 0.97)]
    bracket = ib.bracketOrder("BUY", QUANTITY, *prices, account=account, tif="DAY")
    trades = await ib.placeOrders([(stock, order) for order in bracket])
    print(told(await trades[0].done(timeout=PATIENCE)))
    return trades


async def sell_at_close(ib: IB, account: str, symbol: str) -> Trade:
    """Sell at the closing auction; returns when that is done."""
    stock = Stock(symbol, "SMART", "USD")
    await ib.qualifyContracts(stock)
    await ib.reqMktData(stock)
    order = Order(action="SELL", totalQuantity=QUANTITY, orderType="MOC", account=account)
    trade = await ib.placeOrder(stock, order)
    print(told(trade))
    return await trade.done(timeout=PATIENCE)


async def main() -> None:
    """Trade once, then keep an eye on the exits."""
    async with ibmux.connect("trader") as ib:
        account = (await ib.managedAccounts())[0]
        entry = MarketOrder("BUY", QUANTITY, account=account)
        margin = await ib.whatIfOrder(Stock("AAPL", "SMART", "USD"), entry)
        print(f"{QUANTITY} AAPL would take {margin.initMarginChange or 'no'} of margin in {account}")
        exits = (await enter(ib, account, "AAPL"))[1:]
        close = await sell_at_close(ib, account, "MSFT")
        print(told(close))
        if close.orderStatus.status != "Filled":
            raise RuntimeError(f"the order at the close ended as {close.orderStatus.status}")
        while True:
            print("exits: " + "; ".join(told(trade) for trade in exits))
            await asyncio.sleep(5)


if __name__ == "__main__":
    asyncio.run(main())
