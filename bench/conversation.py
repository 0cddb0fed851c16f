"""How the processes of a benchmark talk with the one that started them: JSON lines over standard input and output."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any, Self


def say(**report: Any) -> None:
    """Report."""
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()


class Orders:
    """What the other side wants, one map at a time; ends with the input."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    @classmethod
    async def open(cls) -> Self:
        """Listen, without a thread."""
        reader = asyncio.StreamReader(limit=1 << 22)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        return cls(reader)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> dict[str, Any]:
        line = await self._reader.readline()
        if not line:
            raise StopAsyncIteration
        order: dict[str, Any] = json.loads(line)
        return order
