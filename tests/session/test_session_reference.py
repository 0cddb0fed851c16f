"""Scans, news, companies, the login: whole answers, one of a kind at a time, streams that survive a loss."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from session_stage import Heard, Stage, soon, until

from ibmux.errors import GatewayError, NotReady, OrderNotSent, RequestError
from ibmux.messages.calendar import ReqFundamentalData, WshEventData
from ibmux.messages.contracts import Contract, TagValue
from ibmux.messages.exercise import ExerciseOptions
from ibmux.messages.news import NewsBulletin, ReqHistoricalNews, ReqNewsArticle
from ibmux.messages.scanner import ReqScannerData, ScannerSubscription
from ibmux.session import Session
from ibmux.sim import SimulatedGateway
from ibmux.sim.answers import HANDLERS
from ibmux.sim.clients.client import Client

GAINERS = ScannerSubscription(10, "STK", "STK.US.MAJOR", "TOP_PERC_GAIN")
QUICKLY = {"scanner_interval": 0.1}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the gateway was asked what."""
    count: Counter[str] = Counter()

    def counted(name: str, handler: Callable[..., None]) -> Callable[..., None]:
        def handle(client: Client, ask: Any) -> None:
            count[name] += 1
            handler(client, ask)

        return handle

    for name, handler in list(HANDLERS.items()):
        monkeypatch.setitem(HANDLERS, name, counted(name, handler))
    return count


def answer(monkeypatch: pytest.MonkeyPatch, name: str, handler: Callable[[Client, Any], None]) -> None:
    """Have the gateway answer a request in a test's own way."""
    monkeypatch.setitem(HANDLERS, name, handler)


# -- scans


async def test_the_parameters_are_asked_once_for_many(session: Session, asked: Counter[str]) -> None:
    documents = await asyncio.gather(*(session.scanner_parameters(deadline=soon()) for _ in range(5)))
    assert documents[0].lstrip().startswith("<")
    assert "TOP_PERC_GAIN" in documents[0]
    assert len(set(documents)) == 1
    assert asked["reqScannerParameters"] == 1, "those who ask while a question waits share it"
    assert session.stats().pending == 0


async def test_one_scan_has_whole_rows_and_is_cancelled(session: Session, gateway: SimulatedGateway) -> None:
    rows = await session.scan(ReqScannerData(GAINERS), deadline=soon())
    assert [row.rank for row in rows] == list(range(10))
    contract = rows[0].contractDetails.contract
    assert contract is not None
    assert contract.conId > 0
    assert contract.symbol
    await until(lambda: not gateway.clients[1].scanners)


