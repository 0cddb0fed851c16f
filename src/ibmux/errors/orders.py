"""What can go wrong with orders, positions that are to be closed, and the journal that orders stand on."""

from collections.abc import Sequence
from typing import Any

from ibmux.errors.base import IbmuxError
from ibmux.errors.kinds import Forbidden, GatewayError, RequestError


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
