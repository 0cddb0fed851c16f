"""The simulated gateway: a TCP server that speaks the TWS protocol to several clients about one simulated world.

Owns the port, the clients and the passing of time. The wiring: connections hand requests to `answers`, these ask the
world; its events leave through `deliver`; `faults` change how it all behaves.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ibmux.sim.calendar.agenda import Agenda, Appointment
from ibmux.sim.calendar.clock import Clock
from ibmux.sim.clients.client import Client
from ibmux.sim.clients.connection import Connection
from ibmux.sim.clients.delivery import deliver, deliver_position
from ibmux.sim.clients.registry import ClientIds, Meter
from ibmux.sim.clients.reports import Reports
from ibmux.sim.clients.welcome import welcome
from ibmux.sim.events import PositionChange
from ibmux.sim.faults.conduct import Conduct
from ibmux.sim.faults.delivery_faults import Disturbance
from ibmux.sim.faults.door import Door
from ibmux.sim.faults.farms import Farms
from ibmux.sim.faults.faults import Faults
from ibmux.sim.faults.listener import Listener
from ibmux.sim.faults.outage import Outage
from ibmux.sim.feeds.feed import Feed
from ibmux.sim.instants import parse_start
from ibmux.sim.log import Log
from ibmux.sim.settings import Settings
from ibmux.sim.stats import Counts, Stats
from ibmux.sim.world import World, WorldSettings

if TYPE_CHECKING:
    from ibmux.sim.companies.bulletins import Bulletins
    from ibmux.sim.events import Event
    from ibmux.sim.orders.desk import OrderDesk

ADVANCE_INTERVAL = 0.01
CLOSE_TIMEOUT = 2.0


class SimulatedGateway:
    """A gateway on a TCP port of this machine. `async with SimulatedGateway(settings) as gateway: gateway.port`.

    Args:
        settings: how it behaves; the defaults if not given.
        log: a file to which connections and faults are added as JSON lines.

    Attributes:
        faults: what may go wrong, by name: `await gateway.faults.cut(30)`.
        log: who connected when, and which faults were in force.
        clock, agenda: the simulated time, and what is to happen at which instant of it.
    """

    def __init__(self, settings: Settings | None = None, log: Path | None = None) -> None:
        self.settings = settings or Settings()
        self.host = self.settings.host
        self.clock = Clock(parse_start(self.settings.start), self.settings.speed)
        self.agenda = Agenda()
        self.log = Log(self.clock.now, log)
        self.conduct = Conduct()
        self.disturbance = Disturbance(Random(f"{self.settings.seed}:disturbance"))
        self.world = World(_world_settings(self.settings), self.clock.now)
        self.clients: dict[int, Client] = {}
        self.connections: set[Connection] = set()
        self.counts = Counts()
        self.feed = Feed(self)
        self.reports = Reports(self)
        self.outage = Outage(self)
        self.farms = Farms(self)
        self.ids = ClientIds(self.settings.linger, self.settings.max_clients)
        self.listener = Listener(self)
        self.door = Door(self.settings.host, self.settings.port, lambda: Connection(self), self.listener.note)
        self.faults = Faults(self)
        self.loop: asyncio.AbstractEventLoop
        self._accepted = 0
        self._running = False
        self._timer: asyncio.TimerHandle | None = None
        self._drained: asyncio.Event | None = None

    @property
    def port(self) -> int:
        """The port that it listens on; 0 before the first start if the settings leave it open."""
        return self.door.port

    def __repr__(self) -> str:
        return f"SimulatedGateway({self.settings.kind}, {self.host}:{self.port}, clients={self.ids.connected()})"

    @property
    def book(self) -> OrderDesk:
        """The gateway's own record of orders and executions: a witness for tests."""
        return self.world.desk

    @property
    def stats(self) -> Stats:
        """What is connected and what was counted, now."""
        counts = self.counts
        return Stats(
            connections=len(self.clients),
            connections_ever=counts.connections_ever,
            by_client=dict(counts.by_client),
            messages_in=counts.messages_in,
            ticks_sent=counts.ticks_sent,
            orders_placed=counts.orders_placed,
            lines={client_id: len(client.lines) for client_id, client in self.clients.items()},
            close_wait=len(self.listener.left),
        )

    async def start(self) -> None:
        """Listen. After `close`, the same gateway comes back on the same port with its orders and accounts.

        Raises:
            OSError: the port is taken.
        """
        self.loop = asyncio.get_running_loop()
        self._drained = None
        await self.door.open()
        self._running = True
        self.feed.start()
        self.reports.start()
        self._advance_later()

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if not self._running:
            return
        self._running = False
        await self.door.close()
        self.feed.stop()
        self.reports.stop()
        if self._timer is not None:
            self._timer.cancel()
        self.listener.restart()
        for each in list(self.connections):
            each.close("the gateway stops")
        await self._drain()
        self.log.close()

    async def _drain(self) -> None:
        """Wait until every connection has ended; those whose peers do not read are cut off."""
        if not self.connections:
            return
        self._drained = asyncio.Event()
        try:
            await asyncio.wait_for(self._drained.wait(), CLOSE_TIMEOUT)
        except TimeoutError:
            for connection in list(self.connections):
                connection.abort()
            await self._drained.wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def expel(self, code: int, text: str) -> None:
        """Tell every client why, and end its connection."""
        for connection in list(self.connections):
            if connection.client is not None:
                connection.client.error(-1, code, text)
            connection.close(f"error {code}")

    def arrive(self, connection: Connection) -> int:
        """Note a new socket. Return its number."""
        self._accepted += 1
        self.connections.add(connection)
        self.log.add("attempt", connection=self._accepted)
        return self._accepted

    def new_meter(self) -> Meter:
        """A meter of one client's messages, by the rate that holds now."""
        limit = self.conduct.messages_per_second or self.settings.messages_per_second
        return Meter(limit, time.monotonic(), self.conduct.breaches)

    def admit(self, connection: Connection, client_id: int) -> str:
        """Start a client on this connection. Return "" or why not: "used", "full"."""
        if refused := "full" if self.conduct.full else self.ids.claim(client_id, self.clock.now()):
            return refused
        client = Client(client_id, connection.version, self, connection.send)
        connection.client = client
        self.clients[client_id] = client
        self.counts.connections_ever += 1
        self.counts.by_client[client_id] = self.counts.by_client.get(client_id, 0) + 1
        self.log.add("started", connection=connection.number, client=client_id)
        welcome(self, client)
        return ""

    @property
    def account_names(self) -> tuple[str, ...]:
        """The accounts that clients are told."""
        return self.conduct.accounts or self.world.advisor.managed

    @property
    def bulletins(self) -> Bulletins:
        """The board of news bulletins; `gateway.bulletins.post(1, "text", "NYSE")` announces one."""
        return self.world.bulletins

    def forget(self, connection: Connection, by: str, reason: str) -> None:
        """Note the end of a connection."""
        self.connections.discard(connection)
        client = connection.client
        self.log.add("closed", reason, connection=connection.number, client=client.client_id if client else None, by=by)
        if client is not None and self.clients.get(client.client_id) is client:
            del self.clients[client.client_id]
            client.close()
            self.ids.release(client.client_id, self.clock.now())
        if self._drained is not None and not self.connections:
            self._drained.set()

    def drop(self, client_id: int | None = None) -> int:
        """Cut the connection of a client, or of all, as a gateway does that restarts. Return how many there were."""
        found = [
            each
            for each in self.connections
            if client_id is None or (each.client is not None and each.client.client_id == client_id)
        ]
        for connection in found:
            connection.abort("cut off", reset=True)
        if client_id is None:
            self.listener.release()
        return len(found)

    def keep_quiet(self) -> None:
        """Let market data flow or not, as the present conduct has it."""
        self.feed.pause(self.conduct.cut or self.conduct.frozen)

    def announce(self, code: int, text: str) -> None:
        """Send a message about the session to every client: 1100, 1101, 1102, 2103 and the like."""
        for client in list(self.clients.values()):
            client.error(-1, code, text)

    def tell(self, events: list[Event]) -> None:
        """Send events to the clients that they concern, unless they are held back while Interactive Brokers is gone."""
        if events and not self.outage.keep(events):
            self.publish(events)

    def publish(self, events: Iterable[Event]) -> None:
        """Send events to the clients that they concern."""
        for event in self.disturbance.news(events):
            if isinstance(event, PositionChange):
                deliver_position(self.clients.values(), event)
                continue
            for client_id in self.clients.keys() & {event.clientId, self.settings.master}:
                deliver(self.clients[client_id], (event,))

    def after(self, seconds: float, act: Callable[[], object]) -> Appointment:
        """Call `act` in so many simulated seconds."""
        return self.agenda.at(self.clock.now() + seconds, act)

    def advance(self) -> None:
        """Let the world catch up with the clock."""
        for instant in self.clock.steps():
            self._live(instant)

    async def pass_time(self, seconds: float) -> None:
        """Let so many simulated seconds pass, on a clock that stands (`Settings.speed` 0); clients run in between."""
        for instant in self.clock.pass_time(seconds):
            self._live(instant)
            await asyncio.sleep(0)
        await self.door.settle()

    def _live(self, instant: float) -> None:
        """What happens at one instant."""
        self.agenda.run(instant)
        self.tell(self.world.advance(instant))

    def _advance_later(self) -> None:
        self._timer = self.loop.call_later(ADVANCE_INTERVAL, self._advance_on_time)

    def _advance_on_time(self) -> None:
        try:
            self.advance()
        finally:
            self._advance_later()


def _world_settings(settings: Settings) -> WorldSettings:
    return WorldSettings(**{item.name: getattr(settings, item.name) for item in fields(WorldSettings)})


async def serve(settings: Settings) -> None:
    """Run a gateway until cancelled.

    Raises:
        OSError: the port is taken.
    """
    async with SimulatedGateway(settings):
        await asyncio.get_running_loop().create_future()
