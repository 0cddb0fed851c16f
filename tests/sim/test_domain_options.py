"""Options agree with Black-Scholes: formulas of our own, put-call parity, finite differences; quotes with greeks."""

from __future__ import annotations

import sys
from math import erf, exp, log, sqrt
from typing import Any

import pytest
from domain_world import MONDAY_NOON, Bench
from hypothesis import given, settings
from hypothesis import strategies as st

from ibmux.sim.catalogue.contracts import Query
from ibmux.sim.prices.mids import OptionMids
from ibmux.sim.theory import options

DAY = 86_400
spots = st.floats(20, 500)
money = st.floats(0.7, 1.4)
times = st.floats(2 / 365, 2.0)
volatilities = st.floats(0.08, 1.2)
rights = st.sampled_from("CP")


def independent(spot: float, strike: float, years: float, volatility: float, right: str) -> float:
    """The Black-Scholes price by numerical integration of the payoff over the lognormal distribution."""
    drift = (options.RATE - 0.5 * volatility**2) * years
    spread, steps, width = volatility * sqrt(years), 4000, 9.0
    total = 0.0
    for step in range(steps):
        deviate = -width + 2 * width * (step + 0.5) / steps
        final = spot * exp(drift + spread * deviate)
        payoff = max(0.0, final - strike if right == "C" else strike - final)
        total += payoff * exp(-0.5 * deviate**2)
    return exp(-options.RATE * years) * total * (2 * width / steps) / sqrt(2 * 3.141592653589793)


@settings(max_examples=40, deadline=None, print_blob=True)
@given(spot=spots, ratio=money, years=times, volatility=volatilities, right=rights)
def test_prices_are_the_expected_payoff(spot: float, ratio: float, years: float, volatility: float, right: str) -> None:
    strike = spot * ratio
    found = options.price(spot, strike, years, volatility, right)
    assert found == pytest.approx(independent(spot, strike, years, volatility, right), rel=2e-3, abs=2e-4 * spot)


@settings(max_examples=200, deadline=None, print_blob=True)
@given(spot=spots, ratio=money, years=times, volatility=volatilities)
def test_put_call_parity(spot: float, ratio: float, years: float, volatility: float) -> None:
    strike = spot * ratio
    call, put = (options.price(spot, strike, years, volatility, right) for right in "CP")
    assert call - put == pytest.approx(spot - strike * exp(-options.RATE * years), abs=1e-8 * spot)
    one, two = (options.compute(spot, strike, years, volatility, right) for right in "CP")
    assert one.delta - two.delta == pytest.approx(1.0)
    assert (one.gamma, one.vega) == pytest.approx((two.gamma, two.vega))
    assert (one.optPrice, two.optPrice) == pytest.approx((call, put), abs=1e-9 * spot)


@settings(max_examples=200, deadline=None, print_blob=True)
@given(spot=spots, ratio=money, years=times, volatility=volatilities, right=rights)
def test_sensitivities_are_finite_differences(
    spot: float, ratio: float, years: float, volatility: float, right: str
) -> None:
    strike = spot * ratio
    found = options.compute(spot, strike, years, volatility, right)

    def price(**more: float) -> float:
        values = {"spot": spot, "years": years, "volatility": volatility} | more
        return options.price(values["spot"], strike, values["years"], values["volatility"], right)

    step = spot * volatility * sqrt(years) * 1e-3
    up, here, down = price(spot=spot + step), price(), price(spot=spot - step)
    assert found.delta == pytest.approx((up - down) / (2 * step), abs=1e-4)
    rounding = 16 * sys.float_info.epsilon * spot / step**2  # what is lost where prices nearly cancel
    assert found.gamma == pytest.approx((up - 2 * here + down) / step**2, rel=1e-2, abs=1e-5 / spot + rounding)
    rise = volatility * 1e-3
    vega = (price(volatility=volatility + rise) - price(volatility=volatility - rise)) / (2 * rise) / 100
    assert found.vega == pytest.approx(vega, rel=1e-3, abs=1e-7 * spot)
    later = years * 1e-3
    theta = (price(years=years - later) - price(years=years + later)) / (2 * later) / 365
    assert found.theta == pytest.approx(theta, rel=1e-3, abs=1e-7 * spot)


