"""A session on a simulated gateway, both in one loop, and the gateway's own log as the witness of its manners.

The faults that a sequence may consist of are here, too. Times are short; the gateway is fragile: whoever greets it too
early after its start leaves it stuck, and the log says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from fault_scene import world
from stage import Stalls, awake, until

from ibmux.config import GatewaySettings
from ibmux.core.history_pacing import Quota, Spacing
from ibmux.errors import IbmuxError
from ibmux.messages.contracts import Contract
from ibmux.messages.orders import Order
from ibmux.session import Hooks, Session
from ibmux.session.feeds import DepthFeed, RealTimeFeed, TickByTick
from ibmux.sim import SimulatedGateway
from ibmux.sim.faults.forwarder import Forwarder
from ibmux.sim.orders.order import ExecutionFilter

FLOOR = 0.2
"""Seconds of the session's shortest pause."""
BOUND = 20.0
"""Seconds from the end of all faults to `ready`, at these settings."""
SPEED = 20.0
FRAGILE = 3.0
"""Simulated seconds (0.15 real ones) in which a gateway that has just started bears no greeting."""
SETTINGS: dict[str, Any] = {
    "name": "paper", "client_id": 1, "kind": "paper", "accounts": ("DU1000001",), "connect_timeout": 0.4,
    "request_timeout": 1.2, "heartbeat": 0.6, "pause_floor": FLOOR, "pause_cap": 0.4, "settle": 0.3, "probe": 0.5,
}  # fmt: skip
STANDING = "standing"
ACCOUNT = "DU1000001"
APPLE = Contract("STK", 265598, "AAPL", exchange="SMART", currency="USD")
OTHERS = tuple(Contract("STK", 0, name, exchange="SMART", currency="USD") for name in ("MSFT", "NVDA", "GOOG"))

FAMILIES: dict[str, tuple[str, ...]] = {
    "connections": (
        "refuse", "reset", "silent", "silent_api", "slam 2", "half_open", "half_open new=silent",
        "half_open new=refuse", "half_open ids=held", "freeze", "drop", "stuck 1", "occupy 1", "full", "strict 1 1",
        "strict 1 1000000", "move_port",
    ),
    "session": (
        "cut", "cut bare=yes", "cut told=lost", "cut told=through broken=yes", "cut word=farms", "cut word=none",
        "cut bare=yes word=none", "restore", "restore yes", "restore word=none", "compete", "restart 20",
        "restart 20 roll=3 settle=5", "restart 20 fragile=4", "logout", "logout silent", "read_only", "wrong_account",
    ),
    "data": (
        "farm usfarm", "farm ushmds", "farm secdefil", "blip usfarm 4", "blip ushmds 2", "shock -7% 10", "deaden",
    ),
    "messages": (
        "slow_sync 6", "partial_sync", "partial_sync execDetailsEnd", "delay 4 2", "duplicate 50%", "reorder 50%",
        "lose 20%", "hush 20%", "say 1100", "say 1101", "say 1102", "say 2110",
    ),
    "orders": (
        "reject_next 201 no 2", "delay_next 10", "hold_next", "roll_ids 5",
    ),
}  # fmt: skip
"""Every kind of fault. A restart keeps the port closed for a second, longer than the longest pause (0.4 s) and what may
come on top: one that is over before anybody looks again cannot be told from a broken connection."""
FAULTS = tuple(line for family in FAMILIES.values() for line in family)
DEAFENING = ("lose", "hush", "partial_sync")
"""With these in force a gateway withholds what it knows and says nothing of it."""


@dataclass
class Ear:
    """What the session told."""

    ticks: Counter[int] = field(default_factory=Counter)
    streams: Counter[str] = field(default_factory=Counter)
    executions: set[str] = field(default_factory=set)
    refs: dict[str, str] = field(default_factory=dict)
    errors: list[tuple[int, int, str]] = field(default_factory=list)
    gaps: list[tuple[float, float, str]] = field(default_factory=list)

    def hooks(self) -> Hooks:
        """Hooks that write here."""
        return Hooks(
            on_ticks=lambda con_id, ticks, fields: self.ticks.update([con_id] if ticks else []),
            on_pnl=lambda _: self.streams.update(["profit"]),
            on_execution=lambda fill: self.executions.add(fill.execution.execId),
            on_order=lambda contract, order, state: self.refs.update({order.orderRef: state.status}),
            on_completed=lambda trade: self.refs.update({trade.order.orderRef: trade.orderStatus.status}),
            on_order_error=lambda number, code, text, more: self.errors.append((number, code, text)),
            on_gap=lambda start, end, why, *_: self.gaps.append((start, end, why)),
        )


class Wrongs(logging.Handler):
    """Keeps what is logged as an error: nobody expected it."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it, with the exception."""
        self.texts.append(f"{record.getMessage()} {record.exc_info}")


