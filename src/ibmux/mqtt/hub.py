"""Where messages meet subscribers: routes, retained messages, delivery. The hot path of the endpoint.

Knows sessions and the way out to them; nothing of sockets, packets coming in, or who may connect.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import lru_cache

from ibmux.mqtt.aliases import AliasBook
from ibmux.mqtt.bus import Handler
from ibmux.mqtt.counters import Counters
from ibmux.mqtt.limits import Limits
from ibmux.mqtt.message import Message
from ibmux.mqtt.outgoing import GATHERED_BYTES, Lane, Outgoing
from ibmux.mqtt.publication import Publication
from ibmux.mqtt.retained import Retained
from ibmux.mqtt.sessions import Session
from ibmux.mqtt.subscriptions import Options, Route, Subscriptions

logger = logging.getLogger(__name__)

LANES_KEPT = 20_000
"""Topics of which it is remembered what a slow client may miss."""
WIDE = 8
"""Clients that take the same message, from which on writing to each of them is what costs most."""


def _ignore(_session: Session) -> None:
    """Until someone knows what to do about a session for which too much waits."""


class LocalHandler:
    """A handler of this process; `late_ack` if it acknowledges messages itself."""

    __slots__ = ("call", "late_ack", "qos")

    def __init__(self, call: Handler, qos: int, late_ack: bool) -> None:
        self.call = call
        self.qos = qos
        self.late_ack = late_ack


class Hub:
    """All subscriptions, all retained messages, and the delivery of publications.

    Args:
        limits: bounds of retained messages.
        lane: what to do with messages of a topic for a client that reads slowly.
        clock: seconds, monotonic.

    Attributes:
        on_overflow: called with a session for which more waits than allowed.
    """

    def __init__(
        self,
        limits: Limits,
        lane: Callable[[str], Lane],
        clock: Callable[[], float],
    ) -> None:
        self.clock = clock
        self.counters = Counters()
        self._gather = limits.gather
        self.retained = Retained(limits.retained_max, clock)
        self.remote: Subscriptions[Session] = Subscriptions()
        self.local: Subscriptions[LocalHandler] = Subscriptions()
        self.due: list[Outgoing] = []
        self._hasty: list[Outgoing] = []
        self.lane = lru_cache(LANES_KEPT)(lane)
        self.book = AliasBook(lambda topic: lane(topic) != "keep")
        self.on_overflow: Callable[[Session], None] = _ignore
        self._scheduled = False
        self._breath: asyncio.TimerHandle | None = None
        self._flushed = 0.0

    # -- one write per connection and turn of the loop ---------------------------------------------------------------

    def wake(self, outgoing: Outgoing) -> None:
        """Have a connection written at the end of this turn, also if the streams of others are still being gathered."""
        if self._breath is not None:
            self._hasty.append(outgoing)
            if len(self._hasty) == 1:
                asyncio.get_running_loop().call_soon(self._flush_hasty)
        elif not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)
            outgoing.flush()  # the first one of a turn need not wait for its end

    def _wake_gently(self, width: int) -> None:
        """The same for messages to `width` clients; a wide stream of them is written once per `gather` at most."""
        loop = asyncio.get_running_loop()
        wait = self._flushed + self._gather - loop.time()
        self._scheduled = True
        if width < WIDE or wait <= 0:
            loop.call_soon(self._flush)
        else:
            self._breath = loop.call_later(wait, self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        self._breath = None
        self._flushed = asyncio.get_running_loop().time()
        due = self.due[:]
        self.due.clear()
        for outgoing in due:
            outgoing.flush()

    def _flush_hasty(self) -> None:
        hasty = self._hasty[:]
        self._hasty.clear()
        for outgoing in hasty:
            outgoing.flush()

    # -- delivery ----------------------------------------------------------------------------------------------------

    def deliver(self, publication: Publication, route: Route[Session]) -> None:
        """Hand a message to every remote subscriber on its route."""
        if publication.origin and route.silent:
            route = _without_echo(route, publication.origin)
        if publication.qos:
            self._deliver_reliably(publication, route)
        else:
            self._deliver_once(publication, route)
        for entry in route.special:
            if not (entry.no_local and entry.owner.client.client_id == publication.origin):
                retain = entry.as_published and publication.retain
                self.give(entry.owner, publication, entry.qos, retain, entry.ids)
        for group in route.groups:
            self._give_one(publication, group.in_turn())

    def _deliver_once(self, publication: Publication, route: Route[Session]) -> None:
        data = None
        size = sent = 0
        due = self.due
        for session, _qos in route.plain:
            link = session.link
            if link is None:
                continue
            if not link.open:
                link.put(publication)
                continue
            if data is None:
                data = publication.plain()
                size = len(data)
            if size > link.max_packet:
                self.counters.too_large += 1
                continue
            sent += 1
            link.out.append(data)
            link.gathered += size
            if link.gathered > GATHERED_BYTES:
                link.write()
            if not link.dirty:
                link.dirty = True
                due.append(link)
        self.counters.messages_out += sent
        if sent and not self._scheduled:
            self._wake_gently(sent)
        elif sent < WIDE and self._breath is not None:
            for session, _qos in route.plain:
                if session.link is not None:
                    self.wake(session.link)

    def _deliver_reliably(self, publication: Publication, route: Route[Session]) -> None:
        for session, qos in route.plain:
            self.give(session, publication, qos)

    def give(
        self, session: Session, publication: Publication, qos: int, retain: bool = False, ids: tuple[int, ...] = ()
    ) -> None:
        """Hand a message to one session, with the lower of the message's and this QoS."""
        qos = min(qos, publication.qos)
        if qos:
            if not session.offer(publication, qos, retain, ids):
                self.on_overflow(session)
        elif session.link is not None:
            session.link.put(publication, retain, ids)

    def _give_one(self, publication: Publication, members: list[tuple[Session, Options]]) -> None:
        """To the first member that is connected; if none is, to the first that would queue it."""
        chosen = next((member for member in members if member[0].link is not None), None)
        if chosen is None and publication.qos:
            chosen = next((member for member in members if member[1].qos), None)
        if chosen is not None:
            session, options = chosen
            ids = () if options.identifier is None else (options.identifier,)
            self.give(session, publication, options.qos, options.as_published and publication.retain, ids)

    def spread(self, publication: Publication) -> None:
        """Publish for a client that is gone (its will): retain it if asked, deliver it, call the handlers."""
        if publication.retain:
            self.retained.put(publication)
        self.deliver(publication, self.remote.route(publication.topic))
        self.call_handlers(publication, self.local.route(publication.topic), None)

    # -- handlers of this process ------------------------------------------------------------------------------------

    def call_handlers(
        self, publication: Publication, route: Route[LocalHandler], receipt: Callable[[], Callable[[], None]] | None
    ) -> bool:
        """Call every local handler on the route; False if a handler that acknowledges late failed.

        `receipt` makes the completion of one handler that acknowledges late; None if nothing is to be acknowledged.
        """
        sound = True
        for handler, _qos in route.plain:
            late = receipt() if receipt is not None and handler.late_ack else None
            sound = self.call_handler(handler, publication, late) and sound
        return sound

    def call_handler(
        self, handler: LocalHandler, publication: Publication, completion: Callable[[], None] | None = None
    ) -> bool:
        """Call one local handler; its exception is logged and hurts nobody. False if a late acknowledgement is lost."""
        message = Message(
            publication.topic,
            publication.payload,
            min(publication.qos, handler.qos),
            publication.retain,
            None if publication.expiry is None else publication.expiry - (self.clock() - publication.born),
            publication.content_type,
            publication.response_topic,
            publication.correlation,
            tuple(publication.properties or ()),
            publication.origin,
            publication.username,
            completion,
        )
        try:
            handler.call(message)
        except Exception:
            self.counters.handler_errors += 1
            logger.exception("a handler of %s failed", publication.topic)
            return completion is None
        return True


def _without_echo(route: Route[Session], origin: str) -> Route[Session]:
    """The route without the sender, if it does not want its own messages back (no local)."""
    plain = tuple(
        (session, qos)
        for session, qos in route.plain
        if session not in route.silent or session.client.client_id != origin
    )
    return Route(plain, route.special, route.groups)
