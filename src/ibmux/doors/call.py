"""One request on its way through the door: called, awaited, answered exactly once."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from ibmux import topics
from ibmux.doors.admission import admit
from ibmux.errors import Draining, Expired, IbmuxError, Outcome
from ibmux.messages import CONTENT_TYPE, METHODS, Role, decode_request, encode
from ibmux.services.caller import Caller, nothing

if TYPE_CHECKING:
    from ibmux.doors.mqtt import MqttDoor
    from ibmux.mqtt.message import Message
    from ibmux.services.gateway import Gateway

log = logging.getLogger(__name__)

DEFAULT_DEADLINE = 30.0
"""Seconds a request may take if its message has no expiry."""
MARGIN = 0.05
"""The share of the deadline that is kept for the way back."""
GRACE = 5.0
"""Seconds past the deadline for a service to say itself what became of the request: it knows, even if the disk is slow,
and the door does not.
"""
DURABLE = frozenset({"placeOrder", "placeOrders", "exerciseOptions"})
"""Methods whose messages are acknowledged when what they ask for is on the disk."""
PART_ITEMS = 500
PART_BYTES = 262_144
"""A longer list or text goes in parts, so that no reply holds up the loop or exceeds a packet."""


class Call:
    """One request on its way through the door."""

    def __init__(
        self,
        door: MqttDoor,
        message: Message,
        request: topics.RequestTopic,
        answer_topic: topics.ReplyTopic,
        started: float,
    ) -> None:
        self.door = door
        self.message = message
        self.request = request
        self.instance = answer_topic.instance
        self.started = started
        self.expires = message.expiry if message.expiry is not None else DEFAULT_DEADLINE
        self.epoch = 0
        self.arguments: Any = None
        self._is_late = False

    def begin(self) -> Any:
        """Check and call the service: its answer, or what will become it."""
        gateway, method, role = admit(self.door, self.message, self.request)
        self.epoch = gateway.publisher.epoch
        arguments = self.arguments = decode_request(self.message.payload, method.request)
        caller = self._caller(role)
        self.door.count(caller.owner)
        handler = gateway.handler(method.name)
        if gateway.needs_ready(method.name) and gateway.session.state != "ready":
            return self._when_ready(gateway, handler, caller, arguments)
        return handler(caller, arguments)

    async def _when_ready(self, gateway: Gateway, handler: Any, caller: Caller, arguments: Any) -> Any:
        await gateway.session.until_ready(caller.ready_by)
        answer = handler(caller, arguments)
        return await answer if inspect.isawaitable(answer) else answer

    def _caller(self, role: Role) -> Caller:
        message, request = self.message, self.request
        return Caller(
            script=request.script,
            instance=self.instance,
            role=role,
            deadline=asyncio.get_running_loop().time() + self.expires * (1 - MARGIN),
            client=message.client,
            correlation=message.correlation_data or b"",
            waits=("wait", "ready") in message.user_properties,
            durable=self._acknowledge if request.method in DURABLE else nothing,
        )

    def _acknowledge(self) -> None:
        """In the next turn: that wakes the script's process, and the order leaves first."""
        asyncio.get_running_loop().call_soon(self.message.ack)

    async def finish(self, answer: Awaitable[Any]) -> None:
        """Wait for the service. This is the one exit for every error of a request."""
        try:
            result = await answer
        except IbmuxError as error:
            self.refuse(error)
        except TimeoutError:
            self._expired()
        except asyncio.CancelledError:
            if self._is_late:
                return self._expired()
            self.refuse(Draining("The proxy stopped before an answer came.", outcome="unknown"))
            raise
        except Exception:
            self.refuse(self.fault())
        else:
            self.reply(result)
        return None

    def bound(self, task: asyncio.Task[None]) -> None:
        """See that the task that finishes this ends in time. As `asyncio.timeout` in a third of its time."""
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self.expires + GRACE, self._stop, task)
        task.add_done_callback(lambda _: timer.cancel())

    def _stop(self, task: asyncio.Task[None]) -> None:
        self._is_late = True
        task.cancel()

    def _expired(self) -> None:
        fate: Outcome = "none" if METHODS[self.request.method].role == "read" else "unknown"
        self.refuse(Expired("The deadline passed before an answer came.", outcome=fate))

    def fault(self) -> IbmuxError:
        """A fault of ours, logged with its trace; the script learns that it is not its own."""
        log.exception("request.fault", extra={"method": self.request.method, "script": self.request.script})
        return IbmuxError(f"ibmux failed at {self.request.method}.", outcome="unknown")

    def reply(self, result: Any) -> None:
        """Send the answer; a long list or text in parts. What cannot be sent is answered with an error."""
        try:
            parts = split(result)
            for number, part in enumerate(parts, 1):
                numbered = (("part", f"{number}/{len(parts)}"),) if len(parts) > 1 else ()
                self._send(part, ("status", "ok"), *numbered)
        except IbmuxError as error:
            self.refuse(error)
        except Exception:
            self.refuse(self.fault())
        else:
            self._done("ok")

    def refuse(self, error: IbmuxError) -> None:
        """Send the error reply; what was refused to a script that wants to trade is on record."""
        self._note(error)
        self._send(encode(error.to_wire()), ("status", "error"), ("code", error.code))
        self._done(error.code)

    def _note(self, error: IbmuxError) -> None:
        """What may simply be asked again later is not worth a record."""
        gateway, method = self.door.gateways.get(self.request.gateway), METHODS.get(self.request.method)
        if gateway is None or method is None or method.role == "read" or error.fate != "not_sent" or error.retryable:
            return
        gateway.note_refusal(self.request.script, keys_of(self.arguments), method.name, error)

    def _send(self, payload: bytes, *properties: tuple[str, str]) -> None:
        self.door.bus.publish(
            self.message.response_topic or "",
            payload,
            qos=1,
            content_type=CONTENT_TYPE,
            correlation_data=self.message.correlation_data,
            user_properties=(*properties, ("epoch", str(self.epoch))),
        )

    def _done(self, outcome: str) -> None:
        request = self.request
        seconds = time.perf_counter() - self.started
        self.door.request_done(request.gateway, request.script, request.method, outcome, seconds)


def keys_of(arguments: Any) -> str:
    """The keys of the orders that a request is about; empty if it names none."""
    tickets = getattr(arguments, "tickets", None) or [arguments]
    return ", ".join(filter(None, (getattr(each, "key", "") for each in tickets)))


def split(result: Any) -> list[bytes]:
    """An answer as it is sent: a list that is long, or a list or a text that is large, in several parts."""
    if isinstance(result, list) and len(result) > PART_ITEMS:
        pieces = [result[at : at + PART_ITEMS] for at in range(0, len(result), PART_ITEMS)]
        return [part for piece in pieces for part in split(piece)]
    payload = encode(result)
    if isinstance(result, str) and len(payload) > PART_BYTES:
        step = max(1, len(result) * PART_BYTES // len(payload) - 8)
        return [encode(result[at : at + step]) for at in range(0, len(result), step)]
    if isinstance(result, list) and len(result) > 1 and len(payload) > PART_BYTES:
        middle = len(result) // 2
        return split(result[:middle]) + split(result[middle:])
    return [payload]
