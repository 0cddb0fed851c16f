"""Historical bars: legal requests, repeatable answers, one story over all sizes."""

from __future__ import annotations

from typing import Any

import pytest
from domain_world import AAPL, ES, EURUSD, MONDAY_NOON, Bench

from ibmux.sim.catalogue.contracts import ContractDetails, Query, Refusal
from ibmux.sim.instants import instant_text, parse_end
from ibmux.sim.prices.bars import Bar, BarSet
from ibmux.sim.prices.spans import BAR_SIZES


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


def ask(bench: Bench, duration: str, size: str, query: Query = AAPL, **more: Any) -> BarSet | Refusal:
    details = bench.world.universe.resolve(query)
    assert isinstance(details, ContractDetails)
    request = {"whatToShow": "TRADES", "useRTH": True, "end": None} | more
    end = request.pop("end")
    return bench.world.history.bars(details, end, duration, size, **request)


def bars(bench: Bench, duration: str, size: str, query: Query = AAPL, **more: Any) -> list[Bar]:
    answer = ask(bench, duration, size, query, **more)
    assert isinstance(answer, BarSet), answer
    return answer.bars


@pytest.mark.parametrize("size", BAR_SIZES)
@pytest.mark.parametrize("kind", ["TRADES", "MIDPOINT", "BID", "ASK", "BID_ASK"])
def test_every_bar_size_gives_sound_bars(bench: Bench, size: str, kind: str) -> None:
    duration = "600 S" if BAR_SIZES[size] < 60 else "2 D" if BAR_SIZES[size] <= 86400 else "3 M"
    found = bars(bench, duration, size, whatToShow=kind)
    assert found
    assert [bar.time for bar in found] == sorted({bar.time for bar in found})
    for bar in found:
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert bar.time < bench.now
        assert (bar.volume >= 0) == (kind == "TRADES")


def joined(parts: list[Bar]) -> tuple[float, ...]:
    high, low = max(bar.high for bar in parts), min(bar.low for bar in parts)
    return parts[0].open, high, low, parts[-1].close, sum(bar.volume for bar in parts), sum(bar.count for bar in parts)


def figures(bar: Bar) -> tuple[float, ...]:
    return bar.open, bar.high, bar.low, bar.close, bar.volume, bar.count


def test_days_aggregate_their_minutes(bench: Bench) -> None:
    yesterday = MONDAY_NOON - 86_400
    days = bars(bench, "5 D", "1 day", end=yesterday)
    minutes = bars(bench, "5 D", "1 min", end=yesterday)
    assert len(minutes) == 5 * 390
    for day in days:
        of_day = [bar for bar in minutes if bar.date == day.date]
        assert figures(day) == joined(of_day)
        assert day.low <= day.wap <= day.high


HONG_KONG = Query(symbol="700", secType="STK", exchange="SEHK", currency="HKD")  # has a lunch break


@pytest.mark.parametrize("query", [AAPL, ES, EURUSD, HONG_KONG], ids=lambda query: query.symbol)
@pytest.mark.parametrize("rth", [True, False])
def test_every_size_tells_the_same_story(bench: Bench, query: Query, rth: bool) -> None:
    """Bars of one day are the aggregate of those of each smaller size; months and weeks of their days."""
    kind = "MIDPOINT" if query is EURUSD else "TRADES"
    more: dict[str, Any] = {"whatToShow": kind, "useRTH": rth, "end": MONDAY_NOON - 86_400}
    [day] = bars(bench, "1 D", "1 day", query, **more)
    for size, seconds in BAR_SIZES.items():
        if 30 < seconds < 86_400:
            parts = bars(bench, "1 D", size, query, **more)
            assert (joined(parts)[:4], parts[0].time) == (figures(day)[:4], day.time), size
            assert kind == "MIDPOINT" or joined(parts)[4:] == figures(day)[4:]
    [month] = bars(bench, "1 M", "1 month", query, **more)[-1:]
    days = [bar for bar in bars(bench, "1 M", "1 day", query, **more) if bar.date.month == month.date.month]
    assert joined(days)[:4] == figures(month)[:4]


