"""One script's view of one gateway: finding it, asking it, hearing how it stands.

The base of the client; what a method means is in the modules of each domain. Knows no contract, price or order.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec

from ibmux import topics
from ibmux.client.connection import Connection, Identity
from ibmux.client.events import Event
from ibmux.errors import RequestError, UnknownMethod, Unreachable
from ibmux.messages import METHODS, decode, encode
from ibmux.messages.session import GatewayStatus, Notice, ProxyInfo, ProxyStatus, SessionEvent
from ibmux.mqtt.message import Message

log = logging.getLogger("ibmux.client")


class Session(Connection):
    """A script's view of one gateway.

    Events: `statusEvent(GatewayStatus)`, `errorEvent(reqId, code, message, contract)` with messages of the gateway
    (reqId is -1 where they belong to no order).

    Attributes:
        gateway: the gateway that this client speaks to.
        RequestTimeout: seconds to wait for an answer where a method is given no other; never endless, 0 means what
            `connect` was given.
    """

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        self.gateway = identity.gateway
        self.RequestTimeout = identity.request_timeout
        self.statusEvent = Event("statusEvent", self._owner)
        self.errorEvent = Event("errorEvent", self._owner)
        self._info: ProxyInfo | None = None
        self._informed = asyncio.Event()
        self._status: GatewayStatus | None = None

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
        return await self._requests.ask(
            method, topic, payload, timeout or self.RequestTimeout or self._identity.request_timeout, _key
        )

    # -- what the proxy says ----------------------------------------------------------------------------------------

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
        if event.event == "gap" and self._concerns(event.streams):
            log.warning("gap of %.1f s in the gateway's data: %s", event.end - event.start, event.reason)
            self._gap(event.start, event.end, event.reason)

    def _concerns(self, streams: list[str]) -> bool:
        """Whether a gap of these streams (`<conId>/<name>`; none: of everything) is one of this script's."""
        return not streams

    def _on_notice(self, message: Message) -> None:
        notice: Notice = decode(message.payload, Notice)
        self.errorEvent.emit(-1, notice.code, notice.message, None)
        self._touch()


async def settle(result: Any) -> None:
    """Wait for what an unsubscribe function returned, if there is anything to wait for."""
    if result is not None:
        await result
