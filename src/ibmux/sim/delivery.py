"""Turns events of the world into the messages that one client gets. Who gets an event is decided by the caller."""

from __future__ import annotations

from collections.abc import Iterable

from ibmux.tws.replies import encode_reply

from .client import Client
from .events import Commission, Event, Execution, OpenOrder, OrderError, OrderStatus, PositionChange
from .wire import commission_values, contract_values, execution_values, open_order_values, status_values


def deliver(client: Client, events: Iterable[Event]) -> None:
    """Send these events to `client`, in order."""
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
