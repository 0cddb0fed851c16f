"""The MQTT door: a request's message becomes a call of a service, its answer or its one error becomes the reply.

Knows topics, deadlines, roles and sizes; knows nothing of what a method means.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ibmux import topics
from ibmux.config import Config
from ibmux.core.leases import Owner
from ibmux.doors.access import role_of
from ibmux.errors import (
    Busy,
    Draining,
    Expired,
    Forbidden,
    IbmuxError,
    RequestError,
    RetainedRequest,
    TooLarge,
    UnknownGateway,
    UnknownMethod,
)
from ibmux.messages import CONTENT_TYPE, METHODS, Method, decode_request, encode, may
from ibmux.messages.session import Presence
from ibmux.mqtt.bus import Bus
from ibmux.mqtt.message import Message
from ibmux.services.caller import Caller
from ibmux.services.gateway import Gateway

log = logging.getLogger(__name__)

DEFAULT_DEADLINE = 30.0
"""Seconds a request may take if its message has no expiry (DESIGN: the expiry is the deadline)."""
MARGIN = 0.05
"""The share of the deadline that is kept for the way back."""
PART_ITEMS = 500
"""A longer list goes in parts, so that no reply holds up the loop or exceeds a packet."""

RequestDone = Callable[[str, str, str, str, float], None]
"""Told of each finished request: gateway, script, method, outcome code, seconds."""


class MqttDoor:
    """Serves requests that come over a bus, embedded endpoint or external broker alike."""

    def __init__(self, bus: Bus, gateways: Mapping[str, Gateway], config: Config, request_done: RequestDone) -> None:
        self.bus = bus
        self.gateways = gateways
        self.config = config
        self.request_done = request_done
        self.draining = False
        self.requests: Counter[Owner] = Counter()
        self.present: dict[Owner, Presence] = {}
        self._in_flight: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def in_flight(self) -> int:
        """Requests that have no answer yet."""
        return len(self._tasks)

    async def start(self) -> None:
        """Listen for requests and for scripts that come and go."""
        await self.bus.subscribe(topics.REQUESTS, self.receive, qos=1)
        await self.bus.subscribe(topics.PRESENCES, self.note_presence, qos=1)

    async def drain(self, timeout: float) -> None:
        """Refuse new requests, let those in flight end within `timeout` seconds, then cancel the rest."""
        self.draining = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- one request

    def receive(self, message: Message) -> None:
        """The path of a request: read, check, answer at once or in a task, reply."""
        started = time.perf_counter()
        try:
            request = topics.parse_request(message.topic)
            answer_topic = self._check_envelope(message, request.script)
        except IbmuxError as error:
            log.warning("request.refused topic=%s error=%s", message.topic, error)
            return
        call = Call(self, message, request, answer_topic, started)
        try:
            answer = call.begin()
        except IbmuxError as error:
            call.refuse(error)
        except Exception:
            call.refuse(call.fault())
        else:
            self._finish(call, answer)

    def _check_envelope(self, message: Message, script: str) -> topics.ReplyTopic:
        """A reply goes only to the script that asked.

        Raises:
            RequestError: no response topic, or somebody else's.
        """
        if not message.response_topic:
            raise RequestError("A request needs a response topic.")
        answer = topics.parse_reply(message.response_topic)
        if answer.script != script:
            raise RequestError(f"{script} asks for a reply to {answer.script}.")
        return answer

    def _finish(self, call: Call, answer: Any) -> None:
        if not inspect.isawaitable(answer):
            call.reply(answer)
            return
        script = call.request.script
        self._in_flight[script] += 1
        task = asyncio.ensure_future(call.finish(answer))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._forget(script, done))

    def _forget(self, script: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._in_flight[script] -= 1
        if not self._in_flight[script]:
            del self._in_flight[script]

    def admit(self, call: Call) -> tuple[Gateway, Method]:
        """Whether the proxy takes this request now, from this script.

        Raises:
            IbmuxError: one of the refusals of the API, each with its own code.
        """
        message, request = call.message, call.request
        if message.retain:
            raise RetainedRequest("The request was retained; it would be repeated at each reconnect.")
        if self.draining:
            raise Draining("The proxy is shutting down.")
        if len(message.payload) > self.config.limits.request_size:
            raise TooLarge(f"{len(message.payload)} bytes; at most {self.config.limits.request_size} are accepted.")
        gateway = self.gateways.get(request.gateway)
        if gateway is None:
            raise UnknownGateway(f"There is no gateway {request.gateway!r}.", hint=f"There is {_or(self.gateways)}.")
        method = METHODS.get(request.method)
        if method is None:
            raise UnknownMethod(f"There is no method {request.method!r}.")
        role = role_of(self.config, request.script)
        if not may(role, method.role):
            raise Forbidden(f"{request.script} has role `{role}`; {method.name} takes `{method.role}`.")
        if self._in_flight[request.script] >= self.config.limits.requests_in_flight:
            raise Busy(f"{request.script} has {self._in_flight[request.script]} requests waiting already.")
        return gateway, method

    # -- scripts that come and go

    def note_presence(self, message: Message) -> None:
        """A script's client says that it is here, or its will says that it is gone: then its leases end."""
        owner = Owner(*topics.parse_presence(message.topic))
        presence = _read_presence(message.payload)
        if presence is not None and presence.state == "online":
            self.present[owner] = presence
            return
        self.present.pop(owner, None)
        self.requests.pop(owner, None)
        for gateway in self.gateways.values():
            gateway.release_owner(owner)

    def release_client(self, client: str) -> None:
        """A connection to the endpoint ended."""
        for gateway in self.gateways.values():
            gateway.release_client(client)


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

    def begin(self) -> Any:
        """Check and call the service: its answer, or what will become it."""
        gateway, method = self.door.admit(self)
        self.epoch = gateway.publisher.epoch
        arguments = decode_request(self.message.payload, method.request)
        caller = self._caller()
        self.door.requests[caller.owner] += 1
        handler = gateway.handler(method.name)
        if gateway.needs_ready(method.name) and gateway.session.state != "ready":
            return self._when_ready(gateway, handler, caller, arguments)
        return handler(caller, arguments)

    async def _when_ready(self, gateway: Gateway, handler: Any, caller: Caller, arguments: Any) -> Any:
        await gateway.session.until_ready(caller.deadline if caller.waits else 0.0)
        answer = handler(caller, arguments)
        return await answer if inspect.isawaitable(answer) else answer

    def _caller(self) -> Caller:
        message, request = self.message, self.request
        return Caller(
            script=request.script,
            instance=self.instance,
            role=role_of(self.door.config, request.script),
            deadline=asyncio.get_running_loop().time() + self.expires * (1 - MARGIN),
            client=message.client,
            correlation=message.correlation_data or b"",
            waits=("wait", "ready") in message.user_properties,
        )

    async def finish(self, answer: Awaitable[Any]) -> None:
        """Wait for the service. This is the one exit for every error of a request."""
        try:
            async with asyncio.timeout(self.expires):
                result = await answer
        except IbmuxError as error:
            self.refuse(error)
        except TimeoutError:
            self.refuse(Expired("The deadline passed before an answer came."))
        except asyncio.CancelledError:
            self.refuse(Draining("The proxy stopped before an answer came.", outcome="unknown"))
            raise
        except Exception:
            self.refuse(self.fault())
        else:
            self.reply(result)

    def fault(self) -> IbmuxError:
        """A fault of ours, logged with its trace; the script learns that it is not its own."""
        log.exception("request.fault method=%s script=%s", self.request.method, self.request.script)
        return IbmuxError(f"ibmux failed at {self.request.method}.", outcome="unknown")

    def reply(self, result: Any) -> None:
        """Send the answer; a long list in parts."""
        if isinstance(result, list) and len(result) > PART_ITEMS:
            count = -(-len(result) // PART_ITEMS)
            for number in range(count):
                part = result[number * PART_ITEMS : (number + 1) * PART_ITEMS]
                self._send(encode(part), ("status", "ok"), ("part", f"{number + 1}/{count}"))
        else:
            self._send(encode(result), ("status", "ok"))
        self._done("ok")

    def refuse(self, error: IbmuxError) -> None:
        """Send the error reply."""
        self._send(encode(error.to_wire()), ("status", "error"), ("code", error.code))
        self._done(error.code)

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


def _read_presence(payload: bytes) -> Presence | None:
    """What a presence message says; an empty or unreadable one means that the script is gone."""
    try:
        return decode_request(payload, Presence) if payload else None
    except RequestError:
        return None


def _or(names: Mapping[str, Any]) -> str:
    return ", ".join(sorted(names))
