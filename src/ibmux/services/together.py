"""Several questions of one request, some of them under way at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def together(ask: Callable[[T], Awaitable[R]], items: Sequence[T], at_once: int) -> list[R]:
    """What `ask` says of each item, in their order; the first error ends what is still under way, and is raised."""
    answers: dict[int, R] = {}
    left = iter(enumerate(items))

    async def work() -> None:
        for place, item in left:
            answers[place] = await ask(item)

    if min(at_once, len(items)) <= 1:
        await work()
    else:
        workers = [asyncio.ensure_future(work()) for _ in range(min(at_once, len(items)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
    return [answers[place] for place in range(len(items))]
