"""The real proxy under scripts, against every fault of the simulator: alone, and in random sequences."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections import Counter
from typing import NamedTuple

import pytest
from fault_scene import BOUND, FLOOR, Scene, impatient, scene, world
from stage import until

from ibmux.sim.faults.verbs import VERBS

CONTROLS = {"heal", "clear", "lift", "speed", "status", "log", "help", "restore", "thaw", "unstuck", "login", "release"}
"""Verbs that end faults or show something."""
SECONDS = float(os.environ.get("IBMUX_FAULTS_SECONDS", "25"))
"""How long random sequences are played; 3600 is a long form."""


class Case(NamedTuple):
    """A fault, and what the proxy makes of it.

    Attributes:
        lines: what is done, one after the other.
        state: the session's state that is waited for while it lasts; `again` is a new connection; empty: none.
        after: what is done beside `heal` at its end, where the proxy does not find back by itself: messages that were
            lost on a connection that stands are learned with the next one (`lose`): nothing tells a program that there
            was something to hear.
    """

    lines: tuple[str, ...]
    state: str = "waiting"
    after: tuple[str, ...] = ()


CASES = {
    "refuse": Case(("refuse", "drop")),
    "reset": Case(("reset", "drop")),
    "silent": Case(("silent", "drop")),
    "silent_api": Case(("silent_api", "drop")),
    "slam": Case(("slam 1", "drop")),
    "half_open": Case(("half_open",), "again"),
    "half_open-silent": Case(("half_open new=silent",)),
    "half_open-refuse": Case(("half_open new=refuse",)),
    "half_open-held": Case(("half_open ids=held",), "standby"),
    "freeze": Case(("freeze",)),
    "drop": Case(("drop",), "again"),
    "stuck": Case(("stuck 1",), "standby"),
    "occupy": Case(("occupy 1", "drop"), "standby"),
    "full": Case(("full", "drop")),
    "strict": Case(("strict 1 1",)),
    "strict-lenient": Case(("strict 1 1000000", "cut", "restore yes"), ""),
    "move_port": Case(("move_port",)),
    "cut": Case(("cut",), "cut"),
    "cut-bare": Case(("cut bare=yes",), "cut"),
    "cut-lost": Case(("cut told=lost",), "cut"),
    "cut-through": Case(("cut told=through broken=yes",), "cut"),
    "cut-farms": Case(("cut word=farms",), "cut"),
    "cut-unsaid": Case(("cut word=none",), "cut"),
    "cut-bare-unsaid": Case(("cut bare=yes word=none",), "cut"),
    "farm": Case(("farm usfarm",), ""),
    "farm-history": Case(("farm ushmds",), ""),
    "farm-definitions": Case(("farm secdefil",), ""),
    "blip": Case(("blip usfarm 10",), ""),
    "compete": Case(("compete",), ""),
    "restart": Case(("restart 20 roll=3 settle=10",)),
    "restart-fragile": Case(("restart 20 fragile=5",)),
    "logout": Case(("logout",)),
    "logout-silent": Case(("logout silent",)),
    "read_only": Case(("read_only", "drop"), "again"),
    "wrong_account": Case(("wrong_account", "drop"), "parked"),
    "slow_sync": Case(("slow_sync 8", "drop"), "syncing"),
    "partial_sync": Case(("partial_sync", "drop")),
    "partial_sync-executions": Case(("partial_sync execDetailsEnd", "drop"), "again"),
    "delay": Case(("delay 6 2",), ""),
    "duplicate": Case(("duplicate 50%",), ""),
    "reorder": Case(("reorder 50%",), ""),
    "lose": Case(("lose 20%",), "", ("drop",)),
    "hush": Case(("hush 30%",), "", ("drop",)),
    "say": Case(("say 1100",), "cut"),
    "say-2110": Case(("say 2110",), "cut"),
    "reject_next": Case(("reject_next 201 no 2",), ""),
    "delay_next": Case(("delay_next 10",), ""),
    "hold_next": Case(("hold_next",), ""),
    "roll_ids": Case(("roll_ids 5", "drop"), "again"),
    "fork_on_modify": Case(("fork_on_modify",), ""),
    "shock": Case(("shock -7% 10",), ""),
    "deaden": Case(("deaden",), ""),
}


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    impatient(monkeypatch)


def test_every_fault_is_played() -> None:
    assert {name.partition("-")[0] for name in CASES} | CONTROLS == set(VERBS)


async def play(stage: Scene, case: Case) -> None:
    """Begin, see what the proxy makes of it, trade through it."""
    session = stage.session
    epoch, transitions = session.epoch, Counter(session.transitions)
    for line in case.lines:
        await stage.gateway.faults.apply(line)
    stage.forked |= "fork_on_modify" in case.lines
    trading = asyncio.create_task(stage.trader.trade_on())
    if case.state == "again":
        await until(lambda: session.epoch > epoch and session.state == "ready", "another session", BOUND)
    elif case.state:

        def was_reached() -> bool:
            return any(state == case.state for _, state in Counter(session.transitions) - transitions)

        await until(was_reached, f"the session is {case.state}", BOUND)
    await trading


async def heal(stage: Scene, after: tuple[str, ...] = ()) -> None:
    """Lift everything; a person lets a session go on that was parked."""
    await stage.gateway.faults.heal()
    assert stage.gateway.faults.in_force == {}
    link = stage.session.link
    for line in after:
        await stage.gateway.faults.apply(line)
    if "drop" in after and link is not None:
        await until(lambda: stage.session.link is not link, "the loss is noticed")
    if stage.session.state == "parked":
        await asyncio.sleep(FLOOR)  # a person takes longer than that
        stage.session.resume()


@pytest.mark.parametrize("name", CASES)
async def test_each_fault_alone(name: str) -> None:
    async with scene(world()) as stage:
        await play(stage, CASES[name])
        await heal(stage, CASES[name].after)
        await stage.all_is_well()


@pytest.mark.timeout(SECONDS + 120)
async def test_random_sequences_of_faults() -> None:
    seed = int(os.environ.get("IBMUX_FAULTS_SEED", "20260221"))
    sys.stdout.write(f"IBMUX_FAULTS_SEED={seed}\n")
    chance = random.Random(seed)
    end = time.monotonic() + SECONDS
    async with scene(world(seed % 1000)) as stage:
        while time.monotonic() < end:
            names = chance.choices(sorted(CASES), k=chance.randint(1, 5))
            sys.stdout.write(f"{', '.join(names)}\n")
            for name in names:
                for line in CASES[name].lines:
                    await stage.gateway.faults.apply(line)
                stage.forked |= name == "fork_on_modify"
                if chance.random() < 0.5:
                    await stage.trader.trade_on()
                else:
                    await asyncio.sleep(chance.random())  # the moment at which the next fault strikes is the test
            await heal(stage, tuple(line for name in names for line in CASES[name].after))
            await stage.all_is_well()
