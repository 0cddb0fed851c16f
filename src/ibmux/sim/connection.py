"""One TCP connection of the simulated gateway: bytes in, messages to the answers, bytes out once per loop turn.

Owns stages (greeting, start, started), bounds and the meter. What a request means is not decided here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, cast

from ibmux.tws.framing import Framer, FrameTooLong, split_fields
from ibmux.tws.handshake import PREFIX, BadGreeting, encode_answer, negotiate, parse_greeting
from ibmux.tws.layout import BadMessage, Message, Values
from ibmux.tws.replies import encode_reply
from ibmux.tws.requests import find_id, find_request

from .answers import HANDLERS
from .clients import Meter

if TYPE_CHECKING:
    from .client import Client
    from .server import SimulatedGateway

log = logging.getLogger(__name__)

MAX_REQUEST = 1 << 20
"""Longest request read, in bytes."""
MAX_GREETING = 1024
MAX_MALFORMED = 20
"""Unreadable messages in a row after which a connection is closed."""
HIGH_WATER = 1 << 18
CLOSE_TIMEOUT = 1.0
"""Seconds that a peer has for reading what was sent before its connection was closed."""


class Connection(asyncio.Protocol):
    """The server's end of one socket."""

    def __init__(self, gateway: SimulatedGateway) -> None:
        self.gateway = gateway
        self.client: Client | None = None
        self.version = 0
        self.closing = False
        self._transport: asyncio.Transport | None = None
        self._greeting = bytearray()
        self._framer = Framer(MAX_GREETING)
        self._meter = Meter(gateway.settings.messages_per_second, time.monotonic())
        self._out: list[bytes] = []
        self._full = False
        self._malformed = 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock of the greeting."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        self.gateway.connections.add(self)
        self._deadline = self.gateway.loop.call_later(
            self.gateway.settings.greeting_timeout, self.close, "no startApi in time"
        )
        if len(self.gateway.connections) > 2 * self.gateway.settings.max_clients:
            self.close("too many connections")

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the clientId back; its orders stay."""
        self.closing = True
        self._stop_deadline()
        self.gateway.forget(self)

    def pause_writing(self) -> None:
        """Note that the peer does not read as fast as it is sent to."""
        self._full = True

    def resume_writing(self) -> None:
        """Note that the peer reads again."""
        self._full = False

    def data_received(self, data: bytes) -> None:
        """Cut bytes into messages and answer each."""
        if len(self._greeting) < len(PREFIX):
            data = self._strip_prefix(data)
        try:
            for payload in self._framer.feed(data):
                if self.closing:
                    return
                self._receive(payload)
        except FrameTooLong as error:
            self._refuse(507, f"Bad Message Length. {error}")

    def _strip_prefix(self, data: bytes) -> bytes:
        missing = len(PREFIX) - len(self._greeting)
        self._greeting += data[:missing]
        if not PREFIX.startswith(self._greeting):
            self.close(f"no API greeting: {bytes(self._greeting)!r}")
            return b""
        return data[missing:]

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
        try:
            self.version = negotiate(parse_greeting(payload), self.gateway.settings.version)
        except BadGreeting as error:
            self.close(str(error))
            return
        self._framer.limit = MAX_REQUEST
        self.send(encode_answer(self.version, f"{time.strftime('%Y%m%d %H:%M:%S', time.gmtime())} UTC"))

    def _dispatch(self, message: Message, texts: list[str]) -> None:
        try:
            ask = message.decode(texts, self.version)
        except BadMessage as error:
            self._note_malformed(
                find_id(message, texts, self.version), 320, f"Error reading request. {message.name}: {error}"
            )
            return
        self._malformed = 0
        if message.name == "startApi":
            self._start(ask)
        elif self.client is None:
            self.error(-1, 504, "Not connected: startApi comes first")
        else:
            self._answer(self.client, message, ask)

    def _start(self, ask: Values) -> None:
        if self.client is not None:
            self.error(-1, 501, "Already connected.")
            return
        client_id = ask["clientId"]
        outcome = self.gateway.admit(self, client_id)
        if outcome == "used":
            self._refuse(326, "Unable to connect as the client id is already in use. Retry with a unique client id.")
        elif outcome == "full":
            most = self.gateway.settings.max_clients
            self._refuse(502, f"Couldn't connect: the maximum of {most} API connections is reached.")
        else:
            self._stop_deadline()

    def _answer(self, client: Client, message: Message, ask: Values) -> None:
        try:
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
        if meter.exhausted:
            self._refuse(100, f"{text} ({meter.breaches})")
        else:
            self.error(request_id, 100, f"{text} ({meter.breaches})")

    def _note_malformed(self, request_id: int, code: int, text: str) -> None:
        self._malformed += 1
        if self._malformed > MAX_MALFORMED:
            self._refuse(code, text)
        else:
            self.error(request_id, code, text)

    def error(self, request_id: int, code: int, text: str) -> None:
        """Send an error message."""
        values: Values = {"id": request_id, "errorCode": code, "errorString": text}
        self.send(encode_reply("error", values, self.version or self.gateway.settings.version))

    def _refuse(self, code: int, text: str) -> None:
        self.error(-1, code, text)
        self.close(text)

    def send(self, data: bytes) -> None:
        """Queue bytes; all that one loop turn queues leaves in one write."""
        if self.closing:
            return
        if not self._out:
            self.gateway.loop.call_soon(self._flush)
        self._out.append(data)

    def _flush(self) -> None:
        transport = self._transport
        if transport is None or not self._out:
            return
        transport.write(b"".join(self._out))
        self._out.clear()
        if self._full and transport.get_write_buffer_size() > self.gateway.settings.send_limit:
            log.warning("client %r does not read: disconnected", self.client)
            self.abort()

    def abort(self) -> None:
        """End the connection at once; what is queued is lost."""
        self.closing = True
        if self._transport is not None:
            self._transport.abort()

    def close(self, reason: str) -> None:
        """Send what is queued, then end the connection."""
        if self.closing or self._transport is None:
            return
        log.info("closing connection of %r: %s", self.client, reason)
        self._flush()
        self.closing = True
        self._transport.close()
        self._stop_deadline()
        self._deadline = self.gateway.loop.call_later(CLOSE_TIMEOUT, self.abort)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
