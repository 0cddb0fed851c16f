"""The command as a real process, and what it talks to: a simulator, a proxy, and peers that misbehave on purpose."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from cli_stage import FAST, Command, run_command
from ports import free_port

from ibmux import config
from ibmux.daemon import Proxy
from ibmux.sim import Settings, SimulatedGateway


@pytest.fixture
def command() -> Command:
    return run_command


@pytest.fixture
async def gateway() -> AsyncIterator[SimulatedGateway]:
    async with SimulatedGateway(Settings(port=free_port(), seed=5, **FAST)) as simulated:
        yield simulated


@pytest.fixture
async def proxy(gateway: SimulatedGateway) -> AsyncIterator[Proxy]:
    tree = {
        "gateways": {"paper": {"port": gateway.port, "kind": "paper", "pause_floor": 0.1, "settle": 0.1}},
        "mqtt": {"port": 0},
        "http": {"port": 0},
        "default_role": "trade",
        "scripts": {"guarded": {"role": "read", "token": "sesame"}},
    }
    running = Proxy(config.build(tree, "the test"))
    task = asyncio.create_task(running.run())
    async with asyncio.timeout(40):
        await running.started.wait()
        await running.gateways["paper"].session.until_ready(asyncio.get_running_loop().time() + 30)
    yield running
    running.stop()
    await task


@pytest.fixture
def url(proxy: Proxy) -> str:
    return f"mqtt://127.0.0.1:{proxy.ports['mqtt']}"
