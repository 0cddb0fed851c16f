"""Scans, news, companies, the login, accounts' changes, times: the client against a scripted proxy."""

from __future__ import annotations

import asyncio
import datetime as dt
import inspect
import time
from collections.abc import Callable
from typing import Any

import ib_async
import pytest
from far_side import Proxy, Silence, trade

import ibmux
import ibmux.sync
from ibmux import ScannerSubscription, TagValue, WshEventData, errors, topics
from ibmux.client.moments import moments, on_day, seconds_until
from ibmux.messages.account import (
    AccountState,
    AccountValue,
    PnL,
    PnLSingle,
    PnLSingleState,
    PnLState,
    PortfolioItem,
    Position,
    PositionState,
)
from ibmux.messages.contracts import Contract, ContractDetails
from ibmux.messages.news import HistoricalNews, NewsArticle, NewsBulletin, NewsEvent, NewsProvider, NewsTick
from ibmux.messages.orders import Order
from ibmux.messages.scanner import ScanData, ScanLease, ScanState

AAPL = Contract("STK", 265598, "AAPL", exchange="NASDAQ", currency="USD", localSymbol="AAPL")
NOON = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)


def answer(proxy: Proxy, **answers: Any) -> None:
    for name, value in answers.items():
        proxy.answers[name] = lambda _request, _message, value=value: value


def rows(*symbols: str) -> list[ScanData]:
    return [ScanData(rank, ContractDetails(Contract("STK", symbol=name))) for rank, name in enumerate(symbols)]


async def until(condition: Callable[[], Any], timeout: float = 20.0) -> None:
    """Wait for `condition`."""
    deadline = asyncio.get_running_loop().time() + timeout
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"not within {timeout} s"
        await asyncio.sleep(0.005)


# -- everything is there


def test_nothing_of_ib_async_is_missing_but_market_data() -> None:
    """Names of ib_async's IB class that this part of the client answers for."""
    words = (
        "Scanner", "News", "Wsh", "FA", "User", "Fundamental", "Account", "PnL", "Auto", "exercise", "waitUntil",
        "timeRange", "loopUntil", "schedule", "setTimeout", "run", "connect", "events", "Request", "MaxSynced",
        "Timezone",
    )  # fmt: skip
    wanted = {name for name in dir(ib_async.IB) if not name.startswith("_") and any(word in name for word in words)}
    wanted.discard("realtimeBars")
    assert wanted - set(dir(ibmux.IB)) == set()
    for name in wanted:
        if name.endswith("Async") and name not in ("connectAsync", "timeRangeAsync"):
            assert getattr(ibmux.IB, name) is getattr(ibmux.IB, name.removesuffix("Async"), None), name


async def test_every_event_of_ib_async_is_there(ib: ibmux.IB) -> None:
    assert set(ib.events) == set(ib_async.IB.events)
    here = {name for name in ib.events if isinstance(getattr(ib, name, None), ibmux.client.events.Event)}
    assert set(ib.events) - here <= {"barUpdateEvent"}


def test_documented_arguments_are_those_of_ib_async() -> None:
    for name in ("reqScannerData", "reqHistoricalNews", "reqNewsArticle", "reqFundamentalData", "reqPnLSingle",
                 "replaceFA", "requestFA", "exerciseOptions", "reqAccountUpdatesMulti", "setTimeout"):  # fmt: skip
        theirs = list(inspect.signature(getattr(ib_async.IB, name)).parameters)
        ours = list(inspect.signature(getattr(ibmux.IB, name)).parameters)
        assert ours[: len(theirs)] == theirs, name


# -- scans


async def test_one_scan(proxy: Proxy, ib: ibmux.IB) -> None:
    answer(proxy, reqScannerData=rows("A", "B"), reqScannerParameters="<xml/>")
    foreign = ib_async.ScannerSubscription(instrument="STK", locationCode="STK.US", scanCode="TOP", abovePrice=5.0)
    found = await ib.reqScannerData(foreign, [], [ib_async.TagValue("priceBelow", "9")])
    assert [row.contractDetails.contract.symbol for row in found] == ["A", "B"]  # type: ignore[union-attr]
    assert found.subscription is foreign
    (request,) = proxy.of("reqScannerData")
    assert request.subscription == ScannerSubscription(
        instrument="STK", locationCode="STK.US", scanCode="TOP", abovePrice=5.0
    )
    assert request.subscription.belowPrice is None, "unset is nil"
    assert request.scannerSubscriptionFilterOptions == [TagValue("priceBelow", "9")]
    assert await ib.reqScannerParameters() == "<xml/>"


