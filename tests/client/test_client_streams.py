"""Tick-by-tick data, books and live bars in the client: nothing counted twice, nothing missed unseen."""

from __future__ import annotations

import asyncio
import datetime as dt
import math
import os
import random
import time
from collections.abc import Callable
from typing import Any

import ib_async
import pytest
from far_side import Proxy

import ibmux
from ibmux import errors, topics
from ibmux.client import sequence
from ibmux.client.ticker import Ticker
from ibmux.messages.bars import BarLease, BarUpdates, RealTimeBar, RealTimeBars, RealTimeLease
from ibmux.messages.contracts import Contract
from ibmux.messages.depth import CLEARED, Change, Depth, DepthLease, DepthMktDataDescription
from ibmux.messages.history import (
    BarData,
    HistogramData,
    HistoricalSchedule,
    HistoricalSession,
    HistoricalTick,
)
from ibmux.messages.rules import OptionComputation, PriceIncrement, SmartComponent
from ibmux.messages.ticks import BidAskTicks, LastTicks, MidPointTicks, StreamLease

CON = 265598
AAPL = Contract("STK", CON, "AAPL", exchange="SMART", currency="USD")
LAST, DEPTH = topics.last("paper", CON), topics.depth("paper", CON)
FIVE, KEPT = topics.real_time_bars("paper", CON, "TRADES"), topics.bars("paper", CON, "1m", "TRADES")
KEPT_QUESTION = ("", "1 D", "1 min", "TRADES", False)


async def until(condition: Callable[[], Any], timeout: float = 20.0) -> Any:
    """Wait for a condition."""
    deadline = asyncio.get_running_loop().time() + timeout
    while not (value := condition()):
        assert asyncio.get_running_loop().time() < deadline, f"not within {timeout} s"
        await asyncio.sleep(0.002)
    return value


def trade(price: float, size: float = 1.0) -> tuple[int, float, float, bool, bool, str, str]:
    return int(time.time()), price, size, False, True, "ARCA", "T"


def last(proxy: Proxy, seq: int, *prices: float, epoch: int = 1, when: float | None = None) -> None:
    proxy.say(LAST, LastTicks(epoch, seq, time.time() if when is None else when, [trade(each) for each in prices]))


def change(position: int, price: float, operation: int = 1, side: int = 1) -> Change:
    return position, "ARCA", operation, side, price, 100.0


def depth(proxy: Proxy, seq: int, *changes: Change, epoch: int = 1) -> None:
    proxy.say(DEPTH, Depth(epoch, seq, time.time(), list(changes)))


def bar(minute: int, close: float) -> BarData:
    return BarData(f"2026-01-06T15:{minute:02}:00+00:00", close, close, close, close, 5.0, close, 2)


def kept(proxy: Proxy, seq: int, *bars: BarData, epoch: int = 1) -> None:
    proxy.say(KEPT, BarUpdates(epoch, seq, time.time(), list(bars)))


