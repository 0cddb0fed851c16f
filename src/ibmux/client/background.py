"""A background thread that runs an event loop, and what plain code needs to wait for things that happen in it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from ibmux.client.events import Stream
from ibmux.errors import RequestError, Unreachable

T = TypeVar("T")

GOODBYE = 3.0
"""Seconds that closing may take at most; a script that exits does not hang."""


class Loop:
    """An event loop on a daemon thread of its own.

    Attributes:
        ended: whether `stop` was called; nothing can be started any more.
    """

    def __init__(self) -> None:
        self.ended = False
        self._loop = asyncio.new_event_loop()
        self._gate = threading.Lock()  # nothing is handed to a loop that has been told to stop: it would wait for ever
        self.thread = threading.Thread(target=self._run, name="ibmux", daemon=True)
        self.thread.start()

    def wait(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run `work` on the loop and wait; an interrupt (Ctrl-C) or the end of the time cancels it.

        Raises:
            RequestError: called by a handler on the loop's own thread, where waiting would be for ever.
            Unreachable: the loop has ended, or ends meanwhile.
            TimeoutError: after `timeout` seconds.
        """
        if threading.current_thread() is self.thread:
            work.close()
            raise RequestError(
                "A handler of an event called a method that waits.", hint="Use the asynchronous client in handlers."
            )
        future = self._begin(work)
        try:
            return future.result(timeout)
        except CancelledError:
            if not self.ended:
                raise
            raise _closed() from None
        except BaseException:
            future.cancel()
            raise

    def wait_outside(self, work: Coroutine[Any, Any, T]) -> T | Coroutine[Any, Any, T]:
        """As `wait`; on the loop's own thread the work itself, to be awaited."""
        return work if threading.current_thread() is self.thread else self.wait(work)

    def post(self, function: Callable[[], None]) -> None:
        """Call `function` on the loop soon; nothing happens if the loop has ended."""
        with self._gate:
            if not self.ended:
                self._loop.call_soon_threadsafe(function)

    def stop(self) -> None:
        """End the loop and its thread, within bounds."""
        with self._gate:
            if not self.ended:
                self.ended = True
                self._loop.call_soon_threadsafe(self._loop.stop)
        self.thread.join(GOODBYE)

    def _begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        with self._gate:
            if not self.ended:
                return asyncio.run_coroutine_threadsafe(work, self._loop)
        work.close()
        raise _closed()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        if tasks := asyncio.all_tasks(self._loop):  # what other threads still wait for
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.wait(tasks, timeout=GOODBYE / 2))
        self._loop.close()


def _closed() -> Unreachable:
    return Unreachable("This client is closed.", hint="Connect again.")


class SyncStream(Iterator[T]):
    """A stream as a plain iterator; it ends when nothing came for `timeout` seconds, if one is given."""

    def __init__(self, loop: Loop, stream: Stream[T], timeout: float | None) -> None:
        self._loop = loop
        self._stream = stream
        self._timeout = timeout

    @property
    def dropped(self) -> int:
        """Items lost to the stream's bound so far."""
        return self._stream.dropped

    def next(self, timeout: float | None = None) -> T:
        """The next item.

        Raises:
            TimeoutError: nothing came for `timeout` seconds.
            StopIteration: the stream has ended, or the client was closed.
        """
        try:
            return self._loop.wait(self._step(timeout))
        except _Ended:
            raise StopIteration from None
        except Unreachable:
            if self._loop.ended:
                raise StopIteration from None
            raise

    def close(self) -> None:
        """End the stream."""
        self._loop.post(self._stream.close)

    def __next__(self) -> T:
        try:
            return self.next(self._timeout)
        except TimeoutError:
            raise StopIteration from None

    async def _step(self, timeout: float | None) -> T:
        async with asyncio.timeout(timeout):
            async for item in self._stream:
                return item
        raise _Ended


class _Ended(Exception):
    """The stream has ended; a coroutine cannot raise StopIteration."""


async def call(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Call a plain function in the loop."""
    return function(*args, **kwargs)
