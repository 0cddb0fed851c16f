"""Callbacks and streams: how a script hears of what happens, and who owns the tasks and queues behind that.

Knows nothing of gateways, orders or prices. Everything here runs in the client's event loop.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import weakref
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Generic, Literal, Self, TypeVar

from ibmux.errors import Busy

log = logging.getLogger("ibmux.client")

T = TypeVar("T")
Policy = Literal["drop-oldest", "fail"]
"""What a full stream does: lose the oldest item and count it, or end with an error; nothing is lost unseen."""


class Owner:
    """Owns every task and every stream of one client; `close` ends them all.

    Attributes:
        blocking: how plain code waits for a coroutine; `None` in the asynchronous client.
    """

    def __init__(self) -> None:
        self.blocking: Callable[[Coroutine[Any, Any, Any]], Any] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._streams: weakref.WeakSet[Stream[Any]] = weakref.WeakSet()

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run `work` as a task whose failure is logged and which ends with the client."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def adopt(self, stream: Stream[Any]) -> None:
        """Close this stream too when the client closes."""
        self._streams.add(stream)

    async def close(self) -> None:
        """End streams and tasks; returns when nothing runs any more."""
        for stream in list(self._streams):
            stream.close()
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s failed: %s", task.get_name(), error, exc_info=error)


class Stream(Generic[T]):
    """An asynchronous iterator over what arrives, with a bounded queue.

    Attributes:
        dropped: items lost to the bound so far (policy `drop-oldest`).
    """

    def __init__(
        self,
        limit: int,
        policy: Policy = "drop-oldest",
        *,
        begin: Callable[[Stream[T]], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        self.dropped = 0
        self._limit = limit
        self._policy = policy
        self._begin = begin
        self._items: deque[T] = deque()
        self._ready = asyncio.Event()
        self._closed = False
        self._overrun = False

    def push(self, item: T) -> None:
        """Queue one item for the consumer."""
        if self._closed:
            return
        if len(self._items) >= self._limit:
            if self._policy == "fail":
                self._overrun = self._closed = True
                return
            self._items.popleft()
            self.dropped += 1
        self._items.append(item)
        self._ready.set()

    def close(self) -> None:
        """End the iteration after what is queued already."""
        self._closed = True
        self._ready.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        if self._begin is not None:
            begin, self._begin = self._begin, None
            await begin(self)
        while not self._items:
            if self._overrun:
                raise Busy(
                    f"The script fell more than {self._limit} events behind; this stream has ended.",
                    hint="Do less between two events, or hand them to a task; `trades()` tells how the orders stand.",
                )
            if self._closed:
                raise StopAsyncIteration
            self._ready.clear()
            await self._ready.wait()
        return self._items.popleft()

    def __repr__(self) -> str:
        return f"<Stream queued={len(self._items)} limit={self._limit} dropped={self.dropped} closed={self._closed}>"


class Event:
    """A list of handlers, used as in ib_async: `event += handler`, `event -= handler`, `async for args in event`.

    Handlers are called in the client's event loop in the order they were added; a handler that is a coroutine
    function is run as a task. A handler's exception is logged and hinders nobody.
    """

    __slots__ = ("__weakref__", "_owner", "handlers", "name")

    def __init__(self, name: str, owner: Owner | None = None) -> None:
        self.name = name
        self.handlers: tuple[Callable[..., Any], ...] = ()
        self._owner = owner

    def connect(self, handler: Callable[..., Any]) -> Self:
        """Call `handler` at each event."""
        self.handlers = (*self.handlers, handler)
        return self

    def disconnect(self, handler: Callable[..., Any]) -> Self:
        """Call `handler` no more; unknown ones are ignored."""
        self.handlers = tuple(known for known in self.handlers if known != handler)
        return self

    __iadd__ = connect
    __isub__ = disconnect

    def clear(self) -> None:
        """Forget every handler."""
        self.handlers = ()

    def emit(self, *args: Any) -> None:
        """Call every handler."""
        for handler in self.handlers:
            try:
                result = handler(*args)
                if result is not None and inspect.iscoroutine(result):
                    self._run(result)
            except Exception:
                log.exception("a handler of %s failed", self.name)

    def stream(
        self,
        limit: int = 10_000,
        policy: Policy = "drop-oldest",
        pick: Callable[..., Any] | None = None,
    ) -> Stream[Any]:
        """What is emitted from now on as a stream; `pick` makes the item from the arguments."""
        stream: Stream[Any] = Stream(limit, policy)
        if self._owner is not None:
            self._owner.adopt(stream)
        self.feed(stream, pick)
        return stream

    def feed(self, stream: Stream[Any], pick: Callable[..., Any] | None = None) -> None:
        """Send what is emitted into a stream too, for as long as anybody holds that stream."""
        reference = weakref.ref(stream, lambda _: self.disconnect(push))

        def push(*args: Any) -> None:
            if (target := reference()) is not None:
                target.push(pick(*args) if pick else args[0] if len(args) == 1 else args)

        self.connect(push)

    def __aiter__(self) -> Stream[Any]:
        return self.stream()

    def __getattr__(self, name: str) -> Any:
        hint = "" if name.startswith("_") else "; it has no operators: connect a handler, or use `async for`"
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}")

    def __repr__(self) -> str:
        return f"<Event {self.name} handlers={len(self.handlers)}>"

    def _run(self, work: Coroutine[Any, Any, Any]) -> None:
        if self._owner is None:
            work.close()
            raise RuntimeError(f"{self.name} has no owner for coroutines")
        self._owner.spawn(work, f"handler of {self.name}")
