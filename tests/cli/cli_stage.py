"""What the tests here are made of: stages, peers, waiting for conditions."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

FAST: dict[str, Any] = {"linger": 0.05, "fill_delay": 0.01, "snapshot_delay": 0.01, "account_interval": 0.05}


TIMEOUT = 60.0


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Awaitable[Done]]


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def run_command(*arguments: str, **environment: str) -> Done:
    """Run `ibmux` with these arguments; no IBMUX_ setting of this process reaches it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("IBMUX_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ibmux.cli",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**clean, "COLUMNS": "200", **environment},
    )
    try:
        async with asyncio.timeout(TIMEOUT):
            out, err = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    return Done(process.returncode or 0, out.decode(), err.decode())


@asynccontextmanager
async def bad_peer(talk: Talk) -> AsyncIterator[int]:
    """A server on which `talk` is all that happens to a connection; gives its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client under test hung up: that is its right
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def until(condition: Callable[[], object], timeout: float = 20.0) -> None:
    """Wait until `condition` holds."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110 - a plain condition has nobody who would set an event
            await asyncio.sleep(0.01)
