"""What became of an order, measured by what was waited for, and the error that says so in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ibmux.errors import IbmuxError, OrderEnded, OrderPending, OrderRejected, OrderUnknown
from ibmux.messages.contracts import name_of

if TYPE_CHECKING:
    from ibmux.client.trades import Trade

BEFORE_FILLED = frozenset({"PendingSubmit", "ApiPending", "PreSubmitted", "Submitted"})
"""Statuses that a filled order has gone through or beyond, also where nobody told of them."""
WORKED = frozenset({"PreSubmitted", "Submitted", "PendingCancel"})
"""Statuses of an order that the gateway took: without a word of why it ended, it was not refused."""
NOT_YET = frozenset({"", "PendingSubmit", "ApiPending"})
"""Statuses in which the gateway has not acknowledged the order."""


def has_reached(trade: Trade, statuses: Sequence[str]) -> bool:
    """Whether the order has, had, or went beyond one of these statuses."""
    status = trade.orderStatus.status
    if status in statuses or any(step.status in statuses for step in trade.log):
        return True
    return status == "Filled" and not BEFORE_FILLED.isdisjoint(statuses)


def ended(trade: Trade, statuses: Sequence[str]) -> IbmuxError:
    """The error for an order that ended in another way than was waited for."""
    reason = why(trade)
    text = f"{describe(trade)} ended {trade.orderStatus.status}, not {_either(statuses)}{_progress(trade)}"
    text += f": {reason}" if reason else "."
    if trade.orderStatus.status == "Inactive" and not done_so_far(trade) and _is_refusal(trade):
        return OrderRejected(text, ib=ib_of(trade))
    return OrderEnded(text, ib=ib_of(trade))


def _is_refusal(trade: Trade) -> bool:
    """Whether the gateway refused it; an order that worked, and is gone without a word, may have been filled."""
    return any(step.errorCode for step in trade.log[-1:]) or not any(step.status in WORKED for step in trade.log)


def pending(trade: Trade, statuses: Sequence[str], seconds: float) -> IbmuxError:
    """The error for an order that has not come as far as was waited for."""
    status = trade.orderStatus.status
    text = f"{describe(trade)} is {status or 'not known'}, not {_either(statuses)} after {seconds:.3g} s"
    text += f"{_progress(trade)}."
    if status in NOT_YET:
        return OrderUnknown(text)
    return OrderPending(text)


def describe(trade: Trade) -> str:
    """An order in a few words, with its key: `SELL 100 AAPL MOC (key 'x')`."""
    order = trade.order
    return f"{order.action} {order.totalQuantity:g} {name_of(trade.contract)} {order.orderType} (key {trade.key!r})"


def why(trade: Trade) -> str:
    """The last thing that was said of the order, with its code if it has one; empty if nothing was."""
    for step in reversed(trade.log):
        if step.message and step.message != "Modify":
            return f"{step.message} (code {step.errorCode})" if step.errorCode else step.message
    return ""


def ib_of(trade: Trade) -> tuple[int, str] | None:
    """Interactive Brokers' own code and text, where the log has one."""
    return next(((step.errorCode, step.message) for step in reversed(trade.log) if step.errorCode), None)


def done_so_far(trade: Trade) -> float:
    """Units filled: by the executions, or by the status where that knows more."""
    return max(trade.filled(), trade.orderStatus.filled)


def _progress(trade: Trade) -> str:
    done = done_so_far(trade)
    return f", {done:g} of {trade.order.totalQuantity:g} filled" if done else ""


def _either(statuses: Sequence[str]) -> str:
    return " or ".join(statuses)
