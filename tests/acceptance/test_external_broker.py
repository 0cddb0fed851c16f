"""The same API through a broker that is not ours: a real mosquitto, stopped and started under a working script."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from stage import free_port, raw_script, running_proxy, settings, until

import ibmux
from ibmux import topics
from ibmux.messages import decode
from ibmux.messages.session import ProxyStatus
from ibmux.mqtt.client import Link
from ibmux.mqtt.message import Message
from ibmux.sim import SimulatedGateway

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin")
pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="there is no mosquitto binary: apt-get install mosquitto")


class Broker:
    """A mosquitto on a port of its own that keeps nothing: after a restart it knows nobody."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self._settings = folder / "mosquitto.conf"
        self._settings.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
            "set_tcp_nodelay true\nlog_dest none\n"
        )
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it; returns when it accepts connections."""
        assert MOSQUITTO is not None
        self._process = await asyncio.create_subprocess_exec(
            MOSQUITTO,
            "-c",
            str(self._settings),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(10):
            while not await self._accepts():
                assert self._process.returncode is None, "mosquitto ended at once"
                await asyncio.sleep(0.01)

    async def _accepts(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True

    async def stop(self) -> None:
        """Stop it; returns when it is gone."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await asyncio.wait_for(self._process.wait(), 10)


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
        await trade.done(5)
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
        await until(lambda: ib.isConnected() and proxy.carrier.up, "both ends are back", 20)

        assert await ib.positions()
        await until(lambda: gaps, "the script is told of the gap")
        start, end, reason = gaps[0]
        assert start < end
        assert reason
        moved = ticker.timestamp
        await until(lambda: ticker.timestamp != moved, "ticks come again")
        trade = await ib.placeOrder(contract, ibmux.MarketOrder("SELL", 2), key="after")
        await trade.done(5)
        await until(lambda: trade.filled() == 2, "the executions of an order placed afterwards")
        retained: list[Message] = []
        late = Link(broker.url, client_id="late")
        await late.start()
        try:
            await late.subscribe(topics.status("paper"), retained.append)
            await late.subscribe(topics.PROXY_INFO, retained.append)
            await until(lambda: len(retained) == 2, "the states are retained again")
        finally:
            await late.close()
    assert simulator.stats.by_client == {1: 1}, "the gateway never noticed"
