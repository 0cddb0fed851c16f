"""The endpoint as a bus: what handlers of this process hear, and when their clients get an acknowledgement."""

from __future__ import annotations

from typing import Any

import pytest
from mqtt5 import PubAckPacket, PublishPacket, PubRecPacket, QoS
from mqtt_raw import QUIET, Raw, until

from ibmux.errors import ConfigError
from ibmux.mqtt.message import Message
from ibmux.mqtt.server import Client, Endpoint, Grant, Limits, TcpListener


async def silent(client: Raw) -> bool:
    """Whether nothing comes for a while."""
    try:
        await client.packet(QUIET)
    except TimeoutError:
        return True
    return False


async def test_a_handler_sees_the_whole_message(start: Any, raw: Any) -> None:
    endpoint = await start(authenticate=lambda _credentials: Grant("alice"))
    heard: list[Message] = []
    await endpoint.subscribe("req/+/go", heard.append)
    client = await raw("desk-1", endpoint.ports[0])
    await client.publish(
        "req/alice/go",
        b"body",
        1,
        response_topic="rep/alice",
        correlation_data=b"\x01",
        content_type="application/msgpack",
        user_properties=[("k", "v")],
        message_expiry_interval=30,
    )
    (message,) = heard
    assert message.expiry is not None
    assert 29 < message.expiry <= 30
    message.expiry = None
    assert message == Message(
        "req/alice/go",
        b"body",
        1,
        False,
        None,
        "application/msgpack",
        "rep/alice",
        b"\x01",
        (("k", "v"),),
        "desk-1",
        "alice",
    )


async def test_handlers_hear_clients_and_not_the_endpoint_itself(endpoint: Endpoint, raw: Any) -> None:
    heard: list[bytes] = []
    await endpoint.subscribe("a/#", lambda message: heard.append(message.payload))
    endpoint.publish("a/1", b"own")
    await (await raw("x")).publish("a/1", b"client's", 1)
    assert heard == [b"client's"]


async def test_retained_messages_are_heard_at_once(endpoint: Endpoint, raw: Any) -> None:
    await (await raw("x")).publish("a/1", b"kept", 1, retain=True)
    heard: list[tuple[bytes, bool]] = []
    await endpoint.subscribe("a/+", lambda message: heard.append((message.payload, message.retain)))
    assert heard == [(b"kept", True)]


async def test_unsubscribed_handlers_are_quiet(endpoint: Endpoint, raw: Any) -> None:
    heard: list[Message] = []
    unsubscribe = await endpoint.subscribe("a/+", heard.append)
    client = await raw("x")
    unsubscribe()
    assert int((await client.publish("a/1", b"", 1)).reason_code) == 0x10
    assert heard == []


async def test_a_handler_that_fails_hurts_nobody(
    endpoint: Endpoint, raw: Any, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Message] = []

    def fail(_message: Message) -> None:
        raise RuntimeError("broken")

    await endpoint.subscribe("a/1", fail)
    await endpoint.subscribe("a/+", heard.append)
    client = await raw("x")
    assert int((await client.publish("a/1", b"", 1)).reason_code) == 0
    assert len(heard) == 1
    assert endpoint.stats().handler_errors == 1
    assert "a handler of a/1 failed" in caplog.text


@pytest.mark.parametrize("qos", [1, 2])
async def test_a_late_acknowledgement_waits_for_the_handler(endpoint: Endpoint, raw: Any, qos: int) -> None:
    heard: list[Message] = []
    await endpoint.subscribe("a/+", heard.append, qos=2, late_ack=True)
    await endpoint.subscribe("a/1", lambda _message: None)
    client = await raw("x")
    await client.send(PublishPacket("a/1", b"", qos=QoS(qos), packet_id=9))
    await until(lambda: heard)
    assert await silent(client)
    heard[0].ack()
    answer = await client.expect(PubAckPacket if qos == 1 else PubRecPacket)
    assert (answer.packet_id, int(answer.reason_code)) == (9, 0)
    heard[0].ack()
    assert await silent(client)


