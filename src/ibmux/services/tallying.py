"""The day's sums after a restart of the proxy: made again from the journal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ibmux.core.limits import order_value
from ibmux.core.steps import ACKNOWLEDGED
from ibmux.core.tally import DAY, Item, Tally
from ibmux.errors import RequestError
from ibmux.journal import Filter, Kind, Record
from ibmux.messages import decode
from ibmux.messages.journal import Intent, Wish

if TYPE_CHECKING:
    from ibmux.journal import Journal

KINDS: tuple[Kind, ...] = ("intent", "unsent", "order", "change")
PAGE = 1000
"""Records that are read at once."""
_REFUSED = frozenset({"Inactive", "Cancelled"})
"""States in which gateways refuse an order, unless they took it before."""


async def rebuild(journal: Journal, gateway: str, now: float) -> Tally:
    """What was sent since the day of `now` (seconds UTC) began.

    Raises:
        JournalFailed: the journal cannot be read.
    """
    tally = Tally()
    tally.roll(now)
    taken: set[tuple[str, str]] = set()
    wanted, since = Filter(gateway=gateway, kinds=KINDS, start=tally.day * DAY), 0
    while page := await journal.read(since, PAGE, wanted):
        count(tally, taken, page)
        since = page[-1].seq
    tally.seal()
    return tally


def count(tally: Tally, taken: set[tuple[str, str]], records: Iterable[Record]) -> None:
    """Count these records, oldest first; `taken` remembers the orders that the gateway took."""
    for record in records:
        name = record.script, record.key
        if record.kind == "intent":
            tally.book(record.script, [Item(record.key, *_worth(decode(record.body, Intent)))])
        elif record.kind == "unsent":
            tally.release(*name)
        elif record.kind == "change":
            wish: Wish = decode(record.body, Wish)
            tally.book(wish.by, [Item("", *wish.worth)])
        elif record.status in ACKNOWLEDGED:
            taken.add(name)
        elif record.status in _REFUSED and name not in taken:
            tally.refund(*name)


def _worth(intent: Intent) -> tuple[float, str]:
    """As it was counted; of an order that came before its script had a cap, at the order's own price."""
    if intent.worth[0] or intent.exercise is not None:
        return intent.worth
    try:
        return order_value(intent.contract, intent.order), intent.contract.currency
    except RequestError:
        return 0.0, intent.contract.currency
