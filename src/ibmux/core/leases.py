"""Who has a claim on which shared stream, and which streams should be open: leases in, streams out.

Pure: time is an argument (seconds, any monotonic clock). A stream is known by a key alone (a line's is its conId); what
its leases demand of it (generic ticks, rows of a book) are texts, of which the stream gets all.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

Demands = frozenset[str]
K = TypeVar("K", bound=Hashable)


class Owner(NamedTuple):
    """One running copy of a script."""

    script: str
    instance: str


@dataclass(frozen=True, slots=True)
class Lease(Generic[K]):
    """One owner's claim on one stream until a time; `demands` are what it asked of the stream."""

    owner: Owner
    key: K
    demands: Demands
    until: float


@dataclass(frozen=True, slots=True)
class Plan(Generic[K]):
    """What to do so that the open streams are the wanted ones; `reopen` changes what is demanded of them."""

    open: dict[K, Demands]
    reopen: dict[K, Demands]
    close: frozenset[K]


def plan(wanted: Mapping[K, Demands], opened: Mapping[K, Demands]) -> Plan[K]:
    """Compare wanted and open streams. A stream is never reopened only to demand less."""
    return Plan(
        open={key: demands for key, demands in wanted.items() if key not in opened},
        reopen={
            key: demands | opened[key]
            for key, demands in wanted.items()
            if key in opened and not demands <= opened[key]
        },
        close=frozenset(opened.keys() - wanted.keys()),
    )


class LeaseBook(Generic[K]):
    """All leases, and the streams that still linger after their last lease."""

    def __init__(self, linger: float) -> None:
        self.linger = linger
        self._leases: dict[tuple[Owner, K], Lease[K]] = {}
        self._lingering: dict[K, tuple[float, Demands]] = {}

    def __len__(self) -> int:
        return len(self._leases)

    def __repr__(self) -> str:
        return f"<LeaseBook {len(self._leases)} leases, {len(self._lingering)} streams lingering>"

    def take(self, owner: Owner, key: K, demands: Demands, until: float) -> Lease[K]:
        """Enter or renew a lease; renewing adds to what it demanded already."""
        known = self._leases.get((owner, key))
        lease = Lease(owner, key, demands | known.demands if known else demands, until)
        self._leases[owner, key] = lease
        self._lingering.pop(key, None)
        return lease

    def find(self, owner: Owner, key: K) -> Lease[K] | None:
        """The owner's lease of a stream."""
        return self._leases.get((owner, key))

    def restore(self, owner: Owner, key: K, before: Lease[K] | None) -> None:
        """Undo a `take` that led to nothing; `before` is what `find` gave before it."""
        if before is None:
            self._leases.pop((owner, key), None)
        elif (owner, key) in self._leases:
            self._leases[owner, key] = before

    def release(self, owner: Owner, key: K, now: float) -> bool:
        """End one lease; its stream lingers if it was the last. Returns whether there was one."""
        lease = self._leases.pop((owner, key), None)
        if lease is not None:
            self._let_linger(lease, now)
        return lease is not None

    def release_owner(self, owner: Owner, now: float) -> int:
        """End all leases of a running copy that is gone; returns how many."""
        return self._release_all([key for key in self._leases if key[0] == owner], now)

    def expire(self, now: float) -> int:
        """End the leases that were not renewed in time; returns how many."""
        return self._release_all([key for key, lease in self._leases.items() if lease.until <= now], now)

    def drop_line(self, key: K) -> None:
        """Forget a stream that the gateway refused, with all its leases."""
        for each in [each for each in self._leases if each[1] == key]:
            del self._leases[each]
        self._lingering.pop(key, None)

    def give_up_lingering(self) -> K | None:
        """Free the stream that has lingered longest, to make room for one that is needed; returns its key."""
        if not self._lingering:
            return None
        key = min(self._lingering, key=lambda each: self._lingering[each][0])
        del self._lingering[key]
        return key

    def owned_by(self, owner: Owner) -> int:
        """How many leases a running copy has."""
        return sum(1 for each, _ in self._leases if each == owner)

    def wanted(self, now: float) -> dict[K, Demands]:
        """The streams that should be open now, with all that is demanded of them."""
        streams: dict[K, Demands] = {key: demands for key, (until, demands) in self._lingering.items() if until > now}
        for lease in self._leases.values():
            streams[lease.key] = streams.get(lease.key, frozenset()) | lease.demands
        return streams

    def _release_all(self, keys: Iterable[tuple[Owner, K]], now: float) -> int:
        count = 0
        for key in keys:
            count += self.release(*key, now)
        return count

    def _let_linger(self, lease: Lease[K], now: float) -> None:
        if not any(key == lease.key for _, key in self._leases):
            self._lingering[lease.key] = (now + self.linger, lease.demands)
