"""Scans, news, documents, accounts and exercises through the whole proxy: shared, typed, refused with a reason."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import ib_async
import pytest
from ports import free_port
from stage import raw_script, running_proxy, settings, until, url_of

import ibmux
import ibmux.sync
from ibmux import ScannerSubscription, TagValue, WshEventData, errors, topics
from ibmux.daemon import Proxy
from ibmux.messages.news import NewsBulletin
from ibmux.services import scanner as scanner_service
from ibmux.sim import Settings, SimulatedGateway
from ibmux.sim.answers import HANDLERS

AAPL = ibmux.Stock("AAPL", "SMART", "USD")
GAINERS = ScannerSubscription(numberOfRows=10, instrument="STK", locationCode="STK.US.MAJOR", scanCode="TOP_PERC_GAIN")
ACTIVE = ScannerSubscription(numberOfRows=5, instrument="STK", locationCode="STK.US.MAJOR", scanCode="MOST_ACTIVE")
ROLES = {"chief": {"role": "admin"}, "reader": {"role": "read"}}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the gateway was asked what."""
    count: Counter[str] = Counter()
    for name, handler in list(HANDLERS.items()):

        def handle(client: Any, ask: Any, name: str = name, handler: Any = handler) -> None:
            count[name] += 1
            handler(client, ask)

        monkeypatch.setitem(HANDLERS, name, handle)
    return count


@asynccontextmanager
async def stage(script_settings: dict[str, Any] | None = None, **world: Any) -> AsyncIterator[tuple[Any, Proxy]]:
    """A simulated gateway of this kind and a proxy in front of it."""
    async with SimulatedGateway(Settings(port=free_port(), seed=7, linger=0.2, **world)) as gateway:
        gateways = {"paper": {"port": gateway.port, "pause_floor": 0.1, "settle": 0.1, "linger": 0.2}}
        async with running_proxy(settings(0, gateways=gateways, scripts=script_settings or ROLES)) as proxy:
            yield gateway, proxy


def symbols(rows: list[Any]) -> list[str]:
    return [row.contractDetails.contract.symbol for row in rows]


# -- scans


async def test_equal_scans_of_several_scripts_are_one_upstream(asked: Counter[str]) -> None:
    async with stage(scanner_interval=0.2) as (gateway, proxy):
        url = url_of(proxy)
        async with ibmux.connect("one", url=url) as one, ibmux.connect("two", url=url) as two:
            documents = await asyncio.gather(*(ib.reqScannerParameters() for ib in (one, two, one)))
            assert documents[0] == documents[2]
            assert "TOP_PERC_GAIN" in documents[0]
            assert await two.reqScannerParametersAsync() == documents[0]
            assert asked["reqScannerParameters"] == 1

            foreign = ib_async.ScannerSubscription(10, "STK", "STK.US.MAJOR", "TOP_PERC_GAIN")
            first, second = await asyncio.gather(
                one.reqScannerSubscription(GAINERS), two.reqScannerSubscription(foreign)
            )
            assert len(first) == 10
            assert asked["reqScannerSubscription"] == 1
            updates: list[Any] = []
            second.updateEvent += updates.append
            await until(lambda: len(updates) > 1, "updates of the scan")
            assert updates[0] is second
            assert symbols(await one.reqScannerData(GAINERS))
            assert asked["reqScannerSubscription"] == 1, "a live scan answers equal questions"
            assert len(await one.reqScannerData(ACTIVE, [], [TagValue("priceAbove", "1")])) == 5

            assert await one.cancelScannerSubscription(first)
            await until(lambda: len(gateway.clients[1].scanners) == 1, "the last one goes on")
        await until(lambda: not gateway.clients[1].scanners, "the scan ends with its last script")


