"""A real session on a real simulated gateway over TCP, on both event loops; every hook's calls are kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop
from session_stage import APPLE, Far, Heard, Stage, soon

from ibmux.messages.contracts import Contract
from ibmux.session import Session
from ibmux.sim import SimulatedGateway


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every asynchronous test here runs on both loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    await stage.close()
    leftover = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not [task for task in leftover if "ibmux/session" in repr(task)], leftover


@pytest.fixture
async def gateway(stage: Stage) -> SimulatedGateway:
    return await stage.gateway()


@pytest.fixture
async def session(stage: Stage, gateway: SimulatedGateway) -> Session:
    return await stage.ready(gateway)


@pytest.fixture
def heard(stage: Stage) -> Heard:
    return stage.heard


@pytest.fixture
async def apple(session: Session) -> Contract:
    (details,) = await session.contract_details(APPLE, deadline=soon())
    assert details.contract is not None
    return details.contract


@pytest.fixture
async def far() -> AsyncIterator[Far]:
    far = Far()
    await far.start()
    yield far
    await far.close()
