"""From an order's request at the door to its message on the wire: `python bench/orders.py [--folder FOLDER]`.

The proxy is this process; the gateway and the scripts are others. Orders with every intent on the disk, orders without
the disk's sync, plain writes and fsyncs of as many bytes, and a bare loop (`bare`) take turns: all have the same moods.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import os
import pstats
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from bare import Bare
from figures import milliseconds, percentile, table
from fleet import GATEWAY, PROXY, Process
from journal import Plain
from msgspec.structs import replace

from ibmux import config
from ibmux.core.pacing import Pacer
from ibmux.daemon import Proxy
from ibmux.journal import Journal, Record
from ibmux.session.wire import Wire

try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop

KEY = re.compile(rb"bench\d{8}")
SCRIPTS = (1, 8, 64)
TURN = 20
"""Orders, and plain writes, in one turn."""
STATIONS = ("door", "handed", "durable", "framed", "wire")
PARTS = {
    "check": "  door to journal",
    "journal": "  journal",
    "send": "  disk to socket",
    "socket": "  the system's write",
    "whole": "door to socket",
}
Moment = tuple[float, float]
PAUSE = 0.002
"""Seconds between an order's reply and the next order."""
SYNC, LAZY = "FULL", "OFF"
MODES = ((SYNC, "on the disk"), (LAZY, "no sync"))


class Stations:
    """When each order was where: at the door, handed to the journal, on the disk, before the socket, on the wire."""

    def __init__(self, proxy: Proxy) -> None:
        self.times: dict[str, dict[bytes, Moment]] = defaultdict(dict)
        self.intent: Record
        self._receive, self._append, self._write = proxy.door.receive, proxy.journal.append, Wire.write
        proxy.door.receive = self.receive  # type: ignore[method-assign]
        proxy.journal.append = self.append  # type: ignore[method-assign]

    def receive(self, message: Any) -> None:
        self._stamp("door", message.correlation_data)
        self._receive(message)

    def append(self, *records: Any) -> Any:
        future = self._append(*records)
        if records[0].kind == "intent":
            key = records[0].key.encode()
            self._stamp("handed", key)
            future.add_done_callback(lambda _: self._stamp("durable", key))
            [self.intent] = records
        return future

    def _stamp(self, station: str, key: bytes) -> None:
        self.times[station][key] = now()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """See what goes to the gateway."""
        write = self._write

        def watched(wire: Wire, data: bytes) -> None:
            began = now()
            write(wire, data)
            if (key := KEY.search(data)) is not None:
                self.times["framed"][key.group()] = began
                self._stamp("wire", key.group())

        Wire.write = watched  # type: ignore[method-assign]
        try:
            yield
        finally:
            Wire.write = write  # type: ignore[method-assign]

    def take(self) -> dict[str, list[float]]:
        """Seconds of each part of the way since the last call, and of the whole; and of the processor in it."""
        parts = dict(zip(PARTS, pairwise(STATIONS), strict=False))
        found: dict[str, list[float]] = {}
        for name, (start, end) in {**parts, "whole": ("door", "framed")}.items():
            ended = self.times[end]
            pairs = [(began, ended[key]) for key, began in self.times[start].items() if key in ended]
            found[name] = [last[0] - first[0] for first, last in pairs]
            found[f"{name} cpu"] = [last[1] - first[1] for first, last in pairs]
        self.times.clear()
        return found


def now() -> Moment:
    """The time, and the processor time of this thread: what others do to the machine changes that much less."""
    return time.perf_counter(), time.thread_time()


class Bench:
    """The processes, while they run."""

    def __init__(self, proxy: Proxy, folder: Path) -> None:
        self.proxy = proxy
        self.folder = folder
        self.stations = Stations(proxy)
        self.orderers: Process

    async def block(self, scripts: int, count: int, pause: float) -> dict[str, Any]:
        """Each of so many scripts places `count` orders, one after the other."""
        self.stations.take()
        report = await self.orderers.ask(do="order", scripts=scripts, count=count, pause=pause)
        return {**report, "parts": self.stations.take()}

    async def sync(self, mode: str) -> None:
        """Whether the disk is waited for; only a benchmark can ask that."""
        text = f"PRAGMA synchronous = {mode}"
        await self.proxy.journal._do(lambda shelf: shelf.connection.execute(text).fetchall())  # noqa: SLF001

    async def log_size(self) -> int:
        """Bytes that an intent like those of these orders puts into a journal's log."""
        async with Journal(self.folder / "another.db") as journal:
            log = Path(f"{journal.path}-wal")
            for number in range(2 * TURN):
                if number == TURN:
                    before = log.stat().st_size  # noqa: ASYNC240 - nobody else needs this loop now
                await journal.append(replace(self.stations.intent, key=f"bench{number}"))
            return (log.stat().st_size - before) // TURN  # noqa: ASYNC240


@asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[Bench]:
    """A gateway that takes any number of messages, a proxy that sends as many, and scripts."""
    gateway = await Process.start(
        "gateway", json.dumps({**GATEWAY, "stamp": False, "messages_per_second": 1_000_000, "active_orders": 0})
    )
    port = (await gateway.hear())["port"]
    tree = {
        **PROXY,
        "gateways": {"paper": {"port": port, "client_id": 1}},
        "mqtt": {"port": 0, "socket": str(folder / "mqtt.sock")},
        "journal": {"path": str(folder / "journal.db")},
        "log": {"level": "warning"},
    }
    proxy = Proxy(config.build(tree, "the benchmark"))
    session = proxy.gateways["paper"].session
    session.gate._pacer = Pacer(1e6, 1_000_000)  # noqa: SLF001 - what the gateway allows is not measured
    running = Bench(proxy, folder)
    task = asyncio.create_task(proxy.run())
    try:
        await asyncio.wait_for(proxy.started.wait(), 30)
        await session.until_ready(asyncio.get_running_loop().time() + 30)
        running.orderers = await Process.start("orderers", f"unix://{folder}/mqtt.sock", str(max(SCRIPTS)))
        await running.orderers.hear()
        with running.stations.watching():
            yield running
        await running.orderers.end()
    finally:
        proxy.stop()
        await task
        await gateway.end()


async def alone(it: Bench, turns: int) -> dict[str, Any]:
    """One order at a time, with the disk and without, and plain writes in between."""
    size = await it.log_size()
    plain, bare = Plain(it.folder, size), Bare(it.folder)
    found: dict[str, Any] = {"bytes": size, "plain": [], SYNC: defaultdict(list), LAZY: defaultdict(list)}
    shares, beyond = list[float](), list[float]()
    for _ in range(turns):
        ours = await take(it, SYNC, found)
        disk = [plain.write() for _ in range(TURN)]
        found["plain"] += disk
        sent = percentile(ours["whole"], 0.5) + percentile(ours["socket"], 0.5)
        shares.append(sent - percentile(disk, 0.5))
        beyond.append(sent - percentile(await least(bare, SYNC, found), 0.5))
        await take(it, LAZY, found)
        await least(bare, LAZY, found)
        settle(it.proxy.journal.path)
    plain.close()
    bare.close()
    await it.sync(SYNC)
    return {**found, "share": percentile(shares, 0.5), "beyond": percentile(beyond, 0.5)}


async def take(it: Bench, mode: str, found: dict[str, Any]) -> dict[str, list[float]]:
    """A turn of orders; the seconds of each part of the way."""
    await it.sync(mode)
    parts: dict[str, list[float]] = (await it.block(1, TURN, PAUSE))["parts"]
    for name, values in parts.items():
        found[mode][name] += values
    return parts


async def least(bare: Bare, mode: str, found: dict[str, Any]) -> list[float]:
    """A turn of the bare loop; its seconds."""
    times = await bare.turn(TURN, PAUSE, mode)
    found[mode]["bare"] += times
    return times


def settle(path: Path) -> None:
    """Sync what was not: the next one who syncs anything on this disk would wait for it."""
    for each in (path, Path(f"{path}-wal")):
        descriptor = os.open(each, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


async def together(it: Bench, scripts: int, count: int) -> dict[str, Any]:
    """Scripts that each wait for the word on their own order before the next one."""
    block = await it.block(scripts, max(10, count // scripts), 0.0)
    return {"scripts": scripts, "rate": len(block["seconds"]) / block["lasted"], "reply": block["seconds"], **block}


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All of it, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        async with bench(Path(name)) as it:
            await it.block(1, 50, 0.0)  # nobody's first order counts
            one = await alone(it, options.turns)
            profile = cProfile.Profile() if options.profile else None
            if profile is not None:
                profile.enable()
            many = [await together(it, each, options.count) for each in options.scripts]
            if profile is not None:
                profile.disable()
                pstats.Stats(profile).sort_stats("tottime").print_stats(45)
    return {"alone": one, "together": many}


def report(found: dict[str, Any]) -> str:
    """The figures for people."""
    one = found["alone"]
    rows = [
        (f"{PARTS[name]}, {words}", *_row(one[mode][name]), milliseconds(percentile(one[mode][f"{name} cpu"], 0.5)))
        for mode, words in MODES
        for name in ("whole", *list(PARTS)[:-1])
    ]
    rows.append((f"plain write + fsync of {one['bytes']:,} bytes", *_row(one["plain"]), ""))
    rows += [("a bare loop, " + words, *_row(one[mode]["bare"]), "") for mode, words in MODES]
    rows.append(("ours with the system's write, beyond the plain write", milliseconds(one["share"]), "", ""))
    rows.append(("ours with the system's write, beyond the bare loop", milliseconds(one["beyond"]), "", ""))
    many = [
        (
            str(each["scripts"]),
            f"{each['rate']:,.0f}/s",
            *_row(each["parts"]["whole"]),
            *_row(each["reply"]),
        )
        for each in found["together"]
    ]
    first = table("One order at a time", ("", "p50", "p99", "processor p50"), rows)
    head = ("scripts", "orders", "to the socket p50", "p99", "to the reply p50", "p99")
    return f"{first}\n\n{table('Under load, every intent on the disk', head, many)}"


def _row(values: list[float]) -> tuple[str, str]:
    return milliseconds(percentile(values, 0.5)), milliseconds(percentile(values, 0.99))


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", help="on the disk to be measured; the folder for temporary files if not given")
    parser.add_argument("--turns", type=int, default=15, help=f"turns of {TURN} orders with and without the disk")
    parser.add_argument("--count", type=int, default=1000, help="orders of all scripts together, under load")
    parser.add_argument("--scripts", type=int, nargs="+", default=SCRIPTS, help="how many at once, under load")
    parser.add_argument("--profile", action="store_true", help="print where the proxy's time goes under load")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        found = runner.run(measure(options))
    print(json.dumps(found) if options.json else report(found))


if __name__ == "__main__":
    main()
