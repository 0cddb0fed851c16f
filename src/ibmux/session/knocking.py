"""Whether anybody listens, and whether a socket of before is still there: one socket to a gateway, never two.

Knocking is a TCP connect where nobody listens; the first one that is taken becomes the socket of the next attempt.
"""

from __future__ import annotations

import asyncio
import logging
import time
from abc import abstractmethod
from collections.abc import Callable, Sequence

from ibmux import sockets
from ibmux.config import GatewaySettings
from ibmux.places import Endpoint
from ibmux.session.base import Base
from ibmux.session.hooks import Hooks
from ibmux.session.link import Link

log = logging.getLogger(__name__)

KNOCK = 0.5
"""Seconds between two looks at ports where nobody listens; only the system answers them."""
PATIENCE = 5.0
"""Seconds for a socket of before to vanish."""
UNREACHED = (OSError, TimeoutError, ValueError, OverflowError)
"""What a connection that did not come about raises; the last two for names and ports that cannot exist."""


class Knocking(Base):
    """The part of a session that owns its sockets from the first packet to the last."""

    def __init__(
        self, settings: GatewaySettings, hooks: Hooks | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(settings, hooks, clock=clock)
        self._closing: list[Link] = []
        self._ends: list[tuple[Endpoint, Endpoint]] = []
        self._knocked: Link | None = None
        self._absent: dict[Endpoint, float | None] = {}
        """Endpoints that were seen closed and have not settled since; when they were first seen open (monotonic)."""

    @abstractmethod
    def _make_link(self) -> Link:
        """A connection that is yet to be made."""

    # -- nobody there -----------------------------------------------------------------------------------------------

    def was_absent(self, endpoint: Endpoint | None = None) -> None:
        """Nobody listened there, or at the current endpoint: whoever does next has to settle."""
        self._absent[endpoint or self.route.current] = None

    def settled(self, endpoint: Endpoint | None = None) -> None:
        """The gateway has had its time."""
        self._absent.pop(endpoint or self.route.current, None)

    async def _knock(self) -> None:
        """Look every half second whether somebody listens, home first; the first socket taken is the attempt's."""
        while self.state == "waiting":
            await asyncio.sleep(min(KNOCK, self.settings.pause_floor))
            await self._await_end()
            for endpoint in self.route.open():
                if await self._knock_at(endpoint):
                    self.route.current = endpoint
                    self.feed("opened")
                    return
                self.was_absent(endpoint)

    async def _knock_at(self, endpoint: Endpoint) -> bool:
        link = self._make_link()
        try:
            async with asyncio.timeout(self.settings.connect_timeout):
                await link.reach(*endpoint)
        except UNREACHED:
            self._put_away(link)
            return False
        except BaseException:
            self._put_away(link)
            raise
        self._ends.append(link.ends)
        self._knocked = link
        return True

    # -- sockets of before ------------------------------------------------------------------------------------------

    async def _make_room(self) -> list[str]:
        """Until every socket of before is gone, by the kernel's word, too; those that stay, in words."""
        await self._await_end()
        limit = time.monotonic() + PATIENCE
        while left := await asyncio.to_thread(still_there, tuple(self._ends)):
            if time.monotonic() > limit:
                return left
            await asyncio.sleep(0.1)
        self._ends.clear()
        return []

    def _put_away(self, link: Link) -> None:
        """Close a socket, and remember that it has to be gone before the next one."""
        link.close()
        self._closing.append(link)

    async def _await_end(self) -> None:
        """Until every socket of before is closed."""
        for link in list(self._closing):
            await link.end()
            if link in self._closing:
                self._closing.remove(link)


def still_there(ends: Sequence[tuple[Endpoint, Endpoint]]) -> list[str]:
    """Which of these connections (our end, the other end) this process still holds, with their states; none where the
    kernel does not tell. Takes a millisecond or more.
    """
    if not ends:
        return []
    try:
        found = sockets.ours((), local=[ours for ours, _ in ends])
    except sockets.NoTable as error:
        log.debug("%s", error)
        return []
    known = {(str(ours), str(theirs)) for ours, theirs in ends}
    return [f"{each.local} {each.state}" for each in found if (each.local, each.remote) in known]
