"""Waiting for what another process does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool], what: str, bound: float, step: float = 0.02) -> None:
    """Look every `step` seconds whether something holds.

    Raises:
        TimeoutError: it does not within `bound` seconds.
    """
    end = asyncio.get_running_loop().time() + bound
    while not condition():
        if asyncio.get_running_loop().time() > end:
            raise TimeoutError(f"not within {bound:g} s: {what}")
        await asyncio.sleep(step)
