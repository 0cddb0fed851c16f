"""The MQTT door: a request's message becomes a call of a service, its answer or its one error becomes the reply.

Knows topics, deadlines, roles and sizes; knows nothing of what a method means.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from ibmux import topics
from ibmux.config import Config
from ibmux.core.leases import Owner
from ibmux.doors.call import DURABLE, Call
from ibmux.errors import IbmuxError, RequestError
from ibmux.messages import decode_request
from ibmux.messages.session import Presence
from ibmux.mqtt.bus import Bus
from ibmux.mqtt.message import Message
from ibmux.services.gateway import Gateway

log = logging.getLogger(__name__)

COUNTED = 10_000
"""Running copies whose requests are counted; past it the oldest is forgotten."""
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
        self.waiting: Counter[str] = Counter()
        self._tasks: dict[asyncio.Task[None], topics.RequestTopic] = {}

    @property
    def in_flight(self) -> int:
        """Requests that have no answer yet."""
        return len(self._tasks)

    def in_flight_at(self, gateway: str) -> int:
        """Requests to one gateway that have no answer yet."""
        return sum(request.gateway == gateway for request in self._tasks.values())

    async def start(self) -> None:
        """Listen for requests and for scripts that come and go."""
        await self.bus.subscribe(topics.REQUESTS, self.receive, qos=1, late_ack=True)
        await self.bus.subscribe(topics.PRESENCES, self.note_presence, qos=1)

    async def drain(self, timeout: float) -> None:
        """Refuse new requests, let those in flight end within `timeout` seconds, then cancel the rest."""
        self.draining = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def count(self, owner: Owner) -> None:
        """One more request of a running copy; names that nobody announced, and so never ends, are not kept for ever."""
        self.requests[owner] += 1
        if len(self.requests) > COUNTED:
            del self.requests[next(iter(self.requests))]

    # -- one request

    def receive(self, message: Message) -> None:
        """A request. Its message is acknowledged when it was taken; one that places orders when they are on the disk,
        or when it ended.
        """
        task = self._take(message)
        if task is None or self._tasks[task].method not in DURABLE:
            message.ack()
        else:
            task.add_done_callback(lambda _: message.ack())

    def _take(self, message: Message) -> asyncio.Task[None] | None:
        """The path of a request: read, check, answer at once or in a task, reply."""
        started = time.perf_counter()
        if message.retain:
            if not message.payload:
                return None
            self._clear(message.topic)
        try:
            request = topics.parse_request(message.topic)
            answer_topic = self._check_envelope(message, request.script)
        except IbmuxError as error:
            log.warning("request.refused", extra={"topic": message.topic, "error": str(error)})
            return None
        call = Call(self, message, request, answer_topic, started)
        try:
            answer = call.begin()
        except IbmuxError as error:
            call.refuse(error)
        except Exception:
            call.refuse(call.fault())
        else:
            return self._finish(call, answer)
        return None

    def _clear(self, topic: str) -> None:
        """A retained request would come again at each reconnect: it is taken away, once it has been stored."""
        asyncio.get_running_loop().call_soon(lambda: self.bus.publish(topic, b"", qos=1, retain=True))

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

    def _finish(self, call: Call, answer: Any) -> asyncio.Task[None] | None:
        if not inspect.isawaitable(answer):
            call.reply(answer)
            return None
        self.waiting[call.request.script] += 1
        task = _begin(call.finish(answer))
        call.bound(task)
        self._tasks[task] = call.request
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[None]) -> None:
        script = self._tasks.pop(task).script
        self.waiting[script] -= 1
        if not self.waiting[script]:
            del self.waiting[script]

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


def _begin(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task that runs up to its first wait at once where Python can do that: one turn of the loop less."""
    if sys.version_info >= (3, 12):
        return asyncio.Task(work, eager_start=True, loop=asyncio.get_running_loop())
    return asyncio.get_running_loop().create_task(work)


def _read_presence(payload: bytes) -> Presence | None:
    """What a presence message says; an empty or unreadable one means that the script is gone."""
    try:
        return decode_request(payload, Presence) if payload else None
    except RequestError:
        return None