def test_seconds_aggregate_to_minutes(bench: Bench) -> None:
    for length in ("1 secs", "5 secs", "10 secs", "15 secs", "30 secs"):
        parts = bars(bench, "1800 S", length)
        whole = {bar.time: bar for bar in bars(bench, "1800 S", "1 min")}
        for start, minute in whole.items():
            inside = [bar for bar in parts if start <= bar.time < start + 60]
            assert joined(inside) == figures(minute)


def test_finished_bars_do_not_change(bench: Bench) -> None:
    later = Bench(now=MONDAY_NOON + 1800)
    first, second = bars(bench, "1 D", "5 mins"), bars(later, "1 D", "5 mins")
    assert second[: len(first) - 1] == first[:-1]
    assert len(second) > len(first)
    assert bars(bench, "1 D", "5 mins") == first


def test_the_last_bar_ends_where_the_live_price_is() -> None:
    bench = Bench(now=MONDAY_NOON + 37.4)
    last = bars(bench, "1 D", "1 min")[-1]
    seen = bench.quote().tape.trades(MONDAY_NOON, bench.now)
    assert seen
    assert last.volume == sum(tick.size for tick in seen)
    assert last.low <= bench.quote().last <= last.high
    current = bench.world.history.current(bench.quote().details, "1 min", "TRADES")
    assert current == last


def test_regular_hours_and_all_hours(bench: Bench) -> None:
    end = MONDAY_NOON - 86_400
    assert len(bars(bench, "1 D", "1 hour", end=end, useRTH=True)) == 7
    assert len(bars(bench, "1 D", "1 hour", end=end, useRTH=False)) == 16
    assert len(bars(bench, "1 D", "1 hour", EURUSD, end=end, whatToShow="MIDPOINT", useRTH=False)) == 24


def test_long_bars(bench: Bench) -> None:
    answer = ask(bench, "1 Y", "1 day")
    assert isinstance(answer, BarSet)
    assert answer.daily
    assert 245 <= len(answer.bars) <= 255
    assert 50 <= len(bars(bench, "1 Y", "1 week")) <= 54
    assert 12 <= len(bars(bench, "1 Y", "1 month")) <= 13


@pytest.mark.parametrize(
    ("duration", "size", "more", "code"),
    [
        ("2 X", "1 hour", {}, 321),
        ("", "1 hour", {}, 321),
        ("0 D", "1 hour", {}, 321),
        ("400 D", "1 day", {}, 321),
        ("2 D", "7 mins", {}, 321),
        ("2 D", "1 hour", {"whatToShow": "NONSENSE"}, 321),
        ("1 Y", "1 secs", {}, 162),
        ("30 S", "1 hour", {}, 162),
        ("29 S", "1 secs", {}, 321),
        ("90000 S", "1 day", {}, 321),
        ("53 W", "1 week", {}, 321),
        ("13 M", "1 month", {}, 321),
        ("1 D", "1 hour", {"whatToShow": "AGGTRADES"}, 10299),
        ("1 D", "1 hour", {"whatToShow": "FEE_RATE"}, 162),
        ("1 D", "1 hour", {"whatToShow": "YIELD_ASK"}, 162),
        ("1 D", "1 hour", {"query": ES, "whatToShow": "HISTORICAL_VOLATILITY"}, 162),
        ("1 D", "1 hour", {"query": EURUSD}, 162),
        ("1 D", "1 hour", {"query": Query(symbol="SPX", secType="IND", exchange="CBOE"), "whatToShow": "BID"}, 162),
        ("1 D", "1 hour", {"end": 100_000.0}, 162),
    ],
)
def test_refused_requests(bench: Bench, duration: str, size: str, more: dict[str, Any], code: int) -> None:
    answer = ask(bench, duration, size, **more)
    assert isinstance(answer, Refusal)
    assert answer.code == code


