"""Leases, quotes, ticks: nothing counted twice, nothing missed unseen."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import math
import time

import ib_async
import pytest
from far_side import Proxy

import ibmux
from ibmux import Stock, errors
from ibmux.messages.contracts import Contract
from ibmux.messages.market import Lease, Quote

CON = 265598
AAPL = Contract("STK", CON, "AAPL", exchange="SMART", currency="USD")
BID, ASK, LAST, BID_SIZE, VOLUME = 1, 2, 4, 0, 8


async def updates(ticker: ibmux.Ticker, count: int = 1) -> list[list[ibmux.TickData]]:
    """The next batches of a ticker."""
    stream = ticker.stream()
    async with asyncio.timeout(20):
        return [await anext(stream) for _ in range(count)]


async def after(ticker: ibmux.Ticker, condition) -> None:
    """Wait until the ticker is as wanted."""
    changed = asyncio.Event()
    ticker.updateEvent += lambda _ticker: changed.set()
    async with asyncio.timeout(20):
        while not condition():
            changed.clear()
            await changed.wait()


async def test_the_ticker_holds_the_quote_and_follows_the_ticks(proxy: Proxy, ib: ibmux.IB) -> None:
    proxy.quotes[CON] = Quote(CON, 1, 40, 100.0, 3, {"bid": 9.5, "bidSize": 7.0, "close": 9.0, "unheard": 1})
    contract = Stock("AAPL", "SMART", "USD")
    ticker = await ib.reqMktData(contract, "233")
    assert (ticker.bid, ticker.bidSize, ticker.close, ticker.marketDataType) == (9.5, 7.0, 9.0, 3)
    assert math.isnan(ticker.ask)
    assert ticker.time == dt.datetime.fromtimestamp(100, dt.UTC)
    assert ticker.contract is contract
    assert ticker.ticks == []
    assert ib.ticker(contract) is ib.ticker(AAPL) is ticker
    assert ib.tickers() == [ticker]
    got = asyncio.create_task(updates(ticker))
    await asyncio.sleep(0)
    proxy.tick(CON, 40, (BID, 10.0, 3.0), (ASK, 10.2, 4.0), (LAST, 10.1, 1.0), (VOLUME, -1.0, 500.0))
    (batch,) = await got
    assert [(tick.tickType, tick.price, tick.size) for tick in batch][:2] == [(1, 10.0, 3.0), (2, 10.2, 4.0)]
    assert (ticker.bid, ticker.prevBid, ticker.bidSize, ticker.prevBidSize) == (10.0, 9.5, 3.0, 7.0)
    assert (ticker.ask, ticker.last, ticker.volume) == (10.2, 10.1, 500.0)
    assert ticker.hasBidAsk()
    assert ticker.midpoint() == pytest.approx(10.1)
    assert ticker.marketPrice() == 10.1
    assert ticker.gaps == 0


async def test_a_contract_without_conId_is_leased_again_once_the_stream_stands(proxy: Proxy, ib: ibmux.IB) -> None:
    await ib.reqMktData(Stock("AAPL", "SMART", "USD"), "233")
    assert [request.contract.conId for request in proxy.of("reqMktData")] == [0, CON]
    await ib.reqMktData(AAPL, "165,233")
    assert proxy.of("reqMktData")[-1].genericTickList == "233,165"
    assert len(ib.tickers()) == 1


async def test_ticks_that_the_quote_knows_are_not_counted_twice(proxy: Proxy, ib: ibmux.IB) -> None:
    proxy.quotes[CON] = Quote(CON, 1, 12, time.time(), 1, {"bid": 5.0})
    ticker = await ib.reqMktData(AAPL)
    got = asyncio.create_task(updates(ticker, 2))
    await asyncio.sleep(0)
    proxy.tick(CON, 8, (BID, 1.0, 1.0), (BID, 2.0, 1.0))
    proxy.tick(CON, 10, (BID, 3.0, 1.0), (BID, 4.0, 1.0), (BID, 6.0, 1.0))
    proxy.tick(CON, 13, (BID, 7.0, 1.0))
    assert [[tick.price for tick in batch] for batch in await got] == [[6.0], [7.0]]
    assert ticker.gaps == 0


async def test_a_hole_is_told_and_closed_with_a_fresh_quote(proxy: Proxy, ib: ibmux.IB) -> None:
    ticker = await ib.reqMktData(AAPL)
    gap = asyncio.create_task(anext(aiter(ib.gapEvent)))
    await asyncio.sleep(0)
    proxy.tick(CON, 0, (BID, 1.0, 1.0))
    proxy.quotes[CON] = Quote(CON, 1, 9, time.time(), 1, {"bid": 3.0, "ask": 3.5})
    proxy.tick(CON, 8, (BID, 2.0, 1.0))
    proxy.tick(CON, 9, (LAST, 3.2, 1.0))
    start, end, reason = await asyncio.wait_for(gap, 20)
    assert end >= start > 0
    assert "AAPL" in reason
    await after(ticker, lambda: ticker.ask == 3.5)
    assert (ticker.bid, ticker.last, ticker.gaps) == (3.0, 3.2, 1)
    proxy.tick(CON, 10, (BID, 4.0, 1.0))
    await after(ticker, lambda: ticker.bid == 4.0)
    assert ticker.gaps == 1
    assert len(proxy.of("reqMktData")) == 2


async def test_what_came_after_the_quote_is_laid_over_it(proxy: Proxy, ib: ibmux.IB) -> None:
    ticker = await ib.reqMktData(AAPL)
    release = asyncio.Event()

    async def slowly():
        quote = Quote(CON, 1, 6, time.time(), 1, {"bid": 2.5, "ask": 9.9})
        await release.wait()
        return Lease(CON, AAPL, 60.0, quote)

    proxy.answers["reqMktData"] = lambda _request, _message: slowly()
    proxy.tick(CON, 5, (BID, 2.5, 1.0))
    proxy.tick(CON, 6, (BID, 2.6, 1.0))
    await after(ticker, lambda: ticker.bid == 2.6)
    release.set()
    await after(ticker, lambda: ticker.ask == 9.9)
    assert ticker.bid == 2.6
    proxy.tick(CON, 7, (BID, 2.7, 1.0))
    await after(ticker, lambda: ticker.bid == 2.7)
    assert ticker.gaps == 1


async def test_a_new_epoch_takes_a_fresh_quote_and_counting_begins_anew(proxy: Proxy, ib: ibmux.IB) -> None:
    proxy.quotes[CON] = Quote(CON, 1, 1000, time.time(), 1, {"bid": 5.0})
    ticker = await ib.reqMktData(AAPL)
    proxy.epoch = 2
    proxy.quotes[CON] = Quote(CON, 2, 1, time.time(), 1, {"bid": 6.0, "ask": 6.5})
    proxy.tick(CON, 0, (BID, 6.0, 1.0))
    await after(ticker, lambda: ticker.ask == 6.5)
    proxy.tick(CON, 1, (BID, 6.1, 1.0))
    await after(ticker, lambda: ticker.bid == 6.1)
    assert ticker.gaps == 1


async def test_a_stream_that_begins_anew_in_the_same_epoch_is_noticed(proxy: Proxy, ib: ibmux.IB) -> None:
    proxy.quotes[CON] = Quote(CON, 1, 1000, time.time(), 1, {"bid": 5.0})
    ticker = await ib.reqMktData(AAPL)
    proxy.quotes[CON] = Quote(CON, 1, 1, time.time(), 1, {"bid": 6.0})
    proxy.tick(CON, 0, (BID, 6.0, 1.0), time=time.time() + 5)
    await after(ticker, lambda: ticker.bid == 6.0)
    assert ticker.gaps == 1


async def test_leases_are_renewed_before_half_their_time(proxy: Proxy, ib: ibmux.IB) -> None:
    proxy.ttl = 0.4
    await ib.reqMktData(AAPL)
    times = []
    ib.updateEvent += lambda: None
    for count in range(2, 8):
        await proxy.until(lambda count=count: len(proxy.of("reqMktData")) >= count)
        times.append(time.monotonic())
    took = sorted(later - earlier for earlier, later in itertools.pairwise(times))
    assert took[len(took) // 2] < 0.3, f"{took}: a machine that stands still now and then makes some longer"
    assert await ib.cancelMktData(AAPL)
    assert proxy.of("cancelMktData")[0].contract.conId == CON
    assert ib.tickers() == []


async def test_renewing_swallows_no_tick(proxy: Proxy, ib: ibmux.IB) -> None:
    proxy.ttl = 0.1
    ticker = await ib.reqMktData(AAPL)
    got = asyncio.create_task(updates(ticker, 200))
    await asyncio.sleep(0)
    for seq in range(200):
        # The quote of a renewal may know a tick that its message has yet to bring.
        proxy.quotes[CON] = Quote(CON, 1, seq + 1, time.time(), 1, {"bid": float(seq)})
        proxy.tick(CON, seq, (BID, float(seq), 1.0))
        await asyncio.sleep(0.001)
    assert [batch[0].price for batch in await got] == [float(seq) for seq in range(200)]
    assert len(proxy.of("reqMktData")) > 2
    assert ticker.gaps == 0


async def test_a_lease_that_fails_is_tried_again(proxy: Proxy, ib: ibmux.IB, monkeypatch) -> None:
    monkeypatch.setattr("ibmux.client.claims.RETRY", 0.05)
    proxy.ttl = 0.1
    await ib.reqMktData(AAPL)
    lease, fails = proxy.answers["reqMktData"], [errors.NotReady("waiting"), errors.NotReady("waiting")]

    def refuse(request, message):
        if fails:
            raise fails.pop()
        return lease(request, message)

    proxy.answers["reqMktData"] = refuse
    await proxy.until(lambda: not fails and len(proxy.of("reqMktData")) >= 5)
    assert ib.isConnected()


async def test_a_refused_stream_leaves_nothing(proxy: Proxy, ib: ibmux.IB) -> None:
    def refuse(_request, _message):
        raise errors.NoLines("all lines are in use", ib=(101, "Max number of tickers has been reached"))

    proxy.answers["reqMktData"] = refuse
    for contract in (AAPL, Stock("AAPL", "SMART", "USD")):
        with pytest.raises(errors.NoLines):
            await ib.reqMktData(contract)
    assert ib.tickers() == []
    assert ib.ticker(AAPL) is None
    assert await ib.cancelMktData(AAPL) is False


async def test_after_a_reconnect_leases_are_taken_again_and_one_gap_is_told(proxy: Proxy, ib: ibmux.IB) -> None:
    gaps: list[tuple[float, float, str]] = []
    ib.gapEvent += lambda *gap: gaps.append(gap)
    back = asyncio.Event()
    ib.connectedEvent += back.set
    began = time.time()
    other = Contract("STK", 8314, "IBM", exchange="SMART", currency="USD")
    ticker, second = await ib.reqMktData(AAPL), await ib.reqMktData(other)
    proxy.tick(CON, 0, (BID, 1.0, 1.0))
    await after(ticker, lambda: ticker.bid == 1.0)
    proxy.quotes[CON] = Quote(CON, 1, 50, time.time(), 1, {"bid": 2.0})
    proxy.quotes[8314] = Quote(8314, 1, 70, time.time(), 1, {"bid": 150.0})
    await proxy.restart()
    await asyncio.wait_for(back.wait(), 20)
    assert (ticker.bid, second.bid) == (2.0, 150.0)
    proxy.tick(CON, 50, (BID, 3.0, 1.0))
    await after(ticker, lambda: ticker.bid == 3.0)
    ((start, end, reason),) = gaps
    assert began <= start <= end <= time.time()
    assert "connection to the proxy lost" in reason
    assert ticker.gaps == 0


async def test_snapshots_stream_nothing(proxy: Proxy, ib: ibmux.IB) -> None:
    proxy.quotes[CON] = Quote(CON, 1, 3, time.time(), 1, {"bid": 5.0, "last": 5.1})
    ticker = await ib.reqMktData(AAPL, snapshot=True)
    assert (ticker.bid, ticker.last) == (5.0, 5.1)
    assert ib.tickers() == []
    assert proxy.of("reqMktData")[0].snapshot
    proxy.answers["reqTickers"] = lambda request, _message: [proxy.quote(one.conId) for one in request.contracts]
    one, two = await ib.reqTickers(AAPL, Contract("STK", 1))
    assert one.bid == 5.0
    assert math.isnan(two.bid)
    assert one.contract is AAPL


async def test_ticks_of_a_contract_as_a_stream(proxy: Proxy, ib: ibmux.IB) -> None:
    seen = []
    stream = ib.ticks(AAPL)
    async for ticker in stream:
        seen.append(ticker.bid)
        if len(seen) == 4:
            break
        proxy.tick(CON, len(seen) - 1, (BID, float(len(seen)), 1.0))
    assert seen[1:] == [1.0, 2.0, 3.0]


async def test_pending_tickers_come_once_per_turn(proxy: Proxy, ib: ibmux.IB) -> None:
    other = Contract("STK", 8314, "IBM")
    one, two = await ib.reqMktData(AAPL), await ib.reqMktData(other)
    seen: asyncio.Queue[set[ibmux.Ticker]] = asyncio.Queue()
    ib.pendingTickersEvent += seen.put_nowait
    for seq in range(10):
        proxy.tick(CON, seq, (BID, float(seq), 1.0))
    proxy.tick(8314, 0, (BID, 1.0, 1.0))
    together: set[ibmux.Ticker] = set()
    while together != {one, two}:
        together |= await asyncio.wait_for(seen.get(), 20)
    assert seen.qsize() < 10


async def test_fields_that_are_no_numbers(proxy: Proxy, ib: ibmux.IB) -> None:
    ticker = await ib.reqMktData(AAPL)
    greeks = {"tickAttrib": 0, "impliedVol": 0.2, "delta": 0.5, "undPrice": None}
    fields = {"modelGreeks": greeks, "lastTimestamp": 1700000000, "bidExchange": "Q", "dividends": {"nextAmount": 0.2}}
    proxy.tick(CON, 0, fields=fields)
    await after(ticker, lambda: ticker.bidExchange == "Q")
    assert ticker.modelGreeks == ibmux.OptionComputation(impliedVol=0.2, delta=0.5)
    assert ticker.lastTimestamp == dt.datetime.fromtimestamp(1700000000, dt.UTC)
    assert ticker.dividends.nextAmount == 0.2
    assert "modelGreeks" in repr(ticker)


async def test_contracts_of_ib_async_can_be_streamed(proxy: Proxy, ib: ibmux.IB) -> None:
    foreign = ib_async.Stock("AAPL", "SMART", "USD")
    ticker = await ib.reqMktData(foreign, "", False, False, [ib_async.TagValue("a", "b")])
    assert ticker.contract is foreign
    assert proxy.of("reqMktData")[0].mktDataOptions == [ibmux.TagValue("a", "b")]
    assert await ib.cancelMktData(foreign)


async def test_the_market_data_type_is_asked_for(proxy: Proxy, ib: ibmux.IB) -> None:
    proxy.answers["reqMarketDataType"] = lambda request, _message: request.marketDataType
    assert await ib.reqMarketDataType(3) == 3


async def test_five_thousand_ticks_are_all_seen(proxy: Proxy, ib: ibmux.IB) -> None:
    ticker = await ib.reqMktData(AAPL)
    prices: list[float] = []
    done = asyncio.Event()

    def on_update(changed: ibmux.Ticker) -> None:
        prices.extend(tick.price for tick in changed.ticks)
        if len(prices) >= 5000:
            done.set()

    ticker.updateEvent += on_update
    for seq in range(0, 5000, 5):
        proxy.tick(CON, seq, *((BID, float(seq + number), 1.0) for number in range(5)))
    await asyncio.wait_for(done.wait(), 20)
    assert prices == [float(number) for number in range(5000)]
    assert ticker.gaps == 0


async def test_many_ticks_during_a_slow_refresh_stay_bounded(proxy: Proxy, ib: ibmux.IB, monkeypatch) -> None:
    monkeypatch.setattr("ibmux.client.lines.REPLAYED", 5)
    ticker = await ib.reqMktData(AAPL)
    release = asyncio.Event()

    async def slowly():
        await release.wait()
        return Lease(CON, AAPL, 60.0, Quote(CON, 1, 40, time.time(), 1, {"ask": 9.9}))

    proxy.answers["reqMktData"] = lambda _request, _message: slowly()
    for seq in range(20, 41):
        proxy.tick(CON, seq, (BID, float(seq), 1.0))
    await after(ticker, lambda: ticker.bid == 40.0)
    release.set()
    await after(ticker, lambda: ticker.ask == 9.9)
    assert ticker.bid == 40.0
    proxy.tick(CON, 41, (BID, 41.0, 1.0))
    await after(ticker, lambda: ticker.bid == 41.0)
    assert ticker.gaps == 1


async def test_two_questions_for_one_stream_at_once_share_it(proxy: Proxy, ib: ibmux.IB) -> None:
    first, second = Stock("AAPL", "SMART", "USD"), Stock("AAPL", "SMART", "USD")
    one, two = await asyncio.gather(ib.reqMktData(first), ib.reqMktData(second))
    assert one is two
    assert len(ib.tickers()) == 1


async def test_a_size_of_nothing_takes_the_bid_away(proxy: Proxy, ib: ibmux.IB) -> None:
    ticker = await ib.reqMktData(AAPL)
    proxy.tick(CON, 0, (BID, 10.0, 3.0), (ASK, 10.2, 3.0), (LAST, 9.0, 1.0))
    await after(ticker, ticker.hasBidAsk)
    assert ticker.marketPrice() == pytest.approx(10.1)
    proxy.tick(CON, 3, (BID_SIZE, -1.0, 0.0), (999, 1.0, 1.0))
    await after(ticker, lambda: ticker.bid == -1.0)
    assert not ticker.hasBidAsk()
    assert ticker.marketPrice() == 9.0
    assert math.isnan(ticker.midpoint())
