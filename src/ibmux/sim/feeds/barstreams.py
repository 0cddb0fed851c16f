"""Five-second bars as they end (reqRealTimeBars); equal to the tape's bars of the same seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ibmux.sim.feeds.streams import Shared, Stream

if TYPE_CHECKING:
    from ibmux.sim.catalogue.contracts import ContractDetails
    from ibmux.sim.clients.client import Client
    from ibmux.sim.prices.bars import Bar

WIDTH = 5
SHOWN = ("TRADES", "MIDPOINT", "BID", "ASK")
MOST_AT_ONCE = 200
"""Bars sent to one request in one go, when a fast clock has brought more; the rest follow."""


class BarStream(Stream):
    """One request for bars of five seconds; times are the beginnings of bars."""

    kind: ClassVar[str] = "bars"

    def __init__(
        self, client: Client, req_id: int, details: ContractDetails, *, what: str, rth: bool, now: float
    ) -> None:
        super().__init__(client, req_id, details)
        self.what, self.rth = what, rth
        self._next = 0.0
        self.skip(now)

    def skip(self, now: float) -> None:
        """Go on with the bar that is in progress."""
        self._next = now // WIDTH * WIDTH

    def advance(self, shared: Shared) -> None:
        """Send the bars that have ended."""
        for _ in range(MOST_AT_ONCE):
            start = self._next
            if start + WIDTH > shared.now:
                return
            self._next = start + WIDTH
            if shared.views.is_open_at(self.details, start, self.rth):
                self._send(start, shared.get(("bar", self.con_id, self.what, start), lambda: self._bar(shared)))

    def _bar(self, shared: Shared) -> Bar:
        start = self._next - WIDTH
        return shared.views.live.tape(self.con_id).bar(start, start + WIDTH, self.what)

    def _send(self, start: float, bar: Bar) -> None:
        traded = self.what == "TRADES"
        self.client.reply(
            "realtimeBar",
            reqId=self.req_id,
            time=int(start),
            open=bar.open,
            high=bar.high,
            low=bar.low,
            close=bar.close,
            volume=bar.volume if traded else -1,
            wap=bar.wap if traded else -1,
            count=bar.count if traded else -1,
        )
