"""Contracts of every security type over the wire, as both libraries and a bare socket read them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from wire_client import Connector, Opener, RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.tws.requests import REQUEST_NAMES


async def details_of(ib: Any, contract: Any) -> Any:
    found = await ib.reqContractDetailsAsync(contract)
    assert found, contract
    return found[0]


@pytest.mark.parametrize(
    "asked",
    [
        ("STK", "AAPL", "SMART", "USD"),
        ("STK", "7203", "TSEJ", "JPY"),
        ("STK", "700", "SEHK", "HKD"),
        ("IND", "VIX", "CBOE", "USD"),
        ("IND", "ESTX50", "EUREX", "EUR"),
        ("FUT", "CL", "NYMEX", "USD"),
        ("CONTFUT", "ES", "CME", "USD"),
        ("CASH", "EUR", "IDEALPRO", "USD"),
        ("CRYPTO", "BTC", "PAXOS", "USD"),
        ("CRYPTO", "SOL", "ZEROHASH", "USD"),
        ("CFD", "IBM", "SMART", "USD"),
        ("CFD", "IBUS500", "SMART", "USD"),
        ("CFD", "EUR", "SMART", "USD"),
        ("CMDTY", "XAUUSD", "SMART", "USD"),
        ("FUND", "VFIAX", "FUNDSERV", "USD"),
        ("NEWS", "BRFG:BRFG_ALL", "BRFG", "USD"),
    ],
)
async def test_details_of_one(ib: Any, library: Any, asked: tuple[str, str, str, str]) -> None:
    secType, symbol, exchange, currency = asked
    wanted = library.Contract(secType=secType, symbol=symbol, exchange=exchange, currency=currency)
    found = await details_of(ib, wanted)
    assert (found.contract.secType, found.contract.symbol) == (secType, symbol)
    assert found.contract.conId > 0
    assert found.longName
    assert exchange in found.validExchanges.split(",")
    assert len(found.marketRuleIds.split(",")) == len(found.validExchanges.split(","))
    assert found.tradingSessions()
    for rule in set(found.marketRuleIds.split(",")):
        steps = await ib.reqMarketRuleAsync(int(rule))
        assert min(step.increment for step in steps) == found.minTick
    by_number = await details_of(ib, library.Contract(conId=found.contract.conId))
    assert by_number.contract.localSymbol == found.contract.localSymbol


async def test_coins_are_traded_in_fractions(ib: Any, library: Any) -> None:
    found = await details_of(ib, library.Crypto("BTC", "PAXOS", "USD"))
    assert found.contract.conId == 479624278
    assert (found.minSize, found.sizeIncrement) == (1e-8, 1e-8)
    assert (found.minTick, found.contract.localSymbol) == (0.25, "BTC.USD")


async def test_a_cfd_names_what_it_is_on(ib: Any, library: Any) -> None:
    share = await details_of(ib, library.Stock("IBM", "SMART", "USD"))
    found = await details_of(ib, library.CFD("IBM", "SMART", "USD"))
    assert found.underConId == share.contract.conId != found.contract.conId
    assert (found.underSymbol, found.underSecType, found.contract.localSymbol) == ("IBM", "STK", "IBMn")
    index = await details_of(ib, library.CFD("IBUS500", "SMART", "USD"))
    assert (index.underConId, index.underSecType) == (416904, "IND")


async def test_a_continuous_future_is_its_front_month(ib: Any, library: Any) -> None:
    continuous = await details_of(ib, library.ContFuture("ES", "CME"))
    months = await ib.reqContractDetailsAsync(library.Future("ES", exchange="CME"))
    front = min(months, key=lambda details: details.contract.lastTradeDateOrContractMonth)
    for name in ("conId", "localSymbol", "lastTradeDateOrContractMonth", "multiplier", "tradingClass"):
        assert getattr(continuous.contract, name) == getattr(front.contract, name)
    both = await ib.reqContractDetailsAsync(library.Contract(secType="FUT+CONTFUT", symbol="ES", exchange="CME"))
    assert [d.contract.secType for d in both] == ["FUT"] * len(months) + ["CONTFUT"]


async def test_expired_futures_come_when_asked_for(ib: Any, library: Any) -> None:
    asked = library.Future("ES", exchange="CME")
    listed = await ib.reqContractDetailsAsync(asked)
    asked.includeExpired = True
    found = await ib.reqContractDetailsAsync(asked)
    assert len(found) - len(listed) in {8, 9}
    first = min(details.contract.lastTradeDateOrContractMonth for details in found)
    assert await ib.reqContractDetailsAsync(library.Future("ES", first, exchange="CME")) == []
    assert ib.errors[-1][1] == 200


@pytest.mark.parametrize(
    ("symbol", "exchange", "classes"),
    [
        ("SPX", "CBOE", {"SPX", "SPXW"}),
        ("NDX", "NASDAQ", {"NDX", "NDXP"}),
        ("VIX", "CBOE", {"VIX", "VIXW"}),
        ("RUT", "RUSSELL", {"RUT", "RUTW"}),
        ("ESTX50", "EUREX", {"OESX"}),
    ],
)
async def test_full_chains_of_indices(ib: Any, library: Any, symbol: str, exchange: str, classes: set[str]) -> None:
    index = (await details_of(ib, library.Contract(secType="IND", symbol=symbol, exchange=exchange))).contract
    rows = await ib.reqSecDefOptParamsAsync(symbol, "", "IND", index.conId)
    assert {row.tradingClass for row in rows} == classes
    assert {row.multiplier for row in rows} == {"10" if symbol == "ESTX50" else "100"}
    assert all(int(row.underlyingConId) == index.conId for row in rows)
    assert len({day for row in rows for day in row.expirations}) >= 10
    row = max(rows, key=lambda row: len(row.expirations))
    asked = library.Option(
        symbol, row.expirations[2], exchange=row.exchange, currency=index.currency, tradingClass=row.tradingClass
    )
    found = await ib.reqContractDetailsAsync(asked)
    assert {details.contract.right for details in found} == {"C", "P"}
    assert len({details.contract.strike for details in found}) == len(found) / 2 >= 20
    assert {details.underConId for details in found} == {index.conId}
    assert all(details.lastTradeTime and details.realExpirationDate for details in found)


async def test_every_share_has_a_chain(ib: Any, library: Any) -> None:
    for symbol in ("KO", "F", "GLD", "BKNG"):
        share = (await details_of(ib, library.Stock(symbol, "SMART", "USD"))).contract
        rows = await ib.reqSecDefOptParamsAsync(symbol, "", "STK", share.conId)
        [row] = [row for row in rows if row.exchange == "SMART"]
        strike = row.strikes[len(row.strikes) // 2]
        option = library.Option(symbol, row.expirations[1], strike, "P", "SMART", currency="USD")
        await ib.qualifyContractsAsync(option)
        assert option.conId > 0
        assert option.localSymbol == f"{symbol:<6}{row.expirations[1][2:]}P{round(strike * 1000):08d}"


@pytest.mark.parametrize(("symbol", "exchange"), [("ES", "CME"), ("CL", "NYMEX"), ("GC", "COMEX")])
async def test_options_on_futures(ib: Any, library: Any, symbol: str, exchange: str) -> None:
    months = await ib.reqContractDetailsAsync(library.Future(symbol, exchange=exchange))
    future = sorted(months, key=lambda details: details.contract.lastTradeDateOrContractMonth)[1].contract
    rows = await ib.reqSecDefOptParamsAsync(symbol, exchange, "FUT", future.conId)
    assert rows
    assert {row.exchange for row in rows} == {exchange}
    assert {int(row.underlyingConId) for row in rows} == {future.conId}
    row = rows[0]
    strike = row.strikes[len(row.strikes) // 2]
    option = library.FuturesOption(
        symbol, row.expirations[0], strike, "C", exchange, multiplier=row.multiplier, tradingClass=row.tradingClass
    )
    await ib.qualifyContractsAsync(option)
    assert option.conId > 0
    found = await details_of(ib, option)
    assert (found.underConId, found.underSymbol, found.underSecType) == (future.conId, future.localSymbol, "FUT")
    assert await ib.reqSecDefOptParamsAsync(symbol, "NYSE", "FUT", future.conId) == []


async def test_shares_are_found_by_their_numbers(ib: Any, library: Any) -> None:
    for kind, number in (("ISIN", "US0378331005"), ("CUSIP", "037833100")):
        asked = library.Contract(secType="STK", secIdType=kind, secId=number, exchange="SMART")
        assert (await details_of(ib, asked)).contract.conId == 265598


async def test_what_cannot_be_asked_for(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    for number, kind in enumerate(("BAG", "ETF", ""), start=1):
        ask = {"reqId": number, "symbol": "SPY", "secType": kind, "exchange": "SMART", "currency": "USD"}
        client.send(*REQUEST_NAMES["reqContractDetails"].encode(ask, client.version))
    await until(lambda: len([code for _, code in client.errors() if code == 321]) == 3)
    texts = [message[4] for message in client.of(4) if message[3] == "321"]
    assert "'BAG' isn't supported for contract data request" in texts[0]
    assert all(text.endswith("Please enter a valid security type") for text in texts)


async def test_symbols_of_every_kind_are_found(ib: Any) -> None:
    futures = {match.contract.symbol: match for match in await ib.reqMatchingSymbolsAsync("ESTX")}
    assert {"FUT", "OPT"} <= set(futures["ESTX50"].derivativeSecTypes)
    found = await ib.reqMatchingSymbolsAsync("IBM")
    kinds = {match.contract.secType: match.contract for match in found}
    assert set(kinds) == {"STK", "BOND"}
    assert kinds["BOND"].issuerId == "e1400715"
    assert any(match.contract.secType == "CRYPTO" for match in await ib.reqMatchingSymbolsAsync("BTC"))


async def test_lists_about_exchanges(ib: Any) -> None:
    rows = await ib.reqMktDepthExchangesAsync()
    assert {"STK", "OPT", "FUT", "FOP", "CASH", "CRYPTO"} == {row.secType for row in rows}
    assert {"Deep", "Deep2"} == {row.serviceDataType for row in rows}
    for name, letter in (("a60001", ("ISLAND", "Q")), ("9c0001", ("CBOE", "C"))):
        components = await ib.reqSmartComponentsAsync(name)
        assert letter in {(one.exchange, one.exchangeLetter) for one in components}
        assert [one.bitNumber for one in components] == list(range(len(components)))


async def test_lists_about_accounts(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    client.send(80)
    client.send(79, 5)
    await until(lambda: client.of(78) and client.of(77))
    assert client.of(78)[-1][2] == "DU1000001"
    assert client.of(77)[-1][1:3] == ["5", "0"]


async def test_smart_components_of_an_unknown_set_are_refused(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    client.send(83, 9, "nonsense")
    await until(lambda: (9, 321) in client.errors())


async def test_a_long_chain_does_not_hold_up_others(
    open_gateway: Opener, connect: Connector, library: Any, raw: RawOpener
) -> None:
    gateway = await open_gateway()
    ib = await connect(gateway)
    client = await raw(gateway, 7)
    task = asyncio.ensure_future(ib.reqContractDetailsAsync(library.Option("SPX", exchange="CBOE", currency="USD")))
    await asyncio.sleep(0)
    client.send(49, 1)
    await until(lambda: client.of(49))
    assert len(await task) > 3000


@pytest.mark.parametrize(
    ("start", "fragment"),
    [
        ("20261127 10:00:00 US/Eastern", "20261127:0930-20261127:1300"),
        ("20261224 10:00:00 US/Eastern", "20261224:0930-20261224:1300;20261225:CLOSED"),
    ],
)
async def test_half_days_show_in_details(
    open_gateway: Opener, connect: Connector, library: Any, start: str, fragment: str
) -> None:
    ib = await connect(await open_gateway(start=start))
    found = await details_of(ib, library.Stock("AAPL", "SMART", "USD"))
    assert found.liquidHours.startswith(fragment)
    lunch = await details_of(ib, library.Stock("7203", "TSEJ", "JPY"))
    assert "1130;" in lunch.liquidHours
    assert len(lunch.liquidSessions()) >= 6
