"""Sessions, take-over, wills, expiry, keep-alive at the endpoint (MQTT 5, sections 3.1, 3.2, 3.14, 4.1, 4.4)."""

from __future__ import annotations

from typing import Any

import pytest
from mqtt5 import (
    ConnAckPacket,
    ConnectPacket,
    DisconnectReasonCode,
    PubAckPacket,
    PubCompPacket,
    PubRecPacket,
    PubRelPacket,
    Will,
)
from mqtt_raw import Raw, until, wish

from ibmux.mqtt.server import Client, ConnectRefused, Credentials, Endpoint, Grant, Limits, TcpListener

pytestmark = pytest.mark.usefixtures("no_noise")


async def refused(port: int, client_id: str = "x", **options: Any) -> tuple[int, str]:
    """Reason code and reason string of a refusal."""
    raw = await Raw.dial(port)
    await raw.send(ConnectPacket(client_id, **options))
    answer = await raw.expect(ConnAckPacket)
    assert await raw.packet() is None
    await raw.hang_up()
    return int(answer.reason_code), answer.reason_str or ""


# -- CONNECT and CONNACK ---------------------------------------------------------------------------------------------


async def test_the_endpoint_says_what_it_offers(start: Any, raw: Any) -> None:
    limits = Limits(max_packet_size=5000, receive_maximum=7, topic_alias_max=9, keepalive_max=40, session_expiry_max=50)
    endpoint = await start(limits=limits, response_info=lambda client: f"reply/{client.client_id}")
    client = await raw("", endpoint.ports[0], keep_alive=0, session_expiry_interval=100, request_response_info=True)
    answer = client.connack
    assert (answer.max_packet_size, answer.receive_max, answer.topic_alias_max) == (5000, 7, 9)
    assert (answer.server_keep_alive, answer.session_expiry_interval) == (40, 50)
    assert answer.assigned_client_id.startswith("auto-")
    assert answer.response_info == f"reply/{answer.assigned_client_id}"
    other = await raw("named", endpoint.ports[0], keep_alive=10)
    assert (other.connack.assigned_client_id, other.connack.server_keep_alive, other.connack.response_info) == (
        None,
        None,
        None,
    )


async def test_who_may_connect(start: Any, raw: Any) -> None:
    seen: list[Credentials] = []

    def authenticate(credentials: Credentials) -> Grant | int | None:
        seen.append(credentials)
        if credentials.username == "banned":
            raise ConnectRefused(0x8A, "not again")
        if credentials.username == "weak":
            return 0x87
        return Grant("alice", {"role": "read"}) if credentials.password == b"secret" else None

    endpoint = await start(authenticate=authenticate)
    port = endpoint.ports[0]
    assert (await refused(port))[0] == 0x86
    assert (await refused(port, username="weak"))[0] == 0x87
    assert await refused(port, username="banned") == (0x8A, "not again")
    await raw("x", port, username="a", password=b"secret")
    assert (seen[-1].client_id, seen[-1].username, seen[-1].transport) == ("x", "a", "tcp")
    assert seen[-1].peer.startswith("127.0.0.1:")
    assert [one.username for one in endpoint.connections()] == ["alice"]
    assert endpoint.stats().disconnects["refused"] == 3


async def test_a_broken_check_lets_nobody_in(start: Any, caplog: pytest.LogCaptureFixture) -> None:
    def authenticate(_credentials: Credentials) -> Grant:
        raise KeyError("lost")

    endpoint = await start(authenticate=authenticate)
    assert (await refused(endpoint.ports[0]))[0] == 0x80
    assert "authentication of x failed" in caplog.text
    caplog.clear()


async def test_extended_authentication_is_not_offered(endpoint: Endpoint) -> None:
    assert (await refused(endpoint.ports[0], authentication_method="SCRAM"))[0] == 0x8C


async def test_too_many_clients(start: Any, raw: Any) -> None:
    endpoint = await start(limits=Limits(max_connections=1))
    await raw("one", endpoint.ports[0])
    assert (await refused(endpoint.ports[0], "two"))[0] == 0x89
    await raw("one", endpoint.ports[0])


