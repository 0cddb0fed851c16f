"""The simulated gateway: a TCP server that speaks the TWS protocol to several clients about one simulated world.

Owns the listening socket, the clients and the timers. The wiring: connections hand requests to `answers`, these ask the
world; its events leave through `deliver`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import fields
from types import TracebackType
from typing import TYPE_CHECKING, Self

from .client import Client
from .clients import ClientIds
from .clock import Clock
from .connection import Connection
from .delivery import deliver, deliver_position
from .events import PositionChange
from .feed import Feed
from .instants import parse_start
from .reports import Reports
from .settings import Settings
from .stats import Counts, Stats
from .world import World, WorldSettings

if TYPE_CHECKING:
    from .desk import OrderDesk
    from .events import Event

ADVANCE_INTERVAL = 0.01
CLOSE_TIMEOUT = 2.0
NOTICES = (
    (2104, "Market data farm connection is OK:usfarm.nj"),
    (2104, "Market data farm connection is OK:usfarm"),
    (2106, "HMDS data farm connection is OK:ushmds"),
    (2158, "Sec-def data farm connection is OK:secdefil"),
)


class SimulatedGateway:
    """A gateway on a TCP port of this machine. `async with SimulatedGateway(settings) as gateway: gateway.port`."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.host = self.settings.host
        self.port = self.settings.port
        self.clock = Clock(parse_start(self.settings.start), self.settings.speed)
        self.world = World(_world_settings(self.settings), self.clock.now)
        self.clients: dict[int, Client] = {}
        self.connections: set[Connection] = set()
        self.counts = Counts()
        self.feed = Feed(self)
        self.reports = Reports(self)
        self.loop: asyncio.AbstractEventLoop
        self._ids = ClientIds(self.settings.linger, self.settings.max_clients)
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._drained: asyncio.Event | None = None

    def __repr__(self) -> str:
        return f"SimulatedGateway({self.settings.kind}, {self.host}:{self.port}, clients={self._ids.connected()})"

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
        )

    async def start(self) -> None:
        """Listen. After `close`, the same gateway comes back on the same port with its orders and accounts.

        Raises:
            OSError: the port is taken.
        """
        self.loop = asyncio.get_running_loop()
        self._drained = None
        self._server = await self.loop.create_server(lambda: Connection(self), self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self.feed.start()
        self.reports.start()
        self._advance_later()

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is None:
            return
        self._server.close()
        self.feed.stop()
        self.reports.stop()
        if self._timer is not None:
            self._timer.cancel()
        for connection in list(self.connections):
            connection.close("the gateway stops")
        await self._drain()
        await self._server.wait_closed()
        self._server = None

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

    def admit(self, connection: Connection, client_id: int) -> str:
        """Start a client on this connection. Return "" or why not: "used", "full"."""
        refused = self._ids.claim(client_id, self.clock.now())
        if refused:
            return refused
        client = Client(client_id, connection.version, self, connection.send)
        connection.client = client
        self.clients[client_id] = client
        self.counts.connections_ever += 1
        self.counts.by_client[client_id] = self.counts.by_client.get(client_id, 0) + 1
        self._welcome(client)
        return ""

    def _welcome(self, client: Client) -> None:
        """Send what a gateway sends after startApi; a returning client first hears of its open orders."""
        orders = self.world.desk.open_orders(client.client_id)
        for order in orders:
            deliver(client, order.snapshot())
        if orders:
            client.reply("openOrderEnd")
        client.reply("managedAccounts", accountsList=",".join(self.world.accounts.names))
        client.reply("nextValidId", orderId=self.world.desk.next_id(client.client_id))
        for code, text in NOTICES:
            client.error(-1, code, text)

    def forget(self, connection: Connection) -> None:
        """Note the end of a connection."""
        self.connections.discard(connection)
        client = connection.client
        if client is not None and self.clients.get(client.client_id) is client:
            del self.clients[client.client_id]
            client.close()
            self._ids.release(client.client_id, self.clock.now())
        if self._drained is not None and not self.connections:
            self._drained.set()

    def drop(self, client_id: int) -> None:
        """Cut the connection of a client, as a gateway does that restarts. Nothing happens if there is none."""
        for connection in list(self.connections):
            if connection.client is not None and connection.client.client_id == client_id:
                connection.abort()

    def announce(self, code: int, text: str) -> None:
        """Send a message about the session to every client: 1100, 1101, 1102, 2103 and the like."""
        for client in list(self.clients.values()):
            client.error(-1, code, text)

    def publish(self, events: Iterable[Event]) -> None:
        """Send events to the clients that they concern."""
        for event in events:
            if isinstance(event, PositionChange):
                deliver_position(self.clients.values(), event)
                continue
            for client_id in {event.clientId, self.settings.master}:
                client = self.clients.get(client_id) if client_id is not None else None
                if client is not None:
                    deliver(client, (event,))

    def advance(self) -> None:
        """Let the world catch up with the clock."""
        for instant in self.clock.steps():
            self.publish(self.world.advance(instant))

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
