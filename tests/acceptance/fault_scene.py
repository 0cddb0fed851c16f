"""A simulated gateway, the proxy in front of it, scripts that use everything, and the witnesses of what must hold.

Nothing here knows which fault is played: see `fault_cases` for those.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest
from stage import Stalls, running_proxy, settings, until, url_of

import ibmux
from ibmux.core import reference, rhythm
from ibmux.core.history_pacing import Quota, Spacing
from ibmux.daemon import Proxy
from ibmux.errors import IbmuxError, NotReady
from ibmux.session import competing, lines, snapshot, watch
from ibmux.sim import Settings, SimulatedGateway
from ibmux.sim.orders.order import ExecutionFilter

FLOOR = 0.2
"""Seconds of the proxy's shortest pause."""
BOUND = 20.0
"""Seconds from the end of a fault to `ready`, at these pauses."""
ACCOUNT = "DU1000001"
AAPL = ibmux.Contract("STK", 265598, "AAPL", exchange="SMART", currency="USD")
MINE = "of-reader-"
"""How the keys of readers' orders begin."""
GATEWAY = {
    "client_id": 1, "kind": "paper", "connect_timeout": 0.5, "request_timeout": 1.5, "heartbeat": 0.5,
    "pause_floor": FLOOR, "pause_cap": 0.4, "settle": 0.3, "probe": 0.5,
}  # fmt: skip


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sessions wait shortly where they would wait long."""
    monkeypatch.setattr(watch, "SILENCE", 0.5)
    monkeypatch.setattr(rhythm, "FLOOR", 1.0)
    monkeypatch.setattr(rhythm, "UNSURE", 1.5)
    monkeypatch.setattr(rhythm, "TIMES", 0.2)  # five-second bars come four times a second here
    monkeypatch.setattr(competing, "PROBE", 0.5)
    monkeypatch.setattr(lines, "FIRST_PAUSE", 0.3)
    monkeypatch.setattr(lines, "LONGEST_PAUSE", 1.0)
    monkeypatch.setattr(snapshot, "OPTIONAL", 0.5)


class Reader:
    """A script that follows every kind of stream, and asks for lists again and again; none may ever be empty."""

    def __init__(self, ib: ibmux.IB) -> None:
        self.ib = ib
        self.heard: Counter[str] = Counter()
        self.empty: list[str] = []
        self.refused: Counter[str] = Counter()
        self.retries: list[float | None] = []
        self.broken = 0
        ib.disconnectedEvent += self._note_break
        self.lists = 0

    def _note_break(self) -> None:
        self.broken += 1

    async def follow(self) -> None:
        """Subscribe everything; each update is counted. One order works, so that its list of orders is never empty."""
        ib, heard = self.ib, self.heard
        await ib.placeOrder(AAPL, ibmux.LimitOrder("BUY", 1, 1.5, tif="GTC"), key=f"{MINE}{ib.script}")
        quote = await ib.reqMktData(AAPL)
        quote.updateEvent += lambda each: heard.update(["quotes"] if each.ticks else [])
        single = await ib.reqTickByTickData(ibmux.Stock("MSFT", "SMART", "USD"), "BidAsk")
        single.updateEvent += lambda each: heard.update(["single ticks"] if each.tickByTicks else [])
        book = await ib.reqMktDepth(ibmux.Stock("NVDA", "SMART", "USD"), 5, True)
        book.updateEvent += lambda each: heard.update(["book"] if each.domTicks and each.domBids else [])
        five = await ib.reqRealTimeBars(AAPL, 5, "TRADES", False)
        five.updateEvent += lambda *_: heard.update(["five-second bars"])
        kept = await ib.reqHistoricalData(AAPL, "", "1800 S", "1 min", "TRADES", False, keepUpToDate=True)
        kept.updateEvent += lambda *_: heard.update(["bars"])
        await ib.reqPnL(ACCOUNT)
        ib.pnlEvent += lambda _: heard.update(["profit"])
        await ib.reqPnLSingle(ACCOUNT, "", AAPL.conId)
        ib.pnlSingleEvent += lambda _: heard.update(["profit of one"])

    async def ask_on(self) -> None:
        """Ask for lists until cancelled; a refusal is an answer, an empty list is not."""
        questions = ("positions", "accountValues", "openTrades", "managedAccounts", "reqOpenOrders", "portfolio")
        for turn in itertools.count():
            # Four are answered by the proxy itself; the last two cost the gateway's time.
            name = questions[turn % 4 if turn % 20 else 4 + turn // 20 % 2]
            await asyncio.sleep(0.01)
            try:
                answer = await self.ib.call(name, timeout=1.0)
            except IbmuxError as error:
                self.refused[error.code] += 1
                if isinstance(error, NotReady):
                    self.retries.append(error.retry_after)
            else:
                self.lists += 1
                if not answer:
                    self.empty.append(name)

    async def all_flow(self, within: float = BOUND) -> None:
        """Every stream brings something new."""
        before = Counter(self.heard)
        kinds = ("quotes", "single ticks", "book", "five-second bars", "bars", "profit", "profit of one")

        def dead() -> list[str]:
            return [kind for kind in kinds if self.heard[kind] <= before[kind]]

        try:
            await until(lambda: not dead(), "all streams flow", within)
        except AssertionError:
            raise AssertionError(f"{self.ib.script}: not within {within:g} s: {', '.join(dead())}") from None


class Trader:
    """A script that trades, and remembers what it was told."""

    def __init__(self, ib: ibmux.IB, chance: random.Random) -> None:
        self.ib = ib
        ib.RequestTimeout = 1.5
        self.chance = chance
        self.answers: dict[str, str] = {}
        self.fills: Counter[str] = Counter()
        self.standing: Any = None
        self._names = itertools.count(1)
        ib.execDetailsEvent += lambda _, fill: self.fills.update([fill.execution.execId])

    async def begin(self) -> None:
        """Have one order that works on, far from the market."""
        self.standing = ibmux.LimitOrder("BUY", 5, 1.0, tif="GTC")
        await self.ib.placeOrder(AAPL, self.standing, key="standing", timeout=BOUND)
        self.answers["standing"] = "ok"

    async def try_one(self, timeout: float = 1.5) -> str:
        """Place an order, market or far limit, under a new key; what came of it."""
        key = f"order-{next(self._names)}"
        order = self.chance.choice((ibmux.MarketOrder("BUY", 1), ibmux.LimitOrder("BUY", 1, 2.0)))
        try:
            await self.ib.placeOrder(AAPL, order, key=key, timeout=timeout)
        except IbmuxError as error:
            self.answers[key] = error.fate
        else:
            self.answers[key] = "ok"
        return self.answers[key]

    async def take_back(self) -> None:
        """Cancel the limit orders that were placed, apart from the standing one; it may be refused."""
        with suppress(IbmuxError):
            for trade in [each for each in await self.ib.openTrades() if each.key.startswith("order-")]:
                await self.ib.cancelOrder(trade, timeout=1.5)

    async def change(self) -> None:
        """Change the price of the standing order; it may be refused."""
        self.standing.lmtPrice = round(self.standing.lmtPrice + 0.01, 2)
        try:
            await self.ib.modifyOrder(self.standing, timeout=1.5)
        except IbmuxError as error:
            self.answers[f"change {self.standing.lmtPrice}"] = error.fate

    async def trade_on(self) -> None:
        """A round of orders, as while a fault is in force."""
        await asyncio.gather(self.try_one(), self.try_one(), self.change())

    async def must_trade(self) -> None:
        """With no fault in force, an order works; what the last one left on its way may yet have to be read."""
        key = f"after-{next(self._names)}"
        end = time.monotonic() + BOUND
        while True:
            try:
                trade = await self.ib.placeOrder(AAPL, ibmux.MarketOrder("BUY", 1), key=key, timeout=BOUND)
                break
            except NotReady:
                if time.monotonic() > end:
                    raise
                await asyncio.sleep(0.05)
        self.answers[key] = "ok"
        await trade.done(BOUND)
        await until(lambda: trade.filled() == 1, f"the fill of {key}")


class Scene:
    """Everything together.

    Attributes:
        gateway: the simulated gateway, and the witness.
        proxy: the proxy under test.
        forked: whether orders were forked by a fault: one key may then name two live orders.
    """

    def __init__(
        self, gateway: SimulatedGateway, proxy: Proxy, readers: list[Reader], trader: Trader, stalls: Stalls
    ) -> None:
        self.gateway, self.proxy, self.readers, self.trader, self.stalls = gateway, proxy, readers, trader, stalls
        self.session = proxy.gateways["paper"].session
        self.forked = False
        self._seen: dict[int, Any] = {}

    async def is_ready(self) -> None:
        """The session is ready again within the bound."""
        try:
            await until(lambda: self.session.state == "ready", "ready", BOUND)
        except AssertionError:
            raise AssertionError(f"not ready within {BOUND:g} s: {self.session.state}: {self.session.reason}") from None

    async def all_is_well(self) -> None:
        """What must hold once every fault is lifted."""
        await self.is_ready()
        await asyncio.gather(*(reader.all_flow() for reader in self.readers), self.trader.must_trade())
        await self.money_is_right()
        self.manners_were_kept()

    def manners_were_kept(self) -> None:
        """One socket at a time, no attempt inside a pause, no empty list; nothing went wrong unnoticed."""
        log = self.gateway.log
        assert log.most_at_once() == 1, "two sockets at once"
        short = [pause for pause in self.stalls.pauses(log) if pause < FLOOR * 0.9]
        assert not short, f"attempts inside the pause: {short}"
        for reader in self.readers:
            assert not reader.empty, f"{reader.ib.script} read empty lists: {Counter(reader.empty)}"
        assert not log.of("error"), [entry.text for entry in log.of("error")]

    async def money_is_right(self) -> None:
        """No order lost or doubled, every fill told once, and what is shown to work works."""
        feed, desk = self.proxy.gateways["paper"].feed, self.gateway.book
        told = self.trader.fills

        def executed() -> set[str]:
            """Those of today: a gateway forgets others."""
            return {execution.execId for execution, _ in desk.executions(ExecutionFilter())}

        await until(lambda: executed() <= feed.book.fills.keys() == told.keys(), "every execution is told")
        twice = [name for name, count in told.items() if count > 1]
        assert not twice, f"executions told twice: {twice}"
        known = self.orders()
        for key, orders in known.items():
            assert len(orders) == 1 or self.forked, f"{key} became {len(orders)} orders"
        for key, fate in self.trader.answers.items():
            if fate == "ok":
                assert key in known, f"{key} was said to be placed and is not there"
            elif fate == "not_sent":
                assert key not in known, f"{key} was said not to be sent and is there"
        for left in range(50, 0, -1):  # orders end between the two looks: the market goes on
            shown = {trade.key: trade.orderStatus.status for trade in await self.trader.ib.reqOpenOrders()}
            others = {key for key in shown if key.startswith("perm-")}
            assert not others or self.forked, "orders that nobody placed"
            working = {key for key, status in shown.items() if status != "PendingSubmit"} - others
            if working == self.standing():
                return
            assert left > 1, f"shown to work: {shown}; working: {self.standing()}"
            await asyncio.sleep(0.1)

    def standing(self) -> set[str]:
        """Keys of the trader's orders that work on at the gateway."""
        known = self.orders().items()
        return {key for key, orders in known if not key.startswith(MINE) and not all(order.over for order in orders)}

    def orders(self) -> dict[str, list[Any]]:
        """Every order that the gateway took, by its key; it forgets those of days before, here they are kept."""
        for order in (*(each.order for each in self.gateway.book.completed()), *self.gateway.book._book.open()):
            self._seen[id(order)] = order
        found: defaultdict[str, list[Any]] = defaultdict(list)
        for order in self._seen.values():
            found[reference.read(order.spec.orderRef).key].append(order)
        return found


