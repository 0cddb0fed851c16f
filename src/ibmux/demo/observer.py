"""The demo's own eyes: an ordinary client that hears what the proxy tells everyone, and writes it into the scene.

Asks for nothing but the names of contracts, so that it does not distort what is shared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import ClientConnectionError, ClientError, ClientSession, ClientTimeout
from prometheus_client.parser import text_string_to_metric_families

from ibmux import topics
from ibmux.demo.scene import GATEWAY, VIEWER, Scene
from ibmux.messages import CONTENT_TYPE, decode, encode
from ibmux.messages.contracts import Contract, ContractDetails, ReqContractDetails
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
        self._replies = topics.reply(GATEWAY, VIEWER, "1")
        self._wondered: set[int] = set()
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

    async def freeze(self) -> None:
        """One last look, while everything still stands; what ends after it changes the report no more.

        Raises:
            ClientError, TimeoutError: the HTTP door does not answer.
        """
        await self._stop_polling()
        await self.look()
        for family in text_string_to_metric_families((await self._get("/metrics")).decode()):
            if family.name == "ibmux_api_requests":
                for sample in family.samples:
                    self._scene.asked[sample.labels["script"], sample.labels["method"]] += int(sample.value)

    async def close(self) -> None:
        """Stop looking."""
        await self._stop_polling()
        if self._session is not None:
            await self._session.close()
        await self._link.close()

    async def look(self) -> None:
        """Read the proxy's report now.

        Raises:
            ClientError, TimeoutError: the HTTP door does not answer.
        """
        self._scene.report = msgspec.json.decode(await self._get("/status.json"), type=ProxyReport)

    async def _get(self, path: str) -> bytes:
        if self._session is None:
            raise ClientConnectionError("not started")
        async with self._session.get(self._http + path) as answer:
            answer.raise_for_status()
            return await answer.read()

    async def _stop_polling(self) -> None:
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)

    def _interests(self) -> list[tuple[str, Any, Callable[[Any], Any]]]:
        scene = self._scene
        return [
            (topics.status(GATEWAY), GatewayStatus, self._take_status),
            (topics.quote(GATEWAY, 0).replace("/0/", "/+/"), Quote, self._take_quote),
            (self._replies, list[ContractDetails], self._take_details),
            (topics.order_event(GATEWAY, "+"), OrderEvent, scene.take_order),
            (topics.fill_event(GATEWAY, "+"), FillEvent, scene.take_fill),
        ]

    def _take_status(self, status: GatewayStatus) -> None:
        self._scene.take_status(status)
        (self.ready.set if status.state == "ready" else self.ready.clear)()

    def _take_quote(self, quote: Quote) -> None:
        """A quote names its contract by conId alone: who does not know it asks, once."""
        if self._scene.take_quote(quote) and quote.conId not in self._wondered:
            self._wondered.add(quote.conId)
            self._link.publish(
                topics.request(GATEWAY, VIEWER, "reqContractDetails"),
                encode(ReqContractDetails(Contract(conId=quote.conId))),
                qos=1,
                expiry=int(PATIENCE),
                content_type=CONTENT_TYPE,
                response_topic=self._replies,
                correlation_data=b"name",
            )

    def _take_details(self, found: list[ContractDetails]) -> None:
        for details in found:
            if details.contract is not None:
                self._scene.contracts[details.contract.conId] = details.contract

    async def _poll(self) -> None:
        while True:
            try:
                await self.look()
            except (ClientError, TimeoutError) as error:
                self._scene.tell(f"[demo] the HTTP door does not answer: {error!r}")
            await asyncio.sleep(POLL)


def _reader(kind: Any, take: Callable[[Any], Any]) -> Callable[[Message], None]:
    def read(message: Message) -> None:
        if message.payload and ("status", "error") not in message.user_properties:
            take(decode(message.payload, kind))

    return read
