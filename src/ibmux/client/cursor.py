"""How far a script has followed the events of its orders, and what a numbered event is to it. Pure.

The numbers are the journal's, counted over orders and fills together: see `messages.trading.OrderEvent`.
"""

from __future__ import annotations

from typing import Literal

from ibmux.messages.trading import FillEvent, OrderEvent, ReplayPage

Told = OrderEvent | FillEvent
Place = Literal["next", "known", "hole", "provisional"]
"""What an event is: the next one, one that was taken already, one with others missing before it, or one that the
journal has no number for yet.
"""
UNKNOWN = -1
AHEAD = 10_000
"""Events that may be taken beyond missing ones; past it the missing ones are given up."""


class Cursor:
    """The number up to which everything was taken.

    Attributes:
        seq: that number; `UNKNOWN` before the journal's present one was asked for.
    """

    def __init__(self, seq: int = UNKNOWN) -> None:
        self.seq = seq
        self._ahead: set[int] = set()

    @property
    def known(self) -> bool:
        """Whether there is a number to go on from."""
        return self.seq != UNKNOWN

    def place(self, seq: int, prev: int) -> Place:
        """What an event of this number is, with the script's one before it (0: the first since the proxy's start)."""
        if not seq:
            return "provisional"
        if self.has(seq):
            return "known"
        return "next" if prev and prev <= self.seq else "hole"

    def has(self, seq: int) -> bool:
        """Whether the event of this number was taken."""
        return seq <= self.seq or seq in self._ahead

    def reach(self, seq: int) -> None:
        """Everything up to this number was taken."""
        if seq > self.seq:
            self.seq = seq
            self._ahead = {number for number in self._ahead if number > seq}

    def leap(self, seq: int) -> None:
        """This event was taken although others before it are missing: they may come yet, it must not come again."""
        self._ahead.add(seq)
        if not self.known or len(self._ahead) > AHEAD:
            self.reach(max(self._ahead))

    def restart(self, seq: int) -> None:
        """The journal is another one, whose present number is this."""
        self.seq = seq
        self._ahead.clear()


def events_of(page: ReplayPage) -> list[Told]:
    """The events of a page, of either kind."""
    return [event for each in page.events if (event := each.order or each.fill) is not None]
