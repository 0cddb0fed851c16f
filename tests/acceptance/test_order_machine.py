"""Scripts and a gateway do anything in any order; when it is quiet, the proxy's view of every order is the gateway's.

Hypothesis draws what happens. What scripts were told is legal at any time: nothing leads out of an end, `filled` never
falls, each fill is told once. `IBMUX_MACHINES=500` is a long form, `IBMUX_SEED` another draw.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, ExitStack
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from incident_scene import gateway, life, replayed
from money_scene import APPLE, FAR, SOFT, Scene
from order_agreement import BREAKS, CUTS, ENDINGS, LIFTED, LOSSES, MESSAGES, ORDERS, WARNINGS, check, differences

from ibmux.sim import SimulatedGateway
from ibmux.sim.events import OrderError
from ibmux.sim.orders.order import BookOrder

SEED = int(os.environ.get("IBMUX_SEED", "20260221"))
MACHINES = int(os.environ.get("IBMUX_MACHINES", "10"))
STEPS = 25
NAMES = ("ann", "ben")


class Machine(RuleBasedStateMachine):
    """A gateway, a proxy, two scripts."""

    steps: ClassVar[list[str]] = []

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.folder = ExitStack()
        self.life: AsyncExitStack
        self.simulator: SimulatedGateway
        self.path: Path
        self.scene: Scene
        self.chance: random.Random
        self.placed: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str, str, bytes]] = []
        self.codes: defaultdict[str, set[str]] = defaultdict(set)
        self.deafened = False
        self.story: list[str] = []

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Let the loop run until this is done."""
        return self.loop.run_until_complete(work)

    def note(self, step: str) -> None:
        """Remember what was done."""
        self.steps.append(step)
        self.story.append(step)

    @initialize(number=st.integers(1, 1 << 30))
    def begin(self, number: int) -> None:
        self.path = Path(self.folder.enter_context(TemporaryDirectory(prefix="ibmux-test-")))
        self.chance = random.Random(number)  # hypothesis repeats much of what it draws; it chooses the rules
        world = gateway(seed=number % 1000, partial_share=0.3, status_first=0.3)
        self.simulator = self.run(self.stack.enter_async_context(world))
        self.run(self.live())
        self.place("ann", "LMT", 10, 0.0)  # there is always one to do something with

    async def live(self) -> None:
        """A proxy begins; scripts ask for what they missed since the last one ended."""
        first = not hasattr(self, "scene")
        heard = [] if first else self.scene.heard
        self.life = AsyncExitStack()
        stage = life(self.simulator, self.path, *NAMES, drain_timeout=0.1, ready=first)
        self.scene = await self.life.enter_async_context(stage)
        known = {(script, told["seq"]) for script, _, told in heard}
        for name in () if first else NAMES:
            since = max((seq for script, seq in known if script == name), default=0)
            for event in await replayed(self.scene, name, since):
                kind, told = next((kind, event[kind]) for kind in ("order", "fill") if event.get(kind))
                if (name, told["seq"]) not in {(script, each["seq"]) for script, _, each in self.scene.heard}:
                    heard.append((name, kind, told))
        self.scene.heard[:0] = heard

    @rule()
    def restart_proxy(self) -> None:
        """The proxy ends under whatever is under way; answers may be lost, orders and fills not."""

        async def begin_anew() -> None:
            self.note("another proxy")
            await self.life.aclose()
            for key, method, *_ in self.asked:
                if method == "placeOrder":
                    self.codes[key].add("lost")  # whatever it said
            self.asked.clear()
            await self.live()

        if self.chance.random() < 0.4:
            self.run(begin_anew())

    # -- what scripts do

    @rule()
    def place_one(self) -> None:
        self.place(
            self.chance.choice(NAMES), self.chance.choice(("LMT", "LMT", "MKT", "STP")), self.chance.randint(1, 50),
            self.chance.choice((0.0, 0.0, 0.03)),
        )  # fmt: skip

    def place(self, who: str, kind: str, size: int, pause: float) -> None:
        key = f"{who}-{len(self.placed)}"
        price = {"LMT": {"lmtPrice": FAR}, "MKT": {}, "STP": {"auxPrice": 5000.0}}[kind]
        order = {"action": "BUY", "totalQuantity": size, "orderType": kind, **price}
        self.placed[key] = {"contract": APPLE if size % 2 else SOFT, "order": order, "key": key}
        self.ask(key, "placeOrder", self.placed[key], pause)

    @rule()
    def place_again(self) -> None:
        key = self.any_key()
        self.ask(key, "placeOrder", self.placed[key])

    @rule()
    def change(self) -> None:
        key = self.any_key()
        order = {**self.placed[key]["order"], "totalQuantity": self.chance.randint(1, 60)}
        if "lmtPrice" in order:
            order["lmtPrice"] = round(self.chance.uniform(0.5, 2.0), 2)
        self.ask(key, "modifyOrder", {"order": order, "key": key}, self.chance.choice((0.0, 0.03)))

    @rule()
    def cancel(self) -> None:
        key = self.any_key()
        self.ask(key, "cancelOrder", {"key": key}, self.chance.choice((0.0, 0.03)))

    def any_key(self) -> str:
        """One of the keys, of late ones rather than of early ones."""
        return self.chance.choice(list(self.placed)[-4:])

    def ask(self, key: str, method: str, arguments: dict[str, Any], pause: float = 0.0) -> None:
        who = key.partition("-")[0]
        self.note(f"{method} {key}")

        async def send() -> None:
            sent = self.scene.scripts[who].send(method, arguments, expiry=2, user_properties=(("wait", "ready"),))
            self.asked.append((key, method, who, sent))
            await asyncio.sleep(pause)  # what happens next may find it anywhere on its way

        self.run(send())

    # -- what the gateway does

    @rule()
    def fill(self) -> None:
        part = Decimal(str(self.chance.choice((0.3, 0.5, 1.0))))

        def fill(order: BookOrder) -> None:
            simulator = self.simulator
            size = min(max(Decimal(1), (order.remaining * part).to_integral_value()), order.remaining)
            simulator.publish(simulator.book._floor.fill(order, size, FAR, simulator.clock.now()))

        self.act(fill)

    @rule()
    def warn(self) -> None:
        code = self.chance.choice(sorted(WARNINGS))

        def warn(order: BookOrder) -> None:
            self.simulator.publish([OrderError(1, order.orderId, code, WARNINGS[code])])

        self.act(warn)

    @rule()
    def end_by_itself(self) -> None:
        def end(order: BookOrder) -> None:
            self.simulator.publish(self.simulator.book._floor.cancel(order, self.simulator.clock.now()))

        self.act(end)

    def act(self, deed: Callable[[BookOrder], None]) -> None:
        """Do something to one of the orders that work."""

        async def do() -> None:
            await asyncio.sleep(0.01)
            working = [each for each in self.scene.orders if not each.held and each.permId]
            if working:
                order = self.chance.choice(working)
                self.note(f"{deed.__name__} {order.orderId}")
                deed(order)

        self.run(do())

    @rule()
    def cut(self) -> None:
        self.play(self.chance.choice(CUTS))

    @rule()
    def break_connections(self) -> None:
        self.play(self.chance.choice(BREAKS))

    @rule()
    def mistreat_messages(self) -> None:
        self.play(self.chance.choice(MESSAGES))

    @rule()
    def mistreat_orders(self) -> None:
        self.play(self.chance.choice(ORDERS))

    @rule()
    def lift(self) -> None:
        self.play(self.chance.choice(LIFTED))

    def play(self, line: str) -> None:
        self.note(line)
        self.deafened |= line in LOSSES
        pause = self.chance.uniform(0.0, 0.15)

        async def strike() -> None:
            await self.simulator.faults.apply(line)
            await asyncio.sleep(pause)  # the moment at which the next thing happens is the test

        self.run(strike())

    @rule()
    def be_quiet(self) -> None:
        """Everything is lifted; then both sides agree."""
        if self.chance.random() < 0.3:
            self.run(self.agree())

    def teardown(self) -> None:
        try:
            if hasattr(self, "scene"):
                self.run(self.agree())
        except AssertionError as error:
            raise AssertionError(f"{error}\n{', '.join(self.story)}") from error
        finally:
            if hasattr(self, "life"):
                self.run(self.life.aclose())
            self.run(self.stack.aclose())
            self.folder.close()
            self.loop.close()

    # -- what must hold

    async def agree(self) -> None:
        self.note("quiet")
        await self.calm()
        for key, method, who, sent in self.asked:
            answer = await self.scene.scripts[who].answer(sent)
            assert answer.code in ENDINGS, (key, method, answer)
            if method == "placeOrder":
                self.codes[key].add(answer.code)
        self.asked.clear()
        await self.scene.audit()
        try:
            await self.scene.until(lambda: not differences(self.scene), "the books agree")
        except AssertionError:
            raise AssertionError("\n".join(differences(self.scene))) from None
        check(self.scene, self.codes)

    async def calm(self) -> None:
        """Heal; where news were lost for good, a new connection tells what is."""
        scene, simulator = self.scene, self.simulator
        session = scene.proxy.gateways["paper"].session
        for line in ("heal", "release"):
            await simulator.faults.apply(line)
        await scene.until(lambda: not simulator.book._mishaps._queue, "nothing waits at the gateway")
        await simulator.faults.apply("release")  # of what waited, its news may be held back
        await scene.until(lambda: session.state == "ready", "the session is ready")
        if self.deafened:
            epoch, self.deafened = session.epoch, False
            await simulator.faults.apply("drop")
            await scene.until(lambda: session.epoch > epoch and session.state == "ready", "connected anew")
        await scene.until(lambda: not scene.proxy.door.in_flight, "nothing is in flight")


@pytest.mark.timeout(60 + 10 * MACHINES)
def test_orders_live_as_at_the_gateway() -> None:
    print(f"IBMUX_SEED={SEED}")  # noqa: T201 - repeats a run
    kind: type[Machine] = type("Machine", (Machine,), {"steps": []})
    run_state_machine_as_test(
        seed(SEED)(kind),
        settings=settings(
            max_examples=MACHINES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # to shrink what depends on moments finds something else
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(Counter(step.split(" ")[0] for step in kind.steps))  # noqa: T201
    assert kind.steps.count("quiet") >= MACHINES
