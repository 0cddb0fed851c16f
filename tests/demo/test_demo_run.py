"""The demo as a whole: real processes, from the first to the last, and none left behind."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ibmux.demo.scene import Scene
from ibmux.demo.stage import SCRIPTS, Stage

pytestmark = pytest.mark.timeout(240)


@asynccontextmanager
async def demo(home: Path, *arguments: str) -> AsyncIterator[Process]:
    """The demo as a person starts it, in a folder of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ibmux.cli",
        "demo",
        "--plain",
        *arguments,
        stdout=PIPE,
        stderr=PIPE,
        cwd=home,
        env={**kept, "HOME": str(home), "TMPDIR": str(home / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "tmp").mkdir()
    return tmp_path


def contents(folder: Path) -> list[str]:
    """Every file and folder below a folder."""
    return [path.name for path in folder.rglob("*")]


def family(leader: int) -> set[int]:
    """The processes that a process has started and that still run, by Linux's own record."""
    try:
        text = Path(f"/proc/{leader}/task/{leader}/children").read_text()
    except FileNotFoundError:
        return set()
    return {int(pid) for pid in text.split()}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def until(condition: Callable[[], object], what: str, timeout: float = 60.0) -> None:
    try:
        async with asyncio.timeout(timeout):
            while not condition():  # noqa: ASYNC110 - processes end without telling
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {timeout:g} s: {what}") from None


async def read_until(process: Process, *words: str) -> None:
    """Read lines of output until each of `words` stood in one, in whatever order."""
    assert process.stdout is not None
    missing = set(words)
    async with asyncio.timeout(100):
        async for line in process.stdout:
            missing -= {each for each in missing if each in line.decode()}
            if not missing:
                return
    raise AssertionError(f"the demo ended and never said {missing}")


async def test_by_itself(home: Path) -> None:
    """Everything works, is told, and leaves nothing in the file system."""
    async with demo(home, "--seconds", "30") as process:
        out, err = (text.decode() for text in await process.communicate())
    assert (process.returncode, err) == (0, ""), out + err
    for script in SCRIPTS:
        assert f"[{script}] " in out
    for words in (
        "[session] ready",
        "BUY 100 AAPL LMT Filled",
        "SELL 100 MSFT MOC Filled",
        "upstream connections    1, as the gateway counted",
        "Everything worked",
    ):
        assert words in out, out
    lines, streams = map(int, re.search(r"market-data lines +(\d+) for (\d+) streams", out).groups())  # type: ignore[union-attr]
    assert 0 < lines < streams
    assert re.search(r"requests +\d+ asked, [1-9]\d* of them answered without the gateway", out)
    assert re.search(r"orders of trader +4 \(2 Filled, .*\), \d+ fills of 200 units", out)
    assert contents(home) == ["tmp"], "nothing is left behind"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_in_order(home: Path, number: signal.Signals) -> None:
    async with demo(home) as process:
        # what the demo has done by then is judged, if only it took its time
        await read_until(process, "[monitor] streaming", "BUY 100 AAPL LMT Filled", "SELL 100 MSFT MOC Filled")
        children = family(process.pid)
        assert len(children) == 2 + len(SCRIPTS)
        process.send_signal(number)
        out, err = (text.decode() for text in await process.communicate())
    assert (process.returncode, err) == (0, ""), out + err
    assert "Everything worked" in out
    assert not any(alive(pid) for pid in children)


@pytest.mark.skipif(sys.platform != "linux", reason="the record of processes is read from /proc")
async def test_a_signal_before_the_beginning_is_no_failure(home: Path) -> None:
    async with demo(home) as process:
        await read_until(process, "[gateway] listens")
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
        assert (process.returncode, err) == (130, b"")
        assert b"Ended before the session was ready" in out
    assert contents(home) == ["tmp"]


async def test_nothing_survives_a_kill(home: Path) -> None:
    async with demo(home) as process:
        await read_until(process, "[trader]")
        children = family(process.pid)
        assert len(children) == 2 + len(SCRIPTS)
        process.kill()
        await until(lambda: not any(alive(pid) for pid in children), "every process of the demo ended")


class Quiet:
    """A view that shows nothing."""

    async def run(self, scene: Scene) -> None:
        await asyncio.Event().wait()


async def perform(folder: Path, **scripts: str) -> tuple[Stage, list[str]]:
    """A demo with scripts of the test's own; gives what failed."""
    paths = {}
    for name, text in scripts.items():
        paths[name] = folder / f"{name}.py"
        paths[name].write_text(text)
    stage = Stage(folder, 60.0, paths)
    async with asyncio.timeout(150):
        return stage, await stage.play(Quiet())


async def test_a_script_that_crashes_ends_the_demo_with_its_name_and_last_words(tmp_path: Path) -> None:
    good = "import ibmux.sync\nwith ibmux.sync.connect('good') as ib:\n    print(ib.positions())\n    ib.sleep(60)\n"
    bad = "import ibmux.sync\nwith ibmux.sync.connect('bad') as ib:\n    raise SystemError('no such luck')\n"
    stage, failures = await perform(tmp_path, good=good, bad=bad)
    assert failures == ["bad failed."]
    assert "no such luck" in stage.scene.parts["bad"].last_words
    assert stage.scene.parts["good"].state == "ended"
    assert not any(alive(part.pid) for part in stage.scene.parts.values())


async def test_a_script_that_just_stops_is_a_failure_too(tmp_path: Path) -> None:
    _, failures = await perform(tmp_path, short="print('that was all')")
    assert failures == ["short failed."]


async def test_a_gateway_that_dies_is_a_failure(tmp_path: Path) -> None:
    script = tmp_path / "idle.py"
    script.write_text("import time\nprint('here')\ntime.sleep(60)\n")
    stage = Stage(tmp_path, None, {"idle": script})
    playing = asyncio.create_task(stage.play(Quiet()))
    await until(lambda: "idle" in stage.scene.parts and stage.scene.parts["idle"].lines, "the script runs")
    os.kill(stage.scene.parts["gateway"].pid, signal.SIGKILL)
    async with asyncio.timeout(60):
        failures = await playing
    assert failures[0] == "gateway failed."
    assert not any(alive(part.pid) for part in stage.scene.parts.values())


async def test_what_the_children_inherit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBMUX_TOKEN", "of another proxy")
    monkeypatch.setenv("IBMUX_URL", "mqtt://elsewhere")
    script = (
        "import os\nprint(sorted(name for name in os.environ if name.startswith('IBMUX')), os.environ['IBMUX_URL'])\n"
    )
    stage, _ = await perform(tmp_path, nosy=script)
    assert stage.scene.parts["nosy"].says.startswith("['IBMUX_URL'] mqtt://127.0.0.1:")
