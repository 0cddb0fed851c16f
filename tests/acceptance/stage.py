"""What the acceptance tests play on: proxies in this process, child processes, raw clients, waits on conditions."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import os
import sys
import time
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgpack

from ibmux import config, topics
from ibmux.daemon import Proxy
from ibmux.mqtt.client import Link
from ibmux.mqtt.message import Message
from ibmux.sim.log import Log

PROCESSES = Path(__file__).parent / "processes"
TURN = 0.01
"""Seconds between two looks at whether the loop turns."""
NEAR = 0.05
"""Seconds in which something is noted after the loop has turned."""


async def until(condition: Callable[[], Any], what: str, timeout: float = 20.0) -> Any:
    """Wait until `condition` holds; its value. Fails with `what` after `timeout` seconds."""
    deadline = asyncio.get_running_loop().time() + timeout
    while not (value := condition()):
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}")
        await asyncio.sleep(0.005)
    return value


async def awake(seconds: float) -> None:
    """Wait so long while the loop turns: for how long it stands still in between does not count."""
    for _ in range(math.ceil(seconds / TURN)):
        await asyncio.sleep(TURN)


class Stalls:
    """When the loop of this process stood still, so that what it noted then happened earlier than it says."""

    def __init__(self) -> None:
        self.turns: list[float] = []

    async def keep(self) -> None:
        """Note the turns, in seconds of the monotonic clock, until cancelled."""
        while True:
            self.turns.append(time.monotonic())
            await asyncio.sleep(TURN)

    def around(self, start: float, end: float) -> float:
        """The longest time in which nothing was looked at, of those that touch this span."""
        first, last = bisect_left(self.turns, start - NEAR), bisect_right(self.turns, end + NEAR)
        turns = self.turns[max(0, first - 1) : last + 1]
        return max((after - before for before, after in itertools.pairwise(turns)), default=0.0)

    def pauses(self, log: Log) -> list[float]:
        """The pauses of a simulator's log; an end that was seen late came earlier by as much."""
        ends = [entry.real for entry in log.of("closed")]
        return [pause + self.around(end, end) for pause, end in zip(log.pauses(), ends, strict=False)]


def settings(gateway_port: int, **changes: Any) -> dict[str, Any]:
    """The tree of a proxy.toml for one simulated gateway; `changes` replace whole tables."""
    tree: dict[str, Any] = {
        "gateways": {
            "paper": {"port": gateway_port, "client_id": 1, "pause_floor": 0.1, "pause_cap": 1.0, "settle": 0.1}
        },
        "mqtt": {"port": 0},
        "http": {"port": -1},
        "default_role": "trade",
        "drain_timeout": 3.0,
    }
    return {**tree, **changes}


@asynccontextmanager
async def running_proxy(tree: dict[str, Any], *, ready: bool = True) -> AsyncIterator[Proxy]:
    """A proxy in this process and loop; with `ready`, its sessions are synchronised before the test goes on."""
    proxy = Proxy(config.build(tree, "the test"))
    task = asyncio.create_task(proxy.run())
    started = asyncio.create_task(proxy.started.wait())
    try:
        await asyncio.wait({task, started}, timeout=30, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        assert proxy.started.is_set(), "the proxy did not start within 30 s"
        if ready:
            for gateway in proxy.gateways.values():
                await until(lambda: gateway.session.state == "ready", f"{gateway.name} is ready")  # noqa: B023
        yield proxy
    finally:
        started.cancel()
        proxy.stop()
        await asyncio.wait_for(task, 30)


def url_of(proxy: Proxy) -> str:
    """Where scripts reach this proxy."""
    return f"mqtt://127.0.0.1:{proxy.ports['mqtt']}"


class Reply(NamedTuple):
    """An answer as any MQTT client sees it: the payload read by a foreign library, the user properties."""

    payload: Any
    properties: dict[str, str]

    @property
    def code(self) -> str:
        """The error code, or `ok`."""
        return self.properties.get("code", self.properties["status"])


class RawScript:
    """A script without the ibmux client: topics, MessagePack and correlation data by hand."""

    def __init__(self, url: str, name: str, gateway: str = "paper") -> None:
        self.name = name
        self.gateway = gateway
        self.reply_topic = topics.reply(gateway, name, "raw")
        self.link = Link(url, client_id=f"{name}.raw", username=name)
        self.replies: dict[bytes, Reply] = {}
        self._count = itertools.count(1)

    async def open(self) -> None:
        """Connect and listen for replies."""
        await self.link.start()
        await self.link.subscribe(topics.replies(self.name, "raw"), self._take, qos=1)

    def send(self, method: str, payload: Any = None, **options: Any) -> bytes:
        """Publish a request; `payload` is a map, or bytes as they are. Returns its correlation data.

        Options are those of `Link.publish`, and `gateway`.
        """
        correlation = str(next(self._count)).encode()
        gateway = options.pop("gateway", self.gateway)
        defaults = {
            "qos": 1,
            "response_topic": topics.reply(gateway, self.name, "raw"),
            "correlation_data": correlation,
        }
        body = payload if isinstance(payload, bytes) else msgpack.packb(payload or {})
        self.link.publish(topics.request(gateway, self.name, method), body, **{**defaults, **options})
        return correlation

    async def answer(self, correlation: bytes, timeout: float = 30.0) -> Reply:
        """The reply with this correlation data."""
        await until(lambda: correlation in self.replies, f"the answer to request {correlation!r}", timeout)
        return self.replies[correlation]

    async def ask(self, method: str, payload: Any = None, **options: Any) -> Reply:
        """A request and its reply."""
        return await self.answer(self.send(method, payload, **options))

    def _take(self, message: Message) -> None:
        correlation = message.correlation_data or b""
        assert correlation not in self.replies, f"request {correlation!r} was answered twice"
        payload = msgpack.unpackb(message.payload, timestamp=3)
        self.replies[correlation] = Reply(payload, dict(message.user_properties))


@asynccontextmanager
async def raw_script(url: str, name: str, gateway: str = "paper") -> AsyncIterator[RawScript]:
    """A connected `RawScript`."""
    script = RawScript(url, name, gateway)
    await script.open()
    try:
        yield script
    finally:
        await script.link.close()


class Child:
    """A process of `processes/` that speaks JSON lines: orders on its standard input, reports on its output."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.process = process

    async def hear(self, timeout: float = 60.0) -> Any:
        """The next report."""
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), timeout)
        assert line, f"{self.name} ended with {await self.process.wait()}"
        return json.loads(line)

    def tell(self, **order: Any) -> None:
        """Send an order."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")

    async def close(self) -> int:
        """End of input asks the child to end; one that does not is killed. Its exit code."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            return await asyncio.wait_for(self.process.wait(), 30)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise AssertionError(f"{self.name} did not end by itself") from None


@asynccontextmanager
async def child(name: str, program: str, *arguments: str) -> AsyncIterator[Child]:
    """Run `processes/<program>.py`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROCESSES / f"{program}.py"),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        limit=1 << 22,
    )
    running = Child(name, process)
    try:
        yield running
    finally:
        if process.returncode is None:
            assert await running.close() == 0, f"{name} failed"
