"""The orders that the gateway knows: by client and number, by family and by group; the numbers it gives out.

It stores and finds; it decides nothing about an order's life.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from ibmux.sim.instants import instant_text
from ibmux.sim.orders.order import FILLED, BookOrder, CompletedOrder

Key = tuple[int, int]
PERM_EPOCH, PERM_RATE = 1_600_000_000, 8
KEPT = 5000  # orders that are over and still known by number, completed orders and executions kept of a day


class OrderBook:
    """All orders of the login.

    Args:
        started: when the gateway began (epoch seconds); permIds begin from it, so that a later run has others.
    """

    def __init__(self, started: float) -> None:
        self._orders: dict[Key, BookOrder] = {}
        self._open: dict[int, BookOrder] = {}
        self._over: deque[BookOrder] = deque()
        self._highest: dict[int, int] = {}
        self._lowest = 0
        self._permId = (int(started) - PERM_EPOCH) * PERM_RATE
        self.completed: deque[CompletedOrder] = deque(maxlen=KEPT)

    def next_id(self, clientId: int) -> int:
        """The number that the client's next order should have."""
        return self._highest.get(clientId, 0) + 1

    def use_id(self, clientId: int, orderId: int) -> None:
        """Note that a number is used; the next one is above it."""
        self._highest[clientId] = max(self._highest.get(clientId, 0), orderId)

    def next_perm_id(self) -> int:
        """A new permId."""
        self._permId += 1
        return self._permId

    def get(self, clientId: int, orderId: int) -> BookOrder | None:
        """The client's order of that number, open or over; of several (a change that forked) the newest open one."""
        known = self._orders.get((clientId, orderId))
        if known is None or not known.over:
            return known
        return next((o for o in self.open() if o.clientId == clientId and o.orderId == orderId), known)

    def add(self, order: BookOrder) -> None:
        """Take in a new order."""
        self._open[id(order)] = order
        if not order.manual:
            self._orders[order.clientId, order.orderId] = order
            self.use_id(order.clientId, order.orderId)

    def bind(self, order: BookOrder) -> None:
        """Give an order placed by hand its number: a negative one of client 0."""
        self._lowest -= 1
        order.spec = replace(order.spec, orderId=self._lowest, clientId=0)
        self._orders[0, self._lowest] = order

    def open(self) -> list[BookOrder]:
        """Every order that is not over, held ones included, the oldest first."""
        return list(self._open.values())

    def find_open(self, orderId: int) -> BookOrder | None:
        """The newest open order of any client with that number."""
        found = [order for order in self._open.values() if order.orderId == orderId]
        return found[-1] if found else None

    def close(self, order: BookOrder, now: float, reason: str) -> None:
        """File an order that is over; `reason` is its completed status."""
        if self._open.pop(id(order), None) is None:
            return
        order.completedTime = instant_text(now, order.details.timeZoneId)
        order.completedStatus = f"Filled Size: {order.filled}" if order.status == FILLED else reason
        if not order.held:
            self.completed.append(
                CompletedOrder(order, order.status, order.completedTime, order.completedStatus, order.commission)
            )
        self._over.append(order)
        if len(self._over) > KEPT:
            self._forget(self._over.popleft())

    def _forget(self, order: BookOrder) -> None:
        key = (order.clientId, order.orderId)
        if self._orders.get(key) is order:
            del self._orders[key]

    def children(self, parent: BookOrder) -> list[BookOrder]:
        """The open orders that hang on a parent, by number."""
        found = (o for o in self._open.values() if o.child and self.parent(o) is parent)
        return sorted(found, key=lambda order: order.orderId)

    def parent(self, order: BookOrder) -> BookOrder | None:
        """The order that this one hangs on, open or over."""
        return self._orders.get((order.clientId, order.spec.parentId)) if order.child else None

    def group(self, order: BookOrder) -> list[BookOrder]:
        """The other open orders of its one-cancels-all group."""
        name = order.ocaGroup
        if not name:
            return []
        return [o for o in self._open.values() if o.ocaGroup == name and o is not order and o.account == order.account]

    def working(self, account: str, conId: int, sign: int) -> int:
        """How many orders of an account work on one side of a contract."""
        return sum(
            not o.held and o.contract.conId == conId and o.spec.sign == sign and o.account == account
            for o in self._open.values()
        )
