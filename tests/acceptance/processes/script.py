"""One of sixteen scripts: streams fifty symbols, asks questions only it asks, places orders, and reports what it saw.

Arguments: its name, the url, and as JSON its account, the conIds to stream and those to ask about. On its input a line
`{"fills": {key: count}}` says how many executions it has to see before it reports.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from typing import Any

import ibmux

PATIENCE = 30.0
LOOK = 0.05
"""Seconds between two looks at the clock."""


def say(**report: Any) -> None:
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()


class Script:
    def __init__(self, name: str, ib: ibmux.IB, plan: dict[str, Any]) -> None:
        self.name = name
        self.ib = ib
        self.account = plan["account"]
        self.streamed: list[int] = plan["stream"]
        self.asked: list[int] = plan["ask"]
        self.executions: Counter[str] = Counter()
        self.commissions: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.questions = 0
        self.late = 0.0
        self.trades: dict[str, Any] = {}
        ib.execDetailsEvent += self.on_fill
        ib.commissionReportEvent += self.on_commission

    def on_fill(self, trade: Any, fill: Any) -> None:
        self.executions[fill.execution.execId] += 1
        self.check(fill.script == self.name, f"a fill of {fill.script}")
        self.check(trade.key == fill.key, f"a fill of {fill.key} came with the trade {trade.key}")

    def on_commission(self, _trade: Any, fill: Any, report: Any) -> None:
        self.commissions[report.execId] += 1
        self.check(report.execId == fill.execution.execId, "a commission of another fill")

    async def keep(self) -> None:
        """Note for how long this process stood still at most, until cancelled."""
        while True:
            due = time.monotonic() + LOOK
            await asyncio.sleep(LOOK)
            self.late = max(self.late, time.monotonic() - due)

    def check(self, right: bool, text: str) -> None:
        if not right:
            self.wrong.append(text)

    async def stream(self) -> list[Any]:
        tickers = await asyncio.gather(
            *(self.ib.reqMktData(ibmux.Contract(conId=each, exchange="SMART")) for each in self.streamed)
        )
        for con_id, ticker in zip(self.streamed, tickers, strict=True):
            self.check(self.ib.ticker(ibmux.Contract(conId=con_id)) is ticker, f"a ticker of another than {con_id}")
        return list(tickers)

    async def ask(self) -> None:
        """Questions whose answers show to whom they belong."""
        for con_id in self.asked:
            details, positions, value = await asyncio.gather(
                self.ib.reqContractDetails(ibmux.Contract(conId=con_id, exchange="SMART")),
                self.ib.positions(self.account),
                self.ib.accountValues(self.account),
            )
            self.questions += 3
            self.check([each.contract.conId for each in details] == [con_id], f"details of another than {con_id}")
            self.check({each.account for each in positions} == {self.account}, "positions of another account")
            self.check({each.account for each in value} == {self.account}, "values of another account")

    async def order(self, ticker: Any) -> None:
        """A market order, a limit order that fills, one that is cancelled, and a bracket whose entry fills."""
        await asyncio.wait_for(self.until_quoted(ticker), PATIENCE)
        contract = ibmux.Contract(conId=ticker.contract.conId, exchange="SMART")
        high, low = round(ticker.ask * 1.2), max(1, round(ticker.bid * 0.5))
        bracket = self.ib.bracketOrder("BUY", 7, high, high * 2, low, account=self.account)
        legs = [(contract, leg, f"{self.name}-b{number}") for number, leg in enumerate(bracket)]
        market, limit, far, unit = await asyncio.gather(
            self.place(contract, ibmux.MarketOrder("BUY", 30, account=self.account), "m"),
            self.place(contract, ibmux.LimitOrder("BUY", 11, high, account=self.account), "l"),
            self.place(contract, ibmux.LimitOrder("BUY", 5, low, account=self.account), "f"),
            self.ib.placeOrders(legs),
        )
        again = await self.place(contract, ibmux.MarketOrder("BUY", 30, account=self.account), "m")
        self.check(again is market, "the same key gave another trade")
        for trade in (market, limit, far, *unit):
            self.check(trade.script in ("", self.name), f"a trade of {trade.script}")
            self.trades[trade.key] = trade
        self.check(
            sorted(self.trades) == sorted(f"{self.name}-{each}" for each in ("m", "l", "f", "b0", "b1", "b2")), "keys"
        )
        await asyncio.gather(market.done(PATIENCE), limit.done(PATIENCE), unit[0].done(PATIENCE))
        await asyncio.gather(*(self.ib.cancelOrder(trade) for trade in (far, unit[1], unit[2]) if not trade.isDone()))
        for key in self.trades:
            status = await self.ib.orderStatus(key)
            self.questions += 1
            self.check(status.key == key, f"the status of {status.key} instead of {key}")

    async def place(self, contract: Any, order: Any, letter: str) -> Any:
        key = f"{self.name}-{letter}"
        trade = await self.ib.placeOrder(contract, order, key=key)
        self.check(trade.key == key, f"the trade of {trade.key} instead of {key}")
        return trade

    async def until_quoted(self, ticker: Any) -> None:
        while not ticker.hasBidAsk():
            await self.ib.waitOnUpdate(0.5)

    async def until_filled(self, wanted: dict[str, int]) -> None:
        async with asyncio.timeout(PATIENCE):
            while any(len(self.trades[key].fills) < count for key, count in wanted.items()):
                await self.ib.waitOnUpdate(0.1)

    def report(self, tickers: list[Any]) -> dict[str, Any]:
        return {
            "executions": dict(self.executions),
            "commissions": dict(self.commissions),
            "orders": {key: [t.orderStatus.status, t.filled(), t.orderStatus.permId] for key, t in self.trades.items()},
            "streams": {each.contract.conId: [each.gaps, each.hasBidAsk(), each.timestamp] for each in tickers},
            "wrong": self.wrong,
            "late": self.late,
            "questions": self.questions,
        }


async def hear() -> dict[str, Any]:
    """The next order; the end of input ends this process, quietly."""
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    if not line:
        raise SystemExit(0)
    order: dict[str, Any] = json.loads(line)
    return order


async def main(name: str, url: str, plan: dict[str, Any]) -> None:
    async with ibmux.connect(name, url=url, timeout=60.0, request_timeout=60) as ib:
        script = Script(name, ib, plan)
        keeping = asyncio.create_task(script.keep())
        say(connected=True)
        await hear()
        tickers, _ = await asyncio.gather(script.stream(), script.ask())
        await script.order(tickers[plan["order"]])
        say(ordered=True)
        wanted = await hear()
        await script.until_filled(wanted["fills"])
        keeping.cancel()
        say(**script.report(tickers))
        await hear()


asyncio.run(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
