"""What scripts missed is told to them once and in order: over lost connections, restarts of the proxy and of the
script.
"""

from __future__ import annotations

import asyncio
import os
import random
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ports import free_port
from stage import running_proxy, settings, until, url_of

import ibmux
from ibmux import LimitOrder, MarketOrder, Stock
from ibmux.messages.trading import FillEvent, OrderEvent
from ibmux.sim import Settings, SimulatedGateway
from ibmux.sim.orders.order import ExecutionFilter

QUICK: dict[str, Any] = {"seed": 7, "linger": 0.0, "fill_delay": 0.05, "partial_share": 1.0, "status_first": 0.5}
APPLE = Stock("AAPL", "SMART", "USD")
FIRST = "DU1000001"


class Ear:
    """What one running copy of a script is told."""

    def __init__(self, ib: ibmux.IB) -> None:
        self.ib = ib
        self.statuses: list[tuple[str, str, float]] = []
        self.fills: list[str] = []
        self.costs: list[str] = []
        ib.orderStatusEvent += lambda one: self.statuses.append(
            (one.key, one.orderStatus.status, one.orderStatus.filled)
        )
        ib.execDetailsEvent += lambda one, fill: self.fills.append(fill.execution.execId)
        ib.commissionReportEvent += lambda one, fill, report: self.costs.append(report.execId)


@asynccontextmanager
async def gateway(**changes: Any) -> AsyncIterator[SimulatedGateway]:
    async with SimulatedGateway(Settings(**{**QUICK, **changes})) as simulator:
        yield simulator


@asynccontextmanager
async def script(url: str, **options: Any) -> AsyncIterator[ibmux.IB]:
    ib = await ibmux.connect("ann", url=url, **options)
    try:
        yield ib
    finally:
        await ib.close()


def executions(simulator: SimulatedGateway) -> list[str]:
    """What the gateway executed for the proxy's clientId, in its own order."""
    return [each.execId for each, _ in simulator.book.executions(ExecutionFilter()) if each.clientId == 1]


async def buy(ib: ibmux.IB, key: str, quantity: float = 40) -> Any:
    return await ib.placeOrder(APPLE, MarketOrder("BUY", quantity, account=FIRST), key, timeout=30)


def check(simulator: SimulatedGateway, *ears: Ear) -> None:
    """Every execution and every commission was told once, whichever copy of the script was there."""
    there = Counter(executions(simulator))
    assert set(there.values()) <= {1}
    assert Counter(name for ear in ears for name in ear.fills) == there
    assert Counter(name for ear in ears for name in ear.costs) == there
    for ear in ears:
        twice = {each[0] for each, count in Counter(ear.statuses).items() if count > 1}
        assert not twice, f"a status was told twice: {[each for each in ear.statuses if each[0] in twice]}"


async def test_replay_is_what_was_told() -> None:
    async with gateway() as simulator, running_proxy(settings(simulator.port)) as proxy, script(url_of(proxy)) as ib:
        ear, before = Ear(ib), ib.lastSeq
        placed = await buy(ib, "one")
        await placed.wait(timeout=30)
        await until(lambda: len(ear.costs) == len(executions(simulator)), "every commission")
        events = await ib.replay(before)
        assert [each.seq for each in events] == sorted({each.seq for each in events})
        fills = [each for each in events if isinstance(each, FillEvent) and each.event == "fill"]
        assert [each.fill.execution.execId for each in fills] == ear.fills
        orders = [each for each in events if isinstance(each, OrderEvent)]
        assert orders[-1].trade.orderStatus.status == "Filled"
        assert {each.key for each in orders} == {"one"}
        assert [each.seq for each in await ib.replay(events[2].seq)] == [each.seq for each in events[3:]]
        check(simulator, ear)


async def test_the_proxy_ends_and_comes_back_while_orders_are_filled() -> None:
    port = free_port()
    url = f"mqtt://127.0.0.1:{port}"
    async with gateway(fill_delay=0.4) as simulator:
        tree = settings(simulator.port, mqtt={"port": port})
        async with running_proxy(tree):
            ib = await ibmux.connect("ann", url=url)
            ear = Ear(ib)
            placed = [await buy(ib, f"k{number}") for number in range(5)]
        await until(lambda: len(executions(simulator)) >= 5, "it is filled while nobody looks")
        async with running_proxy(tree):
            for each in placed:
                await each.wait("Filled", timeout=30)
            await until(lambda: len(ear.costs) == len(executions(simulator)), "every commission", 30)
            check(simulator, ear)
            await ib.close()


