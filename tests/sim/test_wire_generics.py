"""Generic ticks over the wire: what each number brings and to whom; values agree with the rest of the world."""

from __future__ import annotations

import math
from typing import Any

import pytest
from market_asks import AAPL, SPX, ask, of_request
from wire_client import Connector, Opener, Raw, RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.sim.companies.news import NewsItem
from ibmux.sim.feeds.generics import TICKS
from ibmux.sim.feeds.yields import worth, yield_of

MORNING = "20260106 11:00:00 US/Eastern"
SHARE_TICKS = "100,101,104,105,106,165,221,225,232,236,258,293,294,295,318,375,411,456,595,619,233"
SHARE_FIELDS = [
    "callVolume", "putVolume", "callOpenInterest", "putOpenInterest", "histVolatility", "impliedVolatility",
    "low13week", "high13week", "low26week", "high26week", "low52week", "high52week", "avVolume", "markPrice",
    "auctionVolume", "auctionPrice", "auctionImbalance", "tradeCount", "tradeRate", "volumeRate", "rtHistVolatility",
    "rtVolume", "rtTradeVolume", "vwap",
]  # fmt: skip
NEWER_FIELDS = [
    "shortable", "avOptionVolume", "shortableShares", "creditmanMarkPrice", "creditmanSlowMarkPrice",
    "regulatoryImbalance", "lastRthTrade", "volumeRate3Min", "volumeRate5Min", "volumeRate10Min",
]  # fmt: skip


def known(ticker: Any, name: str) -> bool:
    value = getattr(ticker, name)
    return value is not None and not (isinstance(value, float) and math.isnan(value))


async def ticker_of(ib: Any, contract: Any, generic: str) -> Any:
    await ib.qualifyContractsAsync(contract)
    return ib.reqMktData(contract, generic)


async def test_a_share_has_all_of_these(open_gateway: Opener, connect: Connector, library: Any) -> None:
    gateway = await open_gateway(start=MORNING, rate=200.0)
    ib = await connect(gateway)
    ticker = await ticker_of(ib, library.Stock("AAPL", "SMART", "USD"), SHARE_TICKS)
    names = [name for name in SHARE_FIELDS + NEWER_FIELDS if hasattr(ticker, name)]
    assert set(SHARE_FIELDS) <= set(names)
    await until(lambda: all(known(ticker, name) for name in names))
    quote = gateway.world.market.quote(AAPL)
    assert ticker.low52week <= ticker.low26week <= ticker.low13week <= quote.last
    assert ticker.high52week >= ticker.high26week >= ticker.high13week >= ticker.low13week
    assert quote.bid * 0.99 <= ticker.markPrice <= quote.ask * 1.01
    assert ticker.low <= ticker.vwap <= ticker.high
    assert ticker.tradeCount >= ticker.tradeRate > 0
    assert 0.05 < ticker.histVolatility < 1.5
    assert "shortable" not in names or ticker.shortable == 3.0
    ratios = ticker.fundamentalRatios
    assert ratios.NLOW <= ratios.NPRICE <= ratios.NHIG


async def test_ranges_are_those_of_the_daily_bars(open_gateway: Opener, connect: Connector, library: Any) -> None:
    ib = await connect(await open_gateway(start=MORNING))
    contract = library.Stock("AAPL", "SMART", "USD")
    ticker = await ticker_of(ib, contract, "165")
    await until(lambda: known(ticker, "low52week") and known(ticker, "avVolume"))
    bars = await ib.reqHistoricalDataAsync(contract, "", "1 Y", "1 day", "TRADES", True)
    assert ticker.low52week == min(bar.low for bar in bars)
    assert ticker.high52week == max(bar.high for bar in bars)


