"""Bounds of a connection: the rate of messages, strange bytes, unreadable messages, a peer that does not read."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

import pytest
from wire_client import Opener, Raw, RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.sim.clients.registry import ClientIds, Meter
from ibmux.tws.framing import frame


async def test_above_the_rate_messages_are_refused_and_then_the_session_ends(
    gateway: SimulatedGateway, raw: RawOpener
) -> None:
    client, other = await raw(gateway, 1), await raw(gateway, 2)
    for number in range(60):
        client.send(81, 1000 + number, "AAPL")
    await until(
        lambda: len(client.of(79)) + client.of(4).count(client.of(4)[-1]) >= 1 and (1059, 100) in client.errors()
    )
    answered = {int(message[1]) for message in client.of(79)}
    refused = {request_id for request_id, code in client.errors() if code == 100}
    assert answered | refused == {1000 + number for number in range(60)}
    assert not answered & refused
    assert len(answered) >= 49
    assert not client.ended

    def flood() -> bool:
        if not client.ended:
            for _ in range(30):
                client.send(49, 1)
        return client.ended

    await until(flood)
    await until(lambda: gateway.stats.connections == 1)
    other.send(49, 1)
    await until(lambda: other.of(49))


def test_the_meter_allows_a_steady_rate_and_bursts_up_to_the_limit() -> None:
    meter, now = Meter(50, 0.0), 0.0
    for _ in range(1000):
        assert meter.admit(now)
        now += 0.02
    assert all(meter.admit(now + 10) for _ in range(50))
    assert not meter.admit(now + 10)
    assert (meter.breaches, meter.exhausted) == (1, False)
    assert all(meter.admit(now + 20) for _ in range(50))


def test_the_third_breach_ends_the_session() -> None:
    meter = Meter(50, 0.0)
    for second in range(3):
        for _ in range(101):
            meter.admit(second * 1.1)
    assert meter.exhausted
    flood = Meter(50, 0.0)
    for _ in range(50 + 3 * 500):
        flood.admit(0.0)
    assert flood.exhausted


def test_the_registry_counts_connected_clients_only() -> None:
    ids = ClientIds(linger=3.0, limit=1)
    assert ids.claim(1, 0.0) == ""
    assert ids.claim(1, 1.0) == "used"
    assert ids.claim(2, 1.0) == "full"
    ids.release(1, 1.0)
    assert ids.claim(1, 3.9) == "used"
    assert ids.claim(2, 3.9) == ""
    assert ids.connected() == [2]


@pytest.mark.parametrize(
    "payload",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"API\0" + frame(b"hello"),
        b"API\0" + frame(b"v100..150"),
        b"API\0\xff\xff\xff\xff",
        b"\x16\x03\x01",
    ],
)
async def test_other_protocols_are_closed(gateway: SimulatedGateway, payload: bytes) -> None:
    reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
    writer.write(payload)
    with contextlib.suppress(ConnectionResetError):  # what a peer gets that had sent more than was read
        assert b"DU1000001" not in await asyncio.wait_for(reader.read(), 20)
    writer.close()
    await until(lambda: not gateway.connections)


async def test_who_never_starts_is_closed(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(greeting_timeout=1.0)
    client = await raw(gateway)
    await until(lambda: client.ended)


MALFORMED = [
    (["0"], (-1, 505)),
    (["9999"], (-1, 505)),
    (["x"], (-1, 505)),
    ([""], (-1, 505)),
    (["-1", "1"], (-1, 505)),
    (["\u0663"], (-1, 505)),
    (["9", "8", "77", "conId?"], (77, 320)),
    (["3", "78", "1"], (78, 320)),
    (["1", "11", "79", "0", "A", "BAG", "", "0", "", "", "SMART", "", "USD", "", "", "9999999"], (79, 320)),
    (["62", "1", "80"], (80, 320)),
    (["61"], (-1, 320)),
]


@pytest.mark.parametrize(("fields", "answer"), MALFORMED)
async def test_unreadable_messages_are_answered(
    gateway: SimulatedGateway, raw: RawOpener, fields: list[str], answer: tuple[int, int]
) -> None:
    client = await raw(gateway, 1)
    before = len(client.messages)
    client.send(*fields)
    await until(lambda: len(client.messages) > before)
    assert client.errors()[-1] == answer
    client.send(49, 1)
    await until(lambda: client.of(49))


async def test_endless_nonsense_ends_its_connection_and_no_other(gateway: SimulatedGateway, raw: RawOpener) -> None:
    good, bad, huge = await raw(gateway, 1), await raw(gateway, 2), await raw(gateway, 3)
    for _ in range(30):
        bad.send(9999)
    huge.writer.write(struct.pack(">I", 1 << 24))
    await until(lambda: bad.ended and huge.ended)
    assert huge.errors()[-1] == (-1, 507)
    good.send(49, 1)
    await until(lambda: good.of(49))
    assert gateway.stats.connections == 1


async def test_who_does_not_read_is_disconnected(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(send_limit=100_000, messages_per_second=10_000)
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, (gateway.host, gateway.port))
    reader, writer = await asyncio.open_connection(sock=narrow)
    client, good = Raw(reader, writer), await raw(gateway, 9)
    reader._transport.pause_reading()
    writer.write(b"API\0" + frame(b"v157..176"))
    client.send(71, 2, 1, "")
    for number in range(20):
        client.send(9, 8, number, 0, "SPY", "OPT", "", 0, "", "", "SMART", "", "USD", "", "", 0, "", "", "")
    await until(lambda: gateway.stats.connections_ever == 2)
    await until(lambda: gateway.stats.connections == 1)
    good.send(49, 1)
    await until(lambda: good.of(49))
    await client.close()
