"""A message that places orders is acknowledged when they are on the disk: until then its sender still has it.

With packets by hand: PUBACKs are seen as they come, and a message is sent again as MQTT clients do it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import mqtt5
import msgpack
import pytest
from mqtt5 import ConnAckPacket, ConnectPacket, PubAckPacket, PublishPacket, QoS, SubscribePacket, TopicFilter
from stage import running_proxy, settings, until

from ibmux import topics
from ibmux.daemon import Proxy
from ibmux.journal import Filter
from ibmux.sim import Settings, SimulatedGateway

AAPL = {"conId": 265598, "symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
ORDER = {"action": "BUY", "totalQuantity": 10.0, "orderType": "LMT", "lmtPrice": 1.5}


class Script:
    """A script of bare packets.

    Attributes:
        acknowledged: packet identifiers in the order of their PUBACKs.
        replies: by correlation data, each with its status.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.acknowledged: list[int] = []
        self.replies: list[tuple[bytes, str]] = []
        self.welcomed: ConnAckPacket | None = None
        self._writer = writer
        self._task = asyncio.create_task(self._read(reader))

    @classmethod
    async def connect(cls, proxy: Proxy) -> Script:
        script = cls(*await asyncio.open_connection("127.0.0.1", proxy.ports["mqtt"]))
        script.send(ConnectPacket("hand", username="hand", clean_start=False, session_expiry_interval=60))
        await until(lambda: script.welcomed, "the endpoint lets the script in")
        script.send(SubscribePacket(9, [TopicFilter(topics.replies("hand", "x"), max_qos=QoS.AT_MOST_ONCE)]))
        return script

    def send(self, packet: Any) -> None:
        self._writer.write(packet.write())

    def ask(self, packet_id: int, method: str, again: bool = False, **arguments: Any) -> None:
        """Publish a request; its correlation data are the packet's number."""
        self.send(
            PublishPacket(
                topics.request("paper", "hand", method),
                msgpack.packb(arguments),
                qos=QoS.AT_LEAST_ONCE,
                packet_id=packet_id,
                duplicate=again,
                response_topic=topics.reply("paper", "hand", "x"),
                correlation_data=str(packet_id).encode(),
            )
        )

    async def drop(self) -> None:
        """Break the connection without a word."""
        self._writer.transport.abort()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        buffer = b""
        while data := await reader.read(65536):
            buffer += data
            while buffer:
                try:
                    packet, used = mqtt5.read(memoryview(buffer))
                except IndexError:
                    break
                buffer = buffer[used:]
                self._take(packet)

    def _take(self, packet: Any) -> None:
        if isinstance(packet, ConnAckPacket):
            self.welcomed = packet
        elif isinstance(packet, PubAckPacket):
            self.acknowledged.append(packet.packet_id)
        elif isinstance(packet, PublishPacket):
            self.replies.append((packet.correlation_data or b"", dict(packet.user_properties)["status"]))


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[tuple[SimulatedGateway, Proxy]]:
    async with SimulatedGateway(Settings(linger=0.0)) as gateway:
        tree = settings(gateway.port, journal={"path": str(tmp_path / "journal.db")})
        async with running_proxy(tree) as proxy:
            yield gateway, proxy


@asynccontextmanager
async def script(proxy: Proxy) -> AsyncIterator[Script]:
    one = await Script.connect(proxy)
    try:
        yield one
    finally:
        await one.drop()


@contextmanager
def slow_disk(proxy: Proxy) -> Any:
    """Nothing becomes durable before the function that this gives is called."""
    free = threading.Event()
    chore = asyncio.ensure_future(proxy.journal._do(lambda _shelf: free.wait(30)))
    try:
        yield free.set
    finally:
        free.set()
        chore.add_done_callback(lambda done: done.exception())


async def intents(proxy: Proxy) -> list[str]:
    return [each.key for each in await proxy.journal.read(wanted=Filter(kinds=("intent",)))]


