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
    from ibmux.sim.calendar.agenda import Appointment
    from ibmux.sim.feeds.feed import Line
    from ibmux.sim.feeds.streams import Stream
    from ibmux.sim.server import SimulatedGateway

LOOK_AGAIN = 0.25
"""Seconds after which what waits for the end of a cut looks again."""
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
    model: str = ""


@dataclass(slots=True)
class ModelWatch:
    """A subscription to the positions of a model portfolio: in which accounts, and the rows that were sent last."""

    accounts: tuple[str, ...]
    model: str
    sent: dict[tuple[str, int], Values] = field(default_factory=dict)


class Client:
    """One client between startApi and the end of its connection."""

    def __init__(self, client_id: int, version: int, gateway: SimulatedGateway, send: Callable[[bytes], None]) -> None:
        self.client_id = client_id
        self.version = version
        self.gateway = gateway
        self.send = send
        self.market_type = 1
        self.lines: dict[int, Line] = {}
        self.streams: dict[int, Stream] = {}
        self.timers: dict[int, Appointment] = {}
        self.positions = False
        self.position_watches: dict[int, str] = {}
        self.account_watch: ValueWatch | None = None
        self.summaries: dict[int, ValueWatch] = {}
        self.value_watches: dict[int, ValueWatch] = {}
        self.pnls: dict[int, PnlWatch] = {}
        self.model_watches: dict[int, ModelWatch] = {}
        self.scanners: set[int] = set()
        self.groups: dict[int, int] = {}
        self.bulletins = False
        self.knows_calendar = False
        self.calendar_pending: dict[str, int] = {}
        self.asked_time = float("-inf")
        self.bars: set[int] = set()
        self.asked: dict[int, tuple[str, object]] = {}
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
        """Call `act` in `delay` simulated seconds unless the request is cancelled or the client has gone.

        While the gateway is cut off or stands still, it waits until that is over.
        """

        def run() -> None:
            if self.gateway.feed.paused:
                self.timers[request_id] = self.gateway.after(LOOK_AGAIN, run)
                return
            self.timers.pop(request_id, None)
            act()

        self.stop_timer(request_id)
        self.timers[request_id] = self.gateway.after(delay, run)

    def stop_timer(self, request_id: int) -> bool:
        """Drop what `after` was to do for this request. Return whether there was something."""
        timer = self.timers.pop(request_id, None)
        if timer is not None:
            timer.cancel()
        return timer is not None

    def end_bars(self, code: int, text: str) -> None:
        """Let the bars that are kept up to date stand still, with an error each; they stay until they are cancelled."""
        for request_id in self.bars:
            self.stop_timer(request_id)
            self.error(request_id, code, text)

    def forget_streams(self) -> None:
        """End what the client gets without asking again, and tell it nothing, as when the gateway's data are lost."""
        for request_id in (*self.bars, *self.scanners):
            self.stop_timer(request_id)
        self.bars.clear()
        self.scanners.clear()
        self.pnls.clear()
        self.gateway.feed.drop(self)

    def close(self) -> None:
        """End every subscription; orders stay."""
        self.closed = True
        for request_id in list(self.timers):
            self.stop_timer(request_id)
        self.gateway.feed.drop(self)
