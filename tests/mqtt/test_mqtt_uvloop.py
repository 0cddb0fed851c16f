"""The same on uvloop, and what a script has to import."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
import uvloop
from mqtt_raw import Raw, until

from ibmux.mqtt.client import Link
from ibmux.mqtt.message import Message
from ibmux.mqtt.server import Endpoint, Limits, TcpListener, UnixListener, WebSocketListener


async def roundtrips(path: Path) -> None:
    endpoint = Endpoint([TcpListener(port=0), WebSocketListener(port=0), UnixListener(str(path))])
    await endpoint.start()
    tcp, websocket, _ = endpoint.ports
    for url in (f"mqtt://127.0.0.1:{tcp}", f"ws://127.0.0.1:{websocket}", f"unix://{path}"):
        heard: list[Message] = []
        one, two = Link(url, client_id="one"), Link(url, client_id="two")
        await one.start()
        await two.start()
        await one.subscribe("a/+", heard.append, qos=2)
        for size in (0, 1000, 1_000_000):
            await two.publish_acked("a/1", b"z" * size, qos=2)
        await until(lambda heard=heard: [len(message.payload) for message in heard] == [0, 1000, 1_000_000])
        await one.close()
        await two.close()
    await until(lambda: endpoint.stats().connections == 0)
    assert endpoint.stats().disconnects == {"client_disconnect": 6}
    await endpoint.close()


async def slow_client() -> None:
    endpoint = Endpoint([TcpListener(port=0)], limits=Limits(max_queued_bytes=200_000, close_timeout=20.0))
    await endpoint.start()
    client = await Raw.connect(endpoint.ports[0], "deaf")
    await client.subscribe("x/#")
    client.writer.transport.pause_reading()
    while not endpoint.stats().dropped_slow:
        endpoint.publish("x/md/1/tick", b"z" * 10_000)
        await asyncio.sleep(0)
    for i in range(1000):
        endpoint.publish("x/md/1/quote", b"%d" % i)
    assert endpoint.stats().conflated == 999
    client.writer.transport.resume_reading()
    found = await client.messages()
    assert [one.payload for one in found if one.topic.endswith("quote")] == [b"999"]
    await client.hang_up()
    await endpoint.close()


async def flood() -> None:
    """A client that sends as fast as it can leaves room for the others."""
    endpoint = Endpoint([TcpListener(port=0)])
    await endpoint.start()
    loud, quiet = await Raw.connect(endpoint.ports[0], "loud"), await Raw.connect(endpoint.ports[0], "quiet")
    await quiet.subscribe("q/1")
    data = b"\x30\x06\x00\x01a\x00xx" * 100_000
    sending = asyncio.ensure_future(loud.send_bytes(data))
    for _ in range(20):
        await quiet.publish("q/1", b"ping")
        await quiet.messages(1)
    await sending
    await until(lambda: endpoint.stats().messages_in == 100_020)
    await loud.hang_up()
    await quiet.hang_up()
    await endpoint.close()


@pytest.mark.parametrize("runner", [uvloop.run, asyncio.run])
def test_every_loop(tmp_path: Path, runner: object) -> None:
    assert callable(runner)
    runner(roundtrips(tmp_path / "door.sock"))
    assert not (tmp_path / "door.sock").exists()
    runner(slow_client())
    runner(flood())


def test_a_script_imports_little() -> None:
    heavy = "aiohttp", "websockets", "ib_async", "numpy", "structlog", "uvloop", "ibmux.mqtt.server"
    code = f"import sys, ibmux.mqtt.client; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=True)
    assert done.stdout.strip() == "[]"
