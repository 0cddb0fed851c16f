"""Endpoints, raw clients and brokers for the tests of MQTT; all on free ports of 127.0.0.1."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mqtt_raw import Raw
from ports import free_port

from ibmux.mqtt.client import Link
from ibmux.mqtt.server import Endpoint, TcpListener

Starter = Callable[..., Awaitable[Endpoint]]
Connector = Callable[..., Awaitable[Raw]]


@pytest.fixture
async def start() -> AsyncIterator[Starter]:
    """Starts endpoints; with nothing said one that listens on TCP."""
    running: list[Endpoint] = []

    async def starter(*listeners: Any, **options: Any) -> Endpoint:
        endpoint = Endpoint(listeners or [TcpListener(port=0)], **options)
        await endpoint.start()
        running.append(endpoint)
        return endpoint

    yield starter
    for endpoint in running:
        await endpoint.close()


@pytest.fixture
async def endpoint(start: Starter) -> Endpoint:
    return await start()


@pytest.fixture
async def raw(endpoint: Endpoint) -> AsyncIterator[Connector]:
    """Connects raw clients to `endpoint`, or to another `port`."""
    clients: list[Raw] = []

    async def connector(client_id: str, port: int | None = None, **options: Any) -> Raw:
        client = await Raw.connect(endpoint.ports[0] if port is None else port, client_id, **options)
        clients.append(client)
        return client

    yield connector
    for client in clients:
        await client.hang_up()


@pytest.fixture
async def link(endpoint: Endpoint) -> AsyncIterator[Callable[..., Awaitable[Link]]]:
    """Starts links to `endpoint`, or to another `url`."""
    links: list[Link] = []

    async def linker(client_id: str, url: str | None = None, **options: Any) -> Link:
        one = Link(url or f"mqtt://127.0.0.1:{endpoint.ports[0]}", client_id=client_id, **options)
        links.append(one)
        await one.start()
        return one

    yield linker
    for one in links:
        await one.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return cert, key


@pytest.fixture(scope="session")
def contexts(certificate: tuple[Path, Path]) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS of an endpoint with that certificate, and of a client that trusts it."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*certificate)
    return server, ssl.create_default_context(cafile=str(certificate[0]))


def binary(name: str) -> str:
    """The path of a program; a test that wants one this machine lacks is left out, and says so."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed here")
    return path


@pytest.fixture
def program() -> Callable[[str], str]:
    return binary


class Mosquitto:
    """A mosquitto that can be stopped and started again on the same port."""

    def __init__(self, path: str, folder: Path) -> None:
        self.port = free_port()
        self._path = path
        self._config = folder / "mosquitto.conf"
        self._config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n")
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self._launch()
        async with asyncio.timeout(30):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except ConnectionRefusedError:
                    await asyncio.sleep(0.01)
                else:
                    writer.close()
                    await writer.wait_closed()
                    return

    def _launch(self) -> None:
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen([self._path, "-c", str(self._config)], stdout=quiet, stderr=quiet)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None


@pytest.fixture
async def mosquitto(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    broker = Mosquitto(binary("mosquitto"), tmp_path)
    await broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def no_noise(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fails a test in which the loop or the endpoint logged an error."""
    yield
    errors = [record.getMessage() for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]
    assert errors == []
