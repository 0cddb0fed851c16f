"""A careful trader: places orders under keys of its own, asks again with the same key, waits for the end of each.

Every order follows from seed, name and job number alone, so that a trader that was killed goes on with the same ones.
What it hears it writes into its diary, and goes on from the highest number there.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from crash_diary import Diary
from crash_ears import PATIENCE, ClientEar, Ear
from crash_jobs import Job, make_job
from crash_waiting import until

import ibmux
import ibmux.mqtt.pauses
from ibmux.errors import IbmuxError
from ibmux.messages.trades import DONE

LANES = 3
"""Jobs at once."""
BOUND = 3600.0
"""Seconds of a whole run at most."""
GIVE_UP = 90.0
"""Seconds after which a job counts as stuck: an order that nobody can say anything certain of."""


class Trader:
    """One script."""

    def __init__(self, ib: ibmux.IB, ear: Ear | ClientEar, diary: Diary, order: dict[str, Any]) -> None:
        self.ib, self.ear, self.diary = ib, ear, diary
        self.seed, self.name = order["seed"], order["name"]
        self.orders, self.permit = order["orders"], Path(order["permit"])
        self.jobs = self._plan()

    def _plan(self) -> list[Job]:
        jobs: list[Job] = []
        while sum(len(job.tickets) for job in jobs) < self.orders:
            jobs.append(make_job(self.seed, self.name, len(jobs)))
        return jobs

    async def trade(self) -> None:
        """All jobs, `LANES` at once, those first that were begun; as many as the director permits so far."""
        waiting = [job for job in self.jobs if job.number not in self.diary.ended]
        waiting.sort(key=lambda job: job.number not in self.diary.begun)
        waiting.reverse()

        async def lane() -> None:
            while waiting:
                await self._permitted(waiting[-1])
                if waiting:
                    await self._carry_out(waiting.pop())

        await asyncio.gather(*(lane() for _ in range(LANES)))

    async def _permitted(self, job: Job) -> None:
        def may() -> bool:
            return job.number < float(self.permit.read_text()) * len(self.jobs)

        if job.number not in self.diary.begun:
            await until(may, "the next job is permitted", BOUND, 0.05)

    async def _carry_out(self, job: Job) -> None:
        if job.number not in self.diary.begun:
            self.diary.write("begin", durable=True, job=job.number, keys=job.keys)
        result = "stuck"
        try:
            async with asyncio.timeout(GIVE_UP):
                result = await self._steps(job)
        except TimeoutError:
            pass
        self.diary.write("end", durable=True, job=job.number, keys=job.keys, result=result)

    async def _steps(self, job: Job) -> str:
        if not await self._place(job):
            return "refused"
        if job.change:
            await self._modify(job.keys[0], job)
        if len(job.tickets) > 1 and not job.cancels:
            await self._end(job.keys[-1], cancel=False)
        for key in job.keys[:1] if job.cancels and len(job.tickets) == 3 and self._fills(job) else []:
            await self._end(key, cancel=False)
        for key in job.keys:
            await self._end(key, cancel=job.cancels)
        return "done"

    @staticmethod
    def _fills(job: Job) -> bool:
        order = job.tickets[0].order
        return (order.action == "BUY") == ((order.lmtPrice or 0) > 1000)

    async def _place(self, job: Job) -> bool:
        """Until the answer is certain; false if it was refused."""
        first = job.keys[0]
        if first in self.diary.changed:  # as it was placed it is another order now
            return True
        method = "placeOrders" if len(job.tickets) > 1 else "placeOrder"
        while True:
            outcome = await self._ask(method, job.keys, lambda: self._send(job))
            if outcome in ("ok", "rejected"):
                return outcome == "ok"
            await asyncio.sleep(0.1)

    async def _send(self, job: Job) -> list[Any]:
        tickets = make_job(self.seed, self.name, job.number).tickets  # the client writes into the objects
        if len(tickets) > 1:
            return await self.ib.placeOrders(tickets, timeout=PATIENCE)
        [ticket] = tickets
        return [await self.ib.placeOrder(ticket.contract, ticket.order, ticket.key, timeout=PATIENCE)]

    async def _modify(self, key: str, job: Job) -> None:
        """Once; whatever the answer, the order is waited for as it is."""
        order = make_job(self.seed, self.name, job.number).tickets[0].order
        order.totalQuantity = job.change
        while not self._is_over(key):

            async def ask() -> Any:
                return [await self.ib.call("modifyOrder", PATIENCE, order=order, key=key)]

            if await self._ask("modifyOrder", [key], ask, wish=job.change) in ("ok", "rejected", "none"):
                return
            await asyncio.sleep(0.1)

    def _is_over(self, key: str) -> bool:
        return key in self.ear.over

    async def _end(self, key: str, *, cancel: bool) -> None:
        """Wait until an order is over; `cancel` it first."""
        asked = time.monotonic()
        while not self._is_over(key):
            if cancel:
                await self._ask("cancelOrder", [key], lambda: self._reply("cancelOrder", key))
                cancel = False
            elif key in self.ear.doubtful or time.monotonic() - asked > PATIENCE:
                self.ear.doubtful.discard(key)  # an order that never came is told like this, too
                await self._ask("orderStatus", [key], lambda: self._reply("orderStatus", key))
                asked, cancel = time.monotonic(), not self._is_over(key) and self._was_cancelled(key)
            self.ear.news.clear()
            if not self._is_over(key):
                await self._pause()

    def _was_cancelled(self, key: str) -> bool:
        """Whether this order is one to cancel: a second attempt is due where the first came to nothing."""
        job = self.jobs[int(key.split("-")[1])]
        return job.cancels

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(0.5):
                await self.ear.news.wait()
        except TimeoutError:
            pass

    async def _reply(self, method: str, key: str) -> list[Any]:
        return [await self.ib.call(method, PATIENCE, key=key)]

    async def _ask(self, method: str, keys: list[str], ask: Callable[[], Awaitable[list[Any]]], **more: Any) -> str:
        """Ask, and write down what was asked and what came of it: `ok`, or an error's outcome."""
        self.diary.write("ask", method=method, keys=keys, durable=method.startswith("place"), **more)
        try:
            trades = await ask()
        except IbmuxError as error:
            self.diary.write("error", method=method, keys=keys, code=error.code, outcome=error.fate, text=error.message)
            return error.fate
        for trade in trades:
            status = trade.orderStatus
            self.diary.write("reply", method=method, keys=[trade.key], status=status.status, filled=status.filled)
            if status.status in DONE:
                self.ear.over.add(trade.key)
        return "ok"

    async def look_back(self) -> None:
        """Hear what is missing, and ask how each order stands now.

        Raises:
            IbmuxError: not all of it came.
        """
        await self.ear.catch_up()
        for job in self.jobs:
            for key in job.keys:
                await self._ask("orderStatus", [key], lambda key=key: self._reply("orderStatus", key))
        await self.ear.catch_up()


async def main(order: dict[str, Any], say: Callable[..., None]) -> None:
    diary = Diary(Path(order["diary"]))
    since = diary.seq if order["ear"] == "client" else None
    ib = await patiently(lambda: ibmux.connect(order["name"], url=order["url"], gateway="paper", since=since))
    ear = Ear(order["url"], ib, diary) if since is None else ClientEar(ib, diary)
    await patiently(ear.open)
    trader = Trader(ib, ear, diary, order)
    await trader.trade()
    say(traded=order["name"])
    await until(Path(order["finish"]).exists, "everybody has traded", BOUND, 0.05)
    await patiently(trader.look_back)
    await ear.close()
    await ib.close()


async def patiently(attempt: Callable[[], Awaitable[Any]]) -> Any:
    """Again and again until it succeeds; whoever started this process bounds it."""
    while True:
        try:
            return await attempt()
        except IbmuxError:
            await asyncio.sleep(0.1)


def run(order: dict[str, Any], say: Callable[..., None]) -> int:
    """The whole life of one trader."""
    logging.basicConfig(level=logging.ERROR)
    ibmux.mqtt.pauses.LONGEST = 0.4  # no life of a proxy is long here
    asyncio.run(main(order, say))
    return 0