class Rig:
    """A session that subscribed everything and has an order standing, on a gateway that may do anything.

    Args:
        gateway: the gateway, the witness.
        session: the session under test; it runs.
        ear: what it told.
        stalls: when neither was looked after.
    """

    def __init__(self, gateway: SimulatedGateway, session: Session, ear: Ear, stalls: Stalls) -> None:
        self.gateway, self.session, self.ear, self.stalls = gateway, session, ear, stalls
        self.lines: set[int] = set()
        self.sent: list[str] = []
        self.played: list[str] = []
        self.asked: Counter[str] = Counter()
        self.wrongs = Wrongs()
        self._lost = False
        self._orders = 0

    # -- what scripts do --------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Subscribe every kind of stream, and have an order that works on."""
        session, ear = self.session, self.ear
        feeds = {
            "single ticks": TickByTick(APPLE, "BidAsk"),
            "book": DepthFeed(APPLE, 5, True, []),
            "five-second bars": RealTimeFeed(APPLE, "TRADES", False, []),
        }
        for name, feed in feeds.items():
            feed.deliver = lambda came, name=name: ear.streams.update([name])
            await session.open_stream(feed, deadline=self.soon(BOUND))
        assert await self.subscribe(APPLE, BOUND)
        await session.pnl(ACCOUNT, deadline=self.soon(BOUND))
        await self.place(STANDING, 1.5, BOUND)
        await until(lambda: ear.refs.get(STANDING), "the standing order is acknowledged")

    def soon(self, seconds: float = 2.0) -> float:
        """A deadline on the loop's clock."""
        return asyncio.get_running_loop().time() + seconds

    async def subscribe(self, contract: Contract, patience: float = 0.3) -> bool:
        """Open a line; whether it was."""
        try:
            [details, *_] = await self.session.contract_details(contract, deadline=self.soon(patience))
            if details.contract.conId not in self.session.lines:
                await self.session.open_line(details.contract, deadline=self.soon(patience))
        except IbmuxError as error:
            self.asked[error.code] += 1
            return False
        self.lines.add(details.contract.conId)
        return True

    async def place(self, ref: str = "", limit: float = 0.0, patience: float = 0.3) -> None:
        """Send an order, at the market or far from it."""
        self._orders += 1
        ref = ref or f"order-{self._orders}"
        kind = {"orderType": "LMT", "lmtPrice": limit} if limit else {"orderType": "MKT"}
        order = Order(action="BUY", totalQuantity=1, account=ACCOUNT, orderRef=ref, tif="GTC", **kind)

        def prepare(number: int) -> Order:
            order.orderId = number
            return order

        try:
            await self.session.place_order(APPLE, prepare, deadline=self.soon(patience))
        except IbmuxError as error:
            self.asked[error.code] += 1
        else:
            self.sent.append(ref)

    async def ask(self) -> None:
        """Lists are never empty, whatever is the matter; a refusal is an answer."""
        self.look()
        try:
            listed = await self.session.open_orders(deadline=self.soon(0.2))
        except IbmuxError as error:
            self.asked[error.code] += 1
        else:
            self.asked["ok"] += 1
            assert self.is_deaf or listed, "an empty list of open orders"

    def look(self) -> None:
        """What is read without asking the gateway: never empty while the session says `ready`."""
        status = self.session.status()
        assert status.reason, f"no reason for {status.state}"
        if self.session.state == "ready":
            assert self.is_deaf or self.session.positions(), "an empty list of positions"
            assert self.is_deaf or self.session.account_values(), "no values of accounts"

    # -- what goes wrong --------------------------------------------------------------------------------------------

    @property
    def is_deaf(self) -> bool:
        """Whether the gateway has withheld messages without a word since the last connection."""
        return self._lost

    async def play(self, line: str) -> None:
        """Cause a fault."""
        self.played.append(line)
        self._lost |= line.startswith(DEAFENING)
        await self.gateway.faults.apply(line)

    async def lift(self, number: int) -> None:
        """Lift one of the faults in force."""
        in_force = list(self.gateway.faults.in_force)
        if in_force:
            name = in_force[number % len(in_force)]
            if name not in ("restart", "logout"):  # the port stays closed until the session has seen it
                self.played.append(f"lift {name}")
                self.gateway.faults.end(name)
                await self.gateway.faults.settle()

    async def heal(self) -> None:
        """Lift everything, as a person would who looks after the gateway alone; one who parked it resumes it.

        Messages that were lost on a connection that stands are learned with the next one: no program can know of them.
        """
        for name in ("restart", "logout"):
            if name in self.gateway.faults.in_force:
                await awake(1.0)  # closed for longer than a pause
        await self.gateway.faults.heal()
        assert self.gateway.faults.in_force == {}
        if self._lost:
            link = self.session.link
            await self.gateway.faults.drop()
            await until(lambda: self.session.link is not link or link is None, "the loss is noticed")
            self._lost = False
        if self.session.state == "parked":
            await asyncio.sleep(FLOOR)  # a person takes longer than that
            self.session.resume()

    # -- what must hold ---------------------------------------------------------------------------------------------

    async def all_is_well(self) -> None:
        """With no fault in force everything is as if nothing had been."""
        try:
            await until(lambda: self.session.state == "ready", "ready", BOUND)
        except AssertionError:
            status = self.session.status()
            raise AssertionError(f"not ready within {BOUND:g} s: {status.state}: {status.reason}") from None
        await self.streams_flow()
        await self.orders_are_known()
        self.manners_were_kept()

    async def streams_flow(self) -> None:
        """Every stream brings something new."""
        ticks, streams = Counter(self.ear.ticks), Counter(self.ear.streams)
        kinds = ("profit", "single ticks", "book", "five-second bars")

        def dead() -> list[Any]:
            lines = [each for each in self.lines if self.ear.ticks[each] <= ticks[each]]
            return lines + [each for each in kinds if self.ear.streams[each] <= streams[each]]

        try:
            await until(lambda: not dead(), "all streams flow", BOUND)
        except AssertionError:
            raise AssertionError(f"no stream of {dead()} within {BOUND:g} s") from None

    async def orders_are_known(self) -> None:
        """What works at the gateway is listed, and every execution was told."""
        desk = self.gateway.book

        def working() -> set[str]:
            return {order.spec.orderRef for order in desk.open_orders(None)}

        async def differs() -> set[str]:
            try:
                listed = await self.session.open_orders(deadline=self.soon())
            except IbmuxError as error:  # what a fault left on its way may yet have to be read
                return {error.code}
            return {trade.order.orderRef for trade in listed} ^ working()

        end = self.soon(BOUND)
        while unknown := await differs():
            assert asyncio.get_running_loop().time() < end, f"not known, or not there: {unknown}"
            await asyncio.sleep(0.02)
        assert STANDING in working()
        untold: set[str] = set()

        def all_told() -> bool:
            nonlocal untold
            untold = {execution.execId for execution, _ in desk.executions(ExecutionFilter())} - self.ear.executions
            return not untold

        await until(all_told, "every execution is told")
        placed = Counter(order.order.spec.orderRef for order in desk.completed()) + Counter(
            order.spec.orderRef for order in desk.open_orders(None)
        )
        assert not {ref: count for ref, count in placed.items() if count > 1}, "orders were doubled"
        assert not [error for error in self.ear.errors if error[1] == 103], "an order id was used twice"

    def manners_were_kept(self) -> None:
        """One socket at a time, no attempt inside a pause, no greeting before a gateway has settled."""
        log = self.gateway.log
        assert log.most_at_once() == 1, "two sockets at once"
        short = [pause for pause in self.stalls.pauses(log) if pause < FLOOR * 0.8]
        assert not short, f"attempts inside the pause: {short}"
        wedged = [entry.text for entry in log.of("fault") if entry.text.startswith("wedged")]
        assert not wedged, wedged
        assert not log.of("error"), [entry.text for entry in log.of("error")]
        assert not self.wrongs.texts, self.wrongs.texts
        assert not [gap for gap in self.ear.gaps if not 0 < gap[0] <= gap[1]], self.ear.gaps

    def story(self) -> str:
        """What happened, for whoever reads a failure."""
        first = next(iter(self.gateway.log)).real
        lines = [f"{entry.real - first:7.3f} {' '.join(map(str, entry[2:]))}" for entry in self.gateway.log]
        return "\n".join([*lines[-80:], f"{self.session.status()}"])