async def test_filters_reach_the_gateway(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    whole = HANDLERS["reqScannerSubscription"]
    answer(monkeypatch, "reqScannerSubscription", lambda client, ask: (seen.append(ask), whole(client, ask))[1])
    question = ReqScannerData(
        ScannerSubscription(5, "STK", "STK.US.MAJOR", "MOST_ACTIVE", abovePrice=20.5, aboveVolume=1000),
        scannerSubscriptionFilterOptions=[TagValue("priceBelow", "500"), TagValue("volumeAbove", "10")],
    )
    rows = await session.scan(question, deadline=soon())
    assert rows
    (ask,) = seen
    assert (ask["abovePrice"], ask["aboveVolume"], ask["belowPrice"]) == ("20.5", "1000", "")
    assert ask["filterOptions"] == "priceBelow=500;volumeAbove=10;"


@pytest.mark.parametrize("live", [True, False])
async def test_a_scan_that_is_refused_says_why(session: Session, live: bool) -> None:
    question = ReqScannerData(ScannerSubscription(5, "STK", "STK.US.MAJOR", "NO_SUCH_CODE"))
    with pytest.raises(GatewayError) as refused:
        if live:
            await session.open_scan("one", question, deadline=soon())
        else:
            await session.scan(question, deadline=soon())
    assert refused.value.ib is not None
    assert session.stats().pending == 0
    if live:
        await session.open_scan("one", ReqScannerData(GAINERS), deadline=soon())


async def test_nothing_found_is_an_empty_list_and_what_is_said_of_a_result_no_error(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "Historical Market Data Service query message:{} items retrieved"

    def nothing(client: Client, ask: Any) -> None:
        client.error(ask["reqId"], 165, said.format("no"))

    answer(monkeypatch, "reqScannerSubscription", nothing)
    answer(monkeypatch, "cancelScannerSubscription", lambda *_: None)
    assert await session.scan(ReqScannerData(GAINERS), deadline=soon()) == []

    def some(client: Client, ask: Any) -> None:
        client.error(ask["reqId"], 165, said.format("1 out of 435"))
        client.reply("scannerData", reqId=ask["reqId"], rows=[{"rank": 0, "conId": 7, "symbol": "A", "secType": "STK"}])

    answer(monkeypatch, "reqScannerSubscription", some)
    (row,) = await session.scan(ReqScannerData(GAINERS), deadline=soon())
    assert row.contractDetails.contract is not None
    assert row.contractDetails.contract.conId == 7


async def test_a_live_scan_goes_on_through_a_loss_until_it_is_closed(stage: Stage, heard: Heard) -> None:
    gateway = await stage.gateway(**QUICKLY)
    session = await stage.ready(gateway)
    first = await session.open_scan("gainers", ReqScannerData(GAINERS), deadline=soon())
    assert len(first) == 10
    updates = lambda: [rows for key, rows in heard.of("on_scan") if key == "gainers"]  # noqa: E731
    await until(lambda: len(updates()) > 2)
    assert all(len(rows) == 10 for rows in updates())
    session.link.wire.abort()  # type: ignore[union-attr]
    await until(lambda: session.state != "ready")
    await session.until_ready(soon())
    seen = len(updates())
    await until(lambda: len(updates()) > seen + 1)
    assert len(gateway.clients[1].scanners) == 1
    session.close_scan("gainers")
    await until(lambda: not gateway.clients[1].scanners)
    assert session._scan_requests == {}


async def test_a_bare_restoration_subscribes_everything_once_more(
    session: Session, gateway: SimulatedGateway, heard: Heard
) -> None:
    client = gateway.clients[1]
    position = session.positions("DU1000001")[0]
    await session.open_scan("gainers", ReqScannerData(GAINERS), deadline=soon())
    await session.pnl_single("DU1000001", "", position.contract.conId, deadline=soon())
    await session.pnl("DU1000001", deadline=soon())
    await session.open_bulletins(False, deadline=soon())
    scans, pnls = set(client.scanners), set(client.pnls)
    client.error(-1, 1100, "Connectivity between IB and TWS has been lost.")
    await until(lambda: session.state == "cut")
    with pytest.raises(NotReady):
        await session.scan(ReqScannerData(GAINERS), deadline=soon(0.05))
    client.error(-1, 1101, "Connectivity between IB and TWS has been restored - data lost.")
    await until(lambda: session.state == "ready")
    await until(lambda: len(client.scanners) == 1 and len(client.pnls) == 2)
    assert not scans & set(client.scanners)
    assert not pnls & set(client.pnls)
    assert client.bulletins
    seen = len(heard.of("on_pnl_single"))
    await until(lambda: len(heard.of("on_pnl_single")) > seen)


async def test_a_live_scan_that_the_gateway_ends_is_told(
    session: Session, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients: list[tuple[Client, int]] = []
    whole = HANDLERS["reqScannerSubscription"]

    def keep(client: Client, ask: Any) -> None:
        clients.append((client, ask["reqId"]))
        whole(client, ask)

    answer(monkeypatch, "reqScannerSubscription", keep)
    await session.open_scan("gainers", ReqScannerData(GAINERS), deadline=soon())
    client, request = clients[0]
    client.error(request, 162, "Historical Market Data Service error message:Scanner subscription lost")
    await until(lambda: ("gainers", None) in heard.of("on_scan"))
    await session.open_scan("gainers", ReqScannerData(GAINERS), deadline=soon())


# -- news


async def test_providers_headlines_and_articles(session: Session, apple: Contract, asked: Counter[str]) -> None:
    providers, again = await asyncio.gather(*(session.news_providers(deadline=soon()) for _ in range(2)))
    assert providers == again
    assert asked["reqNewsProviders"] == 1
    codes = {each.code for each in providers}
    assert "BRFG" in codes
    found = await session.historical_news(
        ReqHistoricalNews(apple.conId, "+".join(sorted(codes)), totalResults=5), deadline=soon()
    )
    assert len(found) == 5
    assert all(each.time.tzinfo == dt.UTC and each.providerCode in codes and each.headline for each in found)
    article = await session.news_article(ReqNewsArticle(found[0].providerCode, found[0].articleId), deadline=soon())
    assert article.articleText


async def test_news_that_are_refused_are_errors(session: Session, apple: Contract) -> None:
    with pytest.raises(GatewayError) as refused:
        await session.historical_news(ReqHistoricalNews(apple.conId, "NOPE"), deadline=soon())
    assert refused.value.ib is not None
    assert refused.value.ib[0] == 10276
    with pytest.raises(GatewayError):
        await session.news_article(ReqNewsArticle("BRFG", "BRFG$nothing"), deadline=soon())
    assert session.stats().pending == 0


async def test_bulletins_are_one_subscription_and_told_once(
    session: Session, gateway: SimulatedGateway, heard: Heard, asked: Counter[str]
) -> None:
    client = gateway.clients[1]
    for _ in range(2):
        await session.open_bulletins(False, deadline=soon())
    await until(lambda: asked["reqNewsBulletins"] == 1)
    bulletin = NewsBulletin(901, 1, "Something happened", "NYSE")
    values = {"msgId": 901, "msgType": 1, "newsMessage": bulletin.message, "originExch": "NYSE"}
    for _ in range(3):
        client.reply("updateNewsBulletin", **values)
    await until(lambda: bulletin in heard.of("on_bulletin"))
    await session.open_bulletins(True, deadline=soon())
    await until(lambda: asked["reqNewsBulletins"] == 2)
    assert asked["cancelNewsBulletins"] == 1
    assert heard.of("on_bulletin").count(bulletin) == 1
    assert session.bulletins[901] == bulletin
    session.link.wire.abort()  # type: ignore[union-attr]
    await until(lambda: session.state != "ready")
    await session.until_ready(soon())
    await until(lambda: asked["reqNewsBulletins"] == 3)
    session.close_bulletins()
    await until(lambda: asked["cancelNewsBulletins"] == 2)


async def test_headlines_come_with_their_contract(
    session: Session, gateway: SimulatedGateway, apple: Contract, heard: Heard
) -> None:
    await session.open_line(apple, "292", deadline=soon())
    client = gateway.clients[1]
    request = next(iter(session._streams))
    client.reply(
        "tickNews", reqId=int(request), timeStamp=1_700_000_000_000, providerCode="BRFG", articleId="BRFG$1",
        headline="A headline", extraData="K:1",
    )  # fmt: skip
    client.reply(
        "tickNews", reqId=5, timeStamp=1, providerCode="BRFG", articleId="BRFG$2", headline="Nobody's", extraData=""
    )
    await until(lambda: any(each.articleId == "BRFG$1" for each in heard.of("on_headline")))
    (tick,) = [each for each in heard.of("on_headline") if each.articleId in ("BRFG$1", "BRFG$2")]
    assert (tick.conId, tick.timeStamp, tick.headline) == (apple.conId, 1_700_000_000_000, "A headline")


# -- companies


async def test_the_calendar_answers_in_turns_and_asks_for_its_metadata_itself(
    session: Session, apple: Contract, asked: Counter[str]
) -> None:
    data = WshEventData(filter=json.dumps({"country": "All", "watchlist": [str(apple.conId)], "wshe_ed": "true"}))
    answers = await asyncio.gather(
        session.calendar_events(data, deadline=soon()),
        session.calendar_events(WshEventData(conId=apple.conId), deadline=soon()),
        session.calendar_metadata(deadline=soon()),
        session.calendar_metadata(deadline=soon()),
        session.calendar_events(data, deadline=soon()),
    )
    assert all(json.loads(each) is not None for each in answers)
    assert answers[0] == answers[4]
    assert asked["reqWshMetaData"] == 2, "before the first events, and once for the two who asked for it"
    assert asked["reqWshEventData"] == 2
    assert session.stats().pending == 0


async def test_a_new_connection_asks_for_the_metadata_again(session: Session, asked: Counter[str]) -> None:
    await session.calendar_metadata(deadline=soon())
    session.link.wire.abort()  # type: ignore[union-attr]
    await until(lambda: session.state != "ready")
    await session.until_ready(soon())
    await session.calendar_events(WshEventData(conId=265598), deadline=soon())
    assert asked["reqWshMetaData"] == 2


async def test_documents_that_are_not_allowed_are_errors(stage: Stage) -> None:
    gateway = await stage.gateway(wsh=False, fundamentals=False)
    session = await stage.ready(gateway)
    for _ in range(2):
        with pytest.raises(GatewayError) as refused:
            await session.calendar_events(WshEventData(conId=265598), deadline=soon())
        assert refused.value.ib is not None
        assert refused.value.ib[0] == 10276
    apple = Contract("STK", 265598, "AAPL", exchange="SMART", currency="USD")
    with pytest.raises(GatewayError) as refused:
        await session.fundamental_data(ReqFundamentalData(apple, "ReportSnapshot"), deadline=soon())
    assert refused.value.ib == (10358, "Fundamentals data is not allowed")


async def test_fundamental_reports(stage: Stage) -> None:
    session = await stage.ready(await stage.gateway(fundamentals=True))
    apple = Contract("STK", 265598, "AAPL", exchange="SMART", currency="USD")
    report = await session.fundamental_data(ReqFundamentalData(apple, "ReportSnapshot"), deadline=soon())
    assert report.lstrip().startswith("<?xml")


# -- the login


async def test_the_user_and_the_advisor(stage: Stage) -> None:
    session = await stage.ready(await stage.gateway(advisor=True, white_brand="mybrand"))
    assert await session.user_info(deadline=soon()) == "mybrand"
    groups, aliases = await asyncio.gather(
        session.request_fa(1, deadline=soon()), session.request_fa(3, deadline=soon())
    )
    assert groups != aliases
    assert "Group" in groups
    assert await session.replace_fa(1, groups, deadline=soon()) == "success"


async def test_who_is_no_advisor_hears_so(session: Session) -> None:
    with pytest.raises(GatewayError) as refused:
        await session.request_fa(1, deadline=soon())
    assert refused.value.ib is not None
    assert refused.value.ib[0] == 321
    with pytest.raises(GatewayError):
        await session.replace_fa(1, "<xml/>", deadline=soon())
    assert session.stats().pending == 0


async def test_manual_orders_are_bound_by_client_0_alone(stage: Stage, asked: Counter[str]) -> None:
    other = await stage.ready()
    with pytest.raises(RequestError, match="clientId 0"):
        await other.bind_manual_orders(True, deadline=soon())
    zero = await stage.ready(client_id=0)
    await until(lambda: asked["reqAutoOpenOrders"] == 1)
    assert zero.binds_manual_orders
    await zero.bind_manual_orders(False, deadline=soon())
    await until(lambda: asked["reqAutoOpenOrders"] == 2)
    zero.link.wire.abort()  # type: ignore[union-attr]
    await until(lambda: zero.state != "ready")
    await zero.until_ready(soon())
    assert asked["reqAutoOpenOrders"] == 2, "off is kept"


# -- accounts


async def test_single_profits_stream_until_they_end(session: Session, gateway: SimulatedGateway, heard: Heard) -> None:
    position = session.positions("DU1000001")[0]
    key = ("DU1000001", "", position.contract.conId)
    first, again = await asyncio.gather(*(session.pnl_single(*key, deadline=soon()) for _ in range(2)))
    assert first == again
    assert first.position == position.position
    assert len(gateway.clients[1].pnls) == 1
    assert session.turns._locks == {}, "nothing is kept of a turn that is over"
    await until(lambda: len(heard.of("on_pnl_single")) > 1)
    session.link.wire.abort()  # type: ignore[union-attr]
    await until(lambda: session.state != "ready")
    await session.until_ready(soon())
    await until(lambda: len(gateway.clients[1].pnls) == 1)
    session.end_pnl(*key)
    await until(lambda: not gateway.clients[1].pnls)


async def test_models_have_values_of_their_own_that_stay_current(stage: Stage) -> None:
    gateway = await stage.gateway(models=("GROWTH",))
    session = await stage.ready(gateway)
    account = session.accounts[0]
    before = len(session.accounts) - 1
    await until(lambda: len(gateway.clients[1].value_watches) == before)
    values, again = await asyncio.gather(*(session.model_values(account, "GROWTH", deadline=soon()) for _ in range(2)))
    assert values
    assert values == again
    assert {(each.account, each.modelCode) for each in values} == {(account, "GROWTH")}
    assert len(gateway.clients[1].value_watches) == before + 1
    plain = await session.model_values(account, "", deadline=soon())
    assert plain
    assert not any(each.modelCode for each in plain)
    session.link.wire.abort()  # type: ignore[union-attr]
    await until(lambda: session.state != "ready")
    await session.until_ready(soon())
    await until(lambda: len(gateway.clients[1].value_watches) == before + 1)
    session.end_model(account, "GROWTH")
    await until(lambda: len(gateway.clients[1].value_watches) == before)


# -- exercise


async def test_an_exercise_goes_out_once_under_an_order_id(
    session: Session, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def refuse(client: Client, ask: Any) -> None:
        seen.append(ask)
        client.error(ask["reqId"], 322, "Error processing request.-'bN' : cause - No unlapsed position exists")

    answer(monkeypatch, "exerciseOptions", refuse)
    option = Contract("OPT", 111, "AAPL", "20270115", 150.0, "C", "100", "SMART", currency="USD")
    question = ExerciseOptions(option, 1, 2, "DU1000001")
    numbers: list[int] = []
    await session.exercise_options(option, question, numbers.append, deadline=soon())
    await until(lambda: heard.of("on_order_error"))
    (ask,) = seen
    assert (ask["exerciseAction"], ask["exerciseQuantity"], ask["account"], ask["override"]) == (
        1,
        2,
        "DU1000001",
        False,
    )
    assert ask["reqId"] == numbers[0] == heard.of("on_order_error")[0][0]
    await session.drain()
    with pytest.raises((NotReady, OrderNotSent, RequestError)):
        await session.exercise_options(option, question, numbers.append, deadline=soon(0.1))
    assert len(numbers) == 1
