"""Answers about display groups: windows of TWS that show the same contract. IB Gateway has none and refuses."""

from __future__ import annotations

from ibmux.sim.answers.kind import Handler
from ibmux.sim.clients.client import Client
from ibmux.tws.layout import Values

GROUPS = tuple(range(1, 8))
"""The numbers of the groups that TWS has, one for each colour."""
EMPTY = "none"
REFUSED = "Error processing request.-'bN' : cause - {}"


def _is_shown(client: Client, request_id: int) -> bool:
    """Whether the program has display groups; if not, the client is told with error 322."""
    shown = client.gateway.settings.program == "tws"
    if not shown:
        client.error(request_id, 322, REFUSED.format("Display groups are a feature of TWS"))
    return shown


def query(client: Client, ask: Values) -> None:
    """Answer queryDisplayGroups."""
    if _is_shown(client, ask["reqId"]):
        client.reply("displayGroupList", reqId=ask["reqId"], groups="|".join(map(str, GROUPS)))


def subscribe(client: Client, ask: Values) -> None:
    """Answer subscribeToGroupEvents: what the group shows now, and what it shows from now on."""
    request_id, group = ask["reqId"], ask["groupId"]
    if not _is_shown(client, request_id):
        return
    if group not in GROUPS or request_id in client.groups:
        client.error(request_id, 322, REFUSED.format(f"Display group {group} cannot be subscribed"))
        return
    client.groups[request_id] = group
    client.reply("displayGroupUpdated", reqId=request_id, contractInfo=client.gateway.world.shown.get(group, EMPTY))


def update(client: Client, ask: Values) -> None:
    """Answer updateDisplayGroup: everybody who follows the group hears what it shows now, as `265598@SMART`."""
    request_id, shown = ask["reqId"], client.gateway.world.shown
    if not _is_shown(client, request_id):
        return
    group = client.groups.get(request_id)
    if group is None:
        client.error(request_id, 322, REFUSED.format(f"No group subscription {request_id}"))
        return
    shown[group] = ask["contractInfo"] or EMPTY
    for other in list(client.gateway.clients.values()):
        for number, followed in other.groups.items():
            if followed == group:
                other.reply("displayGroupUpdated", reqId=number, contractInfo=shown[group])


def unsubscribe(client: Client, ask: Values) -> None:
    """Answer unsubscribeFromGroupEvents."""
    if _is_shown(client, ask["reqId"]) and client.groups.pop(ask["reqId"], None) is None:
        client.error(ask["reqId"], 322, REFUSED.format(f"No group subscription {ask['reqId']}"))


HANDLERS: dict[str, Handler] = {
    "queryDisplayGroups": query,
    "subscribeToGroupEvents": subscribe,
    "updateDisplayGroup": update,
    "unsubscribeFromGroupEvents": unsubscribe,
}
