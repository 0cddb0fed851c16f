"""Greeting, start, clientIds, bounds: what a gateway does before and beside any request's meaning."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from typing import Any

import pytest
from conftest import FAST, Connector, Opener, Raw, RawOpener, until

from ibmux.sim import Settings, SimulatedGateway, serve
from ibmux.sim.clients import ClientIds, Meter
from ibmux.tws.framing import frame
from ibmux.tws.requests import REQUEST_NAMES, REQUESTS


@pytest.mark.parametrize("version", [157, 163, 166, 170, 173, 176, 177, 178])
async def test_the_lower_of_both_versions_is_spoken(
    open_gateway: Opener, connect: Connector, library: Any, version: int
) -> None:
    ib = await connect(await open_gateway(version=version))
    highest = 178 if library.__name__ == "ib_async" else 176
    assert ib.client.serverVersion() == min(version, highest)
    assert ib.managedAccounts() == ["DU1000001", "DU1000002"]
    assert ib.positions()
    assert not [error for error in ib.errors if error[1] < 2100]


async def test_nothing_is_sent_before_start_api(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway)
    client.send(49, 1)
    await until(lambda: client.messages)
    assert client.errors() == [(-1, 504)]
    await client.start(5)
    assert [message[0] for message in client.messages[1:4]] == ["15", "9", "4"]
    assert client.of(15) == [["15", "1", "DU1000001,DU1000002"]]
    assert client.of(9) == [["9", "1", "1"]]
    assert [code for _, code in client.errors()[1:]] == [2104, 2104, 2106, 2158]


async def test_a_second_start_is_refused_and_changes_nothing(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 5)
    client.send(71, 2, 6, "")
    await until(lambda: (-1, 501) in client.errors())
    assert gateway.stats.by_client == {5: 1}


async def test_a_client_id_serves_one_connection(gateway: SimulatedGateway, connect: Connector, raw: RawOpener) -> None:
    first = await connect(gateway, 7)
    second = await raw(gateway, 7)
    await until(lambda: second.ended)
    assert second.errors() == [(-1, 326)]
    assert second.of(15) == []
    assert first.isConnected()
    assert gateway.stats.connections == 1


async def test_both_libraries_meet_326_as_with_a_gateway(
    gateway: SimulatedGateway, library: Any, connect: Connector, raw: RawOpener
) -> None:
    await raw(gateway, 7)
    ib = library.IB()
    codes: list[int] = []
    ib.errorEvent += lambda request_id, code, text, contract: codes.append(code)
    with pytest.raises((TimeoutError, asyncio.TimeoutError, ConnectionError)):
        await ib.connectAsync(gateway.host, gateway.port, clientId=7, timeout=0.3)
    assert codes == [326]
    ib.disconnect()


async def test_a_client_id_lingers_after_its_connection(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(linger=0.4)
    await (await raw(gateway, 7)).close()
    await until(lambda: gateway.stats.connections == 0)
    closed = time.monotonic()
    refused = await raw(gateway, 7)
    assert refused.errors() == [(-1, 326)]

    async def try_again() -> bool:
        client = await raw(gateway, 7)
        return bool(client.of(15))

    await until(try_again)
    assert time.monotonic() - closed > 0.3


async def test_no_more_than_max_clients(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(max_clients=3)
    clients = [await raw(gateway, number) for number in range(3)]
    fourth = await raw(gateway, 3)
    await until(lambda: fourth.ended)
    assert fourth.errors() == [(-1, 502)]
    await clients[0].close()
    await until(lambda: gateway.stats.connections == 2)
    assert (await raw(gateway, 3)).of(15)


async def test_thirty_two_clients_by_default(gateway: SimulatedGateway, raw: RawOpener) -> None:
    for number in range(32):
        assert (await raw(gateway, number)).of(15)
    assert (await raw(gateway, 32)).errors() == [(-1, 502)]


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

    await until(flood, 10)
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
        assert b"DU1000001" not in await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await until(lambda: not gateway.connections)


async def test_who_never_starts_is_closed(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(greeting_timeout=0.05)
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
    await until(lambda: gateway.stats.connections == 1, 20)
    good.send(49, 1)
    await until(lambda: good.of(49))
    await client.close()


UNMODELLED = {
    "reqMktDepth": 10092, "reqTickByTickData": 10189, "reqScannerSubscription": 162, "reqHistoricalNews": 10276,
    "reqNewsArticle": 10172, "reqFundamentalData": 10358, "reqRealTimeBars": 420, "reqHistogramData": 10188,
    "reqHistoricalTicks": 10187, "reqWshMetaData": 10279, "reqWshEventData": 10283, "exerciseOptions": 322,
    "queryDisplayGroups": 322, "replaceFA": 321, "cancelMktDepth": 310, "cancelTickByTickData": 300,
    "cancelScannerSubscription": 365, "cancelRealTimeBars": 300, "cancelHistoricalData": 366, "cancelMktData": 300,
    "cancelPnL": 300,
}  # fmt: skip


@pytest.mark.parametrize("name", UNMODELLED)
async def test_what_is_not_modelled_is_refused_under_its_own_id(
    gateway: SimulatedGateway, raw: RawOpener, name: str
) -> None:
    client = await raw(gateway, 1)
    client.send(*REQUEST_NAMES[name].encode({"reqId": 4711, "symbol": "AAPL"}, client.version))
    await until(lambda: (4711, UNMODELLED[name]) in client.errors())


SILENT = {  # gateways do not acknowledge these
    "cancelPositions", "setServerLogLevel", "reqNewsBulletins", "cancelNewsBulletins", "cancelAccountSummary",
    "cancelPositionsMulti", "cancelAccountUpdatesMulti", "cancelHistogramData", "cancelHeadTimeStamp",
    "reqGlobalCancel",
    "cancelCalculateImpliedVolatility", "cancelCalculateOptionPrice", "startApi",
}  # fmt: skip
EMPTY_IS_VALID = {"reqAccountUpdates"}


@pytest.mark.parametrize(
    "number", [n for n, message in REQUESTS.items() if message.name not in SILENT | EMPTY_IS_VALID]
)
async def test_no_request_is_met_with_silence(gateway: SimulatedGateway, raw: RawOpener, number: int) -> None:
    client = await raw(gateway, 1)
    before = len(client.messages)
    client.send(*REQUESTS[number].encode({"reqId": 4711, "orderId": 4711, "group": "All"}, client.version))
    await until(lambda: len(client.messages) > before)
    assert not [message for message in client.of(4) if "internal error" in message[4]]


@pytest.mark.parametrize(
    "changes",
    [{"version": 156}, {"version": 179}, {"rate": 0.0}, {"rate": 200_001.0}, {"accounts": ()}, {"lines": 0}],
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        Settings(**changes)


async def test_serve_runs_until_cancelled(unused_tcp_port: int, raw: RawOpener) -> None:
    settings = Settings(port=unused_tcp_port, **FAST)
    task = asyncio.create_task(serve(settings))

    async def listening() -> bool:
        try:
            _, writer = await asyncio.open_connection(settings.host, settings.port)
        except OSError:
            return False
        writer.close()
        return True

    await until(listening)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not await listening()


async def test_the_statistics_say_what_happened(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 4)
    client.send(49, 1)
    await until(lambda: client.of(49))
    stats = gateway.stats
    assert (stats.connections, stats.connections_ever, stats.by_client) == (1, 1, {4: 1})
    assert stats.messages_in == 2
    assert stats.lines == {4: 0}
