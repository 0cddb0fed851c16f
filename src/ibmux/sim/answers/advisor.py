"""Answers about an advisor's groups and aliases, and the user."""

from __future__ import annotations

from ibmux.sim.answers.kind import Handler
from ibmux.sim.catalogue.contracts import Refusal
from ibmux.sim.clients.client import Client
from ibmux.tws.layout import Values

DONE = "success"


def request_data(client: Client, ask: Values) -> None:
    """Answer requestFA: a document; 321 for a login that is no advisor's, and for profiles."""
    found = client.gateway.world.advisor.document(ask["faDataType"])
    if isinstance(found, Refusal):
        client.error(-1, found.code, found.text)
    else:
        client.reply("receiveFA", faDataType=ask["faDataType"], xml=found)


def replace_data(client: Client, ask: Values) -> None:
    """Answer replaceFA."""
    refusal = client.gateway.world.advisor.replace(ask["faDataType"], ask["xml"])
    if refusal is not None:
        client.error(ask["reqId"], refusal.code, refusal.text)
    else:
        client.reply("replaceFAEnd", reqId=ask["reqId"], text=DONE)


def user_info(client: Client, ask: Values) -> None:
    """Answer reqUserInfo."""
    client.reply("userInfo", reqId=ask["reqId"], whiteBrandingId=client.gateway.settings.white_brand)


HANDLERS: dict[str, Handler] = {
    "requestFA": request_data,
    "replaceFA": replace_data,
    "reqUserInfo": user_info,
}
