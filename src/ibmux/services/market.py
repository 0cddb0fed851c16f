"""Market data: leases of scripts on shared lines, ticks out as they come in, whole quotes folded.

The session owns the subscriptions upstream; here is who wants them, and the way from a tick to its topics.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from ibmux.config import GatewaySettings
from ibmux.core.leases import Generics, LeaseBook, Owner, plan
from ibmux.errors import Busy, Expired, Forbidden, NoLines, RequestError
from ibmux.messages.contracts import Contract
from ibmux.messages.market import (
    CancelMktData,
    Lease,
    Quote,
    ReqMarketDataType,
    ReqMktData,
    ReqTickers,
    Ticks,
)
from ibmux.services.caller import Caller, Handler
from ibmux.services.contracts import Contracts
from ibmux.services.line import Line, new_line
from ibmux.services.publisher import Publisher

if TYPE_CHECKING:
    from ibmux.session import Session

QUOTE_INTERVAL = 0.25
"""Seconds between two whole quotes of a contract at the most; IB itself samples stocks at this pace."""
QUOTE_EXPIRY = 60
"""Seconds after which a retained quote vanishes, so that nobody takes yesterday's price for today's."""
SWEEP_INTERVAL = 1.0
LONGEST_LEASE = 3600.0
"""Seconds; a script that is gone and could not say so must not keep a line for longer."""


class Market:
    """Leases, lines, quotes and ticks of one gateway; counts ticks published and updates folded into a later quote."""

    def __init__(
        self,
        session: Session,
        publisher: Publisher,
        contracts: Contracts,
        settings: GatewaySettings,
        lease_limit: int,
    ) -> None:
        self.session = session
        self.publisher = publisher
        self.contracts = contracts
        self.flights = contracts.flights
        self.settings = settings
        self.lease_limit = lease_limit
        self.leases = LeaseBook(settings.linger)
        self.lines: dict[int, Line] = {}
        self.ticks_out = 0
        self.folded = 0
        self._opening: dict[int, asyncio.Future[None]] = {}
        self._owners: defaultdict[str, set[Owner]] = defaultdict(set)

    def handlers(self) -> dict[str, Handler]:
        """Which function answers which method."""
        return {
            "reqMktData": self.subscribe,
            "cancelMktData": self.cancel,
            "reqTickers": self.snapshots,
            "reqMarketDataType": self.set_type,
        }

    # -- questions

    async def subscribe(self, caller: Caller, request: ReqMktData) -> Lease:
        """Take or renew a lease; the line is opened if nobody has it yet."""
        if request.regulatorySnapshot:
            raise RequestError("Regulatory snapshots cost money at each call; this proxy does not ask for them.")
        contract = await self.contracts.resolve(caller, request.contract)
        if request.snapshot:
            return Lease(contract.conId, contract, 0.0, await self._quote(caller, contract))
        self._check_lease(caller, contract)
        ttl = self.settings.lease_ttl if request.ttl is None else request.ttl
        if not 0.0 < ttl <= LONGEST_LEASE:
            raise RequestError(f"ttl is {ttl}; it must be above 0 and at most {LONGEST_LEASE:g} seconds.")
        generics = frozenset(each.strip() for each in request.genericTickList.split(",") if each.strip())
        await self._take(caller, contract, generics, ttl)
        return Lease(contract.conId, contract, ttl, self._present_quote(contract.conId))

    async def cancel(self, caller: Caller, request: CancelMktData) -> bool:
        """Give up a lease; the line lingers. Returns whether there was a lease."""
        contract = await self.contracts.resolve(caller, request.contract)
        return self.leases.release(caller.owner, contract.conId, self._now())

    async def snapshots(self, caller: Caller, request: ReqTickers) -> list[Quote]:
        """Complete quotes; a contract with an open line costs no request."""
        contracts = [await self.contracts.resolve(caller, contract) for contract in request.contracts]
        return list(await asyncio.gather(*(self._quote(caller, contract) for contract in contracts)))

    async def set_type(self, caller: Caller, request: ReqMarketDataType) -> int:
        """The type holds for every script, so only an admin may change it; asking for the present one is fine."""
        wanted = request.marketDataType
        if wanted not in (1, 2, 3, 4):
            raise RequestError(f"marketDataType is {wanted}; it must be 1, 2, 3 or 4.")
        if wanted != self.session.market_data_type:
            if caller.role != "admin":
                raise Forbidden(
                    f"The session's market data type is {self.session.market_data_type}, for all scripts.",
                    hint="Set gateways.<name>.market_data_type in proxy.toml, or call with role `admin`.",
                )
            await self.session.set_market_data_type(wanted, deadline=caller.deadline, script=caller.script)
        return wanted

    # -- lines

    def _check_lease(self, caller: Caller, contract: Contract) -> None:
        self._check_exchange(contract)
        is_new = self.leases.find(caller.owner, contract.conId) is None
        if is_new and self.leases.owned_by(caller.owner) >= self.lease_limit:
            raise Busy(
                f"{caller.script} has {self.lease_limit} leases already.", hint="Cancel streams that you do not need."
            )

    def _check_exchange(self, contract: Contract) -> None:
        line = self.lines.get(contract.conId)
        if line is not None and line.contract.exchange != contract.exchange:
            raise RequestError(
                f"{contract.symbol} is already streamed from {line.contract.exchange}, not from {contract.exchange}.",
                hint="One contract has one line: ask for it under the same exchange, or take a snapshot.",
            )

    async def _take(self, caller: Caller, contract: Contract, generics: Generics, ttl: float) -> None:
        """Take the lease and see to its line; what fails leaves the script with the lease that it had."""
        con_id = contract.conId
        before = self.leases.find(caller.owner, con_id)
        self.leases.take(caller.owner, con_id, generics, self._now() + ttl)
        if caller.client:
            self._owners[caller.client].add(caller.owner)
        try:
            while not self._serves(con_id, generics):
                await self._await_line(caller, contract)
                self._check_exchange(contract)
        except BaseException:
            self.leases.restore(caller.owner, con_id, before)
            raise

    async def _await_line(self, caller: Caller, contract: Contract) -> None:
        """Wait until the line is opened or refused. A caller who leaves does not stop it: others may want it."""
        con_id = contract.conId
        task = self._opening.get(con_id)
        if task is None:
            task = self._opening[con_id] = asyncio.ensure_future(self._open(contract, caller.script))
            task.add_done_callback(lambda done: self._opened(con_id, done))
        done, _ = await asyncio.wait((task,), timeout=caller.time_left())
        if not done:
            raise Expired("The gateway had not opened the line when the deadline passed.")
        task.result()

    def _opened(self, con_id: int, task: asyncio.Future[None]) -> None:
        del self._opening[con_id]
        if not task.cancelled():
            task.exception()  # whoever wanted the line may have left: then nobody reads it, and that is fine

    def _serves(self, con_id: int, generics: Generics) -> bool:
        line = self.lines.get(con_id)
        return line is not None and line.ready and generics <= line.generics

    async def _open(self, contract: Contract, script: str) -> None:
        """Open or reopen the line as the leases want it. What cannot be reopened stays as it was: others read it."""
        con_id = contract.conId
        generics = self.leases.wanted(self._now()).get(con_id, frozenset())
        line = self.lines.get(con_id)
        if line is None and len(self.lines) >= self.settings.lines:
            await self._make_room(con_id)
        opened = line or new_line(self.publisher.gateway, contract)
        self.lines[con_id] = opened
        text = ",".join(sorted(generics | opened.generics))
        send = self.session.open_line if line is None else self.session.reopen_line
        try:
            await send(opened.contract, text, deadline=self._now() + self.settings.request_timeout, script=script)
        except BaseException:
            if line is None:
                self._drop(con_id)
            else:
                self.session.keep_line(line.contract, ",".join(sorted(line.generics)))
            raise
        opened.ready = True
        opened.generics |= generics

    async def _make_room(self, con_id: int) -> None:
        idle = self.leases.give_up_lingering()
        if idle is None:
            self.leases.drop_line(con_id)
            raise NoLines(f"All {self.settings.lines} market-data lines are in use.")
        await self._close(idle)

    async def sweep(self) -> None:
        """End leases that were not renewed and lines that nobody wants; runs until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_INTERVAL)
            self.leases.expire(self._now())
            opened = {con_id: line.generics for con_id, line in self.lines.items()}
            for con_id in plan(self.leases.wanted(self._now()), opened).close:
                await self._close(con_id)

    async def _close(self, con_id: int) -> None:
        line = self._drop(con_id)
        if line is not None:
            self.publisher.clear(line.quote_topic)
            await self.session.close_line(con_id)

    def _drop(self, con_id: int) -> Line | None:
        self.leases.drop_line(con_id)
        line = self.lines.pop(con_id, None)
        if line is not None and line.timer is not None:
            line.timer.cancel()
        return line

    def release_client(self, client: str) -> None:
        """A connection ended: so do the leases of what spoke over it."""
        for owner in self._owners.pop(client, ()):
            self.release_owner(owner)

    def release_owner(self, owner: Owner) -> None:
        """A running copy of a script is gone: so are its leases."""
        self.leases.release_owner(owner, self._now())

    # -- updates

    def publish_ticks(self, con_id: int, ticks: list[tuple[int, float, float]], fields: dict[str, Any]) -> None:
        """The hot path: every tick of one read of the socket, in one message; then the quote, if it is time."""
        line = self.lines.get(con_id)
        if line is None:
            return
        publisher = self.publisher
        count = len(ticks)
        self.ticks_out += count
        publisher.stream(line.tick_topic, Ticks(publisher.epoch, line.seq, publisher.clock(), ticks, fields))
        line.seq += count
        self.folded += line.dirty
        line.dirty = True
        if line.timer is None:
            self._publish_quote(con_id, line)

    def _publish_quote(self, con_id: int, line: Line) -> None:
        line.timer = None
        if line.dirty:
            line.dirty = False
            quote = self._present_quote(con_id)
            self.publisher.state(line.quote_topic, quote, expiry=QUOTE_EXPIRY, qos=0)
            line.timer = asyncio.get_running_loop().call_later(QUOTE_INTERVAL, self._publish_quote, con_id, line)

    async def _quote(self, caller: Caller, contract: Contract) -> Quote:
        line = self.lines.get(contract.conId)
        if line is not None and line.ready and line.contract.exchange == contract.exchange:
            present = self._present_quote(contract.conId)
            if present.fields:
                return present
        kind, fields = await self.flights.join(
            caller,
            ("snapshot", contract.conId, contract.exchange),
            lambda deadline: self.session.snapshot(contract, deadline=deadline, script=caller.script),
        )
        return Quote(contract.conId, self.publisher.epoch, 0, self.publisher.clock(), kind, fields)

    def _present_quote(self, con_id: int) -> Quote:
        kind, fields = self.session.quote_fields(con_id)
        seq = self.lines[con_id].seq if con_id in self.lines else 0
        stale = self.session.state != "ready"
        return Quote(con_id, self.publisher.epoch, seq, self.publisher.clock(), kind, fields, stale)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    def close(self) -> None:
        """Stop the timers, and whatever is being opened."""
        for task in self._opening.values():
            task.cancel()
        for con_id in list(self.lines):
            self._drop(con_id)
