"""ib_async's traps that show only where scripts share: lines, lists of orders, roles, handlers, states in between.

The traps of one connection are in `tests/session/test_traps.py`.
"""

from __future__ import annotations

import sys
from typing import Any

import ib_async
import pytest
from stage import child, raw_script, running_proxy, settings, until, url_of

import ibmux
from ibmux import topics
from ibmux.daemon import Proxy
from ibmux.errors import Forbidden
from ibmux.messages import decode
from ibmux.messages.account import AccountState
from ibmux.mqtt.client import Link
from ibmux.sim import SimulatedGateway

AAPL = ibmux.Contract("STK", 265598, "AAPL", exchange="SMART", currency="USD")
PLAIN_AAPL = ib_async.Stock("AAPL", "SMART", "USD", conId=265598)
PLAIN = 9
"""ib_async's clientId, on a connection of its own."""


async def plain(simulator: SimulatedGateway, **changes: Any) -> ib_async.IB:
    ib = ib_async.IB()
    await ib.connectAsync(simulator.host, simulator.port, clientId=PLAIN, timeout=20, **changes)
    return ib


async def test_two_scripts_on_one_contract_hold_one_line_and_give_it_back(simulator: SimulatedGateway) -> None:
    """A second reqMktData of ib_async opens a second line, of which one can never be cancelled."""
    ib = await plain(simulator)
    for _ in range(2):
        ib.reqMktData(PLAIN_AAPL)
    await until(lambda: len(simulator.clients[PLAIN].lines) == 2, "two lines")
    assert ib.cancelMktData(PLAIN_AAPL)
    assert not ib.cancelMktData(PLAIN_AAPL)
    await until(lambda: len(simulator.clients[PLAIN].lines) == 1, "the line that leaks")
    ib.disconnect()
    tree = settings(simulator.port)
    tree["gateways"]["paper"]["linger"] = 0.1
    async with (
        running_proxy(tree) as proxy,
        ibmux.connect("one", url=url_of(proxy)) as one,
        ibmux.connect("two", url=url_of(proxy)) as two,
    ):
        tickers = [await script.reqMktData(AAPL) for script in (one, one, two)]
        await until(lambda: all(ticker.hasBidAsk() for ticker in tickers), "quotes for everybody")
        assert len(simulator.clients[1].lines) == 1
        await one.cancelMktData(AAPL)
        assert len(simulator.clients[1].lines) == 1
        await two.cancelMktData(AAPL)
        await until(lambda: not simulator.clients[1].lines, "no line is left")


async def test_trades_outlive_the_connection(simulator: SimulatedGateway, proxy: Proxy) -> None:
    """ib_async forgets every trade at a disconnect; the proxy's book does not live in it."""
    ib = await plain(simulator)
    ib.placeOrder(PLAIN_AAPL, ib_async.MarketOrder("BUY", 1, account="DU1000001"))
    await until(ib.fills, "a fill")
    ib.disconnect()
    assert ib.trades() == [] and ib.fills() == []
    async with ibmux.connect("one", url=url_of(proxy)) as one:
        trade = await one.placeOrder(AAPL, ibmux.MarketOrder("BUY", 1), key="done")
        await trade.done(timeout=20)
        await one.placeOrder(AAPL, ibmux.LimitOrder("BUY", 1, 1.0), key="open")
        await simulator.faults.drop(1)
        await until(lambda: proxy.gateways["paper"].session.epoch == 2, "the next connection")
        assert {each.key: each.isDone() for each in await one.trades()} == {"done": True, "open": False}
        assert [fill.key for fill in await one.fills()] == ["done"]


async def test_a_script_that_may_only_read_places_nothing(simulator: SimulatedGateway) -> None:
    """`readonly=True` of ib_async stops no order: it only leaves out part of the first download."""
    ib = await plain(simulator, readonly=True)
    ib.placeOrder(PLAIN_AAPL, ib_async.LimitOrder("BUY", 1, 1.0, account="DU1000001"))
    await until(lambda: simulator.stats.orders_placed == 1, "the order of a connection that may only read")
    ib.disconnect()
    async with (
        running_proxy(settings(simulator.port, default_role="read")) as proxy,
        ibmux.connect("reader", url=url_of(proxy)) as reader,
    ):
        with pytest.raises(Forbidden):
            await reader.placeOrder(AAPL, ibmux.LimitOrder("BUY", 1, 1.0), key="a")
        assert simulator.stats.orders_placed == 1


