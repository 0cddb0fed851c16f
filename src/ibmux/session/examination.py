"""One attempt to hold a session, and no more: what `ibmux check` does where no proxy holds the gateway.

It is the very attempt that `ibmux serve` makes; the session ends with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ibmux.config import GatewaySettings
from ibmux.messages.session import CheckReport, CheckStep
from ibmux.session.driver import Session


async def examine(
    settings: GatewaySettings, show: Callable[[int, CheckStep], None] = lambda number, step: None
) -> CheckReport:
    """Connect once, download everything once, hang up; what came of it. `show` hears of each step, from number 0 on,
    when it begins and when it ends. Never raises for what the gateway does.
    """
    session = Session(settings)
    session.show_step = show
    running = asyncio.create_task(session.run())
    concluded = asyncio.create_task(session.concluded.wait())
    try:
        await asyncio.wait({running, concluded}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        concluded.cancel()
        await session.drain()
        await running
    assert session.attempt is not None  # noqa: S101 - it was concluded
    return session.attempt.report
