"""WebSocket: framing, the opening handshake, and MQTT on it (RFC 6455; MQTT 5, section 6)."""

from __future__ import annotations

import asyncio
from typing import Any

import mqtt5
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mqtt5 import ConnectPacket, PingReqPacket
from mqtt_raw import until
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from ibmux.mqtt.server import Endpoint, Limits, WebSocketListener
from ibmux.mqtt.websocket import (
    BINARY,
    CLOSE,
    PING,
    Deframer,
    FrameError,
    accept_key,
    close_payload,
    frame,
    mask,
)

pytestmark = pytest.mark.usefixtures("no_noise")
MQTT = [Subprotocol("mqtt")]


@given(
    st.lists(st.tuples(st.sampled_from([BINARY, PING]), st.binary(max_size=120)), max_size=5), st.booleans(), st.data()
)
def test_frames_in_any_pieces(sent: list[tuple[int, bytes]], masked: bool, chance: st.DataObject) -> None:
    stream = b"".join(frame(opcode, payload, masked) for opcode, payload in sent)
    deframer, found = Deframer(masked), []
    while stream:
        size = chance.draw(st.integers(1, len(stream)))
        found += deframer.feed(stream[:size])
        stream = stream[size:]
    for wanted in (BINARY, PING):
        assert b"".join(p for o, p in found if o == wanted) == b"".join(p for o, p in sent if o == wanted)
    assert [p for o, p in found if o == PING] == [p for o, p in sent if o == PING]


@given(st.binary(max_size=40), st.binary(min_size=4, max_size=4), st.integers(0, 9))
def test_masking_is_its_own_inverse(data: bytes, key: bytes, offset: int) -> None:
    masked = mask(data, key, offset)
    assert masked == bytes(byte ^ key[(place + offset) % 4] for place, byte in enumerate(data))
    assert mask(masked, key, offset) == data


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_lengths(size: int) -> None:
    assert Deframer(False).feed(frame(BINARY, b"z" * size, False)) == ([(BINARY, b"z" * size)] if size else [])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(BINARY, b"x", False), 1002),
        (b"\x81\x81\0\0\0\0x", 1003),
        (b"\x80\x81\0\0\0\0x", 1002),
        (b"\xc2\x81\0\0\0\0x", 1002),
        (b"\x83\x81\0\0\0\0x", 1002),
        (b"\x09\x81\0\0\0\0x", 1002),
        (b"\x89\xfe\x00\x7e\0\0\0\0", 1002),
        (b"\x02\x81\0\0\0\0x" + b"\x82\x81\0\0\0\0x", 1002),
    ],
)
def test_broken_frames(data: bytes, code: int) -> None:
    with pytest.raises(FrameError) as error:
        Deframer(True).feed(data)
    assert error.value.code == code


def test_the_example_of_the_specification() -> None:
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert close_payload(1000) == b"\x03\xe8"


# -- against another implementation ----------------------------------------------------------------------------------


@pytest.fixture
async def ws(start: Any) -> Endpoint:
    return await start(WebSocketListener(port=0, origins=("https://desk.example",)), limits=Limits(close_timeout=20.0))


def url(endpoint: Endpoint, path: str = "/mqtt") -> str:
    return f"ws://127.0.0.1:{endpoint.ports[0]}{path}"


async def test_packets_may_share_frames_and_span_them(ws: Endpoint) -> None:
    stream = ConnectPacket("x", clean_start=True).write() + PingReqPacket().write() * 2
    async with connect(url(ws), subprotocols=MQTT) as socket:
        assert socket.subprotocol == "mqtt"
        await socket.send([stream[:3], stream[3:10]])
        await socket.send(stream[10:])
        answer = b""
        while len(answer) < 4 or answer[-4:] != b"\xd0\x00\xd0\x00":
            part = await socket.recv()
            assert isinstance(part, bytes)
            answer += part
        packet, _ = mqtt5.read(memoryview(answer))
        assert isinstance(packet, mqtt5.ConnAckPacket)
        await (await socket.ping(b"are you there"))
        assert [(one.transport, one.client_id) for one in ws.connections()] == [("ws", "x")]
    await until(lambda: ws.stats().disconnects == {"connection_lost": 1})


async def test_text_frames_end_the_connection(ws: Endpoint) -> None:
    async with connect(url(ws), subprotocols=MQTT) as socket:
        await socket.send("text")
        with pytest.raises(ConnectionClosed) as error:
            await socket.recv()
        assert error.value.rcvd is not None
        assert error.value.rcvd.code == 1003


async def test_a_bad_packet_ends_the_connection(ws: Endpoint) -> None:
    async with connect(url(ws), subprotocols=MQTT) as socket:
        await socket.send(b"hello")
        with pytest.raises(ConnectionClosed) as error:
            await socket.recv()
        assert error.value.rcvd is not None
        assert error.value.rcvd.code == 1000


@pytest.mark.parametrize(
    ("path", "options", "status"),
    [
        ("/elsewhere", {"subprotocols": MQTT}, 404),
        ("/mqtt", {}, 400),
        ("/mqtt", {"subprotocols": [Subprotocol("amqp")]}, 400),
        ("/mqtt", {"subprotocols": MQTT, "origin": "https://evil.example"}, 403),
    ],
)
async def test_handshakes_that_fail(ws: Endpoint, path: str, options: Any, status: int) -> None:
    with pytest.raises(InvalidStatus) as error:
        await connect(url(ws, path), **options)
    assert error.value.response.status_code == status


@pytest.mark.parametrize("origin", ["https://desk.example", "same"])
async def test_pages_that_may_connect(ws: Endpoint, origin: Any) -> None:
    own = f"http://127.0.0.1:{ws.ports[0]}"
    async with connect(url(ws), subprotocols=MQTT, origin=own if origin == "same" else origin) as socket:
        assert socket.subprotocol == "mqtt"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\n", b"426"),
        (b"POST /mqtt HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /mqtt HTTP/1.1\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\r\n", b"426"),
        (
            b"GET /mqtt HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Protocol: mqtt\r\n\r\n",
            b"400",
        ),
        (b"x" * 20_000, b"400"),
        (b"\x10\x0d\x00\x04MQTT\r\n\r\n", b"400"),
    ],
)
async def test_what_is_no_handshake(ws: Endpoint, request_: bytes, status: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", ws.ports[0])
    writer.write(request_)
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 " + status)
    writer.close()
    await writer.wait_closed()


async def test_a_handshake_has_its_time(start: Any) -> None:
    endpoint = await start(WebSocketListener(port=0), limits=Limits(connect_timeout=0.05))
    reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.ports[0])
    writer.write(b"GET /mqtt HTTP/1.1\r\n")
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    assert endpoint.stats().disconnects == {"connect_timeout": 1}


async def test_the_closing_handshake_publishes_the_will(ws: Endpoint) -> None:
    heard: list[bytes] = []
    await ws.subscribe("w", lambda message: heard.append(message.payload))
    async with connect(url(ws), subprotocols=MQTT) as socket:
        await socket.send(ConnectPacket("x", will=mqtt5.Will("w", payload=b"gone")).write())
        await socket.recv()
    await until(lambda: heard == [b"gone"])
    assert frame(CLOSE, b"", False) == b"\x88\x00"
