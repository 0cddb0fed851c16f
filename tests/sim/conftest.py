"""A simulated gateway per test, and ways to it: both libraries, and a bare socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from ports import free_port

# ib_insync asks for an event loop when it is imported: one made for that can be closed again.
_loop = asyncio.new_event_loop()
asyncio.set_event_loop(_loop)
try:
    import ib_async
    import ib_insync
finally:
    asyncio.set_event_loop(None)
    _loop.close()

from wire_client import FAST, Connector, Opener, Raw, RawOpener, until  # noqa: E402

from ibmux.sim import Settings, SimulatedGateway  # noqa: E402
from ibmux.tws.handshake import Greeting, encode_greeting  # noqa: E402

LIBRARIES = {"ib_async": ib_async, "ib_insync": ib_insync}


@pytest.fixture
async def open_gateway() -> AsyncIterator[Opener]:
    """Start gateways with quick settings, changed by keyword; all end with the test."""
    opened: list[SimulatedGateway] = []

    async def start(**changes: Any) -> SimulatedGateway:
        gateway = SimulatedGateway(Settings(**FAST | {"port": free_port()} | changes))
        await gateway.start()
        opened.append(gateway)
        return gateway

    yield start
    for gateway in opened:
        await gateway.close()


@pytest.fixture
async def gateway(open_gateway: Opener) -> SimulatedGateway:
    """A gateway with quick settings."""
    return await open_gateway()


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> Any:
    """Each of the two libraries."""
    return LIBRARIES[request.param]


@pytest.fixture
async def connect(library: Any) -> AsyncIterator[Connector]:
    """Connect the library to a gateway: `await connect(gateway, clientId)`. Errors are kept in `ib.errors`."""
    opened: list[Any] = []

    async def join(gateway: SimulatedGateway, client_id: int = 1, **arguments: Any) -> Any:
        ib = library.IB()
        ib.errors = []
        ib.errorEvent += lambda request_id, code, text, contract: ib.errors.append((request_id, code, text))
        opened.append(ib)
        await ib.connectAsync(gateway.host, gateway.port, clientId=client_id, **{"timeout": 20, **arguments})
        return ib

    yield join
    for ib in opened:
        ib.disconnect()


@pytest.fixture
async def ib(gateway: SimulatedGateway, connect: Connector) -> Any:
    """The library, connected as client 1."""
    return await connect(gateway)


@pytest.fixture
async def raw() -> AsyncIterator[RawOpener]:
    """Open a bare connection: `await raw(gateway, clientId)`; without a clientId, only the greeting is exchanged."""
    opened: list[Raw] = []

    async def open_raw(gateway: SimulatedGateway, client_id: int | None = None, highest: int = 176) -> Raw:
        client = Raw(*await asyncio.open_connection(gateway.host, gateway.port))
        opened.append(client)
        client.writer.write(encode_greeting(Greeting(157, highest)))
        await until(lambda: client.version)
        if client_id is not None:
            await client.start(client_id)
        return client

    yield open_raw
    for client in opened:
        await client.close()
