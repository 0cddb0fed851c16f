"""Books on the wire: keeps a client's copy of the book equal to the market's by insertions, updates and deletions.

Rows are inserted and deleted at the end of a side only, so that clients agree that shift rows and those that do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from ibmux.sim.feeds.streams import Shared, Stream

if TYPE_CHECKING:
    from ibmux.sim.catalogue.contracts import ContractDetails
    from ibmux.sim.clients.client import Client
    from ibmux.sim.prices.depth import Level

INSERT, UPDATE, DELETE = 0, 1, 2
ASKS, BIDS = 0, 1
DEFAULT_ROWS, MOST_ROWS = 10, 20
Step = tuple[int, int, "Level"]
"""Position, operation, and the row that it concerns."""


def steps_between(old: Sequence[Level], new: Sequence[Level]) -> Iterator[Step]:
    """The operations that turn one side of a book into another."""
    for position, level in enumerate(new):
        if position >= len(old):
            yield position, INSERT, level
        elif old[position] != level:
            yield position, UPDATE, level
    for position in reversed(range(len(new), len(old))):
        yield position, DELETE, old[position]


class DepthStream(Stream):
    """One request for a book.

    Args:
        rows: how many rows each side has at most.
        smart: the book of all exchanges together, whose rows name them.
        makers: whether rows name who quotes (message updateMktDepthL2).
    """

    kind: ClassVar[str] = "depth"

    def __init__(
        self, client: Client, req_id: int, details: ContractDetails, *, rows: int, smart: bool, makers: bool
    ) -> None:
        super().__init__(client, req_id, details)
        self.rows, self.smart, self.makers = rows, smart, makers
        self._sides: dict[int, Sequence[Level]] = {ASKS: (), BIDS: ()}

    def advance(self, shared: Shared) -> None:
        """Send how the book differs from what the client has."""
        if not shared.views.is_open(self.details):
            return
        market = shared.views.live
        key = ("depth", self.con_id, self.rows, self.smart)
        bids, asks = shared.get(key, lambda: market.depth(self.con_id, self.rows, self.smart))
        for side, levels in ((ASKS, asks), (BIDS, bids)):
            for position, operation, level in steps_between(self._sides[side], levels):
                self._send(side, position, operation, level)
            self._sides[side] = list(levels)

    def _send(self, side: int, position: int, operation: int, level: Level) -> None:
        gone = operation == DELETE
        values = {
            "reqId": self.req_id,
            "position": position,
            "operation": operation,
            "side": side,
            "price": 0.0 if gone else level.price,
            "size": 0.0 if gone else level.size,
        }
        if self.makers:
            self.client.reply(
                "updateMktDepthL2",
                **values,
                marketMaker=level.marketMaker or self.details.contract.exchange,
                isSmartDepth=self.smart,
            )
        else:
            self.client.reply("updateMktDepth", **values)

    def skip(self, now: float) -> None:
        """Send every row again: what the client has is of no use any more."""
        self._sides = {ASKS: (), BIDS: ()}
