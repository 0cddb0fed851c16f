"""A scripted proxy on a real socket, and clients connected to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from far_side import Proxy

import ibmux

Connect = Callable[..., Awaitable[ibmux.IB]]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IBMUX_URL", "IBMUX_GATEWAY", "IBMUX_TOKEN", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    far = Proxy()
    await far.start()
    yield far
    await far.stop()


@pytest.fixture
async def connect(proxy: Proxy) -> AsyncIterator[Connect]:
    opened: list[ibmux.IB] = []

    async def open_one(name: str = "alpha", **options: Any) -> ibmux.IB:
        ib = await ibmux.connect(name, url=proxy.url, **options)
        opened.append(ib)
        return ib

    yield open_one
    for ib in opened:
        await ib.close()


@pytest.fixture
async def ib(connect: Connect) -> ibmux.IB:
    return await connect()
