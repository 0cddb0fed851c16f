"""What may happen to messages on their way to a client: late, twice, swapped, lost, or only some of them.

`Disturbance` says what happens now, a `Courier` lets it happen to one connection. Bytes in, bytes out; no courier is
asked while nothing is disturbed. What is never told at all is events still (`Disturbance.news`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from random import Random

from ibmux.sim.events import Event, PositionChange
from ibmux.tws.replies import REPLIES, REPLY_NUMBERS

END_MARKS = ("positionEnd", "openOrderEnd", "completedOrdersEnd", "execDetailsEnd", "accountDownloadEnd")
"""The messages that end the downloads of a new connection."""
SWAP_WAIT = 0.2
"""Seconds after which a message that was held back for a swap leaves without one."""
_LENGTH = struct.Struct(">I")

At = Callable[[float, Callable[[], None]], object]
"""Calls a function at a simulated instant."""


@dataclass(slots=True)
class Chance:
    """Something that befalls a share of the messages of some names; no names mean all."""

    share: float
    names: frozenset[str] = frozenset()

    def strikes(self, name: str, random: Random) -> bool:
        """Whether it befalls this message; asks for a random number only where it may."""
        return (not self.names or name in self.names) and random.random() < self.share


@dataclass(slots=True)
class Disturbance:
    """What happens to messages at present; times in simulated seconds.

    Attributes:
        delay: every message leaves so much later, in order; `jitter` is added or taken away at random.
        late: these leave so much later by themselves (seconds, jitter); others overtake them.
        withheld: these never leave.
        lost, twice, swapped: chances of a message to be dropped, doubled, or to change places with the next one.
        hushed: share of what happens to orders of which nothing is said; lists that are asked for are whole.
    """

    random: Random
    delay: float = 0.0
    jitter: float = 0.0
    late: dict[str, tuple[float, float]] = field(default_factory=dict)
    withheld: set[str] = field(default_factory=set)
    lost: Chance | None = None
    twice: Chance | None = None
    swapped: Chance | None = None
    hushed: float = 0.0

    @property
    def any(self) -> bool:
        """Whether anything happens to messages."""
        return bool(self.delay or self.late or self.withheld or self.lost or self.twice or self.swapped)

    def copies(self, name: str) -> int:
        """How often a message of that name leaves."""
        if name in self.withheld or (self.lost and self.lost.strikes(name, self.random)):
            return 0
        return 2 if self.twice and self.twice.strikes(name, self.random) else 1

    def news(self, events: Iterable[Event]) -> Iterable[Event]:
        """What is said of what has just happened: all of it, or nothing but the positions."""
        if not self.hushed or self.random.random() >= self.hushed:
            return events
        return [event for event in events if isinstance(event, PositionChange)]

    def wait(self) -> float:
        """How long the next message takes."""
        return self.spread(self.delay, self.jitter) if self.delay else 0.0

    def spread(self, seconds: float, jitter: float) -> float:
        """So many seconds, more or less."""
        return max(0.0, seconds + self.random.uniform(-jitter, jitter)) if jitter else seconds

    def clear(self) -> None:
        """Let messages pass unharmed again; those on their way arrive as they were going to."""
        self.delay = self.jitter = 0.0
        self.late.clear()
        self.withheld.clear()
        self.lost = self.twice = self.swapped = None
        self.hushed = 0.0


class Courier:
    """Carries the messages of one connection.

    Args:
        disturbance: what happens to them, for all connections of the gateway.
        now: gives the simulated present.
        at: the gateway's agenda.
        write: takes the bytes that leave.
    """

    def __init__(
        self, disturbance: Disturbance, now: Callable[[], float], at: At, write: Callable[[bytes], None]
    ) -> None:
        self._disturbance, self._now, self._at, self._write = disturbance, now, at, write
        self._last = 0.0
        self._held: bytes | None = None
        self._waiting = 0

    @property
    def busy(self) -> bool:
        """Whether messages are on their way, so that later ones must not overtake them."""
        return bool(self._waiting or self._held)

    def carry(self, data: bytes) -> None:
        """Let these messages leave as the disturbance will have it."""
        for name, message in messages(data):
            late = self._disturbance.late.get(name)
            if late is not None and name not in self._disturbance.withheld:
                self._at(self._now() + self._disturbance.spread(*late), partial(self._write, message))
                continue
            for _ in range(self._disturbance.copies(name)):
                self._swap(name, message)

    def _swap(self, name: str, message: bytes) -> None:
        held, self._held = self._held, None
        swapped = self._disturbance.swapped
        if held is not None:
            self._send(message + held)
        elif swapped is not None and swapped.strikes(name, self._disturbance.random):
            self._held = message
            self._at(self._now() + SWAP_WAIT, partial(self._release, message))
        else:
            self._send(message)

    def _release(self, message: bytes) -> None:
        if self._held is message:
            self._held = None
            self._send(message)

    def _send(self, data: bytes) -> None:
        """Send at once, or when its time has come, never before what was sent earlier."""
        now = self._now()
        self._last = max(self._last, now + self._disturbance.wait())
        if self._last <= now and not self._waiting:
            self._write(data)
            return
        self._waiting += 1
        self._at(self._last, partial(self._arrive, data))

    def _arrive(self, data: bytes) -> None:
        self._waiting -= 1
        self._write(data)


def messages(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Cut framed bytes into messages, each with its name (a callback's name; empty if unknown)."""
    start = 0
    while start < len(data):
        end = start + 4 + _LENGTH.unpack_from(data, start)[0]
        number = data[start + 4 : data.index(b"\0", start + 4)]
        known = REPLY_NUMBERS.get(int(number)) if number.isdigit() else None
        yield (known.name if known else ""), data[start:end]
        start = end


def check_names(names: Collection[str]) -> frozenset[str]:
    """The names of messages, checked.

    Raises:
        ValueError: there is no such message.
    """
    unknown = sorted(set(names) - set(REPLIES))
    if unknown:
        near = get_close_matches(unknown[0], REPLIES, n=3)
        hint = f"; similar: {', '.join(near)}" if near else ""
        raise ValueError(f"there is no message {unknown[0]}{hint}")
    return frozenset(names)
