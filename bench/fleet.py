"""Starts, asks, weighs and ends the processes of a benchmark: one stack is a gateway, maybe a proxy, and N scripts."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Self

HERE = Path(__file__).parent
TREE = {"PYTHONPATH": os.pathsep.join(filter(None, [str(HERE.parent / "src"), os.environ.get("PYTHONPATH")]))}
"""What is measured is the tree that this file belongs to, installed or not."""
TICK = os.sysconf("SC_CLK_TCK")
LIMIT = 1 << 26
Way = Literal["direct", "ibmux"]

GATEWAY = {"stamp": True, "lines": 5000, "linger": 0.1, "max_clients": 64}
PROXY = {
    "http": {"port": -1},
    "default_role": "trade",
    "limits": {"leases": 200},
}


class Process:
    """One child that speaks lines of JSON.

    Attributes:
        began: when it was started, in nanoseconds of the monotonic clock.
    """

    def __init__(self, process: asyncio.subprocess.Process, began: int) -> None:
        self.process = process
        self.began = began

    @classmethod
    async def start(cls, program: str, *arguments: str) -> Self:
        """Run `bench/<program>.py`."""
        began = time.monotonic_ns()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(HERE / f"{program}.py"),
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **TREE},
            limit=LIMIT,
        )
        return cls(process, began)

    async def hear(self, timeout: float = 120.0) -> dict[str, Any]:
        """Its next report."""
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), timeout)
        if not line:
            raise RuntimeError(f"a process ended with {await self.process.wait()}")
        report: dict[str, Any] = json.loads(line)
        return report

    async def ask(self, **order: Any) -> dict[str, Any]:
        """Send an order and wait for the report."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        return await self.hear()

    async def end(self) -> None:
        """Let it end by itself; after ten seconds it is killed."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), 10)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()

    def cpu(self) -> float:
        """CPU seconds so far, user and system."""
        text = Path(f"/proc/{self.process.pid}/stat").read_text()
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def memory(self) -> float:
        """Proportional set size in MB: pages shared by several processes are divided among them."""
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        line = next(each for each in text.splitlines() if each.startswith("Pss:"))
        return int(line.split()[1]) / 1024


class Stack:
    """A gateway and its scripts, directly or through a proxy."""

    def __init__(self, way: Way, *, tcp: bool = False, gather: float | None = None) -> None:
        self.way = way
        self.tcp = tcp
        self.mqtt: dict[str, Any] = {"port": 0, **({} if gather is None else {"gather": gather})}
        self._folder = ExitStack()
        self.gateway: Process
        self.proxy: Process | None = None
        self.scripts: list[Process] = []
        self.con_ids: list[int] = []
        self.options: list[int] = []
        self._where = ""
        self._numbers = itertools.count(1)

    async def __aenter__(self) -> Self:
        self.gateway = await Process.start("gateway", json.dumps(GATEWAY))
        hello = await self.gateway.hear()
        self.con_ids = hello["conIds"]
        self.options = hello["options"]
        self._where = str(hello["port"])
        if self.way == "ibmux":
            folder = self._folder.enter_context(TemporaryDirectory())
            path = f"{folder}/mqtt.sock"
            tree = {
                **PROXY,
                "gateways": {"paper": {"port": hello["port"], "client_id": 1}},
                "mqtt": {**self.mqtt, "socket": path},
                "journal": {"path": f"{folder}/journal.db"},
            }
            self.proxy = await Process.start("proxy", json.dumps(tree))
            ports = await self.proxy.hear()
            self._where = f"mqtt://127.0.0.1:{ports['mqtt']}" if self.tcp else f"unix://{path}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(script.end() for script in self.scripts))
        if self.proxy is not None:
            await self.proxy.end()
        await self.gateway.end()
        self._folder.close()

    async def add_script(self) -> float:
        """Start one more script; seconds from the start of its process to its first position."""
        number = next(self._numbers)
        program, name = ("direct", str(100 + number)) if self.way == "direct" else ("through_ibmux", f"script{number}")
        script = await Process.start(program, name, self._where)
        self.scripts.insert(0 if number == 1 else len(self.scripts), script)
        report = await script.hear()
        if number == 1:
            await script.ask(do="learn", conIds=self.options)
        return float(report["first_position"] - script.began) / 1e9

    async def ask_all(self, **order: Any) -> list[dict[str, Any]]:
        """Send an order to every script at once; their reports."""
        return list(await asyncio.gather(*(script.ask(**order) for script in self.scripts)))

    @property
    def counted(self) -> list[Process]:
        """Everything but the simulator."""
        return [*self.scripts, *([self.proxy] if self.proxy else [])]

    def cpu(self) -> float:
        """CPU seconds so far of everything but the simulator."""
        return sum(process.cpu() for process in self.counted)

    def memory(self) -> float:
        """Memory in MB of everything but the simulator."""
        return sum(process.memory() for process in self.counted)

    async def subscribe(self, symbols: int) -> None:
        """Every script streams the same symbols; the feed stands still."""
        await self.ask_all(do="subscribe", conIds=self.con_ids[:symbols], pause=0.03 if self.way == "direct" else 0.0)
        lines = symbols * (len(self.scripts) if self.way == "direct" else 1)
        deadline = time.monotonic() + 30
        while (await self.gateway.ask(do="look"))["lines"] < lines:
            if time.monotonic() > deadline:
                raise RuntimeError(f"not all of {lines} lines were opened")
            await asyncio.sleep(0.05)

    def rate_in_all(self, rate: float) -> float:
        """What the simulator has to send, for each script to see `rate` ticks a second."""
        return rate * (len(self.scripts) if self.way == "direct" else 1)

    async def stream(self, rate: float, seconds: float) -> dict[str, Any]:
        """Ticks for some seconds, `rate` a second to each script; what was sent, came, was lost, and took how long."""
        await self.ask_all(do="reset")
        cpu = [process.cpu() for process in self.counted]
        began = time.monotonic()
        await self.gateway.ask(do="go", rate=self.rate_in_all(rate))
        await asyncio.sleep(seconds)
        sent = await self.gateway.ask(do="freeze")
        took = time.monotonic() - began
        counts = await self._settled(sent["stamped"])
        spent = [process.cpu() - before for process, before in zip(self.counted, cpu, strict=True)]
        latencies = [each["microseconds"] for each in await self.ask_all(do="latencies")]
        return {
            "rate": sent["stamped"] / took,
            "sent": sent["stamped"],
            "lost": [sent["stamped"] - each["stamped"] for each in counts],
            "ticks": sum(each["ticks"] for each in counts) / len(counts) / took,
            "latencies": sorted(value for each in latencies for value in each),
            "cpu": sum(spent),
            "cpu_proxy": spent[-1] if self.proxy else 0.0,
            "seconds": took,
        }

    async def _settled(self, wanted: int) -> list[dict[str, Any]]:
        """The scripts' counts when all is there, or when nothing has come for a second."""
        before, still_since = None, time.monotonic()
        while True:
            counts = await self.ask_all(do="count")
            if all(each["stamped"] == wanted for each in counts):
                return counts
            if counts != before:
                before, still_since = counts, time.monotonic()
            elif time.monotonic() - still_since > 1.0:
                return counts
            await asyncio.sleep(0.02)
