"""Handlers, streams, owned tasks."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest

from ibmux.client.events import Event, Owner, Stream
from ibmux.errors import Busy


async def test_handlers_are_called_in_order_and_can_leave() -> None:
    seen: list[str] = []
    event = Event("test")

    def first(word: str) -> None:
        seen.append(f"first {word}")

    event += first
    event.connect(lambda word: seen.append(f"second {word}"))
    event.emit("a")
    event -= first
    event.emit("b")
    assert seen == ["first a", "second a", "second b"]
    event.clear()
    event.emit("c")
    assert len(seen) == 3
    assert "handlers=0" in repr(event)


async def test_a_failing_handler_is_logged_and_hinders_nobody(caplog) -> None:
    owner, seen = Owner(), []
    event = Event("test", owner)

    async def broken_later() -> None:
        raise ValueError("later")

    event += lambda: 1 / 0
    event += broken_later
    event += lambda: seen.append(1)
    with caplog.at_level(logging.ERROR, "ibmux.client"):
        event.emit()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert seen == [1]
    assert "ZeroDivisionError" in caplog.text
    assert "ValueError: later" in caplog.text
    await owner.close()


async def test_coroutine_handlers_run_as_tasks_that_end_with_the_owner() -> None:
    owner = Owner()
    event, ended = Event("test", owner), asyncio.Event()
    started = asyncio.Event()

    async def handler(_value: int) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    event += handler
    event.emit(1)
    await asyncio.wait_for(started.wait(), 20)
    await owner.close()
    assert ended.is_set()


async def test_streams_drop_the_oldest_and_count_or_end_with_an_error() -> None:
    lossy: Stream[int] = Stream(2)
    for number in range(5):
        lossy.push(number)
    lossy.close()
    assert [item async for item in lossy] == [3, 4]
    assert lossy.dropped == 3

    strict: Stream[int] = Stream(2, "fail")
    for number in range(3):
        strict.push(number)
    assert [await anext(strict), await anext(strict)] == [0, 1]
    with pytest.raises(Busy, match="more than 2 events behind"):
        await anext(strict)
    assert "dropped=0" in repr(strict)


async def test_a_stream_ends_with_its_owner_and_is_forgotten_when_nobody_holds_it() -> None:
    owner = Owner()
    event = Event("test", owner)
    got: list[object] = []

    async def consume() -> None:
        async for item in event:
            got.append(item)

    task = asyncio.create_task(consume())
    await asyncio.sleep(0)
    event.emit(1)
    event.emit(1, 2)
    await asyncio.sleep(0)
    await owner.close()
    await asyncio.wait_for(task, 20)
    assert got == [1, (1, 2)]
    del task
    stream = event.stream()
    assert len(event.handlers) >= 1
    del stream
    gc.collect()
    assert event.handlers == ()


async def test_an_event_without_owner_takes_no_coroutines(caplog) -> None:
    event = Event("lonely")

    async def handler() -> None: ...

    event += handler
    event.emit()
    assert "lonely has no owner" in caplog.text
