"""Random damage to real requests: always answered or closed, never felt by another client."""

from __future__ import annotations

import asyncio
import logging
import random

import pytest
from wire_client import Opener, Raw, RawOpener, until

from ibmux.tws.framing import frame
from ibmux.tws.requests import REQUESTS

INTERESTING = ["", "-1", "0", "1e400", "nan", "9" * 400, "Infinite", "\u0661", "x" * 5000, "2147483648", "BAG", "1" * 7]


def damaged(rng: random.Random) -> bytes:
    """Return the payload of a request with random faults."""
    message = rng.choice(list(REQUESTS.values()))
    texts = message.encode({"reqId": rng.randrange(5), "orderId": rng.randrange(5), "clientId": 1}, 176)
    for _ in range(rng.randrange(4)):
        texts[rng.randrange(len(texts))] = rng.choice(INTERESTING)
    if rng.random() < 0.2:
        del texts[rng.randrange(len(texts)) :]
    payload = bytearray("".join(f"{text}\0" for text in texts).encode())
    for _ in range(rng.choice([0, 0, 1, 5]) if payload else 0):
        payload[rng.randrange(len(payload))] = rng.randrange(256)
    return bytes(payload)


async def assault(client: Raw, rng: random.Random, rounds: int) -> None:
    for _ in range(rounds):
        if client.ended:
            return
        payload = damaged(rng)
        if payload:
            client.writer.write(frame(payload))
        await asyncio.sleep(0)


async def test_damaged_requests_hurt_nobody_else(
    open_gateway: Opener, raw: RawOpener, caplog: pytest.LogCaptureFixture
) -> None:
    seed = random.randrange(1 << 30)
    rng = random.Random(seed)
    gateway = await open_gateway(messages_per_second=1_000_000)
    good = await raw(gateway, 1000)
    with caplog.at_level(logging.ERROR):
        for client_id in range(2, 12):
            await assault(await raw(gateway, client_id), rng, 150)
            good.send(49, 1)
            await until(lambda: len(good.of(49)) == client_id - 1)  # noqa: B023 - awaited before the next turn
    assert not good.ended
    assert not [record.getMessage() for record in caplog.records], f"seed {seed}"


async def test_random_bytes_hurt_nobody_else(open_gateway: Opener, raw: RawOpener) -> None:
    seed = random.randrange(1 << 30)
    rng = random.Random(seed)
    gateway = await open_gateway()
    good = await raw(gateway, 1000)
    for number in range(30):
        _, writer = await asyncio.open_connection(gateway.host, gateway.port)
        writer.write((b"API\0" if number % 2 else b"") + rng.randbytes(rng.randrange(1, 3000)))
        writer.close()
    good.send(49, 1)
    await until(lambda: good.of(49) and len(gateway.connections) == 1)
    assert not good.ended, f"seed {seed}"
