"""What the proxy does for its journal beside writing it: retention every day, and figures of its work."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from journal_parts import record, until

from ibmux import daemon
from ibmux.config import build
from ibmux.errors import JournalFailed
from ibmux.journal import Journal, keep, keeping

DAY = keeping.DAY


async def fill(journal: Journal) -> None:
    await journal.append(record("order", key="old", status="Filled", time=DAY * 10))
    await journal.append(record("order", key="open", status="Submitted", time=DAY * 10))
    await journal.append(record("order", key="new", status="Filled", time=DAY * 20))


async def test_what_is_too_old_goes_once_a_day(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ibmux.journal")
    await fill(journal)
    now = DAY * 21
    days: list[float] = []

    async def sleep(seconds: float) -> None:
        days.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(keeping, "asyncio", SimpleNamespace(sleep=sleep))
    task = asyncio.create_task(keep(journal, 5.0, clock=lambda: now, first=60.0))
    await until(lambda: len(days) > 3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert days[:3] == [60.0, DAY, DAY]
    assert [each.key for each in await journal.read()] == ["open", "new"]
    told = [each for each in caplog.records if each.getMessage() == "journal.pruned"]
    assert [each.__dict__["records"] for each in told] == [1]


async def test_nothing_goes_where_it_is_kept_for_ever(journal: Journal) -> None:
    await fill(journal)
    await asyncio.wait_for(keep(journal, 0), 30.0)
    assert len(await journal.read()) == 3


async def test_a_disk_that_takes_nothing_is_asked_again_within_the_hour(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await fill(journal)
    calls: list[float] = []

    async def prune(before: float) -> int:
        calls.append(before)
        if len(calls) == 1:
            raise JournalFailed("The disk is full.")
        return 0

    monkeypatch.setattr(journal, "prune", prune)
    monkeypatch.setattr(keeping, "AGAIN", 0.01)
    task = asyncio.create_task(keep(journal, 5.0, clock=lambda: DAY * 21, first=0.0))
    await until(lambda: len(calls) == 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert "journal.unpruned" in caplog.text


async def test_the_time_of_each_transaction_is_told(path: Path) -> None:
    told: list[float] = []
    async with Journal(path, on_written=told.append) as journal:
        await journal.append(record("note"))
        await journal.append(record("note"))
        await until(lambda: len(told) == 2)
        assert all(0 < each < 60 for each in told)
        assert journal.size() > 0
    assert Journal(path / "nowhere").size() == 0


async def test_the_proxy_keeps_its_journal_as_its_settings_say(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Journal, float, bool, float]] = []

    async def listen(journal: Journal, retention: float, *, archive: bool, keep_archives: float, **_: object) -> None:
        asked.append((journal, retention, archive, keep_archives))

    monkeypatch.setattr(daemon, "keep", listen)
    wanted = {"path": str(path), "retention": 30, "archive": False, "keep_archives": 3000}
    proxy = daemon.Proxy(build({"journal": wanted}, "the test"))
    await proxy._keep_journal()
    assert asked == [(proxy.journal, 30, False, 3000)]
