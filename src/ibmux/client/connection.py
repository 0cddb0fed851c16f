"""One script's connection to the proxy: who it is, its presence, and how it comes back after a loss.

The base of `session`. Knows neither gateways nor methods.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from ibmux import topics
from ibmux.client.events import Event, Owner
from ibmux.client.requests import Requests
from ibmux.messages import CONTENT_TYPE, encode
from ibmux.messages.session import Presence
from ibmux.mqtt.client import Link, Will
from ibmux.mqtt.message import Message

log = logging.getLogger("ibmux.client")

KEPT_OFFLINE = 60
"""Seconds that the word of a script's end stays with the endpoint; instances have new names each time."""
SESSION_EXPIRY = 300
"""Seconds for which the endpoint keeps order events and fills for a script that lost its connection."""


class Identity(msgspec.Struct, frozen=True):
    """Who connects where. `timeout` and `request_timeout` in seconds; `tls` is an `ssl.SSLContext` or None.

    `since` is the number of the last event of orders that the script knows of, if it goes on where it was.
    """

    script: str
    instance: str
    url: str
    gateway: str
    token: str | None
    tls: Any
    timeout: float
    request_timeout: float
    since: int | None = None


class Connection:
    """The connection. All events are emitted in the event loop that opened it.

    Events: `connectedEvent()` after a loss, `disconnectedEvent()`, `gapEvent(start, end, reason)` (seconds UTC),
    `updateEvent()` once per turn of the loop with news.

    Attributes:
        script, instance: the names under which this client speaks.
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self.script, self.instance = identity.script, identity.instance
        self._owner = Owner()
        self.connectedEvent = Event("connectedEvent", self._owner)
        self.disconnectedEvent = Event("disconnectedEvent", self._owner)
        self.gapEvent = Event("gapEvent", self._owner)
        self.updateEvent = Event("updateEvent", self._owner)
        self._opened = time.time()
        self._lost_at: float | None = None
        self._lost_because = ""
        self._touched = False
        self._closing = False
        self._recoveries: list[Callable[[float], Coroutine[Any, Any, None]]] = []
        self._link = self._make_link()
        self._requests = Requests(self._link)

    def isConnected(self) -> bool:
        """Whether the connection to the proxy stands."""
        return bool(self._link.connected) and not self._closing

    async def sleep(self, secs: float = 0.02) -> bool:
        """Wait `secs` seconds while events go on arriving; True, as in ib_async."""
        await asyncio.sleep(secs)
        return True

    async def waitOnUpdate(self, timeout: float = 0) -> bool:
        """Wait for the next update of anything, `timeout` seconds at most (0: for ever); False if none came."""
        stream = self.updateEvent.stream(1)
        try:
            async with asyncio.timeout(timeout or None):
                await anext(stream, None)
        except TimeoutError:
            return False
        finally:
            stream.close()
        return True

    # -- ups and downs ----------------------------------------------------------------------------------------------

    def _make_link(self) -> Link:
        who = self._identity
        offline = encode(Presence("offline", time.time(), os.getpid(), _version()))
        return Link(
            who.url,
            client_id=f"{who.script}.{who.instance}",
            username=who.script,
            password=who.token,
            tls=who.tls,
            will=Will(
                topics.presence(who.script, who.instance),
                offline,
                retain=True,
                expiry=KEPT_OFFLINE,
                content_type=CONTENT_TYPE,
            ),
            keepalive=15,
            session_expiry=SESSION_EXPIRY,
            on_connect=self._on_connect,
            on_disconnect=self._on_disconnect,
        )

    def _announce(self, state: Any) -> None:
        """Write this instance's presence."""
        self._link.publish(
            topics.presence(self.script, self.instance),
            encode(Presence(state, self._opened, os.getpid(), _version())),
            qos=1,
            retain=True,
            expiry=KEPT_OFFLINE if state == "offline" else None,
            content_type=CONTENT_TYPE,
        )

    def _on_connect(self, _session_present: bool) -> None:
        if self._lost_at is None or self._closing:
            return
        lost, self._lost_at = self._lost_at, None
        self._announce("online")
        self._requests.resume()
        self._owner.spawn(self._recover(lost, self._lost_because), "recovery after a reconnect")

    def _on_disconnect(self, reason: str) -> None:
        if self._closing or self._lost_at is not None:
            return
        self._lost_at, self._lost_because = time.time(), reason
        log.warning("connection to the proxy lost: %s", reason)
        self.disconnectedEvent.emit()

    async def _recover(self, lost: float, reason: str) -> None:
        """Catch up with what was missed, then tell the script of the gap."""
        results = await asyncio.gather(*(recover(lost) for recover in self._recoveries), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                log.warning("catching up after a reconnect: %s", result)
        now = time.time()
        log.warning("connected again after %.1f s (%s)", now - lost, reason)
        self.connectedEvent.emit()
        self._gap(lost, now, f"connection to the proxy lost: {reason}")

    def _gap(self, start: float, end: float, reason: str) -> None:
        self.gapEvent.emit(start, end, reason)
        self._touch()

    # -- news -------------------------------------------------------------------------------------------------------

    def _safely(self, take: Callable[[Message], None]) -> Callable[[Message], None]:
        """A handler that no bad message can stop: it is logged with its topic."""

        def guarded(message: Message) -> None:
            try:
                take(message)
            except msgspec.MsgspecError as error:
                log.warning("unreadable message on %s: %s", message.topic, error)
            except Exception:
                log.exception("a message on %s could not be handled", message.topic)

        return guarded

    def _touch(self) -> None:
        """Something changed: `updateEvent` comes once at the end of this turn of the loop."""
        if not self._touched:
            self._touched = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._touched = False
        self.updateEvent.emit()


def _version() -> str:
    from ibmux import __version__  # noqa: PLC0415 - the package imports this module

    return __version__