class Far:
    """What the proxy of these tests would answer."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.seq = self.epoch = 0
        self.ttl = 60.0
        self.bids: list[tuple[int, float, float, str]] = []
        self.bars: list[BarData] = []
        self.latest: list[BarData] = []
        answers = proxy.answers
        answers["reqTickByTickData"] = self._ticks
        answers["reqMktDepth"] = self._depth
        answers["reqRealTimeBars"] = lambda *_: RealTimeLease(CON, AAPL, self.ttl, FIVE, proxy.epoch, self.seq, 1.0)
        answers["reqBarUpdates"] = lambda *_: BarLease(
            CON, AAPL, self.ttl, KEPT, proxy.epoch, self.seq, 1.0, self.latest
        )
        answers["reqHistoricalData"] = lambda *_: self.bars
        for name in ("cancelTickByTickData", "cancelMktDepth", "cancelRealTimeBars", "cancelHistoricalData"):
            answers[name] = lambda *_: True

    def _ticks(self, request: Any, _message: Any) -> StreamLease:
        topic = topics.market("paper", CON, request.tickType.lower())
        past = [HistoricalTick(100 + number, 5.0, 1.0, exchange="ARCA") for number in range(request.numberOfTicks)]
        return StreamLease(CON, AAPL, self.ttl, topic, self.proxy.epoch, self.seq, time.time(), past)

    def _depth(self, _request: Any, _message: Any) -> DepthLease:
        return DepthLease(CON, AAPL, self.ttl, DEPTH, self.proxy.epoch, self.seq, time.time(), self.bids)


@pytest.fixture
def far(proxy: Proxy) -> Far:
    return Far(proxy)


# -- single ticks


async def test_single_ticks_have_ib_asyncs_types(proxy: Proxy, ib: ibmux.IB, far: Far) -> None:
    ticker = await ib.reqTickByTickData(ibmux.Stock("AAPL", "SMART", "USD"), "Last", 2)
    assert [request.numberOfTicks for request in proxy.of("reqTickByTickData")] == [2, 0]
    assert ticker.historicalTicks[1] == ibmux.HistoricalTickLast(
        dt.datetime.fromtimestamp(101, dt.UTC), ibmux.TickAttribLast(), 5.0, 1.0, "ARCA", ""
    )
    for kind, topic, message in (
        ("BidAsk", topics.bid_ask, BidAskTicks(1, 0, 50.0, [(1, 9.0, 9.5, 3.0, 4.0, True, False)])),
        ("MidPoint", topics.midpoint, MidPointTicks(1, 0, 60.0, [(1, 9.25)])),
        ("AllLast", topics.all_last, LastTicks(1, 0, 70.0, [(1, 9.1, 7.0, False, True, "ARCA", "T")])),
    ):
        assert await ib.reqTickByTickData(AAPL, kind) is ticker
        proxy.say(topic("paper", CON), message)
        (tick,) = await until(lambda: [each for each in ticker.tickByTicks if ticker.timestamp == message.time])  # noqa: B023
        theirs = {
            "BidAsk": ib_async.TickByTickBidAsk(
                tick.time, 9.0, 9.5, 3.0, 4.0, ib_async.objects.TickAttribBidAsk(True, False)
            ),
            "MidPoint": ib_async.TickByTickMidPoint(tick.time, 9.25),
            "AllLast": ib_async.TickByTickAllLast(
                2, tick.time, 9.1, 7.0, ib_async.objects.TickAttribLast(False, True), "ARCA", "T"
            ),
        }[kind]
        assert tick._fields == theirs._fields
        assert [str(value) for value in tick if not hasattr(value, "__struct_fields__")] == [
            str(value) for value in theirs if not hasattr(value, "__dataclass_fields__")
        ]
    assert (ticker.bid, ticker.askSize, ticker.last, ticker.lastSize) == (9.0, 4.0, 9.1, 7.0)
    assert ticker.ticks == ticker.domTicks == []


def test_single_ticks_leave_the_same_quote_as_in_ib_async() -> None:
    seed = int(os.environ.get("IBMUX_SEED", "20260221"))
    print(f"IBMUX_SEED={seed}")  # noqa: T201 - repeats a run
    chance = random.Random(seed)
    foreign = ib_async.wrapper.Wrapper(ib_async.IB())
    theirs = foreign.startTicker(1, ib_async.Contract(conId=1), "BidAsk")
    ours = Ticker(None)
    names = ("bid", "bidSize", "ask", "askSize", "last", "lastSize")
    names += tuple(f"prev{name[0].upper()}{name[1:]}" for name in names)
    for _ in range(500):
        if chance.random() < 0.5:
            bid, ask = (chance.choice([-1.0, 5.0, 6.0]) for _ in "ab")
            sizes = [chance.choice([0.0, 1.0, 2.0]) for _ in "ab"]
            foreign.tickByTickBidAsk(1, 0, bid, ask, *sizes, None)
            ours.take_bid_ask(1.0, "bidask", [(0, bid, ask, *sizes, False, False)])  # type: ignore[list-item]
        else:
            price, size = chance.choice([5.0, 6.0]), chance.choice([0.0, 1.0])
            foreign.tickByTickAllLast(1, 1, 0, price, size, None, "", "")
            ours.take_trades(1.0, "last", [(0, price, size, False, False, "", "")])
        for name in names:
            mine, its = getattr(ours, name), getattr(theirs, name)
            assert mine == its or (math.isnan(mine) and math.isnan(its)), (seed, name)


async def test_a_hole_in_single_ticks_is_told_and_no_tick_counts_twice(proxy: Proxy, ib: ibmux.IB, far: Far) -> None:
    far.seq = 5
    ticker = await ib.reqTickByTickData(AAPL, "Last")
    prices: list[float] = []
    ticker.updateEvent += lambda each: prices.extend(tick.price for tick in each.tickByTicks)
    gaps: list[Any] = []
    ib.gapEvent += lambda *gap: gaps.append(gap)
    last(proxy, 3, 1.0, 2.0, 3.0)
    last(proxy, 6, 4.0)
    last(proxy, 6, 4.0)
    last(proxy, 9, 7.0, 8.0)
    last(proxy, 0, 20.0, epoch=2)
    await until(lambda: 20.0 in prices)
    assert prices == [3.0, 4.0, 7.0, 8.0, 20.0]
    assert [reason for *_, reason in gaps] == ["last ticks of AAPL are missing"] * 2
    last(proxy, 0, 30.0, epoch=2, when=time.time() + 10)
    await until(lambda: 30.0 in prices)


async def test_changes_of_sizes_can_be_left_out(proxy: Proxy, ib: ibmux.IB, far: Far) -> None:
    ticker = await ib.reqTickByTickData(AAPL, "BidAsk", ignoreSize=True)
    seen: list[Any] = []
    ticker.updateEvent += lambda each: seen.extend((tick.bidPrice, tick.bidSize) for tick in each.tickByTicks)
    rows = [(1, 9.0, 9.5, float(size), 4.0, False, False) for size in range(3)]
    proxy.say(topics.bid_ask("paper", CON), BidAskTicks(1, 0, 50.0, [*rows, (1, 9.1, 9.5, 2.0, 4.0, False, False)]))
    await until(lambda: (9.1, 2.0) in seen)
    assert seen == [(9.0, 0.0), (9.1, 2.0)]


async def test_pending_tickers_hold_what_came_in_one_turn(proxy: Proxy, ib: ibmux.IB, far: Far) -> None:
    ticker = await ib.reqTickByTickData(AAPL, "Last")
    assert await ib.reqMktData(AAPL) is ticker
    single: list[float] = []
    quoted: list[float] = []

    def take(tickers: set[ibmux.Ticker]) -> None:
        for each in tickers:
            single.extend(tick.price for tick in each.tickByTicks)
            quoted.extend(tick.price for tick in each.ticks)

    ib.pendingTickersEvent += take
    for number in range(50):
        last(proxy, number, float(number))
        proxy.tick(CON, number, (1, float(number), 1.0))
    await until(lambda: len(single) == len(quoted) == 50)
    assert single == quoted == [float(number) for number in range(50)]


async def test_a_refused_stream_leaves_nothing(proxy: Proxy, ib: ibmux.IB, far: Far) -> None:
    def refuse(*_: Any) -> Any:
        raise errors.NoStreams("all are in use", ib=(10190, "Max number of tick-by-tick requests has been reached."))

    for name in ("reqTickByTickData", "reqMktDepth", "reqRealTimeBars", "reqBarUpdates"):
        proxy.answers[name] = refuse
    for contract in (AAPL, ibmux.Stock("AAPL", "SMART", "USD")):
        with pytest.raises(errors.NoStreams):
            await ib.reqTickByTickData(contract, "Last")
        with pytest.raises(errors.NoLines):
            await ib.reqMktDepth(contract)
        with pytest.raises(errors.NoStreams):
            await ib.reqRealTimeBars(contract, 5, "TRADES", False)
        with pytest.raises(errors.NoStreams):
            await ib.reqHistoricalData(contract, *KEPT_QUESTION, keepUpToDate=True)
    assert ib.tickers() == ib.realtimeBars() == []
    assert await ib.cancelTickByTickData(AAPL, "Last") is False
    assert await ib.cancelTickByTickData(AAPL, "None") is False
    assert await ib.cancelMktDepth(AAPL) is False


# -- books


async def test_the_book_follows_its_changes(proxy: Proxy, ib: ibmux.IB, far: Far) -> None:
    far.bids, far.seq = [(0, 9.0, 100.0, "ARCA"), (1, 8.9, 200.0, "NSDQ")], 7
    ticker = await ib.reqMktDepth(ibmux.Stock("AAPL", "SMART", "USD"), 2, True)
    assert ticker.domBids == [ibmux.DOMLevel(9.0, 100.0, "ARCA"), ibmux.DOMLevel(8.9, 200.0, "NSDQ")]
    assert ticker.domAsks == []
    depth(proxy, 6, change(1, 1.0), change(0, 9.1), change(0, 9.3, 0, 0))
    await until(lambda: ticker.domAsks)
    assert [level.price for level in ticker.domBids] == [9.1, 8.9]
    assert [(tick.price, tick.operation, tick.side) for tick in ticker.domTicks] == [(9.1, 1, 1), (9.3, 0, 0)]
    assert ticker.domAsksDict == {0: ibmux.DOMLevel(9.3, 100.0, "ARCA")}
    depth(proxy, 9, change(2, 8.8, 0), change(0, 0.0, 2, 0))
    await until(lambda: not ticker.domAsks)
    assert len(ticker.domBids) == 2, "no more rows than asked for"
    depth(proxy, 11, CLEARED, change(0, 7.0, 0))
    await until(lambda: ticker.domBids == [ibmux.DOMLevel(7.0, 100.0, "ARCA")])
    assert [tick.price for tick in ticker.domTicks] == [7.0]
    assert await ib.reqMktDepth(AAPL, 1, True) is ticker
    assert len(proxy.of("reqMktDepth")) == 2
    assert await ib.reqMktDepth(AAPL, 3, True) is ticker
    assert proxy.of("reqMktDepth")[-1].numRows == 3
    assert await ib.cancelMktDepth(AAPL, True)
    assert ticker.domBids == []
    assert ib.tickers() == []


async def test_a_hole_makes_the_client_take_a_fresh_book(proxy: Proxy, ib: ibmux.IB, far: Far) -> None:
    far.bids = [(0, 9.0, 100.0, "")]
    ticker = await ib.reqMktDepth(AAPL)
    gap = asyncio.create_task(anext(aiter(ib.gapEvent)))
    release = asyncio.Event()
    answer = far._depth

    async def slowly(request: Any, message: Any) -> Any:
        await release.wait()
        return answer(request, message)

    proxy.answers["reqMktDepth"] = slowly
    depth(proxy, 0, change(0, 9.1))
    depth(proxy, 5, change(0, 5.0))
    depth(proxy, 6, change(0, 6.0), change(1, 6.1))
    depth(proxy, 8, change(2, 6.2))
    await until(lambda: len(proxy.of("reqMktDepth")) == 2)
    assert ticker.domBids[0].price == 9.1, "changes of a book that is not known in whole are not shown"
    far.bids, far.seq = [(0, 6.0, 100.0, "fresh")], 7
    release.set()
    await until(lambda: len(ticker.domBids) == 3)
    assert [(level.price, level.marketMaker) for level in ticker.domBids] == [
        (6.0, "fresh"),
        (6.1, "ARCA"),
        (6.2, "ARCA"),
    ]
    assert "book of AAPL" in (await asyncio.wait_for(gap, 20))[2]


async def test_too_many_changes_during_a_slow_answer_are_let_go(
    proxy: Proxy, ib: ibmux.IB, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequence, "WAITING", 5)
    ticker = await ib.reqMktDepth(AAPL)
    release = asyncio.Event()

    async def slowly(_request: Any, _message: Any) -> Any:
        await release.wait()
        return DepthLease(CON, AAPL, 60.0, DEPTH, 1, 30, time.time(), [(0, 30.0, 1.0, "")])

    proxy.answers["reqMktDepth"] = slowly
    for seq in range(10, 30):
        depth(proxy, seq, change(0, float(seq)))
    await until(lambda: len(proxy.of("reqMktDepth")) == 2)
    release.set()
    await until(lambda: ticker.domBids and ticker.domBids[0].price == 30.0)
    depth(proxy, 30, change(0, 31.0))
    await until(lambda: ticker.domBids[0].price == 31.0)


# -- bars


async def test_five_second_bars_grow_the_list(proxy: Proxy, ib: ibmux.IB, far: Far) -> None:
    bars = await ib.reqRealTimeBars(ibmux.Stock("AAPL", "SMART", "USD"), 5, "TRADES", False)
    again = await ib.reqRealTimeBars(AAPL, 5, "TRADES", False)
    told: list[Any] = []
    ib.barUpdateEvent += lambda each, is_new: told.append((each is bars, is_new))
    proxy.say(FIVE, RealTimeBars(1, 0, 9.0, [RealTimeBar(100, 1.0, 2.0, 0.5, 1.5, 10.0, 1.2, 3)]))
    await until(lambda: again)
    expected = ibmux.RealTimeBar(dt.datetime.fromtimestamp(100, dt.UTC), -1, 1.0, 2.0, 0.5, 1.5, 10.0, 1.2, 3)
    assert list(bars) == list(again) == [expected]
    assert told == [(True, True), (False, True)]
    assert ib.realtimeBars() == [bars, again]
    assert await ib.cancelRealTimeBars(bars)
    assert proxy.of("cancelRealTimeBars") == []
    assert await ib.cancelRealTimeBars(again)
    assert len(proxy.of("cancelRealTimeBars")) == 1
    assert ib.realtimeBars() == []


async def test_a_history_is_kept_up_to_date(proxy: Proxy, ib: ibmux.IB, far: Far) -> None:
    far.bars, far.latest, far.seq = [bar(1, 1.0), bar(2, 2.0)], [bar(2, 2.5)], 4
    bars = await ib.reqHistoricalData(ibmux.Stock("AAPL", "SMART", "USD"), *KEPT_QUESTION, keepUpToDate=True)
    assert [each.close for each in bars] == [1.0, 2.5]
    assert proxy.of("reqHistoricalData")[0].keepUpToDate
    told: list[bool] = []
    bars.updateEvent += lambda each, is_new: told.append(is_new)
    kept(proxy, 3, bar(2, 2.4), bar(2, 2.6))
    kept(proxy, 5, bar(2, 2.6), bar(1, 9.0), bar(3, 3.0))
    await until(lambda: len(bars) == 3)
    assert [each.close for each in bars] == [1.0, 2.6, 3.0]
    assert told == [False, True]
    assert bars[-1].date == dt.datetime(2026, 1, 6, 15, 3, tzinfo=dt.UTC)
    far.bars, far.latest, far.seq = [bar(1, 1.0), bar(4, 4.0)], [bar(5, 5.0)], 40
    kept(proxy, 30, bar(9, 9.0))
    await until(lambda: bars[-1].close == 5.0)
    assert [each.close for each in bars] == [1.0, 4.0, 5.0]
    assert told == [False, True, False]
    kept(proxy, 40, bar(6, 6.0))
    await until(lambda: bars[-1].close == 6.0)
    assert await ib.cancelHistoricalData(bars)
    asked = proxy.of("cancelHistoricalData")[0]
    assert (asked.contract.conId, asked.barSizeSetting, asked.whatToShow) == (CON, "1 min", "TRADES")


async def test_an_empty_history_fills_with_what_comes(proxy: Proxy, ib: ibmux.IB, far: Far) -> None:
    bars = await ib.reqHistoricalData(AAPL, *KEPT_QUESTION, keepUpToDate=True)
    assert list(bars) == []
    kept(proxy, 0, bar(1, 1.0))
    await until(lambda: bars)


async def test_two_lists_of_one_history(proxy: Proxy, ib: ibmux.IB, far: Far) -> None:
    far.bars = [bar(1, 1.0)]
    one = await ib.reqHistoricalData(AAPL, *KEPT_QUESTION, keepUpToDate=True)
    far.bars, far.seq = [bar(0, 0.5), bar(1, 1.0)], 1
    two = await ib.reqHistoricalData(AAPL, "", "2 D", *KEPT_QUESTION[2:], keepUpToDate=True)
    assert [request.durationStr for request in proxy.of("reqHistoricalData")][-2:] == ["1 D", "2 D"]
    kept(proxy, 1, bar(2, 2.0))
    await until(lambda: one[-1].close == two[-1].close == 2.0)
    assert await ib.cancelHistoricalData(one)
    kept(proxy, 2, bar(3, 3.0))
    await until(lambda: two[-1].close == 3.0)
    assert one[-1].close == 2.0


# -- leases


async def test_every_lease_is_renewed_and_taken_again_after_a_reconnect(proxy: Proxy, ib: ibmux.IB, far: Far) -> None:
    far.ttl, far.bars = 0.4, [bar(1, 1.0)]
    ticker = await ib.reqTickByTickData(AAPL, "Last")
    await ib.reqMktDepth(AAPL)
    five = await ib.reqRealTimeBars(AAPL, 5, "TRADES", False)
    bars = await ib.reqHistoricalData(AAPL, *KEPT_QUESTION, keepUpToDate=True)
    names = ("reqTickByTickData", "reqMktDepth", "reqRealTimeBars", "reqBarUpdates")
    asked = {name: len(proxy.of(name)) for name in names}
    await proxy.until(lambda: all(len(proxy.of(name)) > asked[name] + 1 for name in names))
    assert len(proxy.of("reqHistoricalData")) == 1, "renewing costs no history"
    back = asyncio.Event()
    ib.connectedEvent += back.set
    gaps: list[Any] = []
    ib.gapEvent += lambda *gap: gaps.append(gap)
    far.bids, far.seq, far.bars = [(0, 5.0, 1.0, "")], 70, [bar(1, 1.0), bar(2, 2.0)]
    await proxy.restart()
    await asyncio.wait_for(back.wait(), 20)
    assert ticker.domBids[0].price == 5.0
    assert [each.close for each in bars] == [1.0, 2.0]
    last(proxy, 70, 7.0)
    proxy.say(FIVE, RealTimeBars(1, 70, 9.0, [RealTimeBar(100, 1.0, 2.0, 0.5, 1.5, 10.0, 1.2, 3)]))
    await until(lambda: ticker.tickByTicks and five)
    assert len(gaps) == 1, gaps


# -- questions


async def test_questions_about_the_past_and_about_markets(proxy: Proxy, ib: ibmux.IB) -> None:
    schedule = HistoricalSchedule("a", "b", "US/Eastern", [HistoricalSession("a", "b", "20260106")])
    answers: dict[str, Any] = {
        "reqHistoricalTicks": [
            HistoricalTick(100, priceBid=1.0, priceAsk=2.0, sizeBid=3.0, sizeAsk=4.0, askPastHigh=True)
        ],
        "reqHistoricalSchedule": schedule,
        "reqHistogramData": [HistogramData(5.0, 7)],
        "reqMarketRule": [PriceIncrement(0.0, 0.01)],
        "reqSmartComponents": [SmartComponent(1, "ARCA", "P")],
        "reqMktDepthExchanges": [DepthMktDataDescription("ARCA", "STK")],
        "calculateImpliedVolatility": OptionComputation(impliedVol=0.3),
        "calculateOptionPrice": OptionComputation(optPrice=4.5),
    }
    for name, value in answers.items():
        proxy.answers[name] = lambda *_, value=value: value
    moment = dt.datetime(2026, 1, 6, 15, tzinfo=dt.UTC)
    (tick,) = await ib.reqHistoricalTicks(AAPL, None, moment, 10, "bid_ask", True)
    assert tick == ibmux.HistoricalTickBidAsk(
        dt.datetime.fromtimestamp(100, dt.UTC), ibmux.TickAttribBidAsk(False, True), 1.0, 2.0, 3.0, 4.0
    )
    assert proxy.of("reqHistoricalTicks")[0].endDateTime == "20260106 15:00:00 UTC"
    with pytest.raises(errors.RequestError, match="whatToShow"):
        await ib.reqHistoricalTicks(AAPL, "", moment, 10, "ALL", True)
    assert await ib.reqHistoricalSchedule(AAPL, 1) == schedule
    assert await ib.reqHistogramData(AAPL, True, "1 day") == [ibmux.HistogramData(5.0, 7)]
    assert await ib.reqMarketRule(26) == [ibmux.PriceIncrement(0.0, 0.01)]
    assert (await ib.reqSmartComponents("9c0001"))[0].exchange == "ARCA"
    assert (await ib.reqMktDepthExchanges())[0].exchange == "ARCA"
    assert (await ib.calculateImpliedVolatility(AAPL, 4.5, 100.0)).impliedVol == 0.3
    assert (await ib.calculateOptionPrice(AAPL, 0.3, 100.0)).optPrice == 4.5


def test_a_ticker_has_every_attribute_of_ib_asyncs() -> None:
    ours = Ticker(None)
    for name, value in vars(ib_async.Ticker()).items():
        if name not in ("defaults", "created", "updateEvent"):
            mine = getattr(ours, name)
            assert mine == value or (math.isnan(mine) and math.isnan(value)), name
    ours.fill({"fundamentalRatios": {"PEEXCLXOR": 20.5}, "bidEfp": {"impliedFuture": 2.5}})
    assert ours.fundamentalRatios.PEEXCLXOR == 20.5
    assert "PEEXCLXOR=20.5" in repr(ours.fundamentalRatios)
    assert ours.fundamentalRatios == type(ours.fundamentalRatios)(PEEXCLXOR=20.5)
    assert ours.bidEfp.impliedFuture == 2.5
    ours.fill({"dividends": {"nextDate": "2026-02-19"}})
    assert ours.dividends.nextDate == dt.date(2026, 2, 19)
    assert ours.isUnset(ours.bid)
