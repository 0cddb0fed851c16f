"""What every part of a session shares: its state in words, the link, the open requests.

How to ask is in `asking`. The states themselves are `core.machine`'s, and the driver moves between them.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from ibmux.config import GatewaySettings
from ibmux.core import machine, verdicts
from ibmux.core.endpoints import Route
from ibmux.errors import Draining, NotReady
from ibmux.messages.account import AccountValue, PortfolioItem, Position
from ibmux.messages.session import GatewayStatus, State
from ibmux.messages.trades import CommissionReport, Trade
from ibmux.session.attempt import Attempt
from ibmux.session.calls import Calls, Turns
from ibmux.session.gate import Gate
from ibmux.session.hooks import Hooks
from ibmux.session.link import Link
from ibmux.session.stats import Stats
from ibmux.session.ticks import Line

REQUESTS_FROM = 1_500_000_000
"""Request ids start here, far above order ids: in an error, one number says which of the two it is."""
_FINAL: frozenset[State] = frozenset({"parked", "draining"})
"""States that end only when a person says so: waiting for `ready` makes no sense."""

Send = Callable[[Any], None]
T = TypeVar("T")


class Base(ABC):
    """State and means of one session; times are seconds UTC unless said otherwise.

    Attributes:
        due: when a pause, or the time to settle, is over (`time.monotonic`); None while none lasts.
        halted: why new orders are stopped; the services' to say.
    """

    def __init__(
        self, settings: GatewaySettings, hooks: Hooks | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.settings = settings
        self.hooks = hooks or Hooks()
        self.clock = clock
        self.name = settings.name
        self.client_id = settings.client_id
        self.binds_manual_orders = settings.client_id == 0
        self.state: State = "stopped"
        self.reason = "Not started."
        self.action = self.advice = ""
        self.since = clock()
        self.epoch = 0
        self.due: float | None = None
        self.route = Route(settings.endpoints)
        self.attempt: Attempt | None = None
        self.upstream = False
        self.missing: dict[str, str] = {}
        self.accounts: list[str] = []
        self.halted = ""
        self.farms: dict[str, bool] = {}
        self.market_data_type: int = settings.market_data_type
        self.lines: dict[int, Line] = {}
        self.completed: list[Trade] = []
        self.link: Link | None = None
        self.calls = Calls()
        self.turns = Turns()
        self.gate = Gate(settings.messages_per_second, settings.burst)
        self.ticks_in = 0
        self.illegal = 0
        self.connects: Counter[str] = Counter()
        self.disconnects: Counter[str] = Counter()
        self.gaps = 0
        self.transitions: Counter[tuple[str, str]] = Counter()
        self._sent = self._received = self._faults = 0
        self._last_message: float | None = None
        self._ready = asyncio.Event()
        self._next_request = REQUESTS_FROM
        self._next_order = 1
        self._streams: dict[str, Line] = {}
        self._dirty: dict[str, Line] = {}
        self._told_data_type = False
        self._positions: dict[tuple[str, int], Position] = {}
        self._arriving: dict[tuple[str, int], Position] | None = None
        self._values: dict[tuple[str, str, str, str], AccountValue] = {}
        self._portfolio: dict[tuple[str, int], PortfolioItem] = {}
        self._live_account = ""
        self._value_requests: list[int] = []
        self._reports: dict[str, CommissionReport] = {}

    @property
    def next_attempt(self) -> float | None:
        """When the gateway is spoken to next; reckoned on from now, because clocks are set and machines sleep."""
        return None if self.due is None else self.clock() + max(0.0, self.due - time.monotonic())

    @property
    def server_version(self) -> int:
        """The protocol version of the present connection, 0 without one."""
        return int(self.link.serverVersion()) if self.link else 0

    @property
    def kind(self) -> str:
        """`paper` or `live`, as the accounts' names tell; empty while unknown."""
        return verdicts.kind_of(self.accounts)

    @property
    def greeted(self) -> bool:
        """Whether the API is up: the gateway has named its accounts and its next order id."""
        return self.link is not None and self.link.alive and self.link.up

    def status(self) -> GatewayStatus:
        """Where the session stands, in words too."""
        return GatewayStatus(
            gateway=self.name,
            state=self.state,
            reason=self.reason,
            since=self.since,
            epoch=self.epoch,
            kind=self.kind or self.settings.kind,
            next_attempt=self.next_attempt,
            accounts=list(self.accounts),
            farms=dict(self.farms),
            serverVersion=self.server_version,
            action=self.action,
            advice=self.advice,
            endpoint=str(self.route.current),
            fallback=self.route.away,
            socket=self.link is not None and self.link.alive,
            api=self.greeted,
            connected=self.greeted and self.upstream,
            missing=list(self.missing.values()),
            gaps=self.gaps,
            check=self.attempt.report if self.attempt else None,
            halted=self.halted,
        )

    @abstractmethod
    def feed(self, event: machine.Event, reason: str = "", advice: str = "") -> None:
        """Something happened that may move the session; the driver knows how."""

    def stats(self) -> Stats:
        """The session's numbers, of all its connections together."""
        link = self.link
        heard = link is not None and link.received
        return Stats(
            sent=self._sent + (link.sent if link else 0),
            received=self._received + (link.received if link else 0),
            last_message=self.clock() - (time.monotonic() - link.heard) if link and heard else self._last_message,
            lines=len(self.lines),
            ticks_in=self.ticks_in,
            pending=len(self.calls),
            illegal=self.illegal,
            faults=self._faults + (link.faults if link else 0),
            connects=dict(self.connects),
            disconnects=dict(self.disconnects),
            transitions=dict(self.transitions),
            lanes=self.gate.stats(),
        )

    async def until_ready(self, deadline: float) -> None:
        """Wait for `ready`, until `deadline` (the loop's time); a deadline in the past asks for the answer at once.

        Raises:
            NotReady: not ready in time, or not without a person's help; the message is the session's reason.
            Draining: the session is ending.
        """
        while self.state != "ready":
            if self.state in _FINAL or deadline <= asyncio.get_running_loop().time():
                raise self.not_ready()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._ready.wait()
            except TimeoutError:
                raise self.not_ready() from None

    def not_ready(self) -> NotReady | Draining:
        """The error of a request that cannot be served now."""
        if self.state == "draining":
            return Draining(self.reason)
        after = 1.0
        if self.due is not None:
            after = max(0.0, self.due - time.monotonic())
        elif self.state == "waiting":  # for somebody to listen, who then has time to settle
            after = max(after, self.settings.settle)
        when = None if self.state == "parked" else round(after, 1)
        return NotReady(f"{self.name} is {self.state}: {self.reason}", retry_after=when)

    def next_request(self) -> int:
        """A request id that was never used."""
        self._next_request += 1
        return self._next_request
