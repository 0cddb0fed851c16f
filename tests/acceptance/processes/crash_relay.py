"""The gateway's program as a process of its own: it stands between a proxy and Interactive Brokers' servers.

It takes whole messages, keeps some for a moment, and passes them on: what is in its hands when it is killed is lost.
Of a message it knows the number alone.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from crash_hands import Hands

from ibmux.tws.replies import REPLIES
from ibmux.tws.requests import REQUEST_NAMES

UP, DOWN = "up", "down"
"""Towards Interactive Brokers, and towards the proxy."""
POINTS = {
    "with an order in its hands": (UP, "placeOrder", "before", 6),
    "with half an order passed on": (UP, "placeOrder", "amid", 6),
    "with an order passed on": (UP, "placeOrder", "after", 6),
    "with a cancel in its hands": (UP, "cancelOrder", "before", 3),
    "with a cancel passed on": (UP, "cancelOrder", "after", 3),
    "with the word on an order in its hands": (DOWN, "openOrder", "before", 8),
    "with half the word on an order passed on": (DOWN, "openOrder", "amid", 8),
    "with a status in its hands": (DOWN, "orderStatus", "before", 10),
    "with a fill in its hands": (DOWN, "execDetails", "before", 5),
    "with a fill passed on": (DOWN, "execDetails", "after", 5),
    "with a commission in its hands": (DOWN, "commissionReport", "before", 5),
}
"""Where the program may end: the way, the message, the side of passing it on, the highest number of such a message."""
GREETING = b"API\0"
LENGTH = struct.Struct(">I")
FULL = 1 << 18
"""Bytes of one connection in its hands above which it reads no more."""
BACKLOG = 16


class End(asyncio.Protocol):
    """One socket: what comes, until it ends.

    Attributes:
        broken: it ended with an error.
    """

    def __init__(self, met: Callable[[End], object] = lambda end: None) -> None:
        self.broken = False
        self._met = met
        self._transport: asyncio.Transport
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue()  # bounded by `FULL`
        self._waiting = 0
        self._room = asyncio.Event()
        self._room.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send without delay."""
        self._transport = cast(asyncio.Transport, transport)
        self._socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._met(self)

    def _socket(self) -> socket.socket:
        return cast(socket.socket, self._transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        """Keep a piece."""
        self._pieces.put_nowait(data)
        self._waiting += len(data)
        if self._waiting > FULL:
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing comes any more; what came is taken all the same."""
        self.broken = exc is not None
        self._pieces.put_nowait(b"")
        self._room.set()

    def pause_writing(self) -> None:
        """The peer does not read."""
        self._room.clear()

    def resume_writing(self) -> None:
        """It does again."""
        self._room.set()

    async def take(self) -> bytes:
        """The next piece; empty at the end."""
        data = await self._pieces.get()
        if self._waiting > FULL >= self._waiting - len(data) and not self._transport.is_closing():
            self._transport.resume_reading()
        self._waiting -= len(data)
        return data

    async def send(self, data: bytes) -> None:
        """Write; into a socket that has ended, nothing."""
        if not self._transport.is_closing():
            self._transport.write(data)
            await self._room.wait()

    def close(self, *, reset: bool = False) -> None:
        """End it; `reset`: as an error."""
        if reset and not self._transport.is_closing():
            self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        self._transport.close()


class Cutter:
    """Cuts one direction of a connection into whole messages; `rest` is what is not whole yet."""

    def __init__(self) -> None:
        self.rest = b""
        self._greeted = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Every message that is whole now, with its length in front; a client's greeting belongs to its first."""
        self.rest += data
        while len(self.rest) >= (start := self._start()) + LENGTH.size:
            end = start + LENGTH.size + LENGTH.unpack_from(self.rest, start)[0]
            if len(self.rest) < end:
                return
            message, self.rest, self._greeted = self.rest[:end], self.rest[end:], True
            yield message

    def _start(self) -> int:
        return len(GREETING) if not self._greeted and self.rest.startswith(GREETING) else 0


def number_of(message: bytes) -> bytes:
    """The number of a message; of a greeting, nothing that is one."""
    return message[LENGTH.size : LENGTH.size + 8].partition(b"\0")[0]


class Program:
    """The gateway's program in one life.

    Attributes:
        armed: the point of its end counts from now on.
    """

    def __init__(self, order: dict[str, Any], say: Callable[..., None]) -> None:
        self._say = say
        self.target = ("127.0.0.1", int(order["target"]))
        self.chance = random.Random(order["seed"])
        self.share, self.longest = order["share"], order["longest"]
        self.hands = Hands(Path(order["hands"]))
        self.armed = False
        self._placed = str(REQUEST_NAMES["placeOrder"].number).encode()
        self._point, self._left = order["aim"]
        way, name, self._side, _ = POINTS[self._point]
        numbers = REQUEST_NAMES if way == UP else REPLIES
        self._deadly = (way, str(numbers[name].number).encode())

    def arm(self) -> None:
        """End at the point from now on."""
        self.armed = True
        self._say(armed=os.getpid())

    async def serve(self, port: int) -> None:
        """Until it is killed."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self.arm)
        async with asyncio.TaskGroup() as tasks:
            await loop.create_server(
                lambda: End(lambda end: tasks.create_task(self._connect(end))), "127.0.0.1", port, backlog=BACKLOG
            )
            self._say(ready=os.getpid())
            await loop.create_future()

    async def _connect(self, near: End) -> None:
        try:
            _, far = await asyncio.get_running_loop().create_connection(End, *self.target)
        except OSError:
            near.close(reset=True)
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._carry(near, far, UP))
            tasks.create_task(self._carry(far, near, DOWN))

    async def _carry(self, source: End, target: End, way: str) -> None:
        """One direction, to its end; what came before the end is still passed on."""
        cutter = Cutter()
        while data := await source.take():
            self.hands.add(**{way: len(data)})
            if self.chance.random() < self.share:
                await asyncio.sleep(self.chance.uniform(0, self.longest))
            for message in cutter.feed(data):
                self.hands.add(orders=self._orders(message, way))
                await self._pass_on(message, target, way)
                self.hands.add(**{way: -len(message)}, orders=-self._orders(message, way))
        self.hands.add(**{way: -len(cutter.rest)})
        target.close(reset=way == DOWN and source.broken)

    def _orders(self, message: bytes, way: str) -> int:
        return int(way == UP and number_of(message) == self._placed)

    async def _pass_on(self, message: bytes, target: End, way: str) -> None:
        side = self._end_at(way, message)
        if side == "before":
            end()
        if side == "amid":
            await target.send(message[: len(message) // 2])
            end()
        await target.send(message)
        if side == "after":
            end()

    def _end_at(self, way: str, message: bytes) -> str:
        """The side of this message at which the program ends; none mostly."""
        if not self.armed or (way, number_of(message)) != self._deadly:
            return ""
        self._left -= 1
        return "" if self._left else self._side


def end() -> None:
    """What a failing machine does."""
    os.kill(os.getpid(), signal.SIGKILL)


def run(order: dict[str, Any], say: Callable[..., None]) -> int:
    """The whole life of one program.

    `port` to listen on and `target` to connect to; `aim` a point and a number, which count from SIGUSR1 on; `share` of
    what comes is kept up to `longest` seconds, by `seed`; `hands` a file for what it has in its hands.
    """
    asyncio.run(Program(order, say).serve(order["port"]))
    return 0
