"""A day that nobody watches, on a fast clock: two cuts, a restart, a stuck listener; sixteen scripts work through it.

The simulator's own record is the witness: its prices, its book of orders, its log of connections.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from bisect import bisect_left
from collections import Counter
from contextlib import AsyncExitStack
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from stage import NEAR, child, settings, until
from test_sixteen_scripts import executions_by_key, shares

from ibmux.sim import SimulatedGateway
from ibmux.sim.faults.scenario import parse

SCRIPTS = 16
SYMBOLS = 8
SPEED = float(os.environ.get("IBMUX_DAY_SPEED", "600"))
"""Simulated seconds in a real one: a trading day in half a minute."""
FLOOR = 0.3
LAG = 0.4
"""Real seconds that a quote may be old when a script reads it: a look of the simulator, the way, sixteen processes; by
what the simulator, the proxy, or the script itself was late comes on top."""
TOLERANCE = 0.003
"""Share of the price by which it may differ from the true ones of that time; the shocks in the outages are ten times
as large."""
DAY = """
title = "A day that nobody watches"
start = "20260106 09:31:00 US/Eastern"
length = "6.4h"

[[at]]
time = "10:00:00"
do = "cut 30min"
[[at]]
time = "10:07:00"
do = "shock -3% 5min"
[[at]]
time = "11:00:00"
do = "cut 30min bare=yes broken=yes"
[[at]]
time = "11:07:00"
do = "shock +4% 5min"
[[at]]
time = "12:00:00"
do = "restart 30min roll=3 fragile=4min"
[[at]]
time = "12:10:00"
do = "shock -4% 5min"
[[at]]
time = "13:45:00"
do = ["silent", "drop"]
[[at]]
time = "14:00:00"
do = "shock +3% 5min"
[[at]]
time = "14:30:00"
do = ["restart 40min fragile=4min", "lift silent"]
"""
OUTAGES = 4
PROXY = {
    "client_id": 1, "kind": "paper", "pause_floor": FLOOR, "pause_cap": 0.6, "settle": 0.5, "connect_timeout": 1.0,
    "request_timeout": 3.0, "heartbeat": 6.0, "probe": 1.0,
}  # fmt: skip


class Truth:
    """The prices of the simulated day by real time."""

    def __init__(self, simulator: SimulatedGateway) -> None:
        self._simulator = simulator
        self._real: list[float] = []
        self._simulated: list[float] = []
        self._mids: dict[tuple[int, int], float] = {}
        self.stood: list[tuple[float, float]] = []
        """From when to when the proxy did nothing."""

    async def keep(self) -> None:
        """Note how the two times go together, until cancelled."""
        while True:
            self._real.append(time.monotonic())
            self._simulated.append(self._simulator.clock.now())
            await asyncio.sleep(0.01)

    def when(self, real: float) -> float:
        """The simulated instant that belongs to a real one (of the process's monotonic clock)."""
        return self._simulated[min(bisect_left(self._real, real), len(self._real) - 1)]

    def clock(self, real: float) -> str:
        """The time of day in New York at a real instant, for people."""
        return f"{datetime.fromtimestamp(self.when(real), ZoneInfo('US/Eastern')):%H:%M:%S}"

    def blind(self, real: float) -> float:
        """For how long the simulator had looked at nothing when it saw what it noted at this instant, or just before:
        it happened at any moment of that time.
        """
        first, last = bisect_left(self._real, real - NEAR), bisect_left(self._real, real + NEAR)
        turns = self._real[max(0, first - 1) : last + 1]
        return max((after - before for before, after in pairwise(turns)), default=0.0)

    def latest(self) -> float:
        """The longest time for which the simulator looked at nothing."""
        return max(after - before for before, after in pairwise(self._real))

    def mid(self, con_id: int, step: int) -> float:
        """The true price at a step of ten simulated seconds."""
        found = self._mids.get((con_id, step))
        if found is None:
            found = self._mids[con_id, step] = self._simulator.world.market.tape(con_id).mid(step * 10.0)
        return found

    def error(self, real: float, con_id: int, bid: float, ask: float, late: float = 0.0) -> float:
        """How far a quote lies outside of the true prices of its last moments, as a share of the price; `late`: for how
        long its reader had looked at nothing.
        """
        begin = real - LAG - late
        begin -= max((end - start for start, end in self.stood if start < real and end > begin), default=0.0)
        first, last = bisect_left(self._real, begin), bisect_left(self._real, real)
        begin -= max(
            (after - before for before, after in pairwise(self._real[max(0, first - 1) : last + 1])), default=0.0
        )
        steps = range(int(self.when(begin) // 10), int(self.when(real) // 10) + 2)
        prices = [self.mid(con_id, step) for step in steps]
        shown = (bid + ask) / 2
        return max(0.0, min(prices) - shown, shown - max(prices)) / shown


@pytest.mark.timeout(300)
async def test_a_day_that_nobody_watches() -> None:
    day = parse(DAY, "the day", speed=1.0, always_open=False, rate=200.0, linger=0.0, partial_share=0.3, fill_delay=1.0)
    names = [f"day{number:02}" for number in range(SCRIPTS)]
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(SimulatedGateway(day.settings))
        truth = Truth(simulator)
        table = {"gateways": {"paper": {"port": simulator.port, **PROXY}}}
        proxy = await stack.enter_async_context(child("proxy", "proxy", json.dumps(settings(0, **table))))
        url = f"mqtt://127.0.0.1:{(await proxy.hear())['mqtt']}"
        scripts = await asyncio.gather(
            *(
                stack.enter_async_context(child(name, "day", name, url, json.dumps(plan)))
                for name, plan in zip(names, plans(simulator), strict=True)
            )
        )
        assert all(await asyncio.gather(*(script.hear() for script in scripts)))
        keeping = asyncio.create_task(truth.keep())
        simulator.clock.set(speed=SPEED)
        day.play(simulator)
        tell(scripts, do="begin")
        over = f"{day.name} is over"  # by its own clock: that of a busy simulator falls behind
        await until(lambda: any(entry.text == over for entry in simulator.log.of("step")), over, timeout=120)
        tell(scripts, do="end")
        await asyncio.gather(*(script.hear() for script in scripts))
        simulator.clock.set(speed=1.0)
        desk = simulator.book._book
        await until(
            lambda: all(order.spec.orderType == "LMT" for order in desk.open()), "what was placed last is filled"
        )
        by_key = executions_by_key(simulator)
        for name, script in zip(names, scripts, strict=True):
            script.tell(fills={key: len(each) for key, each in by_key.items() if key.startswith(f"{name}-")})
        reports = dict(zip(names, await asyncio.gather(*(script.hear() for script in scripts)), strict=True))
        keeping.cancel()
        tell(scripts, do="bye")
        assert not any(await asyncio.gather(*(script.close() for script in scripts))), "a script failed"
        assert proxy.process.stdin is not None
        proxy.process.stdin.close()
        truth.stood = (await proxy.hear())["late"]
    sys.stdout.write(f"the simulator was late by {truth.latest():.2f} s at most\n")
    manners_were_kept(simulator, truth)
    for name, report in reports.items():
        orders_are_known(name, report, by_key)
        quotes_were_true(name, report, truth)
    an_old_quote_would_have_been_noticed(simulator, reports, truth)
    outages_were_told(reports)
    nothing_was_doubled(simulator, reports, by_key)


def plans(simulator: SimulatedGateway) -> list[dict[str, Any]]:
    """What each script watches and trades; every second one is patient."""
    stocks, accounts = shares(simulator)[:SYMBOLS], simulator.world.accounts.names
    return [
        {
            "watch": [stocks[(number + each) % SYMBOLS] for each in range(3)],
            "trade": stocks[number % SYMBOLS],
            "account": accounts[number % len(accounts)],
            "patient": number % 2 == 0,
        }
        for number in range(SCRIPTS)
    ]


def tell(scripts: list[Any], **order: Any) -> None:
    """Send every script an order."""
    for script in scripts:
        script.tell(**order)


def manners_were_kept(simulator: SimulatedGateway, truth: Truth) -> None:
    """One socket at a time, no attempt inside a pause, no greeting before the gateway has settled; few attempts."""
    log = simulator.log
    told = [entry[1:] for entry in log]
    assert log.most_at_once() == 1, told
    ends = [entry.real for entry in log.of("closed")]
    pauses = [pause + truth.blind(end) for pause, end in zip(log.pauses(), ends, strict=False)]
    assert not [pause for pause in pauses if pause < FLOOR * 0.9], pauses
    assert not [entry for entry in log.of("fault") if entry.text.startswith("wedged")]
    assert not log.of("error"), log.of("error")
    assert len(log.of("started")) == 3, f"{told}: not the morning, after the restart, after the stuck listener"


def orders_are_known(name: str, report: dict[str, Any], by_key: dict[str, list[str]]) -> None:
    """What one script placed is there, once, and it heard of every execution, once."""
    mine = {key: each for key, each in by_key.items() if key.startswith(f"{name}-")}
    assert sorted(report["executions"]) == sorted(each for found in mine.values() for each in found), name
    assert set(report["executions"].values()) <= {1}, f"{name} heard of an execution twice"
    assert report["standing"] in ("Submitted", "PreSubmitted"), f"{name}: {report['standing']}"
    assert f"{name}-standing" in report["shown"], f"{name} lost sight of its order of the morning"
    for key, status in report["status"].items():
        # One that was handed to a dying socket stays without an answer, and is never sent again.
        assert status == "Filled" or (key in report["unknown"] and key not in mine), (name, key, status)
    assert len(report["status"]) > 5, name
    assert not report["empty"], f"{name} read {report['empty']} empty lists"


def quotes_were_true(name: str, report: dict[str, Any], truth: Truth) -> None:
    """Whatever the script took for fresh was a price of that moment."""
    samples = report["samples"]
    assert len(samples) > 100 * 3, f"{name} saw {len(samples)} fresh quotes"
    assert report["stale"] > 10 * 3, f"{name} never saw a stale quote in {OUTAGES} outages"
    wrong = [each for each in samples if truth.error(*each) > TOLERANCE]
    told = [f"{truth.clock(each[0])}: {each[1:]}, {truth.error(*each):.2%} off" for each in wrong]
    assert not wrong, f"{name} read {len(wrong)} of {len(samples)} quotes as fresh that were not: {told}"


def an_old_quote_would_have_been_noticed(
    simulator: SimulatedGateway, reports: dict[str, dict[str, Any]], truth: Truth
) -> None:
    """The quotes of before an outage are no prices of its end: the test above can fail."""
    begun: dict[str, float] = {}
    found = 0
    for entry in simulator.log.of("fault", "lifted"):
        name = entry.text.partition(":")[0]
        if entry.kind == "fault":
            begun[name] = entry.real
        elif name in ("cut", "restart"):
            for report in reports.values():
                before = [each for each in report["samples"] if each[0] < begun[name]]
                found += 1
                assert truth.error(entry.real - 0.05, *before[-1][1:4]) > TOLERANCE, f"{name}: prices did not move"
    assert found == OUTAGES * SCRIPTS


def outages_were_told(reports: dict[str, dict[str, Any]]) -> None:
    """Those in a hurry were told when to try again; the patient waited and got their answers."""
    for number, (name, report) in enumerate(reports.items()):
        assert all(each is not None and each >= 0 for each in report["retries"]), name
        assert report["retries"], f"{name} was never refused"
        allowed = {"ok", "gateway.not_ready"} | ({"request.expired", "gateway.timeout"} if number % 2 else set())
        assert set(report["answers"]) <= allowed, (name, report["answers"])
        if number % 2 == 0:
            assert report["slowest"] > 0.8, f"{name} never waited"


def nothing_was_doubled(
    simulator: SimulatedGateway, reports: dict[str, dict[str, Any]], by_key: dict[str, list[str]]
) -> None:
    """All executions of the day arrived, each at one script; no order was sent twice."""
    seen = Counter(each for report in reports.values() for each in report["executions"])
    assert sorted(seen) == sorted(each for found in by_key.values() for each in found)
    assert set(seen.values()) == {1}
    placed = Counter(order.order.spec.orderRef for order in simulator.book.completed())
    assert set(placed.values()) == {1}, [ref for ref, count in placed.items() if count > 1]
