"""Sixteen scripts through ibmux beside sixteen direct ib_async connections, in one run: `python bench/compare.py`.

Both ways take turns; figures are medians over the rounds. What is measured, and what is fair, is in `README.md`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
from collections.abc import Callable
from typing import Any, NamedTuple

from figures import Row, middle, milliseconds, percentile, table
from fleet import Stack, Way

ALONE = 3
"""Scripts that are started one after the other before the rest starts at once."""
SYMBOLS = 50
GATEWAY_RATE = 20_000
"""Ticks a second that the simulator can send in all."""
COMMON_RATE = 1_000
"""Ticks a second to each script at which both ways are compared."""
QUESTIONS = ("time", "details", "known", "order", "positions")
BURST = 5
"""Requests that a script asks in a row."""
PAUSE = 0.032
"""Seconds for each timed request on average: a gateway takes 50 messages a second, and ibmux sends it 40."""


class Line(NamedTuple):
    """One row: what it shows of a round's figures, how it is written, what is wanted of it."""

    name: str
    key: str
    write: Callable[[float], str]
    aim: str = ""
    met: Callable[[float, float], bool] | None = None


def round_trip(direct: float, ours: float) -> bool:
    """The aim of a round trip that goes upstream."""
    return ours < 1.5 * direct + 100e-6


def under_half(direct: float, ours: float) -> bool:
    """The aim of what sixteen scripts cost together."""
    return ours < 0.5 * direct


TRIP = "< 1.5 x direct + 100 µs"
HALF = "< half of direct"


def rows(scripts: int, common: float, rate: float) -> list[Line]:
    """The table's rows."""
    trips = [
        Line(f"{words}, {name}", f"{key} {name}", milliseconds, *((TRIP, round_trip) if fair else ()))
        for key, words, fair in (
            ("details", "reqContractDetails, a new one each time", True),
            ("details loaded", "the same while ticks come", True),
            ("order", "placeOrder, acknowledged", True),
            ("known", "known contract details (2)", False),
            ("time", "reqCurrentTime (2)", False),
            ("positions", "positions (2)", False),
        )
        for name in ("p50", "p99")
    ]
    return [
        Line("process start to first position", "start alone", milliseconds),
        Line(f"{scripts} at once: until the last has its positions", "start together", milliseconds),
        *trips,
        Line(f"tick latency at {common:,.0f}/s to each script, p50", "tick p50", milliseconds),
        Line(f"tick latency at {common:,.0f}/s to each script, p99", "tick p99", milliseconds),
        Line(f"ticks lost at {common:,.0f}/s", "lost", "{:.0f}".format, "0", lambda _, ours: ours == 0),
        Line(f"tick latency at {rate:,.0f}/s to each script, p50", "full p50", milliseconds),
        Line(f"tick latency at {rate:,.0f}/s to each script, p99", "full p99", milliseconds),
        Line(f"ticks lost at {rate:,.0f}/s", "full lost", "{:.0f}".format, "0", lambda _, ours: ours == 0),
        Line("CPU s in all: start, requests, ticks", "cpu", "{:.2f}".format, HALF, under_half),
        Line("CPU s of that: until all have their positions", "cpu start", "{:.2f}".format, HALF, under_half),
        Line(f"CPU s per second of {common:,.0f} ticks/s to each", "cpu ticks", "{:.3f}".format, HALF, under_half),
        Line(
            f"CPU s per second of {rate:,.0f} ticks/s to each",
            "cpu full",
            "{:.3f}".format,
            "< 2 (two cores)",
            lambda _, ours: ours < 2,
        ),
        Line("memory in MB (proportional set size)", "memory", "{:.0f}".format, HALF, under_half),
    ]


