"""Full disks, locked, lost, damaged and foreign files: what is refused, what waits, what is never claimed."""

# ruff: noqa: ASYNC240 - nobody else waits in a test's loop

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from journal_parts import record, tell, until

from ibmux.errors import IbmuxError, JournalCorrupt, JournalFailed
from ibmux.journal import Filter, Journal, Reader, opening, verify, writer
from ibmux.journal.storing import Shelf

BIG = b"x" * 20_000


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "PROBE", 0.03)


async def fill_up(journal: Journal, kind: str = "intent") -> JournalFailed:
    """Append until it fails; what it failed with."""
    for number in range(10_000):
        try:
            await journal.append(record(kind, key=f"fill-up-{number}", body=BIG))
        except JournalFailed as error:
            return error
    raise AssertionError("it never failed")


async def test_a_full_file_refuses_orders_and_keeps_what_happened(path: Path) -> None:
    told: list[str] = []
    async with Journal(path, on_trouble=lambda error: told.append(error.message if error else "well")) as journal:
        [[pages]] = await tell(journal, "PRAGMA page_count")
        await tell(journal, f"PRAGMA max_page_count = {pages + 100}")
        error = await fill_up(journal)
        assert (error.code, error.fate, error.retryable) == ("journal.failed", "not_sent", True)
        assert "the disk is full" in error.message
        assert "SQLITE_FULL" in error.message
        assert not journal.healthy
        before = journal.last_seq
        facts = [journal.append(record("fill", key="a", execId=str(number), body=BIG)) for number in range(20)]
        with pytest.raises(JournalFailed, match="the disk is full"):
            await journal.append(record("intent", key="refused"))
        for _ in range(20):
            await asyncio.sleep(0.01)  # several probes
        assert not any(fact.done() for fact in facts)
        assert (journal.last_seq, journal.waiting, journal.healthy) == (before, 20, False)
        await tell(journal, "PRAGMA max_page_count = 1000000")
        assert await asyncio.gather(*facts) == list(range(before + 1, before + 21))
        assert journal.healthy
        await journal.append(record("intent", key="after"))
        assert [await journal.find("paper", "s", key) is None for key in ("refused", "after")] == [True, False]
    assert told[-1] == "well"
    assert ["the disk is full" in each for each in told[1:-1]] == [True] * (len(told) - 2)
    assert len(told) < 8
    with Reader(path) as reader:
        fills = [each.execId for each in reader.every(Filter(kinds=("fill",)))]
        assert fills == [str(number) for number in range(20)]
        assert verify(reader).problems == []


async def test_an_order_is_refused_with_its_whole_call(path: Path) -> None:
    async with Journal(path) as journal:
        [[pages]] = await tell(journal, "PRAGMA page_count")
        await tell(journal, f"PRAGMA max_page_count = {pages + 3}")
        with pytest.raises(JournalFailed):
            await journal.append(record("note", key=""), record("intent", body=BIG * 5))
        await until(lambda: journal.waiting == 0)
        await tell(journal, "PRAGMA max_page_count = 1000000")
        await until(lambda: journal.healthy)
        assert await journal.read() == []


async def test_what_could_not_be_written_is_told_when_it_closes(path: Path) -> None:
    journal = Journal(path)
    await journal.open()
    [[pages]] = await tell(journal, "PRAGMA page_count")
    await tell(journal, f"PRAGMA max_page_count = {pages}")
    lost = journal.append(record("fill", body=BIG * 20))
    await until(lambda: not journal.healthy)
    await journal.close()
    assert isinstance(lost.exception(), JournalFailed)
    with Reader(path) as reader:
        assert reader.last_seq() == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "ibmux-test", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, timeout=10, check=False).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True, timeout=10)


async def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    path = small_disk / "journal.db"
    async with Journal(path) as journal:
        await journal.append(record("intent", key="first"))
        ballast = small_disk / "ballast"
        ballast.write_bytes(b"x" * (4 << 20))
        error = await fill_up(journal)
        assert "the disk is full" in error.message
        acknowledged = journal.last_seq
        facts = [journal.append(record("order", key="first", status=f"s{number}", body=BIG)) for number in range(5)]
        ballast.unlink()
        assert await asyncio.gather(*facts) == [acknowledged + number for number in range(1, 6)]
        await until(lambda: journal.healthy)
        await journal.append(record("intent", key="last"))
    with Reader(path) as reader:
        assert verify(reader).problems == []
        assert reader.last_seq() == acknowledged + 6


LIMITED = """
import asyncio, resource, signal, sys
from pathlib import Path
from ibmux.errors import JournalFailed
from ibmux.journal import Journal, Record

async def main():
    async with Journal(Path(sys.argv[1])) as journal:
        await journal.append(Record(gateway="paper", kind="intent", key="first"))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
        for number in range(1000):
            try:
                await journal.append(Record(gateway="paper", kind="intent", key=str(number), body=b"x" * 5000))
            except JournalFailed as error:
                print(journal.last_seq, error.message)
                break
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

asyncio.run(main())
"""


