"""A key has one intent, whoever writes it and when; what is asked often is answered from an index."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from journal_parts import record, tell

from ibmux.errors import JournalFailed, KeyTaken
from ibmux.journal import TOLD, Filter, Journal, Reader, Record, verify
from ibmux.journal.storing import ONE_STATEMENT, Shelf

AGAIN = [
    [],
    [record("sent")],
    [record("order", status="Submitted")],
    [record("order", status="Filled")],
    [record("order", status="Inactive")],
    [record("order", status="Submitted"), record("sent")],
]


@pytest.mark.parametrize("then", AGAIN)
async def test_a_key_is_taken_in_whatever_state_its_order_is(path: Path, then: list[Record]) -> None:
    async with Journal(path) as journal:
        await journal.append(record("intent", body=b"first"), *then)
    async with Journal(path) as journal:
        with pytest.raises(KeyTaken, match="key 'k' of s"):
            await journal.append(record("note"), record("intent", body=b"second"), record("note"))
        assert journal.healthy
        assert journal.last_seq == 1 + len(then)
        found = await journal.find("paper", "s", "k")
        assert found is not None
        assert found.intent == b"first"
        for other in ({"script": "t"}, {"gateway": "live"}, {"key": "l"}):
            await journal.append(record("intent", **other))


async def test_a_key_is_free_again_when_its_order_was_certainly_not_sent(journal: Journal) -> None:
    await journal.append(record("intent"), record("unsent"))
    await journal.append(record("intent"), record("sent"), record("unsent"))
    await journal.append(record("intent"), record("order", status="PendingSubmit"), record("unsent"))
    together = [journal.append(record("intent")), journal.append(record("unsent")), journal.append(record("intent"))]
    assert await asyncio.gather(*together) == [9, 10, 11]
    with pytest.raises(KeyTaken):
        await journal.append(record("intent"))


async def test_a_later_attempt_that_was_refused_does_not_free_the_key(journal: Journal) -> None:
    """Its intent was refused when nobody waited for that any more: `unsent` says nothing of the order before it."""
    await journal.append(record("intent"), record("order", status="Filled"), record("unsent"))
    with pytest.raises(KeyTaken):
        await journal.append(record("intent"))
    await journal.append(record("fill", key="b", execId="e"), record("unsent", key="b"))
    with pytest.raises(KeyTaken):
        await journal.append(record("intent", key="b"))
    standing = await journal.find("paper", "s", "k")
    assert standing is None or standing.state == "Filled"


async def test_an_order_of_which_only_a_fill_is_known_has_its_key(journal: Journal) -> None:
    await journal.append(record("fill", execId="e"))
    with pytest.raises(KeyTaken):
        await journal.append(record("intent"))


async def test_two_intents_of_one_call_with_one_key_are_none(journal: Journal) -> None:
    with pytest.raises(KeyTaken, match="key 'b'"):
        await journal.append(record(key="a"), record(key="b"), record(key="c"), record(key="b"))
    assert await journal.read() == []
    many = [record(key=str(number)) for number in range(ONE_STATEMENT * 2)]
    with pytest.raises(KeyTaken, match="key '0'"):
        await journal.append(*many, record(key="0"))
    assert await journal.append(*many) == len(many)


async def test_calls_of_one_transaction_are_refused_each_for_itself(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    transactions: list[int] = []
    for name in ("store", "store_singly"):
        monkeypatch.setattr(Shelf, name, _counted(getattr(Shelf, name), transactions))
    await journal.append(record(key="old"))
    keys = ["a", "b", "a", "old", "c", "b", "d"]
    futures = [journal.append(record("note"), record(key=each, execId=each)) for each in keys]
    fills = journal.append(record("fill", key="d", execId="x"), record("fill", key="d", execId="x"))
    bad = journal.append(record("note", script="\udc80"))
    outcomes = await asyncio.gather(*futures, fills, bad, return_exceptions=True)
    kinds = [type(each) for each in outcomes]
    assert [kinds[place] for place in (2, 3, 5, 8)] == [KeyTaken, KeyTaken, KeyTaken, JournalFailed]
    assert [each for each in outcomes if isinstance(each, int)] == [3, 5, 7, 9, 10]
    assert outcomes[7].seqs == (10, 0)
    assert sum(transactions) <= 3 * len(outcomes)
    assert [each.execId for each in await journal.read(since=1, wanted=Filter(kinds=("intent",)))] == list("abcd")
    assert await journal.append(record("note")) == 11


def _counted(work: Callable[..., object], counts: list[int]) -> Callable[..., object]:
    def counted(shelf: Shelf, groups: list[object]) -> object:
        counts.append(len(groups))
        return work(shelf, groups)

    return counted


async def test_a_disk_that_fails_meanwhile_fails_all_of_them_alike(journal: Journal) -> None:
    """The one with the taken key cannot be told so by a disk that takes nothing: it is a failure like the others."""
    await journal.append(record())
    [[pages]] = await tell(journal, "PRAGMA page_count")
    await tell(journal, f"PRAGMA max_page_count = {pages}")
    big = b"x" * 200_000
    futures = [journal.append(record(key="a", body=big)), journal.append(record(body=big))]
    outcomes = await asyncio.gather(*futures, return_exceptions=True)
    assert isinstance(outcomes[0], JournalFailed)
    assert isinstance(outcomes[1], JournalFailed | KeyTaken)
    assert [each.seq for each in await journal.read()] == [1]


async def test_verify_finds_an_order_that_was_meant_twice(journal: Journal, path: Path) -> None:
    await journal.append(record(), record("sent"))
    await journal.close()
    with Reader(path) as reader:
        assert verify(reader).problems == []
    with closing(sqlite3.connect(path)) as file, file:
        [[rule]] = file.execute("SELECT sql FROM sqlite_master WHERE name = 'advance_order'")
        file.execute("DROP TRIGGER advance_order")
        file.execute(rule.replace("iif(state = 'unsent', 'intent', RAISE(ABORT, 'the key is taken'))", "'intent'"))
        file.execute(
            "INSERT INTO records SELECT 3, time, gateway, kind, script, key, order_id, perm_id, exec_id, status, "
            "fingerprint, body FROM records WHERE seq = 1"
        )
    with Reader(path) as reader:
        assert verify(reader).problems == ["the order k of s at paper has another intent: record 3"]


async def test_what_is_asked_often(journal: Journal) -> None:
    for number in range(40):
        script = f"s{number % 4}"
        await journal.append(
            record("intent", key=str(number), script=script, time=100.0 + number),
            record("order", key=str(number), script=script, status="Submitted"),
            record("note", key="", script="", status=("halt", "resume", "word")[number % 3]),
        )
    await journal.append(
        record("fill", key="7", script="s3", execId="e"), record("commission", key="7", script="s3", execId="e")
    )
    await journal.append(record("order", key="7", script="s3", status="Filled"))
    assert await journal.last_of_scripts("paper") == {"s0": 110, "s1": 113, "s2": 116, "s3": 123}
    assert await journal.last_of_scripts("live") == {}
    assert [each.seq for each in await journal.notes("paper", ("halt", "resume"), 3)] == [120, 114, 111]
    assert len(await journal.notes("paper")) == 40
    assert [each.seq for each in await journal.read(100, 2, Filter(gateway="paper", script="s1", kinds=TOLD))] == [
        101,
        113,
    ]


async def test_the_oldest_is_where_nothing_is_missing_any_more(journal: Journal) -> None:
    await journal.append(record("order", key="lives", status="Submitted", time=1.0))
    for number in range(5):
        await journal.append(record("order", key=str(number), status="Filled", time=2.0))
    await journal.append(record("order", key="new", status="Filled", time=100.0))
    assert journal.oldest == 1
    await journal.prune(50.0)
    assert journal.oldest == 7
    await journal.close()
    async with journal:
        assert journal.oldest == 7
        assert [each.seq for each in await journal.read()] == [1, 7]
        assert await journal.append(record("intent", key="3")) == 8


TOLD_PLAN = "records_told (gateway=? AND script=? AND rowid>? AND rowid<?)"
PLANS: list[tuple[Callable[[Reader], object], str]] = [
    (lambda it: it.records(5, 10, Filter(gateway="g", script="s", kinds=TOLD)), TOLD_PLAN),
    (lambda it: it.records(5, 10, Filter(gateway="g", script="s", kinds=("fill",))), TOLD_PLAN),
    (
        lambda it: it.records(5, 10, Filter(gateway="g", script="s", key="k", kinds=("fill",))),
        "records_of_order (gateway=? AND script=? AND key=? AND rowid>? AND rowid<?)",
    ),
    (lambda it: it.notes("g", ("halt",)), "records_noted (gateway=?)"),
    (lambda it: it.last_of_scripts("g"), "records_told (gateway=? AND script>?)"),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "plan"), PLANS)
async def test_an_index_answers(journal: Journal, path: Path, ask: Callable[[Reader], object], plan: str) -> None:
    asked: list[str] = []
    with Reader(path) as reader:
        reader._connection.set_trace_callback(asked.append)
        ask(reader)
        reader._connection.set_trace_callback(None)
        steps = [row[3] for text in asked for row in reader._connection.execute(f"EXPLAIN QUERY PLAN {text}")]
    assert any(plan in each for each in steps), steps
    assert not any(each.startswith("SCAN records") for each in steps)
