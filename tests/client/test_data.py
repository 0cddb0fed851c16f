"""Accounts, contracts and history through the client."""

from __future__ import annotations

import asyncio
import datetime as dt
import math

import ib_async
import pytest
from far_side import Proxy

import ibmux
from ibmux import Contract, Stock, errors, topics
from ibmux.client.times import read_bar_date, read_moment, write_ib
from ibmux.messages.account import AccountValue, PnL, PnLSingle, PnLState, PortfolioItem
from ibmux.messages.contracts import ContractDescription, ContractDetails, OptionChain
from ibmux.messages.history import BarData

AAPL = Contract("STK", 265598, "AAPL", exchange="NASDAQ", currency="USD", localSymbol="AAPL")


def answer(proxy: Proxy, **answers) -> None:
    for name, value in answers.items():
        proxy.answers[name] = lambda _request, _message, value=value: value


async def test_accounts(proxy: Proxy, ib: ibmux.IB) -> None:
    value = AccountValue("DU1", "NetLiquidation", "1000", "USD")
    item = PortfolioItem(AAPL, 1, 2, 3, 4, 5, 6, "DU1")
    answer(
        proxy, managedAccounts=["DU1"], accountValues=[value], accountSummary=[value], portfolio=[item], positions=[]
    )
    assert await ib.managedAccounts() == ["DU1"]
    assert await ib.accountValues("DU1") == [value]
    assert await ib.accountSummary() == await ib.accountSummaryAsync() == [value]
    assert await ib.portfolio("DU1") == [item]
    assert await ib.reqPositions() == []
    assert [request.account for request in proxy.of("accountValues")] == ["DU1"]


async def test_profit_and_loss_lives(proxy: Proxy, ib: ibmux.IB) -> None:
    answer(proxy, reqPnL=PnL("DU1", "", 1.0), cancelPnL=True, reqPnLSingle=PnLSingle("DU1", "", 5, 2.0))
    pnl = await ib.reqPnL("DU1")
    assert pnl.dailyPnL == 1.0
    assert math.isnan(pnl.realizedPnL)
    changed = asyncio.create_task(anext(aiter(ib.pnlEvent)))
    await asyncio.sleep(0)
    proxy.say(topics.pnl_state("paper", "DU1"), PnLState(1, 2.0, PnL("DU1", "", 7.0)), retain=True)
    assert await asyncio.wait_for(changed, 20) is pnl
    assert pnl.dailyPnL == 7.0
    assert await ib.pnl() == await ib.pnl("DU1") == [pnl]
    assert len(proxy.of("reqPnL")) == 1
    await proxy.restart()
    await proxy.until(lambda: len(proxy.of("reqPnL")) == 2, 20)
    assert (await ib.pnlSingle("DU1", "", 5))[0].dailyPnL == 2.0
    assert proxy.of("reqPnLSingle")[0].conId == 5
    assert await ib.cancelPnL("DU1")
    assert await ib.pnl() == []
    assert await ib.cancelPnL("DU1") is False


async def test_qualifying_fills_in_the_given_objects(proxy: Proxy, ib: ibmux.IB) -> None:
    answer(proxy, qualifyContracts=[AAPL, None, AAPL])
    ours, unknown, foreign = Stock("AAPL", "SMART", "USD"), Stock("NOPE"), ib_async.Stock("AAPL", "NASDAQ", "USD")
    result = await ib.qualifyContracts(ours, unknown, foreign)
    assert result[0] is ours
    assert result[1] is None
    assert result[2] is foreign
    assert (ours.conId, ours.exchange, foreign.conId, foreign.localSymbol) == (265598, "SMART", 265598, "AAPL")
    assert foreign.exchange == "NASDAQ"


async def test_contracts(proxy: Proxy, ib: ibmux.IB) -> None:
    chain = OptionChain("SMART", 265598, "AAPL", "100", ["20270115"], [100.0])
    details, hit = ContractDetails(AAPL, longName="APPLE INC"), ContractDescription(AAPL, ["OPT"])
    answer(proxy, reqContractDetails=[details], reqMatchingSymbols=[hit], reqSecDefOptParams=[chain])
    assert await ib.reqContractDetails(ib_async.Stock("AAPL")) == [details]
    assert await ib.reqMatchingSymbolsAsync("app") == [hit]
    assert await ib.reqSecDefOptParams("AAPL", "", "STK", 265598) == [chain]
    assert proxy.of("reqSecDefOptParams")[0].underlyingConId == 265598


async def test_history(proxy: Proxy, ib: ibmux.IB) -> None:
    moment = dt.datetime(2026, 1, 2, 9, 30, tzinfo=dt.UTC)
    bars = [BarData("2026-01-02", close=1.0), BarData("2026-01-02T10:30:00+01:00"), BarData(moment)]
    answer(proxy, reqHistoricalData=bars, reqHeadTimeStamp="1980-12-12T14:30:00Z", reqCurrentTime=1700000000.5)
    got = await ib.reqHistoricalData(
        ib_async.Stock("AAPL", "SMART", "USD"), moment, "2 D", "1 day", "TRADES", True, 1, False, [("a", "b")], 45
    )
    assert [bar.date for bar in got] == [dt.date(2026, 1, 2), moment, moment]
    assert type(got[0].date) is dt.date
    request = proxy.of("reqHistoricalData")[0]
    assert (request.endDateTime, request.useRTH) == ("20260102 09:30:00 UTC", True)
    assert request.chartOptions == [ibmux.TagValue("a", "b")]
    assert 31 <= proxy.asked[-1][2].expiry <= 45
    head = await ib.reqHeadTimeStamp(AAPL, "TRADES", True)
    assert head == dt.datetime(1980, 12, 12, 14, 30, tzinfo=dt.UTC)
    assert await ib.reqCurrentTime() == dt.datetime.fromtimestamp(1700000000.5, dt.UTC)
    with pytest.raises(errors.RequestError, match="end now"):
        await ib.reqHistoricalData(AAPL, moment, "1 D", "1 min", "TRADES", True, keepUpToDate=True)


def test_times() -> None:
    assert write_ib(None) == write_ib("") == ""
    assert write_ib("20260101 10:00:00 US/Eastern") == "20260101 10:00:00 US/Eastern"
    local = dt.datetime(2026, 1, 1, 23, 59, 59).astimezone()
    assert write_ib(dt.date(2026, 1, 1)) == local.astimezone(dt.UTC).strftime("%Y%m%d %H:%M:%S UTC")
    assert read_moment("2026-01-01T00:00:00") == dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    assert read_bar_date(dt.date(2026, 1, 1)) == dt.date(2026, 1, 1)
    with pytest.raises(errors.RequestError, match="not an ISO 8601 time"):
        read_moment("yesterday")
    for value in ("", None):
        assert ib_async.util.formatIBDatetime(value) == write_ib(value)


async def test_sleep_and_waiting_for_updates(proxy: Proxy, ib: ibmux.IB) -> None:
    assert await ib.sleep(0)
    assert await ib.waitOnUpdate(0.01) is False
    waiting = asyncio.create_task(ib.waitOnUpdate(5))
    await asyncio.sleep(0)
    proxy.report("cut")
    assert await waiting is True
