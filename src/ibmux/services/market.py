"""Market data: leases of scripts on shared lines, ticks out as they come in, whole quotes folded.

The session owns the subscriptions upstream; here is who wants them, and the way from a tick to its topics.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ibmux.config import GatewaySettings
from ibmux.core.leases import Demands
from ibmux.errors import Forbidden, NoLines, RequestError
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
from ibmux.services.leased import Leased
from ibmux.services.line import Line
from ibmux.services.publisher import Publisher
from ibmux.services.together import together

if TYPE_CHECKING:
    from ibmux.session import Session

QUOTE_INTERVAL = 0.25
"""Seconds between two whole quotes of a contract at the most; IB itself samples stocks at this pace."""
QUOTE_EXPIRY = 60
"""Seconds after which a retained quote vanishes, so that nobody takes yesterday's price for today's."""
QUICK_LEASE = 15.0
"""Seconds for which the proxy itself streams a contract whose price it must know."""
SNAPSHOTS = 40
"""Quotes of one request that are asked for at a time; each takes a line while it lasts."""


class Market(Leased[int, Line]):
    """Leases, lines, quotes and ticks of one gateway; counts updates folded into a later quote.

    Attributes:
        taken: how many of the lines others use (real-time bars).
    """

    def __init__(
        self,
        session: Session,
        publisher: Publisher,
        contracts: Contracts,
        settings: GatewaySettings,
        lease_limit: int,
    ) -> None:
        super().__init__(settings, lease_limit)
        self.session = session
        self.publisher = publisher
        self.contracts = contracts
        self.flights = contracts.flights
        self.lines = self.opened
        self.taken: Callable[[], int] = lambda: 0
        self.folded = 0

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
        generics = frozenset(each.strip() for each in request.genericTickList.split(",") if each.strip())
        line = Line(self.publisher.gateway, contract)
        _, ttl = await self.take(caller, contract.conId, line, generics, request.ttl)
        return Lease(contract.conId, contract, ttl, self._present_quote(contract.conId))

    async def cancel(self, caller: Caller, request: CancelMktData) -> bool:
        """Give up a lease; the line lingers. Returns whether there was a lease."""
        contract = await self.contracts.resolve(caller, request.contract)
        return self.release(caller, contract.conId)

    async def snapshots(self, caller: Caller, request: ReqTickers) -> list[Quote]:
        """Complete quotes; a contract with an open line that is not stale costs no request."""

        async def ask(contract: Contract) -> Quote:
            return await self._quote(caller, await self.contracts.resolve(caller, contract))

        free = self.room() - len(self.lines)
        return await together(ask, request.contracts, max(1, min(SNAPSHOTS, free)))

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

    async def latest(self, contract: Contract, deadline: float) -> Quote:
        """What is known of a resolved contract's quote; one that nobody streams is streamed for some seconds.

        It waits for the first message (at most until `deadline`, the loop's time), which need not hold a price.

        Raises:
            IbmuxError: there is no line, or no permission.
        """
        present = self._present_quote(contract.conId)
        if not present.fields or present.stale:
            caller = Caller("", f"quote of {contract.conId}", "read", deadline)
            await self.take(caller, contract.conId, Line(self.publisher.gateway, contract), frozenset(), QUICK_LEASE)
            present = self._present_quote(contract.conId)
        return present

    # -- lines

    async def start(
        self, key: int, stream: Line, demands: Demands, *, again: bool, deadline: float, script: str
    ) -> None:
        """Subscribe, or subscribe again with more generic ticks."""
        send = self.session.reopen_line if again else self.session.open_line
        await send(stream.contract, ",".join(sorted(demands)), deadline=deadline, script=script)

    def keep(self, stream: Line) -> None:
        """Have it again with the generic ticks that it had."""
        self.session.keep_line(stream.contract, ",".join(sorted(stream.demands)))

    async def stop(self, key: int, stream: Line) -> None:
        """Its last quote goes with it."""
        self.publisher.clear(stream.quote_topic)
        await self.session.close_line(key)

    def discard(self, stream: Line) -> None:
        """No more quotes."""
        if stream.timer is not None:
            stream.timer.cancel()

    def room(self) -> int:
        """As many as the login has, less what real-time bars take."""
        return self.settings.lines - self.taken()

    def full(self) -> NoLines:
        """No line is free."""
        return NoLines(f"All {self.settings.lines} market-data lines are in use.")

    # -- updates

    def publish_ticks(self, con_id: int, ticks: list[tuple[int, float, float]], fields: dict[str, Any]) -> None:
        """The hot path: every tick of one read of the socket, in one message; then the quote, if it is time."""
        line = self.lines.get(con_id)
        if line is None:
            return
        publisher = self.publisher
        count = len(ticks)
        if line.stale:
            line.stale = self.session.is_stale(con_id)
        message = Ticks(publisher.epoch, line.seq, publisher.clock(), ticks, fields, line.stale)
        publisher.stream(line.tick_topic, message, count)
        line.seq += count
        self.folded += line.dirty
        line.dirty = True
        if line.timer is None:
            self._publish_quote(con_id, line)

    def mark_stale(self, con_id: int) -> None:
        """A quote may be old from now on: its readers are told once, by the stream and by the retained quote."""
        line = self.lines.get(con_id)
        if line is None or line.stale:
            return
        line.stale = True
        publisher = self.publisher
        publisher.stream(line.tick_topic, Ticks(publisher.epoch, line.seq, publisher.clock(), [], {}, stale=True), 0)
        quote = self._present_quote(con_id)
        if quote.fields:
            line.dirty = False
            publisher.state(line.quote_topic, quote, expiry=QUOTE_EXPIRY, qos=0)

    def mark_all_stale(self) -> None:
        """The session is not `ready` any more."""
        for con_id in self.lines:
            self.mark_stale(con_id)

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
            if present.fields and not present.stale:
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
        stale = self.session.is_stale(con_id)
        return Quote(con_id, self.publisher.epoch, seq, self.publisher.clock(), kind, fields, stale)
