"""The same API through a broker that is not ours: a real mosquitto, stopped and started under a working script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from broker import MOSQUITTO, Broker
from stage import raw_script, running_proxy, settings, until

import ibmux
from ibmux import topics
from ibmux.messages import decode
from ibmux.messages.session import ProxyStatus
from ibmux.mqtt.client import Link
from ibmux.mqtt.message import Message
from ibmux.sim import SimulatedGateway

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="there is no mosquitto binary: apt-get install mosquitto")


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    running = Broker(tmp_path)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


async def test_the_api_is_the_same_through_an_outside_broker(simulator: SimulatedGateway, broker: Broker) -> None:
    tree = settings(simulator.port, mqtt={"url": broker.url}, scripts={"reader": {"role": "read"}})
    async with running_proxy(tree), ibmux.connect("outside", url=broker.url) as ib:
        assert {each.account for each in await ib.positions()} == {"DU1000001", "DU1000002"}
        contract = ibmux.Contract(conId=265598, exchange="SMART")
        ticker = await ib.reqMktData(contract)
        await until(ticker.hasBidAsk, "a quote")
        trade = await ib.placeOrder(contract, ibmux.MarketOrder("BUY", 3), key="one")
        await trade.done(20)
        assert trade.orderStatus.status == "Filled"
        await until(lambda: trade.filled() == 3, "its executions")
        async with raw_script(broker.url, "reader") as reader:
            assert (await reader.ask("positionz")).code == "request.unknown_method"
            refused = await reader.ask("cancelOrder", {"orderId": 1})
            assert (refused.code, refused.payload["outcome"]) == ("auth.forbidden", "not_sent")
    assert simulator.stats.by_client == {1: 1}


async def test_when_the_proxy_ends_the_broker_says_so(simulator: SimulatedGateway, broker: Broker) -> None:
    states: list[str] = []

    def note(message: Message) -> None:
        states.append(decode(message.payload, ProxyStatus).state)

    watcher = Link(broker.url, client_id="watcher")
    await watcher.start()
    try:
        await watcher.subscribe(topics.PROXY_STATUS, note)
        async with running_proxy(settings(simulator.port, mqtt={"url": broker.url})):
            await until(lambda: "online" in states, "the proxy is online")
        await until(lambda: states[-1] == "offline", "the proxy is offline")
        assert "draining" in states
    finally:
        await watcher.close()


async def test_scripts_go_on_after_the_broker_was_restarted(simulator: SimulatedGateway, broker: Broker) -> None:
    async with (
        running_proxy(settings(simulator.port, mqtt={"url": broker.url})) as proxy,
        ibmux.connect("lasting", url=broker.url) as ib,
    ):
        contract = ibmux.Contract(conId=265598, exchange="SMART")
        ticker = await ib.reqMktData(contract)
        await until(ticker.hasBidAsk, "a quote")
        gaps: list[tuple[float, float, str]] = []
        ib.gapEvent += lambda start, end, reason: gaps.append((start, end, reason))

        await broker.stop()
        await until(lambda: not ib.isConnected() and not proxy.carrier.up, "both ends notice")
        await broker.start()
        await until(lambda: ib.isConnected() and proxy.carrier.up, "both ends are back", 30)

        assert await ib.positions()
        await until(lambda: gaps, "the script is told of the gap")
        start, end, reason = gaps[0]
        assert start < end
        assert reason
        moved = ticker.timestamp
        await until(lambda: ticker.timestamp != moved, "ticks come again")
        trade = await ib.placeOrder(contract, ibmux.MarketOrder("SELL", 2), key="after")
        await trade.done(20)
        await until(lambda: trade.filled() == 2, "the executions of an order placed afterwards")
        retained: list[Message] = []
        late = Link(broker.url, client_id="late")
        await late.start()
        try:
            await late.subscribe(topics.status("paper"), retained.append)
            await late.subscribe(topics.PROXY_INFO, retained.append)
            both = {topics.status("paper"), topics.PROXY_INFO}
            await until(lambda: {each.topic for each in retained} == both, "the states are retained again")
        finally:
            await late.close()
    assert simulator.stats.by_client == {1: 1}, "the gateway never noticed"


async def test_what_is_filled_while_the_broker_is_away_is_told_once(
    simulator: SimulatedGateway, broker: Broker
) -> None:
    """It forgets everybody and everything; the journal does not."""
    fills: list[str] = []
    costs: list[str] = []
    async with (
        running_proxy(settings(simulator.port, mqtt={"url": broker.url})) as proxy,
        ibmux.connect("outside", url=broker.url) as ib,
    ):
        ib.execDetailsEvent += lambda _trade, fill: fills.append(fill.execution.execId)
        ib.commissionReportEvent += lambda _trade, _fill, report: costs.append(report.execId)
        contract = ibmux.Contract(conId=265598, exchange="SMART")
        await simulator.faults.delay_next(0.5, 3)
        placing = [
            asyncio.create_task(ib.placeOrder(contract, ibmux.MarketOrder("BUY", 40), key=f"k{number}", timeout=20))
            for number in range(3)
        ]
        book = proxy.gateways["paper"].feed.book
        await until(lambda: simulator.stats.orders_placed == 3, "they are at the gateway")
        await broker.stop()
        await until(lambda: len(book) == 3 and all(entry.done for entry in book), "filled while the broker is away")
        await broker.start()
        for trade in await asyncio.gather(*placing):
            await trade.wait("Filled", timeout=20)
        await until(lambda: set(costs) == book.fills.keys(), "every commission", 20)
        assert (sorted(fills), sorted(costs)) == (sorted(book.fills), sorted(book.fills))
