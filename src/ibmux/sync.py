"""The client for plain scripts and notebooks: the same methods without `await`.

A background thread runs the event loop, so that it also works where a loop is running already. Handlers of events are
called in that thread: they must return soon, and must not call methods of this client that wait for it.
"""

from __future__ import annotations

import asyncio
import atexit
import datetime as dt
import functools
import inspect
import logging
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

from ibmux.client.background import GOODBYE, Loop, SyncStream, call
from ibmux.client.events import Event
from ibmux.client.ib import IB as AsyncIB
from ibmux.client.ib import connect as _connect
from ibmux.client.moments import Time, moments, seconds_until
from ibmux.errors import IbmuxError, RequestError, Unreachable

log = logging.getLogger("ibmux.client")

T = TypeVar("T")

HANDLERS = 1.0
"""Seconds after which what came `since` is told even if the script waits for nothing."""

_open_clients: weakref.WeakSet[IB] = weakref.WeakSet()


def connect(name: str, **options: Any) -> IB:
    """Connect a script to the proxy; arguments as for `ibmux.connect`. Use it in `with`, or call `close`.

    Raises:
        RequestError: a name or a url that cannot be used.
        Unreachable: no proxy answers.
        Refused: the proxy does not accept name or token.
    """
    return IB(name, **options)


class IB:
    """The blocking client; see `ibmux.client.ib.IB` for the methods, which are the same without `await`.

    `ticks`, `orderEvents` and `fillEvents` give plain iterators and take `timeout`, the seconds after which an
    iteration ends if nothing comes. `trade.wait("Filled", timeout=60)`, `trade.done(60)` block, too.
    `run(awaitable)` waits for anything else that is asynchronous.
    """

    def __init__(self, name: str, **options: Any) -> None:
        self._loop = Loop()
        try:
            self._ib = self._loop.wait(_open(name, options))
            self._ib._owner.blocking = self._wait_for_trade  # noqa: SLF001 - the other half of this client
        except BaseException:
            self._loop.stop()
            raise
        self._updates = threading.Condition()
        self._count = 0
        self._past_waits = options.get("since") is not None
        if self._past_waits:
            self._loop.post(self._tell_past_soon)
        self._ib.updateEvent.connect(self._on_update)
        _open_clients.add(self)

    def run(self, work: Awaitable[T] | T, timeout: float | None = None) -> T:
        """Wait for anything asynchronous, at most `timeout` seconds; what is none is returned as it is.

        Raises:
            TimeoutError: after `timeout` seconds.
        """
        self._tell_past()
        if not isinstance(work, Awaitable):
            return work
        coroutine: Coroutine[Any, Any, T] = work if isinstance(work, Coroutine) else _await(work)
        return self._loop.wait(coroutine, timeout)

    def sleep(self, secs: float = 0.02) -> bool:
        """Wait `secs` seconds while events go on arriving; True, as in ib_async."""
        self._tell_past()
        time.sleep(secs)
        return True

    def waitOnUpdate(self, timeout: float = 0) -> bool:
        """Wait for the next update of anything, `timeout` seconds at most (0: for ever); False if none came."""
        self._tell_past()
        with self._updates:
            seen = self._count
            return self._updates.wait_for(lambda: self._count != seen, timeout or None)

    def waitUntil(self, t: Time) -> bool:
        """Wait until a time while events go on arriving; True, as in ib_async."""
        return self.sleep(seconds_until(t))

    def timeRange(self, start: Time, end: Time, step: float) -> Iterator[dt.datetime]:
        """Each moment from `start` to `end`, `step` seconds apart, when it has come; those that are over are left
        out.
        """
        for moment in moments(start, end, step):
            self.waitUntil(moment)
            yield moment

    def timeRangeAsync(self, start: Time, end: Time, step: float) -> NoReturn:
        """Always an error here; the asynchronous client has it.

        Raises:
            RequestError: says what to write.
        """
        raise RequestError("This client is synchronous.", hint="Write `for moment in ib.timeRange(…)`.")

    def loopUntil(self, condition: Callable[[], Any] | None = None, timeout: float = 0) -> Iterator[object]:
        """The value of `condition` after each update until it is true, or False after `timeout` seconds (0: never):
        `for filled in ib.loopUntil(trade.isDone, 10): …`.
        """
        end = time.monotonic() + timeout
        self._tell_past()
        while True:
            with self._updates:
                seen = self._count
            value = condition() if condition else None
            if value or (timeout and time.monotonic() >= end):
                yield value or False
                return
            yield value
            with self._updates:
                left = max(0.0, end - time.monotonic()) if timeout else None
                self._updates.wait_for(lambda: self._count != seen, left)  # noqa: B023 - waited for at once

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

    def _wait_for_trade(self, work: Coroutine[Any, Any, Any]) -> Any:
        self._tell_past()
        return self._loop.wait_outside(work)

    def _tell_past_soon(self) -> None:
        asyncio.get_running_loop().call_later(HANDLERS, self._ib._resume)  # noqa: SLF001 - the other half of this client

    def _tell_past(self) -> None:
        """The script waits for something: its handlers are there."""
        if self._past_waits:
            self._past_waits = False
            self._loop.post(self._ib._resume)  # noqa: SLF001 - the other half of this client

    def _on_update(self) -> None:
        with self._updates:
            self._count += 1
            self._updates.notify_all()


async def _open(name: str, options: dict[str, Any]) -> AsyncIB:
    opening = _connect(name, **options)
    opening.holding = True
    return await opening


async def _await(work: Awaitable[T]) -> T:
    return await work


def _blocking(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """The blocking twin of one method of the asynchronous client."""

    @functools.wraps(method)
    def wait(self: IB, *args: Any, **kwargs: Any) -> Any:
        target = getattr(self._ib, name)
        if inspect.iscoroutinefunction(method):
            self._tell_past()
            return self._loop.wait(target(*args, **kwargs))
        if self._loop.ended:  # what is known here can still be read
            return target(*args, **kwargs)
        return self._loop.wait(call(target, *args, **kwargs))

    return wait


def _iterating(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """The plain iterator for one of the asynchronous client's streams."""

    @functools.wraps(method)
    def iterate(self: IB, *args: Any, timeout: float | None = None, **kwargs: Any) -> SyncStream[Any]:
        stream = self._loop.wait(call(getattr(self._ib, name), *args, **kwargs))
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
