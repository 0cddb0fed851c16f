"""Turns events of the world into the messages that one client gets. Who gets an event is decided by the caller.

But for orders placed by hand, of which client 0 hears only once it has bound them.
"""

from __future__ import annotations

from collections.abc import Iterable

from ibmux.sim.clients.client import Client
from ibmux.sim.clients.wire import (
    commission_values,
    contract_values,
    execution_values,
    open_order_values,
    status_values,
)
from ibmux.sim.events import (
    Commission,
    Event,
    Execution,
    OpenOrder,
    OrderBound,
    OrderError,
    OrderStatus,
    PositionChange,
)
from ibmux.sim.orders.order import BY_HAND, ExecutionFilter
from ibmux.tws.replies import encode_reply


def deliver(client: Client, events: Iterable[Event]) -> None:
    """Send these events to `client`, in order."""
    tell(client, (event for event in events if client.client_id != 0 or not _is_unbound(event)))


def tell_orders(client: Client) -> None:
    """Send what a new client hears of orders before anything else: the open ones that concern it.

    The Master client is told of everybody's, and of the day's executions.
    """
    desk = client.gateway.world.desk
    orders = desk.open_orders(client.client_id)
    for order in orders:
        deliver(client, order.snapshot())
    if client.client_id == client.gateway.settings.master:
        for execution, report in desk.executions(ExecutionFilter()):
            tell(client, (execution,) if report is None else (execution, report))
    if orders:
        client.reply("openOrderEnd")


def _is_unbound(event: Event) -> bool:
    if isinstance(event, OpenOrder):
        return event.order.orderId == BY_HAND
    return isinstance(event, OrderStatus | OrderError) and event.orderId == BY_HAND


def tell(client: Client, events: Iterable[Event]) -> None:
    """Send these events to `client`, whosever they are."""
    for event in events:
        match event:
            case OpenOrder():
                client.reply("openOrder", **open_order_values(event))
            case OrderStatus():
                client.reply("orderStatus", **status_values(event))
            case Execution():
                client.reply("execDetails", **execution_values(event, -1, client.version))
            case Commission():
                client.reply("commissionReport", **commission_values(event))
            case OrderError():
                client.error(event.orderId, event.code, event.text)
            case OrderBound():
                client.reply("orderBound", permId=event.permId, clientId=event.clientId, orderId=event.orderId)
            case PositionChange():
                deliver_position((client,), event)


def deliver_position(clients: Iterable[Client], event: PositionChange) -> None:
    """Send a position to those of `clients` who subscribed to positions; it is encoded once per server version."""
    values = contract_values(event.contract) | {
        "account": event.account,
        "position": event.position,
        "avgCost": event.avgCost,
    }
    encoded: dict[int, bytes] = {}
    for client in clients:
        if client.positions:
            if client.version not in encoded:
                encoded[client.version] = encode_reply("position", values, client.version)
            client.send(encoded[client.version])
        for request_id, account in client.position_watches.items():
            if account in ("", event.account):
                client.reply("positionMulti", reqId=request_id, **values)
