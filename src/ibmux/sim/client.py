"""One started client as the simulator sees it: what it subscribed to, and how it is answered.

Knows nothing of sockets: bytes leave through the function it was given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ibmux.tws.layout import Values
from ibmux.tws.replies import encode_reply

if TYPE_CHECKING:
    import asyncio

    from .feed import Line
    from .server import SimulatedGateway

ValueKey = tuple[str, str, str]
"""Account, tag and currency of an account value."""


@dataclass(slots=True)
class ValueWatch:
    """A subscription to account values: which accounts and tags, and what was sent last."""

    accounts: tuple[str, ...]
    tags: tuple[str, ...] = ()
    model: str = ""
    sent: dict[ValueKey, str] = field(default_factory=dict)


@dataclass(slots=True)
class PnlWatch:
    """A subscription to an account's profit and loss, or to one position's (`conId` not 0)."""

    account: str
    conId: int = 0
    sent: Values | None = None


class Client:
    """One client between startApi and the end of its connection."""

    def __init__(self, client_id: int, version: int, gateway: SimulatedGateway, send: Callable[[bytes], None]) -> None:
        self.client_id = client_id
        self.version = version
        self.gateway = gateway
        self.send = send
        self.market_type = 1
        self.lines: dict[int, Line] = {}
        self.timers: dict[int, asyncio.TimerHandle] = {}
        self.positions = False
        self.position_watches: dict[int, str] = {}
        self.account_watch: ValueWatch | None = None
        self.summaries: dict[int, ValueWatch] = {}
        self.value_watches: dict[int, ValueWatch] = {}
        self.pnls: dict[int, PnlWatch] = {}
        self.bars: set[int] = set()
        self.auto_open = False
        self.closed = False

    def __repr__(self) -> str:
        return f"Client({self.client_id}, version={self.version}, lines={len(self.lines)})"

    def reply(self, name: str, **values: Any) -> None:
        """Send the reply `name` (a callback's name) with these fields."""
        self.send(encode_reply(name, values, self.version))

    def error(self, request_id: int, code: int, text: str) -> None:
        """Send an error; `request_id` is a request's or an order's id, -1 for the session as a whole."""
        self.reply("error", id=request_id, errorCode=code, errorString=text)

    def after(self, request_id: int, delay: float, act: Callable[[], None]) -> None:
        """Call `act` in `delay` simulated seconds unless the request is cancelled or the client has gone."""

        def run() -> None:
            self.timers.pop(request_id, None)
            act()

        self.stop_timer(request_id)
        self.timers[request_id] = self.gateway.loop.call_later(self.gateway.clock.real(delay), run)

    def stop_timer(self, request_id: int) -> bool:
        """Drop what `after` was to do for this request. Return whether there was something."""
        timer = self.timers.pop(request_id, None)
        if timer is not None:
            timer.cancel()
        return timer is not None

    def close(self) -> None:
        """End every subscription; orders stay."""
        self.closed = True
        for request_id in list(self.timers):
            self.stop_timer(request_id)
        self.gateway.feed.drop(self)
