"""Questions about the past: bars, ticks, sessions, histograms. IB's limits are kept by waiting, within the deadline."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ibmux.errors import NoHistory
from ibmux.messages import encode
from ibmux.messages.contracts import Contract
from ibmux.messages.history import (
    BarData,
    HistogramData,
    HistoricalSchedule,
    HistoricalTick,
    ReqHeadTimeStamp,
    ReqHistogramData,
    ReqHistoricalData,
    ReqHistoricalSchedule,
    ReqHistoricalTicks,
)
from ibmux.session import translate
from ibmux.session.asking import Send
from ibmux.session.feeds import book_bars
from ibmux.session.link import Fields
from ibmux.session.paced import Paced
from ibmux.session.translate import iso, named, to_contract, to_tags

_CHUNK = 200
"""Ticks read in one go: a millisecond."""


class History(Paced):
    """The part of a session that asks about the past."""

    async def historical_bars(self, question: ReqHistoricalData, *, deadline: float, script: str = "") -> list[BarData]:
        """Bars, oldest first.

        Raises:
            NoHistory: no data, or a pacing rule; never an empty list for an error.
            Busy: IB's limits allow the request only after the deadline.
        """
        request = self.next_request()
        wanted, options = to_contract(question.contract), to_tags(question.chartOptions)
        size, what, rth = question.barSizeSetting, question.whatToShow, question.useRTH
        times = (question.endDateTime, question.durationStr)
        book = partial(book_bars, self.paces, question.contract, times, size, what, rth)
        fields: list[str] = await self._ask_history(
            request,
            f"the history of {named(question.contract)}",
            lambda link: link.reqHistoricalData(
                request, wanted, *times, size, what, rth, question.formatDate, False, options
            ),
            deadline=deadline,
            script=script,
            cancel=lambda link: link.cancelHistoricalData(request),
            book=book,
        )
        return await translate.bars_of(fields)

    async def historical_ticks(
        self, question: ReqHistoricalTicks, *, deadline: float, script: str = ""
    ) -> list[HistoricalTick]:
        """Ticks, oldest first; raises as `historical_bars`."""
        request = self.next_request()
        wanted, options = to_contract(question.contract), to_tags(question.miscOptions)
        messages: list[Fields] = await self._ask_history(
            request,
            f"the ticks of {named(question.contract)}",
            lambda link: link.reqHistoricalTicks(
                request,
                wanted,
                question.startDateTime,
                question.endDateTime,
                question.numberOfTicks,
                question.whatToShow,
                question.useRth,
                question.ignoreSize,
                options,
            ),
            deadline=deadline,
            script=script,
            book=self._book_small(question.contract, question.whatToShow, question),
        )
        found: list[HistoricalTick] = []
        for fields in messages:
            for chunk in _batched(_ticks(fields)):
                found += chunk
                await asyncio.sleep(0)
        return found

    async def historical_schedule(
        self, question: ReqHistoricalSchedule, *, deadline: float, script: str = ""
    ) -> HistoricalSchedule:
        """The trading sessions of some days; raises as `historical_bars`."""
        request = self.next_request()
        wanted = to_contract(question.contract)
        schedule: HistoricalSchedule = await self._ask_history(
            request,
            f"the sessions of {named(question.contract)}",
            lambda link: link.reqHistoricalData(
                request, wanted, question.endDateTime, f"{question.numDays} D", "1 day", "SCHEDULE", question.useRTH,
                1, False, [],
            ),
            deadline=deadline,
            script=script,
            cancel=lambda link: link.cancelHistoricalData(request),
        )  # fmt: skip
        return schedule

    async def histogram(self, question: ReqHistogramData, *, deadline: float, script: str = "") -> list[HistogramData]:
        """How much was traded at which price; raises as `historical_bars`."""
        request = self.next_request()
        wanted = to_contract(question.contract)
        rows: list[HistogramData] = await self._ask_history(
            request,
            f"the histogram of {named(question.contract)}",
            lambda link: link.reqHistogramData(request, wanted, question.useRTH, question.period),
            deadline=deadline,
            script=script,
            cancel=lambda link: link.cancelHistogramData(request),
        )
        return rows

    async def head_timestamp(self, question: ReqHeadTimeStamp, *, deadline: float, script: str = "") -> str:
        """Time of the oldest data of this kind, ISO 8601 in UTC. The request is cancelled in any case, as IB asks."""
        request = self.next_request()
        wanted = to_contract(question.contract)
        text: str = await self._ask_history(
            request,
            f"the first time of {named(question.contract)}",
            lambda link: link.reqHeadTimeStamp(request, wanted, question.whatToShow, question.useRTH, 2),
            deadline=deadline,
            script=script,
            cancel=lambda link: link.cancelHeadTimeStamp(request),
            book=self._book_small(question.contract, question.whatToShow, question),
        )
        self._post_cancel(lambda link: link.cancelHeadTimeStamp(request))
        try:
            return iso(text)
        except ValueError:
            raise NoHistory(f"the gateway gives {text!r} as the first time") from None

    # -- messages ---------------------------------------------------------------------------------------------------

    def _on_bars(self, fields: Fields) -> None:
        """A whole history in one message; whoever asked reads it in parts."""
        if not self._takes_bars(fields):
            self.calls.end(int(fields[1]), fields)

    def _takes_bars(self, fields: Fields) -> bool:
        """Whether a history belongs to a stream."""
        return False

    def _on_historical_ticks(self, fields: Fields) -> None:
        """Ticks of the past; the last message of an answer says so in its last field."""
        request = int(fields[1])
        self.calls.add(request, fields)
        if fields[-1] == "1":
            self.calls.end(request)

    # -- asking -----------------------------------------------------------------------------------------------------

    async def _ask_history(
        self,
        request: int,
        what: str,
        send: Send,
        *,
        deadline: float,
        script: str,
        cancel: Send | None = None,
        book: Callable[[float, float], float] | None = None,
    ) -> Any:
        """Ask when IB's limits allow it: `book` gives the instant, and 50 may be open at a time."""
        await self.until_ready(deadline)
        async with self.open_history(deadline):
            if book is not None:
                await self.pace(book, deadline)
            return await self.ask(request, what, send, deadline=deadline, script=script, cancel=cancel)

    def _book_small(self, contract: Contract, what: str, question: Any) -> Callable[[float, float], float]:
        """Books a request that counts as one for small bars."""
        series = (contract.conId or encode(contract), contract.exchange, what)
        weight = 2 if what == "BID_ASK" else 1
        return lambda now, latest: self.paces.history.book(encode(question), series, now, latest, weight)