async def test_sockets_that_say_nothing_are_bounded(start: Any) -> None:
    endpoint = await start(limits=Limits(max_connections=0))
    silent = [await Raw.dial(endpoint.ports[0]) for _ in range(17)]
    assert await silent[16].packet() is None
    for raw in silent:
        await raw.hang_up()


async def test_a_session_cannot_be_taken_over_under_another_name(start: Any, raw: Any) -> None:
    endpoint = await start()
    await raw("x", endpoint.ports[0], username="alice", session_expiry_interval=60)
    assert (await refused(endpoint.ports[0], "x", username="mallory"))[0] == 0x85
    assert [one.username for one in endpoint.connections()] == ["alice"]


async def test_silence_before_connect_is_cut(start: Any) -> None:
    endpoint = await start(limits=Limits(connect_timeout=0.05))
    raw = await Raw.dial(endpoint.ports[0])
    await raw.send_bytes(b"\x10")
    assert await raw.packet() is None
    assert endpoint.stats().disconnects == {"connect_timeout": 1}
    await raw.hang_up()


# -- sessions --------------------------------------------------------------------------------------------------------


async def test_a_session_outlives_its_connection(raw: Any, endpoint: Endpoint) -> None:
    reader = await raw("reader", session_expiry_interval=60)
    await reader.subscribe(wish("s/1", 1), "s/0")
    await reader.drop()
    await until(lambda: endpoint.stats().connections == 0)
    writer = await raw("writer")
    for i in range(5):
        await writer.publish("s/1", b"%d" % i, 1)
        await writer.publish("s/0", b"lost")
    assert endpoint.stats().queued_messages == 5
    again = await raw("reader", clean_start=False, session_expiry_interval=60)
    assert again.connack.session_present
    assert [one.payload for one in await again.messages()] == [b"0", b"1", b"2", b"3", b"4"]
    assert endpoint.stats().queued_bytes == 0


@pytest.mark.parametrize(("expiry", "clean"), [(0, False), (60, True)])
async def test_a_session_ends(raw: Any, endpoint: Endpoint, expiry: int, clean: bool) -> None:
    reader = await raw("reader", session_expiry_interval=expiry)
    await reader.subscribe(wish("s/1", 1))
    await reader.goodbye()
    again = await raw("reader", clean_start=clean)
    assert not again.connack.session_present
    assert endpoint.stats().subscriptions == 0


async def test_a_session_expires(raw: Any, endpoint: Endpoint) -> None:
    reader = await raw("reader", session_expiry_interval=1)
    await reader.subscribe("s/#")
    await reader.drop()
    await until(lambda: endpoint.stats().sessions == 0)
    assert endpoint.stats().subscriptions == 0


async def test_disconnect_may_change_the_expiry(raw: Any, endpoint: Endpoint) -> None:
    reader = await raw("reader", session_expiry_interval=60)
    await reader.goodbye(session_expiry_interval=0)
    await until(lambda: endpoint.stats().sessions == 0)
    other = await raw("other")
    from mqtt5 import DisconnectPacket

    await other.send(DisconnectPacket(session_expiry_interval=10))
    assert int((await other.closed()).reason_code) == 0x82


async def test_unacknowledged_messages_come_again(raw: Any, endpoint: Endpoint) -> None:
    reader = await raw("reader", session_expiry_interval=60)
    await reader.subscribe(wish("q/1", 1), wish("q/2", 2))
    endpoint.publish("q/1", b"one", qos=1)
    endpoint.publish("q/2", b"two", qos=2)
    first, second = await reader.messages(2, ack=False)
    await reader.send(PubRecPacket(second.packet_id))
    await reader.expect(PubRelPacket)
    await reader.drop()
    again = await raw("reader", clean_start=False, session_expiry_interval=60)
    (repeated,) = await again.messages(1, ack=False)
    assert (repeated.payload, repeated.packet_id, repeated.duplicate) == (b"one", first.packet_id, True)
    assert (await again.expect(PubRelPacket)).packet_id == second.packet_id
    await again.send(PubAckPacket(first.packet_id), PubCompPacket(second.packet_id))
    await until(lambda: endpoint.stats().queued_bytes == 0)


