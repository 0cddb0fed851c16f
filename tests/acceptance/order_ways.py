"""One order on two ways to one gateway, from ib_async alone and through ibmux: what arrives, and what comes back."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import ib_async
import msgspec
import pytest
from hypothesis import strategies as st
from ib_async.util import UNSET_DOUBLE
from order_fields import (
    NUMBERS,
    Varied,
    differences,
    prices,
    texts,
)
from stage import RawScript, raw_script, running_proxy, settings, until, url_of

import ibmux
from ibmux.core import reference
from ibmux.daemon import Proxy
from ibmux.messages import trades as wire
from ibmux.session.gate import Gate
from ibmux.sim import Settings, SimulatedGateway
from ibmux.sim.answers import HANDLERS
from ibmux.sim.clients.client import Client
from ibmux.tws.layout import Values

STRAIGHT = 9
OWN = frozenset({"orderId", "orderRef", "clientId", "parentId"})
"""What differs between the two ways: the numbers of each client, and ibmux's mark."""
FIGURES = ("filled", "remaining", "avgFillPrice", "lastFillPrice", "mktCapPrice")
figures = st.fixed_dictionaries({**dict.fromkeys(FIGURES, prices.map(abs)), "whyHeld": texts})
MARGINS = [f"{name}{when}" for name in ("initMargin", "maintMargin", "equityWithLoan")
           for when in ("Before", "Change", "After")]  # fmt: skip
margins = st.fixed_dictionaries(
    {**dict.fromkeys(MARGINS, prices), "commission": prices, "minCommission": prices, "maxCommission": prices,
     "commissionCurrency": texts, "warningText": texts}
)  # fmt: skip


class Witness:
    """In place of the gateway's desk: takes every placeOrder, and shows the order with all that was sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: dict[int, Values] = {}
        self.count = 0
        self.figures: Values = {}
        self.margins: Values = {}
        self.completion: Values = {}
        monkeypatch.setitem(HANDLERS, "placeOrder", self.place)
        monkeypatch.setitem(HANDLERS, "reqCompletedOrders", self.complete)

    def place(self, client: Client, ask: Values) -> None:
        self.asked[client.client_id] = ask
        self.count += 1
        shown = {**ask, "clientId": client.client_id, "permId": 10_000 + ask["orderId"], "status": "Submitted"}
        shown["permId"] += 1_000_000 if client.client_id == STRAIGHT else 0
        shown["softDollarTierDisplayName"] = f"tier {ask['softDollarTierName']}"
        if client.client_id == STRAIGHT:  # ib_async writes infinity, and cannot read it
            shown = {name: value for name, value in shown.items() if value != math.inf}
        if ask["whatIf"]:
            client.reply("openOrder", **shown, **self.margins)
            return
        client.reply("openOrder", **shown)
        names = ("orderId", "clientId", "permId", "parentId", "status")
        client.reply("orderStatus", **{name: shown[name] for name in names}, **self.figures)

    def complete(self, client: Client, _ask: Values) -> None:
        last = {**self.asked[STRAIGHT], "orderRef": "", "permId": 5_000_000 + self.count, **self.completion}
        last = {name: value for name, value in last.items() if value != math.inf}
        client.reply("completedOrder", **last)
        client.reply("completedOrdersEnd")


@dataclasses.dataclass
class Drawn:
    """One example."""

    contract: ib_async.Contract
    order: ib_async.Order
    change: ib_async.Order
    figures: Values
    margins: Values
    completion: Values
    child: bool


@dataclasses.dataclass
class Parents:
    """The order that children hang on: its number at the direct client, at the script, and behind the proxy."""

    straight: int
    local: int
    behind: int


@dataclasses.dataclass
class Ways:
    """The two scripts, what the direct one heard, a second look at the other's, and the gateway between."""

    straight: ib_async.IB
    through: Any
    looking: RawScript
    witness: Witness
    shown: list[tuple[Any, Any]]
    parents: Parents
    objects: Varied = dataclasses.field(default_factory=Varied)
    sent: Varied = dataclasses.field(default_factory=Varied)
    back: Varied = dataclasses.field(default_factory=Varied)

    async def compare(self, drawn: Drawn) -> None:
        """One order on both ways: asked what it would mean, placed, changed, listed when it is done."""
        for order in (drawn.order, drawn.change):
            if not order.orderType.startswith("VOL"):
                order.volatility = UNSET_DOUBLE  # ib_async sends it for these alone, and does not restore it
            self.objects.note(order)
        if drawn.contract.secType == "BAG":
            drawn.contract.conId = 0  # combinations have no number of their own; the proxy's is not the gateway's
        self.objects.note(drawn.contract)
        self.witness.figures, self.witness.margins = drawn.figures, drawn.margins
        self.witness.completion = drawn.completion
        await self.ask_what_if(drawn)
        direct, key = await self.place(drawn)
        await self.change(drawn, direct, key)
        await self.list_completed()

    async def ask_what_if(self, drawn: Drawn) -> None:
        theirs = await self.straight.whatIfOrderAsync(copy.deepcopy(drawn.contract), copy.deepcopy(drawn.order))
        ours = await self.through.whatIfOrder(copy.deepcopy(drawn.contract), copy.deepcopy(drawn.order))
        self.witness.asked[STRAIGHT]["transmit"] = True  # a question has nothing to hold back: ours is always answered
        self.check_wire(None)
        found = list(differences(theirs, ours))
        assert not found, found

    async def place(self, drawn: Drawn) -> tuple[ib_async.Order, str]:
        direct, own = copy.deepcopy(drawn.order), copy.deepcopy(drawn.order)
        if drawn.child:
            direct.parentId, own.parentId = self.parents.straight, self.parents.local
        self.forget()
        self.straight.placeOrder(copy.deepcopy(drawn.contract), direct)
        trade = await self.through.placeOrder(copy.deepcopy(drawn.contract), own, timeout=20)
        await self.heard()
        self.check_wire(trade.key, drawn.child)
        await self.check_back(drawn.order, trade.key)
        return direct, trade.key

    async def change(self, drawn: Drawn, direct: ib_async.Order, key: str) -> None:
        """A change names the contract as the gateway showed it: with its number, without what it never shows."""
        contract = copy.deepcopy(self.shown[0][0])
        again, own = copy.deepcopy(drawn.change), copy.deepcopy(drawn.change)
        again.orderId = direct.orderId
        if drawn.child:
            again.parentId = direct.parentId
        self.forget()
        self.straight.placeOrder(contract, again)
        await self.through.modifyOrder(own, key=key, timeout=20)
        await self.heard()
        self.check_wire(key, drawn.child)
        await self.check_back(drawn.change, key)

    async def list_completed(self) -> None:
        [theirs] = await self.straight.reqCompletedOrdersAsync(False)
        [ours] = [await self.read_one("reqCompletedOrders")]
        self.back.note(theirs.order)
        found = [*differences(theirs.contract, ours.contract), *differences(theirs.order, ours.order, but=NUMBERS)]
        assert not found, found
        assert ours.orderStatus.status == theirs.orderStatus.status

    def forget(self) -> None:
        self.shown.clear()
        self.witness.asked.clear()

    async def heard(self) -> None:
        await until(lambda: len(self.shown) == 1 and {1, STRAIGHT} <= self.witness.asked.keys(), "both orders there")

    def check_wire(self, key: str | None, child: bool = False) -> None:
        """Both orders arrived alike; ours with the mark of its key."""
        one, other = self.witness.asked[STRAIGHT], self.witness.asked[1]
        self.sent.note_wire(one)
        assert {**one, **dict.fromkeys(OWN)} == {**other, **dict.fromkeys(OWN)}
        if key is not None:
            assert reference.read(other["orderRef"]) == (one["orderRef"], "ann", key)
            assert other["parentId"] == (self.parents.behind if child else 0)

    async def check_back(self, given: ib_async.Order, key: str) -> None:
        """What the gateway showed is for the script what ib_async read."""
        contract, order = self.shown[0]
        if given.competeAgainstBestOffset == math.inf and given.orderType == "PEG BEST":
            order.competeAgainstBestOffset = math.inf
        self.back.note(order)
        ours = await self.read_one("orderStatus", key=key)
        but = NUMBERS | {"parentId"}
        found = [*differences(contract, ours.contract), *differences(order, ours.order, but=but)]
        assert not found, found
        mine = {name: getattr(ours.orderStatus, name) for name in self.witness.figures}
        assert mine == self.witness.figures

    async def read_one(self, method: str, **arguments: Any) -> wire.Trade:
        answer = (await self.looking.ask(method, arguments)).payload
        [found] = answer if isinstance(answer, list) else [answer]
        return msgspec.convert(found, wire.Trade)


