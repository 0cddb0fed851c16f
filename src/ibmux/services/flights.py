"""Equal questions in flight are one question upstream. Owns the tasks that ask; a caller who leaves does not end
them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from ibmux.errors import Expired
from ibmux.services.caller import Caller

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds for which a question is kept up at the least, for those who join it later."""


class Flights:
    """Questions that are on their way, by what they ask."""

    def __init__(self) -> None:
        self._tasks: dict[Hashable, asyncio.Future[Any]] = {}
        self.asked = 0
        self.sent = 0

    async def join(self, caller: Caller, question: Hashable, ask: Callable[[float], Awaitable[T]]) -> T:
        """Wait for the answer to `question`, asking it only if nobody has.

        `ask` gets the deadline for the question upstream: later callers may have more time than the first one.

        Raises:
            Expired: this caller's deadline passed first.
        """
        self.asked += 1
        task = self._tasks.get(question)
        if task is None:
            self.sent += 1
            task = self._tasks[question] = asyncio.ensure_future(ask(self._deadline(caller)))
            task.add_done_callback(lambda done: self._land(question, done))
        done, _ = await asyncio.wait((task,), timeout=caller.time_left())
        if not done:
            raise Expired("The gateway had not answered when the deadline passed.")
        answer: T = task.result()
        return answer

    @staticmethod
    def _deadline(caller: Caller) -> float:
        return max(caller.deadline, asyncio.get_running_loop().time() + PATIENCE)

    def _land(self, question: Hashable, task: asyncio.Future[Any]) -> None:
        self._tasks.pop(question, None)
        if not task.cancelled():
            task.exception()  # every caller may have left: then nobody reads it, and that is fine

    async def close(self) -> None:
        """Cancel what is on its way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
