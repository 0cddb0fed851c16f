"""A script that works all day: it looks at quotes, asks, and places orders, through whatever happens to the gateway.

Arguments: its name, the url, and as JSON `{"watch": [conId, …], "trade": conId, "account": …, "patient": bool}`. A
patient script waits for answers; one that is not wants to know at once. On its input: a line begins the day, the next
one ends the orders, `{"fills": {key: count}}` says what to wait for before it reports. Nothing here reconnects.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
from collections import Counter
from typing import Any

import ibmux
from ibmux.errors import IbmuxError, NotReady

PATIENCE = 20.0
SAMPLE = 0.05
BETWEEN = 0.7
"""Seconds between two orders."""


def say(**report: Any) -> None:
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()


async def hear() -> dict[str, Any]:
    """The next order; the end of input ends this process, quietly."""
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    if not line:
        raise SystemExit(0)
    order: dict[str, Any] = json.loads(line)
    return order


class Day:
    """What one script does and sees."""

    def __init__(self, name: str, ib: ibmux.IB, plan: dict[str, Any]) -> None:
        self.name, self.ib, self.plan = name, ib, plan
        self.contract = ibmux.Contract(conId=plan["trade"], exchange="SMART")
        self.executions: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.retries: list[float | None] = []
        self.slowest = 0.0
        self.empty = 0
        self.samples: list[tuple[float, int, float, float, float]] = []
        self.stale = 0
        self.placed: dict[str, Any] = {}
        self.unknown: list[str] = []
        self.open = True
        ib.execDetailsEvent += lambda _, fill: self.executions.update([fill.execution.execId])

    async def begin(self) -> list[Any]:
        """Subscribe, and have an order that works until it is cancelled."""
        contracts = [ibmux.Contract(conId=each, exchange="SMART") for each in self.plan["watch"]]
        while not self.ib.isConnected() or self.ib.status().state != "ready":
            await self.ib.waitOnUpdate(1)  # a machine that starts seventeen processes may lose the gateway for a moment
        tickers = await asyncio.gather(*(self.ib.reqMktData(each) for each in contracts))
        standing = ibmux.LimitOrder("BUY", 1, 1.0, tif="GTC", account=self.plan["account"])
        self.placed["standing"] = await self.ib.placeOrder(self.contract, standing, key=f"{self.name}-standing")
        return list(tickers)

    async def watch(self, tickers: list[Any]) -> None:
        """Keep what is shown as fresh, with the instant at which it was read, and by how much this process was late."""
        while self.open:
            due = time.monotonic() + SAMPLE
            await asyncio.sleep(SAMPLE)
            late = max(0.0, time.monotonic() - due)
            for ticker in tickers:
                if ticker.stale:
                    self.stale += 1
                elif not math.isnan(ticker.bid) and not math.isnan(ticker.ask):
                    self.samples.append((time.monotonic(), ticker.contract.conId, ticker.bid, ticker.ask, late))

    async def ask(self) -> None:
        """Ask for positions all day; the patient wait, the others go on with the reason."""
        timeout = PATIENCE if self.plan["patient"] else 1.0
        while self.open:
            began = time.monotonic()
            try:
                listed = await self.ib.call("positions", timeout=timeout)
            except NotReady as error:
                self.refused(error)
            except IbmuxError as error:
                self.answers[error.code] += 1
            else:
                self.answers["ok"] += 1
                self.empty += not listed
            self.slowest = max(self.slowest, time.monotonic() - began)
            await asyncio.sleep(0.1)

    def refused(self, error: NotReady) -> float:
        """Note when to try again; how long that is."""
        self.answers[error.code] += 1
        self.retries.append(error.retry_after)
        return min(error.retry_after or BETWEEN, BETWEEN)

    async def trade(self) -> None:
        """Orders one after the other; what was refused is placed again, under its own key."""
        number = 0
        while self.open:
            number += 1
            key = f"{self.name}-{number}"
            order = ibmux.MarketOrder("BUY" if number % 2 else "SELL", 10, account=self.plan["account"])
            while self.open:
                try:
                    self.placed[key] = await self.ib.placeOrder(self.contract, order, key=key, timeout=3)
                    break
                except NotReady as error:
                    await asyncio.sleep(self.refused(error))
                except IbmuxError as error:
                    if error.fate == "unknown":
                        self.unknown.append(key)  # never placed again by hand: the proxy finds out
                        break
                    if error.fate != "not_sent":
                        raise
                    await asyncio.sleep(BETWEEN)  # the machine was too busy for it
            await asyncio.sleep(BETWEEN)

    async def until_filled(self, wanted: dict[str, int]) -> None:
        """Wait until as many executions came as the gateway made; fewer are for the report to show."""
        end = time.monotonic() + PATIENCE
        while sum(self.executions.values()) < sum(wanted.values()) and time.monotonic() < end:
            await self.ib.waitOnUpdate(0.1)

    async def shown(self) -> list[Any]:
        """What is said to work; a machine that is too busy may lose the gateway once more."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    return await self.ib.openTrades()
                except NotReady:
                    await asyncio.sleep(0.1)

    async def report(self) -> dict[str, Any]:
        """What came of the day."""
        status = {key: (await self.ib.orderStatus(key)).orderStatus.status for key in self.placed if key != "standing"}
        for key in self.unknown:
            try:
                status[key] = (await self.ib.orderStatus(key)).orderStatus.status
            except IbmuxError as error:
                status[key] = error.code
        standing = await self.ib.orderStatus(f"{self.name}-standing")
        return {
            "executions": dict(self.executions),
            "answers": dict(self.answers),
            "retries": self.retries,
            "slowest": self.slowest,
            "empty": self.empty,
            "samples": self.samples,
            "stale": self.stale,
            "status": status,
            "standing": standing.orderStatus.status,
            "shown": sorted(trade.key for trade in await self.shown()),
            "unknown": self.unknown,
        }


async def main(name: str, url: str, plan: dict[str, Any]) -> None:
    async with ibmux.connect(name, url=url, timeout=60.0, request_timeout=PATIENCE) as ib:
        day = Day(name, ib, plan)
        tickers = await day.begin()
        say(connected=True)
        await hear()
        work = [asyncio.create_task(each) for each in (day.watch(tickers), day.ask(), day.trade())]
        await hear()
        day.open = False
        await asyncio.gather(*work)
        say(placed=len(day.placed))
        await day.until_filled((await hear())["fills"])
        say(**await day.report())
        await hear()


asyncio.run(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
