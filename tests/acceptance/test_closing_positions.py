"""Closed or raise: positions closed through the proxy, each acknowledged in time or named; nothing closed twice."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from stage import awake, running_proxy, settings, until, url_of

import ibmux
from ibmux import Order, Stock, errors
from ibmux.daemon import Proxy
from ibmux.sim import Settings, SimulatedGateway

QUICK: dict[str, Any] = {"seed": 7, "linger": 0.0, "fill_delay": 0.01, "partial_share": 0.0, "status_first": 0.0}
FIRST, SECOND = "DU1000001", "DU1000002"
STOCKS = ["AAPL", "MSFT", "SPY", "NVDA", "QQQ", "TSLA", "IBM", "SAP"]
ROLES = {name: {"role": "trade"} for name in ("closing", "other")} | {"boss": {"role": "admin"}}


class Scene:
    """A gateway, a proxy, and clients that are closed at the end."""

    def __init__(self, simulator: SimulatedGateway, proxy: Proxy) -> None:
        self.simulator, self.proxy = simulator, proxy
        self.clients: list[ibmux.IB] = []

    async def connect(self, name: str = "closing", **options: Any) -> ibmux.IB:
        client = await ibmux.connect(name, url=url_of(self.proxy), **options)
        self.clients.append(client)
        return client

    def held(self, symbol: str) -> float:
        """What the gateway's own books say."""
        accounts = self.simulator.world.accounts
        return sum(
            float(each.position)
            for name in accounts.names
            for each in accounts[name].positions()
            if each.contract.symbol == symbol
        )

    @property
    def placed(self) -> int:
        return self.simulator.stats.orders_placed


@asynccontextmanager
async def scene(**changes: Any) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(SimulatedGateway(Settings(**{**QUICK, **changes})))
        proxy = await stack.enter_async_context(running_proxy(settings(simulator.port, scripts=ROLES)))
        made = Scene(simulator, proxy)
        try:
            yield made
        finally:
            for client in made.clients:
                await client.close()


@pytest.fixture
async def stage() -> AsyncIterator[Scene]:
    async with scene(moc_delay=3600.0) as made:
        yield made


async def closed_or(ib: ibmux.IB, *arguments: Any, **options: Any) -> tuple[list[Any], str]:
    try:
        return await ib.closePositions(*arguments, timeout=30.0, **options), ""
    except errors.NotClosed as error:
        return list(error.rows), error.message


async def test_every_stock_gets_its_order_for_the_close_once(stage: Scene) -> None:
    ib = await stage.connect()
    trades, failed = await closed_or(ib, STOCKS)
    assert failed == ""
    assert {trade.contract.symbol for trade in trades} == set(STOCKS)
    assert {trade.orderStatus.status for trade in trades} <= {"PreSubmitted", "Submitted"}
    assert {trade.order.orderType for trade in trades} == {"MOC"}
    short = next(trade for trade in trades if trade.contract.symbol == "TSLA")
    assert (short.order.action, short.order.totalQuantity, short.order.account) == ("BUY", 80, SECOND)
    today = dt.date.today()  # noqa: DTZ011 - the keys' own day
    assert short.key == f"close:{today}:{SECOND}:{short.contract.conId}:1"
    again, failed = await closed_or(await stage.connect(), STOCKS)
    assert (failed, {trade.key for trade in again}) == ("", {trade.key for trade in trades})
    assert stage.placed == len(STOCKS)


async def test_cron_running_four_times_at_once(stage: Scene) -> None:
    clients = [await stage.connect() for _ in range(4)]
    results = await asyncio.gather(*(closed_or(ib, STOCKS) for ib in clients))
    assert [failed for _, failed in results] == [""] * 4
    assert stage.placed == len(STOCKS)


async def test_what_another_script_closes_already_is_not_closed_twice(stage: Scene) -> None:
    other, ib = await stage.connect("other"), await stage.connect()
    apple = Stock("AAPL", "SMART", "USD")
    theirs = await other.placeOrder(
        apple, Order(action="SELL", totalQuantity=100, orderType="MOC", account=FIRST), "theirs"
    )
    stop = Order(action="SELL", totalQuantity=300, orderType="STP", auxPrice=1.0, account=FIRST)
    await other.placeOrder(apple, stop, "a stop is far away")
    trades, failed = await closed_or(ib, "AAPL")
    assert failed == ""
    assert sorted((trade.key.split(":")[0], trade.order.totalQuantity) for trade in trades) == [
        ("close", 200),
        ("theirs", 100),
    ]
    assert theirs.isActive()


async def test_a_refused_order_is_named_and_tried_anew_by_the_next_run(stage: Scene) -> None:
    ib = await stage.connect()
    await stage.simulator.faults.reject_next(201, "Order rejected - reason:no margin")
    rows, failed = await closed_or(ib, ["AAPL", "MSFT"])
    assert failed.startswith("1 of 2 positions is not closed: ")
    assert "SELL" in failed
    assert "was refused: Order rejected - reason:no margin" in failed
    (left,) = [row for row in rows if not row.ok]
    trades, failed = await closed_or(await stage.connect(), ["AAPL", "MSFT"])
    assert failed == ""
    assert sorted(trade.key.rsplit(":", 1)[1] for trade in trades) == ["1", "2"]
    assert next(trade for trade in trades if trade.key.endswith(":2")).contract.conId == left.contract.conId


async def test_not_acknowledged_in_time_is_named(stage: Scene) -> None:
    ib = await stage.connect()
    await stage.simulator.faults.hold_next(0.0)
    with pytest.raises(errors.NotClosed, match=r"DU1000001 300 AAPL: SELL 300 MOC is unknown") as caught:
        await ib.closePositions("AAPL", timeout=5.0)
    assert caught.value.rows[0].key.endswith(":1")
    await stage.simulator.faults.release()
    trades, failed = await closed_or(ib, "AAPL")
    assert (failed, len(trades), stage.placed) == ("", 1, 1)


