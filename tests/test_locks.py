"""One session per gateway on this machine: who holds a lock, who is refused, and what is left behind."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ibmux import locks
from ibmux.errors import AlreadyRunning, ConfigError
from ibmux.places import Endpoint

PAPER = Endpoint("127.0.0.1", 4002)
HOLD = """
import sys, time
from ibmux import locks
from ibmux.places import Endpoint
held = locks.take({"elsewhere": [Endpoint("127.0.0.1", 4002)]}, "mqtt://127.0.0.1:1999")
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of this test's own: as good as another machine."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def other(machine: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process of this machine, which holds the lock."""
    environment = {**os.environ, "TMPDIR": str(machine), "PYTHONPATH": "src"}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True, env=environment, cwd=Path(__file__).parents[1]
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_one_is_refused_and_told_who_holds_it(other: subprocess.Popen[str]) -> None:
    with pytest.raises(AlreadyRunning) as refused:
        locks.take({"paper": [PAPER]})
    text = refused.value.message
    assert "The gateway paper at 127.0.0.1:4002" in text and f"(pid {other.pid})" in text
    assert "as its gateway elsewhere" in text and "mqtt://127.0.0.1:1999" in text
    assert f"`kill {other.pid}`" in refused.value.advice


def test_a_killed_holder_leaves_no_lock(other: subprocess.Popen[str]) -> None:
    assert (held := locks.holder(PAPER)) is not None and held.pid == other.pid
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert locks.place(PAPER).exists()
    assert locks.holder(PAPER) is None
    with locks.take({"paper": [PAPER]}):
        assert (held := locks.holder(PAPER)) is not None and held.pid == os.getpid()


def test_names_of_the_machine_itself_are_one() -> None:
    names = ("127.0.0.1", "localhost", "LOCALHOST.", "::1", "::ffff:127.0.0.1", "127.0.1.1")
    assert len({locks.place(Endpoint(name, 4002)) for name in names}) == 1
    others = (PAPER, Endpoint("localhost", 4001), Endpoint("gw.example", 4002), Endpoint("10.0.0.1", 4002))
    assert len({locks.place(each) for each in others}) == 4
    assert locks.place(Endpoint("GW.example", 4002)) == locks.place(Endpoint("gw.example.", 4002))
    assert locks.place(Endpoint("../../etc/x", 1)).parent == locks.folder()


def test_all_or_none() -> None:
    spare = Endpoint("127.0.0.1", 7497)
    with locks.take({"other": [spare]}):
        with pytest.raises(AlreadyRunning, match=r"gateway paper at 127\.0\.0\.1:7497"):
            locks.take({"paper": [PAPER, spare]})
        assert locks.holder(PAPER) is None
    with locks.take({"paper": [PAPER, spare, Endpoint("localhost", 7497)]}):
        assert locks.holder(PAPER) and locks.holder(spare)
    assert list(locks.folder().iterdir()) == []


def test_two_gateways_of_one_proxy_cannot_share_an_endpoint() -> None:
    with pytest.raises(ConfigError, match=r"gateways\.a and gateways\.b both name localhost:4002"):
        locks.take({"a": [PAPER], "b": [Endpoint("localhost", 4002)]})
    assert not locks.folder().exists()


def test_the_door_is_told_when_it_is_open() -> None:
    with locks.take({"paper": [PAPER]}) as held:
        assert (before := locks.holder(PAPER)) is not None and before.door == ""
        held.tell_door("mqtt://127.0.0.1:40123")
        assert (after := locks.holder(PAPER)) is not None and after.door == "mqtt://127.0.0.1:40123"
        assert after.since == before.since


def test_every_user_may_lock_and_none_may_remove_anothers(machine: Path) -> None:
    before = os.umask(0o077)
    try:
        with locks.take({"paper": [PAPER]}):
            assert stat.S_IMODE((machine / "ibmux").stat().st_mode) == 0o1777
            assert stat.S_IMODE(locks.place(PAPER).stat().st_mode) == 0o666
    finally:
        os.umask(before)


