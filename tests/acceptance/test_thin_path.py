"""One quote, one order, one script through every layer: the fastest sign that the whole thing works."""

from __future__ import annotations

from stage import until, url_of

import ibmux
from ibmux.daemon import Proxy
from ibmux.sim import SimulatedGateway


async def test_positions_a_quote_and_an_order_reach_a_script(simulator: SimulatedGateway, proxy: Proxy) -> None:
    async with ibmux.connect("thin", url=url_of(proxy)) as ib:
        assert ib.gateway == "paper"
        held = {(each.account, each.contract.conId): each.position for each in await ib.positions()}
        expected = {
            (name, each.contract.conId): float(each.position)
            for name in simulator.world.accounts.names
            for each in simulator.world.accounts[name].positions()
            if each.position
        }
        assert held == expected

        [apple] = await ib.qualifyContracts(ibmux.Stock("AAPL", "SMART", "USD"))
        assert apple is not None
        assert apple.conId == 265598
        ticker = await ib.reqMktData(apple)
        await until(ticker.hasBidAsk, "a bid and an ask")
        assert 0 < ticker.bid <= ticker.ask
        moved = ticker.timestamp
        await until(lambda: ticker.timestamp != moved, "a tick")
        assert ticker.gaps == 0

        trade = await ib.placeOrder(apple, ibmux.MarketOrder("BUY", 10), key="first")
        await trade.done(timeout=20)
        assert trade.orderStatus.status == "Filled"
        await until(lambda: trade.filled() == 10, "all executions")
        record = simulator.world.desk.executions(_everything())
        assert sorted(fill.execution.execId for fill in trade.fills) == sorted(
            execution.execId for execution, _ in record
        )

        account = trade.fills[0].execution.acctNumber
        before = held.get((account, apple.conId), 0.0)

        async def now_held() -> float:
            return sum(each.position for each in await ib.positions(account) if each.contract.conId == apple.conId)

        while (
            await now_held() != before + 10
        ):  # the gateway reports it a moment after the fill; bounded by pytest's timeout
            await ib.waitOnUpdate(0.1)

    assert simulator.stats.connections_ever == 1
    assert simulator.stats.by_client == {1: 1}
    assert simulator.stats.lines == {1: 1}
    assert simulator.stats.orders_placed == 1


def _everything():  # type: ignore[no-untyped-def]
    from ibmux.sim.orders.order import ExecutionFilter

    return ExecutionFilter()
