"""Rotation: what leaves the journal is in the archives first, each order whole, whatever comes in between."""

# ruff: noqa: ASYNC240 - nobody else waits in a test's loop

from __future__ import annotations

import asyncio
import calendar
import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_parts import record, tell, until

from ibmux.errors import JournalFailed
from ibmux.journal import Journal, Library, Reader, Record, archives, end_of, keep, keeping, rotating, verify
from ibmux.journal.archiving import Archive
from ibmux.journal.months import month_of, place
from ibmux.journal.pruning import Copied
from ibmux.journal.rotating import Archivist

DAY = keeping.DAY


def day(text: str) -> float:
    """Midnight of a day as seconds UTC."""
    year, month, number = map(int, text.split("-"))
    return float(calendar.timegm((year, month, number, 0, 0, 0)))


LATER = day("2026-12-01")
ALL_OLD = LATER + DAY
"""With nothing younger: what is appended late, and dated back, goes, too."""


async def trade(journal: Journal, key: str, time: float, status: str = "Filled") -> None:
    """An order from its intent to its end, within five seconds."""
    await journal.append(
        record(key=key, time=time, orderId=int(time // DAY)),
        record("refusal", key=key, time=time + 1),
        record("fill", key=key, time=time + 2, execId=f"e-{key}-{time}"),
        record("commission", key=key, time=time + 3, execId=f"e-{key}-{time}", body=b"1"),
        record("order", key=key, time=time + 4, status=status, body=b"x" * 300),
    )


async def rotate(journal: Journal, before: float = LATER) -> int:
    async with Archivist(journal.path) as archivist:
        return await journal.prune(before, archivist.copy)


def everything(path: Path) -> list[Record]:
    with Library(path, with_archives=True) as library:
        return list(library.every())


def names(path: Path) -> list[str]:
    return [each.path.name for each in archives(path)]


def seqs(path: Path) -> list[int]:
    with Reader(path) as reader:
        return [each.seq for each in reader.every()]


def sound(path: Path) -> None:
    """The journal and each archive are whole, and all numbers that left the journal are in an archive."""
    archived: set[int] = set()
    for each in archives(path):
        with Reader(each.path) as reader:
            assert verify(reader).problems == [], each
        archived.update(seqs(each.path))
    with Reader(path) as reader:
        assert verify(reader).problems == []
        gone = reader.rows("SELECT first, last FROM pruned", [], lambda row: range(row[0], row[1] + 1))
    assert archived.issuperset(seq for each in gone for seq in each)


async def test_several_months_at_once_each_order_whole_by_its_last_record(journal: Journal, path: Path) -> None:
    await trade(journal, "open", day("2026-08-01"), "Submitted")
    await trade(journal, "long", day("2026-08-02"), "Submitted")
    for number in range(120):
        await trade(journal, f"a-{number}", day("2026-08-03") + number)
        await journal.append(record("note", key="", time=day("2026-09-30") + number))
        await trade(journal, f"b-{number}", day("2026-10-31") + number)
    await journal.append(record("order", key="long", time=day("2026-10-01"), status="Cancelled"))
    await trade(journal, "new", LATER)
    before = await journal.read(limit=10_000)

    assert await rotate(journal) == 120 * 11 + 6
    assert names(path) == [f"journal-2026-{month}.db" for month in ("08", "09", "10")]
    assert {each.key for each in await journal.read()} == {"open", "new"}
    with Reader(place(path, "2026-10")) as reader:
        long = reader.find("paper", "s", "long")
        assert long is not None
        assert (long.state, len([each for each in reader.every() if each.key == "long"])) == ("Cancelled", 6)
        assert {each.key[0] for each in reader.every()} == {"b", "l"}
        assert verify(reader).pruned == reader.last_seq() - 120 * 5 - 6
    with Reader(place(path, "2026-09")) as reader:
        assert {each.kind for each in reader.every()} == {"note"}
    assert everything(path) == before
    with Library(path, with_archives=True) as library:
        assert list(library.backwards()) == before[::-1]
    assert await rotate(journal) == 0
    sound(path)


async def test_few_archives_are_open_at_once(journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotating, "OPEN", 1)
    for number in range(36):
        await trade(journal, f"{number}", day(f"2026-0{number % 3 + 1}-01"))
    await trade(journal, "z", LATER)
    async with Archivist(path) as archivist:
        assert await journal.prune(LATER, archivist.copy) == 180
        assert len(archivist._open) == 1
    assert [len(seqs(each.path)) for each in archives(path)] == [60, 60, 60]
    sound(path)


async def test_archives_are_single_files_for_the_user_alone(journal: Journal, path: Path) -> None:
    await trade(journal, "a", day("2026-08-01"))
    await trade(journal, "z", LATER)
    await rotate(journal)
    there = sorted(each.name for each in path.parent.iterdir() if each.name.startswith("journal-"))
    assert there == ["journal-2026-08.db"]
    assert place(path, "2026-08").stat().st_mode & 0o777 == 0o600


async def test_a_crash_between_copy_and_delete_leaves_both_and_the_next_round_goes_on(path: Path) -> None:
    async with Journal(path) as journal:
        for number in range(50):
            await trade(journal, f"a-{number}", day("2026-08-03") + number)
        await trade(journal, "z", LATER)
        before = await journal.read()
        async with Archivist(path) as archivist:
            copied = await archivist.copy(LATER, 0)
        assert len(copied.seqs) == 100
        assert await journal.read() == before
    assert everything(path) == before
    sound(path)
    async with Journal(path) as journal:
        assert await rotate(journal) == 250
        assert await journal.highest_order_id("paper") == LATER // DAY
    assert names(path) == ["journal-2026-08.db"]
    assert everything(path) == before
    sound(path)


async def test_the_next_rounds_add_to_the_archive_of_the_month(path: Path) -> None:
    for number in range(4):
        async with Journal(path) as journal:
            await trade(journal, f"{number}", day(f"2026-08-0{number + 1}"))
            await trade(journal, f"new-{number}", LATER, "Submitted")
            assert await rotate(journal, ALL_OLD) == 5
    assert seqs(place(path, "2026-08")) == [*range(1, 6), *range(11, 16), *range(21, 26), *range(31, 36)]
    sound(path)


async def test_an_order_with_a_record_more_than_was_copied_stays_whole(journal: Journal, path: Path) -> None:
    await trade(journal, "a", day("2026-08-01"))
    await trade(journal, "b", day("2026-08-02"))
    await trade(journal, "z", LATER, "Submitted")
    late = record("commission", "a", execId="e-late", time=day("2026-09-01"))
    async with Archivist(path) as archivist:

        async def copy(before: float, start: int) -> Copied:
            copied = await archivist.copy(before, start)
            await journal.append(late)
            return copied

        assert await journal.prune(LATER, copy) == 5
    assert [each.seq for each in await journal.read() if each.key == "a"] == [1, 2, 3, 4, 5, 16]
    before = everything(path)
    assert [each.seq for each in before] == list(range(1, 17))
    await trade(journal, "zz", LATER, "Submitted")
    assert await rotate(journal, ALL_OLD) == 6
    assert names(path) == ["journal-2026-08.db", "journal-2026-09.db"]
    assert everything(path)[:16] == before
    sound(path)


async def test_what_comes_for_an_archived_order_joins_it(journal: Journal, path: Path) -> None:
    await trade(journal, "a", day("2026-08-01"))
    await trade(journal, "z", LATER, "Submitted")
    await rotate(journal, ALL_OLD)
    await journal.append(record("commission", "a", execId="e-late", time=day("2026-08-20")))
    await journal.append(record("order", "a", status="Filled", time=day("2026-08-20"), permId=9))
    await trade(journal, "zz", LATER, "Submitted")
    assert await rotate(journal, ALL_OLD) == 2
    assert seqs(place(path, "2026-08")) == [1, 2, 3, 4, 5, 11, 12]
    with Reader(place(path, "2026-08")) as reader:
        found = reader.find("paper", "s", "a")
        assert found is not None
        assert (found.state, found.permId, found.intentSeq, found.lastSeq) == ("Filled", 9, 1, 12)
    sound(path)


async def test_a_key_that_was_used_again_within_the_month_has_another_file(journal: Journal, path: Path) -> None:
    for number in range(3):
        await trade(journal, "close", day("2026-08-01") + number * 9 * DAY)
        await trade(journal, f"other-{number}", day("2026-08-01") + number * 9 * DAY)
        await trade(journal, f"z-{number}", LATER, "Submitted")
        assert await rotate(journal, ALL_OLD) == 10
    assert names(path) == ["journal-2026-08.db", "journal-2026-08-2.db", "journal-2026-08-3.db"]
    assert [len(seqs(each.path)) for each in archives(path)] == [20, 5, 5]
    assert [each.seq for each in everything(path)] == list(range(1, 46))
    sound(path)


async def test_a_journal_that_began_anew_does_not_mix_with_the_archives_of_the_old_one(path: Path) -> None:
    for name in ("old", "new"):
        async with Journal(path) as journal:
            await trade(journal, name, day("2026-08-01"))
            await trade(journal, "z", LATER)
            await rotate(journal)
        if name == "old":
            path.unlink()
    assert names(path) == ["journal-2026-08.db", "journal-2026-08-2.db"]
    found = everything(path)
    assert [[each.key for each in found].count(key) for key in ("old", "new", "z")] == [5, 5, 5]
    assert [each.seq for each in found] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, *range(6, 11)]
    sound(path)


async def test_an_order_that_fits_no_archive_stays(
    journal: Journal, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await trade(journal, "a", day("2026-08-01"))
    await trade(journal, "twice", day("2026-08-02"))
    await tell(journal, "UPDATE orders SET state = 'unsent', finished = 1 WHERE key = 'twice'")
    await trade(journal, "twice", day("2026-08-03"))
    await trade(journal, "z", LATER)
    assert await rotate(journal) == 5
    assert [each.seq for each in await journal.read() if each.key == "twice"] == list(range(6, 16))
    assert [each.__dict__["records"] for each in caplog.records if each.getMessage() == "journal.unarchived"] == [[6]]


@pytest.mark.parametrize("trouble", ["full", "little room", "folder", "text", "other"])
async def test_nothing_is_deleted_that_no_archive_takes(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    for number in range(10):
        await trade(journal, f"a-{number}", day("2026-08-01"))
    await trade(journal, "z", LATER)
    before = await journal.read()
    barrier = place(path, "2026-08")
    with monkeypatch.context() as patched:
        match trouble:
            case "full":
                patched.setattr(rotating, "Archive", SmallArchive)
            case "little room":
                patched.setattr(rotating, "ROOM", 1 << 60)
            case "folder":
                barrier.mkdir()
            case "text":
                barrier.write_text("Dear diary, " * 1000)
            case "other":
                with closing(sqlite3.connect(barrier)) as other:
                    other.execute("CREATE TABLE wishes (text)")
        with pytest.raises(JournalFailed) as raised:
            await rotate(journal)
    words = {
        "full": f"{barrier}: the disk is full",
        "little room": "the last 1152921504607 MB are for new orders",
        "folder": f"{barrier}: the file cannot be opened",
        "text": f"{barrier} is damaged, or is no journal",
        "other": "another program's database",
    }
    assert words[trouble] in raised.value.message
    assert "Nothing is lost, and orders go on" in raised.value.advice
    assert await journal.read() == before
    assert journal.healthy
    assert await journal.append(record("intent", "goes-on")) == before[-1].seq + 1
    if trouble == "folder":
        barrier.rmdir()
    elif trouble in ("text", "other"):
        barrier.unlink()
    assert await rotate(journal) == 50
    sound(path)


class SmallArchive(Archive):
    """Its file may have no page more."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        [pages] = self._connection.execute("PRAGMA page_count").fetchone()
        self._connection.execute(f"PRAGMA max_page_count = {pages}")


async def test_an_archive_that_is_moved_away_meanwhile_is_none(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        await trade(journal, f"a-{number}", day("2026-08-01"))
    await trade(journal, "z", LATER)
    async with Archivist(path) as archivist:
        await archivist.copy(LATER, 0)
        moved = place(path, "2026-08").rename(path.with_name("moved"))
        place(path, "2026-08").write_bytes(moved.read_bytes())
        with pytest.raises(JournalFailed, match="moved away"):
            await archivist.copy(LATER, 100)


async def test_orders_do_not_wait_for_an_archive(journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    going, going_on = Event(), Event()

    class Slow(Archive):
        def take(self, parts):  # type: ignore[no-untyped-def]
            going.set()
            assert going_on.wait(20)
            return super().take(parts)

    monkeypatch.setattr(rotating, "Archive", Slow)
    await trade(journal, "a", day("2026-08-01"))
    await trade(journal, "z", LATER)
    task = asyncio.create_task(rotate(journal))
    await until(going.is_set)
    try:
        assert [await journal.append(record("intent", f"{number}")) for number in range(5)] == list(range(11, 16))
        assert await journal.find("paper", "s", "a") is not None
        assert not task.done()
    finally:
        going_on.set()
    assert await task == 5


async def test_a_proxy_that_stops_meanwhile_leaves_all_in_order(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    going = Event()

    class Telling(Archive):
        def take(self, parts):  # type: ignore[no-untyped-def]
            going.set()
            return super().take(parts)

    monkeypatch.setattr(rotating, "Archive", Telling)
    async with Journal(path) as journal:
        for number in range(200):
            await trade(journal, f"a-{number}", day("2026-08-01"))
        await trade(journal, "z", LATER)
        task = asyncio.create_task(keep(journal, 8, archive=True, clock=lambda: LATER + 8 * DAY, first=0))
        await until(going.is_set)
        task.cancel()
        assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError)
    assert [each.seq for each in everything(path)] == list(range(1, 1006))
    sound(path)


async def test_what_kept_from_archiving_is_told_and_tried_again(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ibmux.journal")
    await trade(journal, "a", day("2026-08-01"))
    await trade(journal, "z", LATER)
    barrier = place(path, "2026-08")
    barrier.mkdir()
    monkeypatch.setattr(keeping, "AGAIN", 0.01)
    task = asyncio.create_task(keep(journal, 8, archive=True, clock=lambda: LATER + 8 * DAY, first=0))

    def told(word: str) -> list[logging.LogRecord]:
        return [each for each in caplog.records if each.getMessage() == word]

    await until(lambda: len(told("journal.unpruned")) > 2)
    assert str(barrier) in told("journal.unpruned")[0].__dict__["reason"]
    assert "Nothing is lost, and orders go on" in told("journal.unpruned")[0].__dict__["advice"]
    assert len(await journal.read()) == 10
    barrier.rmdir()
    await until(lambda: told("journal.pruned"))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert told("journal.pruned")[0].__dict__["archived"] is True
    assert names(path) == ["journal-2026-08.db"]


async def test_archives_go_when_their_month_is_long_over(
    journal: Journal, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ibmux.journal")
    for month in ("06", "07", "08"):
        await trade(journal, month, day(f"2026-{month}-01"))
    await trade(journal, "z", LATER)
    await rotate(journal)
    place(path, "2026-05").write_text("This is not a journal, but has the name of one: it is somebody's. " * 9)
    place(path, "2026-06", 2).write_bytes(place(path, "2026-06").read_bytes())
    path.with_name("journal-2026-06.db-wal").touch()
    path.with_name("other-2026-06.db").touch()
    now = day("2026-08-01") + 30 * DAY
    task = asyncio.create_task(keep(journal, 0, keep_archives=30, clock=lambda: now, first=0))
    await until(lambda: "journal.archives_deleted" in caplog.text)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    there = sorted(each.name for each in path.parent.iterdir() if not each.name.startswith("journal.db"))
    assert there == ["journal-2026-05.db", "journal-2026-08.db", "other-2026-06.db"]
    [told] = [each for each in caplog.records if each.getMessage() == "journal.archives_deleted"]
    assert told.__dict__["archives"] == ["journal-2026-06.db", "journal-2026-06-2.db", "journal-2026-07.db"]


async def test_a_start_that_was_killed_while_it_made_an_archive_goes_on(journal: Journal, path: Path) -> None:
    await trade(journal, "a", day("2026-08-01"))
    await trade(journal, "z", LATER)
    place(path, "2026-08").with_name("journal-2026-08.db.new").write_bytes(b"half")
    assert names(path) == []
    assert await rotate(journal) == 5
    assert sorted(each.name for each in path.parent.iterdir() if "2026" in each.name) == ["journal-2026-08.db"]


async def test_an_archive_can_be_read_while_it_is_written(journal: Journal, path: Path) -> None:
    await trade(journal, "a", day("2026-08-01"))
    await trade(journal, "z", LATER, "Submitted")
    await rotate(journal, ALL_OLD)
    with Reader(place(path, "2026-08")) as reader:
        assert len(reader.records()) == 5
        await trade(journal, "b", day("2026-08-02"))
        await trade(journal, "zz", LATER, "Submitted")
        assert await rotate(journal, ALL_OLD) == 5
        assert len(reader.records()) == 10
    sound(path)


def test_a_gap_that_is_none_is_damage(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "a.db")
    row = (0.0, "paper", "note", "", "", 0, 0, "", "", b"", b"")
    assert archive.take([[(5, *row)]]) == []
    archive._connection.execute("DELETE FROM pruned")
    with pytest.raises(JournalFailed, match="no gap for record 3"):
        archive.take([[(3, *row)]])
    archive.close()
    assert seqs(tmp_path / "a.db") == [5]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sets(st.integers(1, 40), min_size=1, max_size=8), max_size=8))
def test_an_archive_knows_which_numbers_are_elsewhere(
    tmp_path_factory: pytest.TempPathFactory, parts: list[set[int]]
) -> None:
    path = tmp_path_factory.mktemp("archive") / "a.db"
    archive = Archive(path)
    archive._connection.execute("PRAGMA synchronous = OFF")
    for part in parts:
        rows = [(seq, 0.0, "paper", "note", "", "", 0, 0, "", "", b"", b"") for seq in sorted(part)]
        assert archive.take([rows]) == []
    archive.close()
    with Reader(path) as reader:
        found = verify(reader)
        gaps = reader.rows("SELECT first, last FROM pruned", [], lambda row: range(row[0], row[1] + 1))
    there = set[int]().union(*parts)
    assert found.problems == []
    assert {seq for each in gaps for seq in each} == set(range(1, max(there, default=0) + 1)) - there


@pytest.mark.parametrize(
    ("moment", "month"),
    [(-5.0, "1970-01"), (0.0, "1970-01"), (day("2026-12-31") + DAY - 1, "2026-12"), (day("2027-01-01"), "2027-01")],
)
def test_months_are_those_of_utc(moment: float, month: str) -> None:
    assert month_of(moment) == month
    assert month_of(end_of(month) - 1) == month
    assert month_of(end_of(month)) != month


def test_archives_have_the_name_of_their_journal(tmp_path: Path) -> None:
    for name in ("j.db", "j-2026-10.db", "j-2026-09-2.db", "j-2026-09.db", "j-2026-13.db", "j-2026-10.db.new",
                 "j-2026-10-0.db", "j-2026-10.db-wal", "jj-2026-10.db", "j-2-2026-10.db"):  # fmt: skip
        (tmp_path / name).touch()
    (tmp_path / "j-2026-08.db").mkdir()
    assert names(tmp_path / "j.db") == ["j-2026-09.db", "j-2026-09-2.db", "j-2026-10.db"]
    assert names(tmp_path / "j-2.db") == ["j-2-2026-10.db"]
    assert archives(tmp_path / "none" / "j.db") == []
