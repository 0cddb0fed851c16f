"""Tick-by-tick data, books and live bars over TCP: as the gateway sends them, and again after a loss."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import Any

import pytest
from session_stage import Heard, Stage, soon, until

from ibmux.core.history_pacing import Quota, Spacing
from ibmux.errors import (
    Busy,
    GatewayTimeout,
    NoHistory,
    NoStreams,
    NotReady,
    NotSubscribed,
    RequestError,
    UnknownContract,
)
from ibmux.messages.contracts import Contract
from ibmux.messages.depth import CLEARED, Book
from ibmux.messages.history import (
    ReqHeadTimeStamp,
    ReqHistogramData,
    ReqHistoricalData,
    ReqHistoricalSchedule,
    ReqHistoricalTicks,
)
from ibmux.session import Session, lines, watch
from ibmux.session.feed import Feed
from ibmux.session.feeds import DepthFeed, KeptBars, RealTimeFeed, TickByTick
from ibmux.session.gate import Gate
from ibmux.session.paced import OPEN_HISTORIES
from ibmux.sim import SimulatedGateway

TYPES = ("Last", "AllLast", "BidAsk", "MidPoint")


def hear(feed: Feed) -> list[Any]:
    """What a feed delivers, `None` where it broke."""
    came: list[Any] = []
    feed.deliver = came.extend
    feed.broken = lambda: came.append(None)
    return came


def unpaced(session: Session) -> None:
    """Let a test ask as often as it likes."""
    session.paces.ticks = Spacing(-1.0)


async def contract(session: Session, symbol: str, exchange: str = "SMART", kind: str = "STK") -> Contract:
    asked = Contract(secType=kind, symbol=symbol, exchange=exchange, currency="USD")
    details = await session.contract_details(asked, deadline=soon())
    assert details[0].contract is not None
    return details[0].contract


def minutes(session: Session, apple: Contract) -> KeptBars:
    return KeptBars(apple, "3600 S", "1 min", "TRADES", False)


async def test_every_kind_of_single_ticks_arrives(session: Session, gateway: SimulatedGateway, apple: Contract) -> None:
    unpaced(session)
    feeds = {kind: TickByTick(apple, kind) for kind in TYPES}
    came = {kind: hear(feed) for kind, feed in feeds.items()}
    await asyncio.gather(*(session.open_stream(feed, deadline=soon()) for feed in feeds.values()))
    await until(lambda: all(len(ticks) > 1 for ticks in came.values()), 20)
    for kind in ("Last", "AllLast"):
        time, price, size, past, unreported, exchange, conditions = came[kind][0]
        assert price > 0 and size > 0 and abs(time - gateway.clock.now()) < 60
        assert (type(past), type(unreported), type(exchange), type(conditions)) == (bool, bool, str, str)
    _, bid, ask, bid_size, ask_size, *marks = came["BidAsk"][0]
    assert 0 < bid < ask and bid_size > 0 and ask_size > 0
    assert [type(mark) for mark in marks] == [bool, bool]
    assert bid * 0.9 < came["MidPoint"][0][1] < ask * 1.1


async def test_a_second_stream_of_a_contract_waits_for_its_turn(session: Session, apple: Contract) -> None:
    session.paces.ticks = Spacing(1.0)
    began = asyncio.get_running_loop().time()
    await session.open_stream(TickByTick(apple, "Last"), deadline=soon())
    with pytest.raises(Busy, match="wait"):
        await session.open_stream(TickByTick(apple, "MidPoint"), deadline=soon(0.1))
    await session.open_stream(TickByTick(apple, "BidAsk"), deadline=soon())
    assert asyncio.get_running_loop().time() - began >= 1.0
    assert len(session.feeds) == 2


async def test_the_spacing_of_such_streams_is_a_setting(stage: Stage) -> None:
    session = await stage.ready(tick_spacing=0.0)
    apple = await contract(session, "AAPL")
    for kind in TYPES:
        await session.open_stream(TickByTick(apple, kind), deadline=soon())  # type: ignore[arg-type]
    assert len(session.feeds) == len(TYPES)


async def test_a_gateway_that_counts_streams_is_told_no_more(stage: Stage) -> None:
    gateway = await stage.gateway(lines=20)
    session = await stage.ready(gateway)
    unpaced(session)
    apple, microsoft = await contract(session, "AAPL"), await contract(session, "MSFT")
    feed = TickByTick(apple, "Last")
    await session.open_stream(feed, deadline=soon())
    with pytest.raises(NoStreams) as refused:
        await session.open_stream(TickByTick(microsoft, "Last"), deadline=soon())
    assert refused.value.ib is not None
    assert refused.value.ib[0] == 10190
    assert list(session.feeds) == [feed]
    session.close_stream(feed)
    session.close_stream(feed)
    await session.open_stream(TickByTick(microsoft, "Last"), deadline=soon())


async def test_a_book_is_kept_as_the_gateway_tells_it(session: Session, gateway: SimulatedGateway) -> None:
    apple = await contract(session, "AAPL", "NASDAQ")
    feed = DepthFeed(apple, 5, False, [])
    came = hear(feed)
    await session.open_stream(feed, deadline=soon())
    await until(lambda: len(feed.book_now.bids) == len(feed.book_now.asks) == 5)
    await until(lambda: any(change[2] == 1 for change in came))
    replayed = Book()
    for change in came:
        replayed.apply(change)
    assert replayed.rows() == feed.book_now.rows()
    bids, asks = feed.book_now.rows()
    assert [level[0] for level in bids] == sorted((level[0] for level in bids), reverse=True)
    assert [level[0] for level in asks] == sorted(level[0] for level in asks)
    assert bids[0][0] < asks[0][0]


async def test_a_reset_clears_the_book_and_tells_so(session: Session, gateway: SimulatedGateway) -> None:
    apple = await contract(session, "AAPL", "NASDAQ")
    feed = DepthFeed(apple, 5, False, [])
    came = hear(feed)
    await session.open_stream(feed, deadline=soon())
    await until(lambda: len(feed.book_now.bids) == 5)
    came.clear()
    gateway.clients[1].error(feed.request, 317, "Market depth data has been RESET. Please empty deep book contents.")
    await until(lambda: CLEARED in came)
    book = Book()
    for change in itertools.dropwhile(lambda change: change != CLEARED, list(came)):
        book.apply(change)
    assert book.rows() == feed.book_now.rows()


async def test_smart_depth_names_market_makers_and_what_has_none_is_refused(session: Session) -> None:
    apple = await contract(session, "AAPL")
    feed = DepthFeed(apple, 10, True, [])
    await session.open_stream(feed, deadline=soon())
    await until(lambda: feed.book_now.bids)
    assert all(level[2] for level in feed.book_now.rows()[0])
    with pytest.raises(NotSubscribed):
        await session.open_stream(DepthFeed(apple, 10, False, []), deadline=soon())
    assert list(session.feeds) == [feed]
    assert {each.exchange for each in await session.depth_exchanges(deadline=soon())} >= {"NYSE", "ARCA"}


async def test_five_second_bars_come_one_by_one(stage: Stage) -> None:
    gateway = await stage.gateway(speed=20.0)
    session = await stage.ready(gateway)
    feed = RealTimeFeed(await contract(session, "AAPL"), "TRADES", False, [])
    came = hear(feed)
    await session.open_stream(feed, deadline=soon())
    await until(lambda: len(came) >= 3)
    assert [later.time - earlier.time for earlier, later in itertools.pairwise(came)] == [5] * (len(came) - 1)
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in came)
    session.close_stream(feed)
    await until(lambda: not gateway.clients[1].streams)


async def test_bars_that_are_kept_up_to_date_go_on(stage: Stage) -> None:
    gateway = await stage.gateway(speed=30.0)
    session = await stage.ready(gateway)
    feed = minutes(session, await contract(session, "AAPL"))
    came = hear(feed)
    await session.open_stream(feed, deadline=soon())
    first = await feed.bars()
    assert len(first) > 30
    await until(lambda: len({bar.date for bar in came}) >= 2, 20)
    bars = await feed.bars()
    assert len(bars) > len(first)
    assert [bar.date for bar in bars] == sorted({bar.date for bar in bars})
    assert bars[-1] == came[-1]
    session.close_stream(feed)
    assert session._histories._value == OPEN_HISTORIES


async def test_kept_bars_that_the_gateway_gives_up_are_asked_for_again(
    session: Session, apple: Contract, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "FIRST_PAUSE", 0.05)
    feed = minutes(session, apple)
    came = hear(feed)
    await session.open_stream(feed, deadline=soon())
    request = feed.request
    session.on_error(request, 10182, "Failed to request live updates (disconnected).", "")
    assert None in came
    assert [code for code, _ in heard.of("on_notice") if code == 10182]
    assert (feed.request, feed.failures) == (0, 1)
    await until(lambda: feed.request not in (0, request))
    await until(lambda: feed.failures == 0)


async def test_everything_comes_back_after_1101(session: Session, gateway: SimulatedGateway, apple: Contract) -> None:
    unpaced(session)
    feeds = (
        TickByTick(apple, "BidAsk"),
        DepthFeed(await contract(session, "MSFT"), 5, True, []),
        minutes(session, apple),
    )
    came = [hear(feed) for feed in feeds]
    for feed in feeds:
        await session.open_stream(feed, deadline=soon())
    before = [feed.request for feed in feeds]
    for each in came:
        each.clear()
    gateway.clients[1].error(-1, 1101, "Connectivity has been restored - data lost.")
    await until(lambda: all(feed.request not in (0, old) for feed, old in zip(feeds, before, strict=True)))
    await until(lambda: None in came[0] and came[0][-1] is not None)
    await until(lambda: came[1].count(CLEARED) == 1 and len(came[1]) > 5)
    assert None in came[2]
    live = set(gateway.clients[1].streams) | set(gateway.clients[1].lines)
    assert not live & set(before)


async def test_everything_comes_back_with_the_next_connection(
    stage: Stage, gateway: SimulatedGateway, session: Session, apple: Contract
) -> None:
    unpaced(session)
    feeds = (TickByTick(apple, "Last"), DepthFeed(apple, 5, True, []), minutes(session, apple))
    for feed in feeds:
        await session.open_stream(feed, deadline=soon())
    await gateway.close()
    await until(lambda: session.state == "waiting")
    assert not any(feed.request for feed in feeds)
    again = await stage.gateway(port=gateway.port)
    await until(lambda: all(feed.request for feed in feeds))
    came = hear(feeds[0])
    await until(lambda: came, 20)
    await until(lambda: feeds[1].book_now.bids)  # type: ignore[attr-defined]
    assert 1 in again.clients


async def test_restored_streams_keep_the_limits_too(
    stage: Stage, gateway: SimulatedGateway, session: Session, apple: Contract
) -> None:
    unpaced(session)
    first, second = TickByTick(apple, "Last"), TickByTick(apple, "BidAsk")
    for feed in (first, second):
        await session.open_stream(feed, deadline=soon())
    session.paces.ticks = Spacing(60.0)
    asked = session.next_request()
    gateway.clients[1].error(-1, 1101, "Connectivity has been restored - data lost.")
    await until(lambda: first.request > asked)
    assert second.request == 0
    session.close_stream(second)
    assert not session._due


async def test_a_stream_opened_in_a_gap_is_refused_or_waits(
    stage: Stage, gateway: SimulatedGateway, session: Session, apple: Contract
) -> None:
    await gateway.close()
    await until(lambda: session.state == "waiting")
    with pytest.raises(NotReady):
        await session.open_stream(TickByTick(apple, "Last"), deadline=0.0)
    waiting = asyncio.create_task(session.open_stream(TickByTick(apple, "Last"), deadline=soon()))
    await stage.gateway(port=gateway.port)
    await waiting
    assert len(session.feeds) == 1


async def test_a_refusal_leaves_nothing(session: Session, heard: Heard) -> None:
    nobody = Contract(conId=123454321, exchange="SMART")
    for feed in (TickByTick(nobody, "Last"), DepthFeed(nobody, 5, True, []), minutes(session, nobody)):
        with pytest.raises(UnknownContract):
            await session.open_stream(feed, deadline=soon())
    assert not session.feeds
    assert session._histories._value == OPEN_HISTORIES


async def test_an_abandoned_opening_is_cancelled_upstream(stage: Stage) -> None:
    gateway = await stage.gateway(speed=0.0)  # no bar comes and ends the opening
    session = await stage.ready(gateway)
    apple = await contract(session, "AAPL")
    opening = asyncio.create_task(session.open_stream(RealTimeFeed(apple, "TRADES", False, []), deadline=soon()))
    await until(lambda: gateway.clients[1].streams)
    opening.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await opening
    await until(lambda: not gateway.clients[1].streams)


# -- questions about the past


async def test_ticks_of_the_past_in_three_kinds(session: Session, apple: Contract) -> None:
    now = await session.current_time(deadline=soon())
    end = "" if now is None else "20260106 10:30:00 US/Eastern"
    for what in ("TRADES", "BID_ASK", "MIDPOINT"):
        question = ReqHistoricalTicks(apple, "", end, 50, what, False)  # type: ignore[arg-type]
        ticks = await session.historical_ticks(question, deadline=soon())
        assert len(ticks) >= 50
        assert [tick.time for tick in ticks] == sorted(tick.time for tick in ticks)
        if what == "BID_ASK":
            assert all(0 < tick.priceBid < tick.priceAsk and tick.price == 0 for tick in ticks)
        else:
            assert all(tick.price > 0 for tick in ticks)
        assert bool(ticks[0].exchange) == (what == "TRADES")


async def test_sessions_histograms_and_first_times(session: Session, apple: Contract) -> None:
    schedule = await session.historical_schedule(ReqHistoricalSchedule(apple, 5), deadline=soon())
    assert schedule.timeZone
    assert 1 <= len(schedule.sessions) <= 6
    rows = await session.histogram(ReqHistogramData(apple, True, "3 days"), deadline=soon())
    assert len(rows) > 5 and all(row.price > 0 and row.count > 0 for row in rows)
    assert (await session.head_timestamp(ReqHeadTimeStamp(apple, "TRADES", True), deadline=soon()))[:2] in ("19", "20")
    nobody = Contract(conId=123454321, exchange="SMART")
    with pytest.raises((UnknownContract, NoHistory)):
        await session.historical_schedule(ReqHistoricalSchedule(nobody, 5), deadline=soon())


async def test_the_same_question_about_small_bars_waits(session: Session, apple: Contract) -> None:
    question = ReqHistoricalData(apple, "1800 S", "5 secs", "TRADES", False)
    assert len(await session.historical_bars(question, deadline=soon())) > 300
    with pytest.raises(Busy) as refused:
        await session.historical_bars(question, deadline=soon(1.0))
    assert refused.value.retry_after is not None
    assert 5 < refused.value.retry_after <= 16
    large = ReqHistoricalData(apple, "1 D", "1 min", "TRADES", False)
    for _ in range(7):
        await session.historical_bars(large, deadline=soon())


async def test_sixty_new_five_second_bars_in_ten_minutes(session: Session, apple: Contract) -> None:
    session.paces.bars = Quota(1, 600.0)
    await session.open_stream(RealTimeFeed(apple, "TRADES", False, []), deadline=soon())
    with pytest.raises(Busy):
        await session.open_stream(RealTimeFeed(apple, "MIDPOINT", False, []), deadline=soon())
    assert len(session.feeds) == 1


# -- markets and options


async def test_price_steps_and_components(session: Session, gateway: SimulatedGateway, apple: Contract) -> None:
    (details,) = await session.contract_details(apple, deadline=soon())
    rule = int(details.marketRuleIds.split(",")[0])
    steps = await session.market_rule(rule, deadline=soon())
    assert steps[0].lowEdge == 0 and steps[0].increment > 0
    await session.open_line(apple, deadline=soon())
    await until(lambda: session.quote_fields(apple.conId)[1].get("bboExchange"))
    exchange = session.quote_fields(apple.conId)[1]["bboExchange"]
    components = await session.smart_components(exchange, deadline=soon())
    assert len({each.exchangeLetter for each in components}) == len(components) > 1


async def test_the_option_model_there_and_back(session: Session, apple: Contract) -> None:
    (chain, *_) = await session.option_parameters("AAPL", "", "STK", apple.conId, deadline=soon())
    strike = chain.strikes[len(chain.strikes) // 2]
    asked = Contract(
        secType="OPT", symbol="AAPL", exchange="SMART", currency="USD", right="C", strike=strike,
        lastTradeDateOrContractMonth=chain.expirations[-1],
    )  # fmt: skip
    (details, *_) = await session.contract_details(asked, deadline=soon())
    option = details.contract
    assert option is not None
    priced = await session.option_price(option, 0.3, strike, [], deadline=soon(), script="a")
    assert priced.optPrice is not None and priced.optPrice > 0
    back = await session.implied_volatility(option, priced.optPrice, strike, [], deadline=soon(), script="a")
    assert back.impliedVol == pytest.approx(0.3, abs=0.01)


# -- data farms


async def test_what_stays_dead_after_a_farms_return_is_asked_for_again(
    session: Session, gateway: SimulatedGateway, apple: Contract, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "SILENCE", 0.5)
    unpaced(session)
    await session.open_line(apple, deadline=soon())
    feed = TickByTick(apple, "BidAsk")
    came = hear(feed)
    await session.open_stream(feed, deadline=soon())
    line = session.lines[apple.conId]
    await until(lambda: came)
    before = {line.request, feed.request}
    for farm in [name for name in gateway.farms.connected() if "hmds" not in name and "secdef" not in name]:
        gateway.farms.turn(farm, "broken")
        gateway.farms.mend(farm, dead=True)
    await until(lambda: line.request not in before and feed.request not in before and feed.request)
    came.clear()
    heard.calls.clear()
    await until(lambda: came and heard.of("on_ticks"))


async def test_what_speaks_after_a_farms_return_is_left_alone(
    session: Session, gateway: SimulatedGateway, apple: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    await session.open_line(apple, deadline=soon())
    line = session.lines[apple.conId]
    request = line.request
    expect, expected = session._expect_all, list[float | None]()

    def expect_all() -> None:
        expect()
        expected.append(line.rhythm.due)

    monkeypatch.setattr(session, "_expect_all", expect_all)
    for farm in gateway.farms.connected():
        if "hmds" not in farm and "secdef" not in farm:
            gateway.farms.turn(farm, "broken")
            gateway.farms.mend(farm, dead=False)
    await until(lambda: expected)  # and the next tick may be there already
    assert expected[0] is not None
    await until(lambda: line.rhythm.due is None)
    session._look()
    assert line.request == request


async def test_a_stream_that_waits_too_long_for_its_turn_is_not_opened(session: Session, apple: Contract) -> None:
    session.gate = Gate(0.05, 1)
    await session.gate.send("market", "", lambda: None)
    with pytest.raises(GatewayTimeout):
        await session.open_stream(TickByTick(apple, "Last"), deadline=soon(0.05))
    assert session.feeds == {}
    assert session.stats().lanes["market"].depth == 0


async def test_a_request_that_cannot_be_written_leaves_nothing(session: Session, apple: Contract) -> None:
    with pytest.raises(RequestError, match="NUL"):
        await session.open_stream(RealTimeFeed(apple, "TRADES\0", False, []), deadline=soon())
    assert session.feeds == {}
    assert session._feeds_by_request == {}


async def test_only_so_many_histories_are_open(session: Session, apple: Contract) -> None:
    for _ in range(OPEN_HISTORIES):
        await session.take_history(soon())
    with pytest.raises(Busy, match="50 requests"):
        await session.open_stream(minutes(session, apple), deadline=soon(0.05))
    session.give_history()
    await session.open_stream(minutes(session, apple), deadline=soon())


async def test_a_stream_that_is_lost_while_it_opens_comes_back(
    session: Session, gateway: SimulatedGateway, apple: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = RealTimeFeed(apple, "TRADES", False, [])
    opening = asyncio.create_task(session.open_stream(feed, deadline=soon()))
    await until(lambda: feed.request)
    first = feed.request
    gateway.clients[1].error(-1, 1101, "Connectivity has been restored - data lost.")
    await until(lambda: feed.request not in (0, first))
    await opening
    assert list(session.feeds) == [feed]
