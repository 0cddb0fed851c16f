"""IB's limits on requests for history: whatever is asked, in whatever order, no window ever holds too many."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibmux.core import history_pacing
from ibmux.core.history_pacing import HistoryPacing, Quota, Spacing
from ibmux.errors import Busy

ASKED = st.lists(
    st.tuples(st.floats(0, 30), st.integers(0, 3), st.integers(0, 2), st.sampled_from([1, 2])), max_size=150
)


@given(ASKED)
def test_no_rule_is_ever_broken(asked: list[tuple[float, int, int, int]]) -> None:
    pacing, now = HistoryPacing(), 0.0
    sent: list[tuple[float, int, int, int]] = []
    for pause, question, series, weight in asked:
        now += pause / 10
        at = pacing.book((series, question), series, now, math.inf, weight)
        assert at >= now
        sent.append((at, question, series, weight))
    sent.sort()
    for number, (at, question, series, _) in enumerate(sent):
        before = sent[:number]
        assert not any(at - then < 15 for then, q, s, _ in before if (q, s) == (question, series))
        assert sum(w for then, _, s, w in sent[: number + 1] if s == series and at - then < 2) <= 5
        assert sum(w for then, _, _, w in sent[: number + 1] if at - then < 600) <= 60


def test_what_would_be_too_late_is_refused_and_not_booked() -> None:
    pacing = HistoryPacing()
    assert pacing.book("q", "s", 100.0, 100.0) == 100.0
    with pytest.raises(Busy, match="wait 13 seconds") as refused:
        pacing.book("q", "s", 102.0, 110.0)
    assert refused.value.retry_after == pytest.approx(13.2, abs=0.1)
    assert pacing.book("q", "s", 102.0, 120.0) == pytest.approx(115.25)
    assert pacing.book("other", "s", 102.0, 102.0) == 102.0


def test_five_of_a_series_then_a_pause() -> None:
    pacing = HistoryPacing()
    times = [pacing.book(number, "s", 0.0, math.inf) for number in range(7)]
    assert times == [0.0] * 5 + [2.25] * 2
    assert pacing.book("x", "another series", 0.0, 0.0) == 0.0


def test_sixty_in_ten_minutes() -> None:
    quota = Quota(60, 600.0)
    assert [quota.book(1.0, 1.0) for _ in range(60)] == [1.0] * 60
    with pytest.raises(Busy, match="60 such requests"):
        quota.book(2.0, 500.0)
    assert not quota.idle(600.0)
    assert quota.idle(602.0)
    assert quota.book(700.0, 700.0) == 700.0


def test_an_instrument_once_in_fifteen_seconds() -> None:
    spacing = Spacing(15.0)
    assert spacing.book(1, 0.0, 0.0) == 0.0
    assert spacing.book(2, 0.0, 0.0) == 0.0
    assert spacing.book(1, 1.0, 30.0) == 15.25
    assert spacing.book(1, 1.0, 31.0) == 30.5


def test_who_wants_no_spacing_waits_for_nothing() -> None:
    spacing = Spacing(0.0)
    assert [spacing.book(1, now, now) for now in (0.0, 0.0, 0.1)] == [0.0, 0.0, 0.1]


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_pacing, "REMEMBERED", 10)
    spacing, pacing = Spacing(15.0), HistoryPacing()
    for number in range(100):
        spacing.book(number, number * 100.0, math.inf)
        pacing.book(number, number, number * 100.0, math.inf)
    assert len(spacing._latest) <= 10
    assert len(pacing._series) <= 10
