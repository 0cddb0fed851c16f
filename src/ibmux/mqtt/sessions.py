"""What the endpoint remembers of a client beyond its connection: subscriptions, and messages of QoS 1 and 2.

A message is in `queue` until the client has room for it, then in `inflight` until the client acknowledged it. Knows
how to send them over the session's connection, not how one comes and goes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mqtt5 import PubRelPacket

from ibmux.mqtt.identity import Client
from ibmux.mqtt.outgoing import Outgoing
from ibmux.mqtt.publication import Publication
from ibmux.mqtt.subscriptions import Options

if TYPE_CHECKING:
    from ibmux.mqtt.incoming import Receipt

_LAST_ID = 65535


@dataclass(slots=True)
class Pending:
    """A message not yet acknowledged; `released` once the client confirmed a QoS 2 message (PUBREC)."""

    publication: Publication
    qos: int
    retain: bool
    ids: tuple[int, ...]
    released: bool = False


class Session:
    """The session of one client id.

    Attributes:
        link: its connection, None while it waits for the client to come back.
        expiry: seconds it outlives its connection.
        filters: what it subscribed to, by the filter as sent.
        incoming: QoS 2 messages from the client that are not released yet, with the receipt that is still awaited.
        receive_maximum: messages that may be in flight to the client.
        pending_bytes: about what queue and inflight hold.
        will: what is published, `will_delay` seconds later, if the connection ends without an orderly DISCONNECT.
    """

    def __init__(self, client: Client, clock: Callable[[], float], bound: int) -> None:
        self.client = client
        self.link: Outgoing | None = None
        self.expiry = 0
        self.filters: dict[str, Options] = {}
        self.incoming: dict[int, Receipt | None] = {}
        self.inflight: dict[int, Pending] = {}
        self.queue: deque[Pending] = deque()
        self.pending_bytes = 0
        self.receive_maximum = _LAST_ID
        self.will: Publication | None = None
        self.will_delay = 0
        self._clock = clock
        self._bound = bound
        self._last_id = 0

    def __repr__(self) -> str:
        state = "connected" if self.link else "waiting"
        load = f"{len(self.filters)} filters | {len(self.inflight)} in flight | {len(self.queue)} queued"
        return f"<Session {self.client.client_id!r} {state} | {load}>"

    def offer(self, publication: Publication, qos: int, retain: bool = False, ids: tuple[int, ...] = ()) -> bool:
        """Send a message with QoS 1 or 2, now or later; False if too much waits already: then nothing was done."""
        if self.pending_bytes + publication.size > self._bound and (self.queue or self.inflight):
            return False
        self.pending_bytes += publication.size
        pending = Pending(publication, qos, retain, ids)
        if self.queue or self.link is None or self.link.blocked or len(self.inflight) >= self.receive_maximum:
            self.queue.append(pending)
        else:
            self._send(pending)
        return True

    def pump(self) -> None:
        """Send what is queued, as far as the client takes it."""
        link = self.link
        while self.queue and link is not None and not link.blocked and len(self.inflight) < self.receive_maximum:
            self._send(self.queue.popleft())

    def acknowledged(self, packet_id: int) -> bool:
        """The client has the message for good (PUBACK, PUBCOMP, or an error in PUBREC); False if it is unknown."""
        pending = self.inflight.pop(packet_id, None)
        if pending is None:
            return False
        self.pending_bytes -= pending.publication.size
        if self.queue:
            self.pump()
        return True

    def received(self, packet_id: int) -> bool:
        """The client confirmed a QoS 2 message (PUBREC); False if none had this number."""
        pending = self.inflight.get(packet_id)
        if pending is None or pending.qos != 2:
            return False
        pending.released = True
        return True

    def resume(self) -> None:
        """On a new connection, send again what the client did not acknowledge, then what waited (section 4.4)."""
        for packet_id, pending in list(self.inflight.items()):
            if pending.released and self.link is not None:
                self.link.control(PubRelPacket(packet_id).write())
            else:
                self._write(packet_id, pending, duplicate=True)
        self.pump()

    def _send(self, pending: Pending) -> None:
        packet_id = self._next_id()
        self.inflight[packet_id] = pending
        self._write(packet_id, pending, duplicate=False)

    def _write(self, packet_id: int, pending: Pending, duplicate: bool) -> None:
        message = pending.publication
        left = None if message.expiry is None else message.left(self._clock())
        if left is not None and left <= 0 and not duplicate:
            self.acknowledged(packet_id)
            return
        if duplicate or pending.retain or pending.ids or left != message.expiry:
            data = message.packet(
                qos=pending.qos,
                packet_id=packet_id,
                duplicate=duplicate,
                retain=pending.retain,
                ids=pending.ids,
                expiry=None if left is None else max(left, 1),
            )
        else:
            data = message.numbered(packet_id, pending.qos)
        if self.link is not None and not self.link.packet(data):
            self.acknowledged(packet_id)  # larger than the client accepts: as if it had been sent (section 3.1.2.11.4)

    def _next_id(self) -> int:
        while True:
            self._last_id = self._last_id % _LAST_ID + 1
            if self._last_id not in self.inflight:
                return self._last_id
