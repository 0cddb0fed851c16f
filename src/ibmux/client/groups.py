"""Orders that belong together: brackets, one-cancels-all groups, and units that are placed whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from ibmux.client.constructors import LimitOrder, StopOrder
from ibmux.client.orders import Orders
from ibmux.client.trades import Trade
from ibmux.errors import RequestError
from ibmux.messages.orders import Order
from ibmux.messages.trading import OrderTicket

O = TypeVar("O")  # noqa: E741 - an order of ibmux, ib_async or ib_insync


class BracketOrder(NamedTuple):
    """An entry with its two exits; iterate over it, or hand it to `placeOrders`."""

    parent: Order
    takeProfit: Order
    stopLoss: Order


class Groups(Orders):
    """Placing and making groups of orders."""

    async def placeOrders(
        self, orders: Iterable[Sequence[Any] | OrderTicket], *, timeout: float | None = None
    ) -> list[Trade]:
        """Place orders as one unit, such as a bracket: if one is refused, those before it are cancelled.

        Each is `(contract, order)` or `(contract, order, key)`. Raises as `placeOrder` does.
        """
        legs = [_legs(item) for item in orders]
        entered = [self._enter(*leg) for leg in legs]
        tickets = [ticket for ticket, _, _ in entered]
        with self._refusing([trade for _, trade, fresh in entered if fresh]):
            replies = await self._ask(
                "placeOrders", timeout, _key=", ".join(ticket.key for ticket in tickets), tickets=tickets
            )
        for (ticket, trade, _), (contract, order, *_) in zip(entered, legs, strict=True):
            self._book.adopt(trade, contract, order, ticket.order)
        return [self._book.merge(reply) for reply in replies]

    def bracketOrder(
        self,
        action: str,
        quantity: float,
        limitPrice: float,
        takeProfitPrice: float,
        stopLossPrice: float,
        **kwargs: Any,
    ) -> BracketOrder:
        """A limit order with its take-profit and its stop-loss; nothing is placed.

        Raises:
            RequestError: `action` is neither BUY nor SELL.
        """
        if action not in ("BUY", "SELL"):
            raise RequestError(f"action is {action!r}, not BUY or SELL.")
        exit_action = "SELL" if action == "BUY" else "BUY"
        number = self.client.getReqId
        parent = LimitOrder(action, quantity, limitPrice, orderId=number(), transmit=False, **kwargs)
        common = {"parentId": parent.orderId, **kwargs}
        profit = LimitOrder(exit_action, quantity, takeProfitPrice, orderId=number(), transmit=False, **common)
        loss = StopOrder(exit_action, quantity, stopLossPrice, orderId=number(), transmit=True, **common)
        return BracketOrder(parent, profit, loss)

    @staticmethod
    def oneCancelsAll(orders: list[O], ocaGroup: str, ocaType: int) -> list[O]:
        """Put orders into one group of which one cancels the others; nothing is placed."""
        for order in orders:
            order.ocaGroup, order.ocaType = ocaGroup, ocaType  # type: ignore[attr-defined]
        return orders


def _legs(item: Sequence[Any] | OrderTicket) -> tuple[Any, ...]:
    """Contract, order, key and parent's key of one leg."""
    if isinstance(item, OrderTicket):
        return item.contract, item.order, item.key or None, item.parentKey
    if not 2 <= len(item) <= 4:
        raise RequestError(f"{item!r} is no leg.", hint="Pass (contract, order) or (contract, order, key).")
    return tuple(item)
