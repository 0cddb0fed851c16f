"""A raw MQTT 5 client: packets in, packets out, nothing done by itself. What the endpoint does is seen as it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

import mqtt5
from mqtt5 import (
    ConnAckPacket,
    ConnectPacket,
    DisconnectPacket,
    PingReqPacket,
    PingRespPacket,
    PubAckPacket,
    PublishPacket,
    QoS,
    SubAckPacket,
    SubscribePacket,
    TopicFilter,
)

PATIENCE = 20.0
QUIET = 0.15
"""Seconds without a packet after which nothing more is expected; where it matters, the endpoint is asked then."""
Kind = TypeVar("Kind")


async def until(condition: Callable[[], Any], patience: float = PATIENCE) -> None:
    """Wait until a condition holds; TimeoutError names it if it never does."""
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110  (no event tells when)
            await asyncio.sleep(0.003)


class Raw:
    """One connection; `connack` is what the endpoint answered."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.connack: ConnAckPacket | None = None
        self.packet_id = 0
        self._buffer = memoryview(b"")

    @classmethod
    async def dial(cls, port: int, limit: int = 1 << 16) -> Raw:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=limit))

    @classmethod
    async def connect(cls, port: int, client_id: str, **options: Any) -> Raw:
        raw = await cls.dial(port)
        options.setdefault("clean_start", True)
        await raw.send(ConnectPacket(client_id, **options))
        raw.connack = await raw.expect(ConnAckPacket)
        return raw

    async def send(self, *packets: Any) -> None:
        await self.send_bytes(b"".join(packet.write() for packet in packets))

    async def send_bytes(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def packet(self, patience: float = PATIENCE) -> Any:
        """The next packet; None when the endpoint has closed; TimeoutError when nothing comes."""
        async with asyncio.timeout(patience):
            while True:
                try:
                    packet, used = mqtt5.read(self._buffer)
                except IndexError:
                    try:
                        data = await self.reader.read(1 << 16)
                    except ConnectionError:
                        return None
                    if not data:
                        return None
                    self._buffer = memoryview(bytes(self._buffer) + data)
                else:
                    self._buffer = self._buffer[used:]
                    return packet

    async def expect(self, kind: type[Kind], patience: float = PATIENCE) -> Kind:
        packet = await self.packet(patience)
        assert type(packet) is kind, f"{kind.__name__} expected, got {packet!r}"
        return packet

    async def closed(self) -> DisconnectPacket | None:
        """Wait for the end; the DISCONNECT that came before it, if any."""
        last = None
        while (packet := await self.packet()) is not None:
            last = packet if isinstance(packet, DisconnectPacket) else last
        return last

    async def subscribe(self, *filters: str | TopicFilter, identifier: int | None = None) -> SubAckPacket:
        wishes = [one if isinstance(one, TopicFilter) else wish(one) for one in filters]
        self.packet_id += 1
        await self.send(SubscribePacket(self.packet_id, wishes, subscription_id=identifier))
        return await self.expect(SubAckPacket)

    async def publish(self, topic: str, payload: bytes = b"x", qos: int = 0, **options: Any) -> PubAckPacket | None:
        if qos == 0:
            await self.send(PublishPacket(topic, payload, **options))
            return None
        self.packet_id += 1
        await self.send(PublishPacket(topic, payload, qos=QoS(qos), packet_id=self.packet_id, **options))
        return await self.expect(PubAckPacket) if qos == 1 else None

    async def messages(self, count: int | None = None, ack: bool = True) -> list[PublishPacket]:
        """The next `count` messages; without a count all that come until it is quiet, and a ping is answered."""
        found: list[PublishPacket] = []
        pinged = False
        while count is None or len(found) < count:
            try:
                packet = await self.packet(PATIENCE if pinged or count is not None else QUIET)
            except TimeoutError:
                if pinged or count is not None:
                    raise
                pinged = True
                await self.send(PingReqPacket())
                continue
            if pinged and isinstance(packet, PingRespPacket):
                return found
            assert isinstance(packet, PublishPacket), packet
            found.append(packet)
            if ack and int(packet.qos) == 1:
                await self.send(PubAckPacket(packet.packet_id))
        return found

    async def goodbye(self, **options: Any) -> None:
        await self.send(DisconnectPacket(**options))
        await self.closed()
        await self.hang_up()

    async def drop(self) -> None:
        """Cut the connection without a word."""
        self.writer.transport.abort()
        await self.hang_up()

    async def hang_up(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            return


Talk: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def peer(talk: Talk) -> AsyncIterator[int]:
    """A server that plays the other side for one or more connections; its port."""
    done: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        done.add(task)
        try:
            await talk(reader, writer)
            await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in done:
            task.cancel()
        await asyncio.gather(*done, return_exceptions=True)


def wish(pattern: str, qos: int = 0, **options: Any) -> TopicFilter:
    """A filter with the protocol's defaults."""
    options.setdefault("retain_as_published", False)
    return TopicFilter(pattern, max_qos=QoS(qos), **options)
