"""Answers about news: providers, headlines of the past, articles, bulletins."""

from __future__ import annotations

from ibmux.sim.answers.kind import Handler, invalid
from ibmux.sim.catalogue.contracts import Refusal
from ibmux.sim.clients.client import Client
from ibmux.sim.clients.reports import send_bulletin
from ibmux.sim.companies.articles import article as text_of
from ibmux.sim.companies.news import PROVIDERS_BY_CODE
from ibmux.sim.instants import parse_end
from ibmux.tws.layout import Values

MAX_RESULTS = 300
"""Headlines of one answer (IBKR)."""
NO_ARTICLE = "Failed to request news article:No data available"


def providers(client: Client, ask: Values) -> None:
    """Answer reqNewsProviders: those that the login is subscribed to."""
    subscribed = client.gateway.world.news.subscribed
    rows = [{"code": code, "name": PROVIDERS_BY_CODE[code].name} for code in subscribed]
    client.reply("newsProviders", providers=rows)


def historical_news(client: Client, ask: Values) -> None:
    """Answer reqHistoricalNews: the newest headlines between two instants, and whether there are more."""
    request_id, gateway = ask["reqId"], client.gateway
    codes = [code.strip() for code in ask["providerCodes"].replace(",", "+").split("+") if code.strip()]
    if not codes or ask["totalResults"] <= 0:
        invalid(client, request_id, "Please enter provider codes" if not codes else "Invalid number of results")
        return
    start, end = parse_end(ask["startDateTime"], "UTC"), parse_end(ask["endDateTime"], "UTC")
    refusals = [found for code in codes if (found := gateway.world.news.refuse(code))]
    refusal = refusals[0] if refusals else start if isinstance(start, Refusal) else end
    if isinstance(refusal, Refusal):
        client.error(request_id, refusal.code, refusal.text)
        return
    now, most = gateway.clock.now(), min(ask["totalResults"], MAX_RESULTS)
    first = start if isinstance(start, float) else None
    last = min(end, now) if isinstance(end, float) else now
    items, more = gateway.world.news.latest(ask["conId"], frozenset(codes), first, last, most)
    for item in items:
        client.reply(
            "historicalNews", reqId=request_id, time=item.timeText, providerCode=item.provider,
            articleId=item.articleId, headline=item.headline,
        )  # fmt: skip
    client.reply("historicalNewsEnd", reqId=request_id, hasMore=more)


def article(client: Client, ask: Values) -> None:
    """Answer reqNewsArticle; an id that is unknown, or of an article not yet written, is error 10172."""
    request_id, gateway = ask["reqId"], client.gateway
    refusal = gateway.world.news.refuse(ask["providerCode"])
    if refusal is not None:
        client.error(request_id, refusal.code, refusal.text)
        return
    item = gateway.world.news.find(ask["providerCode"], ask["articleId"])
    if item is None or item.time > gateway.clock.now():
        client.error(request_id, 10172, NO_ARTICLE)
        return
    kind, text = text_of(item, gateway.world.news.subject(item))
    client.reply("newsArticle", reqId=request_id, articleType=kind, articleText=text)


def bulletins(client: Client, ask: Values) -> None:
    """Answer reqNewsBulletins: today's, if all are wanted, and new ones from now on."""
    client.bulletins = True
    for bulletin in client.gateway.world.bulletins.today() if ask["allMessages"] else ():
        send_bulletin(client, bulletin)


def cancel_bulletins(client: Client, ask: Values) -> None:
    """Answer cancelNewsBulletins."""
    client.bulletins = False


HANDLERS: dict[str, Handler] = {
    "reqNewsProviders": providers,
    "reqHistoricalNews": historical_news,
    "reqNewsArticle": article,
    "reqNewsBulletins": bulletins,
    "cancelNewsBulletins": cancel_bulletins,
}
