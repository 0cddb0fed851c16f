"""What the gateway does without Interactive Brokers: which requests it refuses or keeps, and what waits to be told.

Owns the held orders and events of a cut (1100), and the farms that are down. Sockets are not its business.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ibmux.sim.answers import HANDLERS
from ibmux.tws.layout import Values

if TYPE_CHECKING:
    from ibmux.sim.clients.client import Client
    from ibmux.sim.events import Event
    from ibmux.sim.server import SimulatedGateway

LOST = "Connectivity between IB and Trader Workstation has been lost."
BROKEN = "Connectivity between Trader Workstation and server is broken. It will be restored automatically."
RESTORED = "Connectivity between IB and Trader Workstation has been restored - data {}. {}"
READ_ONLY = "Error validating request.-'bY' : cause - The API interface is currently in Read-Only mode."
NO_DEFINITION = "No security definition has been found for the request"
NO_HISTORY = "Historical Market Data Service error message:HMDS connection is broken"
NOT_CONNECTED = "Not connected"
NO_UPDATES = "Failed to request live updates (disconnected)."

ORDERS = frozenset({"placeOrder", "cancelOrder", "reqGlobalCancel", "exerciseOptions"})
GUARDED = ORDERS | {"reqOpenOrders", "reqAutoOpenOrders", "reqCompletedOrders"}
"""What a read-only API refuses."""
HISTORY = frozenset({
    "reqHistoricalData", "reqHeadTimeStamp", "reqHistogramData", "reqHistoricalTicks", "reqRealTimeBars",
    "reqScannerSubscription", "reqHistoricalNews", "reqNewsArticle", "reqFundamentalData",
})  # fmt: skip
"""What the farms of historical data answer."""
DEFINITIONS = frozenset({"reqContractDetails", "reqMatchingSymbols", "reqSecDefOptParams"})
"""What the farms of contract definitions answer."""
CONTRACTS = HISTORY - {"reqScannerSubscription", "reqHistoricalNews", "reqNewsArticle"} | {
    "reqContractDetails", "reqMktData", "reqMktDepth", "reqTickByTickData", "calculateImpliedVolatility",
    "calculateOptionPrice",
}  # fmt: skip
"""What names a contract: without Interactive Brokers it is answered as if there were no such contract."""
REMOTE = CONTRACTS | HISTORY | DEFINITIONS | {"reqSmartComponents", "reqWshMetaData", "reqWshEventData", "reqUserInfo"}
"""What cannot be answered from what the gateway holds itself."""
MAX_HELD = 10_000
"""Held events and held orders, each; beyond them the oldest is forgotten, as by a gateway that ran out of memory."""
LATE, LOST_FILLS, THROUGH = "late", "lost", "through"
TOLD = (LATE, LOST_FILLS, THROUGH)
"""What becomes of news about orders during a cut."""
TOLD_ALL, TOLD_FARMS, TOLD_NOTHING = "full", "farms", "none"
WORDS = (TOLD_ALL, TOLD_FARMS, TOLD_NOTHING)
"""What a gateway says when a cut is over; each has been seen."""


def refuse(name: str, cut: bool, read_only: bool, broken: Iterable[str]) -> tuple[int, str] | None:
    """The error that a request meets in the present state (code and text), None if it is answered.

    Args:
        name: of the request.
        cut: whether there is no connection to Interactive Brokers.
        read_only: whether requests about orders are refused.
        broken: kinds of farms that are down: `history`, `definitions`.
    """
    if read_only and name in GUARDED:
        return 321, READ_ONLY
    if cut and name in REMOTE:
        return (200, NO_DEFINITION) if name in CONTRACTS else (504, NOT_CONNECTED)
    if name in HISTORY and "history" in broken:
        return 162, NO_HISTORY
    if name in DEFINITIONS and "definitions" in broken:
        return 200, NO_DEFINITION
    return None


class Outage:
    """The present outage of one gateway."""

    def __init__(self, gateway: SimulatedGateway) -> None:
        self._gateway = gateway
        self._told = LATE
        self._events: deque[Event] = deque(maxlen=MAX_HELD)
        self._orders: deque[tuple[Client, str, Values]] = deque(maxlen=MAX_HELD)
        self.broken: set[str] = set()

    def intercept(self, client: Client, name: str, ask: Values) -> bool:
        """Refuse or keep a request that cannot be met now. Return whether that was done."""
        conduct = self._gateway.conduct
        if not (conduct.cut or conduct.read_only or self.broken):
            return False
        refusal = refuse(name, conduct.cut, conduct.read_only, self.broken)
        if refusal is not None:
            request_id: int = ask["reqId"] if "reqId" in ask else ask.get("orderId", -1)
            client.error(request_id, *refusal)
            return True
        if conduct.cut and name in ORDERS:
            self._orders.append((client, name, ask))
            return True
        return False

    def cut(self, told: str = LATE, broken: bool = False) -> None:
        """Lose Interactive Brokers: 1100 to every client, no data, orders are held.

        Args:
            told: when news about orders are told: after the cut (`late`), never (`lost`), as usual (`through`).
            broken: 2110 is sent, too.
        """
        self._gateway.announce(1100, LOST)
        if broken:
            self._gateway.announce(2110, BROKEN)
        self._gateway.conduct.cut = True
        self._told = told
        self._gateway.keep_quiet()

    def restore(self, bare: bool = False, word: str = TOLD_ALL) -> None:
        """Find Interactive Brokers again: 1102, or 1101 with every subscription gone (`bare`); held orders leave.

        Args:
            bare: streams are gone.
            word: what is said of it: 1101 or 1102 (`full`), only that farms are well (`farms`), nothing (`none`).
        """
        gateway = self._gateway
        gateway.conduct.cut = False
        gateway.keep_quiet()
        if bare:
            for client in list(gateway.clients.values()):
                client.forget_streams()
        self._say(bare, word)
        self._let_go()

    def _say(self, bare: bool, word: str) -> None:
        gateway = self._gateway
        if word == TOLD_ALL:
            farms = ", ".join(sorted(gateway.farms.connected()))
            text = RESTORED.format("lost" if bare else "maintained", f"All data farms are connected: {farms}.")
            gateway.announce(1101 if bare else 1102, text)
        elif word == TOLD_FARMS:
            for code, text in gateway.farms.notices():
                gateway.announce(code, text)

    def _let_go(self) -> None:
        """Tell what was held, then do what was asked for meanwhile by clients that are still there."""
        events, orders = list(self._events), list(self._orders)
        self._events.clear()
        self._orders.clear()
        self._gateway.publish(events)
        for client, name, ask in orders:
            if not client.closed:
                HANDLERS[name](client, ask)

    def keep(self, events: Iterable[Event]) -> bool:
        """Keep or forget news about orders during a cut. Return whether they are not to be told now."""
        if not self._gateway.conduct.cut or self._told == THROUGH:
            return False
        if self._told == LATE:
            self._events.extend(events)
        return True