def test_known_delta() -> None:
    spread = 0.2 * sqrt(0.5)
    first = (log(100 / 105) + (options.RATE + 0.02) * 0.5) / spread
    delta = 0.5 * (1 + erf(first / sqrt(2)))
    assert options.compute(100, 105, 0.5, 0.2, "C").delta == pytest.approx(delta)


def chain(bench: Bench, symbol: str = "AAPL", nth: int = 4) -> list[Any]:
    return list(bench.world.universe.chain(symbol).values())[nth]


def test_option_quotes_hold_parity_and_rise_with_their_strikes() -> None:
    bench = Bench()
    market = bench.world.market
    rows = chain(bench)
    middles = {(row.contract.right, row.contract.strike): market.tape(row.contract.conId) for row in rows}
    now = MONDAY_NOON + 0.3
    strikes = sorted({row.contract.strike for row in rows})
    spot = bench.quote().tape.mid(now)
    for strike in strikes:
        call, put = (middles[right, strike].middle for right in "CP")
        assert isinstance(call, OptionMids)
        years, volatility = call.terms(now)
        parity = spot - strike * exp(-options.RATE * years)
        assert call.at(now) - put.at(now) == pytest.approx(parity, abs=1e-6 * spot)
        assert volatility > 0.05
    calls = [middles["C", strike].at(now) for strike in strikes]
    assert calls == sorted(calls, reverse=True)


def test_the_model_agrees_with_the_quotes() -> None:
    """The model's price lies between bid and ask and moves with the underlying that everybody sees."""
    bench = Bench()
    market = bench.world.market
    for row in chain(bench)[60:100:7]:
        for _ in range(30):
            bench.now += 0.7
            quote = market.quote(row.contract.conId)
            found = dict(market.computations(row.contract.conId))
            model = found[13]
            assert quote.bid <= model.optPrice <= quote.ask
            assert model.undPrice == bench.quote().mid
            if found[10].impliedVol > 0 and found[11].impliedVol > 0:
                assert found[10].impliedVol <= model.impliedVol <= found[11].impliedVol
            assert (model.delta > 0) == (row.contract.right == "C")
            assert model.gamma > 0 < model.vega


def test_option_bars_follow_their_underlying() -> None:
    bench = Bench()
    rows = [row for row in chain(bench) if abs(row.contract.strike - bench.quote().last) < 4]
    start = int(MONDAY_NOON) - 600
    under = bench.quote().tape.bar(start, start + 60, "MIDPOINT")
    for row in rows:
        tape = bench.world.market.tape(row.contract.conId)
        bar = tape.bar(start, start + 60, "MIDPOINT")
        assert isinstance(tape.middle, OptionMids)
        years, volatility = tape.middle.terms(start)
        best = under.high if row.contract.right == "C" else under.low
        worth = options.price(best, row.contract.strike, years, volatility, row.contract.right)
        assert bar.high == pytest.approx(tape.ladder.show(worth))


def test_options_of_an_index_are_priced_at_every_hour() -> None:
    for offset in (0, 9 * 3600, 2 * DAY + 3 * 3600):
        bench = Bench(now=MONDAY_NOON + offset)
        row = chain(bench, "SPX", 3)[60]
        quote = bench.world.market.quote(row.contract.conId)
        assert 0 <= quote.bid < quote.ask or quote.bid == -1.0
        bench.now += 3
        assert quote.step()
        assert dict(bench.world.market.computations(row.contract.conId))[13].undPrice > 0


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
    conId = bench.conId(Query.of(chain(bench)[40].contract))
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
