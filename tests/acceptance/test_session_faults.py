"""Sequences of faults that nobody chose, against a session: hypothesis draws them, the gateway's log judges.

`IBMUX_FAULTS_SEQUENCES=500` and `IBMUX_FAULTS_ROW=500` are the long form; `IBMUX_FAULTS_SEED` repeats a run.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any, ClassVar

import pytest
from fault_scene import impatient
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from session_rig import FAMILIES, FAULTS, OTHERS, Rig, rig
from stage import until

from ibmux.core.backoff import Backoff
from ibmux.sim.faults.verbs import VERBS

SEQUENCES = int(os.environ.get("IBMUX_FAULTS_SEQUENCES", "12"))
"""How many sequences are played, all kinds together."""
SEED = "20260221" if SEQUENCES <= 12 else str(random.randrange(1 << 30))
"""The short form is the same every time; the long one draws a seed, unless `IBMUX_FAULTS_SEED` names one."""
ROW = int(os.environ.get("IBMUX_FAULTS_ROW", "30"))
"""How many faults follow each other in one long row."""
STEPS = 10
MOMENT = st.floats(0.0, 0.25)
ENDS = {"heal", "clear", "lift", "speed", "status", "log", "help", "thaw", "unstuck", "login", "release"}
"""Verbs that end faults or show something."""
ELSEWHERE = {"fork_on_modify"}
"""Faults of what a session does not do alone: `test_faults_through_proxy` has them."""


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    impatient(monkeypatch)


@pytest.fixture
def chosen_seed() -> Iterator[int]:
    """A seed, printed, so that a run can be repeated."""
    value = int(os.environ.get("IBMUX_FAULTS_SEED", SEED))
    sys.stdout.write(f"IBMUX_FAULTS_SEED={value}\n")
    yield value


def test_every_fault_is_drawn() -> None:
    assert {line.split()[0] for line in FAULTS} | ENDS | ELSEWHERE >= set(VERBS)


class Sequence(RuleBasedStateMachine):
    """One sequence: a rig of its own, faults and what scripts do in any order, then everything is lifted."""

    behind: ClassVar[bool] = False
    lengths: ClassVar[list[int]] = []

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.rig: Rig

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Let the loop run until this is done."""
        return self.loop.run_until_complete(work)

    @initialize(number=st.integers(1, 999), line=st.sampled_from(FAULTS))
    def begin(self, number: int, line: str) -> None:
        self.rig = self.run(self.stack.enter_async_context(rig(number, behind=self.behind)))
        self.run(self.rig.play(line))

    def strike(self, line: str, seconds: float) -> None:
        self.run(self.rig.play(line))
        self.run(asyncio.sleep(seconds))  # the moment at which the next thing happens is the test

    @rule(line=st.sampled_from(FAMILIES["connections"]), seconds=MOMENT)
    def break_connections(self, line: str, seconds: float) -> None:
        self.strike(line, seconds)

    @rule(line=st.sampled_from(FAMILIES["session"]), seconds=MOMENT)
    def break_session(self, line: str, seconds: float) -> None:
        self.strike(line, seconds)

    @rule(line=st.sampled_from(FAMILIES["data"]), seconds=MOMENT)
    def break_data(self, line: str, seconds: float) -> None:
        self.strike(line, seconds)

    @rule(line=st.sampled_from(FAMILIES["messages"]), seconds=MOMENT)
    def break_messages(self, line: str, seconds: float) -> None:
        self.strike(line, seconds)

    @rule(line=st.sampled_from(FAMILIES["orders"]), seconds=MOMENT)
    def break_orders(self, line: str, seconds: float) -> None:
        self.strike(line, seconds)

    @rule(number=st.integers(0, 9))
    def lift(self, number: int) -> None:
        self.run(self.rig.lift(number))

    @rule(seconds=st.floats(0.01, 0.4))
    def wait(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    @rule(far=st.booleans())
    def place_order(self, far: bool) -> None:
        self.run(self.rig.place(limit=2.0 if far else 0.0))

    @rule(contract=st.sampled_from(OTHERS))
    def subscribe(self, contract: Any) -> None:
        self.run(self.rig.subscribe(contract))

    @rule()
    def ask(self) -> None:
        self.run(self.rig.ask())

    @invariant()
    def nothing_is_empty(self) -> None:
        if hasattr(self, "rig"):
            self.rig.look()

    def teardown(self) -> None:
        try:
            if hasattr(self, "rig"):
                self.run(self.end())
        finally:
            self.run(self.stack.aclose())
            self.loop.close()

    async def end(self) -> None:
        """All is lifted, and all is well."""
        try:
            await self.rig.heal()
            await self.rig.all_is_well()
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.rig.story()}") from error
        self.lengths.append(sum(not line.startswith("lift ") for line in self.rig.played))


@pytest.mark.timeout(60 + 6 * SEQUENCES)
@pytest.mark.parametrize("behind", [False, True], ids=["gateway", "forwarder"])
def test_any_sequence_of_faults_ends_in_ready(behind: bool, chosen_seed: int) -> None:
    kind = type("Sequence", (Sequence,), {"behind": behind, "lengths": []})
    run_state_machine_as_test(
        seed(chosen_seed)(kind),
        settings=settings(
            max_examples=max(1, SEQUENCES // 2),
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=False,
            database=None,
            phases=[Phase.generate],  # to shrink what depends on moments takes hours and finds something else
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    sys.stdout.write(f"{len(kind.lengths)} sequences, {sum(kind.lengths)} faults, at most {max(kind.lengths)} in one\n")
    assert len(kind.lengths) >= SEQUENCES // 2


@pytest.mark.timeout(60 + 2 * ROW)
async def test_a_long_row_of_faults(chosen_seed: int) -> None:
    chance = random.Random(chosen_seed)
    async with rig(chosen_seed % 1000) as stage:
        try:
            for _ in range(ROW):
                await stage.play(chance.choice(FAULTS))
                if chance.random() < 0.3:
                    await stage.place()
                await asyncio.sleep(chance.random() * 0.2)  # the moment at which the next one strikes is the test
                if chance.random() < 0.6:
                    await stage.lift(chance.randrange(10))
                stage.look()
            await stage.heal()
            await stage.all_is_well()
        except AssertionError as error:
            raise AssertionError(f"{error}\n{', '.join(stage.played)}\n{stage.story()}") from error


async def test_a_stuck_listener_that_is_restarted_inside_a_pause_has_time_to_settle() -> None:
    """Nobody was looking while its port was closed: that it answers again says that it has just been started."""
    async with rig() as stage:
        log, session = stage.gateway.log, stage.session
        session.backoff = Backoff(4.0, 4.0)  # a whole restart has room in it
        await stage.play("silent")
        await stage.play("drop")
        await until(lambda: len(log.of("closed")) == 2 and session.state == "waiting", "a stuck listener is found")
        assert "stuck" in session.status().reason
        attempts = len(log.of("attempt"))
        await stage.play("restart 1")
        await stage.play("lift silent")
        await until(lambda: stage.gateway.door.is_open, "the port is open again")
        assert len(log.of("attempt")) == attempts
        await stage.all_is_well()
