"""Market data as ib_async's IB class names it: leased streams, snapshots, tickers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from ibmux import topics
from ibmux.client.accounts import settle
from ibmux.client.connection import Identity
from ibmux.client.events import Event, Stream
from ibmux.client.foreign import to_contract, to_tags
from ibmux.client.lines import Line
from ibmux.client.session import Session
from ibmux.client.ticker import Ticker
from ibmux.errors import IbmuxError
from ibmux.messages.contracts import Contract
from ibmux.messages.market import Lease, Quote
from ibmux.mqtt.bus import Unsubscribe

log = logging.getLogger("ibmux.client")

RETRY = 2.0
"""Seconds until a lease that could not be renewed is asked for again."""


class Market(Session):
    """Streams of quotes. Event: `pendingTickersEvent(set[Ticker])` once per turn of the loop in which quotes came."""

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        self.pendingTickersEvent = Event("pendingTickersEvent", self._owner)
        self._lines: dict[int, Line] = {}
        self._unsubscribe: dict[int, Unsubscribe] = {}
        self._aliases: dict[tuple[Any, ...], int] = {}
        self._pending: set[Ticker] = set()
        self._refreshing: set[int] = set()
        self._renewer: asyncio.Task[None] | None = None
        self._leased = asyncio.Event()
        self._recoveries.append(self._renew_lines)

    async def reqMktData(
        self,
        contract: object,
        genericTickList: str = "",
        snapshot: bool = False,
        regulatorySnapshot: bool = False,
        mktDataOptions: Sequence[Any] = (),
    ) -> Ticker:
        """Stream a contract; the ticker holds the present quote when this returns, and changes in place from then on.

        With `snapshot` the ticker is complete and nothing is streamed. Asking again for a contract gives the same
        ticker.

        Raises:
            NoLines, NotSubscribed, UnknownContract, NotReady: as the proxy says.
        """
        wanted, options = to_contract(contract), to_tags(mktDataOptions)
        if snapshot or regulatorySnapshot:
            lease: Lease = await self._ask(
                "reqMktData",
                contract=wanted,
                genericTickList=genericTickList,
                snapshot=snapshot,
                regulatorySnapshot=regulatorySnapshot,
                mktDataOptions=options,
            )
            return self._shown(contract, lease.quote)
        conId = wanted.conId or self._aliases.get(_identity(wanted), 0)
        line = self._lines.get(conId)
        if line is not None:
            line.generic = ",".join(dict.fromkeys(filter(None, f"{line.generic},{genericTickList}".split(","))))
            await self._lease(line)
            return line.ticker
        line = Line(
            Ticker(contract, self._owner),
            contract=wanted,
            generic=genericTickList,
            options=options,
            on_change=self._on_change,
            on_hole=self._on_hole,
        )
        return await self._open_line(line, _identity(wanted))

    async def cancelMktData(self, contract: object) -> bool:
        """End the stream of a contract; False where there was none."""
        line = self._find(contract)
        if line is None:
            log.warning("cancelMktData: no stream of %r", contract)
            return False
        await self._close_line(line)
        return bool(await self._ask("cancelMktData", contract=line.contract))

    async def reqTickers(self, *contracts: object, regulatorySnapshot: bool = False) -> list[Ticker]:
        """The present quotes of some contracts, complete; nothing is streamed."""
        wanted = [to_contract(contract) for contract in contracts]
        quotes: list[Quote] = await self._ask("reqTickers", contracts=wanted, regulatorySnapshot=regulatorySnapshot)
        return [self._shown(contract, quote) for contract, quote in zip(contracts, quotes, strict=True)]

    async def reqMarketDataType(self, marketDataType: int) -> int:
        """Ask for live (1), frozen (2), delayed (3) or delayed and frozen (4) data, for the whole session (`admin`)."""
        return int(await self._ask("reqMarketDataType", marketDataType=marketDataType))

    def ticker(self, contract: object) -> Ticker | None:
        """The ticker of a streamed contract."""
        line = self._find(contract)
        return line.ticker if line else None

    def tickers(self) -> list[Ticker]:
        """The tickers of all streamed contracts."""
        return [line.ticker for line in self._lines.values()]

    def pendingTickers(self) -> list[Ticker]:
        """The tickers that changed in this turn of the loop."""
        return list(self._pending)

    def ticks(self, contract: object, genericTickList: str = "", limit: int = 1) -> Stream[Ticker]:
        """The ticker of a contract at each of its updates; the stream of ticks starts with the first step.

        A loop that falls behind sees the newest state: more than `limit` updates are folded, counted in `dropped`.
        """

        async def begin(stream: Stream[Ticker]) -> None:
            ticker = await self.reqMktData(contract, genericTickList)
            ticker.updateEvent.feed(stream)
            stream.push(ticker)

        stream: Stream[Ticker] = Stream(limit, "drop-oldest", begin=begin)
        self._owner.adopt(stream)
        return stream

    reqTickersAsync = reqTickers

    # -- leases -----------------------------------------------------------------------------------------------------

    async def _open_line(self, line: Line, name: tuple[Any, ...]) -> Ticker:
        """Subscribe before the last answer that counts, so that no tick falls between quote and stream."""
        if not line.conId:
            await self._lease(line)
            line.distrust()
        present = self._lines.setdefault(line.conId, line)
        if present is not line:
            return present.ticker
        self._aliases[name] = line.conId
        try:
            topic = topics.tick(self.gateway, line.conId)
            self._unsubscribe[line.conId] = await self._link.subscribe(topic, self._safely(line.receive), qos=0)
            await self._lease(line)
        except BaseException:
            self._forget(line)
            raise
        if self._renewer is None:
            self._renewer = self._owner.spawn(self._keep_leases(), "renewal of leases")
        self._leased.set()
        return line.ticker

    async def _close_line(self, line: Line) -> None:
        unsubscribe = self._unsubscribe.get(line.conId)
        self._forget(line)
        if unsubscribe is not None:
            await settle(unsubscribe())

    def _forget(self, line: Line) -> None:
        if self._lines.get(line.conId) is line:
            del self._lines[line.conId]
            self._unsubscribe.pop(line.conId, None)
        self._aliases = {name: conId for name, conId in self._aliases.items() if conId in self._lines}

    async def _lease(self, line: Line) -> None:
        line.take(
            await self._ask(
                "reqMktData", contract=line.contract, genericTickList=line.generic, mktDataOptions=line.options
            )
        )

    async def _refresh(self, line: Line) -> None:
        """Take the lease again; what fails is tried again soon by the renewing task."""
        if line.conId in self._refreshing:
            return
        self._refreshing.add(line.conId)
        try:
            await self._lease(line)
        except IbmuxError as error:
            log.warning("market data of %s: %s", line.ticker.contract, error)
            line.renew_at = asyncio.get_running_loop().time() + max(RETRY, error.retry_after or 0.0)
        finally:
            self._refreshing.discard(line.conId)

    async def _keep_leases(self) -> None:
        """Renew every lease before half of its time is over."""
        loop = asyncio.get_running_loop()
        while True:
            self._leased.clear()
            due = [line for line in self._lines.values() if line.renew_at <= loop.time()]
            await asyncio.gather(*(self._refresh(line) for line in due))
            next_due = min((line.renew_at for line in self._lines.values()), default=None)
            pause = None if next_due is None else max(0.05, next_due - loop.time())
            try:
                async with asyncio.timeout(pause):
                    await self._leased.wait()
            except TimeoutError:
                continue

    async def _renew_lines(self, _lost: float) -> None:
        """The proxy forgot this client's leases with its connection: take them again, with fresh quotes."""
        for line in self._lines.values():
            line.distrust()
        await asyncio.gather(*(self._refresh(line) for line in list(self._lines.values())))

    def _on_disconnect(self, reason: str) -> None:
        # Holes that the loss makes are told once, as one gap, not once for each stream.
        for line in self._lines.values():
            line.distrust()
        super()._on_disconnect(reason)

    # -- what comes -------------------------------------------------------------------------------------------------

    def _on_change(self, ticker: Ticker) -> None:
        if ticker.updateEvent.handlers:
            ticker.updateEvent.emit(ticker)
        self._pending.add(ticker)
        if not self._touched:
            self._touch()

    def _on_hole(self, line: Line, start: float, end: float) -> None:
        self._owner.spawn(self._refresh(line), f"fresh quote of {line.conId}")
        if end > start:
            self._gap(start, end, f"ticks of {line.contract.symbol or line.conId} are missing")

    def _flush(self) -> None:
        if self._pending:
            pending, self._pending = self._pending, set()
            self.pendingTickersEvent.emit(pending)
        super()._flush()

    def _find(self, contract: object) -> Line | None:
        wanted = to_contract(contract)
        return self._lines.get(wanted.conId or self._aliases.get(_identity(wanted), 0))

    def _shown(self, contract: object, quote: Quote) -> Ticker:
        """A ticker that only shows one quote."""
        ticker = Ticker(contract, self._owner)
        ticker.show(quote.time, quote.marketDataType, quote.fields)
        return ticker


def _identity(contract: Contract) -> tuple[Any, ...]:
    """What distinguishes contracts that have no conId yet."""
    return (
        contract.secType, contract.symbol, contract.lastTradeDateOrContractMonth, contract.strike, contract.right,
        contract.multiplier, contract.exchange, contract.primaryExchange, contract.currency, contract.localSymbol,
        contract.tradingClass, contract.secIdType, contract.secId,
    )  # fmt: skip