async def test_queued_messages_expire_and_age(start: Any, raw: Any) -> None:
    now = 0.0
    endpoint = await start(clock=lambda: now)
    port = endpoint.ports[0]
    reader = await raw("reader", port, session_expiry_interval=60)
    await reader.subscribe(wish("q/1", 1))
    await reader.goodbye()
    for life in (5, 60):
        endpoint.publish("q/1", b"%d" % life, qos=1, expiry=life)
    now = 10.0
    again = await raw("reader", port, clean_start=False)
    assert [(one.payload, one.message_expiry_interval) for one in await again.messages()] == [(b"60", 50)]


async def test_a_waiting_session_is_bounded(start: Any, raw: Any) -> None:
    endpoint = await start(limits=Limits(max_queued_bytes=10_000))
    port = endpoint.ports[0]
    reader = await raw("reader", port, session_expiry_interval=60)
    await reader.subscribe(wish("q/1", 1))
    await reader.goodbye()
    for _ in range(20):
        endpoint.publish("q/1", b"z" * 1000, qos=1)
    assert endpoint.stats().sessions == 0
    again = await raw("reader", port, clean_start=False)
    assert not again.connack.session_present


async def test_the_number_of_sessions_is_bounded(start: Any, raw: Any) -> None:
    endpoint = await start(limits=Limits(max_sessions=3))
    for i in range(6):
        client = await raw(f"c{i}", endpoint.ports[0], session_expiry_interval=60)
        await client.goodbye()
        await until(lambda: endpoint.stats().connections == 0)
    assert endpoint.stats().sessions == 3
    assert not (await raw("c0", endpoint.ports[0], clean_start=False)).connack.session_present
    assert (await raw("c5", endpoint.ports[0], clean_start=False)).connack.session_present


async def test_a_session_that_comes_back_keeps_only_what_is_allowed(start: Any, raw: Any) -> None:
    allowed = {"a", "b"}

    def may(_client: Client, pattern: str) -> bool:
        return pattern in allowed

    endpoint = await start(authorize_subscribe=may)
    reader = await raw("reader", endpoint.ports[0], session_expiry_interval=60)
    answer = await reader.subscribe("a", "b", "c")
    assert [int(code) for code in answer.reason_codes] == [0, 0, 0x87]
    await reader.goodbye()
    allowed.remove("b")
    await raw("reader", endpoint.ports[0], clean_start=False)
    assert endpoint.stats().subscriptions == 1


# -- take-over -------------------------------------------------------------------------------------------------------


async def test_a_second_connection_takes_over(start: Any, raw: Any) -> None:
    gone: list[str] = []
    endpoint = await start(on_client_gone=lambda client_id, _name: gone.append(client_id))
    port = endpoint.ports[0]
    old = await raw("x", port, session_expiry_interval=60)
    await old.subscribe("t/1")
    new = await raw("x", port, clean_start=False, session_expiry_interval=60)
    assert int((await old.closed()).reason_code) == 0x8E
    assert new.connack.session_present
    await new.publish("t/1", b"still subscribed")
    assert len(await new.messages(1)) == 1
    assert gone == []
    await raw("x", port, clean_start=True)
    assert gone == ["x"]
    assert endpoint.stats().connections == 1


# -- wills -----------------------------------------------------------------------------------------------------------


async def test_a_will_is_published_when_the_connection_breaks(raw: Any, endpoint: Endpoint) -> None:
    local: list[Any] = []
    await endpoint.subscribe("w/#", local.append)
    watcher = await raw("watcher")
    await watcher.subscribe(wish("w/#", 1))
    will = Will("w/x", payload=b"dead", qos=wish("a", 1).max_qos, retain=True, user_properties=[("k", "v")])
    doomed = await raw("doomed", username="dora", will=will)
    await doomed.drop()
    (message,) = await watcher.messages(1)
    assert (message.topic, message.payload, int(message.qos)) == ("w/x", b"dead", 1)
    assert message.user_properties == [("k", "v")]
    assert endpoint.stats().retained == 1
    assert [(one.payload, one.client, one.username) for one in local] == [(b"dead", "doomed", "dora")]


