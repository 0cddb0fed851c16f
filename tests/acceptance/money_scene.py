"""A gateway, the proxy before it, scripts that trade, an ear that hears everything, and an audit of all three books."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from decimal import Decimal
from typing import Any

import msgpack
from stage import RawScript, Reply, raw_script, running_proxy, settings, until, url_of

from ibmux import topics
from ibmux.daemon import Proxy
from ibmux.messages.trades import DONE
from ibmux.session.gate import Gate
from ibmux.sim import Settings, SimulatedGateway
from ibmux.sim.catalogue.contracts import Query
from ibmux.sim.orders.order import BookOrder, ExecutionFilter, OrderSpec

APPLE = {"secType": "STK", "symbol": "AAPL", "conId": 265598, "exchange": "SMART", "currency": "USD"}
SOFT = {"secType": "STK", "symbol": "MSFT", "conId": 272093, "exchange": "SMART", "currency": "USD"}
FIRST, SECOND = "DU1000001", "DU1000002"
FAR = 1.0
QUICK: dict[str, Any] = {"seed": 7, "linger": 0.0, "fill_delay": 0.01, "partial_share": 0.0, "status_first": 0.0}


class Scene:
    """One test's gateway, proxy and scripts.

    Attributes:
        heard: every event, as (script, kind, payload).
    """

    def __init__(self, simulator: SimulatedGateway, proxy: Proxy, scripts: dict[str, RawScript]) -> None:
        self.simulator, self.proxy, self.scripts = simulator, proxy, scripts
        self.heard: list[tuple[str, str, dict[str, Any]]] = []

    async def listen(self) -> None:
        """Hear what every script is told."""
        link = self.scripts["boss"].link
        for kind in ("order", "fill"):
            await link.subscribe(f"{topics.order_event('paper', '+').replace('/order/', f'/{kind}/')}", self._take)

    def _take(self, message: Any) -> None:
        *_, kind, script = message.topic.split("/")
        self.heard.append((script, kind, msgpack.unpackb(message.payload, timestamp=3)))

    async def ask(self, who: str, method: str, **arguments: Any) -> Reply:
        """One request, 10 s at most."""
        return await self.scripts[who].ask(method, arguments, expiry=10)

    async def place(self, script: str, key: str, contract: dict[str, Any] = APPLE, **order: Any) -> Reply:
        """Place an order of 10 for 1.0, which nobody sells at, unless told otherwise."""
        plain = {"action": "BUY", "totalQuantity": 10, "orderType": "LMT", "lmtPrice": FAR}
        if order.get("orderType", "LMT") not in ("LMT", "STP LMT", "LOC", "REL"):
            del plain["lmtPrice"]
        return await self.ask(script, "placeOrder", contract=contract, order={**plain, **order}, key=key)

    @property
    def book(self) -> Any:
        """The proxy's book."""
        return self.proxy.gateways["paper"].feed.book

    @property
    def orders(self) -> list[BookOrder]:
        """The gateway's orders that are not over."""
        return self.simulator.book._book.open()

    async def pass_time(self, seconds: float) -> None:
        """Let simulated time pass."""
        await self.simulator.pass_time(seconds)

    async def until(self, condition: Callable[[], Any], what: str, step: float = 0.05) -> Any:
        """Wait for something; where the gateway's clock stands, let it go on meanwhile."""
        deadline = asyncio.get_running_loop().time() + 20.0
        while asyncio.get_running_loop().time() < deadline:
            if value := condition():
                return value
            if self.simulator.clock.stands:
                await self.pass_time(step)
            await asyncio.sleep(0.01)
        raise AssertionError(f"it did not come: {what}")

    def status(self, script: str, key: str) -> str:
        """How the proxy says that an order stands."""
        entry = self.book.find(script, key)
        return "" if entry is None else str(entry.trade.orderStatus.status)

    async def becomes(self, script: str, key: str, status: str) -> None:
        """Wait for a status of an order."""
        await self.until(lambda: self.status(script, key) == status, f"{key} is {status}")

    def fills(self, script: str, event: str = "fill") -> list[dict[str, Any]]:
        """What a script was told of executions (`fill`) or commissions."""
        return [told["fill"] for name, kind, told in self.heard if (name, kind) == (script, "fill")
                if told["event"] == event]  # fmt: skip

    def by_hand(self, **changes: Any) -> None:
        """A person places an order in the gateway's window."""
        plain = {"orderId": 0, "clientId": 0, "action": "BUY", "totalQuantity": Decimal(3), "orderType": "LMT"}
        spec = OrderSpec(**{**plain, "lmtPrice": FAR, "account": FIRST, **changes})
        gateway = self.simulator
        gateway.publish(gateway.book.place_by_hand(spec, Query(symbol="AAPL", secType="STK", exchange="SMART",
                                                               currency="USD"), gateway.clock.now()))  # fmt: skip

    # -- the audit --------------------------------------------------------------------------------------------------

    async def audit(self, *, clients: frozenset[int] = frozenset({1})) -> None:
        """Gateway, proxy and scripts agree: on executions and commissions, each told once, and on every order."""
        desk = self.simulator.book
        there = {e.execId: (e, report) for e, report in desk.executions(ExecutionFilter()) if e.clientId in clients}
        await self.until(lambda: there.keys() <= self.book.fills.keys(), "every execution is in the book")
        costs = {number for number, (_, report) in there.items() if report is not None}
        await self.until(lambda: self._told("fill").keys() >= there.keys(), "every execution is told")
        await self.until(lambda: self._told("commission").keys() >= costs, "every commission is told")
        times = {*self._told("fill").values(), *self._told("commission").values()}
        assert times <= {1}, "told more than once"
        for number, (execution, report) in there.items():
            known = self.book.fills[number]
            assert (known.execution.shares, known.execution.price) == (float(execution.shares), execution.price)
            assert report is None or known.commissionReport.commission == report.commission
        await self._audit_orders(clients)

    def _told(self, event: str) -> Counter[str]:
        """How often each execution, or commission, was told."""
        told = (each for _, kind, each in self.heard if kind == "fill" and each["event"] == event)
        return Counter(each["fill"]["execution"]["execId"] for each in told)

    async def _audit_orders(self, clients: frozenset[int]) -> None:
        desk = self.simulator.book
        orders = [*desk._book._orders.values(), *(each.order for each in desk.completed()), *self.orders]
        mine = {order.permId: order for order in orders if order.clientId in clients and order.permId}

        def difference() -> str:
            for number, order in mine.items():
                entry = self.book.find("", perm_id=number)
                if entry is None:
                    return f"{order} is not in the book"
                status = entry.trade.orderStatus
                seen = (status.status, status.filled, status.remaining)
                is_so = (order.status, float(order.filled), float(order.remaining))
                if seen != is_so and not (order.over and seen[:2] == is_so[:2]):
                    return f"{entry.key} is {seen} in the book, {is_so} at the gateway"
            return ""

        try:
            await self.until(lambda: not difference(), "the books agree")
        except AssertionError:
            raise AssertionError(difference()) from None
        known = [entry for entry in self.book if entry.trade.order.clientId in clients and not entry.done]
        known = [entry for entry in known if entry.trade.order.permId]  # the others wait for their answer, or are held
        assert not [each.key for each in known if mine[each.trade.order.permId].status in DONE], "said to be open"


