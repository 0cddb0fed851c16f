"""Market data as ib_async's IB class names it: leased streams, snapshots, tickers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, ClassVar

from ibmux import topics
from ibmux.client.batches import QUOTED, Batch
from ibmux.client.claims import Claim, Claims
from ibmux.client.connection import Identity
from ibmux.client.events import Event, Stream
from ibmux.client.foreign import to_contract, to_tags
from ibmux.client.lines import Line
from ibmux.client.ticker import Ticker
from ibmux.messages import combos
from ibmux.messages.contracts import Contract
from ibmux.messages.market import Lease, Quote
from ibmux.messages.session import GatewayStatus

log = logging.getLogger("ibmux.client")


class Ticking(Claim):
    """A claim on a stream that shows in a ticker; `contract` is known after the first lease."""

    kind: ClassVar[str]
    ticker: Ticker
    contract: Contract | None


class Market(Claims):
    """Streams of quotes. Event: `pendingTickersEvent(set[Ticker])` once per turn of the loop in which quotes came."""

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        self.pendingTickersEvent = Event("pendingTickersEvent", self._owner)
        self._lines: dict[int, Line] = {}
        self._tickers: dict[int, Ticker] = {}
        self._aliases: dict[tuple[Any, ...], int] = {}
        self._pending: dict[Ticker, list[Batch]] = {}

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
        conId = self._conId(wanted)
        line = self._lines.get(conId)
        if line is not None:
            line.generic = ",".join(dict.fromkeys(filter(None, f"{line.generic},{genericTickList}".split(","))))
            await line.lease()
            return line.ticker
        line = Line(
            self._ticker_of(conId, contract),
            contract=wanted,
            conId=conId,
            generic=genericTickList,
            options=options,
            ask=self._lease_line,
            on_change=self._on_change,
            on_hole=self._on_hole,
        )
        return await self._open_line(line, identity(wanted))

    async def cancelMktData(self, contract: object) -> bool:
        """End the stream of a contract; False where there was none."""
        line = self._find(contract)
        if line is None:
            log.warning("cancelMktData: no stream of %r", contract)
            return False
        del self._lines[line.conId]
        await self._close_claim(line)
        self._abandon(line.conId)
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
        return self._tickers.get(self._conId(to_contract(contract)))

    def tickers(self) -> list[Ticker]:
        """The tickers of all streamed contracts."""
        return list(self._tickers.values())

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

    # -- lines ------------------------------------------------------------------------------------------------------

    async def _open_line(self, line: Line, name: tuple[Any, ...]) -> Ticker:
        """Open a line, or find the one that is open already."""
        if not line.conId:
            await line.lease()
            line.distrust()
        line.topic = topics.tick(self.gateway, line.conId)
        self._aliases[name] = line.conId
        line.ticker = self._adopt(line.conId, line.ticker)
        self._lines.setdefault(line.conId, line)
        try:
            held = await self._open_claim(line)
        except BaseException:
            if self._lines.get(line.conId) is line:
                del self._lines[line.conId]
            self._abandon(line.conId)
            raise
        return held.ticker

    async def _open_stream(self, claim: Ticking, name: tuple[Any, ...]) -> Ticker:
        """Open a stream of another kind that shows in a ticker, or find the one that is open already."""
        if not claim.topic:
            await claim.lease()
            claim.distrust()
            if claim.contract is not None:
                self._aliases[name] = claim.contract.conId
        conId = topics.parse_con_id(claim.topic)
        claim.ticker = self._adopt(conId, claim.ticker)
        try:
            return (await self._open_claim(claim)).ticker
        except BaseException:
            self._abandon(conId)
            raise

    async def _lease_line(self, line: Line) -> Lease:
        lease: Lease = await self._ask(
            "reqMktData", contract=line.contract, genericTickList=line.generic, mktDataOptions=line.options
        )
        return lease

    # -- tickers: one for a contract, whatever is streamed of it ------------------------------------------------------

    def _conId(self, contract: Contract) -> int:
        """The number of a contract, 0 if it is not known here."""
        own = 0 if contract.secType == combos.COMBO else contract.conId
        return own or self._aliases.get(identity(contract), 0)

    def _ticker_of(self, conId: int, contract: object) -> Ticker:
        return self._tickers.get(conId) or Ticker(contract, self._owner)

    def _adopt(self, conId: int, ticker: Ticker) -> Ticker:
        """The ticker of a contract, which is this one if there was none."""
        return self._tickers.setdefault(conId, ticker)

    def _abandon(self, conId: int) -> None:
        """Forget a contract's ticker if nothing of it is streamed any more."""
        prefix = topics.market(self.gateway, conId, "")
        if not any(topic.startswith(prefix) for topic in self._claims):
            self._tickers.pop(conId, None)
            self._aliases = {name: each for name, each in self._aliases.items() if each != conId}

    # -- what comes -------------------------------------------------------------------------------------------------

    def _on_change(self, ticker: Ticker) -> None:
        if ticker.updateEvent.handlers:
            ticker.updateEvent.emit(ticker)
        self._pending.setdefault(ticker, []).append(ticker.batch)
        if not self._touched:
            self._touch()

    def _flush(self) -> None:
        if self._pending:
            pending, self._pending = self._pending, {}
            for ticker, batches in pending.items():
                if len(batches) > 1:
                    ticker.gather(batches)
            self.pendingTickersEvent.emit(set(pending))
        super()._flush()

    def _find(self, contract: object) -> Line | None:
        return self._lines.get(self._conId(to_contract(contract)))

    def _shown(self, contract: object, quote: Quote) -> Ticker:
        """A ticker that only shows one quote."""
        ticker = Ticker(contract, self._owner)
        ticker.show(quote.time, quote.marketDataType, quote.fields)
        if quote.stale:
            ticker.doubt(QUOTED)
        return ticker

    # -- what may be old ----------------------------------------------------------------------------------------------

    def _say(self, status: GatewayStatus) -> None:
        if status.state != "ready":
            self._doubt_all()
        super()._say(status)

    def _on_disconnect(self, reason: str) -> None:
        self._doubt_all()
        super()._on_disconnect(reason)

    def _doubt_all(self) -> None:
        for line in self._lines.values():
            line.ticker.doubt(QUOTED)
        for claim in self._claims.values():
            if isinstance(claim, Ticking):
                claim.ticker.doubt(claim.kind)


def identity(contract: Contract) -> tuple[Any, ...]:
    """What distinguishes contracts that have no conId, or share it as combinations do."""
    if contract.secType == combos.COMBO:
        return combos.traits(contract)
    return (
        contract.secType, contract.symbol, contract.lastTradeDateOrContractMonth, contract.strike, contract.right,
        contract.multiplier, contract.exchange, contract.primaryExchange, contract.currency, contract.localSymbol,
        contract.tradingClass, contract.secIdType, contract.secId,
    )  # fmt: skip
