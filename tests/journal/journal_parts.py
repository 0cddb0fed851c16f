"""What the tests here are made of: records, waiting for conditions, the file's own words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ibmux.journal import Journal, Kind, Record


def record(kind: Kind = "intent", key: str = "k", **more: Any) -> Record:
    return Record(**({"gateway": "paper", "kind": kind, "script": "s", "key": key} | more))


async def until(condition: Callable[[], object], timeout: float = 30.0) -> None:
    """Wait until `condition` holds."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110 - a plain condition has nobody who would set an event
            await asyncio.sleep(0.005)


async def tell(journal: Journal, text: str) -> list[Any]:
    """Say something to SQLite on the writer's own connection."""
    return await journal._do(lambda shelf: shelf.connection.execute(text).fetchall())
