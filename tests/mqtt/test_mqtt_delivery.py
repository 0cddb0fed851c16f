"""Publish and subscribe at the endpoint, seen by raw clients (MQTT 5, sections 3.3, 3.8, 3.10, 4.7, 4.8)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mqtt5 import (
    PubAckPacket,
    PubCompPacket,
    PublishPacket,
    PubRecPacket,
    PubRelPacket,
    QoS,
    RetainHandling,
    SubAckPacket,
    SubscribePacket,
    UnsubAckPacket,
    UnsubscribePacket,
)
from mqtt_raw import until, wish

from ibmux.mqtt.server import Endpoint

pytestmark = pytest.mark.usefixtures("no_noise")


@pytest.mark.parametrize("published", [0, 1, 2])
@pytest.mark.parametrize("subscribed", [0, 1, 2])
async def test_quality_of_service_is_the_lower_of_both(raw: Any, published: int, subscribed: int) -> None:
    reader, writer = await raw("reader"), await raw("writer")
    granted = await reader.subscribe(wish("a/b", subscribed))
    assert [int(code) for code in granted.reason_codes] == [subscribed]
    await writer.publish("a/b", b"hello", published)
    if published == 2:
        received = await writer.expect(PubRecPacket)
        await writer.send(PubRelPacket(received.packet_id))
        await writer.expect(PubCompPacket)
    (message,) = await reader.messages(1, ack=False)
    assert (message.payload, int(message.qos)) == (b"hello", min(published, subscribed))
    if int(message.qos) == 2:
        await reader.send(PubRecPacket(message.packet_id))
        released = await reader.expect(PubRelPacket)
        assert (released.packet_id, int(released.reason_code)) == (message.packet_id, 0)
        await reader.send(PubCompPacket(message.packet_id))


async def test_everything_about_a_message_arrives(raw: Any) -> None:
    reader, writer = await raw("reader"), await raw("writer")
    await reader.subscribe("a/+")
    properties = [("k", "v"), ("k", "again"), ("ü", "ß")]
    await writer.publish(
        "a/b",
        b"\x00\xff",
        content_type="application/msgpack",
        response_topic="reply/to",
        correlation_data=b"\x00\xff\x01",
        user_properties=properties,
        message_expiry_interval=100,
        payload_format_indicator=1,
    )
    (message,) = await reader.messages(1)
    assert message.topic == "a/b"
    assert message.payload == b"\x00\xff"
    assert message.content_type == "application/msgpack"
    assert message.response_topic == "reply/to"
    assert message.correlation_data == b"\x00\xff\x01"
    assert message.user_properties == properties
    assert message.message_expiry_interval == 100
    assert message.payload_format_indicator == 1


async def test_puback_tells_whether_anyone_listens(raw: Any) -> None:
    writer = await raw("writer")
    assert int((await writer.publish("nobody/here", qos=1)).reason_code) == 0x10
    await (await raw("reader")).subscribe("nobody/#")
    assert int((await writer.publish("nobody/here", qos=1)).reason_code) == 0


async def test_overlapping_filters_bring_one_copy_with_every_identifier(raw: Any) -> None:
    reader, writer = await raw("reader"), await raw("writer")
    await reader.subscribe(wish("w/#", 0), identifier=7)
    await reader.subscribe(wish("w/+/z", 1), identifier=300)
    await writer.publish("w/y/z", b"1", 1)
    messages = await reader.messages()
    assert [(int(one.qos), sorted(one.subscription_ids)) for one in messages] == [(1, [7, 300])]


async def test_names_that_begin_with_a_dollar_match_no_leading_wildcard(raw: Any) -> None:
    reader, writer = await raw("reader"), await raw("writer")
    await reader.subscribe("#", "+/x", "$own/#")
    await writer.publish("$other/x")
    await writer.publish("$own/x")
    assert [one.topic for one in await reader.messages()] == ["$own/x"]


async def test_no_local_leaves_out_the_own_messages(raw: Any) -> None:
    one, other = await raw("one"), await raw("other")
    await one.subscribe(wish("n/1", no_local=True))
    await one.publish("n/1", b"mine")
    await other.publish("n/1", b"theirs")
    assert [message.payload for message in await one.messages()] == [b"theirs"]


async def test_unsubscribe(raw: Any) -> None:
    reader, writer = await raw("reader"), await raw("writer")
    await reader.subscribe("u/1", "u/2", "$share/g/u/3")
    await reader.send(UnsubscribePacket(9, ["u/1", "never", "$share/g/u/3"]))
    answer = await reader.expect(UnsubAckPacket)
    assert [int(code) for code in answer.reason_codes] == [0, 0x11, 0]
    for topic in ("u/1", "u/2", "u/3"):
        await writer.publish(topic)
    assert [message.topic for message in await reader.messages()] == ["u/2"]


async def test_bad_filters_are_refused_one_by_one(raw: Any) -> None:
    reader = await raw("reader")
    deep = "/".join("x" * 300)
    packet = SubscribePacket(1, [wish("a/1/b"), wish("good"), wish("a1"), wish(deep)])
    await reader.send_bytes(packet.write().replace(b"a/1/b", b"a/#/b").replace(b"a1", b"a+"))
    answer = await reader.expect(SubAckPacket)
    assert [int(code) for code in answer.reason_codes] == [0x8F, 0, 0x8F, 0x8F]


async def test_a_client_has_a_bounded_number_of_subscriptions(start: Any, raw: Any) -> None:
    from ibmux.mqtt.server import Limits

    endpoint = await start(limits=Limits(max_subscriptions_per_client=2))
    reader = await raw("reader", endpoint.ports[0])
    answer = await reader.subscribe("a", "b", "c", "a")
    assert [int(code) for code in answer.reason_codes] == [0, 0, 0x97, 0]


# -- retained messages ---------------------------------------------------------------------------------------------


async def test_retained_messages_come_with_the_subscription(raw: Any) -> None:
    writer = await raw("writer")
    await writer.publish("r/1", b"A", 0, retain=True)
    await writer.publish("r/2", b"B", 1, retain=True)
    await writer.publish("r/2", b"C", 1, retain=True)
    reader = await raw("reader")
    await reader.subscribe(wish("r/+", 1))
    found = await reader.messages(2)
    assert sorted((one.payload, one.retain, int(one.qos)) for one in found) == [(b"A", True, 0), (b"C", True, 1)]
    await writer.publish("r/1", b"live", retain=True)
    (live,) = await reader.messages(1)
    assert (live.payload, live.retain) == (b"live", False)


async def test_an_empty_payload_clears(raw: Any, endpoint: Endpoint) -> None:
    writer, reader = await raw("writer"), await raw("reader")
    await writer.publish("r/1", b"A", 1, retain=True)
    assert endpoint.stats().retained == 1
    await writer.publish("r/1", b"", 1, retain=True)
    assert endpoint.stats().retained == 0
    await reader.subscribe("r/#")
    assert await reader.messages() == []


@pytest.mark.parametrize(
    ("handling", "again", "expected"),
    [
        (RetainHandling.SEND_ALWAYS, False, 1),
        (RetainHandling.SEND_ALWAYS, True, 2),
        (RetainHandling.SEND_IF_SUBSCRIPTION_NOT_EXISTS, True, 1),
        (RetainHandling.SEND_NEVER, True, 0),
    ],
)
async def test_retain_handling(raw: Any, handling: RetainHandling, again: bool, expected: int) -> None:
    writer, reader = await raw("writer"), await raw("reader")
    await writer.publish("r/1", b"A", 1, retain=True)
    await reader.subscribe(wish("r/1", retain_handling=handling))
    found = len(await reader.messages())
    if again:
        await reader.subscribe(wish("r/1", retain_handling=handling))
        found += len(await reader.messages())
    assert found == expected


@pytest.mark.parametrize("as_published", [True, False])
async def test_retain_as_published(raw: Any, as_published: bool) -> None:
    writer, reader = await raw("writer"), await raw("reader")
    await reader.subscribe(wish("r/1", retain_as_published=as_published))
    await writer.publish("r/1", b"A", retain=True)
    (message,) = await reader.messages(1)
    assert message.retain is as_published


async def test_retained_messages_expire_and_age(start: Any, raw: Any) -> None:
    now = 1000.0
    endpoint = await start(clock=lambda: now)
    writer = await raw("writer", endpoint.ports[0])
    await writer.publish("r/short", b"A", 1, retain=True, message_expiry_interval=5)
    await writer.publish("r/long", b"B", 1, retain=True, message_expiry_interval=60)
    now += 10
    reader = await raw("reader", endpoint.ports[0])
    await reader.subscribe("r/+")
    assert [(one.payload, one.message_expiry_interval) for one in await reader.messages()] == [(b"B", 50)]


async def test_the_store_is_bounded(start: Any, raw: Any) -> None:
    from ibmux.mqtt.server import Limits

    endpoint = await start(limits=Limits(retained_max=2))
    writer = await raw("writer", endpoint.ports[0])
    codes = [int((await writer.publish(f"r/{i % 3}", qos=1, retain=True)).reason_code) for i in range(4)]
    assert codes == [0x10, 0x10, 0x97, 0x10]
    assert endpoint.stats().retained == 2


async def test_ten_thousand_retained_messages_arrive_whole(raw: Any, endpoint: Endpoint) -> None:
    for i in range(10_000):
        endpoint.publish(f"r/{i % 100}/{i}", b"v", qos=1, retain=True)
    reader = await raw("reader", receive_max=20)
    await reader.subscribe(wish("r/#", 1))
    assert len({one.topic for one in await reader.messages(10_000)}) == 10_000
    await until(lambda: endpoint.stats().queued_messages == 0)


async def test_retained_messages_come_in_slices_and_stop_with_the_subscription(raw: Any, endpoint: Endpoint) -> None:
    for i in range(3000):
        endpoint.publish(f"r/{i}", b"v", retain=True)
    reader, leaver = await raw("reader"), await raw("leaver")
    await leaver.send(SubscribePacket(1, [wish("r/#")]), UnsubscribePacket(2, ["r/#"]))
    await reader.subscribe("r/#")
    assert len({one.topic for one in await reader.messages(3000)}) == 3000
    seen = 0
    while not isinstance(await leaver.packet(), UnsubAckPacket):
        seen += 1
    assert seen < 3000


async def test_no_local_leaves_out_the_own_retained_messages(raw: Any) -> None:
    client = await raw("x")
    await client.publish("r/1", b"own", 1, retain=True)
    await client.subscribe(wish("r/#", no_local=True))
    assert await client.messages() == []


# -- shared subscriptions --------------------------------------------------------------------------------------------


async def test_members_of_a_group_take_turns(raw: Any) -> None:
    members = [await raw(f"m{i}") for i in range(3)]
    for member in members:
        await member.subscribe("$share/g/s/#")
    other = await raw("other-group")
    await other.subscribe("$share/h/s/+")
    writer = await raw("writer")
    for i in range(9):
        await writer.publish("s/1", b"%d" % i)
    assert len(await other.messages(9)) == 9
    shares = [[one.payload for one in await member.messages()] for member in members]
    assert [len(share) for share in shares] == [3, 3, 3]
    assert sorted(payload for share in shares for payload in share) == [b"%d" % i for i in range(9)]


async def test_a_connected_member_goes_before_one_that_is_away(raw: Any) -> None:
    away, here, writer = await raw("away", session_expiry_interval=60), await raw("here"), await raw("writer")
    await away.subscribe(wish("$share/g/s/1", 1))
    await here.subscribe(wish("$share/g/s/1", 1))
    await away.goodbye()
    for _ in range(4):
        await writer.publish("s/1", qos=1)
    assert len(await here.messages(4)) == 4


async def test_a_group_whose_members_are_all_away_waits(raw: Any, endpoint: Endpoint) -> None:
    away = await raw("away", session_expiry_interval=60)
    await away.subscribe(wish("$share/g/s/1", 1), identifier=5)
    await away.goodbye()
    await until(lambda: endpoint.stats().connections == 0)
    endpoint.publish("s/1", b"lost")
    endpoint.publish("s/1", b"waits", qos=1)
    back = await raw("away", clean_start=False)
    assert [(one.payload, one.subscription_ids) for one in await back.messages()] == [(b"waits", [5])]


async def test_a_shared_subscription_gets_no_retained_messages(raw: Any) -> None:
    writer, member = await raw("writer"), await raw("member")
    await writer.publish("s/1", b"A", 1, retain=True)
    await member.subscribe("$share/g/s/1")
    assert await member.messages() == []


# -- topic aliases ---------------------------------------------------------------------------------------------------


async def test_a_client_may_use_aliases(raw: Any) -> None:
    reader, writer = await raw("reader"), await raw("writer")
    assert writer.connack.topic_alias_max == 256
    await reader.subscribe("t/#")
    await writer.publish("t/1", b"a", topic_alias=1)
    await writer.publish("", b"b", topic_alias=1)
    await writer.publish("t/2", b"c", topic_alias=1)
    await writer.publish("", b"d", topic_alias=1)
    found = [(one.topic, one.payload) for one in await reader.messages(4)]
    assert found == [("t/1", b"a"), ("t/1", b"b"), ("t/2", b"c"), ("t/2", b"d")]


async def test_streams_get_aliases_if_the_client_wants_them(raw: Any, endpoint: Endpoint) -> None:
    reader, plain = await raw("reader", topic_alias_max=2), await raw("plain")
    for client in (reader, plain):
        await client.subscribe("x/md/#", "other/1")
    for topic in ("x/md/1", "x/md/1", "x/md/2", "x/md/3", "x/md/2", "x/md/3", "other/1", "other/1"):
        endpoint.publish(topic, b"v")
    seen = [(one.topic, one.topic_alias) for one in await reader.messages(8)]
    assert seen == [
        ("x/md/1", 1),
        ("", 1),
        ("x/md/2", 2),
        ("x/md/3", None),
        ("", 2),
        ("x/md/3", None),
        ("other/1", None),
        ("other/1", None),
    ]
    assert {one.topic_alias for one in await plain.messages(8)} == {None}


async def test_aliases_of_retained_and_dying_messages(raw: Any, endpoint: Endpoint) -> None:
    endpoint.publish("x/md/1", b"kept", retain=True, expiry=60)
    reader = await raw("reader", topic_alias_max=5)
    await reader.subscribe("x/md/+")
    endpoint.publish("x/md/1", b"live", expiry=60)
    seen = [(one.topic, one.topic_alias, one.retain, one.payload) for one in await reader.messages(2)]
    assert seen == [("x/md/1", 1, True, b"kept"), ("", 1, False, b"live")]


# -- sizes and numbers -------------------------------------------------------------------------------------------------


async def test_a_message_too_large_for_a_client_is_left_out_for_it_alone(raw: Any, endpoint: Endpoint) -> None:
    small, large = await raw("small", max_packet_size=200), await raw("large")
    for client in (small, large):
        await client.subscribe(wish("p/1", 1))
    for qos in (0, 1):
        endpoint.publish("p/1", b"z" * 500, qos=qos)
        endpoint.publish("p/1", b"fits", qos=qos)
    assert [one.payload for one in await small.messages(2)] == [b"fits", b"fits"]
    assert len(await large.messages(4)) == 4
    assert endpoint.stats().too_large == 2


async def test_no_more_in_flight_than_the_client_wants(raw: Any, endpoint: Endpoint) -> None:
    reader = await raw("reader", receive_max=3)
    await reader.subscribe(wish("p/1", 1))
    for i in range(8):
        endpoint.publish("p/1", b"%d" % i, qos=1)
    first = await reader.messages(ack=False)
    assert [one.payload for one in first] == [b"0", b"1", b"2"]
    await reader.send(PubAckPacket(first[0].packet_id), PubAckPacket(first[1].packet_id))
    assert [one.payload for one in await reader.messages(ack=False)] == [b"3", b"4"]


async def test_an_error_in_pubrec_ends_the_message(raw: Any, endpoint: Endpoint) -> None:
    from mqtt5 import PubRecReasonCode

    reader = await raw("reader", receive_max=1)
    await reader.subscribe(wish("p/1", 2))
    endpoint.publish("p/1", b"first", qos=2)
    endpoint.publish("p/1", b"second", qos=2)
    (first,) = await reader.messages(1, ack=False)
    await reader.send(PubRecPacket(first.packet_id, reason_code=PubRecReasonCode.QUOTA_EXCEEDED))
    assert [one.payload for one in await reader.messages(1, ack=False)] == [b"second"]


async def test_a_repeated_qos_2_message_is_delivered_once(raw: Any) -> None:
    reader, writer = await raw("reader"), await raw("writer")
    await reader.subscribe("p/1")
    packet = PublishPacket("p/1", b"once", qos=QoS.EXACTLY_ONCE, packet_id=5)
    again = PublishPacket("p/1", b"once", qos=QoS.EXACTLY_ONCE, packet_id=5, duplicate=True)
    await writer.send(packet, again)
    await writer.expect(PubRecPacket)
    await writer.expect(PubRecPacket)
    await writer.send(PubRelPacket(5), PubRelPacket(5))
    codes = [int((await writer.expect(PubCompPacket)).reason_code) for _ in range(2)]
    assert codes == [0, 0x92]
    assert len(await reader.messages()) == 1


async def test_a_reply_takes_a_wide_stream_along(raw: Any, endpoint: Endpoint) -> None:
    """A stream to many clients is written once a millisecond at most; whatever else is written takes it along."""
    readers = [await raw(f"reader{i}") for i in range(10)]
    for reader in readers:
        await reader.subscribe("x/md/#", f"rep/{reader.connack and 'me'}")
    for i in range(50):
        endpoint.publish("x/md/1/tick", b"%d" % i)
        await asyncio.sleep(0)
        endpoint.publish("rep/me", b"", qos=1)
    for reader in readers:
        found = [one.topic for one in await reader.messages(100)]
        assert found == ["x/md/1/tick", "rep/me"] * 50


async def test_order_is_kept_and_packets_are_gathered(raw: Any, endpoint: Endpoint) -> None:
    readers = [await raw(f"reader{i}") for i in range(5)]
    for reader in readers:
        await reader.subscribe("o/#")
    for i in range(2000):
        endpoint.publish("o/1", b"%d" % i)
        if i % 50 == 0:
            await asyncio.sleep(0)
    for reader in readers:
        assert [int(one.payload) for one in await reader.messages(2000)] == list(range(2000))
