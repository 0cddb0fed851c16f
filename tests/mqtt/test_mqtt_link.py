"""The link: connects, subscribes, comes back after a break, and says in plain words why it cannot."""

from __future__ import annotations

import asyncio
import ssl
import time
from pathlib import Path
from typing import Any

import mqtt5
import pytest
from mqtt5 import PublishPacket, PubRecPacket, PubRelPacket, QoS
from mqtt_raw import peer, until
from ports import free_port

from ibmux.errors import Busy, ConfigError, ConnectionLost, Forbidden, Refused, RequestError, TooLarge, Unreachable
from ibmux.mqtt.client import Link, Will
from ibmux.mqtt.inbox import Inbox, Listener
from ibmux.mqtt.message import Message
from ibmux.mqtt.server import Endpoint, Grant, Limits, TcpListener, UnixListener, WebSocketListener

pytestmark = pytest.mark.usefixtures("no_noise")


class Restartable:
    """An endpoint that can go away and come back on the same port."""

    def __init__(self) -> None:
        self.port = free_port()
        self.endpoint: Endpoint | None = None

    async def start(self, **options: Any) -> Endpoint:
        self.endpoint = Endpoint([TcpListener(port=self.port)], **options)
        await self.endpoint.start()
        return self.endpoint

    async def stop(self) -> None:
        if self.endpoint is not None:
            await self.endpoint.close()
            self.endpoint = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"


@pytest.fixture
async def restartable() -> Any:
    one = Restartable()
    await one.start()
    yield one
    await one.stop()


@pytest.mark.parametrize("scheme", ["mqtt", "mqtts", "ws", "wss", "unix"])
async def test_every_way_in(
    start: Any, link: Any, contexts: tuple[ssl.SSLContext, ssl.SSLContext], tmp_path: Path, scheme: str
) -> None:
    tls_server, tls_client = contexts
    path = tmp_path / "a door.sock"
    listeners = {
        "mqtt": TcpListener(port=0),
        "mqtts": TcpListener(port=0, tls=tls_server),
        "ws": WebSocketListener(port=0),
        "wss": WebSocketListener(port=0, tls=tls_server, path="/deep/mqtt"),
        "unix": UnixListener(str(path)),
    }
    endpoint: Endpoint = await start(listeners[scheme])
    url = f"unix://{str(path).replace(' ', '%20')}" if scheme == "unix" else f"{scheme}://127.0.0.1:{endpoint.ports[0]}"
    one = await link("one", url + ("/deep/mqtt" if scheme == "wss" else ""), tls=tls_client)
    two = await link("two", url + ("/deep/mqtt" if scheme == "wss" else ""), tls=tls_client)
    heard: list[Message] = []
    await one.subscribe("a/+", heard.append)
    for size in (0, 100, 200, 70_000, 1_000_000):
        assert await two.publish_acked("a/1", b"z" * size) == 0
    await until(lambda: len(heard) == 5)
    assert [len(message.payload) for message in heard] == [0, 100, 200, 70_000, 1_000_000]
    names = {"mqtts": "tls", "mqtt": "tcp"}
    assert {info.transport for info in endpoint.connections()} == {names.get(scheme, scheme)}
    assert (one.local_port > 0) is (scheme != "unix")


async def test_a_unix_socket_is_private_and_a_stale_one_is_replaced(start: Any, link: Any, tmp_path: Path) -> None:
    import socket

    path = tmp_path / "door.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    await start(UnixListener(str(path)))
    assert path.stat().st_mode & 0o777 == 0o600
    await link("x", f"unix://{path}")
    second = Endpoint([UnixListener(str(path))])
    with pytest.raises(ConfigError, match="cannot listen on"):
        await second.start()
    assert path.exists()


