"""The last hour in one-minute bars, kept up to date, and five-second bars beside them: python bars.py [SYMBOL [COUNT]]

Ends after COUNT five-second bars (3). Two scripts that ask for the same bars share one stream at the gateway.
"""

import asyncio
import sys

import ibmux


def show_minute(bars, has_new):
    if has_new:
        done = bars[-2]
        print(f"minute {done.date:%H:%M} ended at {done.close:.2f}, {done.volume:g} shares", flush=True)


async def main(symbol, count):
    async with ibmux.connect("bars") as ib:
        stock = ibmux.Stock(symbol, "SMART", "USD")
        minutes = await ib.reqHistoricalData(stock, "", "3600 S", "1 min", "TRADES", useRTH=False, keepUpToDate=True)
        minutes.updateEvent += show_minute
        print(f"{len(minutes)} minutes, {minutes[0].date:%H:%M} to {minutes[-1].date:%H:%M} UTC", flush=True)
        seconds = await ib.reqRealTimeBars(stock, 5, "TRADES", useRTH=False)
        async for _, _ in seconds.updateEvent:
            bar = seconds[-1]
            print(f"{bar.time:%H:%M:%S} open {bar.open_:.2f} close {bar.close:.2f}", flush=True)
            if len(seconds) >= count:
                break


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "AAPL", int(sys.argv[2]) if len(sys.argv) > 2 else 3))
    except ibmux.IbmuxError as error:
        sys.exit(str(error))
