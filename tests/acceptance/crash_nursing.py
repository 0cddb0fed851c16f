"""Processes of a crash test from the outside: started by forking, killed, and the word on each."""

from __future__ import annotations

import asyncio
import json
import os
import sys
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
        self.traded: set[str] = set()
        self._births: asyncio.Queue[int] = asyncio.Queue(100)
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            match json.loads(line):
                case {"born": child}:
                    self._births.put_nowait(child)
                case {"ended": child, "code": code}:
                    self.ended[child] = code
                case {"ready": child}:
                    self.ready.add(child)
                case {"traded": name}:
                    self.traded.add(name)

    async def start(self, run: str, **order: Any) -> int:
        """Start a program; its number."""
        self._tell(run=run, **order)
        return await asyncio.wait_for(self._births.get(), START)

    async def kill(self, child: int) -> None:
        """End a process as a failing machine does."""
        self._tell(kill=child)
        await until(lambda: child in self.ended, "the killed process has ended", START)

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
