"""The way of a request alone: `python bench/requests.py --count 300`; both ways side by side, in turns."""

from __future__ import annotations

import argparse
import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

from figures import milliseconds, percentile, table
from fleet import Stack

QUESTIONS = ("time", "details", "known", "order", "positions")
BLOCK = 25
"""Requests asked one way before it is the other's turn."""


async def measure(options: argparse.Namespace) -> dict[str, dict[str, list[float]]]:
    """Seconds by question and way."""
    found: dict[str, dict[str, list[float]]] = {name: {} for name in options.questions}
    async with AsyncExitStack() as exits:
        stacks = {
            "direct": await exits.enter_async_context(Stack("direct")),
            "ibmux": await exits.enter_async_context(Stack("ibmux")),
            "ibmux, TCP": await exits.enter_async_context(Stack("ibmux", tcp=True)),
        }
        for stack in stacks.values():
            await asyncio.gather(*(stack.add_script() for _ in range(options.scripts)))
        for name in options.questions:
            pause = 0.0 if name == "positions" else 0.032
            await asyncio.gather(
                *(stack.scripts[0].ask(do="ask", name=name, count=3, burst=1, pause=pause) for stack in stacks.values())
            )
            for _ in range(0, options.count, BLOCK):
                for way, stack in stacks.items():
                    report = await stack.scripts[0].ask(
                        do="ask", name=name, count=BLOCK, burst=options.burst, pause=pause
                    )
                    found[name].setdefault(way, []).extend(report["seconds"])
    return found


def lines(found: dict[str, dict[str, list[float]]]) -> list[tuple[str, ...]]:
    """Rows of the table."""
    rows: list[tuple[str, ...]] = []
    for name, ways in found.items():
        for share in (0.5, 0.9, 0.99):
            values = {way: percentile(seconds, share) for way, seconds in ways.items()}
            limit = 1.5 * values["direct"] + 100e-6
            met = (
                ""
                if name == "positions"
                else f"{milliseconds(limit)} : {'met' if values['ibmux'] < limit else 'NOT MET'}"
            )
            rows.append((f"{name} p{share * 100:g}", *(milliseconds(each) for each in values.values()), met))
    return rows


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scripts", type=int, default=1, help="that are connected; one of them asks")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--burst", type=int, default=5, help="asked in a row, before a pause keeps the gateway's limit")
    parser.add_argument("--questions", nargs="+", choices=QUESTIONS, default=list(QUESTIONS))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found: dict[str, dict[str, Any]] = asyncio.run(measure(options))
    if options.json:
        print(json.dumps(found))
        return
    head = ("", "direct", "ibmux", "ibmux, TCP", "aim: 1.5 x direct + 100 µs")
    print(
        table(
            f"{options.scripts} script(s), {options.count} requests of each kind, {options.burst} in a row",
            head,
            lines(found),
        )
    )


if __name__ == "__main__":
    main()
