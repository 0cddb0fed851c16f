"""Verbs about the simulated gateway: run one and tell what happens to it; cause faults in one that runs."""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter, validators

from ibmux.cli import recording, screen
from ibmux.cli.exits import Exit
from ibmux.cli.recording import NOTHING, Recording

if TYPE_CHECKING:
    from ibmux.sim import Settings, SimulatedGateway
    from ibmux.sim.faults.scenario import Scenario

Port = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class World:
    """What is simulated; what is not given is as in the simulator's settings.

    Attributes:
        seed: of the prices: the same seed, the same market; 1 if it is not given.
        start: when the simulated day begins: "20260105 09:25:00 US/Eastern"; now if it is not given.
        speed: how many times faster than real time the simulated clock runs.
        hours: exchanges keep their opening hours; otherwise orders fill at any hour.
        rate: ticks a second over all market-data lines together; if it is not given, each line shows four times a
            second what has changed.
        version: the server version to answer, 157 to 178.
        linger: seconds for which a closed connection keeps its clientId; 3 if it is not given.
        lines: market-data lines of the login; 100 if it is not given.
        moc_delay: without --hours: seconds until orders for the close fill; 5 if it is not given.
        kind: what it calls itself, paper or live; paper if it is not given.
    """

    seed: int | None = None
    start: str | None = None
    speed: float | None = None
    hours: bool = False
    rate: float | None = None
    version: int | None = None
    linger: float | None = None
    lines: int | None = None
    moc_delay: float | None = None
    kind: str | None = None

    def changes(self) -> dict[str, Any]:
        """What was given, under the names of the simulator's settings."""
        given = asdict(self)
        given["always_open"] = False if given.pop("hours") else None
        return {name: value for name, value in given.items() if value is not None}


WORLD = World()
"""The options as they are when none is given."""


def sim(
    scenario: str | None = None,
    *,
    host: str = "127.0.0.1",
    port: Port = 4002,
    world: World = WORLD,
    scenarios: bool = False,
    control: Port | None = None,
    log: Path | None = None,
    tape: Recording = NOTHING,
) -> int:
    """Run a simulated gateway that speaks the TWS protocol, until Ctrl-C: `ibmux sim`, `ibmux sim quiet-day`.

    It tells who comes and goes and what goes wrong. Faults are typed while it runs: `cut 30`, `help`.

    Args:
        scenario: a day on which something happens: a name of --scenarios, or the path of a .toml file.
        host: the address to listen on.
        port: the port; 0 takes a free one.
        world: what is simulated.
        scenarios: list the scenarios that ship with it, and end.
        control: open a port on this machine for `ibmux fault`; 0 takes a free one.
        log: add connections and faults to this file, as JSON lines.
        tape: what to do instead of simulating.
    """
    if scenarios:
        return _list_scenarios()
    if wrong := tape.contradiction(scenario):
        screen.fail(*wrong)
        return Exit.USAGE
    if tape.record is not None:
        return recording.record(tape.record, tape.gateway or "", (host, port), tape.mask)
    if tape.replay is not None:
        return recording.replay(tape.replay, (host, port), 1.0 if world.speed is None else world.speed)
    try:
        settings, played = _prepare(scenario, {"host": host, "port": port} | world.changes())
    except ValueError as error:
        screen.fail(f"{error}.".replace("..", "."))
        return Exit.USAGE
    return recording.run(_simulate(settings, played, control, log), (host, port))


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
            f"No simulated gateway answers on control port {port}.",
            f"Start one with `ibmux sim --control {port}`, or name another port with --port.",
        )
        return Exit.UNREACHABLE
    failed = lines[-1].startswith("error")
    if failed:
        screen.fail(f"{lines[-1].removeprefix('error ').rstrip('.')}.")
        return Exit.FAILED
    for line in [*lines[:-1], lines[-1].removeprefix("ok").strip()]:
        if line:
            screen.tell(line)
    return Exit.OK


def _list_scenarios() -> int:
    from ibmux.sim.faults.scenario import shipped  # noqa: PLC0415

    for name, found in shipped().items():
        screen.tell(f"{name:18} {found.title}")
    if screen.out.is_terminal:
        screen.tell("\nPlay one: ibmux sim quiet-day. One of your own: ibmux sim my-day.toml.")
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
            screen.tell(f"Control port {opened.port}: ibmux fault --port {opened.port} help")
        typed = sys.stdin is not None and sys.stdin.isatty()
        narrator = await stack.enter_async_context(Narrator(gateway, screen.tell, typed=typed))
        if scenario is not None:
            scenario.play(gateway)
        if typed:
            screen.tell("Type `help` for what may go wrong, `status` for what is; Ctrl-C ends it.")
        read_input(narrator.take)
        await stopped.wait()


def _announce(gateway: SimulatedGateway, scenario: Scenario | None) -> None:
    from ibmux.sim.faults.verbs.control import instant_text  # noqa: PLC0415

    settings = gateway.settings
    accounts = ", ".join(settings.accounts)
    screen.tell(f"Simulated gateway on {gateway.host}:{gateway.port}: {accounts}, server version {settings.version}.")
    screen.tell(f"Its clock begins at {instant_text(gateway.clock.now())} and {_pace(settings.speed)}.")
    if scenario is not None:
        screen.tell(f"Scenario {scenario.name}: {scenario.title}")
        screen.tell(" ".join(scenario.text.split()))


def _pace(speed: float) -> str:
    """How fast a clock runs, in words."""
    if speed == 0:
        return "stands, until `speed 60` is typed"
    return "runs like a real one" if speed == 1 else f"runs {speed:g} times as fast as a real one"
