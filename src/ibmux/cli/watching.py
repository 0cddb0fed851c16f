"""`ibmux watch`: live quotes of some contracts, as a table that changes in place or as lines of JSON."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable
from typing import Any

import msgspec
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ibmux.cli import screen, symbols
from ibmux.cli.exits import Exit
from ibmux.cli.options import PROXY, Proxy
from ibmux.cli.tables import contract_name
from ibmux.client import IB
from ibmux.client.ticker import Ticker
from ibmux.errors import RequestError
from ibmux.messages.contracts import Contract

REFRESH = 0.2
"""Seconds between two pictures of the table."""
COLUMNS = ("contract", "bid size>", "bid>", "ask>", "ask size>", "last>", "change>", "volume>", "age>")
SIZES = frozenset({"bid size>", "ask size>", "volume>"})
ROOMY = 110
"""Columns of a terminal from which sizes are shown, too."""
FIELDS = ("bidSize", "bid", "ask", "askSize", "last", "lastSize", "close", "volume")


async def watch(*symbol: str, seconds: float = 0, proxy: Proxy = PROXY) -> int:
    """Live quotes: AAPL EURUSD ES SPX 'AAPL 20251219 190 C' FUT:CL or a conId.

    Args:
        symbol: what to watch.
        seconds: end by itself after so many seconds; 0 goes on until Ctrl-C.
        proxy: which proxy to ask, as whom.
    """
    if not symbol:
        raise RequestError("Nothing to watch.", hint="For example: ibmux watch AAPL EURUSD ES")
    async with proxy.connect() as connection:
        contracts = [await _find(connection, text) for text in symbol]
        tickers = await asyncio.gather(*(connection.reqMktData(contract) for contract in contracts))
        try:
            async with asyncio.timeout(seconds or None):
                await (_stream(connection) if proxy.json else _show(tickers))
        except TimeoutError:
            return Exit.OK
    return Exit.OK


async def _find(connection: IB, text: str) -> Contract:
    return symbols.choose(text, await connection.reqContractDetails(symbols.read(text)))


async def _stream(connection: IB) -> None:
    """One line of JSON per change of a quote."""
    async for changed in connection.pendingTickersEvent.stream(10_000):
        lines = [msgspec.json.encode(picture(ticker)).decode() for ticker in changed]
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()


def picture(ticker: Ticker) -> dict[str, Any]:
    """The quote as plain values; what is unknown is absent."""
    values = {name: getattr(ticker, name) for name in FIELDS}
    known = {name: value for name, value in values.items() if value == value}  # noqa: PLR0124 - NaN is unlike itself
    contract = ticker.contract
    return {"symbol": contract_name(contract), "conId": contract.conId, "time": ticker.timestamp, **known}


async def _show(tickers: Iterable[Ticker]) -> None:
    """Redraw the table until cancelled; where there is no terminal, print it once at the end."""
    board = Board(tickers)
    if not screen.out.is_terminal:
        try:
            await asyncio.Event().wait()
        finally:
            screen.out.print(board.draw())
    with Live(board.draw(), console=screen.out, auto_refresh=False) as live:
        try:
            while True:
                await asyncio.sleep(REFRESH)
                live.update(board.draw(), refresh=True)
        finally:
            live.update(board.draw())


class Board:
    """The table of quotes; a price that rose since the last picture is green, one that fell is red. Sizes need room."""

    def __init__(self, tickers: Iterable[Ticker]) -> None:
        self._tickers = list(tickers)
        self._before: dict[tuple[int, str], float] = {}
        self._colours: dict[tuple[int, str], str] = {}

    def draw(self) -> Table:
        """The table as it stands."""
        roomy = screen.out.width >= ROOMY
        made = screen.table(*(name for name in COLUMNS if roomy or name not in SIZES))
        return screen.rows(made, (self._row(ticker, roomy) for ticker in self._tickers))

    def _row(self, ticker: Ticker, roomy: bool) -> list[str | Text]:
        age = "" if ticker.timestamp is None else f"{max(0.0, time.time() - ticker.timestamp):.1f} s"
        change = (ticker.last / ticker.close - 1) * 100 if ticker.close else float("nan")
        moved = Text(f"{change:+.2f} %", "green" if change >= 0 else "red") if change == change else ""  # noqa: PLR0124
        cells: list[str | Text] = [
            Text(contract_name(ticker.contract), "bold"),
            screen.compact(ticker.bidSize),
            self._price(ticker, "bid"),
            self._price(ticker, "ask"),
            screen.compact(ticker.askSize),
            self._price(ticker, "last"),
            moved,
            screen.compact(ticker.volume),
            age,
        ]
        return [cell for name, cell in zip(COLUMNS, cells, strict=True) if roomy or name not in SIZES]

    def _price(self, ticker: Ticker, name: str) -> Text:
        key, value = (ticker.contract.conId, name), getattr(ticker, name)
        if value == value:  # noqa: PLR0124 - not NaN
            before = self._before.get(key, value)
            if value != before:
                self._colours[key] = "green" if value > before else "red"
            self._before[key] = value
        return Text(screen.price(value), self._colours.get(key, ""))
