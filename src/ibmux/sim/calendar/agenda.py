"""What is to happen at which instant of the simulated clock: appointments in order of time, then of being made.

Nothing here knows what the appointments are for, nor how the clock moves.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush


class Appointment:
    """Something that is to happen; it can be called off."""

    __slots__ = ("act", "at")

    def __init__(self, at: float, act: Callable[[], object] | None) -> None:
        self.at = at
        self.act = act

    def cancel(self) -> None:
        """Call it off; nothing happens if it is over."""
        self.act = None


class Agenda:
    """Appointments of one gateway, in epoch seconds of its clock."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Appointment]] = []
        self._made = 0

    def __len__(self) -> int:
        return sum(1 for _, _, appointment in self._heap if appointment.act is not None)

    def at(self, instant: float, act: Callable[[], object]) -> Appointment:
        """Let `act` be called when the clock has come to `instant`."""
        appointment = Appointment(instant, act)
        self._made += 1
        heappush(self._heap, (instant, self._made, appointment))
        return appointment

    def run(self, now: float) -> None:
        """Call everything that is due at `now`; what that adds for the same instant is called too."""
        while self._heap and self._heap[0][0] <= now:
            appointment = heappop(self._heap)[2]
            act, appointment.act = appointment.act, None
            if act is not None:
                act()
