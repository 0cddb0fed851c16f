"""A client made of a bare socket, a wait for conditions, and quick settings: what the tests of the wire share."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from ibmux.sim import SimulatedGateway
from ibmux.tws.framing import Framer, join_fields, split_fields
from ibmux.tws.handshake import parse_answer

FAST: dict[str, Any] = {
    "linger": 0.0, "fill_delay": 0.01, "moc_delay": 0.1, "snapshot_delay": 0.01, "account_interval": 0.05,
    "pnl_interval": 0.05, "bar_interval": 0.05, "partial_share": 0.0,
}  # fmt: skip

Opener = Callable[..., Awaitable[SimulatedGateway]]
Connector = Callable[..., Awaitable[Any]]
RawOpener = Callable[..., Awaitable["Raw"]]


async def until(condition: Callable[[], Any], timeout: float = 20.0) -> Any:
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
