"""The demo's own eyes: an ordinary client that hears what the proxy tells everyone, and writes it into the scene.

Asks for nothing that scripts ask for, so that it does not distort what is shared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout

from ibmux import topics
from ibmux.demo.scene import GATEWAY, VIEWER, Scene
from ibmux.messages import decode
from ibmux.messages.market import Quote
from ibmux.messages.session import GatewayStatus, ProxyReport
from ibmux.messages.trading import FillEvent, OrderEvent
from ibmux.mqtt.client import Link
from ibmux.mqtt.message import Message

POLL = 0.5
"""Seconds between two looks at /status.json."""
PATIENCE = 5.0


class Observer:
    """Looks on until it is closed; `ready` is set while the session is ready."""

    def __init__(self, scene: Scene, mqtt: str, http: str) -> None:
        self.ready = asyncio.Event()
        self._scene = scene
        self._http = http
        self._link = Link(mqtt, client_id=VIEWER, username=VIEWER)
        self._polling: asyncio.Task[None] | None = None
        self._session: ClientSession | None = None

    async def start(self) -> None:
        """Connect and subscribe, before any script can do anything.

        Raises:
            Unreachable: the proxy does not answer.
        """
        await self._link.start()
        for pattern, kind, take in self._interests():
            await self._link.subscribe(pattern, _reader(kind, take))
        self._session = ClientSession(timeout=ClientTimeout(total=PATIENCE))
        self._polling = asyncio.create_task(self._poll(), name="poll status")

    async def close(self) -> None:
        """Stop looking."""
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
        await self._link.close()

    async def look(self) -> None:
        """Read the proxy's report now.

        Raises:
            ClientError, TimeoutError: the HTTP door does not answer.
        """
        if self._session is None:
            return
        async with self._session.get(f"{self._http}/status.json") as answer:
            answer.raise_for_status()
            self._scene.report = msgspec.json.decode(await answer.read(), type=ProxyReport)

    def _interests(self) -> list[tuple[str, Any, Callable[[Any], Any]]]:
        scene = self._scene
        return [
            (topics.status(GATEWAY), GatewayStatus, self._take_status),
            (topics.quote(GATEWAY, 0).replace("/0/", "/+/"), Quote, scene.take_quote),
            (topics.order_event(GATEWAY, "+"), OrderEvent, scene.take_order),
            (topics.fill_event(GATEWAY, "+"), FillEvent, scene.take_fill),
        ]

    def _take_status(self, status: GatewayStatus) -> None:
        self._scene.take_status(status)
        (self.ready.set if status.state == "ready" else self.ready.clear)()

    async def _poll(self) -> None:
        while True:
            try:
                await self.look()
            except (ClientError, TimeoutError) as error:
                self._scene.tell(f"[demo] the HTTP door does not answer: {error!r}")
            await asyncio.sleep(POLL)


def _reader(kind: Any, take: Callable[[Any], Any]) -> Callable[[Message], None]:
    def read(message: Message) -> None:
        if message.payload:
            take(decode(message.payload, kind))

    return read
