"""Verbs that run something until they are stopped: the proxy, the simulated gateway, the demo."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter, validators

from ibmux.cli import screen
from ibmux.cli.exits import Exit
from ibmux.ops.eventloop import loop_factory

if TYPE_CHECKING:
    from ibmux.sim import Settings

PLACES = (Path("proxy.toml"), Path("/etc/ibmux/proxy.toml"))
"""Where the settings are looked for when no file is named."""


def serve(*, config: Annotated[Path | None, Parameter(env_var="IBMUX_CONFIG")] = None) -> int:
    """Run the proxy until SIGTERM or Ctrl-C, which drain it; a second one ends it at once.

    Every setting can come from the environment: IBMUX_GATEWAYS__PAPER__PORT=4004 sets [gateways.paper] port.

    Args:
        config: the settings; without it ./proxy.toml, then /etc/ibmux/proxy.toml, then the environment alone.
    """
    from ibmux.config import load  # noqa: PLC0415 - heavy parts only when they run
    from ibmux.daemon import main_loop  # noqa: PLC0415
    from ibmux.ops import logs  # noqa: PLC0415

    found = config or next((place for place in PLACES if place.is_file()), None)
    settings = load(found, os.environ)
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


def sim(
    *,
    host: str = "127.0.0.1",
    port: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))] = 4002,
    seed: int = 1,
    rate: float | None = None,
    version: int | None = None,
    linger: float | None = None,
    lines: int | None = None,
    moc_delay: float | None = None,
    kind: str | None = None,
) -> int:
    """Run a simulated gateway that speaks the TWS protocol, until Ctrl-C.

    Args:
        host: the address to listen on.
        port: the port; 0 takes a free one.
        seed: of the prices: the same seed, the same market.
        rate: ticks a second over all lines together; two to five per line if it is not given.
        version: the server version to answer, 157 to 178.
        linger: seconds for which a closed connection keeps its clientId.
        lines: market-data lines of the login.
        moc_delay: seconds until market-on-close orders fill.
        kind: paper or live.
    """
    from ibmux.sim import Settings  # noqa: PLC0415

    given: dict[str, Any] = {
        "rate": rate,
        "version": version,
        "linger": linger,
        "lines": lines,
        "moc_delay": moc_delay,
        "kind": kind,
    }
    try:
        settings = Settings(
            host=host, port=port, seed=seed, **{name: value for name, value in given.items() if value is not None}
        )
    except ValueError as error:
        screen.fail(f"{error}.")
        return Exit.USAGE
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_simulate(settings))
    except OSError as error:
        screen.fail(f"Cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}.", "Choose another --port.")
        return Exit.FAILED
    return Exit.OK


async def _simulate(settings: Settings) -> None:
    """Run the simulated gateway until SIGINT or SIGTERM."""
    from ibmux.sim import SimulatedGateway  # noqa: PLC0415

    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with SimulatedGateway(settings) as gateway:
        where = f"{gateway.host}:{gateway.port}"
        accounts = ", ".join(settings.accounts)
        screen.out.print(f"Simulated gateway on {where}: {accounts}, server version {settings.version}.", markup=False)
        await stopped.wait()
