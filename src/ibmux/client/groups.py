"""Orders that belong together: brackets, one-cancels-all groups, and units that are placed whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from ibmux.client.constructors import LimitOrder, MarketOrder, StopOrder
from ibmux.client.orders import Orders
from ibmux.client.trades import Trade
from ibmux.client.units import REDUCE_WITH_BLOCK, BracketOrder, Exit, ScaleOut, name_legs, share
from ibmux.errors import RequestError
from ibmux.messages.trading import OrderTicket

O = TypeVar("O")  # noqa: E741 - an order of ibmux, ib_async or ib_insync


class Groups(Orders):
    """Placing and making groups of orders."""

    async def placeUnit(
        self, contract: object, unit: Iterable[Any], key: str | None = None, *, timeout: float | None = None
    ) -> list[Trade]:
        """Place the orders of a bracket, a scale-out or a one-cancels-all group on one contract, whole or not at all.

        From `key` the keys of all legs are made, such as `x:entry`, `x:target` and `x:stop`: the unit placed again
        under its key is the same unit. Raises as `placeOrder` does.
        """
        orders = list(unit)
        names = name_legs(unit if isinstance(unit, BracketOrder | ScaleOut) else orders)
        legs = [(contract, order, f"{key}:{name}" if key else None) for order, name in zip(orders, names, strict=True)]
        return await self.placeOrders(legs, timeout=timeout)

    async def placeOrders(
        self,
        orders: Iterable[Sequence[Any] | OrderTicket],
        key: str | None = None,
        *,
        timeout: float | None = None,
    ) -> list[Trade]:
        """Place orders as one unit, such as a spread with its hedge: if one is refused, those before it are cancelled.

        Each is `(contract, order)` or `(contract, order, key)`; with `key`, those without their own get `key:1`,
        `key:2`, …. Raises as `placeOrder` does.
        """
        legs = [_legs(item) for item in orders]
        if key:
            legs = [(leg[0], leg[1], leg[2] if leg[2:] and leg[2] else f"{key}:{number}", *leg[3:])
                    for number, leg in enumerate(legs, 1)]  # fmt: skip
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
        exit_action = _opposite(action)
        number = self.client.getReqId
        parent = LimitOrder(action, quantity, limitPrice, orderId=number(), transmit=False, **kwargs)
        common = {"parentId": parent.orderId, **kwargs}
        profit = LimitOrder(exit_action, quantity, takeProfitPrice, orderId=number(), transmit=False, **common)
        loss = StopOrder(exit_action, quantity, stopLossPrice, orderId=number(), transmit=True, **common)
        return BracketOrder(parent, profit, loss)

    def scaleOutOrder(
        self,
        action: str,
        quantity: float,
        limitPrice: float | None,
        targets: Iterable[Sequence[float]],
        stopLossPrice: float | None = None,
        *,
        key: str = "",
        **kwargs: Any,
    ) -> ScaleOut:
        """An entry that is left in parts, each at its own profit target and with its own stop; nothing is placed.

        Args:
            action: BUY or SELL.
            quantity: of the entry.
            limitPrice: of the entry; None for a market order.
            targets: `(price, part)` or `(price, part, stop)` each; parts are shares that make 1, or quantities that
                make the whole.
            stopLossPrice: the stop of those targets that name none.
            key: the key that the unit is to be placed under, see `placeUnit`: the names of its pairs are made from it.
            kwargs: for every order, such as `tif` or `account`.

        Raises:
            RequestError: `action` is neither BUY nor SELL, the parts are not the whole, or a target has no stop.
        """
        rows = [tuple(row) for row in targets]
        sizes = share(quantity, [row[1] for row in rows])
        number, name = self.client.getReqId, f"{self.script}:{key or self._book.make_key(self.client.getReqId())}"
        terms = {"orderId": number(), "transmit": False, **kwargs}
        if limitPrice is None:
            parent = MarketOrder(action, quantity, **terms)
        else:
            parent = LimitOrder(action, quantity, limitPrice, **terms)
        exits = []
        for count, (row, size) in enumerate(zip(rows, sizes, strict=True), 1):
            stop = row[2] if len(row) > 2 else stopLossPrice
            if stop is None:
                raise RequestError(f"The target at {row[0]:g} has no stop.", hint="Pass stopLossPrice.")
            group = {"ocaGroup": f"{name}:{count}", "ocaType": REDUCE_WITH_BLOCK, "parentId": parent.orderId, **kwargs}
            profit = LimitOrder(_opposite(action), size, row[0], orderId=number(), transmit=False, **group)
            loss = StopOrder(_opposite(action), size, stop, orderId=number(), transmit=count == len(rows), **group)
            exits.append(Exit(profit, loss))
        return ScaleOut(parent, exits)

    @staticmethod
    def oneCancelsAll(orders: list[O], ocaGroup: str, ocaType: int) -> list[O]:
        """Put orders into one group of which one cancels the others; nothing is placed."""
        for order in orders:
            order.ocaGroup, order.ocaType = ocaGroup, ocaType  # type: ignore[attr-defined]
        return orders


def _opposite(action: str) -> str:
    if action not in ("BUY", "SELL"):
        raise RequestError(f"action is {action!r}, not BUY or SELL.")
    return "SELL" if action == "BUY" else "BUY"


def _legs(item: Sequence[Any] | OrderTicket) -> tuple[Any, ...]:
    """Contract, order, key and parent's key of one leg."""
    if isinstance(item, OrderTicket):
        return item.contract, item.order, item.key or None, item.parentKey
    if not 2 <= len(item) <= 4:
        raise RequestError(f"{item!r} is no leg.", hint="Pass (contract, order) or (contract, order, key).")
    return tuple(item)