async def test_the_whole_message_arrives(link: Any) -> None:
    one, two = await link("one"), await link("two")
    heard: list[Message] = []
    await one.subscribe("a/#", heard.append)
    options: dict[str, Any] = {
        "expiry": 60,
        "content_type": "application/msgpack",
        "response_topic": "rep/two",
        "correlation_data": b"\x00\xff",
        "user_properties": [("k", "v")],
    }
    for qos in (0, 1, 2):
        two.publish("a/b", b"body", qos=qos, **options)
    await until(lambda: len(heard) == 3)
    seen = sorted(heard, key=lambda message: message.qos)
    for qos, granted in ((0, 0), (1, 1), (2, 1)):
        expected = Message("a/b", b"body", granted, False, 60, "application/msgpack", "rep/two", b"\x00\xff")
        expected.user_properties = (("k", "v"),)
        assert seen[qos] == expected


async def test_handlers_hear_others_and_not_the_link_itself(link: Any) -> None:
    one, two = await link("one"), await link("two")
    heard: list[bytes] = []
    await one.subscribe("a/#", lambda message: heard.append(message.payload))
    await one.publish_acked("a/1", b"own")
    await two.publish_acked("a/1", b"other's")
    await until(lambda: heard == [b"other's"])


async def test_unsubscribing(link: Any, endpoint: Endpoint) -> None:
    one = await link("one")
    heard: list[str] = []
    first = await one.subscribe("a/#", lambda message: heard.append("first"))
    second = await one.subscribe("a/#", lambda message: heard.append("second"))
    endpoint.publish("a/1", b"")
    await until(lambda: heard == ["first", "second"])
    await first()
    endpoint.publish("a/1", b"")
    await until(lambda: heard == ["first", "second", "second"])
    await second()
    await second()
    assert endpoint.stats().subscriptions == 0


async def test_a_handler_that_fails_hurts_nobody(link: Any, endpoint: Endpoint, caplog: Any) -> None:
    one = await link("one")
    heard: list[Message] = []

    def fail(_message: Message) -> None:
        raise RuntimeError("broken")

    await one.subscribe("a/1", fail)
    await one.subscribe("a/+", heard.append)
    endpoint.publish("a/1", b"", qos=1)
    await until(lambda: len(heard) == 1)
    await until(lambda: endpoint.stats().queued_bytes == 0)
    assert "a handler of a/1 failed" in caplog.text
    caplog.clear()


@pytest.mark.parametrize("qos", [1, 2])
async def test_late_acknowledgement(link: Any, endpoint: Endpoint, qos: int) -> None:
    one = await link("one", session_expiry=60)
    heard: list[Message] = []
    await one.subscribe("a/+", heard.append, qos=qos, late_ack=True)
    endpoint.publish("a/1", b"", qos=qos)
    await until(lambda: len(heard) == 1)
    await asyncio.sleep(0.05)
    assert endpoint.stats().queued_bytes > 0
    heard[0].ack()
    await until(lambda: endpoint.stats().queued_bytes == 0)


async def test_a_link_acknowledges_in_order_and_no_later_than_it_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibmux.mqtt.inbox.PATIENCE", 0.2)
    sent: list[int] = []
    heard: list[Message] = []
    inbox = Inbox()
    inbox.add(Listener("late", heard.append, 1, True))
    inbox.add(Listener("early", lambda message: message.ack(), 1, True))
    inbox.add(Listener("plain", lambda _message: None, 1, False))
    inbox.add(Listener("bad", _fail, 1, True))

    def come(*topics: str) -> None:
        for topic in topics:
            packet_id = 1 + come.count  # type: ignore[attr-defined]
            come.count = packet_id  # type: ignore[attr-defined]
            inbox.publish(PublishPacket(topic, b"", qos=QoS.AT_LEAST_ONCE, packet_id=packet_id))

    come.count = 0  # type: ignore[attr-defined]
    inbox.open(lambda data: sent.append(mqtt5.read(memoryview(data))[0].packet_id), False)
    come("early", "plain", "bad")
    assert sent == [1, 2, 3]
    come("late", "early", "plain", "bad", "late")
    heard[1].ack()
    assert sent == [1, 2, 3]
    heard[0].ack()
    assert sent == [1, 2, 3, 4, 5, 6, 7, 8]
    come("late", "plain")
    await until(lambda: sent[8:] == [9, 10])
    heard[2].ack()
    come("late")
    inbox.open(lambda data: sent.append(-mqtt5.read(memoryview(data))[0].packet_id), True)
    heard[3].ack()
    come("plain")
    assert sent[10:] == [-12]


