"""Which orders only close what is held: the positions as the gateway tells them, less what other orders close already.

Two orders that each close the whole position are not both such orders.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ibmux.core import risk
from ibmux.core.entry import Change
from ibmux.core.risk import TINY, Ask, Closing, Holdings
from ibmux.messages.account import Position

if TYPE_CHECKING:
    from ibmux.core.orderbook import OrderBook
    from ibmux.session import Session

Name = tuple[str, str]
"""A script, and its key of the order."""


class Closings:
    """Closing orders of one gateway.

    Attributes:
        planned: what orders close that were allowed for that, as they may name their contract by its symbol alone.
    """

    def __init__(self, session: Session, book: OrderBook) -> None:
        self.session = session
        self.book = book
        self.holdings = Holdings()
        self.planned: dict[Name, Closing] = {}
        self._was_ready = False

    def of(self, name: Name, ask: Ask) -> Closing | None:
        """What the order would close, if that can be told; as planned before its contract was known in full."""
        return risk.closing(ask, self.session.accounts) or self.planned.get(name)

    def fits(self, name: Name, wanted: Closing | None, before: Sequence[Closing] = ()) -> bool:
        """Whether this closes no more than what is held for sure and nobody else closes, nor those `before` it."""
        if wanted is None or self.session.state != "ready":
            return False
        con_id = wanted.contract.conId
        told = sum(each.position for each in self.session.positions(wanted.account) if each.contract.conId == con_id)
        held = self.holdings.certain(wanted.account, con_id, told, _now())
        if wanted.quantity > risk.room(wanted, held, before) + TINY:  # then the whole book need not be looked at
            return False
        return wanted.quantity <= risk.room(wanted, held, [*before, *self._others(name)]) + TINY

    def _others(self, name: Name) -> list[Closing]:
        """What all other orders may still trade; those that wait for their turn are in the book, too."""
        working = [each for each in self.book.working() if (each.script, each.key) != name]
        return [risk.working(each, self.session.accounts) for each in working]

    # -- told

    def saw(self, change: Change) -> None:
        """A change of an order, or a fill."""
        entry, fill = change.entry, change.fill
        if change.kind == "fill" and fill is not None and self.session.state == "ready":
            execution = fill.execution
            shares = execution.shares if execution.side == "BOT" else -execution.shares
            self.holdings.filled(execution.acctNumber, fill.contract.conId, shares, _now())
        elif change.kind == "order" and entry is not None and entry.done:
            self.planned.pop((entry.script, entry.key), None)

    def saw_position(self, position: Position) -> None:
        """A position, as the gateway tells it."""
        self.holdings.told(position)

    def saw_state(self) -> None:
        """The session's state may have changed: with `ready` all positions are there anew."""
        is_ready = self.session.state == "ready"
        if is_ready and not self._was_ready:
            self.holdings.begin(self.session.positions())
        self._was_ready = is_ready


def _now() -> float:
    return asyncio.get_running_loop().time()
