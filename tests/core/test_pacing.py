"""The budget is never exceeded, cancels never wait behind anything else, and scripts take turns."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibmux.core.pacing import LANES, Lane, Pacer
from ibmux.errors import Busy

RATE, BURST = 40.0, 10
steps = st.lists(
    st.tuples(st.floats(0, 0.3), st.sampled_from(LANES), st.sampled_from("abc"), st.integers(1, 12), st.booleans()),
    max_size=60,
)


def drive(moves: list[tuple[float, Lane, str, int, bool]]) -> list[tuple[float, Lane]]:
    """Offer and take as a gate does; when and in which lane each message went."""
    pacer: Pacer[Lane] = Pacer(RATE, BURST)
    now, sent = 0.0, []
    for pause, lane, script, count, direct in moves:
        now += pause
        for _ in range(count):
            if direct and pacer.admit(lane, now):
                sent.append((now, lane))
            else:
                pacer.offer(lane, script, lane)
        while (item := pacer.take(now)) is not None:
            sent.append((now, item))
    while (delay := pacer.delay(now)) is not None:
        now += delay
        item = pacer.take(now)
        if item is None:
            now += 1e-6  # rounding: the next try is not earlier than promised
        else:
            sent.append((now, item))
    assert len(sent) == sum(count for _, _, _, count, _ in moves)
    return sent


@settings(max_examples=60, deadline=None)
@given(steps)
def test_never_more_than_rate_times_time_plus_burst_and_never_more_than_rate_in_a_second(moves: list) -> None:
    times = [at for at, _ in drive(moves)]
    for first, start in enumerate(times):
        for last in range(first, len(times)):
            span = times[last] - start
            count = last - first + 1
            assert count <= RATE * span + BURST + 1e-3
            if span < 1.0 - 1e-6:
                assert count <= RATE


@settings(max_examples=60, deadline=None)
@given(steps, st.integers(1, 20))
def test_a_cancel_goes_before_everything_that_waits(moves: list, cancels: int) -> None:
    pacer: Pacer[str] = Pacer(RATE, BURST)
    for _, lane, script, count, _ in moves:
        for _ in range(count):
            pacer.offer(lane, script, lane)
    for _ in range(cancels):
        pacer.offer("cancel", "z", "cancel")
    expected = pacer.depth("cancel")
    now, order = 0.0, []
    while (delay := pacer.delay(now)) is not None:
        now += delay + 1e-9
        if (item := pacer.take(now)) is not None:
            order.append(item)
    assert order == sorted(order, key=LANES.index)
    assert order[:expected] == ["cancel"] * expected


def test_a_cancel_and_an_order_leave_at_once_while_a_flood_of_questions_waits() -> None:
    pacer: Pacer[int] = Pacer(RATE, BURST)
    for _ in range(400):
        pacer.offer("bulk", "flood", 0)
    went = 0
    for turn in range(1, 301):
        now = turn * 0.01
        while pacer.take(now) is not None:
            went += 1
        if turn % 50 == 0:
            assert pacer.admit("cancel", now), now
            assert pacer.admit("order", now), now
    assert went >= 3 * RATE * 0.75


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 30), min_size=2))
def test_scripts_take_turns_inside_a_lane(waiting: dict[str, int]) -> None:
    pacer: Pacer[str] = Pacer(RATE, BURST)
    for script, count in waiting.items():
        for _ in range(count):
            pacer.offer("bulk", script, script)
    now, left, seen = 0.0, Counter(waiting), Counter[str]()
    while left.total():
        now += 1.0
        while (script := pacer.take(now)) is not None:
            left[script] -= 1
            seen[script] += 1
            still = [seen[each] for each in waiting if left[each]]
            assert not still or seen[script] - min(still) <= 1


def test_an_idle_budget_admits_at_once_and_a_queue_is_never_passed() -> None:
    pacer: Pacer[str] = Pacer(RATE, BURST)
    assert pacer.admit("bulk", 0.0)
    pacer.offer("market", "a", "first")
    assert not pacer.admit("market", 0.0)
    assert not pacer.admit("bulk", 0.0)
    assert pacer.admit("order", 0.0)
    assert pacer.take(0.0) == "first"
    assert pacer.take(0.0) is None
    assert pacer.delay(0.0) is None


def test_the_queue_has_bounds_for_a_script_and_for_all() -> None:
    pacer: Pacer[int] = Pacer(RATE, BURST, share=2, bound=3)
    pacer.offer("bulk", "a", 1)
    pacer.offer("bulk", "a", 2)
    with pytest.raises(Busy):
        pacer.offer("bulk", "a", 3)
    pacer.offer("bulk", "b", 4)
    with pytest.raises(Busy):
        pacer.offer("bulk", "c", 5)
    pacer.offer("market", "c", 6)
    assert (pacer.depth("bulk"), pacer.depth("market")) == (3, 1)


def test_what_is_withdrawn_never_goes_and_costs_nothing() -> None:
    pacer: Pacer[str] = Pacer(RATE, BURST)
    for item in ("one", "two", "three"):
        pacer.offer("bulk", "a", item)
    assert pacer.withdraw("bulk", "a", "two")
    assert not pacer.withdraw("bulk", "a", "two")
    assert not pacer.withdraw("bulk", "b", "one")
    assert pacer.heads("bulk") == ["one"]
    assert [pacer.take(0.0), pacer.take(0.0), pacer.take(0.0)] == ["one", "three", None]
    pacer.offer("bulk", "a", "last")
    assert pacer.withdraw("bulk", "a", "last")
    assert pacer.delay(0.0) is None


def test_clear_gives_everything_back_most_urgent_first() -> None:
    pacer: Pacer[str] = Pacer(RATE, BURST)
    for lane in reversed(LANES):
        pacer.offer(lane, "a", lane)
    assert pacer.clear() == list(LANES)
    assert pacer.delay(0.0) is None
    assert all(pacer.depth(lane) == 0 for lane in LANES)


def test_a_tiny_budget_still_moves() -> None:
    pacer: Pacer[int] = Pacer(0.5, 1)
    assert pacer.admit("bulk", 0.0)
    assert not pacer.admit("bulk", 0.0)
    pacer.offer("bulk", "a", 1)
    assert pacer.delay(0.0) == pytest.approx(2.0)
    assert pacer.take(2.1) == 1
