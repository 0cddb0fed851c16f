"""Fixtures of the acceptance tests: a simulated gateway, and a proxy in front of it, both in the test's own loop."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from ports import free_port
from stage import running_proxy, settings

from ibmux.daemon import Proxy
from ibmux.sim import Settings, SimulatedGateway


@pytest.fixture
async def simulator() -> AsyncIterator[SimulatedGateway]:
    async with SimulatedGateway(Settings(port=free_port(), seed=7, linger=0.2)) as gateway:
        yield gateway


@pytest.fixture
async def proxy(simulator: SimulatedGateway) -> AsyncIterator[Proxy]:
    async with running_proxy(settings(simulator.port)) as running:
        yield running
