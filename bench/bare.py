"""The least that an order costs in Python: from the loop to a thread, one row of SQLite, back, and into a socket."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import time
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

SIZE = 900
"""Bytes of an order's intent, about."""
Item = tuple[str, "asyncio.Future[None]"]


class Bare:
    """A loop, a thread that writes, and a socket that nobody listens to; no checks, no order, no protocol."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self._rows = sqlite3.connect(folder / "bare.db", isolation_level=None, check_same_thread=False)
        self._rows.execute("PRAGMA journal_mode = WAL")
        self._rows.execute("CREATE TABLE records (seq INTEGER PRIMARY KEY, key TEXT, body BLOB)")
        self._rows.execute("CREATE INDEX records_of_key ON records (key)")
        self._queue: SimpleQueue[Item | None] = SimpleQueue()
        self._near, self._far = socket.socketpair()
        self._thread = Thread(target=self._write, daemon=True)
        self._thread.start()

    async def turn(self, count: int, pause: float, mode: str) -> list[float]:
        """Seconds of so many orders, one after the other, each after a pause; `mode` is SQLite's `synchronous`."""
        self._rows.execute(f"PRAGMA synchronous = {mode}")
        transport, _ = await self._loop.create_connection(asyncio.Protocol, sock=self._near.dup())
        seconds = []
        for number in range(count):
            await asyncio.sleep(pause)
            seconds.append(await self._order(f"{time.time()}-{number}", transport))
            self._far.recv(2 * SIZE)
        transport.close()
        return seconds

    async def _order(self, key: str, transport: Any) -> float:
        began = time.perf_counter()
        stored: asyncio.Future[None] = self._loop.create_future()
        self._queue.put((key, stored))
        await stored
        transport.write(bytes(SIZE))
        return time.perf_counter() - began

    def _write(self) -> None:
        while (item := self._queue.get()) is not None:
            key, stored = item
            self._rows.execute("INSERT INTO records (key, body) VALUES (?, ?)", (key, bytes(SIZE)))
            self._loop.call_soon_threadsafe(stored.set_result, None)

    def close(self) -> None:
        """End the thread, close what is open."""
        self._queue.put(None)
        self._thread.join()
        self._rows.close()
        self._near.close()
        self._far.close()
