"""Answers about books: the rows of one exchange, or of all of them together."""

from __future__ import annotations

from ibmux.sim.answers.kind import Handler, resolve
from ibmux.sim.answers.market import end_stream, has_data, is_new
from ibmux.sim.catalogue.contracts import ContractDetails
from ibmux.sim.catalogue.routes import has_depth, names_makers
from ibmux.sim.clients.client import Client
from ibmux.sim.clients.wire import query_from
from ibmux.sim.feeds import permissions
from ibmux.sim.feeds.books import DEFAULT_ROWS, MOST_ROWS, DepthStream
from ibmux.tws.layout import Values

UNSUPPORTED = "Deep market data is not supported for this combination of security type/exchange"
LEAST_BOOKS, MOST_BOOKS, LINES_PER_BOOK = 3, 60, 100
"""Books of different contracts at once: one for each hundred market-data lines, three at least and sixty at most."""


def market_depth(client: Client, ask: Values) -> None:
    """Answer reqMktDepth: all rows as insertions, then every change."""
    request_id = ask["reqId"]
    if not is_new(client, request_id) or not has_data(client, request_id):
        return
    details = resolve(client, request_id, query_from(ask))
    if details is None or not _is_allowed(client, ask, details):
        return
    exchange = details.contract.exchange
    smart = exchange == "SMART"
    rows = min(ask["numRows"], MOST_ROWS) if ask["numRows"] > 0 else DEFAULT_ROWS
    makers = smart or names_makers(exchange, details.contract.secType)
    client.gateway.feed.streams.add(DepthStream(client, request_id, details, rows=rows, smart=smart, makers=makers))


def _is_allowed(client: Client, ask: Values, details: ContractDetails) -> bool:
    """Whether there is such a book and the login may have one more; if not, the client is told."""
    gateway, request_id = client.gateway, ask["reqId"]
    limit = max(LEAST_BOOKS, min(MOST_BOOKS, gateway.settings.lines // LINES_PER_BOOK))
    taken = {stream.con_id for stream in gateway.feed.streams.of("depth")}
    if not _has_book(details, ask["isSmartDepth"]):
        client.error(request_id, 10092, UNSUPPORTED)
    elif not permissions.is_live(details, gateway.settings.subscriptions):
        client.error(request_id, 354, permissions.no_depth(details))
    elif len(taken | {details.contract.conId}) > limit:
        client.error(request_id, 309, f"Max number ({limit}) of market depth requests has been reached")
    else:
        return True
    return False


def _has_book(details: ContractDetails, smart_depth: bool) -> bool:
    """Whether the exchange shows a book of the contract; SMART does if it is asked for the books of all exchanges."""
    contract = details.contract
    if contract.exchange != "SMART":
        return has_depth(contract.exchange, contract.secType)
    return smart_depth and any(has_depth(name, contract.secType) for name in details.validExchanges.split(","))


def cancel_market_depth(client: Client, ask: Values) -> None:
    """Answer cancelMktDepth: nothing, unless there is no such book."""
    if not end_stream(client, ask["reqId"], "depth"):
        client.error(ask["reqId"], 310, f"Can't find the subscribed market depth with tickerId:{ask['reqId']}")


HANDLERS: dict[str, Handler] = {"reqMktDepth": market_depth, "cancelMktDepth": cancel_market_depth}