async def test_every_late_handler_is_waited_for(endpoint: Endpoint, raw: Any) -> None:
    heard: list[Message] = []
    await endpoint.subscribe("a/+", heard.append, late_ack=True)
    await endpoint.subscribe("a/1", heard.append, late_ack=True)
    client = await raw("x")
    await client.send(PublishPacket("a/1", b"", qos=QoS.AT_LEAST_ONCE, packet_id=9))
    await until(lambda: len(heard) == 2)
    heard[0].ack()
    heard[0].ack()
    assert await silent(client)
    heard[1].ack()
    await client.expect(PubAckPacket)


async def test_an_acknowledgement_inside_the_handler_is_not_late(endpoint: Endpoint, raw: Any) -> None:
    await endpoint.subscribe("a/+", lambda message: message.ack(), late_ack=True)
    client = await raw("x")
    assert int((await client.publish("a/1", b"", 1)).reason_code) == 0


async def test_a_late_handler_that_fails_refuses_the_message(
    endpoint: Endpoint, raw: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_message: Message) -> None:
        raise RuntimeError("disk full")

    await endpoint.subscribe("a/+", fail, late_ack=True)
    client = await raw("x")
    assert int((await client.publish("a/1", b"", 1)).reason_code) == 0x80
    assert "disk full" in caplog.text


async def test_an_acknowledgement_after_the_end_is_nobodys(endpoint: Endpoint, raw: Any) -> None:
    """The client is gone, comes back and sends the message again: only the new one is acknowledged, and once."""
    heard: list[Message] = []
    await endpoint.subscribe("a/+", heard.append, late_ack=True)
    client = await raw("x", session_expiry_interval=60)
    await client.send(PublishPacket("a/1", b"", qos=QoS.AT_LEAST_ONCE, packet_id=9))
    await until(lambda: len(heard) == 1)
    await client.drop()
    again = await raw("x", session_expiry_interval=60, clean_start=False)
    await again.send(PublishPacket("a/1", b"", qos=QoS.AT_LEAST_ONCE, packet_id=9, duplicate=True))
    await until(lambda: len(heard) == 2)
    heard[0].ack()
    assert await silent(again)
    heard[1].ack()
    await again.expect(PubAckPacket)
    assert await silent(again)


async def test_a_repeated_qos_2_message_waits_for_the_first_handler(endpoint: Endpoint, raw: Any) -> None:
    heard: list[Message] = []
    await endpoint.subscribe("a/+", heard.append, qos=2, late_ack=True)
    client = await raw("x", session_expiry_interval=60)
    await client.send(PublishPacket("a/1", b"", qos=QoS.EXACTLY_ONCE, packet_id=9))
    await until(lambda: len(heard) == 1)
    await client.drop()
    again = await raw("x", session_expiry_interval=60, clean_start=False)
    await again.send(PublishPacket("a/1", b"", qos=QoS.EXACTLY_ONCE, packet_id=9, duplicate=True))
    assert await silent(again)
    heard[0].ack()
    await again.expect(PubRecPacket)
    assert len(heard) == 1


@pytest.mark.parametrize("qos", [1, 2])
async def test_acknowledgements_leave_in_the_order_of_the_messages(start: Any, raw: Any, qos: int) -> None:
    """MQTT-4.6.0-2 and -3: also of what nobody hears, what is forbidden, and what was done long before."""
    endpoint = await start(authorize_publish=lambda _client, topic: topic != "forbidden")
    heard: list[Message] = []
    await endpoint.subscribe("late/+", heard.append, qos=2, late_ack=True)
    await endpoint.subscribe("early", lambda message: message.ack(), qos=2, late_ack=True)
    client = await raw("x", endpoint.ports[0])
    topics = ["early", "late/1", "early", "unheard", "forbidden", "late/2", "early"]
    for number, topic in enumerate(topics, start=1):
        await client.send(PublishPacket(topic, b"", qos=QoS(qos), packet_id=number))
    await until(lambda: len(heard) == 2)
    kind = PubAckPacket if qos == 1 else PubRecPacket
    assert (await client.expect(kind)).packet_id == 1
    heard[1].ack()
    assert await silent(client)
    heard[0].ack()
    answers = [await client.expect(kind) for _ in range(6)]
    assert [each.packet_id for each in answers] == [2, 3, 4, 5, 6, 7]
    assert [int(each.reason_code) for each in answers] == [0, 0, 0x10, 0x87, 0, 0]


