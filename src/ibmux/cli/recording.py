"""`ibmux sim --record` and `--replay`: a day at a gateway into a file, and out of it again."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import Parameter

from ibmux.cli import screen
from ibmux.cli.exits import Exit
from ibmux.ops.eventloop import loop_factory

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from ibmux.sim.recording.reading import Day

MOST_UNKNOWN = 20
"""Lines about questions that were not asked on the recorded day; later ones are only counted."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Recording:
    """What to do instead of simulating.

    Attributes:
        record: stand in front of a real gateway instead, and write what is said to this file (.gz compresses it).
        gateway: host and port of the gateway that --record stands in front of: 127.0.0.1:4001.
        mask: a word to hide in the recording, beside account numbers and names; may be given several times.
        replay: play this recording instead: the same answers to the same questions.
    """

    record: Path | None = None
    gateway: str | None = None
    mask: tuple[str, ...] = ()
    replay: Path | None = None

    def contradiction(self, scenario: str | None) -> tuple[str, str] | None:
        """What cannot be meant together, and what to write instead."""
        if self.record is not None and self.gateway is None:
            return "--record needs a gateway to stand in front of.", "Name it: --gateway 127.0.0.1:4001"
        if self.record is None and (self.gateway is not None or self.mask):
            return "--gateway and --mask belong to --record.", "Write --record FILE --gateway HOST:PORT."
        if (self.record is not None) + (self.replay is not None) + (scenario is not None) > 1:
            return "A scenario, --record and --replay exclude each other.", "Choose one of them."
        return None


NOTHING = Recording()
"""The options as they are when none is given."""


def record(path: Path, gateway: str, listen: tuple[str, int], words: tuple[str, ...]) -> int:
    """Relay clients to `gateway` (host:port) and write down what is said, until Ctrl-C."""
    host, _, port = gateway.rpartition(":")
    if not host or not port.isdigit():
        screen.fail(f"--gateway is {gateway!r}.", "Write host and port of the gateway: --gateway 127.0.0.1:4001")
        return Exit.USAGE
    if path.exists():
        screen.fail(f"{path} exists already.", "A recording is never written over another file: choose a new name.")
        return Exit.USAGE
    return run(_record(path, (host, int(port)), listen, words), listen)


def replay(path: Path, listen: tuple[str, int], speed: float) -> int:
    """Play a recording to whoever connects, until Ctrl-C."""
    from ibmux.sim.recording.file import BadRecording, read  # noqa: PLC0415 - heavy parts only when they run
    from ibmux.sim.recording.reading import find_days  # noqa: PLC0415

    if speed <= 0:
        screen.fail(f"--speed is {speed:g}: a recording is played forward.", "Write --speed 2 for twice as fast.")
        return Exit.USAGE
    try:
        days = find_days(read(path))
    except (BadRecording, OSError) as error:
        screen.fail(f"{error}." if isinstance(error, BadRecording) else f"Cannot read {path}: {error.strerror}.")
        return Exit.FAILED
    if not days:
        screen.fail(f"In {path} no client came as far as a session: there is nothing to play.")
        return Exit.FAILED
    return run(_replay(days, listen, speed), listen)


def run(work: Coroutine[None, None, None], listen: tuple[str, int]) -> int:
    """Run a gateway that listens on host and port until it ends; the exit code."""
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(work)
    except OSError as error:
        what = f"Cannot write {error.filename}" if error.filename else f"Cannot listen on {listen[0]}:{listen[1]}"
        screen.fail(f"{what}: {os.strerror(error.errno or 0)}.", "" if error.filename else "Choose another --port.")
        return Exit.FAILED
    return Exit.OK


async def _record(path: Path, target: tuple[str, int], listen: tuple[str, int], words: tuple[str, ...]) -> None:
    from ibmux.sim.recording.recorder import Recorder  # noqa: PLC0415

    stopped = _stopped()
    async with Recorder(target, path, host=listen[0], port=listen[1], words=words) as recorder:
        screen.tell(
            f"Connect to {recorder.host}:{recorder.port} instead of {target[0]}:{target[1]}; all is written to {path}."
        )
        screen.tell("Account numbers and an advisor's names are masked. Ctrl-C ends it.")
        recorder.on_event = screen.tell
        await stopped.wait()
    screen.tell(f"In {path}: {recorder.messages:,} messages, {_count(recorder.connections)}.")
    screen.tell(
        "Look into it before you send it: it tells positions, orders and balances. --mask WORD hides further words."
    )


async def _replay(days: list[Day], listen: tuple[str, int], speed: float) -> None:
    from ibmux.sim.recording.replayer import Replayer  # noqa: PLC0415

    stopped = _stopped()
    clients = ", ".join(day.clientId for day in days)
    async with Replayer(days, host=listen[0], port=listen[1], speed=speed) as replayer:
        replayer.on_unknown = _tell_unknown
        played = f"{_count(len(days), 'recorded ')} (clientId {clients}; server version {replayer.version})"
        screen.tell(
            f"{replayer.host}:{replayer.port} plays {played}, one to each client that connects. Ctrl-C ends it."
        )
        await stopped.wait()
    if replayer.unknown:
        screen.tell(f"{len(replayer.unknown):,} requests were not on the recording.")


def _tell_unknown(name: str, count: int) -> None:
    if count <= MOST_UNKNOWN:
        screen.tell(f"{name}: not asked like this on the recorded day; answered with error 321.")


def _count(connections: int, kind: str = "") -> str:
    return f"{connections} {kind}connection{'' if connections == 1 else 's'}"


def _stopped() -> asyncio.Event:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped
