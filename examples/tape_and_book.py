"""Ten trades of a stock as they happen, and its order book beside each: python tape_and_book.py [SYMBOL]"""

import asyncio
import sys

import ibmux

TRADES, ROWS = 10, 3


def side(levels):
    return "  ".join(f"{each.size:g} @ {each.price:.2f}" for each in levels)


async def main(symbol):
    enough, seen = asyncio.Event(), 0

    def show(ticker):
        nonlocal seen
        for trade in ticker.tickByTicks:  # of this update; empty where the book alone changed
            seen += 1
            print(f"{trade.time:%H:%M:%S} {trade.size:g} at {trade.price:.2f} {trade.exchange}")
            print(f"         bids {side(ticker.domBids)} | asks {side(ticker.domAsks)}", flush=True)
        if seen >= TRADES:
            enough.set()

    async with ibmux.connect("tape") as ib:
        stock = ibmux.Stock(symbol, "SMART", "USD")
        await ib.reqMktDepth(stock, numRows=ROWS, isSmartDepth=True)
        ticker = await ib.reqTickByTickData(stock, "AllLast")  # the same ticker as the book's: one for each contract
        ticker.updateEvent += show
        await enough.wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:2] or ["AAPL"]))
    except ibmux.IbmuxError as error:
        sys.exit(str(error))
