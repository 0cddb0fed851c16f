"""When a stream's silence is suspect: properties over every rhythm, and what renewals teach."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibmux.core.rhythm import ANSWER, FLOOR, LONGEST, MEMORY, TIMES, UNSURE, Gap, Rhythm

PAUSES = st.lists(st.floats(0.0, 2_000.0), min_size=1, max_size=60)


def beaten(pauses: list[float], rhythm: Rhythm | None = None) -> tuple[Rhythm, float]:
    """A stream that spoke after each of these pauses, and the instant of its last word."""
    rhythm, now = rhythm or Rhythm(0.0), 0.0
    for pause in pauses:
        now += pause
        rhythm.beat(now)
    return rhythm, now


def renew(rhythm: Rhythm, now: float, *, news: bool) -> Gap | None:
    """One renewal, answered a second later and judged."""
    rhythm.suspect("silent")
    rhythm.renewed(now)
    assert rhythm.hear(now + 1.0) is None
    assert not rhythm.answered(now + 1.0)
    assert rhythm.answered(now + 1.0 + ANSWER)
    return rhythm.judge(news=news)


@given(PAUSES, st.floats(0.0, 10_000.0))
def test_no_silence_below_the_floor_is_suspect_and_any_long_one_is(pauses: list[float], silence: float) -> None:
    rhythm, now = beaten(pauses)
    limit = rhythm.limit()
    assert FLOOR <= limit <= LONGEST
    assert rhythm.is_due(now + silence) == (now + silence - now >= limit)
    assert not rhythm.is_due(now + FLOOR * 0.99)
    assert rhythm.is_due(now + LONGEST + 1.0)
    assert not rhythm.is_due(now + UNSURE * 0.99, UNSURE)


@given(PAUSES)
def test_the_pause_before_is_never_suspect_if_it_comes_again(pauses: list[float]) -> None:
    rhythm, now = beaten(pauses)
    assert rhythm.limit() >= min(LONGEST, TIMES * pauses[-1] * 0.999)
    assert not rhythm.is_due(now + min(pauses[-1], LONGEST) * 0.99)


@given(PAUSES, st.floats(0.5, 2.0))
def test_a_long_pause_is_forgotten_by_a_stream_that_speaks_often(pauses: list[float], pause: float) -> None:
    rhythm, _ = beaten(pauses)
    now = rhythm.heard
    for _ in range(int(5 * MEMORY / pause)):
        now += pause
        rhythm.beat(now)
    assert rhythm.limit() == FLOOR


@given(PAUSES)
def test_a_rhythm_that_is_fixed_is_not_learned(pauses: list[float]) -> None:
    rhythm, _ = beaten(pauses, Rhythm(0.0, 5.0))
    assert rhythm.limit() == max(FLOOR, TIMES * 5.0)


@given(st.integers(1, 40))
def test_renewals_that_bring_nothing_come_less_and_less_often(count: int) -> None:
    rhythm, now = Rhythm(0.0), 0.0
    limits = []
    for _ in range(count):
        limits.append(rhythm.limit())
        now = rhythm.heard + rhythm.limit()
        assert rhythm.is_due(now)
        assert renew(rhythm, now, news=False) is None
        assert not rhythm.stale
    assert limits == sorted(limits)
    assert limits[-1] == min(LONGEST, FLOOR * 2.0 ** (count - 1))


def test_a_word_of_its_own_ends_the_doubts_and_teaches_the_quiet_markets_rhythm() -> None:
    rhythm = Rhythm(0.0)
    renew(rhythm, 15.0, news=False)
    renew(rhythm, 50.0, news=False)
    assert (rhythm.barren, rhythm.calm) == (2, False)
    assert rhythm.hear(120.0) is None
    assert (rhythm.barren, rhythm.calm, rhythm.usual) == (0, True, 120.0)
    assert rhythm.limit() == 360.0


def test_a_renewal_that_brings_news_is_a_gap_from_the_last_word_to_the_first() -> None:
    rhythm, _ = beaten([1.0, 1.0])
    assert rhythm.suspect("silent")
    assert not rhythm.suspect("silent")
    assert rhythm.stale
    rhythm.renewed(20.0)
    assert rhythm.hear(20.5) is None
    assert not rhythm.stale
    rhythm.hear(20.7)
    assert rhythm.judge(news=True) == Gap(2.0, 20.5, "silent")
    assert (rhythm.calm, rhythm.barren, rhythm.heard) == (True, 0, 20.7)
    assert rhythm.usual == pytest.approx(1.0, rel=0.01)  # the time in which it was dead is no rhythm


def test_a_renewal_without_an_answer_is_repeated_less_often() -> None:
    rhythm, _ = beaten([1.0])
    now = 1.0
    for doubts in range(5):
        assert not rhythm.is_due(now + rhythm.limit() - 0.5)
        now += rhythm.limit()
        assert rhythm.is_due(now)
        rhythm.suspect("silent")
        rhythm.renewed(now)
        assert (rhythm.barren, rhythm.stale) == (doubts, True)
    rhythm.hear(now + 1.0)
    assert rhythm.judge(news=True) == Gap(1.0, now + 1.0, "silent")


def test_what_was_only_quiet_is_no_gap() -> None:
    rhythm, _ = beaten([1.0])
    rhythm.suspect("silent")
    assert rhythm.hear(31.0) is None
    assert (rhythm.stale, rhythm.calm, rhythm.usual) == (False, True, 30.0)


def test_a_known_loss_is_a_gap_at_the_first_word_and_told_once() -> None:
    rhythm, _ = beaten([1.0])
    assert rhythm.lose("the farm")
    assert rhythm.hear(61.0) == Gap(1.0, 61.0, "the farm")
    assert rhythm.calm
    assert rhythm.usual == 1.0
    rhythm.lose("the farm")
    rhythm.renewed(90.0)
    assert rhythm.hear(91.0) == Gap(61.0, 91.0, "the farm")
    assert rhythm.judge(news=True) is None


def test_a_loss_that_somebody_else_tells_is_told_here_only_if_it_goes_on() -> None:
    rhythm, _ = beaten([1.0])
    rhythm.lose()
    assert rhythm.hear(5.0) is None
    assert rhythm.calm
    rhythm.lose()
    rhythm.expect(20.0)
    assert not rhythm.is_due(19.0)
    assert rhythm.is_due(20.0)
    rhythm.suspect("silent")
    rhythm.renewed(20.0)
    assert rhythm.hear(21.0) == Gap(5.0, 21.0, "silent")


def test_what_is_expected_is_due_whatever_its_rhythm_and_a_word_fulfils_it() -> None:
    rhythm, _ = beaten([100.0])
    rhythm.expect(110.0)
    rhythm.expect(115.0)
    assert rhythm.is_due(110.0)
    rhythm.hear(105.0)
    assert rhythm.due is None
    assert not rhythm.is_due(110.0)


def test_the_silence_of_a_closed_market_does_not_count_and_is_not_learned() -> None:
    rhythm, _ = beaten([1.0])
    rhythm.rest(60_000.0)
    assert not rhythm.is_due(60_014.0)
    assert rhythm.is_due(60_015.0)
    rhythm.hear(60_016.0)
    assert (rhythm.calm, rhythm.usual) == (True, 1.0)


def test_silence_is_counted_from_the_subscription_that_went_out() -> None:
    rhythm = Rhythm(0.0)
    rhythm.subscribed(40.0)
    assert rhythm.silence(50.0) == 10.0
    rhythm.hear(41.0)
    assert rhythm.usual == 0.0
    rhythm.suspect("silent")
    rhythm.renewed(60.0)
    rhythm.subscribed(90.0)
    assert rhythm.silence(100.0) == 10.0


def test_a_stream_that_begins_anew_is_fresh() -> None:
    rhythm, _ = beaten([7.0])
    rhythm.lose("the farm")
    rhythm.expect(9.0)
    rhythm.begin(50.0)
    assert (rhythm.stale, rhythm.calm, rhythm.due, rhythm.heard, rhythm.usual) == (False, True, None, 50.0, 7.0)


def test_a_rhythm_says_how_it_is() -> None:
    rhythm, _ = beaten([2.0])
    assert repr(rhythm) == "<Rhythm fresh, every 2.0 s, 0 barren>"
    rhythm.suspect("silent")
    assert repr(rhythm) == "<Rhythm stale (silent), every 2.0 s, 0 barren>"
