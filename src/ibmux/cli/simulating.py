"""Verbs about the simulated gateway: run one and tell what happens to it; cause faults in one that runs."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter, validators

from ibmux.cli import recording, screen
from ibmux.cli.exits import Exit
from ibmux.ops.eventloop import loop_factory

if TYPE_CHECKING:
    from ibmux.sim import Settings, SimulatedGateway
    from ibmux.sim.faults.scenario import Scenario

Port = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))]


def sim(
    *,
    host: str = "127.0.0.1",
    port: Port = 4002,
    seed: int | None = None,
    start: str | None = None,
    speed: float | None = None,
    scenario: str | None = None,
    scenarios: bool = False,
    control: Port | None = None,
    log: Path | None = None,
    hours: bool = False,
    rate: float | None = None,
    version: int | None = None,
    linger: float | None = None,
    lines: int | None = None,
    moc_delay: float | None = None,
    kind: str | None = None,
    record: Path | None = None,
    gateway: str = "127.0.0.1:4001",
    mask: tuple[str, ...] = (),
    replay: Path | None = None,
) -> int:
    """Run a simulated gateway that speaks the TWS protocol, until Ctrl-C.

    It tells who comes and goes and what goes wrong. Faults are typed on standard input: `cut 30`, `help`.

    Args:
        host: the address to listen on.
        port: the port; 0 takes a free one.
        seed: of the prices: the same seed, the same market; 1 if it is not given.
        start: when the simulated day begins: "20260105 09:25:00 US/Eastern"; now if it is not given.
        speed: how many times faster than real time the simulated clock runs.
        scenario: the name of a shipped scenario, or the path of a .toml file.
        scenarios: list the shipped scenarios and end.
        control: open a port on this machine for `ibmux fault`; 0 takes a free one.
        log: add connections and faults to this file, as JSON lines.
        hours: exchanges keep their opening hours; otherwise orders fill at any hour.
        rate: ticks a second over all lines together; two to five per line if it is not given.
        version: the server version to answer, 157 to 178.
        linger: seconds for which a closed connection keeps its clientId.
        lines: market-data lines of the login.
        moc_delay: seconds until market-on-close orders fill.
        kind: paper or live.
        record: stand in front of a real gateway instead, and write what is said to this file (.gz compresses it).
        gateway: host and port of the gateway for --record.
        mask: words to hide in the recording, beside account numbers and names.
        replay: play this recording instead: the same answers to the same questions.
    """
    if record is not None:
        return recording.record(record, gateway, (host, port), mask)
    if replay is not None:
        return recording.replay(replay, (host, port), speed or 1.0)
    if scenarios:
        return _list_scenarios()
    given: dict[str, Any] = {
        "seed": seed, "start": start, "speed": speed, "rate": rate, "version": version, "linger": linger,
        "lines": lines, "moc_delay": moc_delay, "kind": kind, "always_open": False if hours else None,
    }  # fmt: skip
    changes = {"host": host, "port": port} | {name: value for name, value in given.items() if value is not None}
    try:
        settings, played = _prepare(scenario, changes)
    except ValueError as error:
        screen.fail(f"{error}.".replace("..", "."))
        return Exit.USAGE
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_simulate(settings, played, control, log))
    except OSError as error:
        what = f"Cannot write {error.filename}" if error.filename else f"Cannot listen on {host}:{port}"
        screen.fail(f"{what}: {os.strerror(error.errno or 0)}.", "" if error.filename else "Choose another --port.")
        return Exit.FAILED
    return Exit.OK


def fault(*words: str, port: Port = 4009) -> int:
    """Cause a fault in a simulated gateway that was started with --control: `ibmux fault cut 30`, `ibmux fault help`.

    Args:
        words: the fault and its arguments, as `cut 30 told=lost`; `heal` lifts everything, `status` shows what is.
        port: the control port.
    """
    from ibmux.sim.faults import control  # noqa: PLC0415 - heavy parts only when they run

    try:
        lines = asyncio.run(control.send(port, shlex.join(words or ("help",))))
    except (OSError, TimeoutError):
        screen.fail(
            f"No simulated gateway answers on control port {port}.", "Start one with `ibmux sim --control PORT`."
        )
        return Exit.UNREACHABLE
    failed = lines[-1].startswith("error")
    if failed:
        screen.fail(lines[-1].removeprefix("error ") + ".")
        return Exit.FAILED
    for line in [*lines[:-1], lines[-1].removeprefix("ok").strip()]:
        if line:
            _say(line)
    return Exit.OK


def _list_scenarios() -> int:
    from ibmux.sim.faults.scenario import shipped  # noqa: PLC0415

    for name, found in shipped().items():
        _say(f"{name:18} {found.title}")
    return Exit.OK


def _prepare(name: str | None, changes: dict[str, Any]) -> tuple[Settings, Scenario | None]:
    from ibmux.sim import Settings  # noqa: PLC0415
    from ibmux.sim.faults.scenario import load  # noqa: PLC0415

    if name is None:
        return Settings(**changes), None
    scenario = load(name, **changes)
    return scenario.settings, scenario


async def _simulate(settings: Settings, scenario: Scenario | None, control: int | None, log: Path | None) -> None:
    """Run the simulated gateway until SIGINT or SIGTERM."""
    from ibmux.cli.narrating import Narrator, read_input  # noqa: PLC0415
    from ibmux.sim import SimulatedGateway  # noqa: PLC0415
    from ibmux.sim.faults.control import Control  # noqa: PLC0415

    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    gateway = SimulatedGateway(settings, log)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(gateway)
        _announce(gateway, scenario)
        if control is not None:
            opened = await stack.enter_async_context(Control(gateway, control))
            _say(f"Control port {opened.port}: ibmux fault --port {opened.port} help")
        narrator = await stack.enter_async_context(Narrator(gateway, _say))
        if scenario is not None:
            scenario.play(gateway)
        if sys.stdin is not None and sys.stdin.isatty():
            _say("Type `help` for what may go wrong, `status` for what is; Ctrl-C ends it.")
        read_input(narrator.take)
        await stopped.wait()


def _announce(gateway: SimulatedGateway, scenario: Scenario | None) -> None:
    settings = gateway.settings
    accounts = ", ".join(settings.accounts)
    _say(f"Simulated gateway on {gateway.host}:{gateway.port}: {accounts}, server version {settings.version}.")
    if scenario is not None:
        _say(f"Scenario {scenario.name}: {scenario.title}\n{scenario.text}")


def _say(text: str) -> None:
    screen.out.print(text, markup=False, highlight=False, soft_wrap=True)