async def test_a_scan_lives_until_its_last_list_is_cancelled(proxy: Proxy, ib: ibmux.IB) -> None:
    lease = ScanLease("abc", 60.0, 1, 10.0, rows("A"))
    answer(proxy, reqScannerSubscription=lease, cancelScannerSubscription=True)
    first = await ib.reqScannerSubscription(ScannerSubscription(scanCode="TOP"))
    second = await ib.reqScannerSubscription(ScannerSubscription(scanCode="TOP"))
    assert first.reqId != second.reqId
    told: list[Any] = []
    updated: list[Any] = []
    ib.scannerDataEvent += told.append
    first.updateEvent += updated.append
    topic = topics.scan("paper", "abc")
    proxy.say(topic, ScanState(1, 10.0, rows("A")), retain=True)
    proxy.say(topic, ScanState(1, 11.0, rows("B", "C")), retain=True)
    await until(lambda: len(told) == 2)
    assert updated == [first]
    assert told[0] is first
    assert told[1] is second
    assert [row.contractDetails.contract.symbol for row in second] == ["B", "C"]  # type: ignore[union-attr]
    assert await ib.cancelScannerSubscription(first)
    assert proxy.of("cancelScannerSubscription") == []
    assert await ib.cancelScannerSubscription(second)
    assert [each.scan for each in proxy.of("cancelScannerSubscription")] == ["abc"]
    assert not await ib.cancelScannerSubscription(second)


async def test_a_lease_of_a_scan_is_renewed_and_taken_again_after_a_loss(proxy: Proxy, ib: ibmux.IB) -> None:
    answer(proxy, reqScannerSubscription=ScanLease("abc", 0.1, 1, 10.0, rows("A")))
    shown = await ib.reqScannerSubscription(ScannerSubscription(scanCode="TOP"))
    await proxy.until(lambda: len(proxy.of("reqScannerSubscription")) >= 3)
    answer(proxy, reqScannerSubscription=ScanLease("abc", 60.0, 2, 3.0, rows("NEW")))
    await proxy.restart()
    await until(lambda: [row.contractDetails.contract.symbol for row in shown] == ["NEW"], 20)  # type: ignore[union-attr]


# -- news


async def test_news(proxy: Proxy, ib: ibmux.IB) -> None:
    providers, article = [NewsProvider("BRFG", "Briefing")], NewsArticle(0, "text")
    headlines = [HistoricalNews(NOON, "BRFG", "BRFG$1", "Up")]
    answer(proxy, reqNewsProviders=providers, reqNewsArticle=article, reqHistoricalNews=headlines)
    assert await ib.reqNewsProviders() == providers
    assert await ib.reqNewsArticleAsync("BRFG", "BRFG$1") == article
    found = await ib.reqHistoricalNews(8314, "BRFG", NOON, "", 10)
    assert found == headlines
    assert found[0].time == NOON
    (request,) = proxy.of("reqHistoricalNews")
    assert (request.startDateTime, request.endDateTime) == ("20260304 12:00:00 UTC", "")


async def test_headlines_are_heard_of_own_streams_alone(proxy: Proxy, ib: ibmux.IB) -> None:
    told: list[NewsTick] = []
    ib.tickNewsEvent += told.append
    await ib.reqMktData(AAPL, "mdoff,292")
    plain = Contract("STK", 8314, "IBM", exchange="NYSE")
    await ib.reqMktData(plain)
    for con_id in (1, 8314, AAPL.conId):
        tick = NewsTick(1_700_000_000_000, "BRFG", f"BRFG${con_id}", "Up", "", con_id)
        proxy.say(topics.news("paper"), NewsEvent(1, 2.0, "tick", tick=tick), qos=1)
    await until(lambda: told)
    assert [each.conId for each in told] == [AAPL.conId]
    assert ib.newsTicks() == told


