"""Live prices: coherent, on ticks, repeatable; options agree with the model."""

from __future__ import annotations

import time

import pytest
from domain_world import AAPL, ES, EURUSD, MONDAY_NOON, Bench, share

from ibmux.sim import options
from ibmux.sim.contracts import Query
from ibmux.sim.prices import ASK, BID, HIGH, LAST, LOW, PRICE_TICKS, Quote


def option_query(bench: Bench, nth: int = 40) -> Query:
    rows = list(bench.world.universe.chain("AAPL").values())[4]
    return Query.of(rows[nth].contract)


def on_tick(quote: Quote, price: float) -> bool:
    return abs(price / quote.minTick - round(price / quote.minTick)) < 1e-6


@pytest.mark.parametrize(
    "query", [AAPL, EURUSD, ES, share("SPY"), None], ids=["share", "currency", "future", "fund", "option"]
)
def test_quotes_stay_coherent(query: Query | None) -> None:
    bench = Bench()
    quote = bench.quote(query or option_query(bench))
    seen = dict.fromkeys((LOW, HIGH), 0.0)
    for step in range(20_000):
        if step % 100 == 0:
            bench.now += 1
        for kind, price, size in quote.step():
            assert size >= 0
            if kind in PRICE_TICKS:
                assert price > 0 or kind == BID
                assert on_tick(quote, price)
            if kind in seen:
                seen[kind] = price
        assert quote.bid < quote.ask
        assert quote.low <= quote.last <= quote.high
    fair = quote.fair().at(bench.now)
    assert abs(quote.mid - fair) <= max(0.01 * fair, 25 * quote.minTick)


class Ramp:
    """A fair price that rises from 2 to 4 within a minute and falls back."""

    def at(self, instant: float) -> float:
        return 4.0 - abs((instant - MONDAY_NOON) % 120 - 60) / 30


def test_quotes_keep_to_the_market_rule_at_every_price() -> None:
    """Options tick in cents below 3 dollars and in nickels above; a limit at the quote must be legal."""
    bench = Bench()
    details = bench.quote(option_query(bench)).details
    steps = bench.world.universe.market_rule(110)
    assert steps == ((0.0, 0.01), (3.0, 0.05))
    quote = Quote(details, Ramp(), steps, clock=lambda: bench.now, seed=1)
    known = {kind: price for kind, price, _ in quote.snapshot()}
    whole_books = 0
    for _ in range(6000):
        bench.now += 0.1
        changes = quote.step()
        whole_books += len(changes) > 4
        known |= {kind: price for kind, price, _ in changes}
        assert (known[BID], known[ASK], known[LAST]) == (quote.bid, quote.ask, quote.last)
        assert quote.bid < quote.ask
        for price in (quote.bid, quote.ask, quote.last):
            tick = 0.05 if price >= 3 else 0.01
            assert abs(price / tick - round(price / tick)) < 1e-6
    assert whole_books == 10


def test_an_index_has_no_book() -> None:
    quote = Bench().quote(Query(symbol="SPX", secType="IND", exchange="CBOE", currency="USD"))
    assert quote.bid == quote.ask == -1.0
    kinds = {kind for _ in range(500) for kind, *_ in quote.step()}
    assert kinds <= {LAST, HIGH, LOW}
    assert LAST in kinds
    assert {kind for kind, *_ in quote.snapshot()}.isdisjoint({BID, ASK})


def test_equal_seeds_give_equal_ticks() -> None:
    first, second = Bench(), Bench()
    assert [first.quote().step() for _ in range(2000)] == [second.quote().step() for _ in range(2000)]


def test_changes_tell_the_whole_book() -> None:
    """A subscriber who has the snapshot and every change knows the quote exactly."""
    quote = Bench().quote()
    known = {kind: price for kind, price, _ in quote.snapshot() if kind in PRICE_TICKS}
    for _ in range(5000):
        known |= {kind: price for kind, price, _ in quote.step() if kind in PRICE_TICKS}
        assert (known[BID], known[ASK], known[LAST]) == (quote.bid, quote.ask, quote.last)
        assert (known[HIGH], known[LOW]) == (quote.high, quote.low)


def test_stepping_is_cheap() -> None:
    """20,000 ticks/s must leave half a core for the wire: a step may cost at most 10 µs here (measured: about 1 µs)."""
    quote = Bench().quote()
    best = min(_timed(quote) for _ in range(3))
    assert best < 10e-6, f"{best * 1e6:.2f} µs a step"


def _timed(quote: Quote) -> float:
    start = time.perf_counter()
    for _ in range(20_000):
        quote.step()
    return (time.perf_counter() - start) / 20_000


def test_black_scholes_against_known_values() -> None:
    # Hull, Options, Futures, and Other Derivatives: S 42, K 40, r 10 %, vol 20 %, six months: call 4.76, put 0.81.
    rate, options.RATE = options.RATE, 0.10
    try:
        assert options.price(42, 40, 0.5, 0.2, "C") == pytest.approx(4.76, abs=0.005)
        assert options.price(42, 40, 0.5, 0.2, "P") == pytest.approx(0.81, abs=0.005)
        assert options.compute(42, 40, 0.5, 0.2, "C").delta == pytest.approx(0.7791, abs=0.0005)
    finally:
        options.RATE = rate


def test_implied_volatility_undoes_the_price() -> None:
    for right in "CP":
        for strike in (80.0, 100.0, 125.0):
            value = options.price(100, strike, 0.4, 0.33, right)
            assert options.implied_volatility(value, 100, strike, 0.4, right) == pytest.approx(0.33, abs=1e-5)
    assert options.implied_volatility(1000.0, 100, 100, 0.4, "C") is None


def test_option_computations() -> None:
    bench = Bench()
    conId = bench.conId(option_query(bench))
    market = bench.world.market
    rows = dict(market.computations(conId))
    assert set(rows) == {10, 11, 12, 13}
    assert rows[10].optPrice == market.quote(conId).bid
    assert rows[10].impliedVol < rows[11].impliedVol
    assert rows[13].undPrice == pytest.approx(bench.quote().mid)
    assert market.computations(265598) == []
    again = market.option_price(conId, rows[13].impliedVol, rows[13].undPrice)
    assert again is not None
    assert again.optPrice == pytest.approx(rows[13].optPrice)
    implied = market.implied_vol(conId, again.optPrice, again.undPrice)
    assert implied is not None
    assert implied.impliedVol == pytest.approx(rows[13].impliedVol, abs=1e-4)


def test_an_unknown_contract_has_no_quote() -> None:
    with pytest.raises(KeyError):
        Bench(now=MONDAY_NOON).world.market.quote(7)
