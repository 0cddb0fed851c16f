"""Requests that wait for their answer: by id, or by name where the protocol has no id. Knows no socket."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

Key = int | str
T = TypeVar("T")

LONGEST = 60.0
"""Seconds after which a question without an id is given up, whoever still waits for it."""


SURE = 0.5
"""Seconds more than the older of two questions of one name was ahead of the newer, in which the newer's end comes."""
LONG_ENOUGH = 5.0
"""Seconds that a whole answer is held back at most, because it may be the older question's."""


def bound(seconds: float = LONGEST) -> float:
    """The loop's time in so many seconds; by default the end of a question that goes on when its asker has left."""
    return asyncio.get_running_loop().time() + seconds


class Call:
    """One open request: what it asks in words, the parts of its answer so far, the future of the whole."""

    __slots__ = ("answered", "future", "held", "parts", "sent", "what")

    def __init__(self, what: str) -> None:
        self.what = what
        self.parts: list[Any] = []
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.sent = 0.0
        self.answered = False
        self.held: asyncio.TimerHandle | None = None


class Calls:
    """Every open request of the connection. An answer to a request that is gone changes nothing.

    Of two questions of one name, the first given up while the gateway still answers it, the first end that comes may
    be the first one's: it is held back for a moment, until the second end, or until none is likely to come.
    """

    def __init__(self) -> None:
        self._open: dict[Key, Call] = {}
        self._owed: dict[Key, float] = {}

    def __len__(self) -> int:
        return len(self._open)

    def begin(self, key: Key, what: str) -> Call:
        """Open a request; its key must be free."""
        if key in self._open:
            raise RuntimeError(f"request {key!r} is open already")
        call = self._open[key] = Call(what)
        return call

    def get(self, key: Key) -> Call | None:
        """The open request of this key."""
        return self._open.get(key)

    def add(self, key: Key, part: Any) -> None:
        """One more part of an answer."""
        call = self._open.get(key)
        if call is not None:
            call.parts.append(part)

    def end(self, key: Key, result: Any = None) -> None:
        """The answer is complete: `result`, or the parts."""
        call = self._open.get(key)
        if call is None:
            self._owed.pop(key, None)
        elif call.future.done():
            call.answered = True  # too late, but nothing more is to come
        else:
            result = call.parts if result is None else result
            if key in self._owed:
                self._hold(call, self._owed.pop(key), result)
            else:
                self._finish(call, result)

    def _hold(self, call: Call, older: float, result: Any) -> None:
        call.parts = []
        wait = min(LONG_ENOUGH, call.sent - older + SURE)
        call.held = asyncio.get_running_loop().call_later(wait, self._finish, call, result)

    def _finish(self, call: Call, result: Any) -> None:
        if not call.future.done():
            call.answered = True
            call.future.set_result(result)

    def fail(self, key: Key, error: Exception) -> None:
        """The request ends with an error."""
        call = self._open.get(key)
        if call is not None and not call.future.done():
            call.answered = True
            call.future.set_exception(error)

    def fail_all(self, error: Exception) -> None:
        """Every open request ends with an error, though the gateway may yet answer it."""
        for call in self._open.values():
            if not call.future.done():
                call.future.set_exception(error)

    def owe(self, key: str) -> None:
        """Something was asked that the gateway will answer, and that nobody waits for."""
        self._owed[key] = bound(0.0)

    def forget(self) -> None:
        """A new connection: nothing of the one before is answered any more."""
        self._owed.clear()

    def named(self) -> list[str]:
        """The open requests that have no id."""
        return [key for key in self._open if isinstance(key, str)]

    def drop(self, key: Key) -> None:
        """Forget a request, whatever its answer was."""
        call = self._open.pop(key, None)
        if call is None:
            return
        if call.held is not None:
            call.held.cancel()
        elif isinstance(key, str) and call.sent and not call.answered:
            self._owed[key] = call.sent
        if not call.future.cancel() and not call.future.cancelled():
            call.future.exception()  # looked at, so that the loop does not report it as lost


class Turns:
    """Questions that carry no id, one of a kind at a time: a second one would take the first one's answer.

    Whoever asks while one is under way shares the next one, so that nobody gets an answer older than the question.
    """

    def __init__(self) -> None:
        self._locks: dict[Hashable, asyncio.Lock] = {}
        self._users: Counter[Hashable] = Counter()
        self._next: dict[Hashable, asyncio.Task[Any]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    async def ask(
        self, kind: Hashable, ask: Callable[[], Awaitable[T]], *, deadline: float, variant: Hashable = None
    ) -> T:
        """Ask, or share an answer that is yet to be asked for; `variant` tells apart what cannot be shared.

        Raises:
            TimeoutError: the deadline (the loop's time) passed; the question itself goes on.
        """
        task = self._next.get((kind, variant))
        if task is None:
            task = asyncio.create_task(self._run(kind, variant, ask))
            self._next[kind, variant] = task
            self._tasks.add(task)
            task.add_done_callback(self._finish)
        async with asyncio.timeout_at(deadline):
            answer: T = await asyncio.shield(task)
            return answer

    async def _run(self, kind: Hashable, variant: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        self._users[kind] += 1
        try:
            async with asyncio.timeout(LONGEST), self._locks.setdefault(kind, asyncio.Lock()):
                self._next.pop((kind, variant), None)
                return await ask()
        finally:
            if self._next.get((kind, variant)) is asyncio.current_task():
                del self._next[kind, variant]
            self._users[kind] -= 1
            if not self._users[kind]:
                del self._users[kind], self._locks[kind]

    def _finish(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # those who waited have it; if nobody does any more, nobody needs it

    async def close(self) -> None:
        """End whatever is under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