async def test_a_document_of_megabytes_comes_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    document = "<scans>" + "".join(f"<code>CODE_{number:06} é</code>" for number in range(80_000)) + "</scans>"
    assert len(document) > 1_500_000
    monkeypatch.setitem(
        HANDLERS, "reqScannerParameters", lambda client, _ask: client.reply("scannerParameters", xml=document)
    )
    async with stage() as (_, proxy), ibmux.connect("one", url=url_of(proxy)) as ib:
        assert await ib.reqScannerParameters() == document


async def test_scans_have_an_end_and_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner_service, "SCANS", 2)
    async with stage() as (gateway, proxy), ibmux.connect("one", url=url_of(proxy)) as ib:
        with pytest.raises(errors.GatewayError) as refused:
            await ib.reqScannerSubscription(ScannerSubscription(scanCode="NO_SUCH_CODE"))
        assert refused.value.ib is not None
        live = [await ib.reqScannerSubscription(each) for each in (GAINERS, ACTIVE)]
        for ask in (ib.reqScannerSubscription, ib.reqScannerData):
            with pytest.raises(errors.NoStreams):
                await ask(ScannerSubscription(5, "STK", "STK.US.MAJOR", "HOT_BY_VOLUME"))
        await ib.cancelScannerSubscription(live[0])
        assert await ib.reqScannerData(ScannerSubscription(5, "STK", "STK.US.MAJOR", "HOT_BY_VOLUME"))
        await until(lambda: len(gateway.clients[1].scanners) == 1, "a lingering scan made room")


async def test_a_scan_survives_the_gateways_restart() -> None:
    async with stage(scanner_interval=0.2) as (gateway, proxy), ibmux.connect("one", url=url_of(proxy)) as ib:
        rows = await ib.reqScannerSubscription(GAINERS)
        await gateway.close()
        await until(lambda: proxy.gateways["paper"].session.state != "ready", "the loss")
        await gateway.start()
        await until(lambda: proxy.gateways["paper"].session.state == "ready", "the session is back")
        updates: list[Any] = []
        rows.updateEvent += updates.append
        await until(lambda: len(updates) > 1, "updates go on")
        assert len(rows) == 10


# -- news


async def test_news_reach_who_asked(simulator: SimulatedGateway, proxy: Proxy, asked: Counter[str]) -> None:
    url = url_of(proxy)
    async with ibmux.connect("one", url=url) as one, ibmux.connect("two", url=url) as two:
        providers = await one.reqNewsProviders()
        codes = "+".join(each.code for each in providers)
        found = await one.reqHistoricalNews(265598, codes, "", "", 3)
        assert len(found) == 3
        assert all(each.time.tzinfo == dt.UTC for each in found)
        article = await two.reqNewsArticle(found[0].providerCode, found[0].articleId)
        assert article.articleText
        with pytest.raises(errors.GatewayError, match="not allowed"):
            await one.reqHistoricalNews(265598, "NOPE", "", "", 3)

        tape = ibmux.Contract(secType="NEWS", symbol="BRFG:BRFG_ALL", exchange="BRFG")
        assert (await two.reqMktData(tape)).contract is tape
        await two.cancelMktData(tape)
        await asyncio.gather(one.reqMktData(AAPL, "mdoff,292"), two.reqMktData(AAPL))
        client = simulator.clients[1]
        line = proxy.gateways["paper"].session.lines[265598].request
        client.reply(
            "tickNews", reqId=line, timeStamp=1_700_000_000_000, providerCode="BRFG", articleId="BRFG$x",
            headline="Ours", extraData="",
        )  # fmt: skip
        await until(lambda: any(each.headline == "Ours" for each in one.newsTicks()), "the headline")
        assert next(each for each in one.newsTicks() if each.headline == "Ours").conId == 265598
        assert two.newsTicks() == []

        assert await one.reqNewsBulletins(False) == []
        await two.reqNewsBulletins(False)
        await until(lambda: client.bulletins, "one subscription")
        assert asked["reqNewsBulletins"] == 1
        bulletin = NewsBulletin(12345, 1, "Something happened", "NYSE")
        client.reply(
            "updateNewsBulletin", msgId=12345, msgType=1, newsMessage=bulletin.message, originExch=bulletin.origExchange
        )
        await until(lambda: bulletin in one.newsBulletins() and bulletin in two.newsBulletins(), "the bulletin")
        assert await one.cancelNewsBulletins()
        assert not await one.cancelNewsBulletins()
        assert client.bulletins
    await until(lambda: not client.bulletins, "the subscription ends with its last script")


