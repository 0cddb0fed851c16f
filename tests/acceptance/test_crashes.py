"""SIGKILL at any instant of proxy, gateway and script: no order twice, none lost, no false report, every fill once.

IBMUX_CRASH_KILLS, IBMUX_CRASH_ORDERS and IBMUX_CRASH_SEED make the runs longer or other ones; the long form is 300
kills over 3,000 orders.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from crash_checks import check
from crash_plan import Plan
from crash_records import Records
from crash_stage import Stage, crash_stage

KILLS = int(os.environ.get("IBMUX_CRASH_KILLS", "8"))
ORDERS = int(os.environ.get("IBMUX_CRASH_ORDERS", "120"))
SEED = int(os.environ.get("IBMUX_CRASH_SEED", "20260105"))
LIMIT = 60 + 6 * KILLS
"""Seconds for a run."""
NEWS = "openOrder orderStatus execDetails commissionReport error"
HARDSHIPS = {
    "twice": (f"duplicate 0.4 {NEWS}",),
    "swapped": (f"reorder 0.4 {NEWS}",),
    "late": tuple(f"delay 0.2 0.2 {name}" for name in ("openOrder", "execDetails")),
    "lost": ("hush 0.3",),
    "slow": ("delay_next 0.2 1000",),
}


async def play(plan: Plan, folder: Path) -> Stage:
    """One run; what it was, where it can be read, and what must hold afterwards."""
    print(f"{plan}; IBMUX_CRASH_SEED repeats it; records in {folder}")  # noqa: T201 - repeats a failure
    async with crash_stage(plan, folder) as stage:
        try:
            await stage.run()
        finally:
            (folder / "story").write_text("\n".join(stage.story))
            print(dict(stage.kills), *stage.program.figures(), sep="\n")  # noqa: T201
        records = stage.records()
    print("\n".join(figures(records)))  # noqa: T201
    violations = check(records)
    (folder / "violations").write_text("\n".join(violations))
    assert not violations, "\n".join(violations[:40])
    return stage


def figures(records: Records) -> Iterator[str]:
    """How much happened."""
    orders = Counter(order.status for order in records.book)
    fills = sum(len(each.fills) for each in records.book)
    yield f"orders: {len(records.book)} {dict(orders)}, held {len(records.held)}, fills {fills}"
    yield f"journal: {dict(Counter(each.kind for each in records.kept))}"
    entries = [entry for diary in records.diaries.values() for entry in diary]
    answers = Counter(entry.get("code", "ok") for entry in entries if entry["kind"] in ("reply", "error"))
    yield f"answers: {dict(answers)}"
    yield f"replayed: {dict(Counter(entry['replayed'] for entry in entries if 'replayed' in entry))}"


@pytest.mark.timeout(LIMIT)
async def test_no_crash_loses_doubles_or_misreports_an_order(tmp_path: Path) -> None:
    await play(Plan(seed=SEED, kills=KILLS, orders=ORDERS), tmp_path)


@pytest.mark.timeout(LIMIT)
@pytest.mark.parametrize("hardship", HARDSHIPS)
async def test_strange_acknowledgements_change_none_of_that(tmp_path: Path, hardship: str) -> None:
    plan = Plan(seed=SEED, kills=max(2, KILLS // 4), orders=max(40, ORDERS // 3), standing=HARDSHIPS[hardship])
    await play(plan, tmp_path)
