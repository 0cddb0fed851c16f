"""Answers about the session itself: time, ids, accounts' names, and lists that never change."""

from __future__ import annotations

from ibmux.sim.answers.kind import Handler, invalid, quiet
from ibmux.sim.catalogue import routes
from ibmux.sim.clients.client import Client
from ibmux.tws.layout import Values


def current_time(client: Client, ask: Values) -> None:
    """Answer reqCurrentTime; a second question too soon after the first is swallowed where the settings say so."""
    now = client.gateway.clock.now()
    too_soon = now - client.asked_time < client.gateway.settings.time_pause
    client.asked_time = now
    if too_soon:
        return
    client.reply("currentTime", time=int(now))


def ids(client: Client, ask: Values) -> None:
    """Answer reqIds; the number asked for has no effect, as documented."""
    client.reply("nextValidId", orderId=client.gateway.world.desk.next_id(client.client_id))


def managed_accounts(client: Client, ask: Values) -> None:
    """Answer reqManagedAccts."""
    client.reply("managedAccounts", accountsList=",".join(client.gateway.account_names))


def family_codes(client: Client, ask: Values) -> None:
    """Answer reqFamilyCodes: the accounts have none."""
    names = client.gateway.world.accounts.names
    client.reply("familyCodes", familyCodes=[{"accountID": name, "familyCodeStr": ""} for name in names])


def depth_exchanges(client: Client, ask: Values) -> None:
    """Answer reqMktDepthExchanges."""
    rows = [{**row._asdict(), "listingExch": ""} for row in routes.depth_exchanges()]
    client.reply("mktDepthExchanges", exchanges=rows)


def smart_components(client: Client, ask: Values) -> None:
    """Answer reqSmartComponents: the letters in exchange ticks, by the `bboExchange` of tickReqParams."""
    found = routes.components(ask["bboExchange"])
    if found is None:
        invalid(client, ask["reqId"], f"Invalid BBO exchange '{ask['bboExchange']}'")
        return
    client.reply("smartComponents", reqId=ask["reqId"], components=[row._asdict() for row in found])


def soft_dollar_tiers(client: Client, ask: Values) -> None:
    """Answer reqSoftDollarTiers: there are none."""
    client.reply("softDollarTiers", reqId=ask["reqId"])


def market_rule(client: Client, ask: Values) -> None:
    """Answer reqMarketRule."""
    steps = client.gateway.world.universe.market_rule(ask["marketRuleId"])
    if steps is None:
        invalid(client, -1, f"Invalid market rule id {ask['marketRuleId']}")
        return
    rows = [{"lowEdge": low, "increment": increment} for low, increment in steps]
    client.reply("marketRule", marketRuleId=ask["marketRuleId"], priceIncrements=rows)


HANDLERS: dict[str, Handler] = {
    "reqCurrentTime": current_time,
    "reqIds": ids,
    "reqManagedAccts": managed_accounts,
    "reqFamilyCodes": family_codes,
    "reqMktDepthExchanges": depth_exchanges,
    "reqSmartComponents": smart_components,
    "reqSoftDollarTiers": soft_dollar_tiers,
    "reqMarketRule": market_rule,
    "setServerLogLevel": quiet,
}