async def test_bulletins_are_heard_by_who_asked_and_after_a_loss(proxy: Proxy, ib: ibmux.IB) -> None:
    told: list[NewsBulletin] = []
    ib.newsBulletinEvent += told.append
    old, new = NewsBulletin(1, 1, "old", "NYSE"), NewsBulletin(2, 1, "new", "NYSE")
    answer(proxy, reqNewsBulletins=[old], cancelNewsBulletins=True)
    say = lambda each: proxy.say(topics.news("paper"), NewsEvent(1, 2.0, "bulletin", bulletin=each), qos=1)  # noqa: E731
    say(NewsBulletin(9, 1, "for others", "NYSE"))
    assert await ib.cancelNewsBulletins(), "an answer: what was said before it has been heard"
    assert await ib.reqNewsBulletins(True) == [old]
    say(old)
    say(new)
    await until(lambda: len(told) == 2)
    assert told == ib.newsBulletins() == [old, new]
    await proxy.restart()
    await proxy.until(lambda: len(proxy.of("reqNewsBulletins")) == 2, 20)
    assert await ib.cancelNewsBulletins()


# -- companies and the login


async def test_documents(proxy: Proxy, ib: ibmux.IB) -> None:
    answer(
        proxy, getWshMetaData="{}", getWshEventData="[]", reqFundamentalData="<r/>", reqUserInfo="me", requestFA="<g/>",
        replaceFA="success", reqAutoOpenOrders=True,
    )  # fmt: skip
    told: list[str] = []
    ib.wshMetaEvent += told.append
    ib.wshEvent += told.append
    assert await ib.reqWshMetaData() == await ib.getWshMetaDataAsync() == "{}"
    assert await ib.getWshEventData(ib_async.WshEventData(filter="{}")) == "[]"
    assert await ib.reqWshEventData(WshEventData(conId=8314)) == "[]"
    assert told == ["{}", "{}", "[]", "[]"]
    assert [each.data for each in proxy.of("getWshEventData")] == [WshEventData(filter="{}"), WshEventData(conId=8314)]
    assert await ib.cancelWshMetaData() is await ib.cancelWshEventData() is False
    assert await ib.reqFundamentalData(ib_async.Stock("AAPL"), "ReportSnapshot") == "<r/>"
    assert (await ib.reqUserInfo(), await ib.requestFA(1), await ib.replaceFA(1, "<g/>")) == ("me", "<g/>", "success")
    assert await ib.reqAutoOpenOrders()


async def test_a_long_text_comes_in_parts(proxy: Proxy, ib: ibmux.IB) -> None:
    def parts(_request: Any, message: Any) -> type[Silence]:
        for number, text in enumerate(("one ", "two ", "three"), 1):
            proxy.reply(message, text, part=f"{number}/3")
        return Silence

    proxy.answers["reqScannerParameters"] = parts
    assert await ib.reqScannerParameters() == "one two three"


async def test_replacing_is_not_repeated_after_a_loss(proxy: Proxy, ib: ibmux.IB) -> None:
    answer(proxy, replaceFA=Silence)
    asking = asyncio.create_task(ib.replaceFA(1, "<g/>"))
    await proxy.until(lambda: proxy.of("replaceFA"))
    await proxy.restart()
    with pytest.raises(errors.ConnectionLost) as lost:
        await asyncio.wait_for(asking, 20)
    assert lost.value.fate == "unknown"
    assert len(proxy.of("replaceFA")) == 1


async def test_an_exercise_is_followed_like_an_order(proxy: Proxy, ib: ibmux.IB) -> None:
    option = Contract("OPT", 111, "AAPL", "20270115", 150.0, "C", "100", "SMART")
    proxy.answers["exerciseOptions"] = lambda request, _: trade(
        request.contract,
        Order(orderId=10 + request.exerciseAction, action="EXERCISE", totalQuantity=2.0, orderType="OPTION"),
        request.key,
        "alpha",
    )
    done = await ib.exerciseOptions(option, 1, 2.0, "DU1", 0)  # type: ignore[arg-type] # positions are floats
    assert (done.order.action, done.orderStatus.status) == ("EXERCISE", "Submitted")
    (request,) = proxy.of("exerciseOptions")
    assert (request.exerciseAction, request.exerciseQuantity, request.account, request.override) == (1, 2, "DU1", 0)
    assert request.key == done.key
    again = await ib.exerciseOptions(option, 2, 1, "DU1", key="mine")
    assert again.key == "mine"
    proxy.answers["exerciseOptions"] = lambda *_: Silence
    with pytest.raises(errors.OrderUnknown):
        await ib.exerciseOptions(option, 1, 1, "DU1", timeout=0.1)


# -- accounts


