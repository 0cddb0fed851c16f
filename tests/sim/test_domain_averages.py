"""Averages that aggregate, trades that are not reported, futures that meet their spot, and stores that stay bounded."""

from __future__ import annotations

import gc
from itertools import pairwise

import pytest
from domain_world import AAPL, ES, MONDAY_NOON, Bench, share
from hypothesis import given, settings
from hypothesis import strategies as st

from ibmux.sim.catalogue.contracts import ContractDetails, Query
from ibmux.sim.companies.sight import METRICS, Sight
from ibmux.sim.companies.trading import average_volume
from ibmux.sim.prices.bars import BarSet
from ibmux.sim.prices.market import Market
from ibmux.sim.prices.quote import BID, PRICE_TICKS, VOLUME
from ibmux.sim.prices.shelf import Shelf
from ibmux.sim.prices.tape import Bar
from ibmux.sim.prices.turnover import OLD

BENCH = Bench()
DAY, MINUTE, QUARTER = 86_400, 60, 900
TAPES = [BENCH.world.market.tape(BENCH.conId(query)) for query in (AAPL, ES, share("BKNG"))]
NOON = int(MONDAY_NOON) // QUARTER * QUARTER


def average(bars: list[Bar]) -> float:
    size = sum(bar.volume for bar in bars)
    return sum(bar.wap * bar.volume for bar in bars) / size if size else float("nan")


@settings(max_examples=40, deadline=None, print_blob=True)
@given(tape=st.sampled_from(TAPES), back=st.integers(0, 5_000), minutes=st.integers(2, 800), data=st.data())
def test_wap_is_the_volume_weighted_average_of_any_shorter_bars(
    tape: object, back: int, minutes: int, data: st.DataObject
) -> None:
    assert tape in TAPES
    start = NOON - back * MINUTE - minutes * MINUTE
    cuts = data.draw(st.lists(st.integers(0, minutes), max_size=5))
    edges = [start + MINUTE * cut for cut in sorted({0, minutes, *cuts})]
    parts = [tape.bar(left, right, "TRADES") for left, right in pairwise(edges)]  # type: ignore[attr-defined]
    whole = tape.bar(start, edges[-1], "TRADES")  # type: ignore[attr-defined]
    assert all(bar.low <= bar.wap <= bar.high for bar in [whole, *parts])
    if whole.volume:
        assert whole.wap == pytest.approx(average(parts), rel=1e-7)
    quotes = [tape.bar(left, right, "BID_ASK") for left, right in pairwise(edges)]  # type: ignore[attr-defined]
    all_quotes = tape.bar(start, edges[-1], "BID_ASK")  # type: ignore[attr-defined]
    for name in ("open", "close"):
        mean = sum(getattr(bar, name) * (b - a) for bar, (a, b) in zip(quotes, pairwise(edges), strict=True))
        assert getattr(all_quotes, name) == pytest.approx(mean / (edges[-1] - start), rel=1e-7)
    assert all(bar.low <= bar.open < bar.close <= bar.high for bar in [all_quotes, *quotes])


def test_below_a_minute_wap_is_what_was_paid() -> None:
    tape = TAPES[0]
    for start in range(NOON - 3600, NOON - 3540, 5):
        bar, trades = tape.bar(start, start + 5, "TRADES"), tape.trades(start, start + 5)
        paid = sum(tick.price * tick.size for tick in trades)
        assert bar.wap == pytest.approx(paid / sum(tick.size for tick in trades), rel=1e-7)


def test_old_bars_aggregate_by_quarters() -> None:
    start = OLD - 20 * DAY
    parts = [TAPES[0].bar(at, at + QUARTER, "TRADES") for at in range(start, OLD + 2 * DAY, QUARTER)]
    assert TAPES[0].bar(start, OLD + 2 * DAY, "TRADES").wap == pytest.approx(average(parts), rel=1e-7)


def test_days_and_weeks_average_their_hours() -> None:
    found = [
        BENCH.world.history.bars(BENCH.quote().details, None, "2 W", size, whatToShow="TRADES", useRTH=True)
        for size in ("30 mins", "1 day", "1 week")
    ]
    sets = [each.bars for each in found if isinstance(each, BarSet)]
    assert average(sets[0]) == pytest.approx(average(sets[1]), rel=1e-6)
    assert average(sets[1]) == pytest.approx(average(sets[2]), rel=1e-6)


@pytest.mark.parametrize("tape", TAPES, ids=lambda tape: tape.details.contract.symbol)
def test_what_is_not_reported_stands_beside_what_is(tape: object) -> None:
    """AllLast has more than Last; volume, bars and the last price come from reported trades alone."""
    start = NOON - 3600
    trades, prints = tape.trades(start, NOON), tape.prints(start, NOON)  # type: ignore[attr-defined]
    assert [tick for tick in prints if not tick.unreported] == trades
    hidden = [tick for tick in prints if tick.unreported]
    assert 0.005 * len(trades) < len(hidden) < len(trades)
    assert [tick.time for tick in prints] == sorted(tick.time for tick in prints)
    assert tape.bar(start, NOON, "TRADES").volume == sum(t.size for t in trades)  # type: ignore[attr-defined]
    if tape.details.contract.secType == "STK":  # type: ignore[attr-defined]
        odd = [tick for tick in hidden if tick.conditions == "I"]
        assert 0.6 * len(hidden) < len(odd) < len(hidden)
        assert all(tick.size < 100 for tick in odd)
        assert all(tick.size % 100 == 0 and tick.conditions in {"4", "W", "7"} for tick in hidden if tick not in odd)


