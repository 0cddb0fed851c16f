"""The client for plain scripts and notebooks: the same methods without `await`.

A background thread runs the event loop, so that it also works where a loop is running already. Handlers of events are
called in that thread: they must return soon, and must not call methods of this client that wait for it.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import inspect
import logging
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from types import TracebackType
from typing import Any, Self, TypeVar

from ibmux.client.events import Event, Stream
from ibmux.client.ib import IB as AsyncIB
from ibmux.client.ib import connect as _connect
from ibmux.errors import IbmuxError, RequestError, Unreachable

log = logging.getLogger("ibmux.client")

T = TypeVar("T")

GOODBYE = 3.0
"""Seconds that closing may take at most; a script that exits does not hang."""
_open_clients: weakref.WeakSet[IB] = weakref.WeakSet()


def connect(name: str, **options: Any) -> IB:
    """Connect a script to the proxy; arguments as for `ibmux.connect`. Use it in `with`, or call `close`.

    Raises:
        RequestError: a name or a url that cannot be used.
        Unreachable: no proxy answers.
        Refused: the proxy does not accept name or token.
    """
    return IB(name, **options)


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


class IB:
    """The blocking client; see `ibmux.client.ib.IB` for the methods, which are the same without `await`.

    `ticks`, `orderEvents` and `fillEvents` give plain iterators and take `timeout`, the seconds after which an
    iteration ends if nothing comes. `run(awaitable)` waits for anything asynchronous, such as `ib.run(trade.done(30))`.
    """

    def __init__(self, name: str, **options: Any) -> None:
        self._loop = Loop()
        try:
            self._ib = self._loop.wait(_open(name, options))
        except BaseException:
            self._loop.stop()
            raise
        self._updates = threading.Condition()
        self._count = 0
        self._ib.updateEvent.connect(self._on_update)
        _open_clients.add(self)

    def run(self, work: Awaitable[T], timeout: float | None = None) -> T:
        """Wait for anything asynchronous, at most `timeout` seconds.

        Raises:
            TimeoutError: after `timeout` seconds.
        """
        coroutine: Coroutine[Any, Any, T] = work if isinstance(work, Coroutine) else _await(work)
        return self._loop.wait(coroutine, timeout)

    def sleep(self, secs: float = 0.02) -> bool:
        """Wait `secs` seconds while events go on arriving; True, as in ib_async."""
        time.sleep(secs)
        return True

    def waitOnUpdate(self, timeout: float = 0) -> bool:
        """Wait for the next update of anything, `timeout` seconds at most (0: for ever); False if none came."""
        with self._updates:
            seen = self._count
            return self._updates.wait_for(lambda: self._count != seen, timeout or None)

    def close(self) -> None:
        """Say goodbye and end the background thread; takes a few seconds at most."""
        if self._loop.ended:
            return
        try:
            self._loop.wait(self._ib.close(), GOODBYE)
        except TimeoutError:
            log.warning("closing took more than %.0f s and was cut short", GOODBYE)
        except Unreachable:
            log.debug("another thread has closed this client meanwhile")
        self._loop.stop()
        _open_clients.discard(self)

    disconnect = close

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        # Whatever is no method: names, events, `client`. `_ib` is missing only while the connection is being made.
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._ib, name)

    def __setattr__(self, name: str, value: Any) -> None:
        # `ib.orderStatusEvent += handler` ends in an assignment; so does setting RequestTimeout.
        if name.startswith("_"):
            super().__setattr__(name, value)
        else:
            setattr(self._ib, name, value)

    def __repr__(self) -> str:
        return f"<sync {self._ib!r}>"

    def _on_update(self) -> None:
        with self._updates:
            self._count += 1
            self._updates.notify_all()


async def _open(name: str, options: dict[str, Any]) -> AsyncIB:
    return await _connect(name, **options)


async def _await(work: Awaitable[T]) -> T:
    return await work


async def _call(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    return function(*args, **kwargs)


def _blocking(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """The blocking twin of one method of the asynchronous client."""

    @functools.wraps(method)
    def wait(self: IB, *args: Any, **kwargs: Any) -> Any:
        target = getattr(self._ib, name)
        if inspect.iscoroutinefunction(method):
            return self._loop.wait(target(*args, **kwargs))
        if self._loop.ended:  # what is known here can still be read
            return target(*args, **kwargs)
        return self._loop.wait(_call(target, *args, **kwargs))

    return wait


def _iterating(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """The plain iterator for one of the asynchronous client's streams."""

    @functools.wraps(method)
    def iterate(self: IB, *args: Any, timeout: float | None = None, **kwargs: Any) -> SyncStream[Any]:
        stream = self._loop.wait(_call(getattr(self._ib, name), *args, **kwargs))
        return SyncStream(self._loop, stream, timeout)

    return iterate


for _name, _method in inspect.getmembers(AsyncIB, inspect.isfunction):
    if not _name.startswith("_") and _name not in IB.__dict__:
        setattr(
            IB, _name, (_iterating if _name in ("ticks", "orderEvents", "fillEvents") else _blocking)(_name, _method)
        )


@atexit.register
def _say_goodbye() -> None:
    """Close what a script left open, within bounds."""
    for client in list(_open_clients):
        try:
            client.close()
        except (IbmuxError, CancelledError) as error:
            log.warning("closing at exit: %r", error)


__all__ = ["IB", "Event", "SyncStream", "connect"]
