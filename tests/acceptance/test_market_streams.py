"""Tick-by-tick data, books and live bars through every layer: shared, started right, restored after a loss."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import msgpack
import pytest
from stage import raw_script, running_proxy, settings, until, url_of

import ibmux
from ibmux import errors, topics
from ibmux.core.history_pacing import Quota, Spacing
from ibmux.daemon import Proxy
from ibmux.mqtt.message import Message
from ibmux.sim import Settings, SimulatedGateway

APPLE = 265598
AAPL = ibmux.Contract("STK", APPLE, "AAPL", exchange="SMART", currency="USD")


@pytest.fixture
async def simulator() -> AsyncIterator[SimulatedGateway]:
    async with SimulatedGateway(Settings(seed=7, linger=0.2, speed=10.0)) as gateway:
        yield gateway


@pytest.fixture
async def proxy(simulator: SimulatedGateway) -> AsyncIterator[Proxy]:
    async with running_proxy(settings(simulator.port)) as running:
        running.gateways["paper"].session.paces.ticks = Spacing(-1.0)
        yield running


def upstream(simulator: SimulatedGateway, kind: str) -> int:
    """How many streams of a kind the gateway sends."""
    return sum(stream.kind == kind for stream in simulator.clients[1].streams.values())


def row(levels: list[ibmux.DOMLevel]) -> list[float]:
    return [level.price for level in levels]


async def test_two_scripts_read_one_stream_of_single_ticks(simulator: SimulatedGateway, proxy: Proxy) -> None:
    async with ibmux.connect("one", url=url_of(proxy)) as one, ibmux.connect("two", url=url_of(proxy)) as two:
        first = await one.reqTickByTickData(ibmux.Stock("AAPL", "SMART", "USD"), "BidAsk", 20)
        second = await two.reqTickByTickData(AAPL, "BidAsk")
        seen: list[list[Any]] = [[], []]
        first.updateEvent += lambda ticker: seen[0].extend(ticker.tickByTicks)
        second.updateEvent += lambda ticker: seen[1].extend(ticker.tickByTicks)
        await until(lambda: len(seen[0]) > 20 and len(seen[1]) > 20, "ticks for both")
        assert upstream(simulator, "ticks") == 1
        assert all(isinstance(tick, ibmux.TickByTickBidAsk) for tick in seen[0])

        def prices(number: int) -> list[tuple[float, float, float]]:
            return [(tick.bidPrice, tick.askPrice, tick.bidSize) for tick in seen[number][-10:]]

        await until(lambda: prices(0) == prices(1), "both have read the same")
        assert (first.bid, first.ask) == (second.bid, second.ask) == prices(0)[-1][:2]
        assert len(first.historicalTicks) == 20
        assert isinstance(first.historicalTicks[0], ibmux.HistoricalTickBidAsk)
        assert one.ticker(AAPL) is first
        assert await one.cancelTickByTickData(AAPL, "BidAsk")
        assert await one.cancelTickByTickData(AAPL, "BidAsk") is False
        assert one.tickers() == []
        count = len(seen[1])
        await until(lambda: len(seen[1]) > count, "more ticks for the other")
        assert upstream(simulator, "ticks") == 1


async def test_one_ticker_shows_quotes_trades_and_midpoints(simulator: SimulatedGateway, proxy: Proxy) -> None:
    async with ibmux.connect("one", url=url_of(proxy)) as ib:
        ticker = await ib.reqMktData(AAPL)
        for kind in ("Last", "AllLast", "MidPoint"):
            assert await ib.reqTickByTickData(AAPL, kind) is ticker
        single: list[Any] = []
        quoted: list[Any] = []

        def take(tickers: set[ibmux.Ticker]) -> None:
            for each in tickers:
                single.extend(each.tickByTicks)
                quoted.extend(each.ticks)

        ib.pendingTickersEvent += take
        await until(
            lambda: (
                {type(tick).__name__ for tick in single} == {"TickByTickAllLast", "TickByTickMidPoint"}
                and {tick.tickType for tick in single if isinstance(tick, ibmux.TickByTickAllLast)} == {1, 2}
                and quoted
            ),
            "ticks of every kind",
        )
        assert ticker.gaps == 0
        with pytest.raises(errors.RequestError, match="tickType"):
            await ib.reqTickByTickData(AAPL, "last")


async def test_ibs_limits_are_kept_and_said_clearly(simulator: SimulatedGateway, proxy: Proxy) -> None:
    async with ibmux.connect("one", url=url_of(proxy)) as ib:
        contracts = [ibmux.Stock(name, "SMART", "USD") for name in ("MSFT", "NVDA", "AMZN", "GOOGL", "META", "TSLA")]
        for contract in contracts[:5]:
            await ib.reqTickByTickData(contract, "Last")
        with pytest.raises(errors.NoStreams, match="5 tick-by-tick streams of 100"):
            await ib.reqTickByTickData(contracts[5], "Last")
        for contract in contracts[:3]:
            await ib.reqMktDepth(contract, 5, True)
        with pytest.raises(errors.NoStreams, match="3 order books"):
            await ib.reqMktDepth(contracts[3], 5, True)
        assert await ib.cancelMktDepth(contracts[0], True)
        await ib.reqMktDepth(contracts[3], 5, True)
        assert upstream(simulator, "depth") == 3
        with pytest.raises(errors.RequestError, match="SMART depth"):
            await ib.reqMktDepth(contracts[1], 5, False)


async def test_a_late_reader_has_the_whole_book_at_once(simulator: SimulatedGateway, proxy: Proxy) -> None:
    async with ibmux.connect("one", url=url_of(proxy)) as one, ibmux.connect("two", url=url_of(proxy)) as two:
        early = await one.reqMktDepth(ibmux.Stock("AAPL", "SMART", "USD"), 5, True)
        await until(lambda: len(early.domBids) == len(early.domAsks) == 5 and early.domTicks, "the book, and a change")
        late = await two.reqMktDepth(AAPL, 5, True)
        assert len(late.domBids) == len(late.domAsks) == 5
        await until(
            lambda: row(early.domBids) == row(late.domBids) and row(early.domAsks) == row(late.domAsks), "equal books"
        )
        assert upstream(simulator, "depth") == 1
        (feed,) = proxy.gateways["paper"].session.feeds
        await until(lambda: [level[0] for level in feed.book_now.rows()[0]] == row(late.domBids), "the gateway's book")  # type: ignore[attr-defined]
        assert late.domBids[0].price < late.domAsks[0].price
        assert all(isinstance(each, ibmux.MktDepthData) for each in early.domTicks)
        more = await two.reqMktDepth(AAPL, 8, True)
        await until(lambda: len(more.domBids) == 8, "more rows")
        await until(lambda: len(early.domBids) == 5 and row(early.domBids) == row(more.domBids)[:5], "five of them")
        assert upstream(simulator, "depth") == 1
        await two.cancelMktDepth(AAPL, True)
        assert more.domBids == []


async def test_a_reset_book_is_the_gateways_again(simulator: SimulatedGateway, proxy: Proxy) -> None:
    async with ibmux.connect("one", url=url_of(proxy)) as ib:
        ticker = await ib.reqMktDepth(AAPL, 5, True)
        await until(lambda: len(ticker.domBids) == 5, "the book")
        (feed,) = proxy.gateways["paper"].session.feeds
        emptied = asyncio.Event()
        ticker.updateEvent += lambda each: emptied.set() if not each.domBids else None
        simulator.clients[1].error(feed.request, 317, "Market depth data has been RESET.")
        await asyncio.wait_for(emptied.wait(), 20)
        assert not ib.gapEvent.handlers


async def test_five_second_bars_are_shared(simulator: SimulatedGateway, proxy: Proxy) -> None:
    async with ibmux.connect("one", url=url_of(proxy)) as one, ibmux.connect("two", url=url_of(proxy)) as two:
        first = await one.reqRealTimeBars(ibmux.Stock("AAPL", "SMART", "USD"), 5, "TRADES", False)
        second = await two.reqRealTimeBars(AAPL, 5, "TRADES", False)
        told: list[bool] = []
        second.updateEvent += lambda bars, is_new: told.append(is_new)
        await until(lambda: len(first) > 2 and len(second) > 2, "bars for both")
        assert upstream(simulator, "bars") == 1
        times = [bar.time.timestamp() for bar in first]
        assert [later - earlier for earlier, later in itertools.pairwise(times)] == [5.0] * (len(times) - 1)
        assert first[-1] in second or second[-1] in first
        assert told and all(told)
        assert (second.barSize, second.whatToShow, second.useRTH) == (5, "TRADES", False)
        assert second in two.realtimeBars()
        assert await one.cancelRealTimeBars(first)
        assert await one.cancelRealTimeBars(first) is False
        assert await two.cancelRealTimeBars(second)


async def test_a_history_goes_on_and_whoever_comes_late_has_all_of_it(
    simulator: SimulatedGateway, proxy: Proxy
) -> None:
    async with ibmux.connect("one", url=url_of(proxy)) as one, ibmux.connect("two", url=url_of(proxy)) as two:
        ask = ("", "1800 S", "5 secs", "TRADES", False)
        first = await one.reqHistoricalData(ibmux.Stock("AAPL", "SMART", "USD"), *ask, keepUpToDate=True)
        had = len(first)
        assert had > 100
        news: list[bool] = []
        one.barUpdateEvent += lambda bars, is_new: news.append(is_new)
        await until(lambda: len(first) > had + 2, "new bars")
        late = await two.reqHistoricalData(AAPL, *ask, keepUpToDate=True)
        longer = await two.reqHistoricalData(AAPL, "", "3600 S", "5 secs", "TRADES", False, keepUpToDate=True)
        await until(lambda: late[-1] == first[-1] == longer[-1], "equal last bars")
        assert late[-30:] == first[-30:]
        assert len(longer) > len(late)
        dates = [bar.date for bar in longer]
        assert dates == sorted(set(dates))
        assert True in news
        assert len(proxy.gateways["paper"].session.feeds) == 1
        assert {id(each) for each in two.realtimeBars()} == {id(late), id(longer)}
        assert await two.cancelHistoricalData(late)
        assert await two.cancelHistoricalData(longer)
        assert await two.cancelHistoricalData(longer) is False


async def test_streams_come_back_by_themselves_and_the_gap_is_told(simulator: SimulatedGateway, proxy: Proxy) -> None:
    async with ibmux.connect("one", url=url_of(proxy)) as ib:
        trades = await ib.reqTickByTickData(AAPL, "AllLast")
        book = await ib.reqMktDepth(ibmux.Stock("MSFT", "SMART", "USD"), 5, True)
        bars = await ib.reqHistoricalData(AAPL, "", "1800 S", "1 min", "TRADES", False, keepUpToDate=True)
        gaps: list[Any] = []
        ib.gapEvent += lambda *gap: gaps.append(gap)
        session = proxy.gateways["paper"].session
        epoch = session.epoch
        session.park("A short break.")
        await until(lambda: not session.feeds or not any(feed.request for feed in session.feeds), "all is lost")
        await until(lambda: book.domBids == [], "the book is void")
        session.resume()
        await until(lambda: session.state == "ready" and session.epoch > epoch, "the next connection")
        changed: set[str] = set()
        trades.updateEvent += lambda each: changed.add("trades") if each.tickByTicks else None
        bars.updateEvent += lambda *_: changed.add("bars")
        await until(lambda: changed == {"trades", "bars"} and len(book.domBids) == 5, "everything goes on")
        await until(lambda: gaps, "the gap is told")
        dates = [bar.date for bar in bars]
        assert dates == sorted(set(dates))
        assert len(session.feeds) == 3


async def test_a_script_that_leaves_gives_its_streams_back(simulator: SimulatedGateway) -> None:
    gateway = {"paper": {"port": simulator.port, "client_id": 1, "pause_floor": 0.1, "settle": 0.1, "linger": 0.1}}
    async with running_proxy(settings(simulator.port, gateways=gateway)) as proxy:
        async with ibmux.connect("one", url=url_of(proxy)) as ib:
            await ib.reqTickByTickData(AAPL, "Last")
            await ib.reqMktDepth(AAPL, 5, True)
            await ib.reqRealTimeBars(AAPL, 5, "TRADES", False)
            await ib.reqHistoricalData(AAPL, "", "1800 S", "1 min", "TRADES", False, keepUpToDate=True)
            assert len(proxy.gateways["paper"].session.feeds) == 4
            assert proxy.gateways["paper"].sharing().leases == 4
        await until(lambda: not proxy.gateways["paper"].session.feeds, "every stream is given back")
        await until(lambda: not simulator.clients[1].streams, "the gateway sends nothing more")


async def test_a_foreign_client_sees_plain_messages(simulator: SimulatedGateway, proxy: Proxy) -> None:
    heard: dict[str, list[Any]] = {}

    def take(message: Message) -> None:
        heard.setdefault(message.topic, []).append(msgpack.unpackb(message.payload, timestamp=3))

    apple = {"conId": APPLE, "exchange": "SMART"}
    async with raw_script(url_of(proxy), "raw") as script:
        await script.link.subscribe(topics.market("paper", APPLE, "#"), take, qos=0)
        trades = await script.ask("reqTickByTickData", {"contract": apple, "tickType": "Last", "numberOfTicks": 3})
        book = await script.ask("reqMktDepth", {"contract": apple, "isSmartDepth": True})
        history = {
            "contract": apple, "durationStr": "1800 S", "barSizeSetting": "1 min", "whatToShow": "TRADES",
            "useRTH": False,
        }  # fmt: skip
        bars = await script.ask("reqHistoricalData", {**history, "keepUpToDate": True})
        lease = await script.ask("reqBarUpdates", history)
        five = await script.ask("reqRealTimeBars", {"contract": apple})
        assert {reply.code for reply in (trades, book, bars, lease, five)} == {"ok"}
        assert trades.payload["topic"] == topics.last("paper", APPLE)
        assert len(trades.payload["history"]) == 3
        assert lease.payload["topic"] == topics.bars("paper", APPLE, "1m", "TRADES")
        assert five.payload["topic"] == topics.real_time_bars("paper", APPLE, "TRADES")
        wanted = [reply.payload["topic"] for reply in (trades, book, lease, five)]
        await until(lambda: all(topic in heard for topic in wanted), "messages of every stream")
        for topic, name in zip(wanted, ("ticks", "changes", "bars", "bars"), strict=True):
            for before, after in itertools.pairwise(heard[topic]):
                assert after["seq"] == before["seq"] + len(before[name])
        assert len(heard[wanted[0]][0]["ticks"][0]) == 7
        assert len(heard[wanted[1]][0]["changes"][0]) == 6
        assert bars.payload[-1]["date"].endswith("+00:00")
        for method, arguments in (
            ("cancelTickByTickData", {"contract": apple, "tickType": "Last"}),
            ("cancelMktDepth", {"contract": apple}),
            ("cancelRealTimeBars", {"contract": apple}),
            ("cancelHistoricalData", {name: history[name] for name in history if name != "durationStr"}),
        ):
            assert (await script.ask(method, arguments)).payload is True
        refused = await script.ask("reqTickByTickData", {"contract": apple, "tickType": "Everything"})
        assert refused.code == "request.invalid"


async def test_questions_about_the_past_and_about_markets(simulator: SimulatedGateway, proxy: Proxy) -> None:
    async with ibmux.connect("one", url=url_of(proxy)) as ib:
        end = "20260106 16:00:00 US/Eastern"
        trades = await ib.reqHistoricalTicks(AAPL, "", end, 50, "TRADES", True)
        quotes = await ib.reqHistoricalTicks(AAPL, "", end, 50, "BID_ASK", True)
        mids = await ib.reqHistoricalTicks(AAPL, "", end, 50, "MIDPOINT", True)
        assert {type(tick) for tick in trades} == {ibmux.HistoricalTickLast}
        assert {type(tick) for tick in quotes} == {ibmux.HistoricalTickBidAsk}
        assert {type(tick) for tick in mids} == {ibmux.HistoricalTick}
        assert (await ib.reqHistoricalSchedule(AAPL, 5)).sessions
        assert (await ib.reqHistogramData(AAPL, True, "3 days"))[0].count > 0
        (details,) = await ib.reqContractDetails(AAPL)
        rule = int(details.marketRuleIds.split(",")[0])
        assert (await ib.reqMarketRule(rule))[0].increment > 0
        before = proxy.gateways["paper"].flights.sent
        assert await ib.reqMarketRule(rule)
        assert proxy.gateways["paper"].flights.sent == before
        assert len(await ib.reqMktDepthExchanges()) > 3
        ticker = await ib.reqMktData(AAPL)
        await until(lambda: ticker.bboExchange, "the exchange code")
        assert len(await ib.reqSmartComponents(ticker.bboExchange)) > 1
        chain = (await ib.reqSecDefOptParams("AAPL", "", "STK", APPLE))[0]
        strike = chain.strikes[len(chain.strikes) // 2]
        [option] = await ib.qualifyContracts(ibmux.Option("AAPL", chain.expirations[-1], strike, "C", "SMART"))
        assert option is not None
        priced = await ib.calculateOptionPrice(option, 0.3, strike)
        back = await ib.calculateImpliedVolatility(option, priced.optPrice, strike)
        assert back.impliedVol == pytest.approx(0.3, abs=0.01)


async def test_plain_scripts_have_the_same(simulator: SimulatedGateway, proxy: Proxy) -> None:
    def play(url: str) -> tuple[int, int, int]:
        with ibmux.sync.connect("plain", url=url) as ib:
            ticker = ib.reqMktDepth(AAPL, 5, True)
            bars = ib.reqHistoricalData(AAPL, "", "1800 S", "5 mins", "TRADES", False, keepUpToDate=True)
            ib.reqTickByTickData(AAPL, "AllLast")
            seen: list[Any] = []
            ticker.updateEvent += lambda each: seen.extend(each.tickByTicks)
            while not seen or len(ticker.domAsks) < 5:
                assert ib.waitOnUpdate(20)
            ib.cancelTickByTickData(AAPL, "AllLast")
            ib.cancelHistoricalData(bars)
            return (
                len(bars),
                len(seen),
                len(ib.reqHistoricalTicks(AAPL, "", "20260106 16:00:00 US/Eastern", 5, "TRADES", True)),
            )

    bars, seen, past = await asyncio.to_thread(play, url_of(proxy))
    assert bars > 3 and seen and past >= 5


@pytest.mark.parametrize(
    ("method", "arguments", "words"),
    [
        ("reqTickByTickData", {"tickType": "Last", "numberOfTicks": 5000}, "0 to 1000"),
        ("reqTickByTickData", {"tickType": "Last", "ttl": 0}, "ttl"),
        ("reqMktDepth", {"numRows": 0}, "numRows"),
        ("reqRealTimeBars", {"barSize": 10}, "5 seconds"),
        ("reqRealTimeBars", {"whatToShow": "trades+"}, "whatToShow"),
        ("reqBarUpdates", {"durationStr": "1 D", "barSizeSetting": "often", "whatToShow": "TRADES"}, "barSizeSetting"),
        (
            "reqHistoricalData",
            {
                "durationStr": "1 D",
                "barSizeSetting": "1 min",
                "whatToShow": "TRADES",
                "endDateTime": "20260106 16:00:00 US/Eastern",
                "keepUpToDate": True,
            },
            "end now",
        ),
    ],
)
async def test_what_cannot_be_streamed_is_refused_with_words(
    simulator: SimulatedGateway, proxy: Proxy, method: str, arguments: dict[str, Any], words: str
) -> None:
    bars = method in ("reqBarUpdates", "reqHistoricalData")
    async with raw_script(url_of(proxy), "raw") as script:
        contract = {"conId": APPLE, "exchange": "SMART"}
        reply = await script.ask(method, {"contract": contract, **arguments, **({"useRTH": False} if bars else {})})
        assert reply.code == "request.invalid"
        assert words in reply.payload["message"]
    assert not proxy.gateways["paper"].session.feeds
    assert proxy.gateways["paper"].sharing().leases == 0


async def test_a_stream_whose_past_cannot_be_had_is_not_leased(simulator: SimulatedGateway, proxy: Proxy) -> None:
    session = proxy.gateways["paper"].session
    session.paces.history._all = Quota(0, 600.0)
    session.paces.history._all.note(asyncio.get_running_loop().time())
    async with ibmux.connect("one", url=url_of(proxy)) as ib:
        with pytest.raises(errors.Busy):
            await ib.reqTickByTickData(AAPL, "Last", 10)
        assert proxy.gateways["paper"].sharing().leases == 0
        await ib.reqTickByTickData(AAPL, "Last")


async def test_a_script_may_hold_so_many_leases_of_all_kinds_together(simulator: SimulatedGateway) -> None:
    tree = settings(simulator.port, limits={"leases": 2})
    async with running_proxy(tree) as proxy, ibmux.connect("one", url=url_of(proxy)) as ib:
        await ib.reqMktData(AAPL)
        await ib.reqMktDepth(AAPL, 5, True)
        with pytest.raises(errors.Busy, match="2 leases"):
            await ib.reqTickByTickData(AAPL, "Last")
        await ib.cancelMktData(AAPL)
        await ib.reqTickByTickData(AAPL, "Last")
