"""Answers about quotes: streaming lines, snapshots, the market-data type."""

from __future__ import annotations

from ibmux.sim.answers.kind import Handler, invalid, resolve
from ibmux.sim.catalogue.contracts import ContractDetails, Refusal
from ibmux.sim.catalogue.routes import bbo_exchange
from ibmux.sim.clients.client import Client
from ibmux.sim.clients.wire import query_from
from ibmux.sim.companies.news import NOT_ALLOWED
from ibmux.sim.feeds import permissions
from ibmux.sim.feeds.generics import TICKS, YIELDS
from ibmux.sim.feeds.lines import Line
from ibmux.sim.orders import combos
from ibmux.sim.orders.combos import Part
from ibmux.tws.layout import Values

SNAPSHOT_PERMISSIONS = 3
NEWS = 292
WITHOUT_DEFAULTS = "mdoff"
GENERIC_TICKS = frozenset(TICKS) - {YIELDS} | frozenset((
    107, 125, 233, 256, 292, 370, 375, 381, 384, 387, 388, 391, 407, 428, 439, 459, 499, 506, 511, 513, 545, 563, 572,
    580, 584, 586, 587, 629, 631, 634, 635, 638, 645, 664, 668, 670, 687, 714, 721, 723, 725, 726, 742, 755,
))  # fmt: skip
"""Generic tick numbers that gateways know; some of them bring nothing here."""
TOO_MANY = "Max number of tickers has been reached"


def market_data(client: Client, ask: Values) -> None:
    """Answer reqMktData: the quote as it stands, then its changes, or the end of the snapshot."""
    request_id = ask["reqId"]
    if not is_new(client, request_id) or not _ticks_allowed(client, ask) or not has_data(client, request_id):
        return
    found = _find(client, ask)
    if found is None:
        return
    once = ask["snapshot"] or ask["regulatorySnapshot"]
    if not once and not has_line(client, request_id):
        return
    line = _open_line(client, ask, *found)
    if line is None:
        return
    if once:
        delay = client.gateway.settings.snapshot_delay
        client.after(request_id, delay, lambda: client.reply("tickSnapshotEnd", reqId=request_id))
    else:
        client.gateway.feed.add(line)


def _find(client: Client, ask: Values) -> tuple[ContractDetails, tuple[Part, ...]] | None:
    """The contract that the request means, and its legs if it is a combination; None if the client had to be told."""
    query = query_from(ask)
    if ask["secType"] != "BAG":
        details = resolve(client, ask["reqId"], query)
        return (details, ()) if details else None
    parts = combos.parts_of(client.gateway.world.universe, combos.legs_from(ask["comboLegs"]))
    if isinstance(parts, Refusal):
        client.error(ask["reqId"], parts.code, parts.text)
        return None
    found = combos.details_of(parts, query)
    if isinstance(found, Refusal):
        client.error(ask["reqId"], found.code, found.text)
        return None
    return found, parts


def is_new(client: Client, request_id: int) -> bool:
    """Whether the id serves no other request; if it does, the client is told with error 102."""
    if request_id in client.lines or request_id in client.timers or request_id in client.streams:
        client.error(request_id, 102, "Duplicate ticker id")
        return False
    return True


def has_data(client: Client, request_id: int) -> bool:
    """Whether the login has its market data to itself; if not, the client is told with error 10197."""
    if client.gateway.feed.competing:
        client.error(request_id, 10197, permissions.COMPETING)
        return False
    return True


def has_line(client: Client, request_id: int) -> bool:
    """Whether the login has a market-data line left; if not, the client is told with error 101."""
    if len(client.gateway.feed) >= client.gateway.settings.lines:
        client.error(request_id, 101, TOO_MANY)
        return False
    return True


def _wanted(ask: Values) -> list[str]:
    return [text for text in ask["genericTickList"].replace(" ", "").split(",") if text]


def _is_generic(text: str) -> bool:
    number = text.partition(":")[0]
    return number == WITHOUT_DEFAULTS or (number.isascii() and number.isdigit() and int(number) in GENERIC_TICKS)


def _ticks_allowed(client: Client, ask: Values) -> bool:
    """Whether the generic ticks asked for exist and go with the request; if not, the client is told."""
    wanted = _wanted(ask)
    if not all(_is_generic(text) for text in wanted):
        legal = ",".join(str(number) for number in sorted(GENERIC_TICKS))
        text = (
            f"Incorrect generic tick list of {ask['genericTickList']}.  Legal ones for ({ask['secType']}) are: {legal}"
        )
        invalid(client, ask["reqId"], text)
    elif wanted and ask["snapshot"]:
        invalid(client, ask["reqId"], "Snapshot market data subscription is not applicable to generic ticks")
    else:
        return True
    return False