@asynccontextmanager
async def money_scene(
    *names: str, client_id: int = 1, tree: dict[str, Any] | None = None, **changes: Any
) -> AsyncIterator[Scene]:
    """Scripts of these names, and `boss`, who is an admin; `changes` are the gateway's settings."""
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(SimulatedGateway(Settings(**{**QUICK, **changes})))
        plan = settings(simulator.port, **{"scripts": {"boss": {"role": "admin"}}, **(tree or {})})
        plan["gateways"]["paper"]["client_id"] = client_id
        proxy = await stack.enter_async_context(running_proxy(plan))
        url = url_of(proxy)
        scripts = {name: await stack.enter_async_context(raw_script(url, name)) for name in (*names, "boss")}
        scene = Scene(simulator, proxy, scripts)
        await scene.listen()
        yield scene


@contextmanager
def no_budget(proxy: Proxy) -> Iterator[None]:
    """Inside, orders wait at the gate; afterwards they go."""
    session = proxy.gateways["paper"].session
    free, session.gate = session.gate, Gate(0.01, 1)
    assert session.gate._pacer.admit("cancel", asyncio.get_running_loop().time())
    waiting = session.gate
    try:
        yield
    finally:
        session.gate = free
        for each in waiting._pacer.clear():
            waiting._fire(each)
        if waiting._timer is not None:
            waiting._timer.cancel()


async def queued(proxy: Proxy, count: int) -> None:
    """Until so many orders wait at the gate."""
    await until(
        lambda: proxy.gateways["paper"].session.stats().lanes["order"].depth == count, f"{count} orders at the gate"
    )
