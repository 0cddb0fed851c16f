"""Streaming quotes: one price process per contract, fanned out to every line that is subscribed to it.

Owns the lines and the timer that moves prices. The rate is a budget of ticks; contracts take turns spending it.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from ibmux.tws.ticks import TickEncoder
from ibmux.tws.values import number

from .market import UNDEFINED
from .prices import PRICE_TICKS

if TYPE_CHECKING:
    from .client import Client
    from .contracts import ContractDetails
    from .options import Computation
    from .prices import Change, Quote
    from .server import SimulatedGateway

NATURAL_RATE = 3.5
"""Ticks a second per line when no rate is set."""
INTERVAL, FAST_INTERVAL, FAST_RATE = 0.05, 0.002, 500
"""Seconds between two looks at what is due; the shorter ones, for even spacing, from that many ticks a second on."""
MAX_CREDIT = 0.25
"""Seconds of ticks that are made up for after a pause; older ones are not sent."""
BID_SIZE = 0
SIZE_OF = {1: 0, 2: 3, 4: 5}
"""The size tick that repeats the size of a price tick, as gateways send it."""
DELAYED = {0: 69, 1: 66, 2: 67, 3: 70, 4: 68, 5: 71, 6: 72, 7: 73, 8: 74, 9: 75, 14: 76, 45: 88}
DELAYED_OPTION = {10: 80, 11: 81, 12: 82, 13: 83}
LIVE = {kind: kind for kind in DELAYED}
COMPUTE_EVERY = 4
"""Movements of an option's price per computation of its sensitivities."""


class Line:
    """One market-data request that streams."""

    __slots__ = ("client", "delayed", "details", "encoder", "quote", "req_id")

    def __init__(self, client: Client, req_id: int, details: ContractDetails, quote: Quote, delayed: bool) -> None:
        self.client = client
        self.req_id = req_id
        self.details = details
        self.quote = quote
        self.delayed = delayed
        self.encoder = TickEncoder(req_id)

    @property
    def is_option(self) -> bool:
        """Whether the line carries option computations too."""
        return self.details.contract.secType in ("OPT", "FOP")

    def ticks(self, changes: list[Texts], stamp: str | None) -> list[bytes]:
        """Return the messages of these changes; `stamp` replaces the size in BID_SIZE ticks."""
        encoder, shown, out = self.encoder, DELAYED if self.delayed else LIVE, []
        for kind, price, size in changes:
            sized: int | None = kind
            if kind in PRICE_TICKS:
                out.append(encoder.price(shown[kind], price, size, 1 if kind in (1, 2) else 0))
                sized = SIZE_OF.get(kind)
            if sized is not None:
                out.append(encoder.size(shown[sized], stamp if stamp and sized == BID_SIZE else size))
        return out

    def compute(self, found: list[tuple[int, Computation]]) -> None:
        """Send option computations."""
        for kind, values in found:
            shown = DELAYED_OPTION.get(kind, kind) if self.delayed else kind
            self.client.reply("tickOptionComputation", **computation_values(self.req_id, shown, values))


Texts = tuple[int, str, str]
"""A change with price and size as wire text."""


def to_texts(changes: list[Change]) -> list[Texts]:
    """Write the numbers once for all lines."""
    return [(kind, number(price), number(size)) for kind, price, size in changes]


def computation_values(req_id: int, tick_type: int, values: Computation) -> dict[str, object]:
    """Return the fields of tickOptionComputation; what was not computed is -2 (sensitivities) or -1 (the rest)."""
    out: dict[str, object] = {"reqId": req_id, "tickType": tick_type, "tickAttrib": 0, **values._asdict()}
    for name in ("impliedVol", "optPrice", "pvDividend", "undPrice"):
        if out[name] == UNDEFINED:
            out[name] = -1
    return out


class Feed:
    """All lines of a gateway."""

    def __init__(self, gateway: SimulatedGateway) -> None:
        self._gateway = gateway
        self._by_contract: dict[int, list[Line]] = {}
        self._turns: list[int] = []
        self._next = 0
        self._credit = 0.0
        self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return sum(len(lines) for lines in self._by_contract.values())

    def add(self, line: Line) -> None:
        """Stream to this line from now on."""
        line.client.lines[line.req_id] = line
        self._by_contract.setdefault(line.details.contract.conId, []).append(line)
        self._turns = list(self._by_contract)

    def remove(self, line: Line) -> None:
        """Stop streaming to this line."""
        line.client.lines.pop(line.req_id, None)
        con_id = line.details.contract.conId
        lines = self._by_contract[con_id]
        lines.remove(line)
        if not lines:
            del self._by_contract[con_id]
            self._turns = list(self._by_contract)

    def drop(self, client: Client) -> None:
        """Stop all lines of a client."""
        for line in list(client.lines.values()):
            self.remove(line)

    def start(self) -> None:
        """Begin to move prices."""
        self._last = time.monotonic()
        self._wait()

    def stop(self) -> None:
        """Stop moving prices."""
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self) -> None:
        fast = (self._gateway.settings.rate or 0) >= FAST_RATE
        self._timer = self._gateway.loop.call_later(FAST_INTERVAL if fast else INTERVAL, self._pump)

    def _pump(self) -> None:
        self._wait()
        now = time.monotonic()
        elapsed, self._last = now - self._last, now
        turns = self._turns + self._idle_contracts()
        rate = self._gateway.settings.rate or NATURAL_RATE * max(len(self), len(turns))
        self._credit = min(self._credit + elapsed * rate, rate * MAX_CREDIT + 1)
        if not turns:
            self._credit = 0.0
        while self._credit >= 1:
            self._next = (self._next + 1) % len(turns)
            self._credit -= max(1, self._step(turns[self._next]))

    def _idle_contracts(self) -> list[int]:
        """Return contracts with working orders but no line: their prices have to move too."""
        orders = self._gateway.world.desk.open_orders(None)
        return list({order.contract.conId for order in orders if order.contract.conId not in self._by_contract})

    def _step(self, con_id: int) -> int:
        """Move one contract's price and tell its lines. Return the number of ticks sent."""
        market, lines = self._gateway.world.market, self._by_contract.get(con_id, ())
        quote = market.quote(con_id)
        changes = to_texts(quote.step())
        due = lines and lines[0].is_option and quote.steps % COMPUTE_EVERY == 0
        computations = market.computations(con_id) if due else []
        sent = 0
        for line in lines:
            stamp = str(time.time_ns() // 1000 % 10**9) if self._gateway.settings.stamp else None
            ticks = line.ticks(changes, stamp)
            line.client.send(b"".join(ticks))
            line.compute(computations)
            sent += len(ticks) + len(computations)
        self._gateway.counts.ticks_sent += sent
        return sent
