"""What is to be thought of orders that the gateway does not show, and of units of which a leg is missing. Pure.

A list that is missing or incomplete is no evidence: only complete looks at the open orders, the completed ones and the
executions count, and one alone is not enough where a gateway has just started.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from ibmux.core.entry import Entry

NEVER_CAME = "The gateway never got this order: it is in none of its lists. Nothing is working; the key is free again."
IS_OVER = (
    "The order is no longer among the gateway's open orders, and the gateway does not say how it ended; its fills, if "
    "any, are known."
)
CANNOT_TELL = (
    "The gateway shows nothing of this exercise, which carries no mark of its own: whether it was done, the account's "
    "positions tell. It is not sent again."
)
WAS_HELD = "The order was held for a leg that was never sent: it never worked, and is cancelled. The key is free again."
HALF_SENT = "A leg of this unit was never sent, or not answered in time; the rest of it is cancelled."
HALF_FILLED = "A leg of this unit was never sent, and another one has fills: nothing was cancelled; a person must look."
CAME_WHOLE = (
    "This unit was to be cancelled, since the gateway had not answered in time; it came whole, and has fills: it works "
    "on."
)


def unseen(entries: Iterable[Entry], client_id: int, look: int, accounts: Collection[str] = ()) -> list[Entry]:
    """Our unfinished orders that were sent, or may have been, and that no list of this look has shown.

    A gateway lists no order that it only holds: what is not transmitted cannot be missed. Nor does it list orders of a
    login that has other `accounts`.
    """
    return [
        entry
        for entry in entries
        if not (entry.done or entry.waiting or is_held(entry))
        and entry.seen < look
        and entry.trade.order.clientId == client_id
        and is_of(entry, accounts)
    ]


def is_of(entry: Entry, accounts: Collection[str]) -> bool:
    """Whether an order is of the login that has these accounts, as far as that can be told."""
    account = entry.trade.order.account
    if account in accounts:
        return True
    return not set(entry.login).isdisjoint(accounts) if entry.login else not account


def is_held(entry: Entry) -> bool:
    """Whether the gateway was given an order only to keep it until another leg transmits it."""
    order = entry.trade.order
    return bool(order.orderId) and not order.transmit and not entry.acknowledged


def is_unsent(entry: Entry) -> bool:
    """Whether an order that the gateway does not show never got there: nothing was ever heard of it."""
    return not (entry.acknowledged or entry.trade.orderStatus.permId or entry.trade.fills)


def legs(entries: Iterable[Entry], entry: Entry) -> Iterator[Entry]:
    """The other legs of its unit that are not finished."""
    for each in entries:
        if each is not entry and each.script == entry.script and each.key in entry.unit and not each.done:
            yield each


def may_cancel(unit: Iterable[Entry]) -> bool:
    """Whether a unit with a missing leg may be cancelled whole: with fills, what is left may be what protects them."""
    return not any(map(_has_fills, unit))


def came_whole(entry: Entry, unit: Collection[Entry]) -> bool:
    """Whether every leg of its unit has come to the gateway after all; `unit` is what is known of it."""
    return len(unit) == len(entry.unit) and not any(map(is_unsent, unit))


def protects(entry: Entry, unit: Iterable[Entry]) -> bool:
    """Whether it is an exit of a leg that has fills: cancelled, it would leave a position alone."""
    filled = {each.trade.order.orderId for each in unit if _has_fills(each)}
    return not entry.done and entry.trade.order.parentId in filled


def hangs(entry: Entry, unit: Iterable[Entry]) -> bool:
    """Whether it hangs on a leg that may still be filled, and would then protect it: it must stay as long. A gateway
    cancels it with that one.
    """
    parent = entry.trade.order.parentId
    return bool(parent) and any(each.trade.order.orderId == parent and not each.done for each in unit)


def was_taken(entry: Entry, unit: Iterable[Entry]) -> bool:
    """Whether its group cancelled a leg, since another one filled: then the gateway had it, whatever was heard."""
    group = entry.trade.order.ocaGroup
    mates = (each for each in unit if each is not entry and each.trade.order.ocaGroup == group)
    return bool(group) and entry.trade.orderStatus.status == "Cancelled" and any(map(_has_fills, mates))


def _has_fills(entry: Entry) -> bool:
    return bool(entry.trade.fills or entry.trade.orderStatus.filled)
