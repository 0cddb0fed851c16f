"""Many readers of one stream: ticks are gathered for them, answers and order events are not kept waiting by that."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from stage import RawScript, raw_script, running_proxy, settings, until, url_of

from ibmux import topics
from ibmux.messages import decode
from ibmux.messages.market import Ticks
from ibmux.mqtt.message import Message
from ibmux.sim import Settings, SimulatedGateway

READERS = 10
GATHER = 1.0
"""Seconds: long enough that an answer which had to wait for it is told from a slow machine."""
AT_ONCE = 0.5
TRIES = 5
"""A machine is not slow each time; but what has to wait for ticks comes with them, and the next one waits as long as
that again."""


@pytest.fixture
async def readers() -> AsyncIterator[list[RawScript]]:
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(SimulatedGateway(Settings(seed=3, rate=1000.0)))
        tree = settings(gateway.port, mqtt={"port": 0, "gather": GATHER})
        proxy = await stack.enter_async_context(running_proxy(tree))
        yield [await stack.enter_async_context(raw_script(url_of(proxy), f"reader{n}")) for n in range(READERS)]


async def stream(readers: list[RawScript]) -> list[list[float]]:
    """Let all of them read one stream; the times at which ticks came, by reader."""
    clock = asyncio.get_running_loop().time
    came: list[list[float]] = [[] for _ in readers]

    def note(number: int, _message: Message) -> None:
        came[number].append(clock())

    for number, reader in enumerate(readers):
        await reader.link.subscribe(
            topics.tick("paper", 265598), lambda message, number=number: note(number, message), qos=0
        )
        assert (await reader.ask("reqMktData", {"contract": {"conId": 265598, "exchange": "SMART"}})).code == "ok"
    await until(lambda: all(len(times) > 20 for times in came), "ticks for everybody")
    return came


async def test_answers_do_not_wait_for_gathered_ticks(readers: list[RawScript]) -> None:
    await stream(readers)
    clock = asyncio.get_running_loop().time
    for reader in readers:
        took = []
        for _ in range(TRIES):
            began = clock()
            assert (await reader.ask("managedAccounts")).code == "ok"
            took.append(clock() - began)
        assert min(took[1:]) < AT_ONCE, f"the answers waited for ticks: {took}"


async def test_order_events_do_not_wait_for_gathered_ticks(readers: list[RawScript]) -> None:
    await stream(readers)
    clock = asyncio.get_running_loop().time
    trader, fills = readers[0], []
    await trader.link.subscribe(topics.fill_event("paper", trader.name), fills.append)
    order = {"action": "BUY", "totalQuantity": 1, "orderType": "MKT"}
    took = []
    for _ in range(TRIES):
        fills.clear()
        began = clock()
        reply = await trader.ask("placeOrder", {"contract": {"conId": 265598, "exchange": "SMART"}, "order": order})
        assert reply.code == "ok"
        await until(lambda: fills, "the fill")
        took.append(clock() - began)
        await until(lambda: len(fills) == 2, "its commission")
    assert min(took[1:]) < AT_ONCE, f"the events waited for ticks: {took}"


async def test_nothing_is_lost_or_out_of_order_by_gathering(readers: list[RawScript]) -> None:
    batches: list[list[Ticks]] = [[] for _ in readers]
    for number, reader in enumerate(readers):

        def take(message: Message, number: int = number) -> None:
            batches[number].append(decode(message.payload, Ticks))

        await reader.link.subscribe(topics.tick("paper", 265598), take, qos=0)
    for reader in readers:
        assert (await reader.ask("reqMktData", {"contract": {"conId": 265598, "exchange": "SMART"}})).code == "ok"
    await until(lambda: all(len(each) > 300 for each in batches), "some hundred batches for everybody")
    for each in batches:
        for before, after in itertools.pairwise(each):
            assert after.seq == before.seq + len(before.ticks), "a hole, or a wrong order"
    newest = min(each[-1].seq for each in batches)
    histories = [[(tick.seq, tick.ticks) for tick in each if 300 > newest - tick.seq >= 0] for each in batches]
    assert all(history == histories[0] for history in histories), "readers saw different streams"
