"""The stage of a crash test: the servers in this process; gateway, proxies, traders in others; and who kills them.

What is killed when follows from a seed; what must hold afterwards is in `crash_checks`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import crash_records
from crash_gateway import GatewayProgram, gateway_program
from crash_nursing import START, Nursery, nursery
from crash_plan import COMPANIES, RESUMING, Plan
from crash_records import Name, Records
from crash_witness import Witness
from ports import free_port
from stage import PROCESSES, settings, until

from ibmux.core import recovery, reference
from ibmux.journal import Reader
from ibmux.sim import Settings, SimulatedGateway
from ibmux.sim.orders.book import KEPT
from ibmux.sim.orders.order import ExecutionFilter

sys.path.append(str(PROCESSES))
import crash_diary
from crash_proxy import POINTS

SHORT = 3.0
"""Seconds after which a proxy is killed that has not met the point of its end."""
LONG = 6.0
"""Seconds that every tenth proxy lives: long enough to decide what became of orders that no list shows."""
EXPECTED = (recovery.HALF_SENT,)
"""What a proxy rightly calls an error after a crash."""
QUIET = 0.5
"""Seconds without a new record after which nothing more is on its way to the journal."""
CALM = 40.0
"""Seconds for everything to end when nobody kills any more."""


class Stage:
    """One run."""

    def __init__(
        self, plan: Plan, folder: Path, simulator: SimulatedGateway, nursery: Nursery, program: GatewayProgram
    ) -> None:
        self.plan, self.folder, self.simulator, self.nursery = plan, folder, simulator, nursery
        self.program = program
        self.chance = random.Random(f"crash {plan.seed}")
        self.falls = random.Random(f"deaths {plan.seed}")
        self.witness = Witness(folder / "journal.db")
        self.witness.watch(simulator)
        self.names = [f"trader{number}" for number in range(plan.traders)]
        self.traders: dict[str, int] = {}
        self.kills: Counter[str] = Counter()
        self.story: list[str] = []
        self._port = free_port()
        self._began = time.time()
        gateway = {
            **settings(program.port)["gateways"]["paper"],
            "pause_cap": 0.3,
            "request_timeout": 2.0,
            "messages_per_second": 50.0,
            "burst": 50,
        }
        self.tree = settings(
            program.port,
            gateways={"paper": gateway},
            mqtt={"port": self._port, "socket": ""},
            journal={"path": str(folder / "journal.db")},
        )

    # -- processes --------------------------------------------------------------------------------------------------

    async def start_trader(self, name: str) -> None:
        """Start or restart a script."""
        self.traders[name] = await self.nursery.start(
            "trader",
            name=name,
            url=f"mqtt://127.0.0.1:{self._port}",
            seed=str(self.plan.seed),
            orders=-(-self.plan.orders // self.plan.traders),
            diary=str(self.folder / f"{name}.diary"),
            permit=str(self.folder / "permit"),
            finish=str(self.folder / "finish"),
            errors=str(self.folder / f"{name}.errors"),
            ear="client" if name in self.names[::2] else "own",
        )

    async def start_proxy(self, aim: tuple[str, int] | None = None) -> int:
        """Start a proxy that ends at a point, or does not."""
        errors = str(self.folder / "proxy.log")
        return await self.nursery.start("proxy", name="proxy", tree=self.tree, aim=aim, errors=errors)

    def permit(self, share: float) -> None:
        """Let traders begin this share of their jobs."""
        fresh = self.folder / "permit.new"
        fresh.write_text(str(share))
        fresh.replace(self.folder / "permit")

    # -- the run ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Trade and kill, then let everything end in peace."""
        self.permit(0)
        await self.simulator.faults.settle()
        for line in self.plan.standing:
            await self.simulator.faults.apply(line)
        for name in self.names:
            await self.start_trader(name)
        for number in range(self.plan.kills):
            self.permit((number + 1) / self.plan.kills)
            await self._disturb()
            falls = self.plan.falls > 0 and number % self.plan.falls == self.plan.falls - 1
            await (self._fall(number) if falls else self._live_and_die(number))
        await self._calm()

    async def _disturb(self) -> None:
        if self.chance.random() < self.plan.trader_kills:
            name = self.chance.choice(self.names)
            self._note(f"{name} is killed")
            self.kills["a trader"] += 1
            await self.nursery.kill(self.traders[name])
            await self.start_trader(name)

    async def _live_and_die(self, number: int) -> None:
        """One proxy from its start to its end."""
        chance = self.chance.random()
        aim = None
        limit = self.chance.uniform(0.05, 1.0)
        if chance < 0.5:
            point = self.chance.choice(list(POINTS))
            aim, limit = (point, self.chance.randint(1, POINTS[point][2])), SHORT
        proxy = await self.start_proxy(aim)
        if chance >= 0.7 or number % 10 == 9:  # it is killed at work, not as it starts
            await until(lambda: proxy in self.nursery.ready or proxy in self.nursery.ended, "ready", START)
            limit = LONG if number % 10 == 9 else limit
        fault = self._fault() if self.chance.random() < self.plan.faults else None
        try:
            await self._see_off(proxy, aim, limit)
        finally:
            if fault is not None:
                await fault
        self._note(f"proxy {number} ended: {aim or 'at any time'}")

    async def _see_off(self, proxy: int, aim: tuple[str, int] | None, limit: float) -> None:
        """Wait for a proxy's end at its point; kill it where it does not come."""
        try:
            await until(lambda: proxy in self.nursery.ended, "its end", limit)
            self.kills[aim[0] if aim else "by itself"] += 1
            assert self.nursery.ended[proxy] == -9, f"a proxy ended by itself: {self.nursery.ended[proxy]}"
        except AssertionError:
            if proxy in self.nursery.ended:
                raise
            await self.nursery.kill(proxy)
            self.kills["at any time"] += 1

    async def _fall(self, number: int) -> None:
        """One proxy whose gateway is killed: alone, or in one instant with the proxy, a script, or both."""
        chance = self.falls
        [company] = chance.choices(list(COMPANIES), list(COMPANIES.values()))
        with_proxy, script = "proxy" in company, chance.choice(self.names) if "script" in company else ""
        aim = (chance.choice(RESUMING), chance.randint(1, 2)) if chance.random() < 0.5 and not with_proxy else None
        proxy = await self.start_proxy(aim)
        if chance.random() < 0.8:  # else as it synchronises
            await until(lambda: proxy in self.nursery.ready or proxy in self.nursery.ended, "ready", START)
        await asyncio.sleep(chance.uniform(0, 0.4))
        victims = [*([proxy] if with_proxy else []), *([self.traders[script]] if script else [])]
        death = await self.program.die(*victims, of=company, at_point=chance.random() < 0.6)
        self._note(f"the gateway is killed {death}")
        if script:
            await self.start_trader(script)
        if with_proxy:
            self.kills["with the gateway"] += 1
            return
        await self.program.back()
        await self._see_off(proxy, aim, LONG if number % 10 == 9 else chance.uniform(0.1, 2.0))
        self._note(f"proxy {number} ended, which saw it: {aim or 'at any time'}")

    def _fault(self) -> asyncio.Task[str]:
        line, pause = self.chance.choice(self.plan.gateway_faults), self.chance.uniform(0, 1.0)
        self._note(f"the gateway: {line}")
        self.kills["a fault of the gateway"] += 1

        async def act() -> str:
            await asyncio.sleep(pause)
            return await self.simulator.faults.apply(line)

        return asyncio.create_task(act())

    async def _calm(self) -> None:
        """No more kills and faults: every order comes to its end, every script hears all of it."""
        await self.simulator.faults.apply("heal")
        await self.simulator.faults.apply("drop")
        await self.program.back()
        proxy = await self.start_proxy()
        everyone = set(self.names)
        with contextlib.suppress(AssertionError):  # what did not end is found by the checks, and in more words
            await until(lambda: everyone <= self.nursery.traded, "all orders have ended", CALM)
            await self._quiet()
        (self.folder / "finish").touch()
        with contextlib.suppress(AssertionError):
            await until(lambda: all(each in self.nursery.ended for each in self.traders.values()), "their ends", START)
        await self.nursery.kill(proxy)

    async def _quiet(self) -> None:
        """Wait until the journal grows no more: the last words on orders that have ended are in it, for all to hear."""
        before = -1
        with Reader(self.folder / "journal.db") as reader:
            while (last := reader.last_seq()) > before:
                before = last
                await asyncio.sleep(QUIET)

    def _note(self, text: str) -> None:
        self.story.append(f"{time.time() - self._began:8.3f} {text}")

    # -- what came of it --------------------------------------------------------------------------------------------

    def records(self) -> Records:
        """The three records."""
        self.witness.close()
        executions = self.simulator.book.executions(ExecutionFilter())
        assert len(executions) < KEPT, "the gateway has forgotten executions: take fewer orders"
        by_name: dict[Name, list[str]] = {}
        for execution, _ in executions:
            mark = reference.read(execution.orderRef)
            by_name.setdefault(Name(mark.script, mark.key), []).append(execution.execId)
        records = Records()
        records.diaries = {name: crash_diary.read(self.folder / f"{name}.diary") for name in self.names}
        for order, at, intended in self.witness.orders:
            mark = reference.read(order.spec.orderRef)
            numbers = by_name.get(Name(mark.script, mark.key), [])
            placed = crash_records.of_order(order, at, intended, numbers)
            (records.book if placed.permId else records.held).append(placed)
        crash_records.read_journal(self.folder / "journal.db", records)
        records.units = crash_records.units(records.diaries)
        records.faults = self._faults()
        return records

    def _faults(self) -> list[str]:
        lines = (self.folder / "proxy.log").read_text(errors="replace").splitlines()
        found = [line for line in lines if _is_fault(line)]
        found += (self.folder / "gateway.errors").read_text(errors="replace").splitlines()
        for name in self.names:
            text = (self.folder / f"{name}.errors").read_text(errors="replace")
            found += [f"{name}: {line}" for line in text.splitlines()]
        return found


def _is_fault(line: str) -> bool:
    if not line.startswith("{"):
        return True
    return json.loads(line)["level"] in ("error", "critical") and not any(each in line for each in EXPECTED)


@asynccontextmanager
async def crash_stage(plan: Plan, folder: Path) -> AsyncIterator[Stage]:
    """A gateway and a nursery for one run."""
    terms = Settings(
        seed=7, start="20260105 10:00:00 US/Eastern", linger=0.0, fill_delay=0.03, partial_share=0.4, cash=1e9,
        active_orders=0, messages_per_second=10_000, rate=1.0,
    )  # fmt: skip
    async with (
        SimulatedGateway(terms) as simulator,
        nursery() as running,
        gateway_program(plan.seed, folder, simulator, running) as program,
    ):
        yield Stage(plan, folder, simulator, running, program)
