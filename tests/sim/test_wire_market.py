"""Quotes over the wire: streams, snapshots, delayed types, the limit of lines, the rate."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
from wire_client import Connector, Opener, Raw, RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.sim.feeds.exchanges import SHARES
from ibmux.tws.requests import REQUEST_NAMES


def ask_quote(client: Raw, request_id: int, symbol: str = "AAPL", **more: Any) -> None:
    ask = {"reqId": request_id, "symbol": symbol, "secType": "STK", "exchange": "SMART", "currency": "USD"} | more
    client.send(*REQUEST_NAMES["reqMktData"].encode(ask, client.version))


async def test_a_stream_moves(ib: Any, library: Any, gateway: SimulatedGateway) -> None:
    contract = library.Stock("AAPL", "SMART", "USD")
    await ib.qualifyContractsAsync(contract)
    ticker = ib.reqMktData(contract)
    await until(lambda: ticker.bid > 0 and ticker.ask > ticker.bid and ticker.volume > 0 and ticker.close > 0)
    assert ticker.low <= ticker.last <= ticker.high
    assert ticker.marketDataType == 1
    assert ticker.minTick == 0.01
    first = (ticker.bid, ticker.ask, ticker.last, ticker.bidSize, ticker.askSize)
    await until(lambda: (ticker.bid, ticker.ask, ticker.last, ticker.bidSize, ticker.askSize) != first)
    assert gateway.stats.lines == {1: 1}
    ib.cancelMktData(contract)
    await until(lambda: gateway.stats.lines == {1: 0})


async def test_the_recorded_order_of_a_new_line(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    start = len(client.messages)
    ask_quote(client, 5)
    await until(lambda: [message for message in client.of(1) if message[3] == "2"])
    heads = [message[0] for message in client.messages[start : start + 4]]
    assert heads == ["58", "81", "46", "1"]
    assert client.of(58) == [["58", "1", "5", "1"]]
    assert client.of(81) == [["81", "5", "0.01", "a60001", "3"]]
    kinds = [(message[0], message[3]) for message in client.messages[start + 3 :]]
    price, size = kinds.index(("1", "4")), kinds.index(("2", "5"))
    assert size == price + 1, "a price is followed by its size"


async def test_a_snapshot_ends(ib: Any, library: Any, gateway: SimulatedGateway) -> None:
    contracts = [library.Stock(symbol, "SMART", "USD") for symbol in ("AAPL", "MSFT", "SPY")]
    await ib.qualifyContractsAsync(*contracts)
    started = time.monotonic()
    tickers = await ib.reqTickersAsync(*contracts)
    assert time.monotonic() - started < 10, "by the gateway's mark of the end, not by the library's patience"
    assert all(ticker.bid > 0 and ticker.close > 0 for ticker in tickers)
    assert gateway.stats.lines == {1: 0}


async def test_quotes_of_indices_and_forex(ib: Any, library: Any) -> None:
    contracts = [library.Index("SPX", "CBOE", "USD"), library.Forex("EURUSD")]
    await ib.qualifyContractsAsync(*contracts)
    index, forex = await ib.reqTickersAsync(*contracts)
    assert index.last > 1000
    assert not index.bid > 0
    assert 0.5 < forex.bid < forex.ask < 2


@pytest.mark.parametrize("wanted", [1, 2, 3, 4])
async def test_who_is_subscribed_gets_live_data_whatever_the_type(ib: Any, library: Any, wanted: int) -> None:
    contract = library.Stock("AAPL", "SMART", "USD")
    await ib.qualifyContractsAsync(contract)
    ib.reqMarketDataType(wanted)
    ticker = ib.reqMktData(contract)
    await until(lambda: ticker.bid > 0 and ticker.close > 0)
    assert ticker.marketDataType == 1
    assert 10167 not in [code for _, code, _ in ib.errors]


async def test_a_type_that_does_not_exist(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    client.send(59, 1, 9)
    await until(lambda: (-1, 321) in client.errors())


async def test_texts_go_with_prices(ib: Any, library: Any) -> None:
    contract = library.Stock("AAPL", "SMART", "USD")
    await ib.qualifyContractsAsync(contract)
    ticker = ib.reqMktData(contract)
    await until(lambda: ticker.bidExchange and ticker.askExchange and ticker.lastExchange)
    letters = {ticker.bidExchange, ticker.askExchange, ticker.lastExchange}
    assert set("".join(letters)) <= set(SHARES.values())


async def test_the_last_timestamp_goes_with_trades(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(rate=200.0)
    client = await raw(gateway, 1)
    ask_quote(client, 5)
    await until(lambda: len({message[4] for message in client.of(46) if message[3] == "45"}) > 2)
    times = [int(message[4]) for message in client.of(46) if message[3] == "45"]
    assert times == sorted(times)
    assert abs(times[-1] - gateway.clock.now()) < 30


async def test_two_lines_of_one_contract_on_one_connection_are_two_streams(
    open_gateway: Opener, raw: RawOpener
) -> None:
    gateway = await open_gateway(rate=400.0)
    client = await raw(gateway, 1)
    ask_quote(client, 5)
    ask_quote(client, 6)
    await until(lambda: sum(message[2] == "6" for message in client.of(1)) > 30)
    assert gateway.stats.lines == {1: 2}
    client.send(2, 2, 5)
    await until(lambda: gateway.stats.lines == {1: 1})
    mark = len(client.messages)
    await until(lambda: sum(message[0] == "1" for message in client.messages[mark:]) > 20)
    by_line = {
        line: [tuple(message[3:]) for message in client.messages[:mark] if message[0] in "12" and message[2] == line]
        for line in ("5", "6")
    }
    live = by_line["6"][14:44]
    assert any(by_line["5"][at : at + len(live)] == live for at in range(len(by_line["5"])))
    assert {message[2] for message in client.messages[mark:] if message[0] == "1"} == {"6"}


async def test_without_default_ticks(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    ask_quote(client, 5, genericTickList="mdoff,236")
    await until(lambda: [message for message in client.of(45) if message[3] == "46"])
    ask_quote(client, 6, "MSFT")
    await until(lambda: len([message for message in client.of(1) if message[2] == "6"]) > 8)
    assert not [message for message in client.of(1) + client.of(46) if message[2] == "5"]


@pytest.mark.parametrize("flag", ["snapshot", "regulatorySnapshot"])
async def test_both_kinds_of_snapshot_end(gateway: SimulatedGateway, raw: RawOpener, flag: str) -> None:
    client = await raw(gateway, 1)
    ask_quote(client, 5, **{flag: True})
    await until(lambda: client.of(57) == [["57", "1", "5"]])
    assert {"1", "2", "4", "6", "7", "9"} <= {message[3] for message in client.of(1)}
    assert gateway.stats.lines == {1: 0}


async def test_lines_are_limited_over_all_clients(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(lines=3)
    first, second = await raw(gateway, 1), await raw(gateway, 2)
    ask_quote(first, 1)
    ask_quote(first, 2, "MSFT")
    await until(lambda: gateway.stats.lines[1] == 2)
    ask_quote(second, 1)
    ask_quote(second, 2, "MSFT")
    await until(lambda: (2, 101) in second.errors())
    ask_quote(second, 3, snapshot=True)
    await until(lambda: second.of(57))
    await first.close()
    await until(lambda: gateway.stats.lines == {2: 1})
    ask_quote(second, 2, "MSFT")
    await until(lambda: gateway.stats.lines == {2: 2})


async def test_a_hundred_lines_by_default(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(messages_per_second=1000)
    client = await raw(gateway, 1)
    for number in range(101):
        ask_quote(client, number)
    await until(lambda: (100, 101) in client.errors())
    assert gateway.stats.lines == {1: 100}


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"genericTickList": "233,4711"}, 321),
        ({"genericTickList": "233", "snapshot": True}, 321),
        ({"symbol": "NOSUCH"}, 200),
        ({"secType": "BAG", "comboLegs": [{"conId": 265598, "ratio": 1, "action": "BUY", "exchange": "SMART"}]}, 312),
    ],
)
async def test_refused_quotes(gateway: SimulatedGateway, raw: RawOpener, more: dict[str, Any], code: int) -> None:
    client = await raw(gateway, 1)
    ask_quote(client, 5, **more)
    await until(lambda: (5, code) in client.errors())
    assert gateway.stats.lines == {1: 0}


async def test_a_request_id_serves_one_line(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    ask_quote(client, 5, genericTickList="233")
    ask_quote(client, 5)
    await until(lambda: (5, 102) in client.errors())
    client.send(2, 1, 5)
    client.send(2, 2, 5)
    await until(lambda: (5, 300) in client.errors())


async def test_a_cancelled_snapshot_has_no_end(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(snapshot_delay=0.05)
    client = await raw(gateway, 1)
    ask_quote(client, 5, snapshot=True)
    client.send(2, 2, 5)
    ask_quote(client, 6, snapshot=True)
    await until(lambda: client.of(57))
    assert client.of(57) == [["57", "1", "6"]]


async def test_two_lines_of_one_contract_see_the_same_prices(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(rate=500.0)
    first, second = await raw(gateway, 1), await raw(gateway, 2)
    ask_quote(first, 5)
    await until(lambda: first.of(1))
    ask_quote(second, 9)
    await until(lambda: len(second.of(1)) > 30)
    seen = [tuple(message[3:]) for message in second.of(1)][10:]
    also = [tuple(message[3:]) for message in first.of(1)]
    assert any(also[at : at + len(seen)][:20] == seen[:20] for at in range(len(also)))


async def test_the_rate_is_that_of_all_lines_together(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(rate=4000.0)
    client = await raw(gateway, 1)
    for number in range(20):
        ask_quote(client, number, "AAPL" if number % 2 else "MSFT")
    await until(lambda: gateway.stats.lines == {1: 20})
    started, ticks = time.monotonic(), gateway.stats.ticks_sent
    await until(lambda: gateway.stats.ticks_sent - ticks >= 4000)
    assert time.monotonic() - started > 0.3, "for each line it would be a twentieth of a second"
    received = len(client.of(1)) + len(client.of(2))
    await until(lambda: len(client.of(1)) + len(client.of(2)) > received)


async def test_a_stamp_tells_when_a_tick_was_sent(open_gateway: Opener, connect: Connector, library: Any) -> None:
    gateway = await open_gateway(stamp=True, rate=200.0)
    ib = await connect(gateway)
    contract = library.Stock("AAPL", "SMART", "USD")
    await ib.qualifyContractsAsync(contract)
    delays: list[float] = []

    def note(tickers: Any) -> None:
        now = time.time_ns() // 1000 % 10**9
        delays.extend((now - tick.size) % 10**9 for ticker in tickers for tick in ticker.ticks if tick.tickType == 0)

    ib.pendingTickersEvent += note
    ib.reqMktData(contract)
    await until(lambda: len(delays) > 50)
    assert sorted(delays)[len(delays) // 2] < 5_000_000, "the median delay in microseconds"


async def test_an_underlying_without_a_line_still_moves_for_working_orders(
    gateway: SimulatedGateway, raw: RawOpener
) -> None:
    client = await raw(gateway, 1)
    order = {
        "orderId": 1, "symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD", "action": "BUY",
        "totalQuantity": 1, "orderType": "LMT", "lmtPrice": 1.0, "account": "DU1000001", "transmit": True,
    }  # fmt: skip
    client.send(*REQUEST_NAMES["placeOrder"].encode(order, client.version))
    await until(lambda: client.of(3))
    quote = gateway.world.market.quote(265598)
    steps = quote.steps
    await until(lambda: quote.steps > steps)
    assert math.isfinite(quote.bid)
    assert gateway.stats.ticks_sent == 0


async def test_a_combination_is_quoted_by_its_legs(open_gateway: Opener, connect: Connector, library: Any) -> None:
    gateway = await open_gateway(rate=200.0)
    ib = await connect(gateway)
    legs = [library.Stock(symbol, "SMART", "USD") for symbol in ("AAPL", "MSFT")]
    await ib.qualifyContractsAsync(*legs)
    sides = zip(legs, ("BUY", "SELL"), strict=True)
    spread = library.Contract(
        secType="BAG", symbol="AAPL,MSFT", exchange="SMART", currency="USD",
        comboLegs=[library.ComboLeg(leg.conId, 1, side, "SMART") for leg, side in sides],
    )  # fmt: skip
    seen: list[tuple[float, float]] = []
    ticker = ib.reqMktData(spread)
    ticker.updateEvent += lambda changed: seen.append((changed.bid, changed.ask))
    await until(lambda: len(set(seen)) > 3)
    assert all(bid < ask for bid, ask in seen)
    market = gateway.world.market
    first, second = (market.quote(leg.conId) for leg in legs)
    assert abs((seen[-1][0] + seen[-1][1]) / 2 - (first.mid - second.mid)) < 1.0
    ib.cancelMktData(spread)
    await until(lambda: gateway.stats.lines == {1: 0})


async def test_computations_of_an_option_are_the_markets(gateway: SimulatedGateway, ib: Any, library: Any) -> None:
    (row, *_) = await ib.reqSecDefOptParamsAsync("AAPL", "", "STK", 265598)
    option = library.Option("AAPL", row.expirations[2], row.strikes[len(row.strikes) // 2], "C", "SMART")
    await ib.qualifyContractsAsync(option)
    ticker = ib.reqMktData(option)
    await until(lambda: ticker.bidGreeks and ticker.askGreeks and ticker.lastGreeks and ticker.modelGreeks)
    market = dict(gateway.world.market.computations(option.conId))
    for kind, greeks in ((10, ticker.bidGreeks), (11, ticker.askGreeks), (13, ticker.modelGreeks)):
        assert greeks.delta == pytest.approx(market[kind].delta, abs=0.02)
        assert greeks.impliedVol == pytest.approx(market[kind].impliedVol, abs=0.02)
        assert greeks.undPrice == pytest.approx(market[kind].undPrice, rel=0.01)
    model = ticker.modelGreeks
    priced = await ib.calculateOptionPriceAsync(option, model.impliedVol, model.undPrice)
    assert priced.optPrice == pytest.approx(model.optPrice, abs=0.02)
    again = await ib.calculateImpliedVolatilityAsync(option, model.optPrice, model.undPrice)
    assert again.impliedVol == pytest.approx(model.impliedVol, abs=0.002)
