"""Records go in, become durable in their order, and come out; the table of orders follows them."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_parts import record

from ibmux.errors import AlreadyRunning, Busy, JournalFailed, KeyTaken
from ibmux.journal import FINISHED, Filter, Journal, Reader, Record, Stored, store, verify
from ibmux.journal.opening import migrations
from ibmux.journal.storing import ONE_STATEMENT, Shelf
from ibmux.messages.trades import DONE


async def test_what_is_appended_is_read_again(path: Path) -> None:
    whole = Record(
        gateway="paper", kind="order", script="s", key="k", orderId=3, permId=2**40, execId="e", status="Submitted",
        fingerprint=b"f", body=b"\x00\xff", time=5.5,
    )  # fmt: skip
    async with Journal(path, clock=lambda: 77.0) as journal:
        assert await journal.append(whole) == 1
        assert await journal.append(record("note"), record("note")) == 3
        assert journal.last_seq == 3
    async with Journal(path) as journal:
        assert journal.last_seq == 3
        first, *rest = await journal.read()
        assert [each.time for each in rest] == [77.0, 77.0]
        assert first == Record(**{name: getattr(whole, name) for name in whole.__struct_fields__} | {"seq": 1})


async def test_futures_are_done_in_the_order_of_the_calls(journal: Journal) -> None:
    done: list[int] = []
    futures = [journal.append(record("note", key=str(number))) for number in range(500)]
    for number, future in enumerate(futures):
        future.add_done_callback(lambda _, number=number: done.append(number))
    assert await asyncio.gather(*futures) == list(range(1, 501))
    assert done == list(range(500))
    assert [each.key for each in await journal.read(limit=500)] == [str(number) for number in range(500)]


async def append_many(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Hand 300 records over while the first commit goes on; how many calls each commit took."""
    commits: list[int] = []
    store_, all_are_there = Shelf.store, threading.Event()

    def counted(shelf: Shelf, groups: list) -> list:
        assert all_are_there.wait(30)
        commits.append(len(groups))
        return store_(shelf, groups)

    monkeypatch.setattr(Shelf, "store", counted)
    stored = [journal.append(record(key=str(number))) for number in range(300)]
    all_are_there.set()
    await asyncio.gather(*stored)
    return commits


