"""Long answers in slices: ticks of others keep flowing meanwhile; and one story under a fast clock."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from market_asks import AAPL, ask
from wire_client import Connector, Opener, RawOpener, until

from ibmux.sim.feeds import tickstreams
from ibmux.sim.feeds.slices import Slices
from ibmux.sim.prices.bars import BarSet


async def test_ticks_flow_while_twenty_years_are_computed(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(rate=1000.0, start="20260609 12:00:00 US/Eastern")
    watcher, asker = await raw(gateway, 1), await raw(gateway, 2)
    ask(watcher, "reqMktData", 1)
    await until(lambda: len(watcher.of(2)) > 20)
    moments: list[float] = []
    seen = len(watcher.messages)

    async def watch() -> None:
        nonlocal seen
        while True:
            if len(watcher.messages) > seen:
                seen = len(watcher.messages)
                moments.append(time.process_time())  # other processes of a busy machine do not count
            await asyncio.sleep(0.001)

    gc.collect()
    gc.freeze()  # nor does the collection of what the other tests have left
    watching = asyncio.create_task(watch())
    began = time.process_time()
    ask(
        asker,
        "reqHistoricalData",
        7,
        durationStr="20 Y",
        barSizeSetting="1 month",
        whatToShow="TRADES",
        useRTH=True,
        formatDate=1,
    )
    await until(lambda: len(gateway.feed.slices) == 1)
    await until(lambda: asker.of(17), 30)
    took = time.process_time() - began
    watching.cancel()
    gc.unfreeze()
    gaps = [two - one for one, two in pairwise(moments)]
    assert took > 0.1, "else it shows nothing"
    assert max(gaps) < 0.05, f"longest {max(gaps) * 1000:.0f} ms of {took * 1000:.0f} ms"
    assert len(gateway.feed.slices) == 0
    details = gateway.world.universe.get(AAPL)
    assert details is not None
    end = gateway.clock.now()
    found = gateway.world.history.bars(details, end, "20 Y", "1 month", whatToShow="TRADES", useRTH=True)
    assert isinstance(found, BarSet)
    [message] = asker.of(17)
    assert int(message[4]) == len(found.bars)
    assert [float(text) for text in message[6::8]][:-1] == [bar.open for bar in found.bars][:-1]
    assert [float(text) for text in message[11::8]][:-1] == [bar.wap for bar in found.bars][:-1]


async def test_a_long_request_can_be_cancelled(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway()
    client = await raw(gateway, 1)
    ask(
        client,
        "reqHistoricalData",
        7,
        durationStr="20 Y",
        barSizeSetting="1 day",
        whatToShow="TRADES",
        useRTH=True,
        formatDate=1,
    )
    await until(lambda: len(gateway.feed.slices) == 1)
    ask(client, "cancelHistoricalData", 7)
    await until(lambda: (7, 162) in client.errors())
    await until(lambda: len(gateway.feed.slices) == 0)
    assert not client.of(17)
    assert gateway.clients[1].asked == {}


async def test_short_work_is_done_at_once_and_long_works_take_turns(open_gateway: Opener) -> None:
    gateway = await open_gateway()
    done: list[str] = []

    def work(name: str, steps: int) -> Iterator[None]:
        for _ in range(steps):
            until_then = time.perf_counter() + 0.001
            while time.perf_counter() < until_then:
                pass
            yield
        done.append(name)

    slices = Slices(gateway)
    slices.begin(work("short", 0))
    assert done == ["short"]
    slices.begin(work("long", 200))
    slices.begin(work("middle", 8))
    assert done == ["short"]
    assert len(slices) == 2
    await until(lambda: len(done) == 3)
    assert done == ["short", "middle", "long"]


async def test_work_that_fails_is_told(
    open_gateway: Opener, connect: Connector, library: Any, monkeypatch: Any
) -> None:
    gateway = await open_gateway()
    ib = await connect(gateway)
    contract = library.Stock("AAPL", "SMART", "USD")
    await ib.qualifyContractsAsync(contract)

    def fail(*_: object) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(gateway.world.market, "tape", fail)
    await ib.reqHistoricalDataAsync(contract, "", "1 D", "1 hour", "TRADES", True, timeout=20)
    assert any(code == 322 for _, code, _ in ib.errors)
    assert len(gateway.feed.slices) == 0


async def test_one_story_at_six_hundred_times_the_speed(open_gateway: Opener, raw: RawOpener, monkeypatch: Any) -> None:
    monkeypatch.setattr(tickstreams, "FARTHEST_BEHIND", 86_400.0)  # however long the machine is busy
    gateway = await open_gateway(start="20260105 10:00:00 US/Eastern", speed=600.0)
    client = await raw(gateway, 1)
    ask(client, "reqMktData", 1)
    ask(client, "reqTickByTickData", 2, tickType="Last")
    ask(client, "reqTickByTickData", 3, "ES", tickType="AllLast")
    ask(client, "reqRealTimeBars", 4, whatToShow="TRADES", useRTH=False)
    await until(lambda: len(client.of(50)) > 100 and len(client.of(99)) > 2000)
    tape = gateway.world.market.tape(AAPL)
    for message in client.of(50)[1:]:
        bar = tape.bar(int(message[3]), int(message[3]) + 5, "TRADES")
        assert [float(text) for text in message[4:9]] == [bar.open, bar.high, bar.low, bar.close, bar.volume]
    ticks = [message for message in client.of(99) if message[1] == "2"]
    seconds = sorted({int(message[3]) for message in ticks})[1:-1]
    shown = [(int(m[3]), float(m[4]), float(m[5])) for m in ticks if seconds[0] <= int(m[3]) <= seconds[-1]]
    assert shown == [(int(t.time), t.price, t.size) for t in tape.trades(seconds[0], seconds[-1] + 1)]
    last = [float(message[4]) for message in client.of(1) if message[3] == "4"]
    whole = tape.bar(seconds[0] - 3600, gateway.clock.now(), "TRADES")
    assert last
    assert all(whole.low <= price <= whole.high for price in last)


async def test_a_stream_too_slow_for_its_clock_leaves_out_and_says_so(
    open_gateway: Opener, raw: RawOpener, monkeypatch: Any
) -> None:
    monkeypatch.setattr(tickstreams, "MOST_AT_ONCE", 20)
    gateway = await open_gateway(start="20260105 10:00:00 US/Eastern", speed=3000.0)
    client = await raw(gateway, 1)
    ask(client, "reqTickByTickData", 2, tickType="AllLast")
    await until(lambda: gateway.log.of("behind"))
    entry = gateway.log.of("behind")[0]
    assert entry.client == 1
    assert "left out" in entry.text
    stream = gateway.clients[1].streams[2]
    assert isinstance(stream, tickstreams.TickStream)
    for _ in range(20):
        assert gateway.clock.now() - stream._from < tickstreams.FARTHEST_BEHIND + 3000.0 * 0.5
        await asyncio.sleep(0.01)
