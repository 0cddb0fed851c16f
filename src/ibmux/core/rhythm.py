"""The rhythm of one stream: how often it usually speaks, when its silence is suspect, what a renewal told.

Decisions alone: there is no clock here, every instant is passed in (seconds of one steady clock). The session hears
the streams, asks again, and publishes what is decided here.
"""

from __future__ import annotations

from typing import NamedTuple

FLOOR = 15.0
"""Seconds of silence below which no stream is suspected."""
UNSURE = 60.0
"""The same where nobody knows whether the market is open."""
TIMES = 3.0
"""A silence so many times as long as the longest usual one is suspect."""
LONGEST = 600.0
"""Seconds of silence after which a stream is suspected, however quiet it is; a longer pause is not learned."""
MEMORY = 600.0
"""Seconds in which the longest pause that was heard counts for less and less."""
ANSWER = 2.0
"""Seconds from the first message of a new subscription in which the gateway tells what it knows already."""


class Gap(NamedTuple):
    """What a stream missed: its last update before, its first one after, and why."""

    start: float
    end: float
    why: str


class Rhythm:
    """One stream's life as it is heard.

    A stream is `stale` from the moment at which it is suspected or known to be lost until it is heard again. While it
    is `calm` (heard, nothing expected of it) `beat` is all that a message costs; else the message goes to `hear`.

    Args:
        now: the beginning.
        fixed: the interval of a stream that speaks by the clock; 0 where it is learned.

    Attributes:
        heard: its last message.
        usual: the longest pause lately, fading.
        barren: renewals in a row that brought nothing new: the market is quiet, not the stream dead.
        stale: what was heard last may be old.
        due: it has to speak until then, whatever the market does; None: nothing is expected.
    """

    __slots__ = (
        "_answered", "_asked", "_fixed", "_lost", "_rested", "_since", "_spoke", "_why", "barren", "calm", "due",
        "heard", "stale", "usual",
    )  # fmt: skip

    def __init__(self, now: float, fixed: float = 0.0) -> None:
        self._fixed = fixed
        self.usual = fixed
        self.begin(now)

    def __repr__(self) -> str:
        state = f"stale ({self._why})" if self.stale else "fresh"
        return f"<Rhythm {state}, every {self.usual:.1f} s, {self.barren} barren>"

    def begin(self, now: float) -> None:
        """The stream begins: nothing is known of it but its rhythm of before."""
        self.heard = self._since = self._spoke = now
        self.barren = 0
        self.stale = self._lost = False
        self.due: float | None = None
        self._asked: float | None = None
        self._answered: float | None = None
        self._rested: float | None = None
        self._why = ""
        self.calm = True

    # -- hearing ----------------------------------------------------------------------------------------------------

    def beat(self, now: float) -> None:
        """A message of a calm stream (the hot path): the longest pause is remembered, and fades."""
        pause = now - self.heard
        self.heard = now
        if self._fixed:
            return
        faded = self.usual * (1.0 - pause / MEMORY)
        if pause < faded:
            self.usual = faded
        else:
            self.usual = pause if pause < LONGEST else LONGEST

    def hear(self, now: float) -> Gap | None:
        """A message of a stream that is not calm; the gap that it ends, if that is certain."""
        self.due = None
        if self._asked is not None:
            return self._hear_answer(now)
        lost, gap = self._lost, self._end_loss(now)
        if lost or self._rested is not None:
            self.heard = now  # a pause that tells nothing of the rhythm
        else:
            if self.barren:
                self.heard = self._spoke  # an answer was no word of its own
            self.beat(now)
        self.barren = 0
        self.stale, self._rested, self.calm = False, None, True
        return gap

    def _hear_answer(self, now: float) -> Gap | None:
        self.heard = now
        if self._answered is not None:
            return None
        self._answered = now
        gap = self._end_loss(now)
        self.stale = False
        return gap

    def _end_loss(self, now: float) -> Gap | None:
        """It was known to be lost, and is heard again."""
        if not self._lost:
            return None
        self._lost = False
        start, self._since = self._since, now
        return Gap(start, now, self._why) if self._why and now > start else None

    # -- doubting ---------------------------------------------------------------------------------------------------

    def lose(self, why: str = "") -> bool:
        """It is known to be interrupted: stale until it is heard. Whether it was fresh.

        Without a reason the interruption is somebody else's to tell, unless the stream is suspected on top of it.
        """
        self._lost = True
        return self._distrust(why)

    def suspect(self, why: str) -> bool:
        """Its silence is suspect: stale until it is heard. Whether it was fresh."""
        return self._distrust(why)

    def expect(self, by: float) -> None:
        """It has to speak until then."""
        if self.due is None or by < self.due:
            self.due = by
        self.calm = False

    def rest(self, now: float) -> None:
        """Its market is closed: the silence until now means nothing."""
        self._rested = now
        self.calm = False

    def renewed(self, now: float) -> None:
        """It was asked for again; what comes first is the answer. One that was not answered before is doubted less."""
        if self._asked is not None and self._answered is None:
            self.barren += 1
        if not self.barren and self._asked is None:
            self._spoke = self.heard
        self._asked, self._answered, self.due, self._rested = now, None, None, None
        self.calm = False

    def subscribed(self, now: float) -> None:
        """Its subscription went out: silence is counted from here."""
        if self._asked is None:
            self.rest(now)
        else:
            self._asked = now

    def answered(self, now: float) -> bool:
        """Whether the answer to a renewal is whole: it can be judged."""
        return self._answered is not None and now - self._answered >= ANSWER

    def judge(self, *, news: bool) -> Gap | None:
        """The answer was whole; `news`: it told what the stream had not. The gap, if the stream was dead."""
        answered, self._asked, self._answered = self._answered, None, None
        if not news:
            self.barren += 1
            return None
        self.barren, self.calm = 0, self.due is None and not self.stale
        if answered is None or answered <= self._since:
            return None
        return Gap(self._since, answered, self._why)

    def is_due(self, now: float, floor: float = FLOOR) -> bool:
        """Whether it should have spoken by now."""
        if self.due is not None and now >= self.due:
            return True
        return self.silence(now) >= self.limit(floor)

    def silence(self, now: float) -> float:
        """Seconds of silence that count."""
        return now - max(self.heard, self._asked or self.heard, self._rested or self.heard)

    def limit(self, floor: float = FLOOR) -> float:
        """Seconds of silence after which it is suspect."""
        return float(min(LONGEST, max(floor, TIMES * self.usual) * 2.0 ** min(self.barren, 16)))

    def _distrust(self, why: str) -> bool:
        self.calm = False
        if self.stale:
            self._why = self._why or why
            return False
        self.stale, self._since, self._why = True, self.heard, why
        return True
