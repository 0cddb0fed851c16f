"""Streams as they are heard: what is stale, what is fresh again, and the gaps between, told and counted.

When a silence is suspect is `core.rhythm`'s decision; who looks, and what is done about it, is in `watch`.
"""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

from ibmux.config import GatewaySettings
from ibmux.core.rhythm import Gap, Rhythm
from ibmux.messages.contracts import Contract
from ibmux.session.asking import Asking
from ibmux.session.hooks import Hooks
from ibmux.session.ticks import Line


class Beating(Protocol):
    """What has a rhythm: a line, or a feed."""

    contract: Contract
    rhythm: Rhythm
    request: int
    first: asyncio.Future[None] | None

    @property
    def label(self) -> str:
        """The stream's name, as in its topic: `<conId>/<name>`."""

    @property
    def is_regular(self) -> bool:
        """Whether it is bound to regular trading hours."""

    def gist(self) -> Any:
        """What is known by it now; None if nothing is."""

    def differs(self, before: Any) -> bool:
        """Whether what is known now is more than a repetition of what was known before."""


class Pulse(Asking):
    """The part of a session that knows how its streams are.

    Attributes:
        competing: another session of the user has the market data (10197).
        stream_gaps: gaps of single streams, of all `gaps`.
    """

    def __init__(
        self, settings: GatewaySettings, hooks: Hooks | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(settings, hooks, clock=clock)
        self.competing = False
        self.stream_gaps = 0
        self._ended: list[tuple[Gap, str]] = []
        self._before: dict[Beating, Any] = {}

    def is_stale(self, con_id: int) -> bool:
        """Whether the quote of a contract's line may be old."""
        line = self.lines.get(con_id)
        return self.state != "ready" or (line is not None and line.rhythm.stale)

    @abstractmethod
    def _yield(self, stream: Beating, text: str) -> None:
        """The gateway ended a stream because another session of the user has the market data (10197)."""

    def _lose(self, stream: Beating, why: str = "") -> None:
        """A stream is known to be interrupted; without a reason, whoever knows that tells the gap."""
        if stream.rhythm.lose(why):
            self._became_stale(stream)

    def _suspect(self, stream: Beating, why: str) -> None:
        """A stream's silence is suspect."""
        if stream.rhythm.suspect(why):
            self._became_stale(stream)

    def _became_stale(self, stream: Beating) -> None:
        if isinstance(stream, Line):
            self.hooks.on_stale(stream.contract.conId)

    def _heard_at(self) -> float:
        """When the present messages came (seconds of the steady clock): one reading for each read of the socket."""
        return self.link.heard if self.link is not None else time.monotonic()

    def _hear_stream(self, stream: Beating, now: float) -> None:
        """A message of a stream that is not calm; while the session is not `ready`, nothing counts as fresh."""
        if self.state != "ready":
            return
        gap = stream.rhythm.hear(now)
        if gap is not None:
            self._ended.append((gap, stream.label))

    def _judge(self, stream: Beating) -> None:
        """The answer to a renewal is whole: whether the stream had been dead, or its market only quiet."""
        gap = stream.rhythm.judge(news=stream.differs(self._before.pop(stream, None)))
        if gap is not None:
            self._ended.append((gap, stream.label))

    def _tell_gaps(self) -> None:
        """Publish the gaps that ended; those that ended together for one reason are told as one."""
        ended, self._ended = self._ended, []
        offset = self.clock() - time.monotonic()
        for why in dict.fromkeys(gap.why for gap, _ in ended):
            gaps = [gap for gap, _ in ended if gap.why == why]
            names = [name for gap, name in ended if gap.why == why]
            self.gaps += len(names)
            self.stream_gaps += len(names)
            start, end = min(gap.start for gap in gaps), max(gap.end for gap in gaps)
            self.hooks.on_gap(start + offset, end + offset, why, names)
