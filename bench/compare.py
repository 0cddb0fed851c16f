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
QUESTIONS = ("time", "details", "order", "positions")
BURST = 5
"""Requests that a script asks in a row."""
PAUSE = 0.032
"""Seconds for each timed request, on average: below the 50 messages a second that a gateway takes, and the 40 that ibmux sends."""


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
        Line(f"{words}{load}, {name}", f"{key}{suffix} {name}", milliseconds, TRIP, round_trip)
        for load, suffix in (("", ""), (" while ticks come", " loaded"))
        for key, words in (
            ("time", "reqCurrentTime"),
            ("details", "reqContractDetails"),
            ("order", "placeOrder, acknowledged"),
        )
        for name in ("p50", "p99")
        if not suffix or key == "details"
    ]
    return [
        Line("process start to first position", "start alone", milliseconds),
        Line(f"{scripts} at once: until the last has its positions", "start together", milliseconds),
        *trips,
        Line("positions (direct: a list in memory), p50", "positions p50", milliseconds),
        Line(f"tick latency at {common:,.0f}/s to each script, p50", "tick p50", milliseconds),
        Line(f"tick latency at {common:,.0f}/s to each script, p99", "tick p99", milliseconds),
        Line(f"ticks lost at {common:,.0f}/s", "lost", "{:.0f}".format, "0", lambda _, ours: ours == 0),
        Line(f"tick latency at {rate:,.0f}/s to each script, p50", "full p50", milliseconds),
        Line(f"tick latency at {rate:,.0f}/s to each script, p99", "full p99", milliseconds),
        Line(f"ticks lost at {rate:,.0f}/s", "full lost", "{:.0f}".format, "0", lambda _, ours: ours == 0),
        Line("CPU s: start, requests, ticks", "cpu", "{:.2f}".format, HALF, under_half),
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


async def one_round(way: Way, options: argparse.Namespace) -> dict[str, float]:
    """Bring one stack up, measure everything, take it down."""
    figures: dict[str, float] = {}
    async with Stack(way) as stack:
        alone = [await stack.add_script() for _ in range(min(ALONE, options.scripts))]
        figures["start alone"] = middle(alone)
        rest = await asyncio.gather(*(stack.add_script() for _ in range(options.scripts - len(alone))))
        figures["start together"] = max(rest, default=max(alone))
        for name in QUESTIONS:
            pause = 0.0 if name == "positions" else PAUSE
            await measure_requests(stack, name, options.requests, pause, name, figures)
        await stack.subscribe(SYMBOLS)
        await measure_ticks(stack, options, figures)
        figures["cpu"] = stack.cpu()
        figures["memory"] = stack.memory()
        await measure_full_rate(stack, options, figures)
    return figures


async def measure_requests(
    stack: Stack, name: str, count: int, pause: float, label: str, figures: dict[str, float]
) -> None:
    """One script asks, the others are there and silent."""
    seconds = (await stack.scripts[0].ask(do="ask", name=name, count=count, burst=BURST, pause=pause))["seconds"]
    figures[f"{label} p50"] = percentile(seconds, 0.5)
    figures[f"{label} p99"] = percentile(seconds, 0.99)


def common_rate(options: argparse.Namespace) -> float:
    """Ticks a second to each script that the simulator can still send over N direct connections."""
    return float(min(COMMON_RATE, options.rate, GATEWAY_RATE / options.scripts))


async def measure_ticks(stack: Stack, options: argparse.Namespace, figures: dict[str, float]) -> None:
    """The rate at which both ways can be compared; then requests under this load."""
    await stack.stream(common_rate(options), 0.5)  # the first ticks of a process are slower
    result = await stack.stream(common_rate(options), options.seconds)
    note_stream(result, "", figures)
    figures["cpu ticks"] = result["cpu"] / result["seconds"]
    await stack.gateway.ask(do="go", rate=common_rate(options) * (options.scripts if stack.way == "direct" else 1))
    await measure_requests(stack, "details", options.requests, PAUSE, "details loaded", figures)
    await stack.gateway.ask(do="freeze")


async def measure_full_rate(stack: Stack, options: argparse.Namespace, figures: dict[str, float]) -> None:
    """`--rate` ticks a second to every script; over direct connections only if the simulator can send that many."""
    if stack.way == "direct" and options.rate * options.scripts > GATEWAY_RATE:
        return
    result = await stack.stream(options.rate, options.seconds)
    note_stream(result, "full ", figures)
    figures["cpu full"] = result["cpu"] / result["seconds"]


def note_stream(result: dict[str, Any], label: str, figures: dict[str, float]) -> None:
    """Latency and loss of one stretch of ticks."""
    figures[f"{label}lost"] = float(sum(result["lost"]))
    figures[f"{label or 'tick '}p50"] = percentile(result["latencies"], 0.5) / 1e6
    figures[f"{label or 'tick '}p99"] = percentile(result["latencies"], 0.99) / 1e6
    figures[f"{label}sent"] = float(result["sent"])
    figures[f"{label}proxy"] = result["cpu_proxy"] / result["seconds"]


async def compare(options: argparse.Namespace) -> dict[Way, dict[str, float]]:
    """All rounds; medians."""
    found: dict[Way, list[dict[str, float]]] = {"direct": [], "ibmux": []}
    for number in range(options.rounds):
        order: tuple[Way, Way] = ("direct", "ibmux") if number % 2 == 0 else ("ibmux", "direct")
        for way in order:
            if not options.json:
                print(f"round {number + 1} of {options.rounds}: {way} ...", flush=True)
            found[way].append(await one_round(way, options))
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
        f"Of ibmux's CPU the proxy alone takes {found['ibmux']['proxy']:.3f} s per second at {common_rate(options):,.0f}"
        f" ticks/s, {found['ibmux']['full proxy']:.3f} at {options.rate:,.0f}."
    )


if __name__ == "__main__":
    main()
