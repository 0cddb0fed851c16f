"""Sixteen script processes at once on one session: the simulator's own record is the witness."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from stage import child, settings

from ibmux.core import reference
from ibmux.sim import Settings, SimulatedGateway
from ibmux.sim.orders.order import ExecutionFilter

SCRIPTS = 16
SYMBOLS = 50
ORDERS = 6
"""Orders that each script places: market, limit, one to cancel, and a bracket of three."""

BEHIND = 1.0
"""Seconds for which a script may stand still before it misses ticks: they are let go for one that does not read."""


@pytest.fixture
async def busy_simulator() -> AsyncIterator[SimulatedGateway]:
    async with SimulatedGateway(Settings(seed=16, rate=1000.0, partial_share=0.5, fee_delay=0.02)) as gateway:
        yield gateway


def shares(simulator: SimulatedGateway) -> list[int]:
    """The conIds of American shares."""
    return [
        each.contract.conId
        for each in simulator.world.universe.listed()
        if each.contract.secType == "STK" and each.contract.currency == "USD"
    ]


def plans(simulator: SimulatedGateway) -> list[dict[str, Any]]:
    """What each script does; what a script asks about, no other asks about."""
    stocks, accounts = shares(simulator), simulator.world.accounts.names
    streamed, others = stocks[:SYMBOLS], stocks[SYMBOLS:]
    own = len(others) // SCRIPTS
    assert own >= 2
    return [
        {
            "account": accounts[number % len(accounts)],
            "stream": streamed,
            "ask": others[number * own : number * own + 3],
            "order": number,
        }
        for number in range(SCRIPTS)
    ]


def executions_by_key(simulator: SimulatedGateway) -> dict[str, list[str]]:
    """Execution ids by the key that the order's reference carries."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for execution, _ in simulator.world.desk.executions(ExecutionFilter()):
        found[reference.read(execution.orderRef).key].append(execution.execId)
    return dict(found)


@pytest.mark.timeout(240)
async def test_sixteen_scripts_share_one_session_and_nothing_is_lost_doubled_or_misdirected(
    busy_simulator: SimulatedGateway,
) -> None:
    simulator = busy_simulator
    tree = settings(simulator.port)
    names = [f"script{number:02}" for number in range(SCRIPTS)]
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(child("proxy", "proxy", json.dumps(tree)))
        url = f"mqtt://127.0.0.1:{(await proxy.hear())['mqtt']}"
        scripts = await asyncio.gather(
            *(
                stack.enter_async_context(child(name, "script", name, url, json.dumps(plan)))
                for name, plan in zip(names, plans(simulator), strict=True)
            )
        )
        assert all(await asyncio.gather(*(script.hear() for script in scripts)))
        for script in scripts:
            script.tell(do="begin")
        assert all(await asyncio.gather(*(script.hear(90) for script in scripts)))
        stats = simulator.stats
        by_key = executions_by_key(simulator)
        for name, script in zip(names, scripts, strict=True):
            script.tell(fills={key: len(each) for key, each in by_key.items() if key.startswith(f"{name}-")})
        reports = dict(zip(names, await asyncio.gather(*(script.hear() for script in scripts)), strict=True))
        for script in scripts:
            script.tell(do="end")

    assert stats.by_client == {1: 1}, "one upstream connection"
    assert stats.connections_ever == 1
    assert stats.lines == {1: SYMBOLS}, "one line per symbol"
    check_orders(simulator, stats.orders_placed, names)
    for name, report in reports.items():
        check_report(name, report, by_key)
    seen = Counter(execId for report in reports.values() for execId in report["executions"])
    assert sorted(seen) == sorted(execId for each in by_key.values() for execId in each)
    assert set(seen.values()) == {1}, "an execution went to two scripts"


def check_orders(simulator: SimulatedGateway, placed: int, names: list[str]) -> None:
    """Each order exists once at the gateway, under the mark of its script."""
    assert placed == SCRIPTS * ORDERS
    marks = [reference.read(each.order.spec.orderRef) for each in simulator.world.desk.completed()]
    marks += [reference.read(each.spec.orderRef) for each in simulator.world.desk.open_orders(None)]
    keys = Counter((mark.script, mark.key) for mark in marks)
    assert set(keys.values()) == {1}, "an order was doubled"
    assert set(keys) == {(name, f"{name}-{each}") for name in names for each in ("m", "l", "f", "b0", "b1", "b2")}


def check_report(name: str, report: dict[str, Any], by_key: dict[str, list[str]]) -> None:
    """What one script saw is what the gateway did for it."""
    assert report["wrong"] == []
    assert report["questions"] == 3 * 3 + ORDERS
    mine = [execId for key, each in by_key.items() if key.startswith(f"{name}-") for execId in each]
    assert sorted(report["executions"]) == sorted(mine)
    assert set(report["executions"].values()) == {1}, "an execution was told twice"
    assert set(report["commissions"]) <= set(mine)
    orders = {key.removeprefix(f"{name}-"): each for key, each in report["orders"].items()}
    assert orders["m"][:2] == ["Filled", 30]
    assert orders["l"][:2] == ["Filled", 11]
    assert orders["b0"][:2] == ["Filled", 7]
    assert {orders[each][0] for each in ("f", "b1", "b2")} == {"Cancelled"}
    assert len({permId for _, _, permId in orders.values()}) == ORDERS
    assert len(report["streams"]) == SYMBOLS
    for con_id, (gaps, quoted, timestamp) in report["streams"].items():
        assert quoted, f"{name}: {con_id} has no quote"
        assert not gaps or report["late"] > BEHIND, f"{name}: {con_id} has {gaps} holes"
        assert timestamp, f"{name}: nothing came for {con_id}"
