"""Which order a message is about, and whose an order is that nobody here placed.

An order is found by permId first, then by (clientId, orderId), if nothing speaks against it; orderId is only an
address, since gateways have been seen to hand out numbers again. Pure; what a message changes is `orderbook`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ibmux.core.entry import Entry
from ibmux.core.reference import Reference
from ibmux.messages.trades import Execution
from ibmux.topics import EXTERNAL

Owner = tuple[str, str]
"""Script and key."""
UNMARKED = Reference("", "", "")


@dataclass(slots=True)
class OrderIndex:
    """The orders of one session under each of their names."""

    client_id: int
    by_key: dict[Owner, Entry] = field(default_factory=dict)
    _by_address: dict[tuple[int, int], Entry] = field(default_factory=dict)
    _by_perm: dict[int, Entry] = field(default_factory=dict)
    _clients: set[int] = field(default_factory=set)
    _working: dict[Owner, Entry] = field(default_factory=dict)
    """All that are not finished, and some that finished since these were last asked for."""

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.by_key.values())

    def __len__(self) -> int:
        return len(self.by_key)

    def working(self) -> list[Entry]:
        """The orders that are not finished: few, where the book may remember very many."""
        known = self._working.items()
        self._working = {name: each for name, each in known if not each.done and self.by_key.get(name) is each}
        return list(self._working.values())

    def of_perm(self, perm_id: int) -> Entry | None:
        """The order of this permId."""
        return self._by_perm.get(perm_id)

    def of_number(self, order_id: int) -> Entry | None:
        """The order that the session's own client has under this orderId."""
        return self._by_address.get((self.client_id, order_id)) if order_id else None

    def match(self, perm_id: int, client_id: int, order_id: int, mark: Reference = UNMARKED) -> Entry | None:
        """The order that a message with these numbers, and maybe with a mark in its orderRef, is about."""
        if perm_id and (entry := self._by_perm.get(perm_id)):
            return entry
        entry = self._by_address.get((client_id, order_id)) if order_id else None
        if entry is not None:
            known = entry.trade.orderStatus.permId
            is_another = known and perm_id and known != perm_id
            if not is_another and (known or not _is_marked_for_another(entry, mark)):
                return entry
        return self._restored(mark) if client_id == self.client_id else None

    def _restored(self, mark: Reference) -> Entry | None:
        """An order that was written down before a restart, maybe without its number, is known by its mark; under the
        key of one that still waits, it is an earlier one, and that must not leave any more.
        """
        entry = self.by_key.get((mark.script, mark.key)) if mark.script else None
        if entry is None or entry.acknowledged or entry.trade.orderStatus.permId:
            return None
        return entry if entry.restored or entry.waiting else None

    def owner(self, mark: Reference, client_id: int, perm_id: int, order_id: int) -> Owner:
        """Whose an unknown order is: of the script in its mark if it is under our clientId, else of nobody here.

        A gateway copies the mark to what it makes of an order by itself (profit takers, a change that became a second
        order): such an order is the script's too, under a key of its own.
        """
        number = f"perm-{perm_id}" if perm_id else f"client-{client_id}-{order_id}"
        if client_id == self.client_id and mark.script:
            for key in (mark.key, number):
                if (mark.script, key) not in self.by_key:
                    return mark.script, key
        return EXTERNAL, number

    def owner_of(self, execution: Execution, mark: Reference) -> Owner:
        """Whose an execution is whose order is not known."""
        return self.owner(mark, execution.clientId, execution.permId, execution.orderId)

    def is_shared(self, order_id: int) -> bool:
        """Whether another client has an order of this number too, so that the number alone does not say whose it is."""
        return any((client, order_id) in self._by_address for client in self._clients if client != self.client_id)

    def enter(self, entry: Entry) -> None:
        """Take in an order."""
        self.by_key[entry.script, entry.key] = entry
        self.note(entry)

    def note(self, entry: Entry) -> None:
        """Find the order by its numbers from now on; they come one after the other.

        A number is not taken from an order that waits for its answer: the gateway's errors name nothing else.
        """
        if self.by_key.get((entry.script, entry.key)) is entry:  # else it was taken out, and is named by an old number
            self._working[entry.script, entry.key] = entry
        client, number = entry.address
        if number:
            there = self._by_address.get(entry.address)
            if there is None or there.acknowledged or there.done:
                self._by_address[entry.address] = entry
                self._clients.add(client)
        if entry.trade.order.permId:
            self._by_perm[entry.trade.order.permId] = entry

    def drop(self, entry: Entry) -> None:
        """Find an order no more; its key and its numbers may be another's by now."""
        if self.by_key.get((entry.script, entry.key)) is entry:
            del self.by_key[entry.script, entry.key]
        if self._by_address.get(entry.address) is entry:
            del self._by_address[entry.address]
        if self._by_perm.get(entry.trade.order.permId) is entry:
            del self._by_perm[entry.trade.order.permId]


def _is_marked_for_another(entry: Entry, mark: Reference) -> bool:
    """Whether the mark is that of another order than one of ours that has no permId yet; a gateway may cut a long
    text short.
    """
    if not mark.script or entry.acknowledged:
        return False
    return mark.script != entry.script or not entry.key.startswith(mark.key)
