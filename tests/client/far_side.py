"""A scripted far side of the API on the real endpoint: answers by method, publishes what a test tells it to."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Callable
from typing import Any

import msgspec
from ports import free_port

from ibmux import errors, topics
from ibmux.messages import CONTENT_TYPE, METHODS, decode, encode
from ibmux.messages.contracts import Contract
from ibmux.messages.market import Lease, Quote, Ticks
from ibmux.messages.orders import Order
from ibmux.messages.session import GatewayStatus, Presence, ProxyInfo, ProxyStatus
from ibmux.messages.trades import OrderStatus, Trade
from ibmux.messages.trading import FillEvent, OrderEvent, Replayed, ReplayPage
from ibmux.mqtt.message import Message
from ibmux.mqtt.server import Endpoint, TcpListener

Answer = Callable[[Any, Message], Any]


class Silence:
    """Returned by an answer that gives none."""


class Proxy:
    """Answers by table; `asked` lists every request as (method, arguments, message)."""

    def __init__(self, gateways: tuple[str, ...] = ("paper",)) -> None:
        self.gateways = gateways
        self.gateway = gateways[0] if gateways else "paper"
        self.port = free_port()
        self.asked: list[tuple[str, Any, Message]] = []
        self.presences: dict[str, Presence] = {}
        self.answers: dict[str, Answer] = {"trades": lambda _request, _message: []}
        self.answers["replay"] = self._replay
        self.journal: list[OrderEvent | FillEvent] = []
        self.pruned = 0
        self.epoch = 1
        self.ttl = 60.0
        self.quotes: dict[int, Quote] = {}
        self.answers["reqMktData"] = self._lease
        self.answers["cancelMktData"] = lambda _request, _message: True
        self.answers["placeOrder"] = self._place
        self.online = True
        self.arrived = asyncio.Condition()
        self.wait: list[asyncio.Task[None]] = []

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self.endpoint = Endpoint([TcpListener("127.0.0.1", self.port)])
        await self.endpoint.start()
        self.port = self.endpoint.ports[0]
        await self.endpoint.subscribe(topics.REQUESTS, self.receive)
        await self.endpoint.subscribe(topics.PRESENCES, self._presence)
        if self.online:
            self.say(topics.PROXY_STATUS, ProxyStatus("online", time.time(), "0"), retain=True)
            self.say(topics.PROXY_INFO, ProxyInfo("0", 1, list(self.gateways), list(METHODS), {}), retain=True)
            for gateway in self.gateways:
                self.report(gateway=gateway)

    async def stop(self) -> None:
        await asyncio.gather(*self.wait, return_exceptions=True)
        await self.endpoint.close()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    # -- saying -----------------------------------------------------------------------------------------------------

    def say(self, topic: str, message: Any, **options: Any) -> None:
        self.endpoint.publish(topic, encode(message), content_type=CONTENT_TYPE, **options)

    def report(self, state: Any = "ready", gateway: str = "paper") -> None:
        status = GatewayStatus(gateway, state, "as told", 1.0, self.epoch, accounts=["DU1"])
        self.say(topics.status(gateway), status, retain=True)

    def tick(
        self, con_id: int, seq: int, *ticks: tuple[int, float, float], epoch: int | None = None, **more: Any
    ) -> None:
        when = more.pop("time", time.time())
        message = Ticks(self.epoch if epoch is None else epoch, seq, when, list(ticks), **more)
        self.say(topics.tick(self.gateway, con_id), message)

    # -- answering --------------------------------------------------------------------------------------------------

    def receive(self, message: Message) -> None:
        _gateway, _script, name = topics.parse_request(message.topic)
        request = decode(message.payload, METHODS[name].request)
        self.asked.append((name, request, message))
        self._wake()
        try:
            answer = self.answers[name](request, message)
        except errors.IbmuxError as error:
            self.reply(message, error.to_wire(), status="error", code=error.code)
            return
        if asyncio.iscoroutine(answer):
            self.wait.append(asyncio.create_task(self._later(message, answer)))
        elif answer is not Silence:
            self.reply(message, answer)

    async def _later(self, message: Message, answer: Any) -> None:
        self.reply(message, await answer)

    def reply(self, message: Message, answer: Any, status: str = "ok", **properties: str) -> None:
        assert message.response_topic
        self.endpoint.publish(
            message.response_topic,
            encode(answer),
            qos=1,
            content_type=CONTENT_TYPE,
            correlation_data=message.correlation_data,
            user_properties=[("status", status), ("epoch", str(self.epoch)), *properties.items()],
        )

    def methods(self) -> list[str]:
        return [name for name, _, _ in self.asked]

    def of(self, method: str) -> list[Any]:
        return [request for name, request, _ in self.asked if name == method]

    async def until(self, condition: Callable[[], Any], timeout: float = 20.0) -> None:
        """Wait until the condition holds; it is looked at after each message."""
        async with asyncio.timeout(timeout), self.arrived:
            await self.arrived.wait_for(condition)

    def _wake(self) -> None:
        async def notify() -> None:
            async with self.arrived:
                self.arrived.notify_all()

        task = asyncio.ensure_future(notify())
        self.wait = [*(one for one in self.wait if not one.done()), task]

    def _presence(self, message: Message) -> None:
        self.presences[message.topic] = decode(message.payload, Presence)
        self._wake()

    # -- the journal ------------------------------------------------------------------------------------------------

    def write(self, event: OrderEvent | FillEvent, *, tell: bool = True, script: str = "alpha") -> None:
        """Number an event, keep a slim form of it, and tell it."""
        event.seq, event.prev = self.last() + 1, self.last()
        if isinstance(event, OrderEvent):
            slim = msgspec.structs.replace(event.trade, fills=[], log=event.trade.log[-1:])
            self.journal.append(msgspec.structs.replace(event, prev=0, trade=slim))
        else:
            self.journal.append(msgspec.structs.replace(event, prev=0))
        if tell:
            self.publish(event, script)

    def publish(self, event: OrderEvent | FillEvent, script: str = "alpha") -> None:
        make = topics.order_event if isinstance(event, OrderEvent) else topics.fill_event
        self.say(make("paper", script), event, qos=1)

    def last(self) -> int:
        return self.journal[-1].seq if self.journal else self.pruned

    def _replay(self, request: Any, _message: Message) -> ReplayPage:
        if request.since < 0:
            return ReplayPage([], self.last())
        found = [each for each in self.journal if each.seq > request.since]
        page, more = found[: request.limit], len(found) > request.limit
        items = [Replayed(order=each) if isinstance(each, OrderEvent) else Replayed(fill=each) for each in page]
        return ReplayPage(items, page[-1].seq if more else self.last(), more, self.pruned + 1)

    # -- usual answers ----------------------------------------------------------------------------------------------

    def _lease(self, request: Any, _message: Message) -> Lease:
        contract = request.contract
        con_id = contract.conId or 265598
        full = Contract(contract.secType, con_id, contract.symbol, exchange=contract.exchange, currency="USD")
        return Lease(con_id, full, self.ttl, self.quote(con_id))

    def quote(self, con_id: int) -> Quote:
        return self.quotes.get(con_id) or Quote(con_id, self.epoch, 0, time.time(), 1, {})

    def _place(self, request: Any, message: Message) -> Trade:
        return trade(request.contract, request.order, request.key, topics.parse_request(message.topic).script)


def trade(contract: Contract, order: Order, key: str, script: str, status: str = "Submitted", **more: Any) -> Trade:
    """A trade as the proxy reports it."""
    order = copy.copy(order)
    order.orderId = order.orderId or 11
    order.permId = order.permId or 900_000 + order.orderId
    return Trade(
        contract, order, OrderStatus(order.orderId, status, permId=order.permId, **more), key=key, script=script
    )