def test_head_timestamp_is_where_bars_begin(bench: Bench) -> None:
    details = bench.quote().details
    head = bench.world.history.head_timestamp(details, "TRADES", True)
    assert isinstance(head, float)
    assert isinstance(ask(bench, "1 D", "1 day", end=head - 1), Refusal)
    assert bars(bench, "1 D", "1 day", end=head + 3600)[0].time == head


@pytest.mark.parametrize("kind", ["HISTORICAL_VOLATILITY", "OPTION_IMPLIED_VOLATILITY"])
def test_volatilities_stay_near_the_contract_s_own(bench: Bench, kind: str) -> None:
    details = bench.quote().details
    days = bars(bench, "6 M", "1 day", whatToShow=kind)
    assert all(0.5 < bar.low / details.volatility < bar.high / details.volatility < 2 for bar in days)
    assert len({bar.close for bar in days}) == len(days)
    hours = bars(bench, "1 D", "1 hour", whatToShow=kind, end=MONDAY_NOON - 86_400)
    [day] = bars(bench, "1 D", "1 day", whatToShow=kind, end=MONDAY_NOON - 86_400)
    assert figures(day)[:4] == joined(hours)[:4]


def test_a_number_alone_is_seconds(bench: Bench) -> None:
    assert bars(bench, "600", "1 min") == bars(bench, "600 S", "1 min")
    assert len(bars(bench, "600 S", "1 secs")) == 600


def test_coins_have_aggregated_trades(bench: Bench) -> None:
    coin = Query(symbol="BTC", secType="CRYPTO", exchange="PAXOS", currency="USD")
    refusal = ask(bench, "1 D", "1 hour", coin)
    assert isinstance(refusal, Refusal)
    assert refusal.code == 10299
    assert refusal.text == "Expected what to show is AGGTRADES, please use that instead of TRADES."
    found = bars(bench, "1 D", "1 hour", coin, whatToShow="AGGTRADES", useRTH=False)
    assert sum(bar.volume for bar in found) > 0
    assert any(bar.volume % 1 for bar in found)


def test_bars_end_where_the_contract_does(bench: Bench) -> None:
    listed = bench.world.universe.find(Query(symbol="ES", secType="FUT", exchange="CME", includeExpired=True))
    gone = [details for details in listed if details.has_expired(bench.now)]
    if not gone:
        pytest.fail("the universe lists no expired future")
    details = max(gone, key=lambda each: each.expires)
    found = bench.world.history.bars(details, None, "2 D", "1 hour", whatToShow="TRADES", useRTH=False)
    assert isinstance(found, BarSet)
    assert details.expires - 3600 <= found.bars[-1].time < details.expires


def test_schedules_are_whole_sessions(bench: Bench) -> None:
    details = bench.quote().details
    found = bench.world.history.schedule(details, None, "5 D", True)
    assert not isinstance(found, Refusal)
    assert len(found) == 5
    assert all(end - start == 6.5 * 3600 for _, start, end in found)
    assert found[-1][1] < MONDAY_NOON < found[-1][2]
    wide = bench.world.history.schedule(details, None, "5 D", False)
    assert not isinstance(wide, Refusal)
    assert all(end - start == 16 * 3600 for _, start, end in wide)


def test_instants() -> None:
    assert parse_end("", "UTC") is None
    assert parse_end("20260608 12:00:00 US/Eastern", "UTC") == MONDAY_NOON
    assert parse_end("20260608-16:00:00", "US/Eastern") == MONDAY_NOON
    assert parse_end("20260608 12:00:00", "US/Eastern") == MONDAY_NOON
    assert parse_end("20260608  12:00", "US/Eastern") == MONDAY_NOON
    for bad in ("yesterday", "20261308 12:00:00", "20260608 12:00:00 Mars/Crater", "20260608 25:00:00 UTC"):
        answer = parse_end(bad, "UTC")
        assert isinstance(answer, Refusal)
        assert answer.code == 10314
    assert instant_text(MONDAY_NOON, "US/Eastern") == "20260608 12:00:00 US/Eastern"