async def test_single_profits_live(proxy: Proxy, ib: ibmux.IB) -> None:
    answer(proxy, reqPnLSingle=PnLSingle("DU1", "", 5, 2.0), cancelPnLSingle=True)
    single = await ib.reqPnLSingle("DU1", "", 5)
    told: list[PnLSingle] = []
    ib.pnlSingleEvent += told.append
    topic = topics.pnl_state("paper", "DU1", con_id=5)
    proxy.say(topic, PnLSingleState(1, 2.0, PnLSingle("DU1", "", 5, 7.0, position=3)), retain=True)
    await until(lambda: told)
    assert told[0] is single
    assert (single.dailyPnL, single.position) == (7.0, 3)
    assert await ib.pnlSingle("DU1") == await ib.pnlSingle(conId=5) == [single]
    assert await ib.pnl() == []
    await proxy.restart()
    await proxy.until(lambda: len(proxy.of("reqPnLSingle")) == 2, 20)
    assert await ib.cancelPnLSingle("DU1", "", 5)
    assert not await ib.cancelPnLSingle("DU1", "", 5)


async def test_models_have_topics_of_their_own(proxy: Proxy, ib: ibmux.IB) -> None:
    proxy.answers["reqPnL"] = lambda request, _: PnL(request.account, request.modelCode, 1.0)
    proxy.answers["reqPnLSingle"] = lambda request, _: PnLSingle(request.account, request.modelCode, request.conId, 1.0)
    whole, model = await ib.reqPnL("DU1"), await ib.reqPnL("DU1", "A/B")
    single = await ib.reqPnLSingle("DU1", "A/B", 5)
    proxy.say(topics.pnl_state("paper", "DU1", "A/B"), PnLState(1, 2.0, PnL("DU1", "A/B", 7.0)), retain=True)
    topic = topics.pnl_state("paper", "DU1", "A/B", 5)
    proxy.say(topic, PnLSingleState(1, 2.0, PnLSingle("DU1", "A/B", 5, 8.0)), retain=True)
    await until(lambda: (model.dailyPnL, single.dailyPnL) == (7.0, 8.0))
    assert whole.dailyPnL == 1.0


async def test_changes_of_accounts_are_told(proxy: Proxy, ib: ibmux.IB) -> None:
    cash = AccountValue("DU1", "TotalCashValue", "1000", "USD")
    item = PortfolioItem(AAPL, 1, 2, 3, 4, 5, 6, "DU1")
    position = Position("DU1", AAPL, 1, 2.0)
    answer(
        proxy, reqAccountUpdates=AccountState(1, 1.0, [cash], [item]), positions=[position], accountSummary=[cash],
        reqAccountUpdatesMulti=[AccountValue("DU1", "TotalCashValue", "10", "USD", "M")],
    )  # fmt: skip
    told: list[Any] = []
    for name in ("accountValueEvent", "updatePortfolioEvent", "positionEvent", "accountSummaryEvent"):
        event = getattr(ib, name)
        event += lambda value, name=name: told.append((name, value))
    await ib.reqAccountUpdates()
    assert told == [("accountValueEvent", cash), ("updatePortfolioEvent", item)]
    more = AccountValue("DU1", "TotalCashValue", "1001", "USD")
    proxy.say(topics.account_state("paper", "DU1"), AccountState(1, 2.0, [more], [item]), retain=True)
    await until(lambda: ("accountValueEvent", more) in told)
    assert told.count(("updatePortfolioEvent", item)) == 1
    assert await ib.reqPositions() == [position]
    topic = topics.position_state("paper", "DU1", AAPL.conId)
    proxy.say(topic, PositionState(1, 1.0, position), retain=True)
    await until(lambda: ("positionEvent", position) in told)
    proxy.endpoint.publish(topic, b"", retain=True)
    flat = Position("DU1", AAPL, 0.0, 0.0)
    await until(lambda: ("positionEvent", flat) in told)
    assert await ib.reqAccountSummary() == [cash]
    await ib.reqAccountSummary()
    assert told.count(("accountSummaryEvent", cash)) == 1
    (value,) = await ib.reqAccountUpdatesMultiAsync("DU1", "M")
    assert value.modelCode == "M"
    await proxy.restart()
    await proxy.until(lambda: len(proxy.of("reqAccountUpdatesMulti")) == 2, 20)


# -- times


