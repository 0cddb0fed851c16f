"""One contract's quotes on their way to many lines: what changed is written once and sent to each.

A channel knows its lines and the market it shows (live or delayed). When it moves is the feed's business.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ibmux.sim.feeds import exchanges
from ibmux.sim.feeds.lines import (
    HALTED,
    LAST_TIMESTAMP,
    PRICE,
    SIZE,
    Line,
    Tick,
    generic_tick,
    string_tick,
    to_computations,
    to_ticks,
)
from ibmux.sim.feeds.permissions import FROZEN_TYPES
from ibmux.sim.prices.quote import LAST
from ibmux.tws.values import number

if TYPE_CHECKING:
    from ibmux.sim.catalogue.contracts import ContractDetails
    from ibmux.sim.feeds.views import Views
    from ibmux.sim.prices.quote import Change, Quote

COMPUTE_EVERY = 4
"""Movements of an option's price per computation of its sensitivities."""
TRADE_TEXTS = {233: 48, 375: 77}
"""Tick types of the texts about each trade, by the generic tick that asks for them."""
BOOK_PRICES = frozenset({(PRICE, 1), (PRICE, 2)})
BOOK_SIZES = frozenset({(SIZE, 0), (SIZE, 3)})
CLOSED_KINDS = frozenset({4, 5, 6, 7, 8, 9, 14})
"""What a live line still shows of a closed market; bid and ask are for those who asked for frozen data."""


class Channel:
    """The lines that show one contract, live or delayed."""

    def __init__(self, details: ContractDetails, delayed: bool, views: Views) -> None:
        self.details, self.delayed = details, delayed
        self.lines: list[Line] = []
        self._views = views
        smart = details.on("SMART") if "SMART" in details.validExchanges.split(",") else details
        self._smart = smart if exchanges.is_smart(smart) else None
        self.open = views.is_open(details, delayed)
        self._texts: dict[int, str] = {}
        self._since = self._wap = self._told = 0.0
        self._moves = 0
        self._held: Quote | None = None
        self.refreshed = 0.0

    def __repr__(self) -> str:
        return f"Channel({self.details.contract.localSymbol}, {len(self.lines)} lines)"

    @property
    def con_id(self) -> int:
        """The contract's number."""
        return self.details.contract.conId

    @property
    def quote(self) -> Quote:
        """The quote that the lines show: held, so that it stays the same for as long as there are lines."""
        if self._held is None:
            self._held = self._views.market(self.delayed).quote(self.con_id)
        return self._held

    def step(self, stamped: bool) -> int:
        """Move the price once and tell the lines. Return the number of ticks sent."""
        quote = self.quote
        changes = quote.step()
        ticks = to_ticks(changes)
        strings = self._strings(quote, changes)
        if strings:
            ticks += strings
        self._moves += 1
        if self._moves % COMPUTE_EVERY == 0 and self.details.contract.secType in ("OPT", "FOP"):
            ticks += to_computations(self._views.market(self.delayed).computations(self.con_id))
        stamp = str(time.time_ns() // 1000 % 10**9).encode() + b"\0" if stamped else None
        sent = sum(line.send(ticks, stamp) for line in self.lines if line.defaults)
        return sent + self._tell_trades(changes)

    def _strings(self, quote: Quote, changes: list[Change]) -> list[Tick]:
        """The texts that go with changed prices: where bid, ask and last come from, and when the last trade was."""
        out: list[Tick] = []
        for kind, price, _ in changes:
            if kind == LAST:
                out += self._changed(LAST_TIMESTAMP, str(int(quote.present)))
            if self._smart is not None and kind in exchanges.TICK_OF and price > 0:
                out += self._changed(exchanges.TICK_OF[kind], exchanges.letters(quote, self._smart, kind))
        return out

    def _changed(self, kind: int, text: str) -> list[Tick]:
        if self._texts.get(kind) == text:
            return []
        self._texts[kind] = text
        return [string_tick(kind, text)]

    def _tell_trades(self, changes: list[Change]) -> int:
        """Send the texts about a trade (price;size;time in ms;day's volume;day's VWAP;single trade) to who asked."""
        if self.delayed or not _has(changes, LAST):
            return 0
        asking = [line for line in self.lines if not line.wanted.isdisjoint(TRADE_TEXTS)]
        if not asking:
            return 0
        quote = self.quote
        if quote.volume == self._told or not quote.lastSize:
            return 0
        self._told = quote.volume
        now = self._views.moment(delayed=False)
        numbers = (number(quote.last), number(quote.lastSize), str(int(now * 1000)), number(quote.volume))
        text = ";".join((*numbers, f"{self._vwap(now):.8f}", "true"))
        ticks = {generic: string_tick(kind, text) for generic, kind in TRADE_TEXTS.items()}
        return sum(line.send([ticks[each] for each in sorted(line.wanted & ticks.keys())]) for line in asking)

    def _vwap(self, now: float) -> float:
        """The day's volume-weighted average price, looked up once a second."""
        if not self._since <= now < self._since + 1.0:
            self._since = now
            self._wap = self._views.day_bar(self.details, now).wap
        return self._wap

    def greet(self, line: Line) -> int:
        """Send the whole quote, as a new line starts. Return the number of ticks."""
        if not line.defaults:
            return 0
        market, quote = self._views.market(self.delayed), self.quote
        quote.look()
        if not self.lines:
            quote.step()  # what nobody was told meanwhile is no news to the first line
        changes = quote.snapshot()
        if not self.open and line.market_type not in FROZEN_TYPES:
            changes = [change for change in changes if change[0] in CLOSED_KINDS]
        ticks = [string_tick(LAST_TIMESTAMP, str(int(quote.present)))] if _has(changes, LAST) else []
        ticks += [*_sizes_last(to_ticks(changes)), generic_tick(HALTED, 0.0), *self._first_exchanges(quote, changes)]
        if line.is_option:
            ticks += to_computations(market.computations(self.con_id))
        return line.send(ticks)

    def _first_exchanges(self, quote: Quote, changes: list[Change]) -> list[Tick]:
        if self._smart is None:
            return []
        kinds = [kind for kind, price, _ in changes if kind in exchanges.TICK_OF and price > 0]
        return [string_tick(exchanges.TICK_OF[kind], exchanges.letters(quote, self._smart, kind)) for kind in kinds]

    def shown_type(self, line: Line) -> int:
        """The marketDataType that the line gets now: 1 live, 2 frozen, 3 delayed, 4 delayed and frozen."""
        frozen = not self.open and line.market_type in FROZEN_TYPES
        if self.delayed:
            return 4 if frozen else 3
        return 2 if frozen else 1

    def turn(self, is_open: bool) -> int:
        """Note that the market opened or closed; lines hear of their new type, and of the opening's whole quote."""
        self.open = is_open
        sent = 0
        for line in self.lines:
            line.show(self.shown_type(line))
            sent += self.greet(line)
        return sent


def _sizes_last(ticks: list[Tick]) -> list[Tick]:
    """A whole quote as gateways were seen to begin one: the sizes of bid and ask only after both prices."""
    rest = [tick for tick in ticks if tick[:2] not in BOOK_SIZES]
    after = max((place for place, tick in enumerate(rest, 1) if tick[:2] in BOOK_PRICES), default=0)
    return [*rest[:after], *(tick for tick in ticks if tick[:2] in BOOK_SIZES), *rest[after:]]


def _has(changes: list[Change], wanted: int) -> bool:
    return any(kind == wanted for kind, _, _ in changes)