async def test_every_trade_is_told_to_who_asked(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(start=MORNING, rate=300.0)
    client = await raw(gateway, 1)
    ask(client, "reqMktData", 5, genericTickList="233")
    ask(client, "reqMktData", 6, genericTickList="375")
    ask(client, "reqMktData", 7)

    def texts(kind: str, request_id: int) -> list[list[str]]:
        return [message[4].split(";") for message in of_request(client, 46, request_id) if message[3] == kind]

    await until(lambda: len(texts("48", 5)) > 3 and len(texts("77", 6)) > 3)
    assert not texts("48", 6) + texts("48", 7) + texts("77", 5) + texts("77", 7)
    totals = [float(fields[3]) for fields in texts("48", 5)]
    assert totals == sorted(set(totals)), "the day's volume grows with each trade"
    assert all(len(fields) == 6 and fields[5] == "true" and float(fields[1]) > 0 for fields in texts("48", 5))
    assert abs(int(texts("48", 5)[-1][2]) / 1000 - gateway.clock.now()) < 30


async def test_funds_futures_and_indices(open_gateway: Opener, connect: Connector, library: Any) -> None:
    gateway = await open_gateway(start=MORNING)
    ib = await connect(gateway)
    fund = await ticker_of(ib, library.Stock("SPY", "SMART", "USD"), "576,577,578,614,623")
    (details, *_) = await ib.reqContractDetailsAsync(library.Future("ES", exchange="CME"))
    future = await ticker_of(ib, details.contract, "588")
    index = await ticker_of(ib, library.Index("SPX", "CBOE", "USD"), "162,104,106")
    names = ["etfNavClose", "etfNavPriorClose", "etfNavBid", "etfNavAsk", "etfNavLast", "etfNavHigh", "etfNavLow"]
    shown = [name for name in [*names, "etfFrozenNavLast"] if hasattr(fund, name)]
    await until(lambda: all(known(fund, name) for name in shown))
    await until(lambda: known(future, "futuresOpenInterest") and known(index, "indexFuturePremium"))
    assert future.futuresOpenInterest > 1000
    assert abs(index.indexFuturePremium) < 0.05 * index.last
    assert not known(index, "callVolume")
    if "etfNavBid" in shown:
        assert fund.etfNavLow <= fund.etfNavBid <= fund.etfNavAsk <= fund.etfNavHigh + 1


@pytest.mark.parametrize("generic", [236, 258, 456, 588, 576, 460, 586])
async def test_what_an_index_does_not_have_is_not_sent(open_gateway: Opener, raw: RawOpener, generic: int) -> None:
    client = await raw(await open_gateway(start=MORNING), 1)
    ask(client, "reqMktData", 5, genericTickList=f"mdoff,{generic}", **SPX)
    ask(client, "reqMktData", 6, genericTickList="mdoff,104", **SPX)
    await until(lambda: of_request(client, 45, 6))
    assert not [message for number in (1, 2, 45, 46) for message in of_request(client, number, 5)]


async def test_an_option_has_its_own_volume_and_interest(ib: Any, library: Any) -> None:
    (row, *_) = await ib.reqSecDefOptParamsAsync("AAPL", "", "STK", AAPL)
    put = library.Option("AAPL", row.expirations[1], row.strikes[len(row.strikes) // 2], "P", "SMART", currency="USD")
    ticker = await ticker_of(ib, put, "100,101,106")
    await until(lambda: known(ticker, "putOpenInterest") and known(ticker, "putVolume"))
    assert ticker.putOpenInterest > 0
    assert ticker.callOpenInterest == 0


async def test_values_that_move_are_sent_again(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(start=MORNING, speed=60.0)
    client = await raw(gateway, 1)
    ask(client, "reqMktData", 5, genericTickList="mdoff,232,293,236")
    await until(lambda: len([message for message in client.of(1) if message[3] == "37"]) > 2)
    counts = [float(message[4]) for message in client.of(45) if message[3] == "54"]
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]
    assert len([message for message in client.of(45) if message[3] == "46"]) == 1, "what does not change is sent once"


def published(gateway: SimulatedGateway, about: int, start: float, seconds: float) -> list[NewsItem]:
    return gateway.feed.news.source.since(about, start, start + seconds)


async def test_headlines_come_when_they_are_published(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(
        start="20260106 07:00:00 US/Eastern", speed=40_000.0, news=("BRFG", "BZ", "DJ-N", "FLY")
    )
    client = await raw(gateway, 1)
    began = gateway.clock.now()
    ask(client, "reqMktData", 5, genericTickList="mdoff,292")
    await until(lambda: len(client.of(84)) > 2)
    seen = [(int(message[2]), message[3], message[4], message[5]) for message in client.of(84)]
    wanted = [
        (int(item.time * 1000), item.provider, item.articleId, item.title)
        for item in published(gateway, AAPL, began, 10 * 86_400)
    ]
    place = wanted.index(seen[0])
    assert wanted[place : place + len(seen)] == seen
    assert not client.of(1)


async def test_headlines_of_chosen_providers(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(start="20260106 07:00:00 US/Eastern", speed=80_000.0, news=("BRFG", "BZ", "FLY"))
    client = await raw(gateway, 1)
    for number, symbol in enumerate(("AAPL", "MSFT", "NVDA", "AMZN", "GOOGL", "META")):
        ask(client, "reqMktData", number, symbol, genericTickList="mdoff,292:BZ+FLY")
    await until(lambda: len(client.of(84)) > 2)
    assert {message[3] for message in client.of(84)} <= {"BZ", "FLY"}


def test_every_generic_tick_is_written_for_something() -> None:
    assert all(makers for makers in TICKS.values())


async def test_a_wrong_list_names_the_right_ones(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client: Raw = await raw(gateway, 1)
    ask(client, "reqMktData", 5, genericTickList="4711")
    await until(lambda: (5, 321) in client.errors())
    text = next(message[4] for message in client.of(4) if message[3] == "321")
    assert "Incorrect generic tick list of 4711.  Legal ones for (STK) are: 100" in text


async def test_a_providers_broad_tape(open_gateway: Opener, connect: Connector, library: Any) -> None:
    gateway = await open_gateway(start="20260106 07:00:00 US/Eastern", speed=20_000.0)
    ib = await connect(gateway)
    tape = library.Contract(symbol="BRFG:BRFG_ALL", secType="NEWS", exchange="BRFG")
    await ib.qualifyContractsAsync(tape)
    ib.reqMktData(tape, "mdoff,292")
    closed = library.Contract(symbol="BZ:BZ_ALL", secType="NEWS", exchange="BZ")
    await ib.qualifyContractsAsync(closed)
    ib.reqMktData(closed, "mdoff,292")
    await until(lambda: len(ib.newsTicks()) > 3)
    assert {tick.providerCode for tick in ib.newsTicks()} == {"BRFG"}
    assert all(tick.headline and tick.articleId.startswith("BRFG$") for tick in ib.newsTicks())
    assert [code for _, code, text in ib.errors if code == 10276] == [10276]


async def test_a_bond_has_yields_and_a_factor(open_gateway: Opener, connect: Connector, library: Any) -> None:
    gateway = await open_gateway(start=MORNING)
    ib = await connect(gateway)
    details = next(each for each in gateway.world.universe.listed() if each.bond and each.bond.coupon > 0)
    bond = library.Bond(conId=details.contract.conId, exchange="SMART")
    ticker = ib.reqMktData(bond, "460")
    names = [name for name in ("bidYield", "lastYield", "bondFactorMultiplier") if hasattr(ticker, name)]
    await until(lambda: all(known(ticker, name) for name in names))
    assert -5 < ticker.askYield <= ticker.bidYield < 20, "the lower price yields more"


def test_yields() -> None:
    assert yield_of(100.0, 4.0, 10.0) == pytest.approx(4.0, abs=1e-3), "at par a bond yields its coupon"
    assert yield_of(95.0, 4.0, 10.0) > 4.0 > yield_of(105.0, 4.0, 10.0)
    assert yield_of(50.0, 0.0, 20.0) == pytest.approx(200 * (2 ** (1 / 40) - 1), abs=1e-3)
    for years in (0.1, 0.5, 0.75, 1.0, 7.3, 29.9):
        assert worth(yield_of(97.0, 3.0, years), 3.0, years) == pytest.approx(97.0, abs=0.01)
