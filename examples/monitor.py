"""Follow quotes, the session's state and its gaps until Ctrl-C: python monitor.py AAPL MSFT"""

import asyncio
import sys

import ibmux


async def follow(ib, symbol):
    async for ticker in ib.ticks(ibmux.Stock(symbol, "SMART", "USD")):
        print(f"{symbol:6} bid {ticker.bid} ask {ticker.ask} last {ticker.last}", flush=True)


def show(status):
    print(f"session {status.state}: {status.reason}", flush=True)


async def main(symbols):
    async with ibmux.connect("monitor") as ib:
        ib.statusEvent += show
        show(ib.status())
        ib.gapEvent += lambda start, end, reason: print(f"gap of {end - start:.1f} s: {reason}", flush=True)
        for held in await ib.positions():
            print(f"{held.account} {held.contract.symbol} {held.position:g} at {held.avgCost:.2f}", flush=True)
        await asyncio.gather(*(follow(ib, symbol) for symbol in symbols))


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1:] or ["AAPL"]))
    except KeyboardInterrupt:
        sys.exit(0)
    except ibmux.IbmuxError as error:
        sys.exit(str(error))