@pytest.mark.parametrize(("code", "published"), [(0x00, 0), (0x04, 1)])
async def test_a_goodbye_takes_the_will_away(raw: Any, code: int, published: int) -> None:
    watcher = await raw("watcher")
    await watcher.subscribe("w/#")
    leaver = await raw("leaver", will=Will("w/x", payload=b"dead"))
    await leaver.goodbye(reason_code=DisconnectReasonCode(code))
    assert len(await watcher.messages()) == published


async def test_a_delayed_will_waits(raw: Any) -> None:
    watcher = await raw("watcher")
    await watcher.subscribe("w/#")
    doomed = await raw("doomed", session_expiry_interval=60, will=Will("w/x", payload=b"dead", will_delay_interval=3))
    await doomed.drop()
    assert await watcher.messages() == []
    assert len(await watcher.messages(1)) == 1


@pytest.mark.parametrize(("clean", "published"), [(False, 0), (True, 1)])
async def test_coming_back_cancels_a_delayed_will_unless_the_session_ends(
    raw: Any, endpoint: Endpoint, clean: bool, published: int
) -> None:
    watcher = await raw("watcher")
    await watcher.subscribe("w/#")
    options = {"session_expiry_interval": 60, "will": Will("w/x", payload=b"dead", will_delay_interval=60)}
    doomed = await raw("doomed", **options)
    await doomed.drop()
    await until(lambda: endpoint.stats().connections == 1)
    back = await raw("doomed", clean_start=clean, **options)
    assert len(await watcher.messages()) == published
    await back.goodbye()
    assert await watcher.messages() == []


async def test_the_end_of_the_session_brings_a_delayed_will_forward(raw: Any) -> None:
    watcher = await raw("watcher")
    await watcher.subscribe("w/#")
    doomed = await raw("doomed", session_expiry_interval=0, will=Will("w/x", payload=b"dead", will_delay_interval=60))
    await doomed.drop()
    assert len(await watcher.messages(1)) == 1


async def test_a_will_needs_permission_and_a_proper_topic(start: Any) -> None:
    endpoint = await start(authorize_publish=lambda _client, topic: topic == "mine")
    port = endpoint.ports[0]
    assert (await refused(port, will=Will("theirs", payload=b"x")))[0] == 0x87
    raw = await Raw.dial(port)
    await raw.send_bytes(ConnectPacket("x", will=Will("bad1", payload=b"x")).write().replace(b"bad1", b"bad+"))
    assert int((await raw.expect(ConnAckPacket)).reason_code) == 0x90
    await raw.hang_up()


async def test_a_client_that_falls_silent_is_cut(raw: Any) -> None:
    watcher = await raw("watcher")
    await watcher.subscribe("w/#")
    silent = await raw("silent", keep_alive=1, will=Will("w/x", payload=b"dead"))
    assert len(await watcher.messages(1)) == 1
    assert int((await silent.closed()).reason_code) == 0x8D


# -- the end ---------------------------------------------------------------------------------------------------------


async def test_everyone_is_told_when_the_endpoint_stops() -> None:
    endpoint = Endpoint([TcpListener(port=0)])
    await endpoint.start()
    clients = [await Raw.connect(endpoint.ports[0], f"c{i}") for i in range(3)]
    await endpoint.close()
    for client in clients:
        assert int((await client.closed()).reason_code) == 0x8B
        await client.hang_up()
    assert repr(endpoint) == "<Endpoint [0 connected, 0 sessions | 0 retained]>"


async def test_the_operator_may_disconnect_a_client(raw: Any, endpoint: Endpoint) -> None:
    client = await raw("x")
    assert endpoint.disconnect("x", 0x98, "maintenance")
    assert not endpoint.disconnect("nobody")
    farewell = await client.closed()
    assert (int(farewell.reason_code), farewell.reason_str) == (0x98, "maintenance")
    assert endpoint.stats().disconnects == {"administrative_action": 1}
