"""What the tests here are made of: stages, peers, waiting for conditions."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Self

from ports import free_port

from ibmux.config import GatewaySettings
from ibmux.messages.contracts import Contract
from ibmux.session import Hooks, Session
from ibmux.sim import Settings, SimulatedGateway

FAST: dict[str, Any] = {
    "linger": 0.0, "fill_delay": 0.01, "moc_delay": 0.1, "snapshot_delay": 0.01, "account_interval": 0.05,
    "pnl_interval": 0.05, "partial_share": 0.0,
}  # fmt: skip


QUICK: dict[str, Any] = {
    "name": "paper", "settle": 0.0, "pause_floor": 0.02, "pause_cap": 0.05, "connect_timeout": 10.0, "burst": 40,
    "request_timeout": 20.0,
}  # fmt: skip


APPLE = Contract(secType="STK", symbol="AAPL", exchange="SMART", currency="USD")


def soon(seconds: float = 20.0) -> float:
    """A deadline on the loop's clock; what is to succeed has time enough on a machine that is busy."""
    return asyncio.get_running_loop().time() + seconds


async def until(condition: Callable[[], Any], timeout: float = 20.0) -> Any:
    """Wait for `condition` and return its value."""
    deadline = soon(timeout)
    while not (value := condition()):
        assert asyncio.get_running_loop().time() < deadline, f"not within {timeout} s: {inspect.getsource(condition)}"
        await asyncio.sleep(0.002)
    return value


class Pauses:
    """Counts, while it is entered, the seconds that the loop stood still: what a busy machine took from everybody."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def __aenter__(self) -> Self:
        self._watch = asyncio.create_task(self._count())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)

    async def _count(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            late = time.monotonic() - before - 0.01
            self.seconds += late if late > 0.02 else 0.0


@dataclass
class Heard:
    """What the hooks were called with, by name."""

    calls: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)

    def of(self, name: str) -> list[Any]:
        """Arguments of each call of a hook; the bare argument where there is one."""
        return [args[0] if len(args) == 1 else args for each, args in self.calls if each == name]

    def hooks(self) -> Hooks:
        """Hooks that write here."""

        def keep(name: str) -> Callable[..., None]:
            return lambda *args: self.calls.append((name, args))

        return Hooks(**{each.name: keep(each.name) for each in fields(Hooks)})

    def states(self) -> list[str]:
        """The states in order, repetitions left out."""
        states = [status.state for status, _ in self.of("on_state")]
        return [state for at, state in enumerate(states) if at == 0 or states[at - 1] != state]


@dataclass
class Stage:
    """Gateways and sessions of one test, ended with it."""

    gateways: list[SimulatedGateway] = field(default_factory=list)
    tasks: dict[Session, asyncio.Task[None]] = field(default_factory=dict)
    heard: Heard = field(default_factory=Heard)

    async def gateway(self, **changes: Any) -> SimulatedGateway:
        """Start a simulated gateway; its port stays its own when it is closed."""
        gateway = SimulatedGateway(Settings(**FAST | {"port": free_port()} | changes))
        await gateway.start()
        self.gateways.append(gateway)
        return gateway

    def start(self, port: int, **changes: Any) -> Session:
        """Start a session; its hooks write to `heard`."""
        session = Session(GatewaySettings(**QUICK | {"port": port} | changes), self.heard.hooks())
        self.tasks[session] = asyncio.create_task(session.run())
        return session

    async def ready(self, gateway: SimulatedGateway | None = None, **changes: Any) -> Session:
        """A session that is ready, on a gateway of its own if none is given."""
        gateway = gateway or await self.gateway()
        session = self.start(gateway.port, **changes)
        await session.until_ready(soon())
        return session

    async def close(self) -> None:
        """End everything."""
        for session, task in self.tasks.items():
            await session.drain()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        for gateway in self.gateways:
            await gateway.close()


class Far:
    """The gateway's end of a socket without a gateway behind: it counts, and says what a test tells it to."""

    def __init__(self, greeting: bytes = b"") -> None:
        self.greeting = greeting
        self.connections = 0
        self.open = 0
        self.arrivals: list[float] = []
        self.heard = b""
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            while data := await reader.read(1 << 16):
                self.heard += data
                self.arrivals.append(asyncio.get_running_loop().time())
                if self.greeting:
                    writer.write(self.greeting)
        except ConnectionError:
            pass  # cut off by the other side
        finally:
            self.open -= 1
            writer.close()

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        await until(lambda: self.open == 0)
