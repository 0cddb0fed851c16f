"""Streaming quotes: owns the lines of all clients, the timer that moves prices, and the faults that stop them.

The rate is a budget of ticks a real second; channels (contracts with lines) take turns spending it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from ibmux.sim.feeds.channels import Channel
from ibmux.sim.feeds.combochannels import ComboChannel
from ibmux.sim.feeds.generics import Generics
from ibmux.sim.feeds.lines import Line, LineKey, computation_values
from ibmux.sim.feeds.newsfeed import NewsFeed
from ibmux.sim.feeds.permissions import COMPETING, concerns
from ibmux.sim.feeds.slices import Slices
from ibmux.sim.feeds.streams import Streams
from ibmux.sim.feeds.views import Views

if TYPE_CHECKING:
    from ibmux.sim.clients.client import Client
    from ibmux.sim.prices.quote import Quote
    from ibmux.sim.server import SimulatedGateway

__all__ = ["Feed", "Line", "computation_values"]

NATURAL_LOOKS = 4.0
"""Times a real second that a line shows what has changed, when no rate is set; gateways sample shares at this pace."""
INTERVAL, FAST_INTERVAL, FAST_RATE = 0.05, 0.005, 500
"""Seconds between two looks at what is due; the shorter ones, for even spacing, from that many ticks a second on."""
MAX_CREDIT = 0.25
"""Seconds of ticks that are made up for after a pause; older ones are not sent."""
LOOK = 0.25
"""Real seconds between two looks at opening hours and generic ticks."""
COMPETING_CODE = 10197


class Feed:
    """All lines of a gateway.

    Attributes:
        views: the market that lines show.
        streams: tick-by-tick data, books and real-time bars.
        slices: answers that take long, in small pieces so that nothing else waits.
        competing: another session of the user takes the market data (error 10197).
        paused: the gateway has lost its connection (1100): nothing flows.
    """

    def __init__(self, gateway: SimulatedGateway) -> None:
        self._gateway = gateway
        world = gateway.world
        self.views = Views(world.market, world.universe, gateway.clock.now, always_open=gateway.settings.always_open)
        self.generics = Generics(world, self.views)
        self.streams = Streams(gateway, self.views)
        self.news = NewsFeed(world.news)
        self.slices = Slices(gateway)
        self.competing = self.paused = False
        self._lines: set[Line] = set()
        self._channels: dict[LineKey, Channel] = {}
        self._turns: list[Channel] = []
        self._watched: dict[int, Quote] = {}
        self._next = 0
        self._credit = 0.0
        self._last = self._looked = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """How many of the login's market-data lines are taken: quotes and real-time bars, of all clients."""
        return len(self._lines) + self.streams.bars()

    # -- lines -------------------------------------------------------------------------------------------------------

    def channel(self, line: Line) -> Channel:
        """The channel that shows the line's contract, whether or not it has lines yet."""
        known = self._channels.get(line.key)
        if known is not None:
            return known
        if line.parts:
            return ComboChannel(line.details, line.parts, line.delayed, self.views)
        return Channel(line.details, line.delayed, self.views)

    def add(self, line: Line) -> None:
        """Stream to this line from now on."""
        line.client.lines[line.req_id] = line
        self._lines.add(line)
        self.news.add(line, self._gateway.clock.now())
        if not line.is_news:
            self._show(line)

    def _show(self, line: Line) -> None:
        channel = self._channels.setdefault(line.key, self.channel(line))
        if line not in channel.lines:
            channel.lines.append(line)
        self._take_turns()

    def _take_turns(self) -> None:
        self._turns = [channel for channel in self._channels.values() if channel.open]

    def remove(self, line: Line) -> None:
        """Stop streaming to this line."""
        line.client.lines.pop(line.req_id, None)
        self._lines.discard(line)
        self._mute(line)

    def _mute(self, line: Line) -> None:
        """Send the line nothing more; it stays taken until its client cancels it."""
        self.news.remove(line)
        channel = self._channels.get(line.key)
        if channel is None or line not in channel.lines:
            return
        channel.lines.remove(line)
        if not channel.lines:
            del self._channels[line.key]
            self._take_turns()

    def drop(self, client: Client) -> None:
        """Stop all lines and streams of a client."""
        for line in list(client.lines.values()):
            self.remove(line)
        self.streams.drop(client)

    # -- faults ------------------------------------------------------------------------------------------------------

    def compete(self, on: bool) -> None:
        """Let another session of the user take the market data away, or give them back.

        Every open line and stream ends with error 10197; while it lasts, new requests get it too.
        """
        self.competing = on
        for line in list(self._lines) if on else ():
            self.remove(line)
            line.client.error(line.req_id, COMPETING_CODE, COMPETING)
        if on:
            self.streams.end_all(COMPETING_CODE, COMPETING)

    def pause(self, on: bool) -> None:
        """Let nothing flow while the gateway is cut off (1100). Afterwards lines go on; what they missed is lost."""
        self.paused = on
        self._credit = 0.0
        if not on:
            self.streams.skip()
            self.news.skip(self._gateway.clock.now())

    def silence(self, venues: Collection[str] | None = None) -> None:
        """Let the present lines and streams die without a word, as after a farm's failure; new requests work.

        `venues` names security types, exchanges or venues, as `Settings.subscriptions`; None means all. A dead line
        counts until its client cancels it.
        """
        for line in list(self._lines):
            if venues is None or concerns(venues, line.details):
                self._mute(line)
        self.streams.silence(venues)

    def deaden(self, what: str) -> int:
        """Let the present streams of a kind (`quotes`, `ticks`, `depth`, `bars`), of a symbol, or `all` die without a
        word; new requests work. Return how many.
        """
        wanted = what.casefold()
        count = 0
        for line in list(self._lines):
            if wanted in ("all", "quotes", line.details.contract.symbol.casefold()):
                self._mute(line)
                count += 1
        return count + self.streams.deaden(wanted)

    def reset_depth(self) -> None:
        """Let every book begin anew: error 317, then all rows again."""
        self.streams.reset_books()

    # -- time --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to move prices."""
        self._last = time.monotonic()
        self._wait()

    def stop(self) -> None:
        """Stop moving prices, and what takes long."""
        self.slices.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self) -> None:
        fast = (self._gateway.settings.rate or 0) >= FAST_RATE
        self._timer = self._gateway.loop.call_later(FAST_INTERVAL if fast else INTERVAL, self._pump)

    def _pump(self) -> None:
        self._wait()
        now = time.monotonic()
        elapsed, self._last = now - self._last, now
        if self.paused:
            return
        if now - self._looked >= LOOK:
            self._looked = now
            self._look()
        self._spend(elapsed)
        self.streams.pump(now)

    def _spend(self, elapsed: float) -> None:
        """Move prices, contract by contract, until the ticks that are due have been sent."""
        idle = self._idle_contracts()
        turns = len(self._turns) + len(idle)
        budget = self._gateway.settings.rate  # of ticks; without one, of looks
        rate = budget or NATURAL_LOOKS * turns
        self._credit = min(self._credit + elapsed * rate, rate * MAX_CREDIT + 1) if turns else 0.0
        while self._credit >= 1:
            self._next = (self._next + 1) % turns
            place = self._next - len(self._turns)
            sent = self._move(idle[place]) if place >= 0 else self._step(self._turns[self._next])
            self._credit -= max(1, sent) if budget else 1

    def _idle_contracts(self) -> list[int]:
        """Return contracts with working orders but no line: their prices have to move too."""
        watched = self._gateway.world.desk.watched()
        if self._watched.keys() != watched:
            quote = self._gateway.world.market.quote
            self._watched = {con_id: quote(con_id) for con_id in watched}
        if not watched:
            return []
        shown = {channel.con_id for channel in self._turns if not channel.delayed}
        return [con_id for con_id in watched if con_id not in shown]

    def _move(self, con_id: int) -> int:
        quote = self._watched[con_id]
        if self.views.is_open(quote.details):
            quote.step()
        return 0

    def _step(self, channel: Channel) -> int:
        sent = channel.step(self._gateway.settings.stamp)
        self._gateway.counts.ticks_sent += sent
        return sent

    def _look(self) -> None:
        """Note which markets opened or closed; send the generic ticks that changed, and headlines."""
        sent = 0
        for channel in list(self._channels.values()):
            is_open = self.views.is_open(channel.details, channel.delayed)
            if is_open != channel.open:
                sent += channel.turn(is_open)
                self._take_turns()
            if is_open:
                sent += self.generics.refresh(channel)
        sent += self.news.advance(self._gateway.clock.now())
        self._gateway.counts.ticks_sent += sent
