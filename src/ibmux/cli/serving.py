"""Verbs that run the proxy until it is stopped: by itself, or with all that the demo shows."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ibmux.cli import screen
from ibmux.cli.exits import Exit


def serve(*, config: Annotated[Path | None, Parameter(env_var="IBMUX_CONFIG")] = None) -> int:
    """Run the proxy until SIGTERM or Ctrl-C, which drain it; a second one ends it at once.

    Every setting can come from the environment: IBMUX_GATEWAYS__PAPER__PORT=4004 sets [gateways.paper] port.

    Args:
        config: the settings; without it ./proxy.toml, then /etc/ibmux/proxy.toml, then the environment alone.
    """
    from ibmux.cli.process import main_loop  # noqa: PLC0415
    from ibmux.cli.whereabouts import find_settings  # noqa: PLC0415 - heavy parts only when they run
    from ibmux.config import load  # noqa: PLC0415
    from ibmux.ops import logs  # noqa: PLC0415

    settings = load(find_settings(config), os.environ)
    logs.set_up(settings.log.level, settings.log.format)
    try:
        main_loop(settings)
    except asyncio.CancelledError:
        # The second signal: whoever sent it did not want to wait for the requests in flight.
        return Exit.INTERRUPTED
    return Exit.OK


def demo(
    *,
    seconds: float = 0,
    plain: bool = False,
) -> int:
    """Simulated gateway, proxy and four scripts, each its own process, on one upstream session.

    Free ports, nothing written outside a temporary folder, no account needed. Ctrl-C ends it.

    Args:
        seconds: end by itself after so many seconds.
        plain: print lines instead of the live view.
    """
    from ibmux.demo import run  # noqa: PLC0415

    return run(seconds=seconds or None, plain=plain or not screen.out.is_terminal)