async def test_finished_orders_keep_their_owner_and_others_orders_stay_current(
    simulator: SimulatedGateway, proxy: Proxy
) -> None:
    """Completed orders come without an orderId, and orders of other clients do not stay current."""
    async with ibmux.connect("one", url=url_of(proxy)) as one, ibmux.connect("two", url=url_of(proxy)) as two:
        trade = await one.placeOrder(AAPL, ibmux.MarketOrder("BUY", 1), key="mine")
        await trade.done(timeout=20)
        (finished,) = await two.reqCompletedOrders()
        assert (finished.script, finished.key, finished.order.permId) == ("one", "mine", trade.order.permId)
        ib = await plain(simulator)
        (same,) = await ib.reqCompletedOrdersAsync(False)
        assert (same.order.orderId, same.order.permId) == (0, trade.order.permId)
        theirs = ib.placeOrder(PLAIN_AAPL, ib_async.LimitOrder("BUY", 1, 1.0, account="DU1000001"))
        await until(lambda: theirs.orderStatus.status == "Submitted", "an order of another client")
        (seen,) = await one.reqAllOpenOrders()
        assert seen.order.permId == theirs.order.permId
        ib.cancelOrder(theirs.order)
        await until(lambda: theirs.orderStatus.status == "Cancelled", "its end")
        assert await one.reqAllOpenOrders() == []
        assert await one.openTrades(all=True) == []
        ib.disconnect()


async def test_asynchronous_handlers_run_on_uvloop(simulator: SimulatedGateway, proxy: Proxy) -> None:
    """Under uvloop.run ib_async connects, and its asynchronous handlers never run; nothing says so."""
    async with child("handlers", "handlers", str(simulator.port), url_of(proxy)) as process:
        counts = await process.hear()
    assert counts["ib_async plain"] >= 3
    if sys.version_info < (3, 14):  # where there is a current loop of the policy that is not the running one
        assert "ib_async asynchronous" not in counts
    assert counts["ibmux plain"] >= 3
    assert counts["ibmux asynchronous"] >= 3


# -- the sync barrier, as scripts see it

LISTS: dict[str, dict[str, Any]] = {
    "positions": {}, "portfolio": {}, "accountValues": {}, "accountSummary": {}, "openTrades": {}, "reqOpenOrders": {},
    "reqAllOpenOrders": {}, "reqCompletedOrders": {}, "fills": {"all": True}, "reqExecutions": {},
    "trades": {"all": True},
}  # fmt: skip


async def test_no_list_is_read_before_it_is_whole(simulator: SimulatedGateway, proxy: Proxy) -> None:
    """While a download lasts, cut off and begun anew, every list is refused or waited for, never answered in part."""
    session = proxy.gateways["paper"].session
    async with raw_script(url_of(proxy), "one") as one:
        for key, kind in (("a", "LMT"), ("b", "LMT"), ("c", "MKT")):
            order = {"action": "BUY", "totalQuantity": 1, "orderType": kind} | (
                {"lmtPrice": 1.0} if kind == "LMT" else {}
            )
            await one.ask(
                "placeOrder", {"contract": {"conId": 265598, "exchange": "SMART"}, "order": order, "key": key}
            )
        await until(lambda: session.state == "ready" and session._reports, "the fill")
        before = {name: len((await one.ask(name, LISTS[name])).payload) for name in LISTS}
        assert (before["positions"], before["openTrades"], before["fills"], before["reqCompletedOrders"]) == (
            11,
            2,
            1,
            1,
        )
        await simulator.faults.slow_sync(1.0)
        await simulator.faults.drop(1)
        patient: list[tuple[str, bytes]] = []
        for word in ("1100", "1101", "1101"):
            await until(lambda: session.state in ("syncing", "cut"), "the download")
            await simulator.faults.apply(f"say {word}")
            patient += [(name, one.send(name, LISTS[name], user_properties=[("wait", "ready")])) for name in LISTS]
            hasty = {name: (await one.ask(name, LISTS[name])).code for name in LISTS}
            assert hasty == dict.fromkeys(LISTS, "gateway.not_ready"), session.state
        for name, asked in patient:
            assert len((await one.answer(asked)).payload) == before[name]


async def test_an_accounts_published_state_is_never_a_part_of_it(
    simulator: SimulatedGateway, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values and holdings are published when they are known to be whole, also while a slow download goes on."""
    monkeypatch.setattr("ibmux.services.account.GATHER", 0.05)
    session, states = proxy.gateways["paper"].session, list[AccountState]()
    whole = {name: len(session.account_values(name)) for name in session.accounts}
    ear = Link(url_of(proxy), client_id="ear", username="ear")
    await ear.start()
    try:
        topic = topics.account_state("paper", "DU1000001")
        await ear.subscribe(topic, lambda message: states.append(decode(message.payload, AccountState)), qos=1)
        await simulator.faults.slow_sync(0.3)
        await simulator.faults.drop(1)
        await until(lambda: states and states[-1].epoch == 2, "a state of the new connection")
        assert session.epoch == 2
    finally:
        await ear.close()
    assert {len(state.values) for state in states} == {whole["DU1000001"]}
    assert {len(state.portfolio) for state in states} == {6}
