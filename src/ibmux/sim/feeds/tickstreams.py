"""Tick-by-tick data: every trade, every quote or every mid price of the tape, none missed and none twice.

A stream is a position in time: each look sends what the tape has between it and the present.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from ibmux.sim.feeds.streams import Shared, Stream
from ibmux.sim.prices.tape import MidTick, QuoteTick, Tape, TradeTick
from ibmux.tws.framing import frame
from ibmux.tws.values import number

if TYPE_CHECKING:
    from ibmux.sim.catalogue.contracts import ContractDetails
    from ibmux.sim.clients.client import Client

Tick = TradeTick | QuoteTick | MidTick
TYPES = {"Last": 1, "AllLast": 2, "BidAsk": 3, "MidPoint": 4}
LAST, ALL_LAST, BID_ASK, MID_POINT = 1, 2, 3, 4
SPAN = 10.0
"""Seconds of the tape that are read at once."""
MOST_AT_ONCE = 1000
"""Ticks sent to one request in one go, when a fast clock has brought more; the rest follow."""
FARTHEST_BEHIND = 600.0
"""Simulated seconds that a stream may be behind a clock that is faster than it: what is older is left out, and the
gateway's log says so."""
LONGEST_LOOK = 86_400.0
"""Seconds to look back for the ticks that come first."""
MOST_BACK = 1000


def read(tape: Tape, kind: int, start: float, end: float) -> Sequence[Tick]:
    """The ticks of a kind (1 to 4) of the tape with start <= time < end."""
    if kind == BID_ASK:
        return tape.quotes(start, end)
    if kind == MID_POINT:
        return tape.mids(start, end)
    return tape.prints(start, end) if kind == ALL_LAST else tape.trades(start, end)


def last_ticks(tape: Tape, kind: int, before: float, count: int) -> Sequence[Tick]:
    """The last `count` ticks before an instant, oldest first; fewer if the last day has no more."""
    span, found = SPAN, read(tape, kind, before - SPAN, before)
    while len(found) < count and span < LONGEST_LOOK:
        earlier = read(tape, kind, before - 2 * span, before - span)
        span, found = 2 * span, [*earlier, *found]
    return found[-count:]


def trade_mask(tick: TradeTick) -> int:
    """The attributes of a trade as bits."""
    return int(tick.pastLimit) | int(tick.unreported) << 1


def quote_mask(tick: QuoteTick) -> int:
    """The attributes of a quote as bits."""
    return int(tick.bidPastLow) | int(tick.askPastHigh) << 1


class TickStream(Stream):
    """One request for tick-by-tick data.

    Args:
        tick_type: 1 last, 2 all last, 3 bid and ask, 4 mid price.
        ignore_size: leave out quotes in which only sizes changed.
        now: where it begins.
    """

    kind: ClassVar[str] = "ticks"

    def __init__(
        self, client: Client, req_id: int, details: ContractDetails, *, tick_type: int, ignore_size: bool, now: float
    ) -> None:
        super().__init__(client, req_id, details)
        self.tick_type, self.ignore_size = tick_type, ignore_size
        self._head = f"99\0{req_id}\0{tick_type}\0".encode()
        self._from = now
        self._prices: tuple[float, float] | None = None

    def skip(self, now: float) -> None:
        """Go on from `now`."""
        self._from = now

    def advance(self, shared: Shared) -> None:
        """Send what the tape has got since."""
        if shared.now - self._from > FARTHEST_BEHIND:
            self._catch_up(shared.now)
        sent = 0
        while self._from < shared.now and sent < MOST_AT_ONCE:
            start, end = self._from, min(shared.now, self._from + SPAN)
            self._from = end
            key = ("ticks", self.con_id, self.tick_type, start, end)
            sent += self._send(shared.get(key, partial(self._read, shared, start, end)))

    def _catch_up(self, now: float) -> None:
        """Leave out what the stream is too far behind to send."""
        left_out, self._from = now - SPAN - self._from, now - SPAN
        text = f"tick-by-tick {self.req_id} is too slow for the clock: {left_out:.0f} s of it are left out"
        self.client.gateway.log.add("behind", text, client=self.client.client_id)

    def _read(self, shared: Shared, start: float, end: float) -> list[tuple[Tick, bytes]]:
        ticks = read(shared.views.live.tape(self.con_id), self.tick_type, start, end)
        return [(tick, tail(tick)) for tick in ticks if shared.views.is_open_at(self.details, tick.time)]

    def _send(self, ticks: list[tuple[Tick, bytes]]) -> int:
        chosen = [text for tick, text in ticks if not (self.ignore_size and self._is_repeat(tick))]
        if chosen:
            self.client.send(b"".join(frame(self._head + text) for text in chosen))
        return len(chosen)

    def _is_repeat(self, tick: Tick) -> bool:
        """Whether a quote has the same prices as the one before."""
        if not isinstance(tick, QuoteTick):
            return False
        prices = (tick.bid, tick.ask)
        same, self._prices = prices == self._prices, prices
        return same


def tail(tick: Tick) -> bytes:
    """The fields of message 99 after request and type."""
    fields: tuple[str, ...]
    match tick:
        case MidTick():
            fields = (number(tick.price),)
        case QuoteTick():
            numbers = map(number, (tick.bid, tick.ask, tick.bidSize, tick.askSize))
            fields = (*numbers, str(quote_mask(tick)))
        case TradeTick():
            fields = (number(tick.price), number(tick.size), str(trade_mask(tick)), tick.exchange, tick.conditions)
    return ("\0".join((str(int(tick.time)), *fields)) + "\0").encode()