@asynccontextmanager
async def two_ways(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ways]:
    async with (
        SimulatedGateway(Settings(seed=7, linger=0.0, messages_per_second=100_000)) as gateway,
        running_proxy(settings(gateway.port)) as proxy,
        ibmux.connect("ann", url=url_of(proxy)) as through,
        raw_script(url_of(proxy), "ann") as looking,
    ):
        proxy.gateways["paper"].session.gate = Gate(1e6, 1_000_000)
        straight = ib_async.IB()
        straight.client.MaxRequests = 0
        await straight.connectAsync("127.0.0.1", gateway.port, clientId=STRAIGHT, timeout=20)
        shown: list[tuple[Any, Any]] = []
        heard = straight.wrapper.openOrder

        def open_order(number: int, contract: Any, order: Any, state: Any) -> None:
            if not order.whatIf:
                shown.append((copy.deepcopy(contract), copy.deepcopy(order)))
            heard(number, contract, order, state)

        monkeypatch.setattr(straight.wrapper, "openOrder", open_order)
        witness = Witness(monkeypatch)
        try:
            yield Ways(straight, through, looking, witness, shown, await parents_of(straight, through, proxy, witness))
        finally:
            straight.disconnect()


async def parents_of(straight: ib_async.IB, through: Any, proxy: Proxy, witness: Witness) -> Parents:
    """An order on each way that others hang on."""
    witness.figures = {"filled": 0.0, "remaining": 1.0, "avgFillPrice": 0.0, "lastFillPrice": 0.0, "mktCapPrice": 0.0}
    contract = ib_async.Stock("AAPL", "SMART", "USD")
    one, other = (ib_async.LimitOrder("BUY", 1, 1.0, transmit=False) for _ in range(2))
    straight.placeOrder(contract, one)
    trade = await through.placeOrder(contract, other, key="parent")
    await until(lambda: {1, STRAIGHT} <= witness.asked.keys(), "both parents are there")
    assert proxy.gateways["paper"].feed.book.find("ann", trade.key) is not None
    return Parents(one.orderId, other.orderId, witness.asked[1]["orderId"])
