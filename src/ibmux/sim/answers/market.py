"""Answers about quotes: streaming lines, snapshots, the market-data type."""

from __future__ import annotations

from ibmux.tws.layout import Values

from ..client import Client
from ..contracts import ContractDetails
from ..feed import DELAYED, Line, to_texts
from ..wire import query_from
from .kind import Handler, invalid, quiet, resolve

DELAYED_TYPES = (3, 4)
LAST_TIMESTAMP = 45
SNAPSHOT_PERMISSIONS = 3
GENERIC_TICKS = frozenset((
    100, 101, 104, 105, 106, 107, 125, 165, 221, 225, 232, 233, 236, 256, 258, 292, 293, 294, 295, 318, 370, 375, 381,
    384, 387, 388, 391, 407, 411, 428, 439, 456, 459, 460, 499, 506, 511, 513, 545, 563, 572, 576, 577, 578, 580, 584,
    586, 587, 588, 595, 619, 623, 629, 631, 634, 635, 638, 645, 664, 668, 670, 687, 714, 721, 723, 725, 726, 742, 755,
))  # fmt: skip
"""Generic tick types that gateways know."""


def market_data(client: Client, ask: Values) -> None:
    """Answer reqMktData: the quote as it stands, then its changes, or the end of the snapshot."""
    request_id = ask["reqId"]
    if request_id in client.lines or request_id in client.timers:
        client.error(request_id, 102, "Duplicate ticker id")
        return
    if not _ticks_allowed(client, ask):
        return
    details = resolve(client, request_id, query_from(ask))
    if details is None:
        return
    if not ask["snapshot"] and len(client.gateway.feed) >= client.gateway.settings.lines:
        client.error(request_id, 101, "Max number of tickers has been reached")
        return
    line = _open_line(client, request_id, details)
    if ask["snapshot"]:
        client.after(
            request_id,
            client.gateway.settings.snapshot_delay,
            lambda: client.reply("tickSnapshotEnd", reqId=request_id),
        )
    else:
        client.gateway.feed.add(line)


def _is_generic(text: str) -> bool:
    return text == "mdoff" or (text.isascii() and text.isdigit() and int(text) in GENERIC_TICKS)


def _ticks_allowed(client: Client, ask: Values) -> bool:
    """Whether the generic ticks asked for exist and go with the request; if not, the client is told."""
    wanted = [text.partition(":")[0] for text in ask["genericTickList"].replace(" ", "").split(",") if text]
    unknown = [text for text in wanted if not _is_generic(text)]
    if unknown:
        invalid(client, ask["reqId"], f"Incorrect generic tick list of {ask['genericTickList']}.")
    elif wanted and ask["snapshot"]:
        invalid(client, ask["reqId"], "Snapshot market data subscription is not applicable to generic ticks")
    else:
        return True
    return False


def _open_line(client: Client, request_id: int, details: ContractDetails) -> Line:
    """Send what a new line starts with: its type, its parameters, the whole quote."""
    delayed = client.market_type in DELAYED_TYPES
    quote = client.gateway.world.market.quote(details.contract.conId)
    line = Line(client, request_id, details, quote, delayed)
    if delayed:
        client.error(request_id, 10167, "Requested market data is not subscribed. Displaying delayed market data.")
    client.reply("marketDataType", reqId=request_id, marketDataType=client.market_type if delayed else 1)
    client.reply(
        "tickReqParams",
        reqId=request_id,
        minTick=details.minTick,
        bboExchange="a60001",
        snapshotPermissions=SNAPSHOT_PERMISSIONS,
    )
    client.reply(
        "tickString",
        reqId=request_id,
        tickType=DELAYED[LAST_TIMESTAMP] if delayed else LAST_TIMESTAMP,
        value=str(int(client.gateway.clock.now())),
    )
    first = line.ticks(to_texts(quote.snapshot()), None)
    client.send(b"".join(first))
    client.gateway.counts.ticks_sent += len(first)
    if line.is_option:
        line.compute(client.gateway.world.market.computations(details.contract.conId))
    return line


def cancel_market_data(client: Client, ask: Values) -> None:
    """Answer cancelMktData: nothing, unless there is no such request."""
    request_id = ask["reqId"]
    line = client.lines.get(request_id)
    if line is not None:
        client.gateway.feed.remove(line)
    elif request_id in client.bars or not client.stop_timer(request_id):
        client.error(request_id, 300, f"Can't find EId with tickerId:{request_id}")


def market_data_type(client: Client, ask: Values) -> None:
    """Answer reqMarketDataType: it holds for the client's later requests. 1 live, 2 frozen, 3 delayed, 4 both."""
    wanted = ask["marketDataType"]
    if wanted not in (1, 2, *DELAYED_TYPES):
        invalid(client, -1, f"Invalid market data type {wanted}")
    else:
        client.market_type = wanted


HANDLERS: dict[str, Handler] = {
    "reqMktData": market_data,
    "cancelMktData": cancel_market_data,
    "reqMarketDataType": market_data_type,
    "cancelHeadTimeStamp": quiet,
}
