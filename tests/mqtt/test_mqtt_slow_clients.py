"""A client that reads slowly: what is folded, what is dropped, when its connection ends; the others notice nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mqtt5 import PingRespPacket, PublishPacket
from mqtt_raw import Raw, wish

from ibmux.mqtt.server import Endpoint, Limits

pytestmark = pytest.mark.usefixtures("no_noise")

QUOTE, TICK, REPLY = "x/md/1/quote", "x/md/1/tick", "x/rep/me/1"
BLOCK = b"z" * 10_000


@pytest.fixture
async def small(start: Any) -> Endpoint:
    return await start(limits=Limits(max_queued_bytes=200_000, close_timeout=20.0))


async def deaf(raw: Any, endpoint: Endpoint, *filters: Any, **options: Any) -> Raw:
    """A client that subscribes and then reads nothing."""
    client: Raw = await raw("deaf", endpoint.ports[0], **options)
    await client.subscribe(*filters)
    client.writer.transport.pause_reading()
    return client


async def fill(endpoint: Endpoint, topic: str = TICK) -> None:
    """Publish until the client's socket is full and messages are held back."""
    while not endpoint.stats().queued_messages:
        endpoint.publish(topic, BLOCK)
        await asyncio.sleep(0)


async def rest(client: Raw) -> list[PublishPacket]:
    """Read again, and return what comes."""
    client.writer.transport.resume_reading()
    return await client.messages()


async def test_quotes_are_folded(raw: Any, small: Endpoint) -> None:
    client = await deaf(raw, small, "x/#")
    await fill(small)
    for i in range(1000):
        small.publish(QUOTE, b"%d" % i)
        small.publish("x/md/2/quote", b"%d" % i)
    stats = small.stats()
    assert stats.conflated == 1998
    assert stats.dropped_slow == 0
    assert small.connections()[0].conflated == 1998
    quotes = [(one.topic, one.payload) for one in await rest(client) if one.topic.endswith("quote")]
    assert quotes == [(QUOTE, b"999"), ("x/md/2/quote", b"999")]


async def test_the_oldest_of_a_stream_are_dropped(raw: Any, small: Endpoint) -> None:
    client = await deaf(raw, small, "x/#")
    await fill(small)
    for i in range(100):
        small.publish(TICK, b"%05d" % i + BLOCK)
    stats = small.stats()
    assert stats.dropped_slow > 50
    assert stats.queued_bytes <= 200_000
    found = [int(one.payload[:5]) for one in await rest(client) if one.payload[:1] == b"0"]
    assert found == list(range(100 - len(found), 100))
    assert len(found) > 10
    assert small.stats().connections == 1


async def test_what_must_not_be_lost_ends_the_connection(raw: Any, small: Endpoint) -> None:
    client = await deaf(raw, small, "x/#")
    await fill(small)
    for _ in range(100):
        small.publish(REPLY, BLOCK)
    assert small.stats().connections == 0
    assert small.stats().disconnects == {"quota_exceeded": 1}
    client.writer.transport.resume_reading()
    farewell = await client.closed()
    assert farewell is not None
    assert (int(farewell.reason_code), farewell.reason_str) == (0x97, "more than 200000 bytes wait for this client")


@pytest.mark.parametrize("qos", [1, 2])
async def test_acknowledged_messages_wait_and_arrive(raw: Any, small: Endpoint, qos: int) -> None:
    client = await deaf(raw, small, wish("x/#", qos))
    await fill(small)
    for i in range(50):
        small.publish("x/evt/order/me", b"%d" % i, qos=qos)
    assert small.stats().queued_messages > 50
    messages = [one for one in await rest(client) if one.topic == "x/evt/order/me"]
    assert [int(one.payload) for one in messages] == list(range(50))
    assert small.stats().queued_messages == 0


async def test_too_many_acknowledged_messages_end_the_session(raw: Any, small: Endpoint) -> None:
    await deaf(raw, small, wish("x/#", 1), session_expiry_interval=60)
    for _ in range(100):
        small.publish("x/evt/order/me", BLOCK, qos=1)
    assert small.stats().sessions == 0
    back = await raw("deaf", small.ports[0], clean_start=False)
    assert not back.connack.session_present


async def test_the_others_notice_nothing(raw: Any, small: Endpoint) -> None:
    await deaf(raw, small, "x/#")
    reader = await raw("reader", small.ports[0])
    await reader.subscribe("x/#")
    await fill(small)
    await reader.messages()
    for i in range(500):
        small.publish(TICK, b"%d" % i)
        small.publish(QUOTE, b"%d" % i)
    assert [int(one.payload) for one in await reader.messages(1000)] == [i for i in range(500) for _ in range(2)]


async def test_held_messages_expire(start: Any, raw: Any) -> None:
    now = 0.0
    endpoint = await start(clock=lambda: now)
    client = await deaf(raw, endpoint, "x/#")
    await fill(endpoint)
    endpoint.publish(QUOTE, b"old", expiry=5)
    endpoint.publish("x/md/2/quote", b"young", expiry=60)
    now = 10.0
    quotes = [one for one in await rest(client) if one.topic.endswith("quote")]
    assert [(one.payload, one.message_expiry_interval) for one in quotes] == [(b"young", 50)]


@pytest.mark.timeout(180)  # what was sent is read first, to the end
async def test_a_client_that_only_talks_is_not_heard_for_ever(raw: Any, small: Endpoint) -> None:
    """Pings without end from a client that reads no answer: neither side's memory grows without bound."""
    client = await deaf(raw, small, "x/#", receive_max=10)
    await fill(small)
    before = small.stats().bytes_in
    pings = b"\xc0\x00" * 50_000
    try:
        async with asyncio.timeout(0.5):
            for _ in range(400):
                await client.send_bytes(pings)
    except TimeoutError:
        pass
    assert small.stats().bytes_in - before < 400 * len(pings)
    client.writer.transport.resume_reading()
    answers = 0
    while answers < 10_000:
        answers += isinstance(await client.packet(), PingRespPacket)
    await client.drop()
