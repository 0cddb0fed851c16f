"""Pauses grow from floor to cap, with jitter, and start again only after a lasting success."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ibmux.core.backoff import Backoff


def test_without_luck_the_pause_doubles_up_to_the_cap() -> None:
    backoff = Backoff(5, 60, draw=lambda: 1.0)
    assert [backoff.pause() for _ in range(6)] == [10, 20, 40, 60, 60, 60]


def test_with_luck_it_stays_at_the_floor() -> None:
    backoff = Backoff(5, 60, draw=lambda: 0.0)
    assert [backoff.pause() for _ in range(4)] == [5, 5, 5, 5]


@given(st.floats(0.01, 100), st.floats(0.01, 1000), st.lists(st.floats(0, 1), min_size=1, max_size=80))
def test_a_pause_is_never_below_the_floor_nor_above_the_cap(floor: float, cap: float, draws: list[float]) -> None:
    remaining = iter(draws)
    backoff = Backoff(floor, cap, draw=lambda: next(remaining))
    for _ in draws:
        assert floor <= backoff.pause() <= max(floor, cap) * 1.000001


def test_only_a_minute_of_ready_starts_the_growth_again() -> None:
    backoff = Backoff(5, 60, draw=lambda: 1.0)
    for _ in range(3):
        backoff.pause()
    backoff.lasted(59.9)
    assert backoff.pause() == 60
    backoff.lasted(60.0)
    assert backoff.pause() == 10