# -- documents


async def test_the_calendar_is_asked_in_turns_by_many(asked: Counter[str]) -> None:
    async with stage() as (_, proxy):
        url = url_of(proxy)
        async with ibmux.connect("one", url=url) as one, ibmux.connect("two", url=url) as two:
            data = WshEventData(filter=json.dumps({"country": "All", "watchlist": ["265598"], "wshe_ed": "true"}))
            answers = await asyncio.gather(
                one.getWshEventData(data), two.getWshEventData(data), two.getWshEventData(WshEventData(conId=8314)),
                one.getWshMetaData(),
            )  # fmt: skip
            assert answers[0] == answers[1]
            assert all(json.loads(each) is not None for each in answers)
            assert asked["reqWshEventData"] == 2
            metadata = await two.getWshMetaData()
            assert metadata == answers[3]
            assert asked["reqWshMetaData"] <= 2


async def test_the_login_and_its_advisor_take_a_role() -> None:
    async with stage(advisor=True, white_brand="mine") as (_, proxy):
        url = url_of(proxy)
        async with ibmux.connect("chief", url=url) as chief, ibmux.connect("trader", url=url) as trader:
            assert await trader.reqUserInfo() == "mine"
            groups = await trader.requestFA(1)
            assert "Group" in groups
            with pytest.raises(errors.Forbidden):
                await trader.replaceFA(1, groups)
            assert await chief.replaceFA(1, groups) == "success"
            with pytest.raises(errors.RequestError):
                await trader.requestFA(7)
            with pytest.raises(errors.RequestError, match="clientId 0"):
                await trader.reqAutoOpenOrders()
            with pytest.raises(errors.GatewayError) as refused:
                await trader.reqFundamentalData(AAPL, "ReportSnapshot")
            assert refused.value.ib is not None
            assert refused.value.ib[0] == 10358


async def test_client_0_binds_manual_orders_and_only_an_admin_changes_that(simulator: SimulatedGateway) -> None:
    gateways = {"paper": {"port": simulator.port, "client_id": 0}}
    async with running_proxy(settings(0, gateways=gateways, scripts=ROLES)) as proxy:
        url = url_of(proxy)
        async with ibmux.connect("chief", url=url) as chief, ibmux.connect("trader", url=url) as trader:
            assert await trader.reqAutoOpenOrders() is True
            with pytest.raises(errors.Forbidden):
                await trader.reqAutoOpenOrders(False)
            assert await chief.reqAutoOpenOrders(False) is False
            assert await trader.reqAutoOpenOrders(False) is False


# -- accounts


async def test_profits_of_positions_are_shared_and_end_with_the_scripts(
    simulator: SimulatedGateway, proxy: Proxy
) -> None:
    url = url_of(proxy)
    client = simulator.clients[1]
    async with ibmux.connect("two", url=url) as two:
        async with ibmux.connect("one", url=url) as one:
            position = (await one.positions("DU1000001"))[0]
            key = ("DU1000001", "", position.contract.conId)
            first, second = await asyncio.gather(one.reqPnLSingle(*key), two.reqPnLSingle(*key))
            assert first.position == second.position == position.position
            assert len(client.pnls) == 1
            told: list[Any] = []
            one.pnlSingleEvent += told.append
            await until(lambda: told, "an update")
            assert told[0] is first
            assert await two.cancelPnLSingle(*key)
            assert len(client.pnls) == 1
        await until(lambda: not client.pnls, "the stream ends with its last script")
        retained = topics.pnl_state("paper", "DU1000001", con_id=position.contract.conId)
        heard: list[bytes] = []
        await two._link.subscribe(retained, lambda message: heard.append(message.payload))
        await two.reqUserInfo()
        assert [each for each in heard if each] == [], "nothing is left of it"
        with pytest.raises(errors.RequestError, match="no account"):
            await two.reqPnLSingle("DU9", "", 1)


