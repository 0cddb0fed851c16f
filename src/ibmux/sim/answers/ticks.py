"""Answers about tick-by-tick data: the last ticks before, if asked for, then every tick as it happens.

Limits: IB's documentation of tick-by-tick data; texts as gateways send them.
"""

from __future__ import annotations

from ibmux.sim.answers.kind import Handler, invalid, resolve
from ibmux.sim.answers.market import end_stream, has_data, is_new, unknown
from ibmux.sim.catalogue.contracts import ContractDetails
from ibmux.sim.clients.client import Client
from ibmux.sim.clients.wire import query_from
from ibmux.sim.feeds import permissions
from ibmux.sim.feeds.tickstreams import (
    BID_ASK,
    MID_POINT,
    MOST_BACK,
    TYPES,
    Tick,
    TickStream,
    last_ticks,
    quote_mask,
    trade_mask,
)
from ibmux.sim.prices.tape import MidTick, QuoteTick, TradeTick
from ibmux.tws.layout import Values

FAILED = "Failed to request tick-by-tick data."
TOO_MANY = "Max number of tick-by-tick requests has been reached."
SHARE_OF_LINES = 20
"""One stream for each so many market-data lines: five for a hundred."""
AGAIN_AFTER = 15.0
"""Real seconds before the same contract can be asked for again, where `stream_pacing` is on."""
UNTRADED = ("CASH", "CFD")
UNSUPPORTED = ("OPT", "FOP", "BAG", "WAR", "IOPT", "NEWS", "FUND")


def tick_by_tick(client: Client, ask: Values) -> None:
    """Answer reqTickByTickData: Last, AllLast, BidAsk or MidPoint."""
    request_id = ask["reqId"]
    if not is_new(client, request_id) or not has_data(client, request_id):
        return
    if ask["tickType"] not in TYPES:
        invalid(client, request_id, f"Invalid tick-by-tick type {ask['tickType']}")
        return
    details = resolve(client, request_id, query_from(ask))
    if details is None or not _is_allowed(client, ask, details):
        return
    now = client.gateway.clock.now()
    kind = TYPES[ask["tickType"]]
    stream = TickStream(client, request_id, details, tick_type=kind, ignore_size=ask["ignoreSize"], now=now)
    if ask["numberOfTicks"] > 0:
        _send_past(client, stream, now, min(ask["numberOfTicks"], MOST_BACK))
    client.gateway.feed.streams.add(stream)


def _is_allowed(client: Client, ask: Values, details: ContractDetails) -> bool:
    """Whether the contract has such ticks and the login may have one stream more; if not, the client is told."""
    gateway, request_id = client.gateway, ask["reqId"]
    if not _is_supported(details, ask["tickType"]):
        name = details.contract.localSymbol
        text = f"{FAILED}{ask['tickType']} tick-by-tick requests are not supported for {name}"
        client.error(request_id, 10189, text)
    elif not permissions.is_live(details, gateway.settings.subscriptions):
        client.error(request_id, 10189, f"{FAILED}{permissions.no_permissions(details)}")
    elif _is_too_much(client, details):
        client.error(request_id, 10190, TOO_MANY)
    else:
        return True
    return False


def _is_too_much(client: Client, details: ContractDetails) -> bool:
    settings, streams = client.gateway.settings, client.gateway.feed.streams
    if len(streams.of("ticks")) >= max(1, settings.lines // SHARE_OF_LINES):
        return True
    return settings.stream_pacing and details.contract.conId in streams.begun("ticks", AGAIN_AFTER)


def _is_supported(details: ContractDetails, tick_type: str) -> bool:
    """Options, combinations and most indices have no tick-by-tick data; currencies have quotes only."""
    kind = details.contract.secType
    if kind == "IND":
        return details.contract.exchange == "CME" and tick_type in ("Last", "AllLast")
    return kind not in UNSUPPORTED and not (kind in UNTRADED and TYPES[tick_type] not in (BID_ASK, MID_POINT))


def _send_past(client: Client, stream: TickStream, now: float, count: int) -> None:
    """Send the last ticks before `now`, in the message of historical ticks of their kind."""
    tape = client.gateway.world.market.tape(stream.con_id)
    found = last_ticks(tape, stream.tick_type, now, count)
    client.reply(_PAST[stream.tick_type], reqId=stream.req_id, ticks=[past_row(tick) for tick in found], done=True)


_PAST = {1: "historicalTicksLast", 2: "historicalTicksLast", 3: "historicalTicksBidAsk", 4: "historicalTicks"}


def past_row(tick: Tick) -> Values:
    """One tick of a message of historical ticks."""
    when = {"time": int(tick.time)}
    match tick:
        case MidTick():
            return when | {"mask": 0, "price": tick.price, "size": 0.0}
        case QuoteTick():
            sides = {"bidPrice": tick.bid, "askPrice": tick.ask, "bidSize": tick.bidSize, "askSize": tick.askSize}
            return when | {"mask": quote_mask(tick)} | sides
        case TradeTick():
            what = {"price": tick.price, "size": tick.size, "exchange": tick.exchange, "conditions": tick.conditions}
            return when | {"mask": trade_mask(tick)} | what


def cancel_tick_by_tick(client: Client, ask: Values) -> None:
    """Answer cancelTickByTickData: nothing, unless there is no such request."""
    if not end_stream(client, ask["reqId"], "ticks"):
        unknown(client, ask["reqId"])


HANDLERS: dict[str, Handler] = {
    "reqTickByTickData": tick_by_tick,
    "cancelTickByTickData": cancel_tick_by_tick,
}
