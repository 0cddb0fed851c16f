"""What a fill means for the orders that belong together: the size of hedges, the profit takers of scale orders."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from ibmux.sim.accounts.money import exact
from ibmux.sim.events import Event
from ibmux.sim.orders import hedges
from ibmux.sim.orders.book import OrderBook
from ibmux.sim.orders.order import BookOrder
from ibmux.sim.orders.scales import Component
from ibmux.sim.prices.market import Market

MODEL = -1
"""The place of the model's computation among an option's."""


class Families:
    """The relations between the orders of a book."""

    def __init__(self, book: OrderBook, market: Market) -> None:
        self._book, self._market = book, market

    def size_hedge(self, child: BookOrder, parent: BookOrder) -> None:
        """Give a hedge the size that its parent's fill asks for."""
        kind = child.spec.hedgeType
        if not kind:
            return
        quote = self._market.quote(child.contract.conId)
        price = exact(quote.mid) * child.details.pointValue
        worth = parent.filled * exact(parent.avgFillPrice) * parent.details.pointValue
        need = hedges.Need(parent.filled, worth, self._delta(parent), price)
        step = exact(child.details.sizeIncrement if child.contract.secType != "STK" else 1.0)
        child.total = hedges.size(kind, child.spec.hedgeParam, need, step)

    def _delta(self, parent: BookOrder) -> float:
        found = self._market.computations(parent.contract.conId) if not parent.parts else []
        return found[MODEL][1].delta * float(parent.details.pointValue) if found else 1.0

    def take_profit(self, order: BookOrder, worked: Component | None, quantity: Decimal) -> BookOrder | None:
        """The order that closes a component of a scale order that has just been filled; None where none is due."""
        scale = order.spec.scale
        if worked is None or scale is None or not scale.profitOffset or quantity < worked.left:
            return None
        spec, sign = order.spec, order.spec.sign
        price = round(worked.limit + sign * scale.profitOffset, 8)
        closing = replace(
            spec, orderId=self._book.next_id(spec.clientId), action="SELL" if sign > 0 else "BUY",
            totalQuantity=quantity, orderType="LMT", lmtPrice=price, scale=None, ocaGroup="", parentId=0, wire=None,
        )  # fmt: skip
        profit = BookOrder(closing, order.details, order.account, quantity, maker=order)
        profit.permId = self._book.next_perm_id()
        self._book.add(profit)
        return profit

    def restore(self, order: BookOrder, quantity: Decimal) -> list[Event]:
        """Give a scale order back what its profit taker closed, where it asked for that."""
        maker = order.maker
        if maker is None or maker.over or maker.spec.scale is None or not maker.spec.scale.autoReset:
            return []
        maker.restored += quantity
        maker.total += quantity
        return [*maker.snapshot()]