def test_an_error_of_the_disk_itself(path: Path) -> None:
    """The system refuses to let a file grow (EFBIG), which SQLite tells as an I/O error."""
    command = [sys.executable, "-c", LIMITED, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    last, _, message = done.stdout.partition(" ")
    assert "the disk failed" in message
    assert "SQLITE_IOERR_WRITE" in message
    with Reader(path) as reader:
        assert reader.last_seq() == int(last)
        assert verify(reader).problems == []


async def test_a_file_that_another_program_holds_locked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "BUSY", 0.02)
    async with Journal(path) as journal:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalFailed, match="another program holds the file locked"):
            await journal.append(record("intent"))
        fact = journal.append(record("sent"))
        other.execute("COMMIT")
        other.close()
        assert await fact == 1


async def test_a_file_that_is_gone_takes_nothing(journal: Journal, path: Path) -> None:
    await journal.append(record("intent", key="one"))
    aside = path.with_name("aside.db")
    path.rename(aside)
    with pytest.raises(JournalFailed, match="No such file"):
        await journal.append(record("intent", key="two"))
    path.write_bytes(b"")
    with pytest.raises(JournalFailed):
        await journal.append(record("intent", key="three"))
    await until(lambda: "replaced by another file" in str(journal.trouble))
    aside.rename(path)
    await until(lambda: journal.healthy)
    assert await journal.append(record("intent", key="four")) == 2


async def test_a_file_that_goes_while_nothing_is_written_is_noticed(journal: Journal, path: Path) -> None:
    await journal.append(record("note"))
    path.unlink()
    await until(lambda: not journal.healthy)


@pytest.mark.parametrize("where", [0, 4096 * 3 + 100])
async def test_a_damaged_file_is_left_as_it_is(path: Path, where: int) -> None:
    async with Journal(path) as journal:
        for number in range(200):
            await journal.append(record(key=str(number), body=b"x" * 300))
    whole = bytearray(path.read_bytes())
    whole[where : where + 3000] = b"\xa5" * 3000
    path.write_bytes(whole)
    with pytest.raises(JournalCorrupt) as error:
        await Journal(path).open()
    assert (error.value.code, error.value.retryable) == ("journal.corrupt", False)
    assert "move them away" in str(error.value)
    assert path.read_bytes() == whole


async def test_a_text_file_is_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("dear diary\n" * 1000)
    with pytest.raises(JournalCorrupt):
        await Journal(path).open()
    with pytest.raises(JournalCorrupt):
        Reader(path)
    assert path.read_text() == "dear diary\n" * 1000


async def test_another_programs_database_is_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE diary (day)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(JournalCorrupt, match="another program's"):
        await Journal(path).open()
    assert path.read_bytes() == before


async def test_a_file_of_a_newer_version_is_left_as_it_is(path: Path) -> None:
    async with Journal(path) as journal:
        await tell(journal, "PRAGMA user_version = 99")
    with pytest.raises(JournalFailed, match="version 99"):
        await Journal(path).open()
    with pytest.raises(JournalFailed, match="version 99"):
        Reader(path)


async def test_a_start_that_was_killed_while_it_made_the_file_goes_on(path: Path) -> None:
    opening.make(path)
    assert path.read_bytes() == b""
    with pytest.raises(JournalFailed, match="is empty") as error:
        Reader(path)
    assert not isinstance(error.value, JournalCorrupt)
    async with Journal(path) as journal:
        assert await journal.append(record("note")) == 1


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalFailed, match=r"db: .*file: File exists"):
        await Journal(tmp_path / "file" / "journal.db").open()


async def test_there_is_no_file_to_read(tmp_path: Path) -> None:
    with pytest.raises(JournalFailed, match="no such file") as error:
        Reader(tmp_path / "journal.db")
    assert error.value.fate == "none"
    assert list(tmp_path.iterdir()) == []


async def test_a_copy_in_a_folder_without_write_permission_can_be_read(path: Path, tmp_path: Path) -> None:
    async with Journal(path) as journal:
        await journal.append(record("note"))
    place = tmp_path / "archive"
    place.mkdir()
    shutil.copy(path, place)
    place.chmod(0o500)
    with Reader(place / "journal.db") as reader:
        assert reader.last_seq() == 1


async def test_a_fault_of_the_writer_leaves_nobody_waiting(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(Shelf, "store", broken)
    futures = [journal.append(record("fill")) for _ in range(20)]
    found = await asyncio.wait_for(asyncio.gather(*futures, return_exceptions=True), 30)
    assert all(isinstance(each, JournalFailed) for each in found)
    with pytest.raises(JournalFailed, match="a fault"):
        await journal.append(record("fill"))
    assert journal.waiting == 0
    assert IbmuxError.hint in str(found[0])
    assert isinstance(journal.trouble and journal.trouble.__cause__, RuntimeError)