async def test_what_waits_behind_a_late_one_is_bounded(start: Any, raw: Any) -> None:
    endpoint = await start(limits=Limits(receive_maximum=3))
    heard: list[Message] = []
    await endpoint.subscribe("late", heard.append, late_ack=True)
    client = await raw("x", endpoint.ports[0])
    for number, topic in enumerate(["late", "other", "other", "other"], start=1):
        await client.send(PublishPacket(topic, b"", qos=QoS.AT_LEAST_ONCE, packet_id=number))
    gone = await client.closed()
    assert gone is not None
    assert int(gone.reason_code) == 0x93
    heard[0].ack()


async def test_a_repeated_qos_2_message_keeps_its_place_on_the_new_connection(endpoint: Endpoint, raw: Any) -> None:
    heard: list[Message] = []
    await endpoint.subscribe("late", heard.append, qos=2, late_ack=True)
    client = await raw("x", session_expiry_interval=60)
    await client.send(PublishPacket("late", b"", qos=QoS.EXACTLY_ONCE, packet_id=1))
    await until(lambda: len(heard) == 1)
    await client.drop()
    again = await raw("x", session_expiry_interval=60, clean_start=False)
    await again.send(
        PublishPacket("late", b"", qos=QoS.EXACTLY_ONCE, packet_id=1, duplicate=True),
        PublishPacket("other", b"", qos=QoS.EXACTLY_ONCE, packet_id=2),
    )
    assert await silent(again)
    heard[0].ack()
    assert [(await again.expect(PubRecPacket)).packet_id for _ in range(2)] == [1, 2]


async def test_what_a_client_may_publish_and_subscribe(start: Any, raw: Any) -> None:
    asked: list[tuple[str, str]] = []

    def may(client: Client, topic: str) -> bool:
        asked.append((client.client_id, topic))
        return topic.startswith("mine")

    endpoint = await start(authorize_publish=may, authorize_subscribe=may)
    heard: list[Message] = []
    await endpoint.subscribe("#", heard.append)
    client = await raw("x", endpoint.ports[0])
    answer = await client.subscribe("mine/#", "$share/g/mine", "theirs", "#")
    assert [int(code) for code in answer.reason_codes] == [0, 0, 0x87, 0x87]
    await client.publish("theirs/0", b"")
    assert int((await client.publish("theirs/1", b"", 1)).reason_code) == 0x87
    await client.send(PublishPacket("theirs/2", b"", qos=QoS.EXACTLY_ONCE, packet_id=9))
    assert int((await client.expect(PubRecPacket)).reason_code) == 0x87
    assert heard == []
    assert endpoint.stats().refused_publishes == 3
    assert ("x", "mine") in asked
    await client.publish("mine/1", b"")
    await until(lambda: len(heard) == 1)


async def test_a_broken_rule_ends_the_connection(start: Any, raw: Any, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_client: Any, _topic: str) -> bool:
        raise KeyError("lost")

    endpoint = await start(authorize_publish=broken, on_client_gone=broken)
    client = await raw("x", endpoint.ports[0])
    await client.publish("a", b"")
    farewell = await client.closed()
    assert farewell is not None
    assert int(farewell.reason_code) == 0x80
    assert "could not be handled" in caplog.text
    assert "nobody could be told that x is gone" in caplog.text
    assert endpoint.stats().sessions == 0


async def test_bad_topics_are_refused_here_too(endpoint: Endpoint) -> None:
    with pytest.raises(ValueError, match="no topic name"):
        endpoint.publish("a/#", b"", retain=True)
    with pytest.raises(ValueError, match="no topic filter"):
        await endpoint.subscribe("a/#/b", print)


async def test_nobody_listens_twice_on_one_port(endpoint: Endpoint) -> None:
    second = Endpoint([TcpListener(port=0), TcpListener(port=endpoint.ports[0])])
    with pytest.raises(ConfigError, match=r"cannot listen on 127\.0\.0\.1"):
        await second.start()
    assert second.ports == []
