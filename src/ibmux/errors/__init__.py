"""The one tree of errors: what a person reads, what goes over the wire, what an order's fate is.

Every class carries a wire `code`. Nothing here knows about MQTT, HTTP or the gateway.
"""

from collections.abc import Sequence
from typing import Any

from ibmux.errors.base import IbmuxError as IbmuxError
from ibmux.errors.base import Outcome as Outcome


class ConfigError(IbmuxError):
    """The settings cannot be used; the message names file, key and value."""

    code = "config.invalid"
    hint = "Correct the named key in proxy.toml (or the environment variable) and start again."


class AlreadyRunning(IbmuxError):
    """Another proxy of this machine holds the session of a gateway; the message says which one."""

    code = "proxy.already_running"
    hint = "Use the proxy that runs (`ibmux status` shows it), or stop it first: a gateway has one session."


class RequestError(IbmuxError):
    """A request that cannot be served whatever the gateway says."""

    code = "request.invalid"
    hint = "Compare the arguments with the method's entry in docs/api.md."


class MalformedRequest(RequestError):
    """The payload is not one MessagePack map."""

    code = "request.malformed"
    hint = "Send one MessagePack map of keyword arguments; an empty map (0x80) where there are none."


class UnknownMethod(RequestError):
    """No method of this name."""

    code = "request.unknown_method"
    hint = "`ibmux call --list` prints the methods; names are those of ib_async."


class TooLarge(RequestError):
    """The payload is larger than the proxy accepts."""

    code = "request.too_large"
    hint = "Split the request; the limit is in the retained topic proxy/info."


class Expired(RequestError):
    """The deadline (message expiry) passed before an answer came."""

    code = "request.expired"
    retryable = True
    hint = "Ask again with a longer deadline (the message expiry interval, in seconds)."


class RetainedRequest(RequestError):
    """A retained request would be replayed at each reconnect, so it is refused."""

    code = "request.retained"
    hint = "Publish requests without the retain flag."


class Busy(RequestError):
    """Too many requests of one script wait already."""

    code = "request.busy"
    retryable = True
    hint = "Wait for answers before you send more; the limit is in the retained topic proxy/info."


class Forbidden(IbmuxError):
    """The script may not do this: its role or its name does not allow it."""

    code = "auth.forbidden"
    outcome = "not_sent"
    hint = "Give it a role in proxy.toml and restart the proxy: [scripts.NAME] role = read, cancel, trade or admin."


class Refused(IbmuxError):
    """The proxy does not let this script in: wrong name or token."""

    code = "auth.refused"
    hint = "Check the script's name and token against proxy.toml."


class GatewayError(IbmuxError):
    """The gateway answered with an error; `ib` holds its code and text."""

    code = "gateway.error"
    hint = "The text is the gateway's own; Interactive Brokers' list of message codes explains the number."


class UnknownGateway(IbmuxError):
    """No gateway of this name in proxy.toml."""

    code = "gateway.unknown"
    hint = "The retained topic proxy/info lists the gateways."


class NotReady(GatewayError):
    """The session is not ready; the message says which state it is in and why."""

    code = "gateway.not_ready"
    retryable = True
    outcome = "not_sent"
    hint = "Ask again when `ibmux status` (or the retained topic <gateway>/status) says `ready`."


class GatewayTimeout(GatewayError):
    """The gateway did not answer within the deadline."""

    code = "gateway.timeout"
    retryable = True
    hint = "Ask again; if it goes on, look at `ibmux status` for the state of the data farms."


class Draining(IbmuxError):
    """The proxy is shutting down and takes no new requests."""

    code = "proxy.draining"
    retryable = True
    outcome = "not_sent"
    hint = "The proxy is stopping; ask again when its retained status says `online`."


class Unreachable(IbmuxError):
    """The script cannot reach the proxy."""

    code = "proxy.unreachable"
    retryable = True
    outcome = "not_sent"
    hint = "Is `ibmux serve` running, and does the url match its listener?"


class ConnectionLost(IbmuxError):
    """The connection to the proxy broke while an answer was awaited."""

    code = "proxy.connection_lost"
    retryable = True
    outcome = "unknown"
    hint = "For an order: ask with the same key; the same key never becomes two orders."


class UnknownContract(GatewayError):
    """No contract matches (Interactive Brokers' code 200)."""

    code = "contract.unknown"
    hint = "Check symbol, secType, exchange and currency; `reqMatchingSymbols` searches by name."


