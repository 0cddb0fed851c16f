"""What is confirmed of delta-neutral requests, the increments of prices, and the exchanges behind SMART."""

from __future__ import annotations

import pytest
from domain_world import AAPL, Bench

from ibmux.sim.catalogue import routes, rules
from ibmux.sim.catalogue.contracts import Query, Refusal
from ibmux.sim.catalogue.deltaneutral import Hedge, validate

STOCK = 265598


@pytest.fixture
def bench() -> Bench:
    return Bench()


def an_option(bench: Bench, symbol: str = "AAPL") -> int:
    row = next(iter(bench.world.universe.chain(symbol).values()))
    return row[len(row) // 2].contract.conId


def test_a_hedge_is_confirmed_with_what_the_client_named(bench: Bench) -> None:
    market = bench.world.market
    option = market.details(an_option(bench))
    assert validate(market, option, STOCK, 0.4, 250.0) == Hedge(STOCK, 0.4, 250.0)


def test_missing_delta_and_price_are_the_present_ones(bench: Bench) -> None:
    market = bench.world.market
    option = market.details(an_option(bench))
    found = validate(market, option, STOCK, 0.0, 0.0)
    assert isinstance(found, Hedge)
    model = dict(market.computations(option.contract.conId))[13]
    assert found.delta == pytest.approx(model.delta, abs=1e-4)
    assert found.price == pytest.approx(market.quote(STOCK).mid, rel=1e-3)


def test_only_options_are_hedged_and_only_by_what_they_are_on(bench: Bench) -> None:
    market = bench.world.market
    option, stock = market.details(an_option(bench)), market.details(STOCK)
    assert isinstance(validate(market, option, 272093, 0.4, 250.0), Refusal)
    assert isinstance(validate(market, stock, STOCK, 0.4, 250.0), Refusal)


@pytest.mark.parametrize(
    ("query", "price", "legal", "nearest"),
    [
        (AAPL, 100.005, False, 100.0),
        (AAPL, 100.01, True, 100.01),
        (Query(symbol="ES", secType="FUT", exchange="CME", localSymbol="ESM6"), 6700.1, False, 6700.0),
        (Query(symbol="ES", secType="FUT", exchange="CME", localSymbol="ESM6"), 6700.25, True, 6700.25),
        (Query(symbol="BTC", secType="CRYPTO", exchange="PAXOS"), 94_000.3, False, 94_000.25),
        (Query(symbol="700", secType="STK", exchange="SEHK"), 620.3, False, 620.5),
        (Query(symbol="700", secType="STK", exchange="SEHK"), 9.99, True, 9.99),
        (Query(symbol="EUR", secType="CASH", exchange="IDEALPRO", currency="USD"), 1.16005, True, 1.16005),
    ],
)
def test_increments(bench: Bench, query: Query, price: float, legal: bool, nearest: float) -> None:
    details = bench.world.universe.find(query)[0]
    steps = rules.increments(details)
    assert rules.conforms(steps, price) is legal
    assert rules.nearest(steps, price) == pytest.approx(nearest)
    assert rules.conforms(steps, rules.nearest(steps, price))


def test_the_letters_of_ticks_are_those_of_the_components(bench: Bench) -> None:
    stock = bench.world.universe.find(AAPL)[0]
    option = bench.world.market.details(an_option(bench))
    for details in (stock, option):
        found = routes.components(routes.bbo_exchange(details))
        assert found is not None
        assert all(routes.letter(details, row.exchange) == row.exchangeLetter for row in found)
        assert len({row.exchangeLetter for row in found}) == len(found)
    assert routes.letter(stock, "NASDAQ") == "Q"
    assert routes.letter(stock, "NOWHERE") == ""
    assert routes.bbo_exchange(stock.on("NASDAQ")) == ""
    assert routes.has_depth("ISLAND", "STK")
    assert routes.has_depth("CME", "CONTFUT")
    assert not routes.has_depth("SMART", "STK")
