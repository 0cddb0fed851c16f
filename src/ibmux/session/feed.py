"""One subscription that is no quote: what every kind of stream has in common, whatever it says."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from ibmux.core.rhythm import Rhythm
from ibmux.messages.contracts import Contract
from ibmux.session.link import Fields
from ibmux.session.paced import Paces


def ignore(*_: Any) -> None:
    """What a feed calls while nobody listens."""


class Feed(ABC):
    """One subscription of one contract.

    Attributes:
        request: the request's id upstream, 0 while there is none.
        failures: refusals since the last message.
        first: done with the first message, or with the gateway's refusal, while somebody waits for it.
        news: items that came since the last `deliver`.
        deliver: gets the new items, once per network read.
        broken: called when items may have been missed: the next ones begin anew.
        opening: seconds that opening waits for a first message; a quiet contract may have none for hours.
        rhythm: how often it speaks; `interval` is the pause of one that speaks by the clock.
        name: what it is called in its topic.
    """

    opening: ClassVar[float] = 2.0
    takes_history: ClassVar[bool] = False
    interval: ClassVar[float] = 0.0
    rth = False

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.request = 0
        self.failures = 0
        self.first: asyncio.Future[None] | None = None
        self.news: list[Any] = []
        self.deliver: Callable[[list[Any]], None] = ignore
        self.broken: Callable[[], None] = ignore
        self.rhythm = Rhythm(time.monotonic(), self.interval)
        self.name = type(self).__name__
        self.latest: Any = None

    @property
    def label(self) -> str:
        """The stream's name, as in its topic: `<conId>/<name>`."""
        return f"{self.contract.conId}/{self.name}"

    @property
    def is_regular(self) -> bool:
        """Whether it is bound to regular trading hours."""
        return self.rth

    def gist(self) -> Any:
        """What its latest message said; None before the first."""
        return self.latest

    def differs(self, before: Any) -> bool:
        """Whether what is known now is more than a repetition of what was known before."""
        now = self.gist()
        return now is not None and now != before

    def book(self, paces: Paces, now: float, latest: float) -> float:
        """Book the instant of its request."""
        return now

    @abstractmethod
    def subscribe(self, link: Any) -> None:
        """Ask for it, as `request`."""

    @abstractmethod
    def cancel(self, link: Any, request: int) -> None:
        """End it."""

    @abstractmethod
    def take(self, fields: Fields) -> None:
        """Read one message."""

    def clear(self) -> None:
        """The gateway knows nothing of it any more: what follows begins anew."""
        self.flush()
        self.broken()

    def flush(self) -> None:
        """Hand on what is new."""
        if self.news:
            news, self.news = self.news, []
            self.deliver(news)

    def begun(self, error: Exception | None = None) -> bool:
        """The gateway serves it, or refuses it; whether somebody waited for that."""
        first = self.first
        if first is None or first.done():
            return False
        if error is None:
            first.set_result(None)
        else:
            first.set_exception(error)
        return True
