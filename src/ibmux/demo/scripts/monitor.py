"""Monitor: holdings, and live quotes of a watch list. Stops at Ctrl-C.

Streams of contracts that other scripts watch too cost no second market-data line.
"""
# ruff: noqa: T201

import asyncio

import ibmux
from ibmux import Contract, Forex, Index, Stock

WATCHED = [
    Stock("AAPL", "SMART", "USD"),
    Stock("MSFT", "SMART", "USD"),
    Stock("NVDA", "SMART", "USD"),
    Stock("SPY", "SMART", "USD"),
    Index("SPX", "CBOE", "USD"),
    Forex("EURUSD"),
]


def name(contract: Contract) -> str:
    """A contract in one word."""
    return contract.localSymbol or contract.symbol


async def main() -> None:
    """Show what we hold, then follow the market."""
    async with ibmux.connect("monitor") as ib:
        positions = await ib.positions()
        accounts = sorted({position.account for position in positions})
        print(f"{len(positions)} positions in {', '.join(accounts)}")

        await ib.qualifyContracts(*WATCHED)
        tickers = await asyncio.gather(*(ib.reqMktData(contract) for contract in WATCHED))
        print(f"streaming {', '.join(name(ticker.contract) for ticker in tickers)}")

        while True:
            await ib.waitOnUpdate(timeout=10)
            await asyncio.sleep(2)
            print("  ".join(f"{name(ticker.contract)} {ticker.marketPrice():.2f}" for ticker in tickers[:4]))


if __name__ == "__main__":
    asyncio.run(main())
