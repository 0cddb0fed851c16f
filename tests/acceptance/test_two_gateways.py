"""Two gateways in one proxy: each has a session, accounts and orders of its own, and its own troubles."""

from __future__ import annotations

import pytest
from ports import free_port
from stage import running_proxy, settings, until, url_of

import ibmux
from ibmux import survey
from ibmux.errors import NotReady, UnknownGateway
from ibmux.sim import Settings, SimulatedGateway

AAPL = ibmux.Stock("AAPL", "SMART", "USD")


async def test_each_gateway_has_its_own_session_and_trouble() -> None:
    async with (
        SimulatedGateway(Settings()) as paper,
        SimulatedGateway(Settings(port=free_port(), accounts=("U7000001",))) as live,
    ):
        common = {"client_id": 1, "pause_floor": 0.1, "settle": 0.1}
        gateways = {
            "paper": {"port": paper.port, "kind": "paper", **common},
            "live": {"port": live.port, "kind": "live", "accounts": ["U7000001"], **common},
        }
        async with running_proxy(settings(0, gateways=gateways)) as proxy:
            at_paper = await ibmux.connect("one", url=url_of(proxy), gateway="paper")
            at_live = await ibmux.connect("one", url=url_of(proxy), gateway="live")
            assert await at_paper.managedAccounts() == ["DU1000001", "DU1000002"]
            assert await at_live.managedAccounts() == ["U7000001"]

            trade = await at_live.placeOrder(AAPL, ibmux.MarketOrder("BUY", 1), key="k")
            await trade.done(timeout=20)
            assert [entry.key for entry in proxy.gateways["live"].feed.book] == ["k"]
            assert await at_paper.trades() == []
            assert (paper.stats.orders_placed, live.stats.orders_placed) == (0, 1)

            ticker = await at_paper.reqMktData(AAPL)
            await until(ticker.hasBidAsk, "a bid and an ask")
            readings = {each.name: each for each in survey.reading(proxy).gateways}
            assert readings["paper"].ticks_out > 0 and readings["live"].ticks_out == 0
            assert readings["paper"].ticks_out <= readings["paper"].ticks_in
            assert (readings["paper"].in_flight, readings["live"].in_flight) == (0, 0)

            await live.close()
            await until(lambda: at_live.status().state == "waiting", "the live session waits")
            with pytest.raises(NotReady, match=r"Cannot connect|closed the connection|Connecting to"):
                await at_live.placeOrder(AAPL, ibmux.MarketOrder("BUY", 1), key="k2")
            assert at_paper.status().state == "ready"
            assert len(await at_paper.positions()) > 0

            await live.start()
            await until(lambda: at_live.status().state == "ready", "the live session is back")
            assert (proxy.gateways["live"].session.epoch, proxy.gateways["paper"].session.epoch) == (2, 1)
            await at_paper.close()
            await at_live.close()


async def test_a_gateway_that_is_not_there_is_named() -> None:
    async with SimulatedGateway(Settings()) as paper, running_proxy(settings(paper.port)) as proxy:
        stranger = await ibmux.connect("one", url=url_of(proxy), gateway="lvie")
        with pytest.raises(UnknownGateway, match="lvie"):
            await stranger.positions()
        await stranger.close()


async def test_a_live_login_where_paper_was_promised_is_not_used() -> None:
    async with SimulatedGateway(Settings(accounts=("U7000001",))) as live:
        tree = settings(0, gateways={"paper": {"port": live.port, "kind": "paper", "pause_floor": 0.1}})
        async with running_proxy(tree, ready=False) as proxy:
            session = proxy.gateways["paper"].session
            await until(lambda: session.state == "parked", "the session is parked")
            assert "promises a paper login" in session.status().reason
            await until(lambda: live.stats.connections == 0, "the gateway is left alone")