async def test_what_comes_during_a_commit_shares_the_next_one(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = await append_many(journal, monkeypatch)
    assert (sum(commits), len(commits) <= 2) == (300, True)


async def test_the_loop_is_told_once_for_each_commit(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    hear = journal._hear
    monkeypatch.setattr(journal._writer, "_tell", lambda report: (told.append(report.records), hear(report)))
    commits = await append_many(journal, monkeypatch)
    assert len(told) == len(commits)
    assert sum(told) == 300


@pytest.mark.parametrize("size", [1, ONE_STATEMENT, ONE_STATEMENT + 1, 3000])
async def test_one_call_is_one_transaction(journal: Journal, size: int) -> None:
    stored = await journal.append(*(record("note") for _ in range(size)))
    assert (stored, stored.seqs) == (size, tuple(range(1, size + 1)))
    unfit = [record("note"), *(record("note") for _ in range(size)), record("note", orderId=2**70)]
    with pytest.raises(JournalFailed, match="cannot be journalled"):
        await journal.append(*unfit)
    assert await journal.append(record("note")) == size + 1


async def test_a_record_that_fits_nowhere_holds_up_nobody(journal: Journal) -> None:
    futures = [journal.append(record("note", script=script)) for script in ("a", "\udc80", "b")]
    first, bad, last = await asyncio.gather(*futures, return_exceptions=True)
    assert (first, last) == (1, 2)
    assert isinstance(bad, JournalFailed)
    assert journal.healthy


async def test_who_goes_away_takes_nothing_back(journal: Journal) -> None:
    journal.append(record("note")).cancel()
    assert await journal.append(record("note")) == 2


async def test_a_fill_is_one_row_however_often_it_is_told(journal: Journal) -> None:
    fill, cost = record("fill", execId="e1", body=b"f"), record("commission", execId="e1", body=b"1.0")
    early = record("commission", execId="e2", body=b"2.0")
    assert (await journal.append(fill, fill, cost, cost)).seqs == (1, 0, 2, 0)
    assert (await journal.append(fill, cost, early)).seqs == (0, 0, 3)
    assert (await journal.append(record("fill", execId="e2"), early)).seqs == (4, 0)
    assert (await journal.append(record("commission", execId="e1", body=b"1.5"))).seqs == (5,)
    again = await journal.append(fill)
    assert (again, again.seqs, repr(again)) == (5, (0,), "<Stored 5: 0>")
    other = await journal.append(record("fill", execId="e1", gateway="live"), record("fill"), record("fill"))
    assert other.seqs == (6, 7, 8)
    assert isinstance(other, Stored)


async def test_the_life_of_an_order(journal: Journal) -> None:
    async def state() -> str:
        found = await journal.find("paper", "s", "k")
        assert found is not None
        assert found.finished == (await journal.unfinished("paper") == [])
        return found.state

    await journal.append(record("intent", orderId=7, fingerprint=b"one", body=b"intent"))
    assert await state() == "intent"
    await journal.append(record("unsent"))
    assert await state() == "unsent"
    await journal.append(record("intent", orderId=8, fingerprint=b"one", body=b"intent"), record("sent"))
    assert await state() == "sent"
    await journal.append(record("order", status="Submitted", permId=99, body=b"trade"))
    await journal.append(record("change", fingerprint=b"two", body=b"change"), record("note"), record("sent"))
    await journal.append(record("refusal", status="no"), record("cancel"), record("fill", execId="e"))
    assert await state() == "Submitted"
    await journal.append(record("order", status="Filled"))
    assert await state() == "Filled"
    found = await journal.find("paper", "s", "k")
    assert found is not None
    assert (found.orderId, found.permId, found.fingerprint) == (8, 99, b"two")
    assert (found.intent, found.body, found.intentSeq, found.lastSeq) == (b"intent", b"trade", 3, 12)
    assert await journal.find("paper", "s", "other") is None
    assert await journal.find("live", "s", "k") is None


async def test_an_order_of_nobody_here_is_known_too(journal: Journal) -> None:
    await journal.append(record("order", script="external", status="PreSubmitted", permId=5))
    [found] = await journal.unfinished("paper")
    assert (found.script, found.intentSeq, found.permId) == ("external", 0, 5)


async def test_the_highest_order_id_is_that_of_the_gateway(journal: Journal) -> None:
    for number in (5, 90, 7, 0, -3):
        await journal.append(record(orderId=number, key=str(number)))
    await journal.append(record(orderId=1000, gateway="live"))
    assert await journal.highest_order_id("paper") == 90
    assert await journal.highest_order_id("live") == 1000
    assert await journal.highest_order_id("none") == 0


async def test_reading_in_pages_with_filters(journal: Journal) -> None:
    for number in range(60):
        kind = "fill" if number % 3 == 0 else "note"
        await journal.append(record(kind, script=f"s{number % 2}", key=str(number % 5), time=100.0 + number))
    assert [each.seq for each in await journal.read(since=10, limit=3)] == [11, 12, 13]

    async def count(**wanted: object) -> int:
        return len(await journal.read(wanted=Filter(**wanted)))

    assert [await count(script="s1"), await count(key="2"), await count(kinds=("fill",))] == [30, 12, 20]
    assert [await count(start=150.0), await count(end=150.0), await count(gateway="live")] == [10, 50, 0]
    assert await count(kinds=("fill", "note"), script="s0", start=110.0, end=120.0) == 5
    with Reader(journal.path) as reader:
        assert [each.seq for each in reader.before(limit=2)] == [60, 59]
        assert [each.seq for each in reader.every(Filter(key="1", script="s0"))] == [7, 17, 27, 37, 47, 57]


EVENTS = st.builds(
    record,
    st.sampled_from(["intent", "sent", "unsent", "order", "fill", "commission", "cancel", "change", "refusal", "note"]),
    st.sampled_from(["", "a", "b"]),
    gateway=st.sampled_from(["paper", "live"]),
    orderId=st.integers(-1, 5),
    permId=st.integers(0, 2),
    execId=st.sampled_from(["", "x", "y"]),
    status=st.sampled_from(["", "Submitted", "odd", *sorted(DONE)]),
    fingerprint=st.sampled_from([b"", b"1"]),
    body=st.sampled_from([b"", b"1", b"2"]),
)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(calls=st.lists(st.lists(EVENTS, min_size=1, max_size=40), max_size=8))
def test_the_file_keeps_orders_by_the_rules_of_the_ledger(
    calls: list[list[Record]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("rules") / "journal.db"

    async def write() -> None:
        async with Journal(path) as journal:
            outcomes = await asyncio.gather(*(journal.append(*each) for each in calls), return_exceptions=True)
            assert all(isinstance(each, Stored | KeyTaken) for each in outcomes), outcomes
            assert journal.healthy

    asyncio.run(write())
    with Reader(path) as reader:
        assert verify(reader).problems == []
        fills = [(each.gateway, each.execId) for each in reader.every(Filter(kinds=("fill",))) if each.execId]
        assert len(set(fills)) == len(fills)
        for gateway in ("paper", "live"):
            assert all(not each.finished for each in reader.unfinished(gateway))


async def test_too_much_at_once_is_refused_with_room_for_what_happened(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "ROOM", 5)
    monkeypatch.setattr(store, "RESERVE", 8)
    waiting = [journal.append(record("note")) for _ in range(5)]
    with pytest.raises(Busy) as refused:
        journal.append(record("intent"))
    assert (refused.value.fate, refused.value.retryable) == ("not_sent", True)
    waiting += [journal.append(record("fill", execId=str(number))) for number in range(3)]
    with pytest.raises(Busy):
        journal.append(record("fill"))
    assert await asyncio.gather(*waiting) == list(range(1, 9))
    assert journal.waiting == 0
    assert await journal.append(record("intent", key="new")) == 9


async def test_closing_writes_what_waits(path: Path) -> None:
    journal = Journal(path)
    await journal.open()
    futures = [journal.append(record(key=str(number))) for number in range(4000)]
    await journal.close()
    assert [future.result() for future in futures] == list(range(1, 4001))
    assert sorted(each.name for each in path.parent.iterdir()) == ["journal.db", "journal.db.lock"]
    for call in (lambda: journal.append(record("note")), journal.read, lambda: journal.prune(0.0)):
        with pytest.raises(JournalFailed, match="is closed"):
            await call()
    await journal.close()
    async with journal:
        assert await journal.append(record("note")) == 4001


async def test_two_proxies_never_write_one_file(journal: Journal, path: Path) -> None:
    other = Journal(path)
    with pytest.raises(AlreadyRunning, match="in use: the process"):
        await other.open()
    with Reader(path) as reader:
        assert reader.last_seq() == 0
    await journal.close()
    async with Journal(path) as later:
        assert await later.append(record("note")) == 1


async def test_the_file_is_for_its_user_alone(journal: Journal, path: Path) -> None:
    await journal.append(record("note"))
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert {each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {0o600}


async def test_every_commit_is_on_the_disk(journal: Journal) -> None:
    def settings_of(shelf: Shelf) -> list[object]:
        names = ("journal_mode", "synchronous", "auto_vacuum", "user_version")
        return [shelf.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    assert await journal._do(settings_of) == ["wal", 2, 2, len(migrations())]


def test_the_schema_names_the_finished_states() -> None:
    [text] = migrations()
    states = ", ".join(f"'{each}'" for each in ("Filled", "Cancelled", "ApiCancelled", "Inactive"))
    assert text.count(f"IN ({states})") == 2
    assert frozenset({"Filled", "Cancelled", "ApiCancelled", "Inactive", "unsent"}) == FINISHED
