"""What a gateway sends to a client after startApi, before it is asked anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibmux.sim.clients.delivery import tell_orders
from ibmux.sim.faults.outage import BROKEN

if TYPE_CHECKING:
    from ibmux.sim.clients.client import Client
    from ibmux.sim.server import SimulatedGateway


def welcome(gateway: SimulatedGateway, client: Client) -> None:
    """Greet a client: accounts, the next order id, the farms; one that returns first hears of its open orders.

    The Master client hears of everybody's, and of the day's executions.
    """
    tell_orders(client)
    client.reply("managedAccounts", accountsList=",".join(gateway.account_names))
    client.reply("nextValidId", orderId=gateway.world.desk.next_id(client.client_id))
    notices = [(2110, BROKEN)] if gateway.conduct.cut else gateway.farms.notices()
    for code, text in notices:
        client.error(-1, code, text)
