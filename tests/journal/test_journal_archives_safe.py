"""Archives and what may befall them: a neighbour's file, a kill, a file that moves, a clock that is wrong."""

# ruff: noqa: ASYNC240 - nobody else waits in a test's loop

from __future__ import annotations

import asyncio
import calendar
import os
import sqlite3
import sys
from pathlib import Path

import pytest
from journal_parts import record, until

from ibmux.errors import JournalFailed
from ibmux.journal import Journal, Library, Reader, archives, keep, keeping, months, verify
from ibmux.journal.archiving import Archive
from ibmux.journal.months import place
from ibmux.journal.rotating import Archivist

DAY = keeping.DAY
OCTOBER, DECEMBER = (float(calendar.timegm((2026, month, 1, 0, 0, 0))) for month in (10, 12))

KILLED = """
import asyncio, os, sys
from pathlib import Path
from ibmux.journal import Journal
from ibmux.journal.rotating import Archivist

async def main():
    journal = Journal(Path(sys.argv[1]))
    await journal.open()
    await journal.prune(float(sys.argv[2]), Archivist(journal.path).copy)
    os._exit(9)

asyncio.run(main())
"""
HALF = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.executescript("PRAGMA cache_size = 1; BEGIN IMMEDIATE; UPDATE records SET body = zeroblob(9000)")
os._exit(9)
"""


async def trade(journal: Journal, key: str, time: float, status: str = "Filled") -> None:
    await journal.append(
        record(key=key, time=time),
        record("fill", key=key, time=time + 1, execId=f"e-{key}"),
        record("order", key=key, time=time + 2, status=status, body=b"x" * 300),
    )


async def fill(journal: Journal, name: str, count: int = 40) -> None:
    """Old orders, and a young one that stays."""
    for number in range(count):
        await trade(journal, f"{name}-{number}", OCTOBER + number)
    await trade(journal, f"{name}-young", DECEMBER)


async def rotate(journal: Journal, before: float = DECEMBER) -> int:
    async with Archivist(journal.path) as archivist:
        return await journal.prune(before, archivist.copy)


async def run(program: str, *arguments: object) -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", program, *map(str, arguments))
    assert await child.wait() == 9


def names(path: Path) -> list[str]:
    return [each.path.name for each in archives(path)]


def keys(path: Path) -> set[str]:
    with Reader(path) as reader:
        return {each.key for each in reader.every()}


async def test_another_proxys_journal_is_no_archive_whatever_its_name(journal: Journal, path: Path) -> None:
    other = place(path, "2026-10")
    await fill(journal, "mine")
    async with Journal(other) as neighbour:
        await trade(neighbour, "theirs", DECEMBER)
        assert names(path) == []
        assert await rotate(journal) == 120
        assert names(path) == ["journal-2026-10-2.db"]
        assert keys(other) == {"theirs"}
        assert await neighbour.append(record(key="next")) == 4
    assert months.expire(path, DECEMBER) == [place(path, "2026-10", 2)]
    assert keys(other) == {"theirs", "next"}


async def test_an_archive_is_no_journal_to_write(journal: Journal, path: Path) -> None:
    await fill(journal, "a")
    await rotate(journal)
    with pytest.raises(JournalFailed, match="is an archive of another journal"):
        await Journal(place(path, "2026-10")).open()
    await trade(journal, "z", DECEMBER)
    assert verify_all(path) == []


def verify_all(path: Path) -> list[str]:
    with Library(path, with_archives=True) as library:
        return [problem for reader in library.readers for problem in verify(reader).problems]


async def test_after_a_kill_the_one_file_of_an_archive_has_it_all(path: Path, tmp_path: Path) -> None:
    async with Journal(path) as journal:
        await fill(journal, "first")
        assert await rotate(journal) == 120
        for number in range(40):
            await trade(journal, f"second-{number}", OCTOBER)
        await trade(journal, "last", DECEMBER)
    await run(KILLED, path, DECEMBER + DAY)
    moved = place(path, "2026-10").rename(tmp_path / "moved.db")
    assert keys(moved) | keys(path) >= {f"{name}-{number}" for name in ("first", "second") for number in range(40)}
    assert not any(key.startswith("second") for key in keys(path))
    async with Journal(path) as journal:
        await trade(journal, "third", OCTOBER)
        await trade(journal, "end", DECEMBER + DAY)
        assert await rotate(journal, DECEMBER + DAY) > 0
    assert names(path)[0] == "journal-2026-10.db"
    assert verify_all(path) == []


async def half_written(journal: Journal, path: Path) -> Path:
    """An archive whose writer was killed in the middle of a transaction."""
    await fill(journal, "a", 200)
    await rotate(journal)
    await run(HALF, place(path, "2026-10"))
    assert [each.name for each in months.beside(place(path, "2026-10"))] == ["journal-2026-10.db-journal"]
    return place(path, "2026-10")


async def test_a_transaction_that_was_cut_off_is_undone_by_the_next_reader(journal: Journal, path: Path) -> None:
    await half_written(journal, path)
    assert verify_all(path) == []
    with Library(path, with_archives=True) as library:
        assert {len(each.body) for each in library.every()} == {0, 300}


async def test_a_round_makes_single_files_of_all_archives_also_those_of_other_months(
    journal: Journal, path: Path
) -> None:
    archive = await half_written(journal, path)
    assert await rotate(journal) == 0
    assert months.beside(archive) == []
    assert verify_all(path) == []


async def test_what_was_left_beside_a_moved_archive_does_not_become_part_of_a_new_one(
    journal: Journal, path: Path, tmp_path: Path
) -> None:
    archive = await half_written(journal, path)
    away = archive.rename(tmp_path / archive.name)
    for number in range(40):
        await trade(journal, f"b-{number}", OCTOBER)
    await trade(journal, "last", DECEMBER + DAY)
    assert await rotate(journal, DECEMBER + DAY) > 0
    assert names(path)[0] == "journal-2026-10-2.db"
    away.rename(archive)
    assert verify_all(path) == []
    assert {f"a-{number}" for number in range(200)} <= keys(archive)


@pytest.mark.parametrize("is_forward", [True, False])
async def test_what_a_round_moves_meanwhile_is_read_all_the_same(
    journal: Journal, path: Path, is_forward: bool
) -> None:
    for number in range(700):
        await trade(journal, str(number), OCTOBER + number)
    await trade(journal, "young", DECEMBER)
    with Library(path, with_archives=True) as library:
        stream = library.every() if is_forward else library.backwards()
        found = [next(stream).seq]
        assert await rotate(journal) == 2100
        found += [each.seq for each in stream]
        assert found == list(range(1, 2104))[:: 1 if is_forward else -1]
        assert library.find("paper", "s", "0") is not None


async def test_an_order_is_found_that_a_round_took_away_since(journal: Journal, path: Path) -> None:
    await fill(journal, "a", 1)
    with Library(path, with_archives=True) as library:
        assert await rotate(journal) == 3
        assert library.find("paper", "s", "a-0") is not None


async def test_nothing_is_deleted_where_another_file_is_in_the_journals_place(journal: Journal, path: Path) -> None:
    await fill(journal, "mine")
    other = path.with_name("other.db")
    async with Journal(other) as one:
        await fill(one, "theirs")
    moved = path.rename(path.with_name("mine.db"))
    for ending in ("-wal", "-shm"):
        path.with_name(f"{path.name}{ending}").rename(f"{moved}{ending}")
    other.rename(path)
    with pytest.raises(JournalFailed, match="replaced by another file"):
        await rotate(journal)
    with pytest.raises(JournalFailed, match="replaced by another file"):
        await journal.prune(DECEMBER)
    assert names(path) == []
    assert len(keys(moved)) == 41


async def test_one_that_is_exchanged_between_copy_and_delete_is_noticed(journal: Journal, path: Path) -> None:
    await fill(journal, "mine")
    async with Archivist(path) as archivist:

        async def copy(before: float, start: int):  # type: ignore[no-untyped-def]
            copied = await archivist.copy(before, start)
            path.rename(path.with_name("mine.db")).with_name("journal.db").touch()
            return copied

        with pytest.raises(JournalFailed, match="replaced by another file"):
            await journal.prune(DECEMBER, copy)
    [left] = await journal._do(lambda shelf: shelf.connection.execute("SELECT count(*) FROM records").fetchone())
    assert left == 123


async def test_a_record_that_a_clock_dated_back_is_as_young_as_those_before_it(journal: Journal, path: Path) -> None:
    await trade(journal, "old", OCTOBER)
    await trade(journal, "yesterday", DECEMBER)
    await trade(journal, "daily", OCTOBER - 300 * DAY)
    await journal.append(record("note", key="", time=DECEMBER + DAY))
    for archive in (True, False):
        assert await keeping._retain(journal, 30, DECEMBER, archive=archive) is True
        assert await journal.find("paper", "s", "daily") is not None
    assert keys(path) == {"yesterday", "daily", ""}


async def test_a_record_that_a_clock_dated_ahead_keeps_nothing_for_ever(journal: Journal, path: Path) -> None:
    await trade(journal, "ahead", DECEMBER + 9000 * DAY)
    await trade(journal, "old", OCTOBER)
    await trade(journal, "new", DECEMBER)
    assert await rotate(journal) == 3
    assert keys(path) == {"ahead", "new"}


async def test_a_clock_that_runs_ahead_takes_nothing_that_is_young(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with Journal(path) as journal:
        await fill(journal, "old")
        await rotate(journal)
    looks: list[float] = []
    real = Journal.prune

    async def prune(self, before, copy=None):  # type: ignore[no-untyped-def]
        count = await real(self, before, copy)
        looks.append(before)
        return count

    monkeypatch.setattr(Journal, "prune", prune)
    async with Journal(path) as journal:
        assert journal.left_at == DECEMBER + 2
        await trade(journal, "now", DECEMBER + 366 * DAY)
        clock = lambda: DECEMBER + 366 * DAY  # noqa: E731
        task = asyncio.create_task(keep(journal, 30, archive=True, keep_archives=300, clock=clock, first=0))
        await until(lambda: looks)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await journal.find("paper", "s", "old-young") is not None
    assert names(path) == ["journal-2026-10.db"]
    assert "journal.clock_ahead" in caplog.text


async def test_an_archive_that_cannot_be_deleted_keeps_no_other(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await fill(journal, "a")
    await rotate(journal)
    stubborn = place(path, "2026-09")
    Archive(stubborn).close()
    real = Path.unlink

    def unlink(self: Path, missing_ok: bool = False) -> None:
        if self == stubborn:
            raise PermissionError(1, os.strerror(1), str(self))
        real(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    assert await keeping._expire(journal, 30, DECEMBER) is False
    assert names(path) == ["journal-2026-09.db"]
    assert str(stubborn) in str([each.__dict__.get("reason") for each in caplog.records])


async def test_a_folder_that_cannot_be_looked_at_is_told_and_ends_nothing(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def scan(folder: Path) -> None:
        raise OSError(5, os.strerror(5), str(folder))

    monkeypatch.setattr(months.os, "scandir", scan)
    await fill(journal, "a")
    assert await keeping._expire(journal, 30, DECEMBER) is False
    assert await keeping._retain(journal, 30, DECEMBER, archive=True) is False
    assert [each.getMessage() for each in caplog.records] == ["journal.archives_stay", "journal.unpruned"]


async def test_an_archive_of_a_write_ahead_log_becomes_a_single_file(journal: Journal, path: Path) -> None:
    await fill(journal, "a")
    await rotate(journal)
    one = sqlite3.connect(place(path, "2026-10"))
    one.execute("PRAGMA journal_mode = WAL")
    one.close()
    Archive(place(path, "2026-10")).close()
    assert months.beside(place(path, "2026-10")) == []
    with Reader(place(path, "2026-10")) as reader:
        assert reader.rows("PRAGMA journal_mode", [], lambda row: row[0]) == ["delete"]
