"""All sessions: how one begins, is taken over, waits for its client, and ends; and the wills that come due on the way.

Sections 3.1.2.4 (clean start), 3.1.2.5 (will), 3.1.3.2.2 (will delay), 3.1.2.11.2 (session expiry), 4.1 and 4.2 of
MQTT 5.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from mqtt5 import DisconnectReasonCode

from ibmux.mqtt.filters import split_share
from ibmux.mqtt.hub import Hub
from ibmux.mqtt.identity import Client
from ibmux.mqtt.limits import Limits
from ibmux.mqtt.rules import Rules
from ibmux.mqtt.sessions import Session

if TYPE_CHECKING:
    from ibmux.mqtt.connection import Connection


logger = logging.getLogger(__name__)


class Registry:
    """The sessions by client id, and the connections of those that have one."""

    def __init__(self, hub: Hub, limits: Limits, rules: Rules) -> None:
        self.sessions: dict[str, Session] = {}
        self.connections: dict[str, Connection] = {}
        self.sockets: set[Connection] = set()
        self.emptied = asyncio.Event()
        self.emptied.set()
        self.is_closing = False
        self._hub = hub
        self._limits = limits
        self._rules = rules
        self._wills: dict[str, asyncio.TimerHandle] = {}
        self._expiries: dict[str, asyncio.TimerHandle] = {}
        hub.on_overflow = self.overflow

    # -- a socket comes and goes -------------------------------------------------------------------------------------

    def opened(self, connection: Connection) -> bool:
        """A socket was opened; False if there are too many of them, known clients or not."""
        self.sockets.add(connection)
        self.emptied.clear()
        return len(self.sockets) <= 2 * self._limits.max_connections + 16

    def closed(self, connection: Connection) -> None:
        """A socket was closed."""
        self.sockets.discard(connection)
        if not self.sockets:
            self.emptied.set()

    # -- a client comes ----------------------------------------------------------------------------------------------

    def is_full(self, client_id: str) -> bool:
        """Whether there is no room for this client."""
        return len(self.connections) >= self._limits.max_connections and client_id not in self.connections

    def belongs_to_other(self, client_id: str, username: str) -> bool:
        """Whether a session of this client id belongs to another name: it is not to be taken over."""
        session = self.sessions.get(client_id)
        return session is not None and session.client.username != username

    def open(self, connection: Connection, client: Client, clean: bool, expiry: int) -> tuple[Session, bool]:
        """The session for a new connection of a client, and whether it was there before."""
        client_id = client.client_id
        session = self.sessions.get(client_id)
        if session is not None:
            self._take_over(session, clean)
            session = self.sessions.get(client_id)
        present = session is not None
        if session is None:
            self._make_room()
            session = self.sessions[client_id] = Session(client, self._hub.clock, self._limits.max_queued_bytes)
        session.client = client
        session.expiry = expiry
        session.link = connection
        self.connections[client_id] = connection
        if present:
            self._check_filters(session)
        return session, present

    def _take_over(self, session: Session, clean: bool) -> None:
        client_id = session.client.client_id
        self._cancel(self._expiries, client_id)
        old = self.connections.get(client_id)
        if old is not None:
            if session.will_delay and not clean:
                session.will = None
            old.end(DisconnectReasonCode.SESSION_TAKEN_OVER, "another connection has the same client id", gone=clean)
        if client_id in self._wills and not clean:
            self._cancel(self._wills, client_id)
            session.will = None
        if clean or session.expiry == 0:
            self.end(session)
        self._cancel(self._expiries, client_id)

    def _make_room(self) -> None:
        """End the session that waits longest, if there are too many."""
        if len(self.sessions) >= self._limits.max_sessions:
            waiting = next((self.sessions[key] for key in self._expiries), None)
            if waiting is not None:
                self.end(waiting)

    def _check_filters(self, session: Session) -> None:
        """A session that comes back keeps only what its client may still subscribe to."""
        for wish in list(session.filters):
            group, pattern = split_share(wish)
            if not self._rules.authorize_subscribe(session.client, pattern):
                del session.filters[wish]
                self._hub.remote.remove(pattern, session, group)

    # -- a client goes -----------------------------------------------------------------------------------------------

    def left(self, connection: Connection, *, gone: bool) -> None:
        """A connection ended; `gone` unless the same client has another one by now."""
        session = connection.session
        client_id = session.client.client_id
        if self.connections.get(client_id) is not connection:
            return
        del self.connections[client_id]
        session.link = None
        if self.is_closing:
            return
        delay = min(session.will_delay, session.expiry)
        if session.will is not None and delay > 0:
            self._wills[client_id] = _later(delay, self._publish_will, session)
        else:
            self._publish_will(session)
        if gone:
            self._tell_gone(session.client)
        if session.expiry == 0:
            self.end(session)
        elif self.sessions.get(client_id) is session:
            self._expiries[client_id] = _later(session.expiry, self.end, session)

    def _tell_gone(self, client: Client) -> None:
        try:
            self._rules.on_client_gone(client.client_id, client.username)
        except Exception:
            logger.exception("nobody could be told that %s is gone", client.client_id)

    def overflow(self, session: Session) -> None:
        """More waits for a client than it may: the session ends, and the client learns it from `session present` 0."""
        session.expiry = 0
        connection = self.connections.get(session.client.client_id)
        if connection is not None:
            text = f"more than {self._limits.max_queued_bytes} bytes wait for this client"
            connection.end(DisconnectReasonCode.QUOTA_EXCEEDED, text)
        else:
            self.end(session)

    def end(self, session: Session) -> None:
        """The session is over: a will still to come is published, nothing is remembered."""
        client_id = session.client.client_id
        if self.sessions.get(client_id) is not session:
            return
        del self.sessions[client_id]
        self._cancel(self._expiries, client_id)
        self._publish_will(session)
        for wish in session.filters:
            group, pattern = split_share(wish)
            self._hub.remote.remove(pattern, session, group)
        session.filters.clear()
        session.queue.clear()
        session.inflight.clear()

    def _publish_will(self, session: Session) -> None:
        self._cancel(self._wills, session.client.client_id)
        will, session.will = session.will, None
        if will is not None:
            will.born = self._hub.clock()
            self._hub.spread(will)

    @staticmethod
    def _cancel(timers: dict[str, asyncio.TimerHandle], client_id: str) -> None:
        timer = timers.pop(client_id, None)
        if timer is not None:
            timer.cancel()

    # -- everyone goes -----------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Say goodbye to every client and forget every session; no will is published. Bounded by `close_timeout`."""
        self.is_closing = True
        for connection in list(self.sockets):
            connection.end(DisconnectReasonCode.SERVER_SHUTTING_DOWN, "the endpoint is stopping")
        timers: Iterable[asyncio.TimerHandle] = [*self._wills.values(), *self._expiries.values()]
        for timer in timers:
            timer.cancel()
        self._wills.clear()
        self._expiries.clear()
        self.sessions.clear()
        try:
            await asyncio.wait_for(self.emptied.wait(), self._limits.close_timeout + 1)
        except TimeoutError:
            logger.warning("%d connections did not close in time", len(self.sockets))


def _later(delay: float, call: Callable[[Session], None], session: Session) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(delay, call, session)
