"""What the demo has seen so far: plain data that the view draws and the judge judges. Does no I/O.

Times in seconds UTC.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from ibmux.messages.contracts import Contract
from ibmux.messages.market import Quote
from ibmux.messages.session import GatewayStatus, ProxyReport, SharingInfo
from ibmux.messages.trades import Fill, Trade
from ibmux.messages.trading import FillEvent, OrderEvent

GATEWAY = "paper"
VIEWER = "view"
"""The name under which the demo itself looks on; it is none of the scripts."""


@dataclass(slots=True)
class Witness:
    """What the simulated gateway counted, from its side of the wire."""

    connections: int = 0
    clients: dict[int, int] = field(default_factory=dict)
    messages: int = 0
    ticks: int = 0
    orders: int = 0


@dataclass(slots=True)
class Part:
    """One process as the demo sees it: `state` is starting, running, ended or failed; `says` its last line.

    `last_words` is the end of what a failed one wrote to standard error.
    """

    name: str
    state: str = "starting"
    pid: int = 0
    says: str = ""
    lines: int = 0
    last_words: str = ""


class Scene:
    """Everything seen so far; `parts` by name, in the order of their start; `asked` counts by script and method."""

    def __init__(self, began: float) -> None:
        self.began = began
        self.parts: dict[str, Part] = {}
        self.status: GatewayStatus | None = None
        self.report: ProxyReport | None = None
        self.was_ready = False
        self.contracts: dict[int, Contract] = {}
        self.quotes: dict[int, Quote] = {}
        self.updates: Counter[int] = Counter()
        self.trades: dict[tuple[str, str], Trade] = {}
        self.fills: dict[str, Fill] = {}
        self.witness: Witness | None = None
        self.asked: Counter[tuple[str, str]] = Counter()
        self.news: deque[str] = deque(maxlen=200)

    @property
    def sharing(self) -> SharingInfo:
        """What the proxy counted as shared."""
        return self.report.sharing.get(GATEWAY, SharingInfo()) if self.report else SharingInfo()

    def part(self, name: str) -> Part:
        """The part of this name, made if it is new."""
        return self.parts.setdefault(name, Part(name))

    def say(self, name: str, text: str) -> None:
        """A part said something."""
        part = self.part(name)
        part.says, part.lines = text, part.lines + 1
        self.tell(f"[{name}] {text}")

    def tell(self, text: str) -> None:
        """Something happened that a person may want to read."""
        self.news.append(text)

    def take_status(self, status: GatewayStatus) -> None:
        """The session changed its state."""
        if self.status is None or (status.state, status.reason) != (self.status.state, self.status.reason):
            why = f" ({status.reason})" if status.reason else ""
            self.tell(f"[session] {status.state}{why}, epoch {status.epoch}")
        self.status = status
        self.was_ready = self.was_ready or status.state == "ready"

    def take_quote(self, quote: Quote) -> bool:
        """A quote came; True if its contract is not known yet."""
        self.quotes[quote.conId] = quote
        self.updates[quote.conId] += 1
        return quote.conId not in self.contracts

    def take_order(self, event: OrderEvent) -> None:
        """An order changed."""
        trade = event.trade
        before = self.trades.get((trade.script, trade.key))
        self.trades[trade.script, trade.key] = trade
        self.contracts.setdefault(trade.contract.conId, trade.contract)
        status = trade.orderStatus.status
        if before is None or before.orderStatus.status != status:
            order = trade.order
            name = f"{order.action} {order.totalQuantity:g} {trade.contract.symbol} {order.orderType}"
            self.tell(f"[order] {trade.script}: {name} {status}")

    def take_fill(self, event: FillEvent) -> None:
        """An execution, or its commission."""
        fill = event.fill
        new = fill.execution.execId not in self.fills
        self.fills[fill.execution.execId] = fill
        if new:
            execution = fill.execution
            self.tell(
                f"[fill] {fill.script}: {execution.side} {execution.shares:g} {fill.contract.symbol} at "
                f"{execution.price:.2f}"
            )
