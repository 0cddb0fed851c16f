"""What was asked once is not asked again: finished bars and ticks; and what many contracts of one request cost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from stage import raw_script, until, url_of

import ibmux
from ibmux import errors
from ibmux.core.history_pacing import Quota
from ibmux.daemon import Proxy
from ibmux.sim import SimulatedGateway

AAPL = ibmux.Contract("STK", 265598, "AAPL", exchange="SMART", currency="USD")
PAST = "20260106 15:00:00 US/Eastern"
SYMBOLS = ("AAPL", "MSFT", "NVDA", "AMZN", "GOOGL", "META", "TSLA", "SPY", "QQQ", "JPM", "XOM", "KO")


def upstream(proxy: Proxy) -> int:
    return proxy.gateways["paper"].flights.sent


async def test_finished_bars_are_asked_once_whoever_wants_them(simulator: SimulatedGateway, proxy: Proxy) -> None:
    async with ibmux.connect("one", url=url_of(proxy)) as one, ibmux.connect("two", url=url_of(proxy)) as two:
        flights = proxy.gateways["paper"].flights
        began = asyncio.get_running_loop().time()
        answers = [
            await ib.reqHistoricalData(AAPL, PAST, "600 S", "5 secs", "TRADES", False) for ib in (one, two, one, two)
        ]
        assert asyncio.get_running_loop().time() - began < 14.5, "the rule of 15 seconds does not count"
        assert all(list(each) == list(answers[0]) for each in answers)
        assert len(answers[0]) == 120
        assert (flights.asked, flights.sent) == (4, 1)
        ticks = [await ib.reqHistoricalTicks(AAPL, "", PAST, 20, "BID_ASK", False) for ib in (one, two)]
        assert ticks[0] == ticks[1]
        assert upstream(proxy) == 2
        assert len(await one.reqHistoricalData(AAPL, PAST, "600 S", "10 secs", "TRADES", False)) == 60
        assert upstream(proxy) == 3


async def test_bars_that_go_on_are_asked_again(proxy: Proxy) -> None:
    session = proxy.gateways["paper"].session
    async with ibmux.connect("one", url=url_of(proxy)) as ib:
        for end in ("", "20991231 12:00:00 UTC"):
            before = upstream(proxy)
            for _ in range(2):
                await ib.reqHistoricalData(AAPL, end, "1 D", "5 mins", "TRADES", True)
            assert upstream(proxy) == before + 2
        for _ in range(2):
            await ib.reqHistoricalData(AAPL, PAST, "1 D", "5 mins", "TRADES", True)
        assert upstream(proxy) == before + 3
        epoch = session.epoch
        session.park("A short break.")
        session.resume()
        await until(lambda: session.state == "ready" and session.epoch > epoch, "the next connection")
        await ib.reqHistoricalData(AAPL, PAST, "1 D", "5 mins", "TRADES", True)
        assert upstream(proxy) == before + 4


async def test_an_error_is_not_kept(proxy: Proxy) -> None:
    session = proxy.gateways["paper"].session
    async with ibmux.connect("one", url=url_of(proxy)) as ib:
        all_of_it, session.paces.history._all = session.paces.history._all, Quota(0, 600.0)
        session.paces.history._all.note(asyncio.get_running_loop().time())
        with pytest.raises(errors.Busy):
            await ib.reqHistoricalData(AAPL, PAST, "600 S", "5 secs", "TRADES", False, timeout=5)
        session.paces.history._all = all_of_it
        assert await ib.reqHistoricalData(AAPL, PAST, "600 S", "5 secs", "TRADES", False)


async def test_many_contracts_of_one_request_are_looked_up_together(simulator: SimulatedGateway, proxy: Proxy) -> None:
    session = proxy.gateways["paper"].session
    most, running, ask = 0, 0, session.contract_details

    async def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            await asyncio.sleep(0.05)
            return await ask(*args, **kwargs)
        finally:
            running -= 1

    session.contract_details = counted  # type: ignore[method-assign]
    async with ibmux.connect("one", url=url_of(proxy)) as ib:
        wanted = [ibmux.Stock(name, "SMART", "USD") for name in (*SYMBOLS, "NOSUCH")]
        found = await ib.qualifyContracts(*wanted)
        assert [each.symbol if each else None for each in found] == [*SYMBOLS, None]
        assert 5 < most <= 10
        tickers = await ib.reqTickers(*[ibmux.Stock(name, "SMART", "USD") for name in reversed(SYMBOLS)])
        assert [each.contract.symbol for each in tickers] == list(reversed(SYMBOLS))
        assert all(each.ask > 0 for each in tickers)
        with pytest.raises(errors.UnknownContract):
            await ib.reqTickers(*wanted)


async def test_claims_and_items_of_every_kind_are_counted(simulator: SimulatedGateway, proxy: Proxy) -> None:
    async with ibmux.connect("one", url=url_of(proxy)) as ib, raw_script(url_of(proxy), "raw") as script:
        gateway = proxy.gateways["paper"]
        await ib.reqMktDepth(AAPL, 5, True)
        await until(lambda: gateway.publisher.ticks_out > 10, "changes of the book")
        assert gateway.session.ticks_in >= gateway.publisher.ticks_out > 10
        account = (await ib.managedAccounts())[0]
        await ib.reqPnL(account)
        await ib.reqNewsBulletins(True)
        await ib.reqScannerSubscription(
            ibmux.ScannerSubscription(instrument="STK", locationCode="STK.US.MAJOR", scanCode="MOST_ACTIVE")
        )
        report = (await script.ask("status")).payload
        (mine,) = [each for each in report["scripts"] if each["script"] == "one"]
        assert mine["leases"] == 4
