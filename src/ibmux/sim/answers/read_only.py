"""The API's read-only mode: orders, and questions about them, are refused with error 321."""

from __future__ import annotations

from ibmux.sim.answers.kind import Handler, invalid
from ibmux.sim.clients.client import Client
from ibmux.tws.layout import Values

REFUSED = (
    "placeOrder", "cancelOrder", "reqGlobalCancel", "exerciseOptions", "reqOpenOrders", "reqAllOpenOrders",
    "reqAutoOpenOrders", "reqCompletedOrders", "reqIds",
)  # fmt: skip
CAUSE = "The API interface is currently in Read-Only mode."


def guard(handlers: dict[str, Handler]) -> dict[str, Handler]:
    """The handlers, of which those of orders refuse while the gateway is read-only."""
    return handlers | {name: _guarded(handlers[name]) for name in REFUSED}


def _guarded(handler: Handler) -> Handler:
    def answer(client: Client, ask: Values) -> None:
        if client.gateway.settings.read_only:
            invalid(client, ask["orderId"] if "orderId" in ask else ask.get("reqId", -1), CAUSE)
        else:
            handler(client, ask)

    return answer
