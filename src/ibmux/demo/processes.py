"""Child processes of the demo: started in groups of their own, heard line by line, never left behind.

Knows how to start, hear and end a process; not what it does.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping
from pathlib import Path

KEPT = ("PATH", "PYTHONPATH", "HOME", "LANG", "LC_ALL", "VIRTUAL_ENV", "SYSTEMROOT", "PYTHONHOME")
"""What a child inherits of the environment: settings of another proxy must not reach the demo's scripts."""
LIMIT = 1 << 20
"""Longest line of a child, in bytes."""


def environment(folder: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """A child's environment: nothing of another proxy, and nothing written outside the folder."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    if path := kept.get("PYTHONPATH"):
        # A child runs in another folder: relative entries must go on meaning the same.
        kept["PYTHONPATH"] = os.pathsep.join(str(Path(entry).resolve()) for entry in path.split(os.pathsep))
    own = {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1", "TMPDIR": str(folder)}
    return {**kept, **own, **extra}


class Child:
    """One process. `on_line` hears each line of its standard output; standard error goes to `log`."""

    def __init__(
        self, name: str, arguments: tuple[str, ...], folder: Path, on_line: Callable[[str, str], None]
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.stopping = False
        self._arguments = arguments
        self._folder = folder
        self._on_line = on_line
        self._process: Process | None = None
        self._hearing: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Child {self.name} pid={self.pid} code={self.code}>"

    @property
    def pid(self) -> int:
        """The process id; 0 before the start."""
        return self._process.pid if self._process else 0

    @property
    def code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.returncode if self._process else None

    async def start(self, **extra: str) -> None:
        """Start it; `extra` goes into its environment."""
        with self.log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "ibmux.demo.child",
                *self._arguments,
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
                cwd=self._folder,
                env=environment(self._folder, extra),
                limit=LIMIT,
                start_new_session=True,
            )
        self._hearing = asyncio.create_task(self._hear(), name=f"hear {self.name}")

    async def wait(self) -> int:
        """Wait for its end; everything that it said has been heard then."""
        if self._process is None:
            return 0
        code = await self._process.wait()
        if self._hearing is not None:
            await self._hearing
        return code

    async def stop(self, number: signal.Signals, patience: float = 15.0) -> int:
        """Ask it to end; after `patience` seconds its whole group is killed."""
        self.stopping = True
        if self._process is None:
            return 0
        if self._process.returncode is None:
            self._process.send_signal(number)
            try:
                async with asyncio.timeout(patience):
                    await self._process.wait()
            except TimeoutError:
                self.kill()
        return await self.wait()

    def kill(self) -> None:
        """End its whole group at once."""
        if self._process is not None and self._process.returncode is None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:  # it ended meanwhile
                return

    def last_words(self, lines: int = 15) -> str:
        """The end of what it wrote to standard error."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    async def _hear(self) -> None:
        assert self._process is not None and self._process.stdout is not None  # noqa: S101 - for the type checker
        async for line in self._process.stdout:
            self._on_line(self.name, line.decode(errors="replace").rstrip())