def world(seed: int = 7, **changes: Any) -> Settings:
    """A lively market in which a minute passes in three seconds."""
    return Settings(**{"seed": seed, "linger": 0.2, "speed": 20.0, "fill_delay": 0.05, "rate": 150.0, **changes})


@asynccontextmanager
async def scene(
    simulated: Settings, *, lively: bool = True, begin: Callable[[SimulatedGateway], object] = id
) -> AsyncIterator[Scene]:
    """Two readers and a trader on a proxy on a simulated gateway; if `lively`, all streams flow already.

    `begin` is called when the gateway has started.
    """
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(SimulatedGateway(simulated))
        begin(gateway)
        stalls = Stalls()
        keeping = asyncio.create_task(stalls.keep())
        stack.callback(keeping.cancel)
        tree = settings(gateway.port, gateways={"paper": {"port": gateway.port, **GATEWAY}})
        proxy = await stack.enter_async_context(running_proxy(tree))
        if simulated.always_open:  # whatever the hours of its contracts say
            proxy.gateways["paper"].session.is_open = lambda *_: True
        paces = proxy.gateways["paper"].session.paces
        paces.ticks, paces.bars = Spacing(-1.0), Quota(1_000_000, 1.0)
        names = ("ann", "ben", "cat")
        scripts = [await stack.enter_async_context(ibmux.connect(name, url=url_of(proxy))) for name in names]
        readers = [Reader(ib) for ib in scripts[:2]]
        trader = Trader(scripts[2], random.Random(simulated.seed))
        await asyncio.gather(trader.begin(), *(reader.follow() for reader in readers))
        if lively:
            await asyncio.gather(*(reader.all_flow() for reader in readers))
        asking = [asyncio.create_task(reader.ask_on()) for reader in readers]
        try:
            yield Scene(gateway, proxy, readers, trader, stalls)
        finally:
            for task in asking:
                task.cancel()
            results = await asyncio.gather(*asking, return_exceptions=True)
        failed = [each for each in results if not isinstance(each, asyncio.CancelledError)]
        assert not failed, failed
