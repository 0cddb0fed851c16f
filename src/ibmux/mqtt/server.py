"""The embedded MQTT 5 endpoint: its parts put together, and the bus on which the proxy publishes and subscribes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from mqtt5 import DisconnectReasonCode

from ibmux.mqtt.bus import Handler
from ibmux.mqtt.connection import Connection
from ibmux.mqtt.counters import ConnectionInfo, Stats
from ibmux.mqtt.filters import is_filter, is_name
from ibmux.mqtt.hub import Hub, LocalHandler
from ibmux.mqtt.identity import Client, ConnectRefused, Credentials, Grant, Verdict, admit_anyone, allow_all
from ibmux.mqtt.limits import DEFAULT_LIMITS, Limits
from ibmux.mqtt.listeners import (
    Factory,
    Listener,
    TcpListener,
    UnixListener,
    WebSocketListener,
    bound_port,
    close_listener,
    open_listener,
    transport_name,
)
from ibmux.mqtt.publication import Publication
from ibmux.mqtt.registry import Registry
from ibmux.mqtt.rules import Rules, is_stream, no_response_info, nobody_cares
from ibmux.mqtt.subscriptions import Options
from ibmux.mqtt.websocket_server import WebSocketServer
from ibmux.topics import is_market_data

__all__ = [
    "Client",
    "ConnectRefused",
    "ConnectionInfo",
    "Credentials",
    "Endpoint",
    "Grant",
    "Limits",
    "Listener",
    "Stats",
    "TcpListener",
    "UnixListener",
    "WebSocketListener",
]

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 15.0
"""How often expired retained messages are removed from memory; they are never given out in between."""


class Endpoint:
    """An MQTT 5 endpoint in this process; a `bus.Bus`.

    Args:
        listeners: where to listen.
        limits: bounds of everything a client can use.
        authenticate: who may connect, and under which name; `ConnectRefused`, a reason code or None refuse.
        authorize_publish: whether a client may publish to a topic.
        authorize_subscribe: whether a client may subscribe to a filter.
        conflate: topics of which a slow client gets only the latest message.
        droppable: topics of which a slow client may miss the oldest messages.
        on_client_gone: told the client id and name of each client that is gone.
        response_info: the response information of a client that asks for it.
        clock: seconds, monotonic; expiry is reckoned by it.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        *,
        limits: Limits = DEFAULT_LIMITS,
        authenticate: Callable[[Credentials], Verdict] = admit_anyone,
        authorize_publish: Callable[[Client, str], bool] = allow_all,
        authorize_subscribe: Callable[[Client, str], bool] = allow_all,
        conflate: Callable[[str], bool] = is_market_data,
        droppable: Callable[[str], bool] = is_stream,
        on_client_gone: Callable[[str, str], None] = nobody_cares,
        response_info: Callable[[Client], str | None] = no_response_info,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listeners = tuple(listeners)
        self._limits = limits
        self._rules = Rules(
            authenticate, authorize_publish, authorize_subscribe, conflate, droppable, on_client_gone, response_info
        )
        self._hub = Hub(limits, self._rules.lane, clock)
        self._registry = Registry(self._hub, limits, self._rules)
        self._servers: list[asyncio.Server] = []
        self._sweeping: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        clients, sessions = len(self._registry.connections), len(self._registry.sessions)
        return f"<Endpoint [{clients} connected, {sessions} sessions | {len(self._hub.retained)} retained]>"

    # -- life --------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen everywhere.

        Raises:
            ConfigError: one of the addresses cannot be used; then none is.
        """
        try:
            for listener in self._listeners:
                factory = self._factory(listener)
                self._servers.append(await open_listener(listener, factory, self._limits.connect_timeout))
        except BaseException:
            await self.close()
            raise
        self._sweep()

    async def close(self) -> None:
        """Stop listening, tell every client, and wait (bounded) until their connections are closed."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        for listener, server in zip(self._listeners, self._servers, strict=False):
            close_listener(listener, server)
        await self._registry.close()
        for server in self._servers:
            await asyncio.wait_for(server.wait_closed(), self._limits.close_timeout)
        self._servers.clear()

    @property
    def ports(self) -> list[int]:
        """The bound ports in the order of the listeners; 0 for a Unix socket."""
        return [bound_port(server) for server in self._servers]

    def _factory(self, listener: Listener) -> Factory:
        name = transport_name(listener)

        def connection() -> Connection:
            return Connection(self._hub, self._registry, self._rules, self._limits, name)

        if isinstance(listener, WebSocketListener):
            path, origins = listener.path, listener.origins
            return lambda: WebSocketServer(connection(), path, origins)
        return connection

    def _sweep(self) -> None:
        self._hub.retained.sweep()
        self._sweeping = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    # -- the bus -----------------------------------------------------------------------------------------------------

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 0,
        retain: bool = False,
        expiry: int | None = None,
        content_type: str | None = None,
        response_topic: str | None = None,
        correlation_data: bytes | None = None,
        user_properties: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Publish to the clients; without a subscriber it costs one lookup. Call it in the event loop.

        Raises:
            ValueError: the topic is no topic name.
        """
        hub = self._hub
        route = hub.remote.route(topic)
        if route.is_empty and not retain:
            return
        if not is_name(topic):
            raise ValueError(f"{topic!r} is no topic name")
        properties = list(user_properties) if user_properties else None
        publication = Publication(
            topic,
            payload,
            qos,
            retain,
            expiry,
            0.0 if expiry is None else hub.clock(),
            content_type,
            response_topic,
            correlation_data,
            properties,
        )
        if retain and not hub.retained.put(publication):
            logger.warning("no room to retain %s", topic)
        if not route.is_empty:
            hub.deliver(publication, route)

    async def subscribe(
        self, pattern: str, handler: Handler, *, qos: int = 1, late_ack: bool = False
    ) -> Callable[[], None]:
        """Have a handler called for what clients publish, and at once for retained messages that match.

        Raises:
            ValueError: the pattern is no topic filter.
        """
        if not is_filter(pattern):
            raise ValueError(f"{pattern!r} is no topic filter")
        hub, local = self._hub, LocalHandler(handler, qos, late_ack)
        hub.local.add(pattern, local, Options(qos))
        for topic in hub.retained.topics(pattern):
            kept = hub.retained.get(topic)
            if kept is not None:
                hub.call_handler(local, kept)

        def unsubscribe() -> None:
            hub.local.remove(pattern, local)

        return unsubscribe

    # -- looking at it, and acting on clients ------------------------------------------------------------------------

    def stats(self) -> Stats:
        """Counts at this moment."""
        registry, counters = self._registry, self._hub.counters
        sessions, links = registry.sessions.values(), registry.connections.values()
        return Stats(
            connections=len(registry.connections),
            sessions=len(registry.sessions),
            subscriptions=self._hub.remote.count,
            retained=len(self._hub.retained),
            queued_messages=sum(len(one.queue) for one in sessions) + sum(len(one.held) for one in links),
            queued_bytes=sum(one.pending_bytes for one in sessions) + sum(one.held_bytes for one in links),
            messages_in=counters.messages_in,
            messages_out=counters.messages_out,
            bytes_in=counters.bytes_in,
            bytes_out=counters.bytes_out,
            conflated=counters.conflated,
            dropped_slow=counters.dropped_slow,
            too_large=counters.too_large,
            refused_publishes=counters.refused_publishes,
            handler_errors=counters.handler_errors,
            disconnects=dict(counters.disconnects),
        )

    def connections(self) -> list[ConnectionInfo]:
        """Every connected client."""
        return [
            ConnectionInfo(
                link.client.client_id,
                link.client.username,
                link.transport_name,
                link.peer,
                link.since,
                len(link.session.filters),
                len(link.session.queue) + len(link.held),
                link.conflated,
            )
            for link in self._registry.connections.values()
        ]

    def disconnect(
        self,
        client_id: str,
        reason_code: int = 0x98,
        text: str = "disconnected by the operator",
    ) -> bool:
        """End a client's connection with a reason code (0x98: administrative action); False if it is not connected."""
        link = self._registry.connections.get(client_id)
        if link is not None:
            link.end(DisconnectReasonCode(int(reason_code)), text)
        return link is not None
