"""A simulated gateway per test, and ways to it: both libraries, and a bare socket."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

# ib_insync asks for an event loop when it is imported: one made for that can be closed again.
_loop = asyncio.new_event_loop()
asyncio.set_event_loop(_loop)
try:
    import ib_async
    import ib_insync
finally:
    asyncio.set_event_loop(None)
    _loop.close()

from ibmux.sim import Settings, SimulatedGateway  # noqa: E402
from ibmux.tws.framing import Framer, join_fields, split_fields  # noqa: E402
from ibmux.tws.handshake import Greeting, encode_greeting, parse_answer  # noqa: E402

LIBRARIES = {"ib_async": ib_async, "ib_insync": ib_insync}
FAST: dict[str, Any] = {
    "linger": 0.0, "fill_delay": 0.01, "moc_delay": 0.1, "snapshot_delay": 0.01, "account_interval": 0.05,
    "pnl_interval": 0.05, "bar_interval": 0.05, "partial_share": 0.0,
}  # fmt: skip

Opener = Callable[..., Awaitable[SimulatedGateway]]
Connector = Callable[..., Awaitable[Any]]


async def until(condition: Callable[[], Any], timeout: float = 5.0) -> Any:
    """Wait for `condition` to be true (or to become an awaitable's true result) and return its value."""
    deadline = asyncio.get_running_loop().time() + timeout
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        assert asyncio.get_running_loop().time() < deadline, f"not within {timeout} s: {inspect.getsource(condition)}"
        await asyncio.sleep(0.005)


@pytest.fixture
async def open_gateway() -> AsyncIterator[Opener]:
    """Start gateways with quick settings, changed by keyword; all end with the test."""
    opened: list[SimulatedGateway] = []

    async def start(**changes: Any) -> SimulatedGateway:
        gateway = SimulatedGateway(Settings(**FAST | changes))
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
        await ib.connectAsync(gateway.host, gateway.port, clientId=client_id, timeout=4, **arguments)
        return ib

    yield join
    for ib in opened:
        ib.disconnect()


@pytest.fixture
async def ib(gateway: SimulatedGateway, connect: Connector) -> Any:
    """The library, connected as client 1."""
    return await connect(gateway)


class Raw:
    """A client made of a socket: sends fields, keeps every message that comes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.messages: list[list[str]] = []
        self.version = 0
        self.ended = False
        self._framer = Framer()
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            while data := await self.reader.read(1 << 16):
                for payload in self._framer.feed(data):
                    if self.version:
                        self.messages.append(split_fields(payload))
                    else:
                        self.version, _ = parse_answer(payload)
        except ConnectionError:
            pass  # a gateway that closes on unread input resets the connection
        finally:
            self.ended = True

    def send(self, *fields: object) -> None:
        """Send one message."""
        self.writer.write(join_fields(str(field) for field in fields))

    def of(self, number: int) -> list[list[str]]:
        """Return the messages of this number so far."""
        return [message for message in self.messages if message[0] == str(number)]

    def errors(self) -> list[tuple[int, int]]:
        """Return id and code of the errors so far."""
        return [(int(message[2]), int(message[3])) for message in self.of(4)]

    async def start(self, client_id: int) -> None:
        """Send startApi and wait until the farm notices have come."""
        self.send(71, 2, client_id, "")
        await until(lambda: (-1, 2158) in self.errors() or self.ended)

    async def close(self) -> None:
        """End the connection."""
        self.writer.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


RawOpener = Callable[..., Awaitable[Raw]]


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
