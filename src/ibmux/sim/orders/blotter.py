"""What the order desk can be asked: open orders, who is told of them, executions and completed orders of the day.

It changes nothing.
"""

from __future__ import annotations

from ibmux.sim.events import Commission, Execution
from ibmux.sim.orders.book import OrderBook
from ibmux.sim.orders.order import BY_HAND, BookOrder, CompletedOrder, ExecutionFilter
from ibmux.sim.orders.teller import Teller
from ibmux.sim.terms import WorldSettings


class Blotter:
    """The questions, as an order desk answers them.

    Args:
        book: the orders.
        teller: the executions.
        terms: who is the Master client.
    """

    def __init__(self, book: OrderBook, teller: Teller, terms: WorldSettings) -> None:
        self._book, self._teller, self._terms = book, teller, terms

    def open_orders(self, clientId: int | None) -> list[BookOrder]:
        """The open orders that a client is told of: its own, the Master's are everybody's; all for None.

        Those not transmitted are left out, and of those placed by hand client 0 hears only once they are bound.
        """
        if clientId is None or clientId == self._terms.master:
            return [order for order in self._book.open() if not order.held]
        return self.own_orders(clientId)

    def own_orders(self, clientId: int) -> list[BookOrder]:
        """The open orders under the client's own numbers; those not transmitted are left out."""
        return [o for o in self._book.open() if o.clientId == clientId and o.orderId != BY_HAND and not o.held]

    def watched(self) -> set[int]:
        """The conIds whose prices working orders look at: their contracts, legs and conditions."""
        found: set[int] = set()
        for order in self._book.open():
            found.update([part.details.contract.conId for part in order.parts] or [order.contract.conId])
            found.update(one.conId for one in order.spec.conditions if one.conId)
        return found

    def executions(self, wanted: ExecutionFilter) -> list[tuple[Execution, Commission | None]]:
        """Today's executions that match, with their commission (None for a combination as a whole)."""
        return self._teller.executions(wanted)

    def completed(self) -> list[CompletedOrder]:
        """Today's orders that are over, the oldest first."""
        return list(self._book.completed)
