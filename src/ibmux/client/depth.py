"""Market depth as ib_async's IB class names it: a ticker's book, and every change of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from ibmux import topics
from ibmux.client.batches import CHANGED
from ibmux.client.claims import Claim
from ibmux.client.foreign import to_contract, to_tags
from ibmux.client.market import Ticking, identity
from ibmux.client.sequence import Sequence
from ibmux.client.tickbytick import TickByTick
from ibmux.client.ticker import Ticker
from ibmux.messages.contracts import Contract
from ibmux.messages.depth import Book, Change, Depth, DepthLease, DepthMktDataDescription

NAME = "depth"


class DepthClaim(Sequence[Depth, DepthLease], Ticking):
    """A claim on the book of a contract; the lease's answer is the book as it stands."""

    batch = Depth
    kind = CHANGED
    whole = True

    def __init__(
        self,
        ticker: Ticker,
        ask: Callable[[], Awaitable[DepthLease]],
        on_change: Callable[[Ticker], None],
        on_hole: Callable[[Claim, float, float], None],
        *,
        rows: int,
        smart: bool,
    ) -> None:
        super().__init__(ask, on_hole)
        self.ticker = ticker
        self.rows = rows
        self.smart = smart
        self.contract: Contract | None = None
        self._on_change = on_change

    @property
    def label(self) -> str:
        """What is streamed, in words."""
        name = self.contract.symbol or self.contract.conId if self.contract else ""
        return f"changes of the book of {name}"

    def items(self, batch: Depth) -> list[Change]:
        """The changes."""
        return batch.changes

    def begin(self, lease: DepthLease) -> None:
        """Take the book."""
        self.contract = lease.contract
        book = Book()
        book.fill(lease.bids, lease.asks)
        self.ticker.show_book(lease.time, book, self.rows)
        self._on_change(self.ticker)

    def apply(self, batch: Depth) -> None:
        """Take changes that are new."""
        self.ticker.take_changes(batch.time, batch.changes)
        self._on_change(self.ticker)


class MarketDepth(TickByTick):
    """Streams of books."""

    async def reqMktDepth(
        self, contract: object, numRows: int = 5, isSmartDepth: bool = False, mktDepthOptions: Any = ()
    ) -> Ticker:
        """Stream the book of a contract into `ticker.domBids`, `ticker.domAsks` and `ticker.domTicks`.

        It holds the present book when this returns.

        Raises:
            NoStreams, NotSubscribed, UnknownContract, NotReady: as the proxy says.
        """
        wanted = to_contract(contract)
        conId = self._conId(wanted)
        present = self._depth_claim(conId)
        if present is not None and present.rows >= numRows and present.smart == isSmartDepth:
            return present.ticker
        ask = partial(
            self._ask,
            "reqMktDepth",
            contract=wanted,
            numRows=numRows,
            isSmartDepth=isSmartDepth,
            mktDepthOptions=to_tags(mktDepthOptions),
        )
        if present is not None:
            await ask()  # more rows, or an error: it is another book
            await self._close_claim(present)
        claim = DepthClaim(
            self._ticker_of(conId, contract), ask, self._on_change, self._on_hole, rows=numRows, smart=isSmartDepth
        )
        if conId:
            claim.topic = topics.depth(self.gateway, conId)
        return await self._open_stream(claim, identity(wanted))

    async def cancelMktDepth(self, contract: object, isSmartDepth: bool = False) -> bool:
        """End the stream of a book, and forget the book; False where there was none."""
        claim = self._depth_claim(self._conId(to_contract(contract)))
        if claim is None or claim.contract is None:
            return False
        await self._close_claim(claim)
        self._abandon(claim.contract.conId)
        claim.ticker.show_book(claim.ticker.timestamp or 0.0, Book(), 0)
        return bool(await self._ask("cancelMktDepth", contract=claim.contract, isSmartDepth=isSmartDepth))

    async def reqMktDepthExchanges(self) -> list[DepthMktDataDescription]:
        """The exchanges that offer market depth."""
        return list(await self._ask("reqMktDepthExchanges"))

    reqMktDepthExchangesAsync = reqMktDepthExchanges

    def _depth_claim(self, conId: int) -> DepthClaim | None:
        claim = self._claims.get(topics.depth(self.gateway, conId))
        return claim if isinstance(claim, DepthClaim) else None
