"""Scanner: reads an option chain and prices the strikes around the market. Stops at Ctrl-C.

A plain script: no asyncio, no event loop, no clientId.
"""
# ruff: noqa: T201

import time
from collections.abc import Iterable
from typing import Any

import ibmux.sync
from ibmux import Option, Stock

STRIKES = 3
"""How many strikes on each side of the market."""
PAUSE = 3.0
"""Seconds between two expirations."""


def around(strikes: Iterable[float], price: float) -> list[float]:
    """The strikes nearest to a price."""
    return sorted(sorted(strikes, key=lambda strike: abs(strike - price))[: 2 * STRIKES])


def scan(ib: Any, ticker: Any, chain: Any, expiration: str) -> None:
    """Price the calls and puts of one expiration near the market."""
    stock, price = ticker.contract, ticker.marketPrice()
    wanted = [
        Option(stock.symbol, expiration, strike, right, "SMART", currency="USD")
        for strike in around(chain.strikes, price)
        for right in "CP"
    ]
    options = [option for option in ib.qualifyContracts(*wanted) if option is not None]
    quotes = [quote for quote in ib.reqTickers(*options) if quote.bid > 0]
    if not quotes:
        raise RuntimeError(f"no prices for {stock.symbol} {expiration}")
    tightest = min(quotes, key=lambda quote: (quote.ask - quote.bid) / quote.ask)
    best = tightest.contract
    print(
        f"{stock.symbol} {price:.2f}: {expiration}, {len(quotes)} of {len(wanted)} options priced, tightest "
        f"{best.strike:g} {best.right} {tightest.bid:.2f}/{tightest.ask:.2f}"
    )


def main() -> None:
    """Go through the expirations of one underlying, again and again."""
    with ibmux.sync.connect("scanner") as ib:
        stock = Stock("AAPL", "SMART", "USD")
        ib.qualifyContracts(stock)
        chains = ib.reqSecDefOptParams(stock.symbol, "", stock.secType, stock.conId)
        chain = next(each for each in chains if each.exchange == "SMART")
        print(f"{stock.symbol} options: {len(chain.expirations)} expirations, {len(chain.strikes)} strikes")
        ticker = ib.reqMktData(stock)  # stays live; a line that others stream too costs nothing
        while True:
            for expiration in chain.expirations:
                scan(ib, ticker, chain, expiration)
                time.sleep(PAUSE)


if __name__ == "__main__":
    main()
