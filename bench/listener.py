"""Clients of the simulator that only count: N bare sockets with M lines each, in one process.

Arguments: the gateway's port, clients, conIds as JSON. Subscribes, says so, then answers every order with its counts.
"""

from __future__ import annotations

import asyncio
import json
import sys
from struct import Struct

from conversation import Orders, say

from ibmux.tws.framing import join_fields, split_fields
from ibmux.tws.handshake import Greeting, encode_greeting

TICKS = frozenset({b"1", b"2", b"21", b"45", b"46"})
"""Message numbers of ticks: price, size, option computation, generic, string."""
VERSION = 176
REQUEST_PAUSE = 0.025
"""Seconds between two requests; a gateway takes 50 a second."""
length_of = Struct(">I").unpack_from


class Listener(asyncio.Protocol):
    """One connection: counts the ticks that come, and keeps what errors say."""

    def __init__(self) -> None:
        self.ticks = 0
        self.errors: list[str] = []
        self.ended = False
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(encode_greeting(Greeting(157, VERSION)))

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        at, end = 0, len(data)
        while end - at >= 4 and (stop := at + 4 + length_of(data, at)[0]) <= end:
            number = data[at + 4 : data.index(b"\0", at + 4)]
            if number in TICKS:
                self.ticks += 1
            elif number == b"4":
                self._note(split_fields(data[at + 4 : stop]))
            at = stop
        self._rest = data[at:]

    def _note(self, error: list[str]) -> None:
        if int(error[2]) >= 0:
            self.errors.append(f"{error[3]} {error[4]}")

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True

    def send(self, *fields: object) -> None:
        """Send one message."""
        assert self._transport is not None
        self._transport.write(join_fields(str(field) for field in fields))


async def open_lines(port: int, client_id: int, con_ids: list[int]) -> Listener:
    """Connect a client and let it subscribe."""
    _, listener = await asyncio.get_running_loop().create_connection(Listener, "127.0.0.1", port)
    await asyncio.sleep(REQUEST_PAUSE)
    listener.send(71, 2, client_id, "")
    for number, con_id in enumerate(con_ids, start=1):
        await asyncio.sleep(REQUEST_PAUSE)
        listener.send(1, 11, number, con_id, "", "", "", "0", "", "", "SMART", *[""] * 4, 0, "", 0, 0, "")
    return listener


async def main(port: int, clients: int, con_ids: list[int]) -> None:
    listeners = await asyncio.gather(*(open_lines(port, 1 + number, con_ids) for number in range(clients)))
    say(clients=len(listeners))
    async for _ in await Orders.open():
        say(
            ticks=sum(listener.ticks for listener in listeners),
            ended=sum(listener.ended for listener in listeners),
            errors=[text for listener in listeners for text in listener.errors],
        )


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])))