def _open_line(client: Client, ask: Values, details: ContractDetails, parts: tuple[Part, ...]) -> Line | None:
    """Send what a new line starts with: its type, its parameters, the whole quote. None if it may not be seen."""
    if details.contract.secType == "NEWS":
        return _open_news(client, ask, details)
    found = _access(client, [part.details for part in parts] or [details])
    if found.kind == "none" and not (ask["regulatorySnapshot"] and details.venue == "US"):
        client.error(ask["reqId"], found.code, found.text)
        return None
    line = _line(client, ask, details, parts, delayed=found.kind == "delayed")
    if line.delayed:
        client.error(line.req_id, found.code, found.text)
    _begin(client, line)
    return line


def _open_news(client: Client, ask: Values, details: ContractDetails) -> Line | None:
    """The line of a provider's broad tape; None if the login is not subscribed to it."""
    if details.contract.exchange in client.gateway.world.news.subscribed:
        return _line(client, ask, details)
    client.error(ask["reqId"], 10276, NOT_ALLOWED)
    return None


def _access(client: Client, seen: list[ContractDetails]) -> permissions.Access:
    """How the request is met, given all contracts whose data it needs: as the one that is met worst."""
    settings = client.gateway.settings
    every = [
        permissions.access(details, settings.subscriptions, client.market_type, delayed=settings.delayed)
        for details in seen
    ]
    return next((found for found in every if found.kind != "live"), every[0])


def _begin(client: Client, line: Line) -> None:
    feed = client.gateway.feed
    channel = feed.channel(line)
    line.show(channel.shown_type(line))
    client.reply(
        "tickReqParams",
        reqId=line.req_id,
        minTick=line.details.minTick,
        bboExchange=bbo_exchange(line.details),
        snapshotPermissions=SNAPSHOT_PERMISSIONS,
    )
    _warn_of_greeks(client, line)
    client.gateway.counts.ticks_sent += channel.greet(line) + feed.generics.greet(line)


def _line(
    client: Client, ask: Values, details: ContractDetails, parts: tuple[Part, ...] = (), *, delayed: bool = False
) -> Line:
    wanted = _wanted(ask)
    numbers = frozenset(int(text.partition(":")[0]) for text in wanted if text != WITHOUT_DEFAULTS)
    providers = [text.partition(":")[2] for text in wanted if text.startswith(f"{NEWS}:")]
    named = frozenset(name for text in providers for name in text.replace(":", "+").split("+"))
    return Line(
        client, ask["reqId"], details, delayed=delayed, wanted=numbers, defaults=WITHOUT_DEFAULTS not in wanted,
        providers=named, parts=parts,
    )  # fmt: skip


def _warn_of_greeks(client: Client, line: Line) -> None:
    """Tell the client with error 10090 if its login does not see the underlying: no Greeks will come."""
    settings, market = client.gateway.settings, client.gateway.world.market
    if not line.is_option or line.delayed or not line.details.underConId:
        return
    under = market.details(line.details.underConId)
    if not permissions.is_live(under, settings.subscriptions):
        line.greeks = False
        client.error(line.req_id, 10090, permissions.partly(line.details, under, settings.delayed))


def cancel_market_data(client: Client, ask: Values) -> None:
    """Answer cancelMktData: nothing, unless there is no such request."""
    request_id = ask["reqId"]
    line = client.lines.get(request_id)
    if line is not None:
        client.gateway.feed.remove(line)
    elif request_id in client.bars or not client.stop_timer(request_id):
        unknown(client, request_id)


def end_stream(client: Client, request_id: int, kind: str) -> bool:
    """Close the client's stream of this kind; False if the id is none's."""
    stream = client.streams.get(request_id)
    if stream is None or stream.kind != kind:
        return False
    client.gateway.feed.streams.remove(stream)
    return True


def unknown(client: Client, request_id: int) -> None:
    """Tell the client with error 300 that there is no such subscription."""
    client.error(request_id, 300, f"Can't find EId with tickerId:{request_id}")


def market_data_type(client: Client, ask: Values) -> None:
    """Answer reqMarketDataType: it holds for the client's later requests. 1 live, 2 frozen, 3 delayed, 4 both."""
    wanted = ask["marketDataType"]
    if wanted not in (1, 2, 3, 4):
        invalid(client, -1, f"Invalid market data type {wanted}")
    else:
        client.market_type = wanted


HANDLERS: dict[str, Handler] = {
    "reqMktData": market_data,
    "cancelMktData": cancel_market_data,
    "reqMarketDataType": market_data_type,
}
