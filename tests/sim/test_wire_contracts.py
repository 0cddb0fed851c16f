"""Contracts over the wire: details, search, chains, and error 200."""

from __future__ import annotations

import math
from typing import Any

import pytest
from wire_client import RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.tws.requests import REQUESTS


async def test_details_of_every_kind_of_contract(ib: Any, library: Any) -> None:
    wanted = [
        library.Stock("AAPL", "SMART", "USD"),
        library.Stock("SPY", "SMART", "USD"),
        library.Index("SPX", "CBOE", "USD"),
        library.Forex("EURUSD"),
        library.ContFuture("ES", "CME"),
    ]
    for contract in wanted:
        details = await ib.reqContractDetailsAsync(contract)
        assert details, contract
        found = details[0]
        assert found.contract.conId > 0
        assert found.contract.symbol == contract.symbol
        assert found.minTick > 0
        assert found.longName
        assert "SMART" in found.validExchanges or contract.exchange in found.validExchanges
        assert ":" in found.tradingHours
        assert ":" in found.liquidHours


async def test_futures_come_by_month_and_the_month_picks_one(ib: Any, library: Any) -> None:
    months = await ib.reqContractDetailsAsync(library.Future("ES", exchange="CME"))
    assert len(months) > 1
    one = months[1].contract
    picked = await ib.reqContractDetailsAsync(
        library.Future("ES", one.lastTradeDateOrContractMonth[:6], exchange="CME")
    )
    assert [details.contract.conId for details in picked] == [one.conId]
    assert picked[0].contract.lastTradeDateOrContractMonth.isdigit()
    assert picked[0].lastTradeTime
    assert picked[0].realExpirationDate == picked[0].contract.lastTradeDateOrContractMonth


async def test_a_conid_alone_finds_its_contract(ib: Any, library: Any) -> None:
    [details] = await ib.reqContractDetailsAsync(library.Contract(conId=265598))
    assert (details.contract.symbol, details.contract.primaryExchange) == ("AAPL", "NASDAQ")


async def test_unknown_contracts_are_error_200(ib: Any, library: Any) -> None:
    assert await ib.reqContractDetailsAsync(library.Stock("NOSUCH", "SMART", "USD")) == []
    assert [code for _, code, _ in ib.errors if code == 200] == [200]
    assert "No security definition" in ib.errors[-1][2]


@pytest.mark.parametrize("number", [1, 3, 20, 87])
async def test_ambiguous_contracts_are_error_200_where_one_is_needed(
    gateway: SimulatedGateway, raw: RawOpener, number: int
) -> None:
    client = await raw(gateway, 1)
    ask = {
        "reqId": 7, "orderId": 7, "symbol": "ES", "secType": "FUT", "exchange": "CME", "action": "BUY",
        "orderType": "MKT",
        "totalQuantity": 1, "account": "DU1000001", "transmit": True, "formatDate": 1, "durationStr": "1 D",
        "barSizeSetting": "1 min", "whatToShow": "TRADES",
    }  # fmt: skip
    client.send(*REQUESTS[number].encode(ask, client.version))
    await until(lambda: (7, 200) in client.errors())
    assert "ambiguous" in client.of(4)[-1][4]


async def test_search_by_symbol_and_by_name(ib: Any) -> None:
    by_symbol = await ib.reqMatchingSymbolsAsync("AAP")
    assert "AAPL" in {match.contract.symbol for match in by_symbol}
    assert any("OPT" in match.derivativeSecTypes for match in by_symbol)
    by_name = await ib.reqMatchingSymbolsAsync("apple")
    assert "AAPL" in {match.contract.symbol for match in by_name}
    assert len(await ib.reqMatchingSymbolsAsync("a")) <= 16


async def test_a_chain_leads_to_options_with_greeks(ib: Any, library: Any) -> None:
    chains = await ib.reqSecDefOptParamsAsync("AAPL", "", "STK", 265598)
    chain = next(chain for chain in chains if chain.exchange == "SMART")
    assert chain.multiplier == "100"
    assert len(chain.expirations) > 2
    assert chain.expirations == sorted(chain.expirations)
    stock = library.Stock("AAPL", "SMART", "USD")
    await ib.qualifyContractsAsync(stock)
    [ticker] = await ib.reqTickersAsync(stock)
    strike = min(chain.strikes, key=lambda strike: abs(strike - ticker.close))
    option = library.Option("AAPL", chain.expirations[1], strike, "C", "SMART", currency="USD")
    await ib.qualifyContractsAsync(option)
    assert option.conId > 0
    quote = ib.reqMktData(option)
    await until(lambda: quote.modelGreeks and quote.bid > 0)
    assert 0.2 < quote.modelGreeks.delta < 0.8
    assert quote.modelGreeks.undPrice == pytest.approx(ticker.close, rel=0.1)


async def test_all_options_of_an_expiry(ib: Any, library: Any) -> None:
    [chain] = [c for c in await ib.reqSecDefOptParamsAsync("AAPL", "", "STK", 265598) if c.exchange == "SMART"][:1]
    found = await ib.reqContractDetailsAsync(
        library.Option("AAPL", chain.expirations[0], exchange="SMART", currency="USD")
    )
    assert len(found) > 10
    assert {details.contract.right for details in found} == {"C", "P"}
    assert len({details.contract.conId for details in found}) == len(found)


async def test_option_calculations_are_each_others_inverse(ib: Any, library: Any) -> None:
    chain = (await ib.reqSecDefOptParamsAsync("AAPL", "", "STK", 265598))[0]
    strike = chain.strikes[len(chain.strikes) // 2]
    option = library.Option("AAPL", chain.expirations[-1], strike, "C", "SMART", currency="USD")
    await ib.qualifyContractsAsync(option)
    priced = await ib.calculateOptionPriceAsync(option, 0.35, strike)
    assert priced.optPrice > 0
    implied = await ib.calculateImpliedVolatilityAsync(option, priced.optPrice, strike)
    assert implied.impliedVol == pytest.approx(0.35, abs=0.01)


async def test_a_calculation_for_a_stock_is_refused(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    client.send(55, 3, 7, 265598, "AAPL", "STK", "", 0, "", "", "SMART", "", "USD", "", "", 0.3, 250)
    await until(lambda: (7, 321) in client.errors())


async def test_lists_that_never_change(ib: Any) -> None:
    assert await ib.reqMktDepthExchangesAsync()
    assert await ib.reqSmartComponentsAsync("a60001")
    assert await ib.reqNewsProvidersAsync()
    assert (await ib.reqScannerParametersAsync()).startswith("<?xml")
    [details] = await ib.reqContractDetailsAsync(ib.positions()[0].contract)
    rule = int(details.marketRuleIds.split(",")[0])
    steps = await ib.reqMarketRuleAsync(rule)
    assert steps
    assert all(math.isfinite(step.increment) and step.increment > 0 for step in steps)


async def test_the_time_is_now(ib: Any) -> None:
    import datetime

    when = await ib.reqCurrentTimeAsync()
    assert abs((datetime.datetime.now(datetime.UTC) - when).total_seconds()) < 60
