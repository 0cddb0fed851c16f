"""Who follows which shared stream until they say that they do not, or are gone. Pure.

Claims have no time of their own, unlike leases: they end with a word, a connection, or a running copy of a script.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from ibmux.core.leases import Owner

K = TypeVar("K", bound=Hashable)


class Claims(Generic[K]):
    """Owners by stream; for each owner the connection over which it made its claim (empty if there is none)."""

    def __init__(self) -> None:
        self._owners: dict[K, dict[Owner, str]] = {}

    def __len__(self) -> int:
        return sum(len(owners) for owners in self._owners.values())

    def __contains__(self, key: K) -> bool:
        return key in self._owners

    def take(self, key: K, owner: Owner, client: str) -> bool:
        """Enter a claim; whether it is a new one."""
        owners = self._owners.setdefault(key, {})
        is_new = owner not in owners
        owners[owner] = client
        return is_new

    def release(self, key: K, owner: Owner) -> bool:
        """End a claim; whether there was one. The stream is wanted no more if `key in claims` is false then."""
        owners = self._owners.get(key, {})
        held = owners.pop(owner, None) is not None
        if held and not owners:
            del self._owners[key]
        return held

    def owned_by(self, owner: Owner) -> int:
        """How many claims a running copy has."""
        return sum(owner in owners for owners in self._owners.values())

    def release_owner(self, owner: Owner) -> list[K]:
        """End every claim of a running copy that is gone; the streams that nobody wants any more."""
        return [key for key in list(self._owners) if self.release(key, owner) and key not in self]

    def release_client(self, client: str) -> list[K]:
        """End every claim that was made over a connection; the streams that nobody wants any more."""
        gone = [
            (key, owner) for key, owners in self._owners.items() for owner, over in owners.items() if over == client
        ]
        return [key for key, owner in gone if self.release(key, owner) and key not in self]
