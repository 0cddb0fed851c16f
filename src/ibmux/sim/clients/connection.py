"""One TCP connection of the simulated gateway: bytes in, messages to the answers, bytes out once per loop turn.

Owns stages (greeting, start, started), bounds and the meter; it behaves as the gateway's present conduct says. What a
request means is not decided here.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import time
from typing import TYPE_CHECKING, cast

from ibmux.sim.answers import HANDLERS
from ibmux.sim.clients.intake import Intake
from ibmux.sim.clients.outbox import Outbox
from ibmux.sim.clients.registry import REFUSALS
from ibmux.sim.faults.conduct import RESET, SILENT, SILENT_API, SLAM
from ibmux.sim.faults.delivery_faults import Courier
from ibmux.sim.faults.outage import ORDERS
from ibmux.tws.framing import FrameTooLong, split_fields
from ibmux.tws.handshake import BadGreeting, encode_answer, negotiate, parse_greeting
from ibmux.tws.layout import BadMessage, Message, Values
from ibmux.tws.replies import encode_reply
from ibmux.tws.requests import find_id, find_request

if TYPE_CHECKING:
    from ibmux.sim.clients.client import Client
    from ibmux.sim.server import SimulatedGateway

log = logging.getLogger(__name__)

MAX_MALFORMED = 20
"""Unreadable messages in a row after which a connection is closed."""
CLOSE_TIMEOUT = 1.0
"""Seconds that a peer has for reading what was sent before its connection was closed."""


class Connection(asyncio.Protocol):
    """The server's end of one socket.

    Attributes:
        number: of the socket, from 1.
        dead: nothing is read any more and nothing sent; the peer is not told.
    """

    def __init__(self, gateway: SimulatedGateway) -> None:
        self.gateway = gateway
        self.number = 0
        self.client: Client | None = None
        self.version = 0
        self.closing = False
        self.dead = False
        self._transport: asyncio.Transport | None = None
        self._intake = Intake()
        self._spoke = False
        self._meter = gateway.new_meter()
        self._courier = Courier(gateway.disturbance, gateway.clock.now, gateway.agenda.at, self._queue)
        self._outbox = Outbox(gateway.loop, gateway.settings.send_limit, lambda: gateway.conduct.frozen, self._overflow)
        self._malformed = 0
        self._reason = ""
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Meet the peer as the gateway does at present, and start the clock of the greeting."""
        self._transport = cast(asyncio.Transport, transport)
        self._outbox.attach(self._transport)
        self.number = self.gateway.arrive(self)
        if self.gateway.conduct.greeting == RESET:
            self.abort("reset at once", reset=True)
            return
        self.dead = self.gateway.conduct.greeting == SILENT or self.gateway.listener.stuck
        if not self.dead:
            self._await_start()
        if len(self.gateway.connections) > 2 * self.gateway.settings.max_clients:
            self.close("too many connections")

    def _await_start(self) -> None:
        self._deadline = self.gateway.loop.call_later(self.gateway.settings.greeting_timeout, self._expire)

    def _expire(self) -> None:
        if self.gateway.conduct.frozen:
            self._await_start()
        elif not self.dead:
            self.close("no startApi in time")

    def eof_received(self) -> bool:
        """The peer has gone; a gateway that is stuck does not notice, and keeps its half of the socket (CLOSE_WAIT)."""
        if self.closing or not (self.dead or self.gateway.conduct.frozen):
            return False
        self.closing = True
        self._stop_deadline()
        self.gateway.listener.left.add(self)
        self.gateway.forget(self, "client", "left in CLOSE_WAIT")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the clientId back; its orders stay."""
        if self in self.gateway.listener.left:
            self.gateway.listener.left.discard(self)
            self._transport = None
            return
        by = "gateway" if self.closing else "client"
        self.closing = True
        self._transport = None
        self._stop_deadline()
        cause = str(getattr(exc, "strerror", None) or exc or "").lower()
        self.gateway.forget(self, by, self._reason or cause)

    def pause_writing(self) -> None:
        """Note that the peer does not read as fast as it is sent to."""
        self._outbox.full = True

    def resume_writing(self) -> None:
        """Note that the peer reads again."""
        self._outbox.full = False

    def data_received(self, data: bytes) -> None:
        """Take bytes in, unless the gateway stands still or is deaf on this socket."""
        if not self._spoke:
            self._spoke = True
            self._note("spoke")
        if self.dead or self.closing:
            return
        if self.gateway.conduct.frozen:
            self._keep(data)
        else:
            self._read(data)

    def _keep(self, data: bytes) -> None:
        self._intake.keep(data)
        if self._intake.full and self._transport is not None:
            self._transport.pause_reading()

    def thaw(self) -> None:
        """Go on after the gateway stood still: with what has come meanwhile, and with what was to be sent."""
        if self._transport is not None and self._intake.full:
            self._transport.resume_reading()
        self._outbox.flush()
        self._read(self._intake.take_kept())

    def _read(self, data: bytes) -> None:
        """Cut bytes into messages and answer each."""
        try:
            for payload in self._intake.payloads(data):
                if (self.closing or self.dead) and not self.gateway.listener.reads(self):
                    return
                self._receive(payload)
        except BadGreeting as error:
            self.close(str(error))
        except FrameTooLong as error:
            self._refuse(507, f"Bad Message Length. {error}")

    def _receive(self, payload: bytes) -> None:
        if not self.version:
            self._greet(payload)
            return
        self.gateway.counts.messages_in += 1
        texts = split_fields(payload)
        message = find_request(texts[0])
        if not self._meter.admit(time.monotonic()):
            self._slow_down(message, texts)
        elif message is None:
            self._note_malformed(-1, 505, f"Fatal Error: Unknown message id. {texts[0][:20]}")
        else:
            self._dispatch(message, texts)

    def _greet(self, payload: bytes) -> None:
        version = negotiate(parse_greeting(payload), self.gateway.settings.version)
        if not self.gateway.listener.bears(self):
            self.dead = True
            return
        self.version = version
        self._intake.allow_requests()
        now = time.gmtime(self.gateway.clock.now())
        self.send(encode_answer(self.version, f"{time.strftime('%Y%m%d %H:%M:%S', now)} UTC"))
        self._note("greeted", f"version {self.version}")

    def _note(self, kind: str, text: str = "") -> None:
        number = None if self.client is None else self.client.client_id
        self.gateway.log.add(kind, text, connection=self.number, client=number)

    def _dispatch(self, message: Message, texts: list[str]) -> None:
        try:
            ask = message.decode(texts, self.version)
        except BadMessage as error:
            found = find_id(message, texts, self.version)
            self._note_malformed(found, 320, f"Error reading request. {message.name}: {error}")
            return
        self._malformed = 0
        if message.name == "startApi":
            self._start(ask)
        elif self.client is None:
            self.error(-1, 504, "Not connected: startApi comes first")
        elif not self.closing or message.name in ORDERS:
            self._answer(self.client, message, ask)

    def _start(self, ask: Values) -> None:
        if self.client is not None:
            self.error(-1, 501, "Already connected.")
            return
        conduct = self.gateway.conduct
        if conduct.greeting in (SILENT_API, SLAM):
            self.dead = True
            if conduct.greeting == SLAM:
                self.gateway.after(conduct.slam_after, lambda: self.close("closed after startApi"))
            return
        if outcome := self.gateway.admit(self, ask["clientId"]):
            code, text = REFUSALS[outcome]
            self._refuse(code, text.format(self.gateway.settings.max_clients))
        else:
            self._stop_deadline()

    def _answer(self, client: Client, message: Message, ask: Values) -> None:
        try:
            if not self.gateway.outage.intercept(client, message.name, ask):
                HANDLERS[message.name](client, ask)
        except Exception:
            # One request must not end the gateway: the fault is logged and the asker told.
            log.exception("request %s of client %d failed", message.name, client.client_id)
            request_id: int = ask["reqId"] if "reqId" in ask else ask.get("orderId", -1)
            self.error(request_id, 322, f"Error processing request.-'{message.name}' : cause - internal error")

    def _slow_down(self, message: Message | None, texts: list[str]) -> None:
        meter = self._meter
        request_id = find_id(message, texts, self.version) if message else -1
        text = f"Max rate of messages per second has been exceeded:max={meter.limit} rec={meter.limit + meter.refused}"
        self._complain(request_id, 100, f"{text} ({meter.breaches})", enough=meter.exhausted)

    def _note_malformed(self, request_id: int, code: int, text: str) -> None:
        self._malformed += 1
        self._complain(request_id, code, text, enough=self._malformed > MAX_MALFORMED)

    def _complain(self, request_id: int, code: int, text: str, *, enough: bool) -> None:
        """Answer with an error; if it is `enough`, end the connection with it."""
        if enough:
            self._refuse(code, text)
        else:
            self.error(request_id, code, text)

    def error(self, request_id: int, code: int, text: str) -> None:
        """Send an error message."""
        values: Values = {"id": request_id, "errorCode": code, "errorString": text}
        self.send(encode_reply("error", values, self.version or self.gateway.settings.version))

    def _refuse(self, code: int, text: str) -> None:
        self.error(-1, code, text)
        self._note("refused", f"error {code}")
        self.close(text)

    def send(self, data: bytes) -> None:
        """Send framed messages, as far and as soon as the present disturbance lets them through."""
        if self.closing or self.dead:
            return
        if self.client is not None and (self.gateway.disturbance.any or self._courier.busy):
            self._courier.carry(data)
        else:
            self._queue(data)

    def _queue(self, data: bytes) -> None:
        if not (self.closing or self.dead):
            self._outbox.add(data)

    def _overflow(self) -> None:
        log.warning("client %r does not read: disconnected", self.client)
        self.abort("does not read")

    def restrict(self) -> None:
        """Count the client's messages anew, by the rate that holds now."""
        self._meter = self.gateway.new_meter()

    def abort(self, reason: str = "", reset: bool = False) -> None:
        """End the connection at once; what is queued is lost. `reset`: the peer gets "connection reset"."""
        self.closing = True
        self._reason = self._reason or reason
        if self._transport is None:
            return
        if reset:
            endpoint = self._transport.get_extra_info("socket")
            endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def close(self, reason: str) -> None:
        """Send what is queued, then end the connection."""
        if self.closing or self._transport is None:
            return
        if not self.dead:
            self._outbox.flush()
        self.closing = True
        self._reason = reason
        self._transport.close()
        self._stop_deadline()
        self._deadline = self.gateway.loop.call_later(CLOSE_TIMEOUT, self.abort)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
