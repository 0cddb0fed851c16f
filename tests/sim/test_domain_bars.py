"""Historical bars: legal requests, repeatable answers, one story over all sizes."""

from __future__ import annotations

from typing import Any

import pytest
from domain_world import AAPL, EURUSD, MONDAY_NOON, Bench

from ibmux.sim.bars import Bar, BarSet
from ibmux.sim.contracts import ContractDetails, Query, Refusal
from ibmux.sim.instants import instant_text, parse_end
from ibmux.sim.spans import BAR_SIZES


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


def test_days_aggregate_their_minutes(bench: Bench) -> None:
    yesterday = MONDAY_NOON - 86_400
    days = bars(bench, "5 D", "1 day", end=yesterday)
    minutes = bars(bench, "5 D", "1 min", end=yesterday)
    assert len(minutes) == 5 * 390
    for day in days:
        of_day = [bar for bar in minutes if bar.date == day.date]
        assert (day.open, day.close) == (of_day[0].open, of_day[-1].close)
        assert day.high == pytest.approx(max(bar.high for bar in of_day), rel=0.01)
        assert day.low == pytest.approx(min(bar.low for bar in of_day), rel=0.01)
        assert day.volume == pytest.approx(sum(bar.volume for bar in of_day), rel=0.001)


def test_finished_bars_do_not_change(bench: Bench) -> None:
    later = Bench(now=MONDAY_NOON + 1800)
    first, second = bars(bench, "1 D", "5 mins"), bars(later, "1 D", "5 mins")
    assert second[: len(first) - 1] == first[:-1]
    assert len(second) > len(first)
    assert bars(bench, "1 D", "5 mins") == first


def test_the_last_bar_ends_where_the_live_price_is(bench: Bench) -> None:
    last = bars(bench, "1 D", "1 min")[-1]
    assert last.close == pytest.approx(bench.quote().last, rel=0.002)
    current = bench.world.history.current(bench.quote().details, "1 min", "TRADES")
    assert isinstance(current, Bar)
    assert current.close == last.close


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
