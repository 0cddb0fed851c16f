"""Answers about the session itself: time, ids, accounts' names, and lists that never change."""

from __future__ import annotations

from ibmux.tws.layout import Values

from ..client import Client
from .kind import Handler, invalid, quiet

_SCANNER_XML = '<?xml version="1.0" encoding="UTF-8"?><ScanParameterResponse></ScanParameterResponse>'
_DEPTH_EXCHANGES = (
    ("ARCA", "STK"),
    ("BATS", "STK"),
    ("ISLAND", "STK"),
    ("NYSE", "STK"),
    ("CME", "FUT"),
    ("CBOE", "OPT"),
)
_COMPONENTS = (("AMEX", "A"), ("BATS", "Z"), ("ARCA", "P"), ("NYSE", "N"), ("ISLAND", "Q"), ("IEX", "V"))
_PROVIDERS = (("BRFG", "Briefing.com General Market Columns"), ("BRFUPDN", "Briefing.com Analyst Actions"))


def current_time(client: Client, ask: Values) -> None:
    """Answer reqCurrentTime."""
    client.reply("currentTime", time=int(client.gateway.clock.now()))


def ids(client: Client, ask: Values) -> None:
    """Answer reqIds; the number asked for has no effect, as documented."""
    client.reply("nextValidId", orderId=client.gateway.world.desk.next_id(client.client_id))


def managed_accounts(client: Client, ask: Values) -> None:
    """Answer reqManagedAccts."""
    client.reply("managedAccounts", accountsList=",".join(client.gateway.world.accounts.names))


def scanner_parameters(client: Client, ask: Values) -> None:
    """Answer reqScannerParameters: a document without scanners, as none is modelled."""
    client.reply("scannerParameters", xml=_SCANNER_XML)


def news_providers(client: Client, ask: Values) -> None:
    """Answer reqNewsProviders."""
    client.reply("newsProviders", providers=[{"code": code, "name": name} for code, name in _PROVIDERS])


def family_codes(client: Client, ask: Values) -> None:
    """Answer reqFamilyCodes: the accounts have none."""
    names = client.gateway.world.accounts.names
    client.reply("familyCodes", familyCodes=[{"accountID": name, "familyCodeStr": ""} for name in names])


def depth_exchanges(client: Client, ask: Values) -> None:
    """Answer reqMktDepthExchanges."""
    rows = [
        {"exchange": exchange, "secType": kind, "listingExch": "", "serviceDataType": "Deep"}
        for exchange, kind in _DEPTH_EXCHANGES
    ]
    client.reply("mktDepthExchanges", exchanges=rows)


def smart_components(client: Client, ask: Values) -> None:
    """Answer reqSmartComponents: the letters in exchange ticks."""
    rows = [
        {"bitNumber": bit, "exchange": exchange, "exchangeLetter": letter}
        for bit, (exchange, letter) in enumerate(_COMPONENTS)
    ]
    client.reply("smartComponents", reqId=ask["reqId"], components=rows)


def soft_dollar_tiers(client: Client, ask: Values) -> None:
    """Answer reqSoftDollarTiers: there are none."""
    client.reply("softDollarTiers", reqId=ask["reqId"])


def user_info(client: Client, ask: Values) -> None:
    """Answer reqUserInfo."""
    client.reply("userInfo", reqId=ask["reqId"], whiteBrandingId="")


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
    "reqScannerParameters": scanner_parameters,
    "reqNewsProviders": news_providers,
    "reqFamilyCodes": family_codes,
    "reqMktDepthExchanges": depth_exchanges,
    "reqSmartComponents": smart_components,
    "reqSoftDollarTiers": soft_dollar_tiers,
    "reqUserInfo": user_info,
    "reqMarketRule": market_rule,
    "setServerLogLevel": quiet,
    "reqNewsBulletins": quiet,
    "cancelNewsBulletins": quiet,
}