class AmbiguousContract(RequestError):
    """More than one contract matches; the message lists some."""

    code = "contract.ambiguous"
    hint = "Add exchange, primaryExchange, currency or conId until one contract is left."


class NoLines(GatewayError):
    """All market-data lines are in use (code 101)."""

    code = "market.no_lines"
    retryable = True
    hint = "Cancel streams that nobody needs (`ibmux status` shows the lines), or buy quote boosters."


class NoStreams(NoLines):
    """All tick-by-tick streams (5 % of the lines), order books (three) or scans (ten) are in use (10190, 309)."""

    code = "market.no_streams"
    hint = "Cancel streams that nobody needs; more market-data lines bring more of them."


class NotSubscribed(GatewayError):
    """The account has no subscription for this market data (354, 10089, 10092, 10168, 10186, 10197)."""

    code = "market.not_subscribed"
    hint = "Subscribe to the data in Client Portal, or ask for delayed data: reqMarketDataType(3)."


class NoHistory(GatewayError):
    """The historical data service refused or has no data (162, 165, 366, 10187)."""

    code = "history.failed"
    hint = "The text is the service's own: no data for this contract and time, or a pacing rule."


class OrderRejected(GatewayError):
    """The gateway refused the order (201, 203, 110, 103, ...): nothing is working."""

    code = "order.rejected"
    outcome = "rejected"
    hint = "Nothing is working at the exchange. Correct the order and place it again under a new key."


class OrderNotSent(IbmuxError):
    """The order never left the proxy."""

    code = "order.not_sent"
    outcome = "not_sent"
    hint = "Nothing was sent to the gateway; it is safe to try again."


class LimitExceeded(OrderNotSent):
    """The order is beyond a limit of proxy.toml; the message says which."""

    code = "order.limit"
    hint = "Nothing was sent. Limits are in [limits] and [scripts.NAME] of proxy.toml."


class Halted(OrderNotSent):
    """New orders are stopped, by a person or by the circuit breaker; cancels pass."""

    code = "order.halted"
    hint = "Nothing was sent. `ibmux resume` ends it, when a person has seen why."


class OrderUnknown(IbmuxError):
    """The order was sent and no acknowledgement came within the deadline: it may be working."""

    code = "order.unknown"
    outcome = "unknown"
    hint = "Ask with the same key (`orderStatus`), never place it again under another: it may be working."


class OrderPending(OrderUnknown, TimeoutError):
    """The order works, and has not come as far as was waited for; the message names its key and its status."""

    code = "order.pending"
    hint = "The order is still working. Wait again, or cancel it; never place it again under another key."


class OrderEnded(IbmuxError):
    """The order ended in another way than was waited for, such as cancelled; the message says how and why."""

    code = "order.ended"
    hint = "It will not be filled any more. Place a new order, under a new key, if it is still wanted."


class NotClosed(IbmuxError):
    """Positions are left that were to be closed, or orders that were to be cancelled; the message names each.

    Attributes:
        rows: what was done with each position and each order, also with those that are closed.
    """

    code = "positions.not_closed"
    hint = "See to those that are named, in TWS if need be. To ask again is safe: nothing is closed twice."
    rows: Sequence[Any] = ()


class JournalFailed(IbmuxError):
    """The journal cannot be written or read, so nothing that needs it is done; the message says why."""

    code = "journal.failed"
    retryable = True
    outcome = "not_sent"
    hint = "See to the disk and the file that are named; the journal tries again by itself. Cancels still pass."


class JournalCorrupt(JournalFailed):
    """The journal's file is damaged, or is none; nothing in it was changed."""

    code = "journal.corrupt"
    retryable = False
    hint = "Keep the file and those beside it (-wal, -shm): move them away together, then start with a new journal."


class KeyConflict(RequestError):
    """The same order key with a different order."""

    code = "order.key_conflict"
    outcome = "not_sent"
    hint = "Use a new key for a new order, or `modifyOrder` to change the one that has this key."


class KeyTaken(KeyConflict):
    """The journal has an order of this key already; whether it is the same order is for whoever asked to see."""

    code = "order.key_taken"
    hint = "`orderStatus` with this key shows the order that is there."


class OrderNotFound(RequestError):
    """No order of this key, orderId or permId."""

    code = "order.not_found"
    outcome = "not_sent"
    hint = "`openOrders` lists what can be cancelled or modified."


class NotYourOrder(Forbidden):
    """The order belongs to another script, and the role does not reach it."""

    code = "order.not_yours"
    hint = "Only the script that placed an order, or one with role `cancel` or `admin`, may cancel it."
