"""Input that breaks the protocol ends its own connection with a reason, and nothing else."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from mqtt5 import (
    AuthPacket,
    ConnAckPacket,
    ConnectPacket,
    PingReqPacket,
    PingRespPacket,
    PublishPacket,
    QoS,
    SubAckPacket,
    SubscribePacket,
    TopicFilter,
    Will,
)
from mqtt_raw import Raw, until, wish

from ibmux.mqtt.server import Endpoint, Limits

pytestmark = pytest.mark.usefixtures("no_noise")

MALFORMED = {
    "no packet type": b"\x00\x00",
    "length of five bytes": b"\x30\xff\xff\xff\xff\x01",
    "publish with QoS 3": b"\x36\x06\x00\x01a\x00\x01\x00",
    "publish with packet identifier 0": b"\x32\x06\x00\x01a\x00\x00\x00",
    "publish of QoS 0 with DUP": b"\x38\x04\x00\x01a\x00",
    "publish that is no UTF-8": b"\x30\x04\x00\x01\xff\x00",
    "user property that is no UTF-8": b"\x30\x0b\x00\x01a\x07\x26\x00\x01k\x00\x01\xff",
    "unknown property": b"\x30\x06\x00\x01a\x02\x7f\x02",
    "property twice": b"\x30\x0a\x00\x01a\x06\x23\x00\x01\x23\x00\x01",
    "properties longer than the packet": b"\x30\x06\x00\x01a\x22\x0b\x00",
    "payload format 2": b"\x30\x06\x00\x01a\x02\x01\x02",
    "subscribe with wrong flags": b"\x80\x07\x00\x01\x00\x00\x01a\x00",
    "subscribe with QoS 3": b"\x82\x07\x00\x01\x00\x00\x01a\x03",
    "subscribe with packet identifier 0": b"\x82\x07\x00\x00\x00\x00\x01a\x00",
    "ping with a body": b"\xc0\x01\x00",
    "puback with an unknown reason": b"\x40\x03\x00\x01\x77",
    "pubrel with wrong flags": b"\x60\x02\x00\x01",
}
WRONG = {
    "subscribe without a filter": (0x82, b"\x82\x03\x00\x01\x00"),
    "unsubscribe without a filter": (0x82, b"\xa2\x03\x00\x01\x00"),
    "a second connect": (0x82, ConnectPacket("again").write()),
    "what only a server sends": (0x82, ConnAckPacket().write()),
    "authentication that was not agreed on": (0x82, AuthPacket(authentication_method="x").write()),
    "publish to a wildcard": (0x90, b"\x30\x06\x00\x03a/#\x00"),
    "publish with NUL in the topic": (0x90, b"\x30\x04\x00\x01\x00\x00"),
    "alias that is too high": (0x94, PublishPacket("a", b"", topic_alias=257).write()),
    "alias that stands for nothing": (
        0x82,
        PublishPacket("a", b"", topic_alias=1).write().replace(b"\x01a", b"\x00", 1),
    ),
    "subscription identifier from a client": (0x82, PublishPacket("a", b"", subscription_ids=[1]).write()),
    "response topic with a wildcard": (
        0x82,
        PublishPacket("a", b"", response_topic="r1").write().replace(b"r1", b"r+"),
    ),
    "shared subscription without a name": (0x8F, SubscribePacket(1, [wish("$share/g1a")]).write()),
    "shared subscription without own messages": (0x82, SubscribePacket(1, [wish("$share/g/a", no_local=True)]).write()),
}
WRONG["alias that stands for nothing"] = (0x82, b"\x30\x06\x00\x00\x03\x23\x00\x01")


async def ends_with(client: Raw, data: bytes) -> int:
    await client.send_bytes(data)
    farewell = await client.closed()
    assert farewell is not None
    assert farewell.reason_str
    return int(farewell.reason_code)


@pytest.mark.parametrize("name", MALFORMED)
async def test_malformed_packets(raw: Any, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    bystander, client = await raw("bystander"), await raw("client")
    assert await ends_with(client, MALFORMED[name]) == 0x81
    await bystander.send(PingReqPacket())
    await bystander.expect(PingRespPacket)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", WRONG)
async def test_protocol_errors(raw: Any, name: str) -> None:
    code, data = WRONG[name]
    assert await ends_with(await raw("client"), data) == code


async def test_packets_above_the_limit_are_refused_by_their_header(start: Any, raw: Any) -> None:
    endpoint = await start(limits=Limits(max_packet_size=1000))
    client = await raw("client", endpoint.ports[0])
    assert await ends_with(client, b"\x30\xff\xff\xff\x7f") == 0x95


async def test_more_unacknowledged_messages_than_allowed(start: Any, raw: Any) -> None:
    endpoint = await start(limits=Limits(receive_maximum=3))
    client = await raw("client", endpoint.ports[0])
    flood = [PublishPacket("a", b"", qos=QoS.EXACTLY_ONCE, packet_id=i).write() for i in range(1, 6)]
    assert await ends_with(client, b"".join(flood)) == 0x93


@pytest.mark.parametrize(
    ("greeting", "answer"),
    [
        (b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", b"\x20\x02\x00\x01"),
        (b"\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x00", b"\x20\x02\x00\x01"),
        (b"GET / HTTP/1.1\r\n\r\n", b""),
        (PingReqPacket().write(), b""),
        (PublishPacket("a", b"").write(), b""),
        (b"\x10\x0d\x00\x04HTTP\x05\x02\x00\x3c\x00\x00\x00", b""),
        (b"\x10\x02\x00\x04", b""),
        (b"\x10\xff\xff\xff\x7f", b""),
    ],
)
async def test_other_greetings(endpoint: Endpoint, greeting: bytes, answer: bytes) -> None:
    client = await Raw.dial(endpoint.ports[0])
    await client.send_bytes(greeting)
    try:
        assert await client.reader.read() == answer
    except ConnectionResetError:
        assert answer == b""
    await client.hang_up()


@pytest.mark.parametrize(
    ("greeting", "code"),
    [
        (ConnectPacket("abc").write().replace(b"abc", b"a\xffc"), 0x81),
        (b"\x10\x0d\x00\x04MQTT\x05\x03\x00\x3c\x00\x00\x00", 0x81),
        (ConnectPacket("x", will=Will("abc", payload=b"")).write().replace(b"abc", b"a\xffc"), 0x81),
        (ConnectPacket("x", receive_max=5).write().replace(b"\x21\x00\x05", b"\x21\x00\x00"), 0x81),
        (ConnectPacket("a\0b").write(), 0x85),
    ],
)
async def test_a_bad_connect_is_answered(endpoint: Endpoint, greeting: bytes, code: int) -> None:
    client = await Raw.dial(endpoint.ports[0])
    await client.send_bytes(greeting)
    answer = await client.packet()
    if answer is None:
        assert code == 0x81
    else:
        assert int(answer.reason_code) == code
        assert await client.packet() is None
    await client.hang_up()


async def test_packets_may_come_in_any_pieces(endpoint: Endpoint) -> None:
    client = await Raw.dial(endpoint.ports[0])
    await client.send_bytes(b"")
    stream = ConnectPacket("pieces", clean_start=True).write() + SubscribePacket(1, [wish("a")]).write()
    stream += PublishPacket("a", b"z" * 300).write() + PingReqPacket().write()
    for byte in stream:
        client.writer.write(bytes([byte]))
        await client.writer.drain()
    await client.expect(ConnAckPacket)
    await client.expect(SubAckPacket)
    assert (await client.expect(PublishPacket)).payload == b"z" * 300
    await client.expect(PingRespPacket)
    await client.hang_up()


async def test_random_bytes_hurt_nobody_else(raw: Any, endpoint: Endpoint, capfd: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get("IBMUX_SEED", "20260221"))
    chance = random.Random(seed)
    print(f"IBMUX_SEED={seed}")  # noqa: T201
    bystander = await raw("bystander")
    await bystander.subscribe("safe/#")
    samples = [
        PublishPacket("a/b", b"payload", content_type="x", user_properties=[("k", "v")], topic_alias=3).write(),
        SubscribePacket(3, [TopicFilter("a/+/ü", retain_as_published=False)], subscription_id=9).write(),
        PublishPacket("ä/b", b"payload", qos=QoS.AT_LEAST_ONCE, packet_id=7, correlation_data=b"\xff\xfe").write(),
        ConnectPacket("fuzz", username="ü", password=b"\xff", will=Will("w", payload=b"\xff")).write(),
    ]
    for round_ in range(150):
        client = await Raw.connect(endpoint.ports[0], "fuzz") if round_ % 3 else await Raw.dial(endpoint.ports[0])
        data = bytearray(chance.choice(samples))
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        await client.send_bytes(bytes(data) + chance.randbytes(chance.randrange(20)))
        await client.drop()
    await until(lambda: endpoint.stats().connections == 1)
    endpoint.publish("safe/1", b"still here")
    assert [one.payload for one in await bystander.messages(1)] == [b"still here"]
    assert "panicked" not in capfd.readouterr().err