def _batched(ticks: Iterator[HistoricalTick]) -> Iterator[list[HistoricalTick]]:
    while chunk := list(itertools.islice(ticks, _CHUNK)):
        yield chunk


def _ticks(fields: Fields) -> Iterator[HistoricalTick]:
    """The ticks of a message 96 (midpoints), 97 (bid and ask) or 98 (trades)."""
    width, read = _READERS[fields[0]]
    for at in range(3, 3 + int(fields[2]) * width, width):
        yield read(int(fields[at]), int(fields[at + 1] or 0), fields[at + 2 : at + width])


def _midpoint(time: int, _mask: int, values: Fields) -> HistoricalTick:
    return HistoricalTick(time, price=float(values[0]), size=float(values[1]))


def _bid_ask(time: int, mask: int, values: Fields) -> HistoricalTick:
    bid, ask, bid_size, ask_size = map(float, values)
    return HistoricalTick(
        time,
        priceBid=bid,
        priceAsk=ask,
        sizeBid=bid_size,
        sizeAsk=ask_size,
        askPastHigh=bool(mask & 1),
        bidPastLow=bool(mask & 2),
    )


def _trade(time: int, mask: int, values: Fields) -> HistoricalTick:
    price, size, exchange, conditions = values
    return HistoricalTick(time, float(price), float(size), bool(mask & 1), bool(mask & 2), exchange, conditions)


_READERS: dict[str, tuple[int, Callable[[int, int, Fields], HistoricalTick]]] = {
    "96": (4, _midpoint),
    "97": (6, _bid_ask),
    "98": (6, _trade),
}
"""Fields of one tick, and how they are read; the bits of the mask in 97 are not those of the live ticks (99)."""
