"""Streams that died without a word: whoever is silent beyond its rhythm while its market is open is asked for again.

One mechanism for all: a stream that falls silent by itself, one that a farm's return (2104, 2106, 2158) or the end of
a cut (1102) left dead, one that is silent while a farm is lost. A quiet contract costs a message now and then, and is
asked for less and less often.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from functools import partial

from ibmux.config import GatewaySettings
from ibmux.core import rhythm
from ibmux.messages.contracts import Contract
from ibmux.session.feed import Feed
from ibmux.session.feeds import DepthFeed, RealTimeFeed
from ibmux.session.hooks import Hooks
from ibmux.session.streams import Streams
from ibmux.session.ticks import Line

SILENCE = 15.0
"""Seconds after a farm's return, or a cut's end, in which a stream that lives has something to say, mostly."""
FALLEN = 5.0
"""Seconds of silence after which a stream counts as stale while a farm is lost; one with a slow rhythm has longer."""
LOOK = 1.0
"""Seconds between two looks at the streams."""
SILENT = "The stream was silent beyond its usual rhythm."
LEFT = "The stream did not go on by itself after an interruption."
AT_ONCE = 10
"""Streams that are asked for again at one look: they must not fill the way out."""


def unknown(*_: object) -> bool | None:
    """Whether a market is open, while nobody knows."""
    return None


class Watch(Streams):
    """The part of a session that looks after its streams.

    Attributes:
        is_open: whether the market of a contract is open at an instant (seconds UTC), in regular hours if the third
            argument says so; None where nobody knows.
    """

    def __init__(
        self, settings: GatewaySettings, hooks: Hooks | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(settings, hooks, clock=clock)
        self.is_open: Callable[[Contract, float, bool], bool | None] = unknown
        self._looker: asyncio.TimerHandle | None = None

    def on_farm_back(self) -> None:
        """A farm that was lost serves again: see who speaks; what came before the news of it does not count."""
        self._flush()
        self._expect_all()

    # -- what the driver asks for -----------------------------------------------------------------------------------

    def _lose_lines(self) -> None:
        super()._lose_lines()
        self._before.clear()

    def _restore_lines(self) -> None:
        """What the gateway kept has to show that it did; a book that may have missed a change begins anew."""
        for stream in self._all():
            self._lose(stream)
        self._expect_all()
        for feed in [each for each in self.feeds if isinstance(each, DepthFeed) and each.request]:
            self.renew_stream(feed)
        super()._restore_lines()
        self._look_later()

    def _expect_all(self) -> None:
        by = time.monotonic() + SILENCE
        for stream in self._all():
            if stream.request:
                stream.rhythm.barren = 0
                stream.rhythm.expect(by)

    def _all(self) -> Iterator[Line | Feed]:
        yield from self.lines.values()
        yield from self.feeds

    # -- looking ----------------------------------------------------------------------------------------------------

    def _look_later(self) -> None:
        if self._looker is not None:
            self._looker.cancel()
        self._looker = asyncio.get_running_loop().call_later(min(LOOK, SILENCE), self._look)

    def _look(self) -> None:
        """See who is silent too long; while the session is not `ready`, nobody is."""
        self._looker = None
        if self.state != "ready":
            return
        self._look_later()
        now = time.monotonic()
        if self._before:
            self._before = {stream: self._before[stream] for stream in self._all() if stream in self._before}
        dead = [stream for stream in self._all() if self._is_dead(stream, now)]
        for stream in dead[:AT_ONCE]:
            self._renew(stream, now)
        if self._ended:
            self._tell_gaps()

    def _is_dead(self, stream: Line | Feed, now: float) -> bool:
        """Whether a stream has to be asked for again; marks it if it is stale, judges its last renewal."""
        pulse = stream.rhythm
        if pulse.answered(now):
            self._judge(stream)
        if stream.first is not None:
            return False  # whoever opens it waits for it
        if pulse.due is None and pulse.silence(now) < min(FALLEN, SILENCE):
            return False
        floor = rhythm.FLOOR
        if pulse.due is None or now < pulse.due:
            is_open = self.is_open(stream.contract, self.clock(), stream.is_regular)
            if is_open is False:
                pulse.rest(now)
                return False
            floor = rhythm.FLOOR if is_open else rhythm.UNSURE
            if self._lost_farms() and pulse.is_due(now, FALLEN):
                self._lose(stream, f"The connection to {', '.join(self._lost_farms())} is lost.")
                floor = FALLEN if isinstance(stream, DepthFeed) else floor
        if not pulse.is_due(now, floor):
            return False
        self._suspect(stream, SILENT if pulse.due is None else LEFT)
        return bool(stream.request)

    def _lost_farms(self) -> list[str]:
        return [name for name, serves in self.farms.items() if not serves]

    # -- asking again -----------------------------------------------------------------------------------------------

    def _renew(self, stream: Line | Feed, now: float) -> None:
        self._before.setdefault(stream, stream.gist())
        stream.rhythm.renewed(now)
        if isinstance(stream, Feed):
            self.renew_stream(stream)
        elif self._lines_taken() < self.settings.lines:
            self._post("market", partial(self._replace, stream))
        else:  # two at once would be one too many
            self._cancel(stream)
            self._post("market", partial(self._subscribe, stream))

    def _lines_taken(self) -> int:
        return len(self.lines) + sum(isinstance(feed, RealTimeFeed) for feed in self.feeds)
