"""A real proxy on a real port, with a simulated gateway behind it, in the loop of the test."""

import asyncio
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ibmux.config import build
from ibmux.daemon import Proxy
from ibmux.sim import Settings, SimulatedGateway

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE = 60.0
ROLES = {name: {"role": "trade"} for name in ("plain", "plain-js", "closing", "close-positions", "spread")}


@dataclass
class Ended:
    """What a script left behind."""

    code: int
    output: str
    errors: str

    @property
    def lines(self) -> list[str]:
        return self.output.splitlines()


@dataclass
class Stage:
    """The proxy and the gateway; `run` plays a script against them."""

    proxy: Proxy
    gateway: SimulatedGateway
    port: int
    environment: dict[str, str] = field(default_factory=dict)

    async def start(self, *command: str) -> asyncio.subprocess.Process:
        environment = {**os.environ, "IBMUX_URL": f"mqtt://127.0.0.1:{self.port}", **self.environment}
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env=environment)

    async def run(self, *command: str) -> Ended:
        process = await self.start(*command)
        async with ended(process):
            output, errors = await asyncio.wait_for(process.communicate(), PATIENCE)
            return Ended(process.returncode or 0, output.decode(), errors.decode())

    async def python(self, name: str, *arguments: str) -> Ended:
        return await self.run(sys.executable, str(EXAMPLES / name), *arguments)


@asynccontextmanager
async def ended(process: asyncio.subprocess.Process) -> AsyncIterator[None]:
    """Whatever happens, the process is gone afterwards."""
    try:
        yield
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def staged(mqtt: dict[str, str | int], port: int = 0) -> AsyncIterator[Stage]:
    """A proxy with a ready session, reached by its own endpoint or by the broker at `port`."""
    async with SimulatedGateway(Settings(linger=0, status_first=1.0)) as gateway:
        gateways = {"paper": {"port": gateway.port}}
        proxy = Proxy(build({"gateways": gateways, "mqtt": mqtt, "http": {"port": 0}, "scripts": ROLES}, "the test"))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(proxy.run())
            async with asyncio.timeout(PATIENCE):
                await proxy.started.wait()
                session = proxy.gateways["paper"].session
                await session.until_ready(asyncio.get_running_loop().time() + PATIENCE)
            try:
                yield Stage(proxy, gateway, port or proxy.ports["mqtt"])
            finally:
                proxy.stop()


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with staged({"port": 0}) as stage:
        yield stage


@pytest.fixture(scope="session")
def node() -> Path:
    """The mqtt.js example with its packages, installed once per version of package.json outside the tree."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("LEFT OUT: node and npm are not installed, so the mqtt.js example was not run")
    source = EXAMPLES / "mqtt_js"
    package = (source / "package.json").read_bytes()
    folder = Path(tempfile.gettempdir()) / f"ibmux-mqtt-js-{hashlib.sha256(package).hexdigest()[:12]}"
    folder.mkdir(exist_ok=True)
    for name in ("package.json", "index.js"):
        shutil.copy(source / name, folder)
    if not (folder / "installed").exists():
        install(folder)
        (folder / "installed").touch()
    return folder


def install(folder: Path) -> None:
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180, check=False)
    if re.search(r"ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ENETUNREACH", done.stderr):
        pytest.skip("LEFT OUT: npm reaches no registry, so the mqtt.js example was not run")
    assert done.returncode == 0, done.stderr
