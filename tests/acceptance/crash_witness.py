"""What the simulator's own book took, and whether the journal had it at that instant."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from ibmux.core import reference
from ibmux.errors import JournalFailed
from ibmux.journal import Reader
from ibmux.sim import SimulatedGateway
from ibmux.sim.orders.order import BookOrder


@dataclass
class Witness:
    """What the gateway took, with the time, and whether the journal had it already."""

    journal: Path
    orders: list[tuple[BookOrder, float, bool]] = field(default_factory=list)
    _reader: Reader | None = None

    def watch(self, simulator: SimulatedGateway) -> None:
        """Note every new order of this gateway from now on."""
        book = simulator.book._book
        add = book.add

        def note(order: BookOrder) -> None:
            self.orders.append((order, time.time(), self._intended(order)))
            add(order)

        book.add = note  # type: ignore[method-assign]

    def _intended(self, order: BookOrder) -> bool:
        mark = reference.read(order.spec.orderRef)
        try:
            self._reader = self._reader or Reader(self.journal)
            known = self._reader.find("paper", mark.script, mark.key)
        except JournalFailed:
            return False
        return known is not None and known.intentSeq > 0 and known.state != "unsent"

    def close(self) -> None:
        """Let go of the journal."""
        if self._reader is not None:
            self._reader.close()
