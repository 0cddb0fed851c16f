"""Each shipped scenario with the real proxy and working scripts in front: time is moved fast between its steps."""

from __future__ import annotations

import asyncio

import pytest
from fault_scene import Scene, impatient, scene

from ibmux.sim.faults.scenario import Scenario, load, shipped

AWAY = ("nightly-restart", "weekly-relogin", "sixteen-scripts")
"""Those in which the gateway is away for a while."""
AROUND = 8.0
"""Simulated seconds that are played slowly before a step, and after it."""


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    impatient(monkeypatch)


async def trade_until(stage: Scene, instant: float) -> None:
    """Let the clock run, and trade, until this instant (epoch seconds)."""
    while stage.gateway.clock.now() < instant:
        await stage.trader.try_one()
        stage.orders()
        await asyncio.sleep(0.05)
    await stage.trader.take_back()


def jump(stage: Scene, instant: float) -> None:
    """Be at this instant at once, if it is not past."""
    clock = stage.gateway.clock
    clock.set(at=max(instant, clock.now()))


async def play(stage: Scene, scenario: Scenario, begun: float) -> None:
    for step in scenario.steps:
        jump(stage, begun + step.after - AROUND)
        await trade_until(stage, begun + step.after + AROUND)
    jump(stage, begun + scenario.length - AROUND)
    await trade_until(stage, begun + scenario.length)


@pytest.mark.parametrize("name", sorted(shipped()))
async def test_a_shipped_day(name: str) -> None:
    scenario = load(name, speed=20.0, partial_share=0.0, linger=0.2, rate=150.0)
    async with scene(scenario.settings, lively=False, begin=scenario.play) as stage:
        await play(stage, scenario, next(iter(stage.gateway.log)).at)
        await stage.gateway.faults.heal()
        await stage.is_ready()
        await stage.money_is_right()
        stage.manners_were_kept()
        if name in AWAY:
            nobody_had_to_do_anything(stage)


def nobody_had_to_do_anything(stage: Scene) -> None:
    """Scripts stayed connected, were told when to try again, and went on; the order of before works."""
    for reader in stage.readers:
        assert not reader.broken, f"{reader.ib.script} lost the proxy"
        assert set(reader.refused) <= {"gateway.not_ready", "gateway.timeout", "request.expired"}, reader.refused
        assert reader.retries, f"{reader.ib.script} was never told when to try again"
        assert all(each is not None and each >= 0 for each in reader.retries), reader.retries
    assert stage.trader.answers["standing"] == "ok"
    assert not all(order.over for order in stage.orders()["standing"])
