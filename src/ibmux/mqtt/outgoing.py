"""The way out to one client: packets gathered, written once per turn of the loop, and held back if it reads slowly.

While the transport takes bytes, packets go straight to `out`. When it is full, QoS 0 messages are held back by their
lane: `fold` keeps the latest of each topic, `drop` keeps the newest that fit, `keep` keeps all; past the bound the
connection ends with 0x97 (quota exceeded). QoS 1 and 2 messages wait in the session. Knows nothing of routes or
packets coming in.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Literal, TypeAlias

from ibmux.mqtt.publication import Publication

if TYPE_CHECKING:
    from ibmux.mqtt.hub import Hub

Lane: TypeAlias = Literal["fold", "drop", "keep"]

HIGH_WATER = 64 * 1024
"""Bytes in the transport above which it counts as full: what lies there can no longer be folded."""
GATHERED_BYTES = 256 * 1024
"""Bytes gathered for one client, above which they are written without waiting for the end of the turn."""
CONTROL_BYTES = 64 * 1024
"""Bytes of acknowledgements to a client that does not read; past it nothing more is read from the client either."""
_UNBOUNDED = 1 << 28


class Outgoing(ABC):
    """Packets on their way to one client.

    Attributes:
        open: whether a QoS 0 packet may be appended to `out` as it is, the common case.
        blocked: whether messages have to wait.
        out: the packets of this turn, and `gathered` their bytes.
        due: the connections that have something to write this turn; `dirty`: whether this one is among them.
        max_packet: bytes of the largest packet the client accepts.

    Args:
        hub: whose turns, counters and lanes are used.
        bound: bytes of messages that may be held back.
    """

    def __init__(self, hub: Hub, bound: int) -> None:
        self.due = hub.due
        self.wake = hub.wake
        self.counters = hub.counters
        self.open = True
        self.blocked = False
        self.out: list[bytes] = []
        self.gathered = 0
        self.dirty = False
        self.max_packet = _UNBOUNDED
        self.conflated = 0
        self.transport: asyncio.Transport | None = None
        self.held: OrderedDict[str | int, tuple[Publication, bool, tuple[int, ...]]] = OrderedDict()
        self.held_bytes = 0
        self.ended = False
        self._lane = hub.lane
        self._book = hub.book
        self._clock = hub.clock
        self._bound = bound
        self._reading = True
        self._control = 0
        self._droppable: deque[int] = deque()
        self._serial = 0
        self._alias_max = 0
        self._aliased: set[str] = set()

    # -- what a connection adds --------------------------------------------------------------------------------------

    @abstractmethod
    def overflow(self) -> None:
        """Called when more waits for the client than it may: its connection has to end."""

    @abstractmethod
    def pump(self) -> None:
        """Called when there is room: send what else waits (QoS 1 and 2, retained messages)."""

    # -- messages and packets ----------------------------------------------------------------------------------------

    def put(self, publication: Publication, retain: bool = False, ids: tuple[int, ...] = ()) -> None:
        """Send a message with QoS 0, now or when there is room."""
        if self.ended:
            return
        if self.blocked:
            self._hold(publication, retain, ids)
        else:
            self._send(publication, retain, ids)

    def packet(self, data: bytes) -> bool:
        """Send a packet of a message, if the client accepts its size."""
        if len(data) > self.max_packet:
            self.counters.too_large += 1
            return False
        self.counters.messages_out += 1
        self._append(data)
        return True

    def control(self, data: bytes) -> None:
        """Send anything that is not a message; never waits, but a client that does not read is read no more."""
        self._append(data)
        if self.blocked and self.transport is not None:
            self._control += len(data)
            if self._control > CONTROL_BYTES and self._reading:
                self._reading = False
                self.transport.pause_reading()

    def allow_aliases(self, highest: int) -> None:
        """Let topics be replaced by numbers up to `highest` (0: none)."""
        self._alias_max = highest
        self._aliased.clear()
        self.open = not highest and not self.blocked

    def _append(self, data: bytes) -> None:
        if self.ended:
            return
        self.out.append(data)
        self.gathered += len(data)
        if self.gathered > GATHERED_BYTES:
            self.write()
        if not self.dirty:
            self.dirty = True
            self.due.append(self)
        self.wake(self)

    def _send(self, publication: Publication, retain: bool, ids: tuple[int, ...]) -> None:
        if not (retain or ids or self._alias_max or publication.expiry is not None):
            self.packet(publication.plain())
            return
        left = publication.left(self._clock())
        if left is not None and left <= 0:
            return
        if self._alias_max and (number := self._book.number(publication.topic)) and number <= self._alias_max:
            self._send_aliased(publication, retain, ids, left, number)
        elif retain or ids or left != publication.expiry:
            self.packet(publication.packet(retain=retain, ids=ids, expiry=left))
        else:
            self.packet(publication.plain())

    def _send_aliased(
        self, publication: Publication, retain: bool, ids: tuple[int, ...], left: int | None, number: int
    ) -> None:
        topic = publication.topic
        known = topic in self._aliased
        if retain or ids or left != publication.expiry:
            data = publication.packet(retain=retain, ids=ids, expiry=left, alias=number, topic="" if known else topic)
        else:
            data = publication.aliased(number, known)
        if self.packet(data):
            self._aliased.add(topic)

    # -- a client that reads slowly ----------------------------------------------------------------------------------

    def _hold(self, publication: Publication, retain: bool, ids: tuple[int, ...]) -> None:
        lane = self._lane(publication.topic)
        self._serial += 1
        key: str | int = publication.topic if lane == "fold" else self._serial
        before = self.held.get(key)
        if before is not None:
            self.held_bytes -= before[0].size
            self.conflated += 1
            self.counters.conflated += 1
        self.held[key] = (publication, retain, ids)
        self.held_bytes += publication.size
        if lane == "drop":
            self._droppable.append(self._serial)
        while self.held_bytes > self._bound and self._droppable:
            self._drop(self._droppable.popleft())
        if self.held_bytes > self._bound:
            self.overflow()

    def _drop(self, key: int) -> None:
        item = self.held.pop(key, None)
        if item is not None:
            self.held_bytes -= item[0].size
            self.counters.dropped_slow += 1

    def forget(self) -> None:
        """Drop everything that waits: the connection ends."""
        self.held.clear()
        self._droppable.clear()
        self.held_bytes = 0

    def flush(self) -> None:
        """Write what this turn gathered; the transport says by `pause_writing` when it is full."""
        self.dirty = False
        if self.out:
            self.write()

    def write(self) -> None:
        """Write what is gathered now."""
        data = self.out[0] if len(self.out) == 1 else b"".join(self.out)
        self.out.clear()
        self.gathered = 0
        if self.transport is not None:
            self.counters.bytes_out += len(data)
            self.transport.write(data)

    def _drain(self) -> None:
        self.blocked = False
        self.open = not self._alias_max
        self.pump()
        while self.held and not self.blocked:
            key, (publication, retain, ids) = self.held.popitem(last=False)
            self.held_bytes -= publication.size
            if self._droppable and self._droppable[0] == key:
                self._droppable.popleft()
            self._send(publication, retain, ids)

    def pause_writing(self) -> None:
        """The transport is full."""
        self.blocked, self.open = True, False

    def yield_turn(self) -> None:
        """Read no more in this turn: a client that sends much leaves room for the others."""
        transport = self.transport
        if transport is not None and self._reading and not transport.is_closing():
            transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._read_on)

    def _read_on(self) -> None:
        transport = self.transport
        if transport is not None and self._reading and not transport.is_closing():
            transport.resume_reading()

    def resume_writing(self) -> None:
        """The transport has room again."""
        self._control = 0
        if not self._reading and self.transport is not None:
            self._reading = True
            self.transport.resume_reading()
        if not self.ended:
            self._drain()
