"""What can be streamed besides quotes: how each is asked for and cancelled, and what its messages say.

One class for each kind; what they share is in `feed`, and `streams` opens, restores and closes them. Raw fields in, the
API's items out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ibmux.core.history_pacing import SMALL_BARS
from ibmux.messages.bars import RealTimeBar
from ibmux.messages.contracts import Contract, TagValue
from ibmux.messages.depth import CLEARED, Book
from ibmux.messages.history import BarData
from ibmux.messages.ticks import BidAskTick, LastTick, MidPointTick, TickType
from ibmux.session import translate
from ibmux.session.feed import Feed
from ibmux.session.link import Fields
from ibmux.session.paced import Paces
from ibmux.session.translate import to_contract, to_tags

KEPT = 20_000
"""Updated bars that are kept for those who come later: more than a day of five-second bars."""


class TickByTick(Feed):
    """Single trades, changes of bid and ask, or midpoints (message 99)."""

    def __init__(self, contract: Contract, tick_type: TickType) -> None:
        super().__init__(contract)
        self.tick_type = tick_type

    def book(self, paces: Paces, now: float, latest: float) -> float:
        """One request for an instrument in 15 seconds."""
        return paces.ticks.book(self.contract.conId, now, latest)

    def subscribe(self, link: Any) -> None:
        """Ask for all of them; readers leave out what they do not want."""
        link.reqTickByTickData(self.request, to_contract(self.contract), self.tick_type, 0, False)

    def cancel(self, link: Any, request: int) -> None:
        """End it."""
        link.cancelTickByTickData(request)

    def take(self, fields: Fields) -> None:
        """Read one tick; 1 and 2 are trades, 3 bid and ask, 4 a midpoint."""
        kind = fields[2]
        tick = self.latest = _READERS[kind](fields)
        self.news.append(tick)

    def gist(self) -> Any:
        """The latest tick without its time."""
        return self.latest and self.latest[1:]


def _trade(fields: Fields) -> LastTick:
    mask = int(fields[6] or 0)
    price, size = float(fields[4]), float(fields[5])
    return int(fields[3]), price, size, bool(mask & 1), bool(mask & 2), fields[7], fields[8]


def _bid_ask(fields: Fields) -> BidAskTick:
    mask = int(fields[8] or 0)
    bid, ask, bid_size, ask_size = map(float, fields[4:8])
    return int(fields[3]), bid, ask, bid_size, ask_size, bool(mask & 1), bool(mask & 2)


def _midpoint(fields: Fields) -> MidPointTick:
    return int(fields[3]), float(fields[4])


_READERS: dict[str, Callable[[Fields], Any]] = {"1": _trade, "2": _trade, "3": _bid_ask, "4": _midpoint}


class DepthFeed(Feed):
    """An order book (messages 12 and 13), kept for those who come later."""

    def __init__(self, contract: Contract, rows: int, smart: bool, options: list[TagValue]) -> None:
        super().__init__(contract)
        self.rows = rows
        self.smart = smart
        self.options = options
        self.book_now = Book()

    def subscribe(self, link: Any) -> None:
        """Ask for it."""
        link.reqMktDepth(self.request, to_contract(self.contract), self.rows, self.smart, to_tags(self.options))

    def cancel(self, link: Any, request: int) -> None:
        """End it."""
        link.cancelMktDepth(request, self.smart)

    def take(self, fields: Fields) -> None:
        """Read one change: number, version, request, position, [market maker,] operation, side, price, size."""
        if fields[0] == "12":
            _, _, _, position, operation, side, price, size = fields[:8]
            maker = ""
        else:
            _, _, _, position, maker, operation, side, price, size = fields[:9]
        change = (int(position), maker, int(operation), int(side), float(price), float(size))
        self.book_now.apply(change)
        self.news.append(change)

    def gist(self) -> Any:
        """The book; none while it is empty."""
        book = self.book_now.dump()
        return book if any(book) else None

    def clear(self) -> None:
        """The book is empty until the gateway fills it again (also at message 317)."""
        self.book_now.apply(CLEARED)
        self.news.append(CLEARED)
        self.flush()


class RealTimeFeed(Feed):
    """Five-second bars (message 50)."""

    opening = 1.0  # the first bar takes up to five seconds, a refusal does not
    interval = 5.0

    def __init__(self, contract: Contract, what: str, rth: bool, options: list[TagValue]) -> None:
        super().__init__(contract)
        self.what = what
        self.rth = rth
        self.options = options

    def book(self, paces: Paces, now: float, latest: float) -> float:
        """Sixty new ones in ten minutes."""
        return paces.bars.book(now, latest)

    def subscribe(self, link: Any) -> None:
        """Ask for it; five seconds is the only size there is."""
        options = to_tags(self.options)
        link.reqRealTimeBars(self.request, to_contract(self.contract), 5, self.what, self.rth, options)

    def cancel(self, link: Any, request: int) -> None:
        """End it."""
        link.cancelRealTimeBars(request)

    def take(self, fields: Fields) -> None:
        """Read one bar."""
        first, high, low, last, volume, average = map(float, fields[4:10])
        bar = RealTimeBar(int(fields[3]), first, high, low, last, volume, average, int(fields[10] or 0))
        self.latest = bar
        self.news.append(bar)


class KeptBars(Feed):
    """A history that is kept up to date (messages 17, then 90).

    Attributes:
        live: bars that were updated since the history came, by date; they go before those of the history.
    """

    opening = float("inf")
    takes_history = True

    def __init__(self, contract: Contract, duration: str, size: str, what: str, rth: bool) -> None:
        super().__init__(contract)
        self.duration = duration
        self.size = size
        self.what = what
        self.rth = rth
        self.live: dict[str, BarData] = {}
        self._fields: Fields = []
        self._bars: list[BarData] | None = None

    def book(self, paces: Paces, now: float, latest: float) -> float:
        """As any other history."""
        return book_bars(paces, self.contract, (self.duration, "live"), self.size, self.what, self.rth, now, latest)

    def subscribe(self, link: Any) -> None:
        """Ask for it; times come as seconds UTC, so that bars of one time are told from no other by their text."""
        wanted = to_contract(self.contract)
        link.reqHistoricalData(self.request, wanted, "", self.duration, self.size, self.what, self.rth, 2, True, [])

    def cancel(self, link: Any, request: int) -> None:
        """End it."""
        link.cancelHistoricalData(request)

    def take(self, fields: Fields) -> None:
        """Read one bar as it stands: in message 90 close, high and low follow the opening price."""
        if fields[0] == "17":
            self._fields, self._bars, self.live = fields, None, {}
            return
        _, _, count, date, first, last, high, low, average, volume = fields[:10]
        bar = BarData(
            translate.iso(date), float(first), float(high), float(low), float(last), float(volume), float(average),
            max(0, int(count or 0)),
        )  # fmt: skip
        self.live[bar.date] = self.latest = bar
        if len(self.live) > KEPT:
            del self.live[next(iter(self.live))]
        self.news.append(bar)

    async def bars(self) -> list[BarData]:
        """All bars as they stand, oldest first."""
        if self._bars is None:
            fields = self._fields
            bars = await translate.bars_of(fields)
            if fields is not self._fields:
                return await self.bars()
            self._bars, self._fields = bars, []
        return self.lay_over(self._bars)

    def lay_over(self, bars: list[BarData]) -> list[BarData]:
        """Older bars with those that are live in their places."""
        live = self.live
        return [bar for bar in bars if bar.date not in live] + list(live.values())


def book_bars(  # noqa: PLR0917 - one question's parts
    paces: Paces,
    contract: Contract,
    question: tuple[str, ...],
    size: str,
    what: str,
    rth: bool,
    now: float,
    latest: float,
) -> float:
    """Book the instant of a request for bars; large ones are free."""
    if size not in SMALL_BARS:
        return now
    series = (contract.conId or contract, contract.exchange, what)
    return paces.history.book(
        (*series, *question, size, rth), series, now, latest, weight=2 if what == "BID_ASK" else 1
    )