@contextlib.asynccontextmanager
async def rig(seed: int = 7, *, behind: bool = False) -> AsyncIterator[Rig]:
    """A rig in which all is well; `behind`: a forwarder stands in front of the gateway, as in containers."""
    ear = Ear()
    async with contextlib.AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(SimulatedGateway(world(seed, speed=SPEED, fragile=FRAGILE)))
        port = gateway.port
        if behind:
            port = (await stack.enter_async_context(Forwarder((gateway.host, port)))).port
        stalls = Stalls()
        keeping = asyncio.create_task(stalls.keep())
        stack.callback(keeping.cancel)
        await asyncio.sleep(FRAGILE / SPEED * 1.5)  # it was there before the session
        session = Session(GatewaySettings(**SETTINGS, port=port), ear.hooks())
        session.paces.ticks, session.paces.bars = Spacing(-1.0), Quota(1_000_000, math.inf)
        running = asyncio.create_task(session.run())
        try:
            await session.until_ready(asyncio.get_running_loop().time() + BOUND)
            found = Rig(gateway, session, ear, stalls)
            logger = logging.getLogger("ibmux")
            logger.addHandler(found.wrongs)
            stack.callback(logger.removeHandler, found.wrongs)
            await found.begin()
            yield found
        finally:
            await session.drain()
            await running
