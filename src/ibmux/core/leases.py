"""Who has a claim on which shared line, and which lines should be open: leases in, lines out.

Pure: time is an argument (seconds, any monotonic clock). Knows nothing of contracts beyond their conId.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

Generics = frozenset[str]


class Owner(NamedTuple):
    """One running copy of a script."""

    script: str
    instance: str


@dataclass(frozen=True, slots=True)
class Lease:
    """One owner's claim on one contract until a time; `generics` are the generic ticks that it asked for."""

    owner: Owner
    con_id: int
    generics: Generics
    until: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do so that the open lines are the wanted ones; `reopen` changes generic ticks."""

    open: dict[int, Generics]
    reopen: dict[int, Generics]
    close: frozenset[int]


def plan(wanted: Mapping[int, Generics], opened: Mapping[int, Generics]) -> Plan:
    """Compare wanted and open lines. A line is never reopened only to drop generic ticks."""
    return Plan(
        open={con_id: generics for con_id, generics in wanted.items() if con_id not in opened},
        reopen={
            con_id: generics | opened[con_id]
            for con_id, generics in wanted.items()
            if con_id in opened and not generics <= opened[con_id]
        },
        close=frozenset(opened.keys() - wanted.keys()),
    )


class LeaseBook:
    """All leases, and the lines that still linger after their last lease."""

    def __init__(self, linger: float) -> None:
        self.linger = linger
        self._leases: dict[tuple[Owner, int], Lease] = {}
        self._lingering: dict[int, tuple[float, Generics]] = {}

    def __len__(self) -> int:
        return len(self._leases)

    def __repr__(self) -> str:
        return f"<LeaseBook {len(self._leases)} leases, {len(self._lingering)} lines lingering>"

    def take(self, owner: Owner, con_id: int, generics: Generics, until: float) -> Lease:
        """Enter or renew a lease; renewing adds generic ticks to those already asked for."""
        known = self._leases.get((owner, con_id))
        lease = Lease(owner, con_id, generics | known.generics if known else generics, until)
        self._leases[owner, con_id] = lease
        self._lingering.pop(con_id, None)
        return lease

    def find(self, owner: Owner, con_id: int) -> Lease | None:
        """The owner's lease of a contract."""
        return self._leases.get((owner, con_id))

    def restore(self, owner: Owner, con_id: int, before: Lease | None) -> None:
        """Undo a `take` that led to nothing; `before` is what `find` gave before it."""
        if before is None:
            self._leases.pop((owner, con_id), None)
        elif (owner, con_id) in self._leases:
            self._leases[owner, con_id] = before

    def release(self, owner: Owner, con_id: int, now: float) -> bool:
        """End one lease; its line lingers if it was the last. Returns whether there was one."""
        lease = self._leases.pop((owner, con_id), None)
        if lease is not None:
            self._let_linger(lease, now)
        return lease is not None

    def release_owner(self, owner: Owner, now: float) -> int:
        """End all leases of a running copy that is gone; returns how many."""
        return self._release_all([key for key in self._leases if key[0] == owner], now)

    def expire(self, now: float) -> int:
        """End the leases that were not renewed in time; returns how many."""
        return self._release_all([key for key, lease in self._leases.items() if lease.until <= now], now)

    def drop_line(self, con_id: int) -> None:
        """Forget a line that the gateway refused, with all its leases."""
        for key in [key for key in self._leases if key[1] == con_id]:
            del self._leases[key]
        self._lingering.pop(con_id, None)

    def give_up_lingering(self) -> int | None:
        """Free the line that has lingered longest, to make room for one that is needed; returns its conId."""
        if not self._lingering:
            return None
        con_id = min(self._lingering, key=lambda each: self._lingering[each][0])
        del self._lingering[con_id]
        return con_id

    def owned_by(self, owner: Owner) -> int:
        """How many leases a running copy has."""
        return sum(1 for each, _ in self._leases if each == owner)

    def wanted(self, now: float) -> dict[int, Generics]:
        """The lines that should be open now, with the union of the generic ticks asked for."""
        lines: dict[int, Generics] = {
            con_id: generics for con_id, (until, generics) in self._lingering.items() if until > now
        }
        for lease in self._leases.values():
            lines[lease.con_id] = lines.get(lease.con_id, frozenset()) | lease.generics
        return lines

    def _release_all(self, keys: Iterable[tuple[Owner, int]], now: float) -> int:
        count = 0
        for key in keys:
            count += self.release(*key, now)
        return count

    def _let_linger(self, lease: Lease, now: float) -> None:
        if not any(con_id == lease.con_id for _, con_id in self._leases):
            self._lingering[lease.con_id] = (now + self.linger, lease.generics)
