"""Faults of the port and of sockets on uvloop, on which the command runs: it closes sockets later than asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import uvloop
from ports import free_port
from wire_client import FAST, Raw, until

from ibmux.sim import Settings, SimulatedGateway
from ibmux.tws.handshake import Greeting, encode_greeting


async def join(gateway: SimulatedGateway, client_id: int) -> Raw:
    client = Raw(*await asyncio.open_connection(gateway.host, gateway.port))
    client.writer.write(encode_greeting(Greeting(157, 176)))
    await until(lambda: client.version == 176)
    await client.start(client_id)
    return client


async def is_refused(gateway: SimulatedGateway) -> bool:
    try:
        _, writer = await asyncio.open_connection(gateway.host, gateway.port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def refuse_and_heal(gateway: SimulatedGateway) -> None:
    client, port = await join(gateway, 1), gateway.port
    for _ in range(3):
        await gateway.faults.refuse()
        await until(lambda: is_refused(gateway))
        await gateway.faults.heal()
        assert gateway.port == port
        await (await join(gateway, 2)).close()
        await until(lambda: 2 not in gateway.clients)
    await client.close()


async def open_at_once(gateway: SimulatedGateway) -> None:
    await asyncio.gather(gateway.faults.refuse(), gateway.faults.heal())
    await gateway.faults.heal()
    await (await join(gateway, 1)).close()


async def restart(gateway: SimulatedGateway) -> None:
    client = await join(gateway, 1)
    await gateway.faults.restart(1.5)
    await until(lambda: client.ended)
    assert await is_refused(gateway)
    await until(lambda: gateway.door.is_open)
    await (await join(gateway, 1)).close()
    await client.close()


async def move(gateway: SimulatedGateway) -> None:
    client, home = await join(gateway, 1), gateway.port
    await gateway.faults.move_port()
    await until(lambda: client.ended)
    assert (client.errors()[-1], gateway.port == home) == ((-1, 1300), False)
    await gateway.faults.heal()
    assert gateway.port == home
    await (await join(gateway, 1)).close()
    await client.close()


async def reset(gateway: SimulatedGateway) -> None:
    await gateway.faults.reset()
    with pytest.raises(ConnectionResetError):  # the reset may be there before the connection is
        reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
        try:
            await reader.read()
        finally:
            writer.close()


@pytest.mark.parametrize("story", [refuse_and_heal, open_at_once, restart, move, reset])
@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_on_both_loops(
    story: Callable[[SimulatedGateway], Awaitable[None]], factory: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def run() -> None:
        async with SimulatedGateway(Settings(**FAST, port=free_port())) as gateway:
            await story(gateway)
            assert gateway.log.of("error") == []

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(run())
