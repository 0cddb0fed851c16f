"""Streams that scripts share by leases: opened for the first, given up after the last, whatever they stream.

The mechanism of quotes, tick-by-tick data, books, bars and scans alike; what is opened, and what it says, is its
user's.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from ibmux.config import GatewaySettings
from ibmux.core.leases import Demands, LeaseBook, Owner, plan
from ibmux.errors import Busy, Expired, GatewayError, RequestError
from ibmux.messages.contracts import Contract
from ibmux.services.caller import Caller

SWEEP_INTERVAL = 1.0
LONGEST_LEASE = 3600.0
"""Seconds; a script that is gone and could not say so must not keep a stream for longer."""


class Shared:
    """One stream as scripts see it.

    Attributes:
        demands: what was asked of it upstream.
        ready: whether it has been opened; until then nobody may count on it.
    """

    __slots__ = ("demands", "ready")

    def __init__(self) -> None:
        self.demands: Demands = frozenset()
        self.ready = False

    def check(self, offered: Any) -> None:
        """Whether this stream does for whoever wants the one that is `offered`.

        Raises:
            RequestError: it does not.
        """


class ContractStream(Shared):
    """A stream of a contract, from one exchange.

    Attributes:
        contract: what is streamed.
        seq: the number of its next item.
    """

    __slots__ = ("contract", "seq")

    def __init__(self, contract: Contract) -> None:
        super().__init__()
        self.contract = contract
        self.seq = 0

    def check(self, offered: ContractStream) -> None:
        """One contract has one stream of a kind, whatever the exchange."""
        known, contract = self.contract.exchange, offered.contract
        if known != contract.exchange:
            raise RequestError(
                f"{contract.symbol} is already streamed from {known}, not from {contract.exchange}.",
                hint="One contract has one stream of a kind: ask for it under the same exchange, or take a snapshot.",
            )


K = TypeVar("K", bound=Hashable)
S = TypeVar("S", bound=Shared)


class Leased(ABC, Generic[K, S]):
    """Leases of scripts, and the streams that they keep open.

    Attributes:
        opened: the streams, also those that are just being opened.
        neighbours: tables of streams that take the same room.
        owned: how many leases a running copy of a script has, here or in all tables.
    """

    def __init__(self, settings: GatewaySettings, lease_limit: int) -> None:
        self.settings = settings
        self.lease_limit = lease_limit
        self.leases: LeaseBook[K] = LeaseBook(settings.linger)
        self.opened: dict[K, S] = {}
        self.neighbours: tuple[Leased[Any, Any], ...] = ()
        self.owned: Callable[[Owner], int] = self.leases.owned_by
        self._opening: dict[K, asyncio.Future[None]] = {}
        self._owners: defaultdict[str, set[Owner]] = defaultdict(set)

    # -- what differs

    @abstractmethod
    async def start(self, key: K, stream: S, demands: Demands, *, again: bool, deadline: float, script: str) -> None:
        """Open the stream upstream, or with `again` open it anew with more demands."""

    @abstractmethod
    def keep(self, stream: S) -> None:
        """Have it again as it was: it could not be opened anew."""

    @abstractmethod
    async def stop(self, key: K, stream: S) -> None:
        """Nobody wants the stream any more: end it."""

    def discard(self, stream: S) -> None:
        """The stream is out of the table; stop what waits for its time."""

    @abstractmethod
    def room(self) -> int:
        """How many streams may be open at once."""

    @abstractmethod
    def full(self) -> GatewayError:
        """The error when there is no room."""

    # -- leases

    async def take(self, caller: Caller, key: K, stream: S, demands: Demands, ttl: float | None) -> tuple[S, float]:
        """Take or renew a lease, and see to its stream; `stream` is opened if there is none. The open one, and the ttl.

        What fails leaves the script with the lease that it had.

        Raises:
            RequestError: the ttl is out of bounds, or the open stream is not the one that is wanted.
            Busy: the script has too many leases.
            NoLines, NoStreams: there is no room for another stream.
        """
        ttl = self.settings.lease_ttl if ttl is None else ttl
        if not 0.0 < ttl <= LONGEST_LEASE:
            raise RequestError(f"ttl is {ttl}; it must be above 0 and at most {LONGEST_LEASE:g} seconds.")
        self._check_open(key, stream)
        before = self.leases.find(caller.owner, key)
        if before is None and self.owned(caller.owner) >= self.lease_limit:
            limit = f"{caller.script} has {self.lease_limit} leases already."
            raise Busy(limit, hint="Cancel streams that you do not need.")
        self.leases.take(caller.owner, key, demands, self.now() + ttl)
        if caller.client:
            self._owners[caller.client].add(caller.owner)
        try:
            while not self._serves(key, demands):
                await self._await_stream(caller, key, stream)
                self._check_open(key, stream)
        except BaseException:
            self.leases.restore(caller.owner, key, before)
            raise
        return self.opened[key], ttl

    def release(self, caller: Caller, key: K) -> bool:
        """Give up a lease; its stream lingers. Whether there was a lease."""
        return self.leases.release(caller.owner, key, self.now())

    def release_client(self, client: str) -> None:
        """A connection ended: so do the leases of what spoke over it."""
        for owner in self._owners.pop(client, ()):
            self.release_owner(owner)

    def release_owner(self, owner: Owner) -> None:
        """A running copy of a script is gone: so are its leases."""
        self.leases.release_owner(owner, self.now())

    async def sweep(self) -> None:
        """End leases that were not renewed and streams that nobody wants; runs until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_INTERVAL)
            self.leases.expire(self.now())
            opened = {key: stream.demands for key, stream in self.opened.items()}
            for key in plan(self.leases.wanted(self.now()), opened).close:
                await self.end(key)

    def close(self) -> None:
        """Stop what waits for its time, and whatever is being opened."""
        for task in self._opening.values():
            task.cancel()
        for key in list(self.opened):
            self.drop(key)

    @staticmethod
    def now() -> float:
        """The loop's time."""
        return asyncio.get_running_loop().time()

    # -- streams

    def drop(self, key: K) -> S | None:
        """Forget a stream and its leases."""
        self.leases.drop_line(key)
        stream = self.opened.pop(key, None)
        if stream is not None:
            self.discard(stream)
        return stream

    async def make_room(self) -> bool:
        """End the stream that has lingered longest, of this table or its neighbours; whether there was one."""
        for table in (self, *self.neighbours):
            idle = table.leases.give_up_lingering()
            if idle is not None:
                await table.end(idle)
                return True
        return False

    async def clear_room(self) -> None:
        """End streams that nobody wants until there is room for one more.

        Raises:
            NoLines, NoStreams: all are wanted.
        """
        while len(self.opened) >= self.room():
            if not await self.make_room():
                raise self.full()

    def _check_open(self, key: K, offered: S) -> None:
        stream = self.opened.get(key)
        if stream is not None:
            stream.check(offered)

    async def _await_stream(self, caller: Caller, key: K, stream: S) -> None:
        """Wait until the stream is opened or refused. A caller who leaves does not stop it: others may want it."""
        task = self._opening.get(key)
        if task is None:
            task = self._opening[key] = asyncio.ensure_future(self._open(key, stream, caller.script))
            task.add_done_callback(lambda done: self._was_opened(key, done))
        done, _ = await asyncio.wait((task,), timeout=caller.time_left())
        if not done:
            raise Expired("The gateway had not opened the stream when the deadline passed.")
        task.result()

    def _was_opened(self, key: K, task: asyncio.Future[None]) -> None:
        del self._opening[key]
        if not task.cancelled():
            task.exception()  # whoever wanted the stream may have left: then nobody reads it, and that is fine

    def _serves(self, key: K, demands: Demands) -> bool:
        stream = self.opened.get(key)
        return stream is not None and stream.ready and demands <= stream.demands

    async def _open(self, key: K, offered: S, script: str) -> None:
        """Open or reopen the stream as the leases want it. What cannot be reopened stays as it was: others read it."""
        demands = self.leases.wanted(self.now()).get(key, frozenset())
        known = self.opened.get(key)
        stream = known or offered
        wanted = demands | stream.demands
        deadline = self.now() + self.settings.request_timeout
        try:
            if known is None:
                await self.clear_room()
                self.opened[key] = stream
            await self.start(key, stream, wanted, again=known is not None, deadline=deadline, script=script)
        except BaseException:
            if known is None:
                self.drop(key)
            else:
                self.keep(known)
            raise
        stream.ready = True
        stream.demands |= demands

    async def end(self, key: K) -> None:
        """Forget a stream and end it upstream."""
        stream = self.drop(key)
        if stream is not None:
            await self.stop(key, stream)
