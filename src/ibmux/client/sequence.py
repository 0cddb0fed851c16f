"""A claim on a stream of numbered items: decides what is new, what is old and what is missing.

A lease's answer says the number of the next item. Items that come before the answer wait for it. A hole or another
epoch means that something was missed. Where the answer holds the whole state (`whole`), what comes then waits for a
fresh one; where items stand for themselves, they go on and the script is told of the hole.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Generic, TypeVar, cast

import msgspec

from ibmux.client.claims import Claim
from ibmux.mqtt.message import Message

WAITING = 1_000
"""Messages that may wait for an answer; when more come first, they are let go and it is asked for again."""
OLD = 1.0
"""Seconds after which a lower number is no late message but a stream that began anew."""

B = TypeVar("B")
L = TypeVar("L")


class Sequence(Claim, Generic[B, L]):
    """A claim whose messages are of type `B` and whose leases are of type `L`.

    Args:
        ask: takes or renews the lease.
        on_hole: told of what was missed: this claim, from and to (seconds UTC).

    Attributes:
        gaps: holes so far.
    """

    batch: ClassVar[type[Any]]
    whole: ClassVar[bool] = False

    def __init__(
        self, ask: Callable[..., Awaitable[L]], on_hole: Callable[[Claim, float, float], None], topic: str = ""
    ) -> None:
        self.topic = topic
        self.gaps = 0
        self._ask = ask
        self._on_hole = on_hole
        self._decode = msgspec.msgpack.Decoder(self.batch).decode
        self._epoch = -1
        self._next = -1
        self._as_of = 0.0
        self._waiting: list[B] | None = []

    @abstractmethod
    def begin(self, lease: L) -> None:
        """Take what the answer says of the stream's state."""

    @abstractmethod
    def apply(self, batch: B) -> None:
        """Take items that are new."""

    @abstractmethod
    def items(self, batch: B) -> list[Any]:
        """The list of items in a message; what is known already is cut from it."""

    async def lease(self) -> None:
        """Take or renew the lease."""
        self.take(await self._ask())

    def distrust(self) -> None:
        """Let what comes wait for the next answer."""
        if self._waiting is None:
            self._waiting = []

    def receive(self, message: Message) -> None:
        """Take one message of the stream (the hot path)."""
        batch: Any = self._decode(message.payload)
        if self._waiting is None:
            self._follow(batch)
            return
        self._waiting.append(batch)
        if len(self._waiting) > WAITING:
            self._waiting.clear()
            self._on_hole(self, batch.time, batch.time)

    def take(self, lease: L) -> None:
        """Take the lease's answer: it holds, and if something waits for it the stream goes on from there."""
        answer: Any = lease
        self.topic = answer.topic
        self.lasts(answer.ttl)
        if self._waiting is None:
            return
        waiting, self._waiting = self._waiting, None
        if self.whole:
            waiting = [each for each in waiting if cast("Any", each).epoch == answer.epoch]
        start: Any = answer if self.whole or not waiting else waiting[0]
        self._epoch, self._next = start.epoch, start.seq
        last: Any = waiting[-1] if waiting else answer
        self._as_of = max(self._as_of, answer.time, last.time)
        self.begin(lease)
        for batch in waiting:
            self._follow(batch)

    def _follow(self, batch: Any) -> None:
        if self._waiting is not None:
            self._waiting.append(batch)
            return
        items = self.items(batch)
        if (batch.seq != self._next or batch.epoch != self._epoch) and not self._place(batch, items):
            return
        self._next = batch.seq + len(items)
        self._as_of = max(self._as_of, batch.time)
        self.apply(batch)

    def _place(self, batch: Any, items: list[Any]) -> bool:
        """Decide about a message that does not follow: whether it is applied. One that is known in part is cut."""
        if batch.epoch == self._epoch and batch.seq < self._next and batch.time <= self._as_of + OLD:
            known = self._next - batch.seq
            del items[:known]
            batch.seq = self._next
            return bool(items)
        self.gaps += 1
        if self.whole:
            self._waiting = [batch]
        self._epoch = batch.epoch
        self._on_hole(self, self._as_of, batch.time)
        return not self.whole
