"""Who asks, and how long they wait. Made by a door, read by services."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from ibmux.core.leases import Owner
from ibmux.errors import Expired
from ibmux.messages import Role

Handler = Callable[["Caller", Any], Any | Awaitable[Any]]
"""Answers one request: at once, or by a coroutine. Whatever it raises as an `IbmuxError` becomes the error reply."""


def nothing() -> None:
    """The default of `Caller.durable`."""


class Caller(Struct, frozen=True):
    """One request's sender. `deadline` is the loop's time (seconds) after which nobody waits for the answer any
    more; `durable` is called when what is asked for is on the disk, and cannot get lost.
    """

    script: str
    instance: str
    role: Role
    deadline: float
    client: str = ""
    correlation: bytes = b""
    waits: bool = False
    durable: Callable[[], None] = nothing

    @property
    def owner(self) -> Owner:
        """The running copy, as leases know it."""
        return Owner(self.script, self.instance)

    @property
    def ready_by(self) -> float:
        """Until when to wait for the session: one that does not ask to wait is told at once how it stands."""
        return self.deadline if self.waits else 0.0

    def time_left(self) -> float:
        """Seconds until the deadline.

        Raises:
            Expired: there are none left.
        """
        left = self.deadline - asyncio.get_running_loop().time()
        if left <= 0:
            raise Expired("The deadline passed before the request could be served.")
        return left
