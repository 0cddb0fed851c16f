"""Answers about orders: place, modify, cancel, what is open, done and executed."""

from __future__ import annotations

from collections.abc import Iterable

from ibmux.sim.answers.kind import Handler
from ibmux.sim.clients.client import Client
from ibmux.sim.clients.delivery import tell
from ibmux.sim.clients.wire import commission_values, completed_values, execution_values, query_from
from ibmux.sim.orders.intake import exercise_from, spec_from
from ibmux.sim.orders.order import BookOrder, ExecutionFilter
from ibmux.tws.layout import Values


def place_order(client: Client, ask: Values) -> None:
    """Answer placeOrder: a new order, a change of an open one, or a what-if question."""
    gateway = client.gateway
    gateway.counts.orders_placed += 1
    spec = spec_from(ask, client.client_id)
    gateway.publish(gateway.world.desk.place(spec, query_from(ask), gateway.clock.now()))


def cancel_order(client: Client, ask: Values) -> None:
    """Answer cancelOrder."""
    gateway = client.gateway
    gateway.publish(gateway.world.desk.cancel(client.client_id, ask["orderId"], client.gateway.clock.now()))


def global_cancel(client: Client, ask: Values) -> None:
    """Answer reqGlobalCancel: every order of the login, whoever placed it."""
    gateway = client.gateway
    gateway.publish(gateway.world.desk.cancel_all(gateway.clock.now(), client.client_id))


def exercise_options(client: Client, ask: Values) -> None:
    """Answer exerciseOptions: an order under the request's number that settles later."""
    gateway = client.gateway
    request = exercise_from(ask, client.client_id)
    gateway.publish(gateway.world.desk.exercise(request, query_from(ask), gateway.clock.now()))


def _send_open(client: Client, orders: Iterable[BookOrder]) -> None:
    for order in orders:
        tell(client, order.snapshot())
    client.reply("openOrderEnd")


def open_orders(client: Client, ask: Values) -> None:
    """Answer reqOpenOrders: the client's own; client 0 binds those placed by hand, too."""
    if client.client_id == 0:
        client.gateway.publish(client.gateway.world.desk.bind())
    _send_open(client, client.gateway.world.desk.own_orders(client.client_id))


def all_open_orders(client: Client, ask: Values) -> None:
    """Answer reqAllOpenOrders: everybody's, under their own clientId and orderId."""
    _send_open(client, client.gateway.world.desk.open_orders(None))


def auto_open_orders(client: Client, ask: Values) -> None:
    """Answer reqAutoOpenOrders: orders placed by hand are bound to client 0, future ones too; else error 327."""
    if client.client_id != 0:
        text = "Only API connections with clientId set to 0 can set the auto bind TWS orders property."
        client.error(-1, 327, text)
    else:
        desk = client.gateway.world.desk
        client.auto_open = desk.auto_bind = ask["autoBind"]
        if desk.auto_bind:
            client.gateway.publish(desk.bind())


def executions(client: Client, ask: Values) -> None:
    """Answer reqExecutions: each execution with its commission report, then the end."""
    request_id = ask["reqId"]
    names = ("clientId", "acctCode", "time", "symbol", "secType", "exchange", "side")
    wanted = ExecutionFilter(**{name: ask[name] for name in names})
    for execution, commission in client.gateway.world.desk.executions(wanted):
        client.reply("execDetails", **execution_values(execution, request_id, client.version))
        if commission is not None:
            client.reply("commissionReport", **commission_values(commission))
    client.reply("execDetailsEnd", reqId=request_id)


def completed_orders(client: Client, ask: Values) -> None:
    """Answer reqCompletedOrders: filled and cancelled ones. All come from the API, so `apiOnly` changes nothing."""
    for done in client.gateway.world.desk.completed():
        client.reply("completedOrder", **completed_values(done))
    client.reply("completedOrdersEnd")


HANDLERS: dict[str, Handler] = {
    "placeOrder": place_order,
    "cancelOrder": cancel_order,
    "exerciseOptions": exercise_options,
    "reqGlobalCancel": global_cancel,
    "reqOpenOrders": open_orders,
    "reqAllOpenOrders": all_open_orders,
    "reqAutoOpenOrders": auto_open_orders,
    "reqExecutions": executions,
    "reqCompletedOrders": completed_orders,
}
