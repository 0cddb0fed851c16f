"""One script's connection to the proxy: who it is, what it hears, how it asks, how it comes back after a loss.

The base of the client; what a method means is in the modules of each domain. Knows no contract, price or order.
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
from ibmux.errors import RequestError, UnknownMethod, Unreachable
from ibmux.messages import CONTENT_TYPE, METHODS, decode, encode
from ibmux.messages.session import GatewayStatus, Notice, Presence, ProxyInfo, ProxyStatus, SessionEvent
from ibmux.mqtt.client import Link, Will
from ibmux.mqtt.message import Message

log = logging.getLogger("ibmux.client")

KEPT_OFFLINE = 60
"""Seconds that the word of a script's end stays with the endpoint; instances have new names each time."""
SESSION_EXPIRY = 300
"""Seconds for which the endpoint keeps order events and fills for a script that lost its connection."""


class Identity(msgspec.Struct, frozen=True):
    """Who connects where. `timeout` and `request_timeout` in seconds; `tls` is an `ssl.SSLContext` or None."""

    script: str
    instance: str
    url: str
    gateway: str
    token: str | None
    tls: Any
    timeout: float
    request_timeout: float


class Session:
    """The connection. All events are emitted in the event loop that opened it.

    Events: `connectedEvent()`, `disconnectedEvent()`, `statusEvent(GatewayStatus)`, `gapEvent(start, end, reason)`
    (seconds UTC), `errorEvent(reqId, code, message, contract)`, `updateEvent()` once per turn of the loop with news.

    Attributes:
        script, instance, gateway: the names under which this client speaks, and to which gateway.
        RequestTimeout: seconds to wait for an answer where a method is given no other; never endless.
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self.script, self.instance, self.gateway = identity.script, identity.instance, identity.gateway
        self.RequestTimeout = identity.request_timeout
        self._owner = Owner()
        for name in ("connected", "disconnected", "status", "gap", "error", "update", "timeout"):
            setattr(self, f"{name}Event", Event(f"{name}Event", self._owner))
        self._opened = time.time()
        self._lost_at: float | None = None
        self._lost_because = ""
        self._info: ProxyInfo | None = None
        self._informed = asyncio.Event()
        self._status: GatewayStatus | None = None
        self._touched = False
        self._closing = False
        self._recoveries: list[Callable[[float], Coroutine[Any, Any, None]]] = []
        self._link = self._make_link()
        self._requests = Requests(self._link)

    connectedEvent: Event
    disconnectedEvent: Event
    statusEvent: Event
    gapEvent: Event
    errorEvent: Event
    updateEvent: Event
    timeoutEvent: Event

    def isConnected(self) -> bool:
        """Whether the connection to the proxy stands."""
        return bool(self._link.connected) and not self._closing

    def status(self) -> GatewayStatus:
        """Where the gateway's session stands, as the proxy last said.

        Raises:
            Unreachable: the proxy has not said it yet.
        """
        if self._status is None:
            raise Unreachable(f"The proxy has not reported on gateway {self.gateway!r}.", hint="Is the name right?")
        return self._status

    async def call(self, method: str, /, timeout: float | None = None, **arguments: Any) -> Any:
        """Ask for any method of the API by name; `timeout` in seconds.

        Raises:
            UnknownMethod, RequestError: no such method or argument.
            IbmuxError: what the proxy answers.
        """
        return await self._ask(method, timeout, **arguments)

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

    async def close(self) -> None:
        """Say goodbye and end everything; the proxy ends this client's leases, orders stay as they are."""
        if self._closing:
            return
        self._closing = True
        self._requests.fail("the client was closed")
        await self._owner.close()
        if self._link.connected:
            self._announce("offline")
        await self._link.close()

    disconnect = close

    # -- opening ----------------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        """Connect, find the gateway, subscribe; nothing is left behind if that fails.

        Raises:
            Unreachable: no proxy answers at the url.
            Refused: the proxy does not accept the name or the token.
        """
        try:
            async with asyncio.timeout(self._identity.timeout):
                await self._link.start()
                await self._listen()
        except TimeoutError:
            await self.close()
            raise Unreachable(
                f"No ibmux proxy answered at {self._identity.url} within {self._identity.timeout:g} s."
            ) from None
        except BaseException:
            await self.close()
            raise

    async def _listen(self) -> None:
        """Learn the gateway, subscribe to all that concerns this script."""
        await asyncio.gather(
            self._link.subscribe(topics.PROXY_STATUS, self._safely(self._on_proxy_status)),
            self._link.subscribe(topics.PROXY_INFO, self._safely(self._on_info)),
        )
        if not self.gateway:
            await self._informed.wait()
            self.gateway = self._choose_gateway()
        self._requests.reply_topic = topics.reply(self.gateway, self.script, self.instance)
        handlers = {
            self._requests.reply_topic: self._requests.receive,
            topics.status(self.gateway): self._on_status,
            topics.session_event(self.gateway): self._on_session_event,
            topics.notice(self.gateway): self._on_notice,
            **self._topics(),
        }
        await asyncio.gather(*(self._link.subscribe(name, self._safely(take)) for name, take in handlers.items()))
        self._announce("online")

    def _topics(self) -> dict[str, Callable[[Message], None]]:
        """What else to subscribe to; each domain adds its own."""
        return {}

    def _choose_gateway(self) -> str:
        """The only gateway, or the first one with a warning."""
        names = self._info.gateways if self._info else []
        if not names:
            raise Unreachable("The proxy serves no gateway.", hint="Name one in proxy.toml: [gateways.NAME].")
        if len(names) > 1:
            log.warning("several gateways (%s): using %r; pass gateway= to choose", ", ".join(names), names[0])
        return names[0]

    # -- asking -----------------------------------------------------------------------------------------------------

    async def _ask(self, name: str, timeout: float | None = None, /, _key: str = "", **arguments: Any) -> Any:
        method = METHODS.get(name)
        if method is None:
            raise UnknownMethod(f"There is no method {name!r}.")
        if self._closing:
            raise Unreachable(f"{name} was not sent: this client is closed.", hint="Connect again.")
        try:
            payload = encode(method.request(**arguments))
        except TypeError as error:
            raise RequestError(f"{name}: {error}.") from None
        topic = topics.request(self.gateway, self.script, name)
        return await self._requests.ask(method, topic, payload, timeout or self.RequestTimeout, _key)

    # -- the connection's ups and downs -----------------------------------------------------------------------------

    def _make_link(self) -> Link:
        who = self._identity
        offline = encode(Presence("offline", time.time(), os.getpid(), _version()))
        return Link(
            who.url,
            client_id=f"{who.script}.{who.instance}",
            username=who.script,
            password=who.token,
            tls=who.tls,
            will=Will(topics.presence(who.script, who.instance), offline, retain=True),
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

    # -- what the proxy says ----------------------------------------------------------------------------------------

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

    def _on_info(self, message: Message) -> None:
        if message.payload:
            self._info = decode(message.payload, ProxyInfo)
            self._informed.set()

    def _on_proxy_status(self, message: Message) -> None:
        state = decode(message.payload, ProxyStatus).state if message.payload else "offline"
        was, self._requests.paused = self._requests.paused, state == "offline"
        if was and not self._requests.paused:
            self._announce("online")
            self._requests.resume()
            self._owner.spawn(self._recover(self._lost_at or time.time(), "the proxy was away"), "recovery")
        if state != "online" and self._status is not None:
            self._say(msgspec.structs.replace(self._status, state="stopped", reason=f"the proxy is {state}"))

    def _on_status(self, message: Message) -> None:
        if message.payload:
            self._say(decode(message.payload, GatewayStatus))

    def _say(self, status: GatewayStatus) -> None:
        if status != self._status:
            self._status = status
            self.statusEvent.emit(status)
            self._touch()

    def _on_session_event(self, message: Message) -> None:
        event: SessionEvent = decode(message.payload, SessionEvent)
        if event.event == "gap":
            log.warning("gap of %.1f s in the gateway's data: %s", event.end - event.start, event.reason)
            self._gap(event.start, event.end, event.reason)

    def _on_notice(self, message: Message) -> None:
        notice: Notice = decode(message.payload, Notice)
        self.errorEvent.emit(-1, notice.code, notice.message, None)
        self._touch()

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
