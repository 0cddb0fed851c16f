"""A proxy that ends in the middle of something: SIGKILL at the n-th call of a named function, or when it is told.

The switch is here alone; the proxy itself knows nothing of it.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from crash_waiting import until

import ibmux.services.recovery
from ibmux import config
from ibmux.daemon import Proxy
from ibmux.ops import logs
from ibmux.ops.eventloop import loop_factory

POINTS = {
    "before it is written": ("ibmux.journal.storing:Shelf.store", "before", 25),
    "while it is written": ("ibmux.journal.storing:Shelf.store", "amid", 25),
    "when it is durable": ("ibmux.journal.storing:Shelf.store", "after", 25),
    "with the id taken": ("ibmux.session.orders:Orders.next_order_id", "after", 8),
    "when bytes have left": ("ibmux.session.wire:Wire.write", "after", 30),
    "at the word on an order": ("ibmux.services.orderfeed:OrderFeed.saw_order", "before", 12),
    "after the word on an order": ("ibmux.services.orderfeed:OrderFeed.saw_order", "after", 12),
    "at a status": ("ibmux.services.orderfeed:OrderFeed.saw_status", "before", 12),
    "at a fill": ("ibmux.services.orderfeed:OrderFeed.saw_execution", "before", 6),
    "after a fill": ("ibmux.services.orderfeed:OrderFeed.saw_execution", "after", 6),
    "at a commission": ("ibmux.services.orderfeed:OrderFeed.saw_commission", "before", 6),
    "when it is published": ("ibmux.services.publisher:Publisher.event", "after", 25),
    "before the reply": ("ibmux.doors.call:Call.reply", "before", 12),
    "after the reply": ("ibmux.doors.call:Call.reply", "after", 12),
    "at a request": ("ibmux.doors.mqtt:MqttDoor.receive", "after", 15),
    "with the journal read": ("ibmux.services.recovery:Recovery.load", "after", 1),
    "at a conclusion": ("ibmux.services.recovery:Recovery._conclude", "before", 1),
    "after a conclusion": ("ibmux.services.recovery:Recovery._conclude", "after", 1),
    "after the rest of a unit": ("ibmux.services.recovery:Recovery._cancel_doomed", "after", 1),
    "at the open orders": ("ibmux.session.snapshot:Snapshot._ask_for_open_orders", "before", 1),
    "at the finished orders": ("ibmux.session.snapshot:Snapshot._ask_for_completed_orders", "before", 1),
    "at the executions": ("ibmux.session.snapshot:Snapshot._ask_for_executions", "before", 1),
    "after the executions": ("ibmux.session.snapshot:Snapshot._ask_for_executions", "after", 1),
}
"""Where a proxy may end: the function, the side of its call, the highest number of the call."""
CERTAIN = 1.0
"""Seconds between two looks at the gateway's lists: lives are short here."""
BOUND = 120.0
"""Seconds in which a session is to be ready at last, whatever the gateway does meanwhile."""
AMID = 0.0004
"""Seconds into a call that count as its middle."""


def end() -> None:
    """What a failing machine does."""
    os.kill(os.getpid(), signal.SIGKILL)


def aim(point: str, number: int) -> None:
    """End at the call of this number of the function behind this point."""
    where, side, _ = POINTS[point]
    module, _, path = where.partition(":")
    owner, _, name = path.partition(".")
    kind = getattr(importlib.import_module(module), owner)
    setattr(kind, name, _deadly(getattr(kind, name), side, number))


def _deadly(function: Callable[..., Any], side: str, number: int) -> Callable[..., Any]:
    left = number

    def is_it() -> bool:
        nonlocal left
        left -= 1
        return left == 0

    @functools.wraps(function)
    def plain(*args: Any, **options: Any) -> Any:
        now = is_it()
        if now and side == "before":
            end()
        if now and side == "amid":
            threading.Timer(AMID, end).start()
        result = function(*args, **options)
        if now and side == "after":
            end()
        return result

    @functools.wraps(function)
    async def waiting(*args: Any, **options: Any) -> Any:
        now = is_it()
        if now and side == "before":
            end()
        result = await function(*args, **options)
        if now and side == "after":
            end()
        return result

    return waiting if inspect.iscoroutinefunction(function) else plain


async def serve(order: dict[str, Any], say: Callable[..., None]) -> None:
    """Run until SIGTERM; report when scripts are let in, and when the session is ready for the first time."""
    proxy = Proxy(config.build(order["tree"], "the test"))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, proxy.stop)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(proxy.run())
        telling = tasks.create_task(_tell(proxy, say))
        await running
        telling.cancel()


async def _tell(proxy: Proxy, say: Callable[..., None]) -> None:
    await proxy.started.wait()
    [gateway] = proxy.gateways.values()
    await until(lambda: gateway.session.state == "ready", "the session is ready", BOUND, 0.01)
    say(ready=os.getpid())


def run(order: dict[str, Any], say: Callable[..., None]) -> int:
    """The whole life of one proxy: `tree` its settings, `aim` a point and a number, or nothing."""
    logs.set_up("info", "json")
    ibmux.services.recovery.CERTAIN = CERTAIN
    if order.get("aim"):
        aim(*order["aim"])
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(order, say))
    return 0