def futures(symbol: str) -> list[ContractDetails]:
    return BENCH.world.universe.futures.listed(symbol)


def test_a_future_meets_its_index_on_its_last_day() -> None:
    index = BENCH.quote(Query(symbol="SPX", secType="IND", exchange="CBOE", currency="USD")).tape
    market = BENCH.world.market
    front, *later = [market.tape(each.contract.conId) for each in futures("ES")[:4]]
    end = front.details.expires
    assert front.at(end - 60) == pytest.approx(index.at(end - 60), rel=1e-12)
    assert abs(front.mid(end - 60) - index.mid(end - 60)) <= front.details.minTick
    gaps = [front.at(end - days * DAY) / index.at(end - days * DAY) - 1.0 for days in (60, 40, 20, 5)]
    assert gaps == sorted(gaps, reverse=True)
    assert 0.0015 < gaps[0] < 0.002, "carry of one percent a year for sixty days"
    for near, far in pairwise([front, *later]):
        years = (far.details.expires - near.details.expires) / (365 * DAY)
        for at in (end - 50 * DAY, end - 10 * DAY):
            assert far.at(at) / near.at(at) - 1.0 == pytest.approx(0.01 * years, abs=1e-4)


def test_a_future_aggregates_over_days() -> None:
    tape = BENCH.world.market.tape(futures("NG")[1].contract.conId)
    start = NOON - 4 * DAY
    parts = [tape.bar(at, at + 3600, "MIDPOINT") for at in range(start, NOON, 3600)]
    whole = tape.bar(start, NOON, "MIDPOINT")
    assert (whole.open, whole.close) == (parts[0].open, parts[-1].close)
    assert (whole.high, whole.low) == (max(bar.high for bar in parts), min(bar.low for bar in parts))


@pytest.mark.parametrize("symbol", ["AAPL", "MSFT", "EUR"])
def test_a_cfd_is_quoted_as_what_is_under_it(symbol: str) -> None:
    cfd = next(each for each in BENCH.world.universe.listed("CFD") if each.contract.symbol == symbol)
    market = BENCH.world.market
    one, two = market.tape(cfd.contract.conId), market.tape(cfd.underConId)
    for at in range(NOON - 600, NOON, 37):
        quotes = [[(tick.time, tick.bid, tick.ask) for tick in tape.quotes(at, at + 1)] for tape in (one, two)]
        assert quotes[0] == quotes[1]


def test_a_quote_that_is_only_looked_at_keeps_the_latest_of_each_tick() -> None:
    bench = Bench()
    quote = bench.quote()
    for _ in range(2000):
        bench.now += 0.4
        quote.look()
    changes = quote.step()
    kinds = [kind for kind, *_ in changes]
    assert len(kinds) == len(set(kinds)) <= 11
    assert {BID, VOLUME} <= set(kinds)
    known = {kind: price for kind, price, _ in changes if kind in PRICE_TICKS}
    assert known[BID] == quote.bid
    assert next(size for kind, _, size in changes if kind == VOLUME) == quote.volume


def test_a_shelf_keeps_what_is_held_and_the_latest() -> None:
    class Thing:
        pass

    shelf: Shelf[Thing] = Shelf(3)
    held = Thing()
    shelf.put(0, held)
    for number in range(1, 50):
        shelf.put(number, Thing())
    gc.collect()
    assert len(shelf) == 4
    assert shelf.get(0) is held
    assert shelf.get(1) is None
    assert shelf.get(49) is not None


def test_a_market_forgets_what_nobody_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibmux.sim.prices.market.QUOTES_KEPT", 5)
    monkeypatch.setattr("ibmux.sim.prices.market.TAPES_KEPT", 5)
    market = Market(BENCH.world.universe, lambda: MONDAY_NOON)
    held = market.quote(BENCH.conId(AAPL))
    others = [each.contract.conId for each in BENCH.world.universe.listed("STK")[:40]]
    before = {number: market.quote(number).snapshot() for number in others}
    gc.collect()
    assert len(market._quotes) <= 6
    assert len(market._tapes) <= 11
    assert market.quote(BENCH.conId(AAPL)) is held
    assert market.quote(others[0]).snapshot() == before[others[0]]


def test_scans_and_generic_ticks_have_one_source() -> None:
    world, details = BENCH.world, BENCH.quote().details
    sight = Sight(world.market, world.universe, details, MONDAY_NOON)
    found = world.history.bars(details, None, "100 D", "1 day", whatToShow="TRADES", useRTH=True)
    assert isinstance(found, BarSet)
    volumes = [bar.volume for bar in found.bars if bar.volume and bar.date < sight.today][-90:]
    assert METRICS["averageVolume"](sight) == average_volume(world.market, details, MONDAY_NOON)
    assert METRICS["averageVolume"](sight) == round(sum(volumes) / len(volumes))
    bars = world.history.bars(details, None, "5 D", "1 day", whatToShow="OPTION_IMPLIED_VOLATILITY", useRTH=True)
    assert isinstance(bars, BarSet)
    assert METRICS["impliedVolatility"](sight) == pytest.approx(bars.bars[-1].close)
    change = 100.0 * (bars.bars[-1].close / bars.bars[-2].close - 1.0)
    assert METRICS["volatilityChange"](sight) == pytest.approx(change, abs=1e-3)
