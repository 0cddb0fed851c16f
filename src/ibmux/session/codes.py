"""Interactive Brokers' message codes: which of ibmux's errors each becomes, and which leave a request open.

Source: IB's list of API message codes; which of them end a request was seen in recordings of gateways.
"""

from __future__ import annotations

import re

from ibmux.errors import (
    AmbiguousContract,
    GatewayError,
    IbmuxError,
    NoHistory,
    NoLines,
    NoStreams,
    NotReady,
    NotSubscribed,
    OrderRejected,
    UnknownContract,
)

_ERRORS: dict[int, type[GatewayError]] = {
    101: NoLines,
    162: NoHistory,
    165: NoHistory,
    200: UnknownContract,
    309: NoStreams,
    354: NotSubscribed,
    366: NoHistory,
    420: NoHistory,
    504: NotReady,
    1100: NotReady,
    10089: NotSubscribed,
    10168: NotSubscribed,
    10186: NotSubscribed,
    10092: NotSubscribed,
    10187: NoHistory,
    10189: NotSubscribed,
    10190: NoStreams,
    10197: NotSubscribed,
}
_REMARKS = frozenset({399, 404, 10090, 10091, 10167, 10349})
"""Remarks on a request that goes on."""

_ABOUT_ORDERS = frozenset({"openOrders", "completedOrders"})
IN_USE = 326
COMPETING = 10197
"""Another session of the user has the market data."""
CUT = frozenset({1100, 2110})
PORT_MOVED = 1300
RESTORED_BARE = 1101
RESTORED = 1102
BOOK_RESET = 317
"""The order book begins anew: what is known of it is void."""
TOO_FAST = 100
"""A message was thrown away because too many came; with id -1 it may have been any that has no id."""
REFUSED_REQUEST = 321
"""A request did not pass the gateway's checks; with id -1 it was one that has no id (read-only API)."""


def is_remark(code: int) -> bool:
    """Whether a message about a request leaves it open; 321 does not: it ends its request."""
    return code in _REMARKS or 2100 <= code < 2200


def new_port(text: str) -> int:
    """The port that a gateway names when it moves there (1300); 0 if it names none."""
    numbers = re.findall(r"\d+", text)
    return int(numbers[-1]) if numbers and 0 < int(numbers[-1]) < 65536 else 0


def refused_questions(text: str, open_questions: list[str]) -> list[str]:
    """Which of the open questions without an id a refusal without an id (321) may concern.

    The read-only API refuses what is about orders; anything else may have been any of them.
    """
    if "read-only" in text.lower():
        return [name for name in open_questions if name in _ABOUT_ORDERS]
    return open_questions


def to_error(code: int, text: str, what: str = "") -> IbmuxError:
    """The error of a request that the gateway answered with `code`; `what` says what was asked."""
    message = f"{what[:1].upper()}{what[1:]}: {text}" if what else text
    if code == 200 and "ambiguous" in text:
        return AmbiguousContract(message, ib=(code, text))
    return _ERRORS.get(code, GatewayError)(message, ib=(code, text))


def to_order_error(code: int, text: str) -> IbmuxError:
    """The error of an order, or a what-if, that the gateway refused."""
    if code == 200:
        return to_error(code, text)
    return OrderRejected(text, ib=(code, text))
