"""Random orders through ib_async: what a client is told of money agrees to the cent, message by message.

The books of the test know executions and commission reports alone; everything else that the client hears (positions,
portfolio, account values and summary, profit and loss of the account and of single positions) has to follow from them.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Decimal
from random import Random
from typing import Any

import ib_async
import pytest
from wire_client import Opener, until

from ibmux.sim import SimulatedGateway

SEED = int(os.environ.get("SIM_SEED", "20260608"))
ACCOUNT, ORDERS, MOMENTS = "DU1000001", 240, 6
CENT = Decimal("0.01")


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_EVEN)


def exact(value: float) -> Decimal:
    return Decimal(repr(float(value)))


class Client:
    """ib_async on one account, subscribed to everything about money, with books of its own."""

    def __init__(self, ib: Any, gateway: SimulatedGateway) -> None:
        self.ib, self.gateway = ib, gateway
        self.position: dict[int, Decimal] = defaultdict(Decimal)
        self.cost: dict[int, Decimal] = defaultdict(Decimal)
        self.realized: dict[int, Decimal] = defaultdict(Decimal)
        self.flow = Decimal(0)
        self.booked: set[str] = set()
        self.singles: dict[int, Any] = {}

    async def start(self) -> None:
        """Subscribe, and take the positions that the account begins with as given."""
        await self.ib.reqAccountUpdatesAsync(ACCOUNT)
        self.pnl = self.ib.reqPnL(ACCOUNT)
        self.began = self.value("TotalCashBalance", "BASE") + self.settled()
        for held in self.gateway.world.accounts[ACCOUNT].ledger.holdings.values():
            conId = held.details.contract.conId
            self.position[conId], self.cost[conId] = held.position, held.cost

    def settled(self) -> Decimal:
        """What cash counts for futures and currencies, which are settled at once; taken off again."""
        kinds = {"FUT", "CASH", "CFD"}
        return -sum((exact(i.marketValue) for i in self.ib.portfolio(ACCOUNT) if i.contract.secType in kinds), CENT * 0)

    def value(self, tag: str, currency: str) -> Decimal:
        [found] = [v.value for v in self.ib.accountValues(ACCOUNT) if (v.tag, v.currency) == (tag, currency)]
        return Decimal(found)

    def point(self, contract: Any) -> Decimal:
        return Decimal("0.01") if contract.secType == "BOND" else Decimal(contract.multiplier or 1)

    def book(self) -> None:
        """Book every execution that has been reported with its commission, and watch its contract's profit."""
        for fill in self.ib.fills():
            if fill.execution.execId in self.booked or not fill.commissionReport.execId:
                continue
            self.booked.add(fill.execution.execId)
            self._book(fill)
            conId = fill.contract.conId
            if conId not in self.singles:
                self.singles[conId] = self.ib.reqPnLSingle(ACCOUNT, "", conId)

    def _book(self, fill: Any) -> None:
        conId, sign = fill.contract.conId, 1 if fill.execution.side == "BOT" else -1
        quantity = exact(fill.execution.shares) * sign
        paid = cents(quantity * exact(fill.execution.price) * self.point(fill.contract))
        fee, held = exact(fill.commissionReport.commission), self.position[conId]
        self.flow -= paid + fee
        closed = min(abs(held), abs(quantity)) if held * quantity < 0 else Decimal(0)
        out = cents(paid * closed / abs(quantity)) + cents(fee * closed / abs(quantity)) if closed else Decimal(0)
        gone = (
            (self.cost[conId] if closed == abs(held) else cents(self.cost[conId] * closed / abs(held))) if closed else 0
        )
        self.position[conId] += quantity
        self.cost[conId] += paid + fee - out - gone
        profit = -out - gone if closed else Decimal(0)
        self.realized[conId] += profit
        assert exact(fill.commissionReport.realizedPNL or 0.0) == profit

    def agrees(self) -> bool:
        """Whether the last messages about positions and realized profit have come."""
        rows = {row.contract.conId: exact(row.position) for row in self.ib.portfolio(ACCOUNT)}
        booked = {conId: size for conId, size in self.position.items() if size}
        heard = {row.contract.conId: exact(row.position) for row in self.ib.positions(ACCOUNT)}
        return (
            {conId: size for conId, size in rows.items() if size} == booked == heard
            and exact(self.pnl.realizedPnL) == sum(self.realized.values())
            and all(exact(one.position) == self.position[conId] for conId, one in self.singles.items())
        )

    async def check(self) -> None:
        """Compare everything that is told, with prices standing still."""
        self.book()
        await until(self.agrees)
        realized = sum(self.realized.values(), Decimal(0))
        items = {item.contract.conId: item for item in self.ib.portfolio(ACCOUNT)}
        for conId, item in items.items():
            assert exact(item.realizedPNL) == self.realized[conId], item
            worth = exact(item.position) * exact(item.marketPrice) * self.point(item.contract)
            assert exact(item.marketValue) == cents(worth), item
            assert exact(item.unrealizedPNL) == cents(worth) - self.cost[conId], item
            if item.position:
                assert item.averageCost == pytest.approx(float(self.cost[conId] / self.position[conId]), rel=1e-12)
        for conId, one in self.singles.items():
            if conId in items:
                assert exact(one.realizedPnL) == self.realized[conId]
                assert (one.value, one.unrealizedPnL) == (items[conId].marketValue, items[conId].unrealizedPNL)
        assert self.value("RealizedPnL", "BASE") == realized
        unrealized = sum((exact(item.unrealizedPNL) for item in items.values()), Decimal(0))
        assert exact(self.pnl.unrealizedPnL) == self.value("UnrealizedPnL", "BASE") == unrealized
        assert self.value("TotalCashBalance", "BASE") + self.settled() == self.began + self.flow
        await self._check_summary(items)

    async def _check_summary(self, items: dict[int, Any]) -> None:
        """The account summary says the same as the account values, and both follow from the portfolio."""
        await until(lambda: self._summary("NetLiquidation") == self.value("NetLiquidation", "USD"))
        settled = {"FUT", "CASH", "CFD"}
        securities = [exact(i.marketValue) for i in items.values() if i.contract.secType not in settled]
        assert self._summary("NetLiquidation") == self._summary("TotalCashValue") + sum(securities)
        assert self._summary("GrossPositionValue") == sum(map(abs, securities))
        for tag in ("TotalCashValue", "AvailableFunds", "ExcessLiquidity", "InitMarginReq", "MaintMarginReq"):
            assert self._summary(tag) == self.value(tag, "USD"), tag

    def _summary(self, tag: str) -> Decimal:
        [found] = [
            row.value for row in self.ib.wrapper.acctSummary.values() if (row.tag, row.account) == (tag, ACCOUNT)
        ]
        return Decimal(found)


