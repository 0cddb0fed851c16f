"""Processes of a crash test from the outside: started by forking, killed, and the word on each."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from stage import PROCESSES, until

START = 20.0
"""Seconds that a process may take to start, to be ready and to end, on a loaded machine."""


class Nursery:
    """Processes that are started by forking, and the word on each."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.ended: dict[int, int] = {}
        self.ready: set[int] = set()
        self.armed: set[int] = set()
        self.traded: set[str] = set()
        self._news = asyncio.Condition()
        self._births: deque[asyncio.Future[int]] = deque()  # as many as are being started
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            match json.loads(line):
                case {"born": child}:
                    self._births.popleft().set_result(child)
                case {"ended": child, "code": code}:
                    self.ended[child] = code
                    async with self._news:
                        self._news.notify_all()
                case {"ready": child}:
                    self.ready.add(child)
                case {"armed": child}:
                    self.armed.add(child)
                case {"traded": name}:
                    self.traded.add(name)

    async def start(self, run: str, **order: Any) -> int:
        """Start a program; its number. Several may be started at once: births are told in the order of the wishes."""
        birth: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._births.append(birth)
        self._tell(run=run, **order)
        async with asyncio.timeout(START):
            return await asyncio.shield(birth)

    async def kill(self, *children: int) -> None:
        """End processes as a failing machine does, all in one instant."""
        self._tell(kill=children)
        await until(lambda: self.ended.keys() >= set(children), "the killed processes have ended", START)

    async def end_of(self, child: int) -> None:
        """Wait for the end of a process, for as long as it lives."""
        async with self._news:
            await self._news.wait_for(lambda: child in self.ended)

    def arm(self, child: int, *company: int) -> None:
        """Let a gateway's program end at its point from now on, and others with it."""
        self._tell(arm=child, **{"with": company})

    def _tell(self, **order: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    """A nursery; all its processes end with it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROCESSES / "crash_nursery.py"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    running = Nursery(process)
    try:
        yield running
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), START)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            await running.reading