async def test_a_script_that_was_away_goes_on_where_it_was() -> None:
    async with gateway(fill_delay=0.3) as simulator, running_proxy(settings(simulator.port)) as proxy:
        url = url_of(proxy)
        async with script(url) as ib:
            first = Ear(ib)
            for number in range(4):
                await buy(ib, f"k{number}")
            await until(lambda: len(first.fills) >= 2, "some fills")
        where = ib.lastSeq  # until it had left it was told
        book = proxy.gateways["paper"].feed.book
        await until(lambda: all(entry.done for entry in book) and len(book.fills) == len(executions(simulator)), "over")
        async with script(url, since=where) as ib:
            second = Ear(ib)
            await until(lambda: len(first.costs) + len(second.costs) == len(executions(simulator)), "all is told")

            def filled() -> set[str]:
                return {key for key, status, _ in [*first.statuses, *second.statuses] if status == "Filled"}

            await until(lambda: filled() == {f"k{number}" for number in range(4)}, "every end is told")
            check(simulator, first, second)


async def test_an_event_that_the_disk_took_after_the_script_was_back_is_told_too() -> None:
    """The look at the orders shows what the journal has yet to take."""
    async with gateway(fill_delay=0.0, status_first=0.0) as simulator, running_proxy(settings(simulator.port)) as proxy:
        url = url_of(proxy)
        async with script(url) as ib:
            placed = await ib.placeOrder(APPLE, LimitOrder("BUY", 10, 1.0, account=FIRST), "k", timeout=30)
            await placed.wait("Submitted", timeout=30)
            await until(lambda: not proxy.journal.waiting and ib.lastSeq == proxy.journal.last_seq, "all is told")
        free = threading.Event()
        held = asyncio.ensure_future(proxy.journal._do(lambda _shelf: free.wait(60)))
        book = proxy.gateways["paper"].feed.book
        [entry] = book
        try:
            proxy.gateways["paper"].session.post_cancel(entry.trade.order.orderId)
            await until(lambda: entry.done, "the proxy knows that it is cancelled")
            async with script(url, since=ib.lastSeq) as ib:
                ear = Ear(ib)
                await until(lambda: proxy.door.in_flight, "the journal is asked")
                free.set()
                await until(lambda: "Cancelled" in [each[1] for each in ear.statuses], "the end is told")
                assert len(set(ear.statuses)) == len(ear.statuses)
        finally:
            free.set()
            await held


async def test_random_restarts() -> None:
    """A script that trades while the proxy is restarted and connections are cut, at random."""
    seed = int(os.environ.get("IBMUX_SEED", "20260221"))
    print(f"IBMUX_SEED={seed}")  # noqa: T201 - repeats a run
    chance = random.Random(seed)
    port = free_port()
    url = f"mqtt://127.0.0.1:{port}"
    async with gateway(fill_delay=0.1) as simulator:
        tree = settings(simulator.port, mqtt={"port": port})
        async with running_proxy(tree):
            ib = await ibmux.connect("ann", url=url)
            ear = Ear(ib)
        stop = asyncio.Event()

        async def trade() -> list[Any]:
            placed, number = [], 0
            while not stop.is_set():
                number += 1
                order = LimitOrder("BUY", 10, 10_000.0, account=FIRST)
                placed.append(await place_surely(ib, order, f"k{number}"))
                await asyncio.sleep(chance.random() * 0.05)
            return placed

        work = asyncio.create_task(trade())
        for _ in range(4):
            async with running_proxy(tree):
                await asyncio.sleep(0.3 + chance.random() * 0.4)
                cut(ib)
                await asyncio.sleep(chance.random() * 0.3)
        async with running_proxy(tree):
            stop.set()
            for each in await work:
                await each.wait("Filled", timeout=30)
            await until(lambda: len(ear.costs) >= len(executions(simulator)), "every commission", 30)
            check(simulator, ear)
            await ib.close()


async def place_surely(ib: ibmux.IB, order: Any, key: str) -> Any:
    """Place an order under its key again and again, until it is taken."""
    while True:
        try:
            return await ib.placeOrder(APPLE, order, key, timeout=5)
        except ibmux.IbmuxError as error:
            assert error.fate in ("not_sent", "unknown"), error
        await asyncio.sleep(0.05)


def cut(ib: ibmux.IB) -> None:
    """The script's connection breaks; it comes back by itself."""
    if (wire := ib._link._dialogue.wire) is not None:
        wire.abort("a test")