async def test_a_deadline_that_is_over(stage: Scene) -> None:
    ib = await stage.connect()
    past = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
    with pytest.raises(errors.NotClosed, match=r"1 of 1 positions is not closed: .*the time was over"):
        await ib.closePositions("AAPL", by=past)
    assert stage.placed == 0


async def test_a_session_that_comes_back_in_time(stage: Scene) -> None:
    ib = await stage.connect()
    session = stage.proxy.gateways["paper"].session
    await stage.simulator.faults.cut()
    await until(lambda: session.state == "cut", "the session is cut")
    closing = asyncio.create_task(closed_or(ib, ["AAPL"]))
    await awake(1.0)
    assert not closing.done()
    await stage.simulator.faults.restore()
    trades, failed = await closing
    assert (failed, len(trades), stage.placed) == ("", 1, 1)


async def test_by_account_and_until_they_are_filled() -> None:
    async with scene() as stage:
        ib = await stage.connect()
        trades, failed = await closed_or(ib, account=SECOND, orderType="MKT", until="Filled")
        assert (failed, {trade.orderStatus.status for trade in trades}) == ("", {"Filled"})

        async def left() -> set[str]:
            return {held.contract.symbol for held in await ib.positions() if held.position}

        async with asyncio.timeout(20):  # the gateway reports a position a moment after the fill
            while {"QQQ", "TSLA", "IBM", "SAP", "CL"} & await left():
                await ib.waitOnUpdate(0.1)
        assert {"AAPL", "ES", "EUR"} <= await left()
        assert stage.held("CL") == 0


async def test_a_limit_is_a_number_or_a_function_of_the_position(stage: Scene) -> None:
    ib = await stage.connect()

    def price(held: Any) -> float:
        return 10_000.0 if held.position > 0 else 1.0

    trades, failed = await closed_or(ib, ["AAPL", "TSLA"], orderType="LMT", limitPrice=price)
    assert (failed, {trade.order.lmtPrice for trade in trades}) == ("", {10_000.0, 1.0})
    with pytest.raises(errors.OrderPending, match="not Filled"):
        await trades[0].wait("Filled", timeout=0.05)
    with pytest.raises(errors.NotClosed, match=r"is (PreS|S)ubmitted, not Filled in time"):
        await ib.closePositions("AAPL", orderType="LMT", limitPrice=10_000.0, until="Filled", timeout=5.0)
    with pytest.raises(errors.RequestError, match="needs limitPrice"):
        await ib.closePositions("AAPL", orderType="LMT")


async def test_a_limit_of_an_earlier_run_is_no_order_on_close(stage: Scene) -> None:
    ib = await stage.connect()
    await ib.closePositions(["AAPL"], orderType="LMT", limitPrice=900.0)
    with pytest.raises(errors.NotClosed, match="SELL 300 LMT 900 is Submitted, of an earlier run; MOC was asked for"):
        await ib.closePositions(["AAPL"], orderType="MOC", timeout=10)
    assert stage.placed == 1


async def test_an_account_that_the_login_has_not(stage: Scene) -> None:
    ib = await stage.connect("boss")
    for ask in (ib.closePositions, ib.flatten):
        with pytest.raises(errors.RequestError, match="DU9 is no account of this login"):
            await ask(account="DU9")
    assert stage.placed == 0


async def test_a_closing_order_that_somebody_cancelled_is_placed_anew(stage: Scene) -> None:
    ib, boss = await stage.connect(), await stage.connect("boss")
    (first,), _ = await closed_or(ib, "AAPL")
    await boss.cancelOrder((await boss.openTrades(all=True))[0])
    await first.done(20)
    (second,), failed = await closed_or(ib, "AAPL")
    assert (failed, second.key[:-1], second.key[-1]) == ("", first.key[:-1], "2")


async def test_positions_that_are_flat_need_nothing(stage: Scene) -> None:
    ib = await stage.connect()
    assert await ib.closePositions("NFLX") == []
    with pytest.raises(errors.RequestError, match="empty"):
        await ib.closePositions([])


async def test_a_restart_of_the_proxy_between_two_runs() -> None:
    """Finished orders of before are known by their keys: a refused one is tried anew, and under another key."""
    async with SimulatedGateway(Settings(**QUICK, moc_delay=3600.0)) as simulator:
        tree = settings(simulator.port, scripts=ROLES)
        async with running_proxy(tree) as proxy, ibmux.connect("closing", url=url_of(proxy)) as ib:
            await simulator.faults.reject_next(201, "Order rejected - reason:no margin")
            with pytest.raises(errors.NotClosed, match="no margin"):
                await ib.closePositions("AAPL", timeout=10.0)
            (msft,) = await ib.closePositions("MSFT", timeout=10.0)
            (spy,) = await ib.closePositions("SPY", orderType="MKT", until="Filled", timeout=10.0)
        async with running_proxy(tree) as proxy, ibmux.connect("closing", url=url_of(proxy)) as ib:
            trades = await ib.closePositions(["AAPL", "MSFT", "SPY"], timeout=20.0)
            keys = {trade.contract.symbol: trade.key for trade in trades}
            assert keys["AAPL"].endswith(":2")
            assert keys["MSFT"] == msft.key
            assert "SPY" not in keys
            assert (await ib.waitFor(spy.key, timeout=20)).orderStatus.status == "Filled"
        assert simulator.stats.orders_placed == 4