async def contracts_of(ib: Any, gateway: SimulatedGateway) -> list[Any]:
    calls = list(gateway.world.universe.chain("AAPL").values())[5]
    last = gateway.world.market.quote(next(row.underConId for row in calls)).last
    call = min(calls, key=lambda row: abs(row.contract.strike - last))
    found = [
        ib_async.Stock("AAPL", "SMART", "USD"), ib_async.Stock("KO", "SMART", "USD"), ib_async.Forex("EURUSD"),
        ib_async.ContFuture("ES", "CME"), ib_async.Contract(conId=call.contract.conId, exchange="SMART"),
        ib_async.CFD("IBM", "SMART", "USD"),
    ]  # fmt: skip
    qualified = await ib.qualifyContractsAsync(*found)
    qualified[3].secType = "FUT"
    [bond, *_] = await ib.reqContractDetailsAsync(ib_async.Bond(symbol="US-T", exchange="SMART", currency="USD"))
    return [*qualified, bond.contract]


def size_of(contract: Any, draw: Random) -> float:
    sizes = {"STK": [1, 30, 100], "CASH": [20_000, 35_000], "BOND": [1000, 5000], "CFD": [7, 50]}
    return draw.choice(sizes.get(contract.secType, [1, 2, 3]))


@pytest.mark.timeout(300)
async def test_all_that_a_client_hears_of_money_agrees_to_the_cent(open_gateway: Opener) -> None:
    print(f"SIM_SEED={SEED}")  # noqa: T201
    draw = Random(SEED)
    gateway = await open_gateway(
        seed=SEED, speed=0.0, partial_share=0.4, status_first=0.3, cash=50_000_000.0, active_orders=0,
        pnl_interval=0.02, account_interval=0.02, messages_per_second=100_000,
    )  # fmt: skip
    ib = ib_async.IB()
    ib.client.MaxRequests = 0  # no throttle of its own
    await ib.connectAsync(gateway.host, gateway.port, clientId=1, timeout=20, account=ACCOUNT)
    try:
        client = Client(ib, gateway)
        await client.start()
        await ib.reqAccountSummaryAsync()
        goods = await contracts_of(ib, gateway)
        for moment in range(MOMENTS):
            for _ in range(ORDERS // MOMENTS):
                contract, action = draw.choice(goods), draw.choice(["BUY", "SELL"])
                ib.placeOrder(contract, ib_async.MarketOrder(action, size_of(contract, draw), account=ACCOUNT))
            await until(lambda: not [t for t in ib.trades() if not t.isDone()] or gateway_passes(gateway), 40)
            await client.check()
            assert len(client.booked) >= (moment + 1) * ORDERS // MOMENTS
        assert {fill.contract.secType for fill in ib.fills()} == {"STK", "CASH", "FUT", "OPT", "CFD", "BOND"}
        assert all(client.realized[contract.conId] for contract in goods), "every contract was sold again, too"
    finally:
        ib.disconnect()


async def gateway_passes(gateway: SimulatedGateway) -> bool:
    """Let the standing clock go on a little; never true, as it is what the wait does meanwhile."""
    await gateway.pass_time(0.05)
    await asyncio.sleep(0)
    return False
