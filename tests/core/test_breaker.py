"""When trading stops by itself."""

import math

from hypothesis import given
from hypothesis import strategies as st

from ibmux.core.breaker import Burst, LossWatch


def test_a_burst_is_so_many_within_the_window():
    burst = Burst(3, 60.0)
    assert [burst.strike(at) for at in (0.0, 10.0, 59.9)] == [False, False, True]
    burst.clear()
    assert not burst.strike(60.0)


def test_what_is_older_than_the_window_does_not_count():
    burst = Burst(3, 60.0)
    assert not any(burst.strike(at) for at in (0.0, 30.0, 60.0, 90.0, 120.0))


def test_no_limit_no_burst():
    assert not any(Burst(0, 60.0).strike(0.0) for _ in range(100))


@given(st.lists(st.floats(0, 100), max_size=30).map(sorted), st.integers(1, 5), st.floats(0.1, 50))
def test_a_burst_is_told_exactly_when_there_is_one(times, limit, window):
    burst = Burst(limit, window)
    for number, now in enumerate(times):
        within = [each for each in times[: number + 1] if each > now - window]
        assert burst.strike(now) == (len(within) >= limit)


def test_a_loss_beyond_the_limit():
    watch = LossWatch(1000.0)
    assert not watch.saw("A", -1000.0, ["A"])
    assert watch.saw("A", -1000.01, ["A"])


def test_all_accounts_together_and_none_before_each_is_known():
    watch = LossWatch(1000.0)
    assert not watch.saw("A", -5000.0, ["A", "B"])
    assert not watch.saw("B", math.nan, ["A", "B"])
    assert not watch.saw("B", 4500.0, ["A", "B"])
    assert watch.saw("B", 3500.0, ["A", "B"])


def test_no_limit_no_loss_too_large():
    assert not LossWatch(0.0).saw("A", -1e9, ["A"])


def test_after_a_resume_the_loss_counts_from_where_it_stood_and_the_next_day_from_0():
    watch = LossWatch(1000.0)
    assert watch.saw("A", -1500.0, ["A"])
    watch.accept()
    assert not watch.saw("A", -2400.0, ["A"])
    assert watch.saw("A", -2501.0, ["A"])
    watch.accept()
    assert not watch.saw("A", -500.0, ["A"])  # it recovered: from there on
    assert watch.saw("A", -1501.0, ["A"])
    assert not watch.saw("A", 20.0, ["A"])  # another day
    assert not watch.saw("A", -1000.0, ["A"])
    assert watch.saw("A", -1000.5, ["A"])


def test_a_loss_that_is_accepted_before_it_is_known_counts_from_where_it_turns_out_to_be():
    watch = LossWatch(1000.0)
    watch.accept()
    assert not watch.saw("A", -5000.0, ["A"])
    assert not watch.saw("A", -6000.0, ["A"])
    assert watch.saw("A", -6001.0, ["A"])


def test_a_resume_in_profit_does_not_lower_the_limit():
    watch = LossWatch(1000.0)
    watch.saw("A", 500.0, ["A"])
    watch.accept()
    assert not watch.saw("A", -999.0, ["A"])