async def test_an_order_is_acknowledged_when_it_is_on_the_disk(scene: tuple[SimulatedGateway, Proxy]) -> None:
    gateway, proxy = scene
    async with script(proxy) as one:
        with slow_disk(proxy) as release:
            one.ask(1, "positions")
            one.ask(2, "placeOrder", contract=AAPL, order=ORDER, key="a")
            one.ask(3, "positions")
            await until(lambda: len(one.replies) == 2, "the questions are answered")
            assert one.acknowledged == [1]  # in order: the third waits for the second
            assert gateway.stats.orders_placed == 0
            release()
            await until(lambda: one.acknowledged == [1, 2, 3], "everything is acknowledged")
        await until(lambda: (b"2", "ok") in one.replies, "the gateway's word on the order")
    assert await intents(proxy) == ["a"]


@pytest.mark.parametrize("key", ["a", ""], ids=["key", "no key"])
async def test_a_message_that_comes_again_is_no_second_order(scene: tuple[SimulatedGateway, Proxy], key: str) -> None:
    """The connection breaks between request and acknowledgement, and the script's client sends it again."""
    gateway, proxy = scene
    with slow_disk(proxy) as release:
        async with script(proxy) as one:
            one.ask(1, "placeOrder", contract=AAPL, order=ORDER, key=key)
            await until(lambda: proxy.door.in_flight == 1, "the order waits for the disk")
            assert one.acknowledged == []
        async with script(proxy) as again:
            assert again.welcomed is not None
            assert again.welcomed.session_present
            again.ask(1, "placeOrder", again=True, contract=AAPL, order=ORDER, key=key)
            again.ask(2, "positions")
            await until(lambda: any(reply == (b"2", "ok") for reply in again.replies), "a question is answered")
            release()
            await until(lambda: again.acknowledged == [1, 2], "the message is acknowledged")
            await until(lambda: any(each[0] == b"1" for each in again.replies), "the order is answered")
            again.ask(3, "placeOrder", again=True, contract=AAPL, order=ORDER, key=key or "later")
            await until(lambda: (b"3", "ok") in again.replies, "and answered again")
    assert gateway.stats.orders_placed == (1 if key else 2)
    assert len(await intents(proxy)) == gateway.stats.orders_placed


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("placeOrder", {"contract": AAPL, "order": {**ORDER, "totalQuantity": -1.0}, "key": "a"}),
        ("placeOrder", {"contract": 5}),
        ("placeOrders", {"tickets": 7}),
        ("exerciseOptions", {}),
        ("noSuchMethod", {}),
    ],
)
async def test_what_is_refused_is_acknowledged(
    scene: tuple[SimulatedGateway, Proxy], method: str, arguments: dict[str, Any]
) -> None:
    _, proxy = scene
    async with script(proxy) as one:
        one.ask(1, method, **arguments)
        await until(lambda: one.acknowledged == [1], "the refused message is acknowledged")
        await until(lambda: one.replies == [(b"1", "error")], "it is refused")
    assert await intents(proxy) == []


async def test_a_request_that_nobody_can_answer_is_acknowledged(scene: tuple[SimulatedGateway, Proxy]) -> None:
    _, proxy = scene
    async with script(proxy) as one:
        topic = topics.request("paper", "hand", "placeOrder")
        one.send(PublishPacket(topic, b"", qos=QoS.AT_LEAST_ONCE, packet_id=1))
        await until(lambda: one.acknowledged == [1], "it is acknowledged")


async def test_it_is_acknowledged_at_its_deadline_at_the_latest(scene: tuple[SimulatedGateway, Proxy]) -> None:
    gateway, proxy = scene
    async with script(proxy) as one:
        with slow_disk(proxy):
            packet = PublishPacket(
                topics.request("paper", "hand", "placeOrder"),
                msgpack.packb({"contract": AAPL, "order": ORDER, "key": "a"}),
                qos=QoS.AT_LEAST_ONCE,
                packet_id=1,
                message_expiry_interval=1,
                response_topic=topics.reply("paper", "hand", "x"),
                correlation_data=b"1",
            )
            one.send(packet)
            await until(lambda: one.replies == [(b"1", "error")], "the deadline passed")
            await until(lambda: one.acknowledged == [1], "it is acknowledged")
    assert gateway.stats.orders_placed == 0
