"""Greeting, start, clientIds, bounds: what a gateway does before and beside any request's meaning."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
import uvloop
from ports import free_port
from wire_client import FAST, Connector, Opener, Raw, RawOpener, until

from ibmux.sim import Settings, SimulatedGateway, serve
from ibmux.tws.handshake import Greeting, encode_greeting
from ibmux.tws.requests import REQUEST_NAMES


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
        await ib.connectAsync(gateway.host, gateway.port, clientId=7, timeout=2.0)
    assert codes == [326]
    ib.disconnect()


async def test_a_client_id_lingers_after_its_connection(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(linger=1.5)
    client, before = await raw(gateway, 7), time.monotonic()
    await client.close()
    await until(lambda: gateway.stats.connections == 0)
    refused = await raw(gateway, 7)
    assert refused.errors() == [(-1, 326)]

    async def try_again() -> bool:
        client = await raw(gateway, 7)
        return bool(client.of(15))

    await until(try_again)
    assert time.monotonic() - before > 1.5


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


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 156},
        {"version": 179},
        {"rate": 0.0},
        {"rate": 200_001.0},
        {"accounts": ()},
        {"lines": 0},
        {"kind": "x"},
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        Settings(**changes)


async def test_serve_runs_until_cancelled() -> None:
    settings = Settings(port=free_port(), **FAST)
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


async def test_a_gateway_that_restarts_keeps_its_port_and_its_orders(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client, port = await raw(gateway, 1), gateway.port
    order = {
        "orderId": 1, "symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD", "action": "BUY",
        "totalQuantity": 1, "orderType": "LMT", "lmtPrice": 1.0, "account": "DU1000001", "transmit": True,
    }  # fmt: skip
    client.send(*REQUEST_NAMES["placeOrder"].encode(order, client.version))
    await until(lambda: client.of(3))
    await gateway.close()
    await until(lambda: client.ended)
    await gateway.start()
    assert gateway.port == port
    again = await raw(gateway, 1)
    assert [message[1] for message in again.of(5)] == ["1"]


async def test_a_cut_connection_and_announcements(gateway: SimulatedGateway, raw: RawOpener) -> None:
    first, second = await raw(gateway, 1), await raw(gateway, 2)
    gateway.announce(1100, "Connectivity between IB and Trader Workstation has been lost.")
    await until(lambda: (-1, 1100) in first.errors() and (-1, 1100) in second.errors())
    gateway.drop(1)
    gateway.drop(9)
    await until(lambda: first.ended and gateway.stats.connections == 1)
    assert not second.ended


def test_a_gateway_runs_on_uvloop() -> None:
    async def scenario() -> None:
        async with SimulatedGateway(Settings(**FAST)) as gateway:
            client = Raw(*await asyncio.open_connection(gateway.host, gateway.port))
            client.writer.write(encode_greeting(Greeting(157, 178)))
            await until(lambda: client.version == 176)
            await client.start(1)
            client.send(61, 1)
            await until(lambda: client.of(62))
            await client.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())