class Round:
    """One stack, brought up, measured from end to end and taken down; its `figures` by the keys of the rows."""

    def __init__(self, stack: Stack, options: argparse.Namespace) -> None:
        self.stack = stack
        self.options = options
        self.figures: dict[str, float] = {}

    async def run(self) -> dict[str, float]:
        """Everything, in the order in which a day goes: start, requests, streams."""
        await self.start_scripts()
        for name in QUESTIONS:
            await self.measure_requests(name, name)
        await self.stack.subscribe(SYMBOLS)
        await self.measure_ticks()
        self.figures["cpu"] = self.stack.cpu()
        self.figures["memory"] = self.stack.memory()
        await self.measure_full_rate()
        return self.figures

    async def start_scripts(self) -> None:
        """Some one after the other, the rest at once."""
        stack, count = self.stack, self.options.scripts
        alone = [await stack.add_script() for _ in range(min(ALONE, count))]
        rest = await asyncio.gather(*(stack.add_script() for _ in range(count - len(alone))))
        self.figures["start alone"] = middle(alone)
        self.figures["start together"] = max(rest, default=max(alone))
        self.figures["cpu start"] = stack.cpu()

    async def measure_requests(self, name: str, label: str) -> None:
        """One script asks, the others are there and silent."""
        pause = 0.0 if name == "positions" else PAUSE
        order = {"do": "ask", "name": name, "count": self.options.requests, "burst": self.options.burst, "pause": pause}
        seconds = (await self.stack.scripts[0].ask(**order))["seconds"]
        self.figures[f"{label} p50"] = percentile(seconds, 0.5)
        self.figures[f"{label} p99"] = percentile(seconds, 0.99)

    async def measure_ticks(self) -> None:
        """The rate at which both ways can be compared; then requests under this load."""
        stack, rate = self.stack, common_rate(self.options)
        await stack.stream(rate, 0.5)  # the first ticks of a process are slower
        result = await stack.stream(rate, self.options.seconds)
        self.note_stream(result, "")
        self.figures["cpu ticks"] = result["cpu"] / result["seconds"]
        await stack.gateway.ask(do="go", rate=stack.rate_in_all(rate))
        await self.measure_requests("details", "details loaded")
        await stack.gateway.ask(do="freeze")

    async def measure_full_rate(self) -> None:
        """`--rate` ticks a second to every script; over direct connections only if the simulator can send that many."""
        if self.stack.rate_in_all(self.options.rate) > GATEWAY_RATE:
            return
        result = await self.stack.stream(self.options.rate, self.options.seconds)
        self.note_stream(result, "full ")
        self.figures["cpu full"] = result["cpu"] / result["seconds"]

    def note_stream(self, result: dict[str, Any], label: str) -> None:
        """Latency and loss of one stretch of ticks."""
        self.figures[f"{label}lost"] = float(sum(result["lost"]))
        self.figures[f"{label or 'tick '}p50"] = percentile(result["latencies"], 0.5) / 1e6
        self.figures[f"{label or 'tick '}p99"] = percentile(result["latencies"], 0.99) / 1e6
        self.figures[f"{label}proxy"] = result["cpu_proxy"] / result["seconds"]


def common_rate(options: argparse.Namespace) -> float:
    """Ticks a second to each script that the simulator can still send over N direct connections."""
    return float(min(COMMON_RATE, options.rate, GATEWAY_RATE / options.scripts))


async def compare(options: argparse.Namespace) -> dict[Way, dict[str, float]]:
    """All rounds; medians."""
    found: dict[Way, list[dict[str, float]]] = {"direct": [], "ibmux": []}
    for number in range(options.rounds):
        order: tuple[Way, Way] = ("direct", "ibmux") if number % 2 == 0 else ("ibmux", "direct")
        for way in order:
            if not options.json:
                print(f"round {number + 1} of {options.rounds}: {way} ...", flush=True)
            async with Stack(way, tcp=options.tcp, gather=options.gather) as stack:
                found[way].append(await Round(stack, options).run())
    return {way: {key: middle([each[key] for each in rounds]) for key in rounds[0]} for way, rounds in found.items()}


def written(line: Line, direct: dict[str, float], ours: dict[str, float]) -> Row:
    """A row of the table."""
    there, here = direct.get(line.key), ours.get(line.key)
    verdict = line.aim
    if line.met is not None and here is not None:
        comparable = there is not None or line.key.startswith(("full", "cpu full"))
        verdict += " : met" if comparable and line.met(there or 0.0, here) else " : NOT MET"
    ratio = f"{here / there:.2f}" if there and here is not None else ""
    return (
        line.name,
        line.write(there) if there is not None else "not possible (1)",
        line.write(here) if here is not None else "",
        ratio,
        verdict,
    )


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scripts", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5.0, help="of ticks, at each rate")
    parser.add_argument(
        "--rate", type=float, default=5000.0, help="ticks a second to each script, all of which must arrive"
    )
    parser.add_argument("--requests", type=int, default=100, help="of each kind and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tcp", action="store_true", help="scripts use TCP instead of the proxy's Unix socket")
    parser.add_argument("--burst", type=int, default=BURST, help="requests asked in a row; 1: each after a pause")
    parser.add_argument("--gather", type=float, help="seconds: [mqtt] gather of the proxy, if not its default")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = asyncio.run(compare(options))
    if options.json:
        print(json.dumps({"options": vars(options), **found}, indent=2))
        return
    lines = [
        written(line, found["direct"], found["ibmux"])
        for line in rows(options.scripts, common_rate(options), options.rate)
    ]
    title = (
        f"{options.scripts} scripts, {SYMBOLS} symbols, medians of {options.rounds} rounds; "
        f"Python {platform.python_version()}, {os.cpu_count()} cores"
    )
    print("\n" + table(title, ("", "direct", "ibmux", "ratio", "aim"), lines))
    print(
        f"\n(1) the simulator sends {GATEWAY_RATE:,} ticks/s at most; {options.scripts} direct connections"
        f" at {options.rate:,.0f}/s would take {options.rate * options.scripts:,.0f}.\n"
        f"Of ibmux's CPU the proxy alone takes {found['ibmux']['proxy']:.3f} s per second"
        f" at {common_rate(options):,.0f} ticks/s, {found['ibmux']['full proxy']:.3f} at {options.rate:,.0f}.\n"
        "(2) not the same work: ibmux has the first two in memory for a while, ib_async the third."
    )


if __name__ == "__main__":
    main()
