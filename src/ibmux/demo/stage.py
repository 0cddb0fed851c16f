"""Runs the demo from the first process to the last: start, look on, end, judge. What starts here ends here.

Knows the order of things; what is drawn is `view`'s business, what counts as success `judge`'s.
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
import time
from collections.abc import Awaitable, Container, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeVar

import msgspec
from aiohttp import ClientError

from ibmux.cli import screen
from ibmux.cli.exits import Exit
from ibmux.demo.closing import show_closing
from ibmux.demo.judge import judge
from ibmux.demo.observer import Observer
from ibmux.demo.processes import Child
from ibmux.demo.scene import Scene, Witness
from ibmux.demo.view import LiveView, PlainView, View
from ibmux.errors import IbmuxError

SCRIPTS = {
    name: Path(__file__).parent / "scripts" / f"{name}.py" for name in ("monitor", "scanner", "trader", "reporter")
}
"""The scripts of the demo, in the order of their start."""
START = 30.0
"""Seconds that a process may take to listen, and the session to become ready."""


T = TypeVar("T")


class Failed(Exception):
    """The demo cannot go on; the text is a sentence."""


class Ended(Exception):
    """Whoever watches ended the demo before it had begun."""


class Stage:
    """One performance. `lasted` are the seconds since the session was ready; `cut_short`: ended before that."""

    def __init__(self, folder: Path, seconds: float | None, scripts: Mapping[str, Path] = SCRIPTS) -> None:
        self.scene = Scene(time.time())
        self.lasted = 0.0
        self.cut_short = False
        self._folder = folder
        self._seconds = seconds
        self._scripts = scripts
        self._over = asyncio.Event()
        self._listening: dict[str, asyncio.Future[dict[str, int]]] = {}
        self._children: list[Child] = []
        self._watchers: list[asyncio.Task[None]] = []

    async def play(self, view: View) -> list[str]:
        """Everything, to the end; returns what failed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._over.set)
        trouble: list[str] = []
        drawing = asyncio.create_task(view.run(self.scene), name="view")
        try:
            await self._perform()
        except Ended:
            self.cut_short = True
            return []
        except Failed as failure:
            trouble.append(str(failure))
        except IbmuxError as error:
            trouble.append(error.message)
        finally:
            await self._end_all()
            drawing.cancel()
            await asyncio.gather(drawing, return_exceptions=True)
        return trouble or judge(self.scene, self.lasted)

    async def _perform(self) -> None:
        gateway = await self._listen("gateway", "gateway")
        ports = await self._listen("proxy", "proxy", str(gateway["port"]))
        url = f"mqtt://127.0.0.1:{ports['mqtt']}"
        async with AsyncExitStack() as stack:
            observer = Observer(self.scene, url, f"http://127.0.0.1:{ports['http']}")
            stack.push_async_callback(observer.close)
            await observer.start()
            await self._until(observer.ready.wait(), "The session did not become ready")
            began = time.monotonic()
            for name, path in self._scripts.items():
                await self._start(Child(name, ("script", str(path)), self._folder, self._hear), IBMUX_URL=url)
            await self._look_on(began)
            self.lasted = time.monotonic() - began
            await self._last_look(observer)
            await self._end(self._scripts, signal.SIGINT)

    async def _look_on(self, began: float) -> None:
        """Until the time is over, Ctrl-C, or a part ends that should not."""
        left = None if self._seconds is None else began + self._seconds - time.monotonic()
        try:
            async with asyncio.timeout(left):
                await self._over.wait()
        except TimeoutError:
            return

    async def _last_look(self, observer: Observer) -> None:
        try:
            await observer.freeze()
        except (ClientError, TimeoutError) as error:
            raise Failed(f"The HTTP door does not answer: {error!r}.") from None

    # -- processes --------------------------------------------------------------------------------------------------

    async def _listen(self, name: str, *arguments: str) -> dict[str, int]:
        """Start a process and wait for its ports."""
        future: asyncio.Future[dict[str, int]] = asyncio.get_running_loop().create_future()
        self._listening[name] = future
        await self._start(Child(name, arguments, self._folder, self._hear))
        return await self._until(future, f"The {name} did not start")

    async def _until(self, what: Awaitable[T], failure: str) -> T:
        """Wait for one thing, unless the demo is ended or a part fails before."""
        waiting = asyncio.ensure_future(what)
        over = asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait({waiting, over}, timeout=START, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
            failed = [part.name for part in self.scene.parts.values() if part.state == "failed"]
            if over.done() and not failed:
                raise Ended
            because = f"{', '.join(failed)} failed" if failed else f"waited {START:.0f} s"
            raise Failed(f"{failure}: {because}.")
        finally:
            waiting.cancel()
            over.cancel()

    async def _start(self, child: Child, **extra: str) -> None:
        part = self.scene.part(child.name)
        self._children.append(child)
        await child.start(**extra)
        part.pid, part.state = child.pid, "running"
        self._watchers.append(asyncio.create_task(self._watch(child), name=f"watch {child.name}"))

    async def _watch(self, child: Child) -> None:
        """A part that ends by itself ends the demo: none of them should."""
        code = await child.wait()
        part = self.scene.part(child.name)
        part.state = "ended" if child.stopping and code in (0, -signal.SIGINT, -signal.SIGTERM) else "failed"
        if part.state == "failed":
            part.last_words = child.last_words()
            self.scene.tell(f"[demo] {child.name} ended with {code}")
            self._over.set()

    def _hear(self, name: str, line: str) -> None:
        """A script's line is shown; the gateway and the proxy speak JSON to the demo itself."""
        if name in self._scripts:
            self.scene.say(name, line)
            return
        try:
            facts = msgspec.json.decode(line)
            event = facts.pop("event")
        except (msgspec.DecodeError, AttributeError, KeyError):
            self.scene.tell(f"[{name}] {line}")
            return
        if event == "counted":
            self.scene.witness = msgspec.convert(facts, Witness, strict=False)
        elif event == "listening" and not self._listening[name].done():
            self.scene.tell(f"[{name}] listens on {', '.join(f'{door} {port}' for door, port in facts.items())}")
            self._listening[name].set_result(facts)

    async def _end(self, names: Container[str], number: signal.Signals) -> None:
        chosen = [child for child in self._children if child.name in names]
        await asyncio.gather(*(child.stop(number) for child in chosen))

    async def _end_all(self) -> None:
        """Scripts first, then the proxy, then the gateway: each may still say goodbye to the next."""
        try:
            await self._end(self._scripts, signal.SIGINT)
            await self._end(("proxy",), signal.SIGTERM)
            await self._end(("gateway",), signal.SIGTERM)
        finally:
            for child in self._children:
                child.kill()
            await asyncio.gather(*self._watchers)


def play(seconds: float | None, plain: bool) -> int:
    """Play the demo in a temporary folder and print what was shared; returns the exit code, 0 if everything worked."""
    view: View = PlainView() if plain else LiveView()
    with tempfile.TemporaryDirectory(prefix="ibmux-demo-", ignore_cleanup_errors=True) as folder:
        stage, failures = asyncio.run(_play(Path(folder), seconds, view))
    if stage.cut_short:
        screen.out.print("Ended before the session was ready.")
        return Exit.INTERRUPTED
    show_closing(stage.scene, failures, stage.lasted)
    for failure in failures:
        screen.err.print(f"ibmux: {failure}", style="bold red", markup=False)
    return 1 if failures else 0


async def _play(folder: Path, seconds: float | None, view: View) -> tuple[Stage, list[str]]:
    stage = Stage(folder, seconds)
    return stage, await stage.play(view)
