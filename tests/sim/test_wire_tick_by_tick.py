"""Tick-by-tick data over the wire: all four kinds, equal to the tape; what comes first; limits and refusals."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from market_asks import AAPL, EURUSD, SPX, ask, cancel, error_text, of_request
from wire_client import Connector, Opener, Raw, RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.tws.replies import REPLIES

KINDS = ["Last", "AllLast", "BidAsk", "MidPoint"]


def ticks_of(client: Raw, request_id: int) -> list[dict[str, Any]]:
    return [
        REPLIES["tickByTick"].decode(message, client.version) for message in of_request(client, 99, request_id, place=1)
    ]


def expected(gateway: SimulatedGateway, kind: str, start: float, end: float) -> list[tuple[Any, ...]]:
    tape = gateway.world.market.tape(AAPL)
    if kind == "BidAsk":
        return [(int(t.time), t.bid, t.ask, t.bidSize, t.askSize) for t in tape.quotes(start, end)]
    if kind == "MidPoint":
        return [(int(t.time), t.price) for t in tape.mids(start, end)]
    trades = tape.prints(start, end) if kind == "AllLast" else tape.trades(start, end)
    return [(int(t.time), t.price, t.size, t.exchange, t.conditions) for t in trades]


def received(ticks: list[dict[str, Any]], kind: str) -> list[tuple[Any, ...]]:
    names = {
        "BidAsk": ("time", "bidPrice", "askPrice", "bidSize", "askSize"),
        "MidPoint": ("time", "midPoint"),
    }.get(kind, ("time", "price", "size", "exchange", "conditions"))
    return [tuple(tick[name] for name in names) for tick in ticks]


@pytest.mark.parametrize("kind", KINDS)
async def test_every_tick_of_the_tape_comes_once(open_gateway: Opener, raw: RawOpener, kind: str) -> None:
    gateway = await open_gateway(start="20260105 10:00:00 US/Eastern", speed=20.0)
    client = await raw(gateway, 1)
    before = gateway.clock.now()
    ask(client, "reqTickByTickData", 5, tickType=kind)
    await until(lambda: len(ticks_of(client, 5)) > 60 and ticks_of(client, 5)[-1]["time"] > before + 20)
    seen = received(ticks_of(client, 5), kind)
    assert {tick["tickType"] for tick in ticks_of(client, 5)} == {KINDS.index(kind) + 1}
    stream = gateway.clients[1].streams[5]
    first = seen[0][0]
    after = expected(gateway, kind, first, seen[-1][0] + 1)
    place = next(at for at in range(len(after)) if after[at : at + 20] == seen[:20])
    assert after[place : place + len(seen)] == seen, "nothing missed, nothing doubled"
    assert not stream.dead


@pytest.mark.parametrize("kind", KINDS)
async def test_the_libraries_understand_every_kind(
    open_gateway: Opener, connect: Connector, library: Any, kind: str
) -> None:
    ib = await connect(await open_gateway())
    contract = library.Stock("AAPL", "SMART", "USD")
    await ib.qualifyContractsAsync(contract)
    ticks: list[Any] = []
    ticker = ib.reqTickByTickData(contract, kind, 10, False)
    ticker.updateEvent += lambda changed: ticks.extend(changed.tickByTicks)
    await until(lambda: len(ticks) > 3)
    if kind == "BidAsk":
        assert all(0 < tick.bidPrice < tick.askPrice and tick.bidSize > 0 for tick in ticks)
    elif kind == "MidPoint":
        assert all(tick.midPoint > 0 for tick in ticks)
    else:
        assert all(tick.price > 0 and tick.size > 0 and tick.exchange for tick in ticks)
    ib.cancelTickByTickData(contract, kind)
    assert not ib.errors or {code for _, code, _ in ib.errors} <= {2104, 2106, 2158}


@pytest.mark.parametrize(("kind", "number"), [("Last", 98), ("BidAsk", 97), ("MidPoint", 96)])
async def test_what_was_before_comes_first(open_gateway: Opener, raw: RawOpener, kind: str, number: int) -> None:
    gateway = await open_gateway(start="20260105 10:00:00 US/Eastern", speed=10.0)
    client = await raw(gateway, 1)
    ask(client, "reqTickByTickData", 5, tickType=kind, numberOfTicks=50)
    await until(lambda: ticks_of(client, 5))
    heads = [message[0] for message in client.messages if message[1] == "5"]
    assert heads.index(str(number)) < heads.index("99")
    name = {98: "historicalTicksLast", 97: "historicalTicksBidAsk", 96: "historicalTicks"}[number]
    past = REPLIES[name].decode(client.of(number)[0], client.version)
    assert past["done"]
    assert len(past["ticks"]) == 50
    last, following = past["ticks"][-1]["time"], ticks_of(client, 5)[0]["time"]
    every = expected(gateway, kind, past["ticks"][0]["time"], following + 1)
    price = {98: "price", 97: "bidPrice", 96: "price"}[number]
    old = [(tick["time"], tick[price]) for tick in past["ticks"]]
    new = [tick[:2] for tick in received(ticks_of(client, 5), kind)]
    whole = [tick[:2] for tick in every]
    place = next(at for at in range(len(whole)) if whole[at : at + 50] == old)
    assert whole[place + 50] == new[0], f"the stream goes on where the past ends ({last}, {following})"


async def test_sizes_can_be_left_out(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(start="20260105 10:00:00 US/Eastern", speed=20.0)
    client = await raw(gateway, 1)
    ask(client, "reqTickByTickData", 5, tickType="BidAsk", ignoreSize=True)
    ask(client, "reqTickByTickData", 6, tickType="BidAsk")
    await until(lambda: len(ticks_of(client, 5)) > 60)
    prices = [(tick["bidPrice"], tick["askPrice"]) for tick in ticks_of(client, 5)]
    assert all(one != two for one, two in itertools.pairwise(prices))
    assert len(ticks_of(client, 6)) >= len(ticks_of(client, 5))


async def test_at_most_five_for_a_hundred_lines_over_all_clients(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway()
    first, second = await raw(gateway, 1), await raw(gateway, 2)
    for number, symbol in enumerate(("AAPL", "MSFT", "SPY")):
        ask(first, "reqTickByTickData", number, symbol, tickType="BidAsk")
    for number, symbol in enumerate(("AAPL", "MSFT", "SPY")):
        ask(second, "reqTickByTickData", number, symbol, tickType="Last")
    await until(lambda: (2, 10190) in second.errors())
    assert error_text(second, 2, 10190) == "Max number of tick-by-tick requests has been reached."
    cancel(first, "cancelTickByTickData", 0)
    await until(lambda: len(gateway.feed.streams.of("ticks")) == 4)
    ask(second, "reqTickByTickData", 9, "SPY", tickType="Last")
    await until(lambda: ticks_of(second, 9))
    await first.close()
    await until(lambda: len(gateway.feed.streams.of("ticks")) == 3)


async def test_one_contract_can_be_asked_for_every_fifteen_seconds(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(stream_pacing=True)
    client = await raw(gateway, 1)
    ask(client, "reqTickByTickData", 5, tickType="Last")
    ask(client, "reqTickByTickData", 6, tickType="BidAsk")
    ask(client, "reqTickByTickData", 7, "MSFT", tickType="Last")
    await until(lambda: (6, 10190) in client.errors() and ticks_of(client, 7))


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"tickType": "Sometimes"}, 321),
        ({"tickType": "Last", "symbol": "NOSUCH"}, 200),
        ({"tickType": "Last", **EURUSD}, 10189),
        ({"tickType": "BidAsk", **SPX}, 10189),
    ],
)
async def test_refused_ticks(gateway: SimulatedGateway, raw: RawOpener, more: dict[str, Any], code: int) -> None:
    client = await raw(gateway, 1)
    ask(client, "reqTickByTickData", 5, **more)
    await until(lambda: (5, code) in client.errors())
    assert not gateway.clients[1].streams


async def test_options_have_no_ticks(ib: Any, library: Any) -> None:
    (row, *_) = await ib.reqSecDefOptParamsAsync("AAPL", "", "STK", AAPL)
    expiration, strike = row.expirations[1], row.strikes[len(row.strikes) // 2]
    option = library.Option("AAPL", expiration, strike, "C", "SMART", currency="USD")
    await ib.qualifyContractsAsync(option)
    ib.reqTickByTickData(option, "Last")
    await until(lambda: [text for _, code, text in ib.errors if code == 10189 and "not supported" in text])


async def test_an_id_serves_one_request_and_an_unknown_one_none(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    ask(client, "reqTickByTickData", 5, tickType="Last")
    ask(client, "reqTickByTickData", 5, tickType="BidAsk")
    await until(lambda: (5, 102) in client.errors())
    cancel(client, "cancelTickByTickData", 6)
    await until(lambda: (6, 300) in client.errors())