async def test_models_have_values_and_profits(asked: Counter[str]) -> None:
    async with stage(models=("GROWTH",)) as (_, proxy), ibmux.connect("one", url=url_of(proxy)) as ib:
        account = (await ib.managedAccounts())[0]
        values = await ib.reqAccountUpdatesMulti(account, "GROWTH")
        assert {each.modelCode for each in values} == {"GROWTH"}
        assert {each.modelCode for each in await ib.reqAccountUpdatesMulti(account)} == {""}
        model = await ib.reqPnL(account, "GROWTH")
        whole = await ib.reqPnL(account)
        assert (model.modelCode, whole.modelCode) == ("GROWTH", "")
        told: list[Any] = []
        ib.pnlEvent += told.append
        await until(lambda: any(each is model for each in told), "an update of the model")
        assert whole.modelCode == ""
        asked.clear()
    await until(lambda: asked["cancelAccountUpdatesMulti"] == 1, "the model's values end with the script")


async def test_changes_of_an_account_are_told(proxy: Proxy) -> None:
    async with ibmux.connect("one", url=url_of(proxy)) as ib:
        values: list[Any] = []
        items: list[Any] = []
        held: list[Any] = []
        ib.accountValueEvent += values.append
        ib.updatePortfolioEvent += items.append
        ib.positionEvent += held.append
        await ib.reqAccountUpdates()
        account = (await ib.managedAccounts())[0]
        assert {each.account for each in values} == {each.account for each in items} == {account}
        await ib.reqPositions()
        values.clear()
        trade = await ib.placeOrder(AAPL, ibmux.MarketOrder("BUY", 7, account=account))
        await trade.done(timeout=20)
        await until(lambda: trade.fills, "its execution")
        bought = trade.fills[0].contract.conId
        await until(lambda: any(each.contract.conId == bought for each in held), "the position")
        await until(lambda: values, "values that changed")
        assert await ib.reqAccountSummary()


# -- exercise


async def test_an_exercise_is_checked_sent_once_and_acknowledged() -> None:
    roles = {**ROLES, "reader": {"role": "read"}}
    async with stage(roles, moc_delay=0.2) as (_, proxy):
        url = url_of(proxy)
        async with ibmux.connect("one", url=url) as ib, ibmux.connect("reader", url=url) as reader:
            account = (await ib.managedAccounts())[0]
            option = await _deep_call(ib)
            with pytest.raises(errors.Forbidden):
                await reader.exerciseOptions(option, 1, 1, account)
            for wrong in ((option, 3, 1, account), (option, 1, 0, account), (option, 1, 1, ""), (option, 1, 1, "DU9"),
                          (AAPL, 1, 1, account)):  # fmt: skip
                with pytest.raises(errors.RequestError):
                    await ib.exerciseOptions(*wrong)
            with pytest.raises(errors.OrderRejected):
                await ib.exerciseOptions(option, 1, 5, account)

            bought = await ib.placeOrder(option, ibmux.MarketOrder("BUY", 2, account=account))
            await bought.done(timeout=20)
            assert bought.orderStatus.status == "Filled"
            exercise = await ib.exerciseOptions(option, 1, 2, account, key="exercise")
            again = await ib.exerciseOptions(option, 1, 2, account, key="exercise")
            assert again is exercise
            with pytest.raises(errors.KeyConflict):
                await ib.exerciseOptions(option, 1, 1, account, key="exercise")
            await exercise.done(timeout=20)
            assert exercise.orderStatus.status == "Filled"

            async def left() -> float:
                return sum(each.position for each in await ib.positions(account) if each.contract.conId == option.conId)

            async with asyncio.timeout(20):
                while await left():
                    await ib.waitOnUpdate(0.1)