def test_a_file_that_may_only_be_read_is_a_lock_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """As another user's file is: simulated, since root may write everything."""
    locks.folder().mkdir()
    locks.place(PAPER).write_text("")
    real = os.open

    def restricted(path: object, flags: int, *rest: int) -> int:
        if flags & (os.O_RDWR | os.O_CREAT):
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", restricted)
    with locks.take({"paper": [PAPER]}):
        assert locks.holder(PAPER) == locks.Holder()
        with pytest.raises(AlreadyRunning, match="a process that does not say who it is"):
            locks.take({"paper": [PAPER]})
    assert locks.holder(PAPER) is None


@pytest.mark.parametrize("text", ["", "no json", "[1]", '{"pid": "x"}', '{"pid": 99999999999999}', '{"pid": -1}'])
def test_whatever_the_file_says_the_holder_is_told(text: str) -> None:
    with locks.take({"paper": [PAPER]}):
        locks.place(PAPER).write_text(text)
        assert locks.holder(PAPER) == locks.Holder()


def test_what_another_user_wrote_cannot_play_with_the_terminal() -> None:
    with locks.take({"paper": [PAPER]}):
        locks.place(PAPER).write_text(json.dumps({"pid": os.getpid(), "program": "a\x1b[2Jb\n" + "c" * 500}))
        assert (held := locks.holder(PAPER)) is not None
        assert held.program.startswith("a[2Jb") and len(held.program) == 120


def test_a_file_that_has_gone_from_its_place_is_no_lock() -> None:
    """A cleaner removed it: whoever comes next must not share it with a holder of the vanished file."""
    with locks.take({"paper": [PAPER]}):
        locks.place(PAPER).unlink()
        with locks.take({"paper": [PAPER]}):
            assert locks.holder(PAPER) is not None


def test_the_files_say_that_they_are_in_use() -> None:
    with locks.take({"paper": [PAPER]}) as held:
        os.utime(locks.place(PAPER), (1.0, 1.0))
        held.refresh()
        assert locks.place(PAPER).stat().st_mtime > 1e9


def test_no_place_for_locks(machine: Path) -> None:
    (machine / "ibmux").write_text("a file where the folder should be")
    with pytest.raises(ConfigError, match="cannot be opened: Not a directory"):
        locks.take({"paper": [PAPER]})
    (machine / "ibmux").unlink()
    locks.folder().mkdir()
    locks.place(PAPER).symlink_to(machine / "target")
    with pytest.raises(ConfigError, match="TMPDIR"):
        locks.take({"paper": [PAPER]})
    assert not (machine / "target").exists()


AS_NOBODY = """
import os, sys
from ibmux import locks
from ibmux.errors import AlreadyRunning
from ibmux.places import Endpoint
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    with locks.take({"paper": [Endpoint("127.0.0.1", 4002)]}):
        print("taken", locks.holder(Endpoint("127.0.0.1", 4002)).pid == os.getpid())
except AlreadyRunning as error:
    print(error.message)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only an administrator can become another user")
def test_another_user_is_refused_too_and_may_take_what_a_killed_proxy_left(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="ibmux-", dir="/tmp") as shared:
        Path(shared).chmod(0o1777)
        monkeypatch.setattr(tempfile, "tempdir", shared)
        environment = {**os.environ, "TMPDIR": shared, "PYTHONPATH": "src"}

        def as_nobody() -> str:
            command = [sys.executable, "-c", AS_NOBODY]
            return subprocess.run(
                command, capture_output=True, text=True, check=True, env=environment, cwd=Path(__file__).parents[1]
            ).stdout.strip()

        with locks.take({"paper": [PAPER]}):
            assert f"(pid {os.getpid()})" in as_nobody()
        locks.folder().mkdir(exist_ok=True)
        locks.place(PAPER).write_text(json.dumps({"pid": 1}))
        locks.place(PAPER).chmod(0o666)
        assert as_nobody() == "taken True"
        assert locks.place(PAPER).exists(), "in a folder like this one only its owner may remove it"
        assert locks.holder(PAPER) is None
        locks.place(PAPER).chmod(0o644)
        assert as_nobody() == "taken False", "the lock holds, only without a name"
