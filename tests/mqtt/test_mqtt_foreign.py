"""Clients of others against the endpoint, and the link against a broker of others."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import aiomqtt
import gmqtt
import paho.mqtt.client as paho
import pytest
from mqtt_raw import until
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ibmux.errors import Unreachable
from ibmux.mqtt.client import Link, Will
from ibmux.mqtt.message import Message
from ibmux.mqtt.server import Endpoint, WebSocketListener

pytestmark = pytest.mark.usefixtures("no_noise")


def echo(endpoint: Endpoint) -> Any:
    """A handler that answers requests as the API does."""

    def answer(message: Message) -> None:
        assert message.response_topic is not None
        endpoint.publish(
            message.response_topic,
            message.payload[::-1],
            qos=1,
            correlation_data=message.correlation_data,
            user_properties=[("status", "ok")],
        )

    return answer


def request_properties(reply_to: str) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)
    properties.ResponseTopic = reply_to
    properties.CorrelationData = b"\x00\xff"
    properties.MessageExpiryInterval = 30
    return properties


async def test_aiomqtt(endpoint: Endpoint) -> None:
    await endpoint.subscribe("req/+", echo(endpoint))
    async with aiomqtt.Client("127.0.0.1", endpoint.ports[0], protocol=aiomqtt.ProtocolVersion.V5) as client:
        await client.subscribe("rep/me", qos=2)
        await client.publish("req/turn", b"abc", qos=2, properties=request_properties("rep/me"))
        async with asyncio.timeout(20):
            message = await anext(client.messages)
        assert message.payload == b"cba"
        assert message.properties is not None
        assert message.properties.CorrelationData == b"\x00\xff"
        assert message.properties.UserProperty == [("status", "ok")]
    await until(lambda: endpoint.stats().disconnects == {"client_disconnect": 1})


async def test_gmqtt(endpoint: Endpoint) -> None:
    await endpoint.subscribe("req/+", echo(endpoint))
    heard: list[tuple[str, bytes, dict[str, Any]]] = []
    client = gmqtt.Client("gmqtt-1")
    client.on_message = lambda _client, topic, payload, _qos, properties: heard.append((topic, payload, properties))
    await client.connect("127.0.0.1", endpoint.ports[0], version=gmqtt.constants.MQTTv50)
    client.subscribe("rep/#", qos=1)
    await until(lambda: endpoint.stats().subscriptions == 1)
    client.publish("req/turn", b"abc", qos=1, response_topic="rep/me", correlation_data=b"\x01")
    await until(lambda: heard)
    topic, payload, properties = heard[0]
    assert (topic, payload, properties["correlation_data"]) == ("rep/me", b"cba", [b"\x01"])
    await client.disconnect()
    await until(lambda: endpoint.stats().connections == 0)


@pytest.mark.parametrize("transport", ["tcp", "websockets"])
async def test_paho(start: Any, endpoint: Endpoint, transport: Any) -> None:
    server = await start(WebSocketListener(port=0)) if transport == "websockets" else endpoint
    await server.subscribe("req/+", echo(server))
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, "paho-1", protocol=paho.MQTTv5, transport=transport)
    subscribed, done = threading.Event(), threading.Event()
    heard: list[paho.MQTTMessage] = []
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = lambda _client, _data, message: (heard.append(message), done.set())  # type: ignore[func-returns-value]
    await asyncio.to_thread(client.connect, "127.0.0.1", server.ports[0])
    client.loop_start()
    try:
        client.subscribe("rep/me", qos=2)
        assert await asyncio.to_thread(subscribed.wait, 20)
        client.publish("req/turn", b"z" * 70_000 + b"abc", qos=2, properties=request_properties("rep/me"))
        assert await asyncio.to_thread(done.wait, 20)
    finally:
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)
    assert heard[0].payload == b"cba" + b"z" * 70_000


async def test_paho_of_the_older_protocol_is_told(endpoint: Endpoint) -> None:
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, "old", protocol=paho.MQTTv311)
    refused = threading.Event()
    codes: list[Any] = []
    client.on_connect = lambda _client, _data, _flags, code, _properties: (codes.append(code), refused.set())  # type: ignore[func-returns-value]
    await asyncio.to_thread(client.connect, "127.0.0.1", endpoint.ports[0])
    client.loop_start()
    try:
        assert await asyncio.to_thread(refused.wait, 20)
    finally:
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)
    assert codes[0].getName() == "Unsupported protocol version"


async def run(*command: str) -> tuple[int, bytes]:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(50):
        out, _ = await process.communicate()
    return process.returncode or 0, out


async def test_mosquitto_tools(endpoint: Endpoint, program: Any) -> None:
    where = ["-h", "127.0.0.1", "-p", str(endpoint.ports[0]), "-V", "5"]
    sub, pub = program("mosquitto_sub"), program("mosquitto_pub")
    waiting = asyncio.ensure_future(run(sub, *where, "-t", "a/#", "-q", "1", "-C", "2", "-F", "%t %p %P"))
    await until(lambda: endpoint.stats().subscriptions == 1)
    for qos in ("1", "2"):
        properties = ["-D", "publish", "user-property", "k", f"v{qos}"]
        assert await run(pub, *where, "-t", "a/b", "-m", f"hello{qos}", "-q", qos, *properties) == (0, b"")
    assert await waiting == (0, b"a/b hello1 k:v1\na/b hello2 k:v2\n")
    assert await run(pub, *where, "-t", "kept", "-m", "R", "-r", "-q", "1") == (0, b"")
    assert await run(sub, *where, "-t", "kept", "-C", "1", "-F", "%r %p") == (0, b"1 R\n")


# -- the link at mosquitto -------------------------------------------------------------------------------------------


async def test_a_link_at_mosquitto(mosquitto: Any, link: Any) -> None:
    url = f"mqtt://127.0.0.1:{mosquitto.port}"
    one: Link = await link("one", url)
    two: Link = await link("two", url, will=Will("w/two", b"gone"))
    heard: list[Message] = []
    unsubscribe = await one.subscribe("a/#", heard.append, qos=2)
    await one.subscribe("w/#", heard.append)
    for qos in (0, 1, 2):
        two.publish("a/b", b"%d" % qos, qos=qos, user_properties=[("k", "v")], expiry=30, content_type="x")
    await until(lambda: len(heard) == 3)
    assert sorted((one.payload, one.qos, one.user_properties, one.content_type) for one in heard) == [
        (b"%d" % qos, qos, (("k", "v"),), "x") for qos in (0, 1, 2)
    ]
    assert await two.publish_acked("nobody/here", b"", qos=1) == 0x10
    assert await one.publish_acked("a/own", b"", qos=1) in (0, 0x10)
    two.publish("a/b", b"z" * 1_000_000, qos=1)
    await until(lambda: len(heard) == 4)
    for i in range(500):
        two.publish("a/many", b"%d" % i, qos=1)
    await until(lambda: len(heard) == 504)
    assert [int(message.payload) for message in heard[4:]] == list(range(500))
    await unsubscribe()
    await two.close()
    assert len(heard) == 504


async def test_a_link_survives_a_restart_of_mosquitto(mosquitto: Any, link: Any) -> None:
    url = f"mqtt://127.0.0.1:{mosquitto.port}"
    events: list[Any] = []
    one: Link = await link("one", url, on_connect=events.append, on_disconnect=events.append)
    heard: list[bytes] = []
    await one.subscribe("a/+", lambda message: heard.append(message.payload))
    mosquitto.stop()
    await until(lambda: not one.connected)
    one.publish("b", b"waits", qos=1)
    await mosquitto.start()
    await until(lambda: one.connected)
    assert [event for event in events if isinstance(event, bool)] == [False, False]
    two: Link = await link("two", url)
    await two.publish_acked("a/1", b"again")
    await until(lambda: heard == [b"again"])


async def test_a_stopped_mosquitto_is_named(mosquitto: Any, link: Any) -> None:
    mosquitto.stop()
    with pytest.raises(Unreachable, match="connection refused"):
        await link("one", f"mqtt://127.0.0.1:{mosquitto.port}")