async def _deep_call(ib: ibmux.IB) -> Any:
    """A call on Apple far in the money."""
    [apple] = await ib.qualifyContracts(AAPL)
    assert apple is not None
    chain = next(each for each in await ib.reqSecDefOptParams("AAPL", "", "STK", apple.conId) if each.strikes)
    [ticker] = await ib.reqTickers(apple)
    strike = max(each for each in chain.strikes if each < ticker.marketPrice() * 0.9)
    wanted = ibmux.Option("AAPL", chain.expirations[-1], strike, "C", "SMART", currency="USD")
    [option] = await ib.qualifyContracts(wanted)
    assert option is not None
    return option


# -- any MQTT client, and plain scripts


async def test_any_mqtt_client_can_ask(proxy: Proxy) -> None:
    async with raw_script(url_of(proxy), "raw") as raw:
        question = {"subscription": {"instrument": "STK", "locationCode": "STK.US.MAJOR", "scanCode": "MOST_ACTIVE"}}
        answer = await raw.ask("reqScannerSubscription", question)
        assert answer.code == "ok"
        assert answer.payload["rows"][0]["contractDetails"]["contract"]["symbol"]
        scan = answer.payload["scan"]
        heard: list[bytes] = []
        await raw.link.subscribe(topics.scan("paper", scan), lambda message: heard.append(message.payload))
        await until(lambda: heard, "the retained rows")
        assert (await raw.ask("cancelScannerSubscription", {"scan": scan})).payload is True
        assert (await raw.ask("cancelScannerSubscription", {"scan": scan})).payload is False
        assert (await raw.ask("reqScannerSubscription", {**question, "ttl": -1.0})).code == "request.invalid"
        assert (await raw.ask("exerciseOptions", {})).code == "request.invalid"
        refused = await raw.ask("requestFA", {"faDataType": 1})
        assert (refused.code, refused.payload["ib"]["code"]) == ("gateway.error", 321)


async def test_a_lease_that_is_not_renewed_ends(asked: Counter[str]) -> None:
    async with stage() as (gateway, proxy), raw_script(url_of(proxy), "raw") as raw:
        question = {"subscription": {"instrument": "STK", "locationCode": "STK.US.MAJOR", "scanCode": "MOST_ACTIVE"}}
        first = await raw.ask("reqScannerSubscription", {**question, "ttl": 3.0})
        again = await raw.ask("reqScannerSubscription", {**question, "ttl": 3.0, "scannerSubscriptionOptions": []})
        assert first.payload["scan"] == again.payload["scan"]
        assert asked["reqScannerSubscription"] == 1
        await until(lambda: not gateway.clients[1].scanners, "the scan ends")
        assert (await raw.ask("cancelScannerSubscription", {"scan": first.payload["scan"]})).payload is False


async def test_plain_scripts_ask_the_same(proxy: Proxy) -> None:
    url = url_of(proxy)

    def script() -> tuple[Any, ...]:
        with ibmux.sync.connect("plain", url=url) as ib:
            rows = ib.reqScannerSubscription(ACTIVE)
            ended = ib.cancelScannerSubscription(rows)
            news = ib.reqHistoricalNews(265598, "BRFG", dt.date(2020, 1, 1), "", 2)
            account = ib.managedAccounts()[0]
            single = ib.reqPnLSingle(account, "", ib.positions(account)[0].contract.conId)
            return len(rows), ended, len(news), single.account == account, bool(ib.getWshMetaData())

    assert await asyncio.to_thread(script) == (5, True, 2, True, True)