def _fail(_message: Message) -> None:
    raise RuntimeError("broken")


async def test_retained_messages_and_shared_subscriptions(link: Any, endpoint: Endpoint) -> None:
    endpoint.publish("a/1", b"kept", retain=True)
    one = await link("one")
    heard: list[Message] = []
    await one.subscribe("a/1", heard.append)
    await until(lambda: len(heard) == 1)
    assert heard[0].retain
    await one.subscribe("$share/g/b/#", heard.append)
    endpoint.publish("b/1", b"shared")
    await until(lambda: len(heard) == 2)


async def test_aliases_of_the_peer_are_understood(start: Any, raw: Any, link: Any) -> None:
    """A peer that uses an alias although none was allowed is understood all the same; a stranger one reaches nobody."""
    async with peer(_aliasing_broker) as port:
        one = await link("one", f"mqtt://127.0.0.1:{port}")
        heard: list[str] = []
        await one.subscribe("a/#", lambda message: heard.append(message.topic))
        await until(lambda: len(heard) == 2)
        assert heard == ["a/1", "a/1"]
        await one.close()


async def _aliasing_broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    import mqtt5

    await reader.read(4096)
    writer.write(mqtt5.ConnAckPacket().write())
    data = await reader.read(4096)
    packet = next(one for one in _packets(data) if isinstance(one, mqtt5.SubscribePacket))
    writer.write(mqtt5.SubAckPacket(packet.packet_id, [mqtt5.SubAckReasonCode(0)]).write())
    writer.write(PublishPacket("a/1", b"", topic_alias=4).write() + PublishPacket("", b"", topic_alias=4).write())


def _packets(data: bytes) -> list[Any]:
    import mqtt5

    found = []
    while data:
        packet, used = mqtt5.read(memoryview(data))
        found.append(packet)
        data = data[used:]
    return found


# -- what cannot be done, in plain words -----------------------------------------------------------------------------


async def test_nobody_there() -> None:
    link = Link(f"mqtt://127.0.0.1:{free_port()}", client_id="x")
    with pytest.raises(Unreachable, match=r"Nobody answers at mqtt://127\.0\.0\.1:\d+: .*refused"):
        await link.start()
    await link.close()
    with pytest.raises(Unreachable, match=r"Nobody answers at unix:///nowhere/door\.sock: no such file"):
        await Link("unix:///nowhere/door.sock", client_id="x").start()


