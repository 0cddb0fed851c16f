"""The gateway's port: listening, or held and refusing. Knows sockets, no protocol.

While it refuses, the address stays bound: no other program takes it, and no peer's own socket can land on it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

HOLD_TRIES, HOLD_AGAIN = 50, 0.01
"""How often, and after how many seconds, taking the address is tried anew: some event loops close sockets late."""


class Door:
    """A port of this machine that opens and shuts; `home` is the one that it had first.

    Args:
        host: address to listen on.
        port: 0 takes a free one at the first opening and keeps it.
        connected: makes the protocol of a new connection.
        note: is told of every opening (`listening`) and shutting (`deaf`), and of what went wrong (`error`), in words.
    """

    def __init__(
        self, host: str, port: int, connected: Callable[[], asyncio.Protocol], note: Callable[[str, str], object]
    ) -> None:
        self.host = host
        self.port = self.home = port
        self._connected, self._note = connected, note
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._server: asyncio.Server | None = None
        self._held: socket.socket | None = None
        self._holding = self._owned = self._wanted = False

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    async def open(self) -> None:
        """Listen; nothing happens if it does.

        Raises:
            OSError: the port is taken.
        """
        self._holding = False
        if self._server is not None:
            return
        held, self._held = self._held or await self._take(), None
        self.port = held.getsockname()[1]
        try:
            self._server = await asyncio.get_running_loop().create_server(self._connected, sock=held)
        except BaseException:
            held.close()
            raise
        self.home = self.home or self.port
        self._owned = True
        self._note("listening", f"port {self.port}")

    async def _take(self) -> socket.socket:
        """Bind; an address that was this door's own until now may take a moment to come free."""
        for _ in range(HOLD_TRIES if self._owned else 0):
            try:
                return self._bind()
            except OSError:
                await asyncio.sleep(HOLD_AGAIN)
        return self._bind()

    def _bind(self) -> socket.socket:
        """Take the address without listening on it."""
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, number, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
        held = socket.socket(family, kind, number)
        try:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(address)
        except OSError:
            held.close()
            raise
        held.setblocking(False)
        return held

    def shut(self, hold: bool = True) -> None:
        """Stop listening; connections that are open stay. `hold`: keep the address, new connections are refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
            self._note("deaf", f"port {self.port}")
        self._holding, self._wanted = hold, False
        if hold:
            self._hold(HOLD_TRIES)
        elif self._held is not None:
            self._held.close()
            self._held = None

    def _hold(self, tries: int) -> None:
        """Take the address; if nothing lets go of it, the next opening says so."""
        if self._held is not None or not self._holding or not tries:
            return
        try:
            self._held = self._bind()
        except OSError:
            asyncio.get_running_loop().call_later(HOLD_AGAIN, self._hold, tries - 1)

    async def _hold_new(self) -> None:
        """Have the address and refuse, where a port of 0 is only now chosen."""
        if self._server is None and self._held is None:
            self._held = await self._take()
            self.port = self._held.getsockname()[1]
            self._owned = True
        self.shut()

    def reopen(self) -> None:
        """Listen again, soon, unless it is shut before; `settle` waits for it."""
        self._wanted = True

        async def open_again() -> None:
            if self._wanted:
                await self.open()
                if not self._wanted:  # it was shut meanwhile
                    self.shut()

        self._begin(open_again)

    def move(self, port: int, moved: Callable[[], object], stays_shut: Callable[[], bool]) -> None:
        """Have another port (0: a free one), soon; then call `moved`. If the port is taken, it listens nowhere.

        It listens there unless `stays_shut` says that something keeps it shut: then the address is held alone.
        """

        async def change() -> None:
            self.shut(hold=False)
            self._owned = self._owned and port == self.port
            self.port = port
            if not stays_shut():
                await self.open()
            if stays_shut():  # or became so while it opened
                await self._hold_new()
            moved()

        self._begin(change)

    def _begin(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def run() -> None:
            try:
                async with self._turn:  # one opening at a time: two would fight for the address
                    await work()
            except OSError as error:
                self._note("error", f"cannot listen on port {self.port}: {error.strerror or error}")

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Wait until what was begun is done."""
        while begun := [task for task in self._tasks if not task.done()]:
            await asyncio.gather(*begun)

    async def close(self) -> None:
        """Give up what was begun, and the address."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.shut(hold=False)
