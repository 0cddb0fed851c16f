"""Which answers about the past are final, and how the store forgets them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from ibmux.core.answers import (
    DAY,
    ITEM_SIZE,
    LARGEST,
    LONGEST,
    SETTLED,
    AnswerStore,
    are_final_bars,
    are_final_ticks,
    moment,
)
from ibmux.messages.contracts import Contract
from ibmux.messages.history import BarData, ReqHistoricalData, ReqHistoricalTicks

NOON = dt.datetime(2026, 1, 6, 17, tzinfo=dt.UTC).timestamp()
"""12:00 in New York."""
APPLE = Contract("STK", 265598, exchange="SMART")


def bars_until(end: str, size: str = "1 min", **changes: Any) -> ReqHistoricalData:
    return ReqHistoricalData(
        APPLE, "1 D", size, **{"whatToShow": "TRADES", "useRTH": True, "endDateTime": end, **changes}
    )


def some(count: int = 1) -> list[BarData]:
    return [BarData(str(each)) for each in range(count)]


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("20260106 12:00:00 US/Eastern", 0.0),
        ("20260106 17:00:00 UTC", 0.0),
        ("20260106-17:00:00", 0.0),
        ("20260106  18:00:00 MET", 0.0),
        ("20260106 05:00:00", 0.0),  # of no zone: past when it is past everywhere
        ("20260106 05:00:00 Nowhere/Land", 0.0),
        ("20260106 13:00:00 US/Eastern", 1.0),
    ],
)
def test_a_moment_is_read_in_each_of_the_ways_to_write_it(text: str, hours: float) -> None:
    assert moment(text) == NOON + 3600 * hours


@pytest.mark.parametrize("text", ["", "20260106", "20261306 12:00:00 UTC", "20260106 25:00:00", "yesterday"])
def test_what_is_no_moment_is_none(text: str) -> None:
    assert moment(text) is None
    assert not are_final_bars(bars_until(text), NOON + 1000 * DAY)


@pytest.mark.parametrize(
    ("size", "seconds"), [("1 min", 60), ("5 secs", 5), ("1 secs", 1), ("2 hours", 7200), ("1 day", DAY), ("1W", None)]
)
def test_bars_are_final_when_the_one_of_the_end_is_over_and_settled(size: str, seconds: float | None) -> None:
    question = bars_until("20260106 12:00:00 US/Eastern", size)
    if seconds is None:
        assert not are_final_bars(question, NOON + 100 * DAY)
        return
    assert are_final_bars(question, NOON + seconds + SETTLED)
    assert not are_final_bars(question, NOON + seconds + SETTLED - 1)


def test_bars_that_go_on_or_whose_past_changes_are_never_final() -> None:
    end = "20260106 12:00:00 US/Eastern"
    assert not are_final_bars(bars_until(end, whatToShow="ADJUSTED_LAST"), NOON + DAY)
    assert not are_final_bars(bars_until(end, keepUpToDate=True), NOON + DAY)


def test_ticks_are_final_before_an_instant_that_is_past() -> None:
    def ticks(start: str, end: str) -> ReqHistoricalTicks:
        return ReqHistoricalTicks(APPLE, start, end, 10, "TRADES", True)

    assert are_final_ticks(ticks("", "20260106 12:00:00 US/Eastern"), NOON + SETTLED)
    assert not are_final_ticks(ticks("", "20260106 12:00:00 US/Eastern"), NOON)
    assert not are_final_ticks(ticks("20260106 12:00:00 US/Eastern", ""), NOON + DAY)
    assert not are_final_ticks(ticks("20260106 12:00:00 UTC", "20260106 12:00:00 UTC"), NOON + DAY)


def test_an_answer_is_found_until_it_is_old() -> None:
    store = AnswerStore()
    answer = some(3)
    store.keep("a", answer, 1, NOON)
    assert store.find("a", 1, NOON + LONGEST - 1) is answer
    assert store.find("b", 1, NOON) is None
    assert repr(store) == f"<AnswerStore 1 answers, {3 * ITEM_SIZE} of {store.capacity} bytes>"
    assert store.find("a", 1, NOON + LONGEST) is None
    assert (len(store), store.size) == (0, 0)


def test_another_connection_and_another_day_begin_anew() -> None:
    midnight = (NOON // DAY + 1) * DAY
    for epoch, now in ((2, midnight - 1), (1, midnight)):
        store = AnswerStore()
        store.keep("a", some(), 1, midnight - 2)
        assert store.find("a", 1, midnight - 1)
        assert store.find("a", epoch, now) is None
        assert (len(store), store.size) == (0, 0)


def test_the_store_is_bounded_and_forgets_the_oldest_first() -> None:
    store = AnswerStore(10 * ITEM_SIZE)
    for name in "abc":
        store.keep(name, some(4), 1, NOON)
    assert [name for name in "abc" if store.find(name, 1, NOON)] == ["b", "c"]
    assert store.size == 8 * ITEM_SIZE <= store.capacity
    store.keep("b", some(5), 1, NOON)
    assert (len(store), store.size) == (2, 9 * ITEM_SIZE)
    store.keep("b", some(1), 1, NOON)
    assert (len(store), store.size) == (2, 5 * ITEM_SIZE)


def test_nothing_and_too_much_are_not_kept() -> None:
    store = AnswerStore()
    store.keep("empty", [], 1, NOON)
    store.keep("huge", some(1) * (LARGEST // ITEM_SIZE + 1), 1, NOON)
    AnswerStore(ITEM_SIZE).keep("two", some(2), 1, NOON)
    assert (len(store), store.size) == (0, 0)