async def test_someone_who_does_not_speak() -> None:
    async def listen(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        pass

    async with peer(listen) as port:
        link = Link(f"mqtt://127.0.0.1:{port}", client_id="x", connect_timeout=0.1)
        with pytest.raises(Unreachable, match=r"did not answer within 0.1 s"):
            await link.start()


@pytest.mark.parametrize("scheme", ["mqtt", "ws"])
async def test_someone_who_speaks_something_else(scheme: str) -> None:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.write_eof()

    async with peer(talk) as port:
        link = Link(f"{scheme}://127.0.0.1:{port}", client_id="x")
        with pytest.raises(Unreachable, match=r"the peer closed the connection|no websocket there"):
            await link.start()


async def test_refused(start: Any) -> None:
    endpoint = await start(authenticate=lambda one: Grant("a") if one.password == b"right" else None)
    link = Link(f"mqtt://127.0.0.1:{endpoint.ports[0]}", client_id="x", username="a", password="wrong")
    with pytest.raises(Refused, match="refused 'x': this name and password are not accepted"):
        await link.start()


async def test_a_certificate_nobody_trusts(start: Any, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    endpoint = await start(TcpListener(port=0, tls=contexts[0]))
    with pytest.raises(Unreachable, match="certificate"):
        await Link(f"mqtts://127.0.0.1:{endpoint.ports[0]}", client_id="x").start()


@pytest.mark.parametrize("url", ["http://x", "mqtt://", "unix://", "mqtt://x:99999", "127.0.0.1:1883"])
def test_bad_urls(url: str) -> None:
    with pytest.raises(ConfigError):
        Link(url, client_id="x")


async def test_what_is_not_allowed(start: Any, link: Any) -> None:
    def may(_client: Any, topic: str) -> bool:
        return topic == "mine"

    endpoint = await start(authorize_publish=may, authorize_subscribe=may, limits=Limits(max_packet_size=2000))
    one = await link("x", f"mqtt://127.0.0.1:{endpoint.ports[0]}")
    with pytest.raises(Forbidden, match="publish to theirs: not allowed"):
        await one.publish_acked("theirs", b"")
    with pytest.raises(Forbidden, match="subscribe to theirs: not allowed"):
        await one.subscribe("theirs", print)
    for qos in (0, 1):
        with pytest.raises(TooLarge, match="the endpoint accepts 2000"):
            one.publish("mine", b"z" * 3000, qos=qos)
        with pytest.raises(ValueError, match="topic"):
            one.publish("a/+", b"", qos=qos)
    with pytest.raises(ValueError, match="no topic filter"):
        await one.subscribe("a/#/b", print)
    assert await one.publish_acked("mine", b"") == 0x10


async def test_a_message_the_endpoint_does_not_take(start: Any, link: Any) -> None:
    endpoint = await start(limits=Limits(retained_max=0))
    one = await link("x", f"mqtt://127.0.0.1:{endpoint.ports[0]}")
    with pytest.raises(RequestError, match="refused with reason code 0x97"):
        await one.publish_acked("a", b"x", retain=True)


# -- breaks ----------------------------------------------------------------------------------------------------------


async def test_after_a_break_everything_is_subscribed_again(restartable: Restartable, link: Any) -> None:
    events: list[Any] = []
    one: Link = await link("one", restartable.url, on_connect=events.append, on_disconnect=events.append)
    heard: list[bytes] = []
    for i in range(150):
        await one.subscribe(f"a/{i}/+", lambda message: heard.append(message.payload))
    assert events == [False]
    await restartable.stop()
    await until(lambda: not one.connected)
    assert events[1] == "the endpoint is stopping"
    one.publish("b/1", b"lost")
    one.publish("b/1", b"waits", qos=1)
    assert one.dropped == 1
    with pytest.raises(Unreachable):
        await one.publish_acked("b/1", b"")
    await one.subscribe("late/1", lambda message: heard.append(message.payload))
    endpoint = await restartable.start()
    received: list[bytes] = []
    await endpoint.subscribe("b/+", lambda message: received.append(message.payload))
    await until(lambda: one.connected)
    assert events[2] is False
    assert endpoint.stats().subscriptions == 151
    endpoint.publish("a/149/x", b"again")
    endpoint.publish("late/1", b"too")
    await until(lambda: heard == [b"again", b"too"])
    await until(lambda: received == [b"waits"])


async def test_a_break_fails_those_who_wait_and_keeps_the_session(start: Any, link: Any, endpoint: Endpoint) -> None:
    held: list[Message] = []
    await endpoint.subscribe("order", held.append, late_ack=True)
    events: list[Any] = []
    one: Link = await link("one", session_expiry=60, on_connect=events.append, clean_start=False)
    heard: list[bytes] = []
    await one.subscribe("a/1", lambda message: heard.append(message.payload))
    waiting = asyncio.ensure_future(one.publish_acked("order", b"1"))
    one.publish("order", b"2", qos=1)
    await until(lambda: len(held) == 2)
    endpoint.disconnect("one", 0x98, "out you go")
    with pytest.raises(ConnectionLost, match="out you go"):
        await waiting
    endpoint.publish("a/1", b"while away", qos=1)
    await until(lambda: events == [False, True])
    await until(lambda: heard == [b"while away"])
    await until(lambda: len(held) == 3)
    assert held[2].payload == b"2"


async def test_a_qos_2_message_goes_on_where_it_stopped(link: Any, endpoint: Endpoint) -> None:
    received: list[bytes] = []
    await endpoint.subscribe("a/+", lambda message: received.append(message.payload), qos=2)
    one: Link = await link("one", session_expiry=60)
    for i in range(20):
        one.publish("a/1", b"%d" % i, qos=2)
        if i in (5, 11):
            endpoint.disconnect("one")
            await until(lambda: not one.connected)
    await until(lambda: len(received) == 20)
    assert sorted(received, key=int) == [b"%d" % i for i in range(20)]


async def test_a_will(link: Any, endpoint: Endpoint) -> None:
    heard: list[tuple[str, bytes]] = []
    await endpoint.subscribe("w/#", lambda message: heard.append((message.topic, message.payload)))
    polite = await link("polite", will=Will("w/polite", b"gone"))
    await polite.close()
    await link("rude", will=Will("w/rude", b"gone", retain=True))
    endpoint.disconnect("rude")
    await until(lambda: heard == [("w/rude", b"gone")])
    assert endpoint.stats().retained == 1


async def test_a_peer_that_falls_silent_is_noticed(link: Any) -> None:
    import mqtt5

    async def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(mqtt5.ConnAckPacket(server_keep_alive=1).write())

    async with peer(welcome) as port:
        reasons: list[str] = []
        began = time.monotonic()
        one = await link("one", f"mqtt://127.0.0.1:{port}", keepalive=60, on_disconnect=reasons.append)
        await until(lambda: reasons)
        assert reasons == ["nothing was heard for 1.5 s"]
        assert time.monotonic() - began < 30, "and not when its own keep-alive would have told"
        await one.close()


async def test_a_quiet_link_stays_connected(link: Any, endpoint: Endpoint) -> None:
    one = await link("one", keepalive=3)
    await asyncio.sleep(5)  # longer than either side bears silence
    assert one.connected
    assert endpoint.stats().disconnects == {}


async def test_no_more_waits_than_allowed(restartable: Restartable, link: Any) -> None:
    one = await link("one", restartable.url)
    await restartable.stop()
    await until(lambda: not one.connected)
    with pytest.raises(Busy, match="wait for the broker already"):
        for _ in range(100):
            one.publish("a", b"z" * 1_000_000, qos=1)


async def test_callbacks_that_fail_do_not_end_the_link(link: Any, endpoint: Endpoint, caplog: Any) -> None:
    def fail(_what: object) -> None:
        raise RuntimeError("broken")

    one = await link("one", on_connect=fail, on_disconnect=fail)
    endpoint.disconnect("one")
    await until(lambda: not one.connected)
    await until(lambda: one.connected)
    assert caplog.text.count("a callback of a link failed") == 3
    caplog.clear()


async def test_closing_leaves_nothing_behind(endpoint: Endpoint) -> None:
    one = Link(f"mqtt://127.0.0.1:{endpoint.ports[0]}", client_id="one")
    await one.close()
    await one.start()
    await one.close()
    await one.close()
    await until(lambda: endpoint.stats().disconnects == {"client_disconnect": 1})
    assert repr(one).endswith("[not connected | 0 filters]>")
    await until(lambda: len(asyncio.all_tasks()) == 1)


async def test_what_was_published_before_closing_arrives_though_the_peer_takes_one_at_a_time(
    start: Any, link: Any
) -> None:
    endpoint = await start(limits=Limits(receive_maximum=1))
    heard: list[bytes] = []
    url = f"mqtt://127.0.0.1:{endpoint.ports[0]}"
    two = await link("two", url)
    await two.subscribe("x", lambda message: heard.append(message.payload))
    one = Link(url, client_id="one")
    await one.start()
    for number in range(20):
        one.publish("x", b"%d" % number, qos=1)
    await one.close()
    await until(lambda: heard == [b"%d" % number for number in range(20)])


async def test_what_a_broker_may_send(link: Any, endpoint: Endpoint, raw: Any) -> None:
    """QoS 2 towards the link: once, whatever is repeated."""
    one = await link("one")
    heard: list[bytes] = []
    await one.subscribe("a/+", lambda message: heard.append(message.payload), qos=2)
    writer = await raw("writer")
    await writer.send(PublishPacket("a/1", b"once", qos=QoS.EXACTLY_ONCE, packet_id=1))
    await writer.expect(PubRecPacket)
    await writer.send(PubRelPacket(1))
    await until(lambda: heard == [b"once"])
    await until(lambda: endpoint.stats().queued_bytes == 0)
