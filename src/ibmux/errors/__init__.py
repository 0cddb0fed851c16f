"""The one tree of errors: what a person reads, what goes over the wire, what an order's fate is.

Every class carries a wire `code`. Nothing here knows about MQTT, HTTP or the gateway.
"""

from ibmux.errors.base import IbmuxError as IbmuxError
from ibmux.errors.base import Outcome as Outcome
from ibmux.errors.kinds import Forbidden as Forbidden
from ibmux.errors.kinds import GatewayError as GatewayError
from ibmux.errors.kinds import RequestError as RequestError
from ibmux.errors.orders import Halted as Halted
from ibmux.errors.orders import JournalCorrupt as JournalCorrupt
from ibmux.errors.orders import JournalFailed as JournalFailed
from ibmux.errors.orders import KeyConflict as KeyConflict
from ibmux.errors.orders import KeyTaken as KeyTaken
from ibmux.errors.orders import LimitExceeded as LimitExceeded
from ibmux.errors.orders import NotClosed as NotClosed
from ibmux.errors.orders import NotYourOrder as NotYourOrder
from ibmux.errors.orders import OrderEnded as OrderEnded
from ibmux.errors.orders import OrderNotFound as OrderNotFound
from ibmux.errors.orders import OrderNotSent as OrderNotSent
from ibmux.errors.orders import OrderPending as OrderPending
from ibmux.errors.orders import OrderRejected as OrderRejected
from ibmux.errors.orders import OrderUnknown as OrderUnknown


class ConfigError(IbmuxError):
    """The settings cannot be used; the message names file, key and value."""

    code = "config.invalid"
    hint = "Correct the named key in proxy.toml (or the environment variable) and start again."


class AlreadyRunning(IbmuxError):
    """Another proxy of this machine holds the session of a gateway; the message says which one."""

    code = "proxy.already_running"
    hint = "Use the proxy that runs (`ibmux status` shows it), or stop it first: a gateway has one session."


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


class Refused(IbmuxError):
    """The proxy does not let this script in: wrong name or token."""

    code = "auth.refused"
    hint = "Check the script's name and token against proxy.toml."


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
