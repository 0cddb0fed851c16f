"""One market-data request that streams, and ticks as bytes: what is common to all lines of a contract is written once.

Knows nothing of where prices come from or when they move.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibmux.sim.prices.market import UNDEFINED
from ibmux.sim.prices.quote import PRICE_TICKS
from ibmux.tws.ticks import TickEncoder
from ibmux.tws.values import number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibmux.sim.catalogue.contracts import ContractDetails
    from ibmux.sim.clients.client import Client
    from ibmux.sim.orders.combos import Part
    from ibmux.sim.prices.quote import Change
    from ibmux.sim.theory.options import Computation

LineKey = tuple[int, tuple[tuple[int, int], ...], bool]
Tick = tuple[int, int, bytes]
"""Message number (1 price, 2 size, 21 computation, 45 generic, 46 string), tick type, and the fields after it."""

PRICE, SIZE, COMPUTATION, GENERIC, STRING = 1, 2, 21, 45, 46
BID_SIZE = 0
SIZE_OF = {1: 0, 2: 3, 4: 5}
"""The size tick that repeats the size of a price tick, as gateways send it."""
LAST_TIMESTAMP, HALTED = 45, 49
EXCHANGES = frozenset({32, 33, 84})
_PLAIN = frozenset({"impliedVol", "optPrice", "pvDividend", "undPrice"})
DELAYED = {
    0: 69, 1: 66, 2: 67, 3: 70, 4: 68, 5: 71, 6: 72, 7: 73, 8: 74, 9: 75, 10: 80, 11: 81, 12: 82, 13: 83, 14: 76,
    45: 88, 49: 90, 50: 103, 51: 104,
}  # fmt: skip
"""The tick types of delayed data; types without one are not sent delayed."""


class Line:
    """One market-data request that streams.

    Attributes:
        market_type: what the client had asked for when it made the request (reqMarketDataType, 1 to 4).
        delayed: whether it gets delayed data for want of a subscription.
        wanted: generic ticks asked for.
        providers: whose headlines are wanted; empty for all.
        parts: the legs of a combination.
        defaults: whether it gets prices and sizes (not with `mdoff`).
        greeks: whether it gets option computations.
        smart: whether it is asked of all exchanges together, so that it is told which ones quote.
        shown: the marketDataType that the client was told last.
        sent: the generic ticks that the client was sent last, by type.
    """

    __slots__ = (
        "client", "defaults", "delayed", "details", "encoder", "greeks", "market_type", "parts", "providers", "req_id",
        "sent",
        "shown", "smart", "wanted",
    )  # fmt: skip

    def __init__(
        self,
        client: Client,
        req_id: int,
        details: ContractDetails,
        *,
        delayed: bool = False,
        wanted: frozenset[int] = frozenset(),
        defaults: bool = True,
        providers: frozenset[str] = frozenset(),
        parts: tuple[Part, ...] = (),
    ) -> None:
        self.client, self.req_id, self.details, self.delayed = client, req_id, details, delayed
        self.wanted, self.defaults, self.providers, self.parts = wanted, defaults, providers, parts
        self.market_type, self.greeks, self.shown = client.market_type, True, 0
        self.smart = details.contract.exchange == "SMART"
        self.sent: dict[int, bytes] = {}
        self.encoder = TickEncoder(req_id)

    def __repr__(self) -> str:
        name = self.details.contract.localSymbol
        return f"Line({self.req_id} {name} of client {self.client.client_id}{' delayed' if self.delayed else ''})"

    @property
    def key(self) -> LineKey:
        """What lines share that show the same: the contract's number, its legs, and whether they are delayed."""
        legs = tuple((part.details.contract.conId, part.ratio) for part in self.parts)
        return self.details.contract.conId, legs, self.delayed

    @property
    def is_news(self) -> bool:
        """Whether the line carries a provider's headlines and nothing else."""
        return self.details.contract.secType == "NEWS"

    @property
    def is_option(self) -> bool:
        """Whether the line carries option computations too."""
        return self.details.contract.secType in ("OPT", "FOP")

    def show(self, market_type: int) -> None:
        """Tell the client which market-data type it gets from now on, if that is news."""
        if market_type != self.shown:
            self.shown = market_type
            self.client.reply("marketDataType", reqId=self.req_id, marketDataType=market_type)

    def send(self, ticks: Iterable[Tick], stamp: bytes | None = None) -> int:
        """Send the ticks that this line carries; `stamp` replaces the size in BID_SIZE ticks. Return their number."""
        put, out = self.encoder.put, []
        plain = self.smart and self.greeks and not self.delayed
        for message, kind, tail in ticks:
            shown = kind if plain else self._shown_kind(message, kind)
            if shown >= 0:
                out.append(put(message, shown, stamp if stamp and message == SIZE and kind == BID_SIZE else tail))
        self.client.send(b"".join(out))
        return len(out)

    def _shown_kind(self, message: int, kind: int) -> int:
        """The tick type under which this line carries a tick; -1 if it does not."""
        if (message == COMPUTATION and not self.greeks) or (kind in EXCHANGES and not self.smart):
            return -1
        return DELAYED.get(kind, -1) if self.delayed else kind

    def send_news(self, ticks: Iterable[Tick]) -> int:
        """Send those of these generic ticks that changed since they were sent last. Return their number."""
        fresh = [(message, kind, tail) for message, kind, tail in ticks if self.sent.get(kind) != tail]
        self.sent.update((kind, tail) for _, kind, tail in fresh)
        if fresh:
            self.client.send(b"".join(self.encoder.put(*tick) for tick in fresh))
        return len(fresh)


def price_tick(kind: int, price: float, size: str = "0", attrib: int = 0) -> Tick:
    """A price."""
    return (PRICE, kind, f"{number(price)}\0{size}\0{attrib}\0".encode())


def size_tick(kind: int, size: float) -> Tick:
    """A size or a volume."""
    return (SIZE, kind, f"{number(size)}\0".encode())


def generic_tick(kind: int, value: float) -> Tick:
    """A number of any other kind."""
    return (GENERIC, kind, f"{number(value)}\0".encode())


def string_tick(kind: int, value: str) -> Tick:
    """A text."""
    return (STRING, kind, f"{value}\0".encode())


def to_ticks(changes: Iterable[Change]) -> list[Tick]:
    """Write what changed in a quote; a price is followed by its size once more, as gateways do."""
    out: list[Tick] = []
    for kind, price, size in changes:
        text = number(size)
        sized: int | None = kind
        if kind in PRICE_TICKS:
            out.append(price_tick(kind, price, text, 1 if kind in (1, 2) else 0))
            sized = SIZE_OF.get(kind)
        if sized is not None:
            out.append((SIZE, sized, text.encode() + b"\0"))
    return out


def to_computations(found: Iterable[tuple[int, Computation]]) -> list[Tick]:
    """Write option computations."""
    return [(COMPUTATION, kind, _computation_tail(values)) for kind, values in found]


def _computation_tail(values: Computation) -> bytes:
    texts = [number(_known(name, value)) for name, value in zip(values._fields, values, strict=True)]
    return ("0\0" + "\0".join(texts) + "\0").encode()


def _known(name: str, value: float) -> float:
    """What was not computed is -2 for the sensitivities and -1 for the rest."""
    return -1 if value == UNDEFINED and name in _PLAIN else value


def computation_values(req_id: int, tick_type: int, values: Computation) -> dict[str, object]:
    """Return the fields of tickOptionComputation."""
    known = {name: _known(name, value) for name, value in values._asdict().items()}
    return {"reqId": req_id, "tickType": tick_type, "tickAttrib": 0, **known}
