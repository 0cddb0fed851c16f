"""Bounds that an order must keep before it may leave the proxy. Pure: settings and order in, a refusal out."""

from __future__ import annotations

import math

from ibmux.config import LimitSettings
from ibmux.errors import OrderNotSent, RequestError
from ibmux.messages.contracts import Contract
from ibmux.messages.orders import Order

_ACTIONS = ("BUY", "SELL", "SSHORT", "SLONG")
"""`SLONG` sells what is owned but not delivered yet; institutions alone have it."""


def check_order(contract: Contract, order: Order, limits: LimitSettings) -> None:
    """Refuse what can only be a mistake, and what is beyond the configured limits (0 means no limit).

    Raises:
        RequestError: the order cannot be meant like that.
        OrderNotSent: it is larger than this proxy allows.
    """
    if order.action not in _ACTIONS:
        raise RequestError(f"order.action is {order.action!r}; it must be BUY or SELL.", outcome="not_sent")
    if order.whatIf:
        raise RequestError(
            "order.whatIf is set: that is a question and no order.", hint="Ask with `whatIfOrder`.", outcome="not_sent"
        )
    if not order.orderType:
        raise RequestError("order.orderType is empty; say MKT, LMT, STP, MOC, ...", outcome="not_sent")
    if not (math.isfinite(order.totalQuantity) and order.totalQuantity > 0) and order.cashQty is None:
        raise RequestError(f"order.totalQuantity is {order.totalQuantity}; it must be above 0.", outcome="not_sent")
    if limits.order_quantity and order.totalQuantity > limits.order_quantity:
        raise OrderNotSent(f"{order.totalQuantity:g} is above the limit of {limits.order_quantity:g} per order.")
    if limits.order_value and (value := order_value(contract, order)) > limits.order_value:
        raise OrderNotSent(f"The order is worth {value:,.2f}, above the limit of {limits.order_value:,.2f} per order.")


def order_value(contract: Contract, order: Order) -> float:
    """What the order is worth at its own limit price, or the cash that it may spend, in the contract's currency; 0
    where it names neither.

    Raises:
        RequestError: the multiplier is no number.
    """
    price = order.lmtPrice if order.lmtPrice is not None else order.auxPrice
    try:
        multiplier = float(contract.multiplier) if contract.multiplier else 1.0
    except ValueError:
        raise RequestError(
            f"contract.multiplier is {contract.multiplier!r}; it must be a number.", outcome="not_sent"
        ) from None
    return max(abs(price or 0.0) * order.totalQuantity * multiplier, order.cashQty or 0.0)