def test_moments_leave_out_what_is_over() -> None:
    now = dt.datetime.now(dt.UTC)
    steps = list(moments(now - dt.timedelta(seconds=95), now + dt.timedelta(seconds=95), 60))
    assert [round((each - now).total_seconds()) for each in steps] == [25, 85]
    assert list(moments(now + dt.timedelta(hours=1), now, 60)) == []
    assert seconds_until(now - dt.timedelta(days=1)) == 0
    assert on_day(dt.time(9, 30)) == dt.datetime.combine(dt.datetime.now().date(), dt.time(9, 30))  # noqa: DTZ005
    with pytest.raises(errors.RequestError):
        next(moments(now, now, 0))


async def test_times_are_waited_for(ib: ibmux.IB) -> None:
    start = dt.datetime.now(dt.UTC)
    soon = start + dt.timedelta(seconds=0.05)
    assert await ib.waitUntil(soon)
    assert dt.datetime.now(dt.UTC) >= soon
    begin = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1.0)
    seen = [each async for each in ib.timeRangeAsync(begin, begin + dt.timedelta(seconds=0.05), 0.02)]
    assert [each - begin for each in seen] == [dt.timedelta(seconds=0.02 * step) for step in range(3)]
    called = asyncio.Event()
    ib.schedule(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=0.02), called.set)
    await asyncio.wait_for(called.wait(), 20)


async def test_conditions_are_looked_at_after_each_update(proxy: Proxy, ib: ibmux.IB) -> None:
    ticker = await ib.reqMktData(AAPL)
    seen = []
    async for value in ib.loopUntil(lambda: ticker.last == 3.0, 20):
        seen.append(value)
        proxy.tick(AAPL.conId, len(seen) - 1, (4, float(len(seen)), 1.0))
    assert seen[-1] is True
    assert seen[:-1] == [False] * (len(seen) - 1)
    assert [value async for value in ib.loopUntil(lambda: False, 0.05)][-1] is False


async def test_silence_is_told_once(proxy: Proxy, ib: ibmux.IB) -> None:
    told: list[float] = []
    ib.timeoutEvent += told.append
    await ib.reqMktData(AAPL)
    ib.setTimeout(2.0)
    begun = time.monotonic()
    for number in range(4):
        proxy.tick(AAPL.conId, number, (4, 1.0 + number, 1.0))
        await ib.waitOnUpdate(5)
        await asyncio.sleep(0.6)
    await until(lambda: told)
    assert time.monotonic() - begun > 4 * 0.6 + 1.0, "each update begins the silence anew"
    assert told[0] >= 2.0
    ib.setTimeout(30)
    ib.setTimeout(0)
    assert ib._idle_timer is None


async def test_what_makes_no_sense_says_what_to_write(ib: ibmux.IB) -> None:
    for call, words in (
        (lambda: ib.connect("127.0.0.1", 7497, clientId=1), "ibmux.connect"),
        (ib.connectAsync, "ibmux.connect"),
        (ib.run, "await"),
        (lambda: ib.timeRange(dt.time(9), dt.time(10), 60), "timeRangeAsync"),
    ):
        with pytest.raises(errors.RequestError) as refused:
            call()
        assert words in refused.value.advice
    assert ib.RaiseRequestErrors is True
    ib.RaiseRequestErrors = True
    with pytest.raises(errors.RequestError):
        ib.RaiseRequestErrors = False
    with pytest.raises(errors.RequestError):
        ibmux.IB()
    assert (ib.RequestTimeout, ib.MaxSyncedSubAccounts, ib.TimezoneTWS) == (30.0, 50, "")


async def test_the_synchronous_client_has_the_same(proxy: Proxy) -> None:
    answer(proxy, reqScannerData=rows("A"), reqUserInfo="me")

    def script() -> list[Any]:
        with ibmux.sync.connect("plain", url=proxy.url) as ib:
            found = ib.reqScannerData(ScannerSubscription(scanCode="TOP"))
            last = list(ib.loopUntil(lambda: False, 0.05))[-1]
            begin = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1.0)
            steps = len(list(ib.timeRange(begin, begin + dt.timedelta(seconds=0.03), 0.01)))
            with pytest.raises(errors.RequestError):
                ib.timeRangeAsync(begin, begin, 1)
            with pytest.raises(errors.RequestError):
                ib.connect("127.0.0.1", 7497)
            with pytest.raises(errors.RequestError):
                ib.RaiseRequestErrors = False
            return [ib.reqUserInfo(), len(found), last, steps, ib.waitUntil(begin), ib.run(_value(5)), ib.newsTicks()]

    assert await asyncio.to_thread(script) == ["me", 1, False, 4, True, 5, []]


async def _value(value: int) -> int:
    return value
