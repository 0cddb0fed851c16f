"""The judges of the crash tests can fail: each finds what is wrong in records that were good before."""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from crash_checks import JUDGES, check
from crash_nursing import nursery
from crash_records import Kept, Name, Placed, Records, Standing
from ports import free_port
from stage import PROCESSES, settings, until

sys.path.append(str(PROCESSES))
from crash_proxy import POINTS

FILLED, RESTED = Name("ann", "ann-0-0"), Name("ann", "ann-1-0")
UNIT = (Name("ann", "ann-2-0"), Name("ann", "ann-2-1"))


def good() -> Records:
    """An order that was asked for twice and filled, one that was not sent, then was and was cancelled; and a pair."""
    diary: list[dict[str, Any]] = [
        {"kind": "begin", "time": 1.0, "job": 0, "keys": ["ann-0-0"]},
        {"kind": "ask", "time": 1.1, "method": "placeOrder", "keys": ["ann-0-0"]},
        error(1.2, ["ann-0-0"], "proxy.connection_lost", "unknown"),
        {"kind": "ask", "time": 1.3, "method": "placeOrder", "keys": ["ann-0-0"]},
        {"kind": "reply", "time": 1.6, "method": "placeOrder", "keys": ["ann-0-0"], "status": "Submitted"},
        order(3, "ann-0-0", "Submitted"),
        fill(4, "fill", "ann-0-0", "e1"),
        order(5, "ann-0-0", "Filled"),
        fill(6, "commission", "ann-0-0", "e1"),
        {"kind": "end", "time": 2.0, "job": 0, "keys": ["ann-0-0"], "result": "done"},
        {"kind": "begin", "time": 2.1, "job": 1, "keys": ["ann-1-0"]},
        {"kind": "ask", "time": 2.2, "method": "placeOrder", "keys": ["ann-1-0"]},
        error(2.3, ["ann-1-0"], "gateway.not_ready", "not_sent"),
        order(8, "ann-1-0", "Inactive"),
        {"kind": "ask", "time": 2.4, "method": "placeOrder", "keys": ["ann-1-0"]},
        {"kind": "reply", "time": 2.6, "method": "placeOrder", "keys": ["ann-1-0"], "status": "Submitted"},
        {"kind": "ask", "time": 2.7, "method": "modifyOrder", "keys": ["ann-1-0"], "wish": 6.0},
        {"kind": "reply", "time": 2.75, "method": "modifyOrder", "keys": ["ann-1-0"], "status": "Submitted"},
        order(11, "ann-1-0", "Cancelled"),
        {"kind": "reply", "time": 2.8, "method": "cancelOrder", "keys": ["ann-1-0"], "status": "Cancelled"},
        {"kind": "end", "time": 2.9, "job": 1, "keys": ["ann-1-0"], "result": "done"},
        order(14, "ann-2-0", "Cancelled"),
        order(15, "ann-2-1", "Cancelled"),
    ]
    kinds = (
        (FILLED, "intent"), (FILLED, "sent"), (FILLED, "order"), (FILLED, "fill"), (FILLED, "order"),
        (FILLED, "commission"), (RESTED, "intent"), (RESTED, "unsent"), (RESTED, "intent"), (RESTED, "sent"),
        (RESTED, "order"), (UNIT[0], "intent"), (UNIT[1], "intent"), (UNIT[0], "order"), (UNIT[1], "order"),
    )  # fmt: skip
    told = {3, 4, 5, 6, 8, 11, 14, 15}
    ends = {5: "Filled", 11: "Cancelled", 14: "Cancelled", 15: "Cancelled"}
    return Records(
        diaries={"ann": diary},
        book=[
            Placed(FILLED, 1.5, True, "Filled", 5.0, 101, 1, ("e1",)),
            Placed(RESTED, 2.5, True, "Cancelled", 0.0, 102, 2, quantity=6.0),
            *(Placed(name, 3.0, True, "Cancelled", 0.0, 103 + leg, 3 + leg) for leg, name in enumerate(UNIT)),
        ],
        kept=[
            Kept(seq, kind, name, seq in told, ends.get(seq, ""), time=seq / 4, orderId=2 if kind == "sent" else 0)
            for seq, (name, kind) in enumerate(kinds, start=1)
        ],
        standings=[
            Standing(FILLED, "Filled", 101), Standing(RESTED, "Cancelled", 102),
            *(Standing(name, "Cancelled", 103 + leg) for leg, name in enumerate(UNIT)),
        ],
        units=[UNIT],
    )  # fmt: skip


def error(time: float, keys: list[str], code: str, outcome: str, method: str = "placeOrder") -> dict[str, Any]:
    return {"kind": "error", "time": time, "method": method, "keys": keys, "code": code, "outcome": outcome}


def order(seq: int, key: str, status: str) -> dict[str, Any]:
    return {"kind": "order", "time": seq / 4, "seq": seq, "key": key, "status": status}


def fill(seq: int, kind: str, key: str, number: str) -> dict[str, Any]:
    return {"kind": kind, "time": seq / 4, "seq": seq, "key": key, "execId": number}


Spoil = Callable[[Records], object]
CASES: dict[str, list[Spoil]] = {
    "doubled": [lambda it: it.book.append(replace(it.book[0], permId=109))],
    "lost": [
        lambda it: it.book.pop(0),
        lambda it: it.standings.pop(0),
        lambda it: without(it, kind="end", job=1),
        lambda it: it.diaries["ann"][9].update(result="stuck"),
    ],
    "unrecorded": [
        lambda it: change(it.book, 0, intended=False),
        lambda it: it.held.append(replace(it.book[0], intended=False, permId=0)),
    ],
    "not_sent": [
        lambda it: change(it.book, 1, time=2.25),
        lambda it: change(it.book, 1, time=2.35),
        lambda it: without(it, kind="ask", time=2.4),
    ],
    "never_came": [lambda it: change(it.book, 1, time=1.9)],
    "untrue": [
        lambda it: it.diaries["ann"].append(order(11, "ann-0-0", "Cancelled")),
        lambda it: it.diaries["ann"].append(order(11, "ann-9-0", "Filled")),
        lambda it: it.diaries["ann"].append(order(11, "ann-0-0", "Submitted")),
        lambda it: change(it.book, 0, status="Cancelled"),
        lambda it: change(it.kept, 7, kind="order"),
    ],
    "unfound": [
        lambda it: it.diaries["ann"].append(error(3.9, ["ann-0-0"], "order.not_found", "not_sent", "orderStatus")),
    ],
    "misrefused": [
        lambda it: it.diaries["ann"].append(error(3.9, ["ann-0-0"], "order.rejected", "rejected")),
        lambda it: it.diaries["ann"].append(error(3.9, ["ann-0-0"], "order.rejected", "unknown")),
    ],
    "misjournalled": [
        lambda it: change(it.standings, 0, state="Submitted"),
        lambda it: change(it.standings, 0, permId=1),
        lambda it: it.standings.pop(1),
        lambda it: it.standings.append(Standing(Name("ann", "ann-9-0"), "Submitted")),
    ],
    "unchanged": [
        lambda it: change(it.book, 1, quantity=5.0),
        lambda it: it.book.pop(1),
    ],
    "fills": [
        lambda it: without(it, kind="fill"),
        lambda it: without(it, kind="commission"),
        lambda it: it.diaries["ann"].append(fill(12, "fill", "ann-0-0", "e1")),
        lambda it: it.diaries["ann"].append(fill(12, "fill", "ann-0-0", "e2")),
        lambda it: it.diaries.update(ben=[fill(4, "fill", "ann-0-0", "e1")]),
    ],
    "numbers": [
        lambda it: without(it, kind="fill"),
        lambda it: it.diaries["ann"].append(order(5, "ann-0-0", "Filled")),
        lambda it: it.diaries["ann"].append(order(12, "ann-1-0", "Cancelled")),
        lambda it: it.diaries["ann"].reverse(),
    ],
    "whole": [
        lambda it: it.problems.append("record 3 is gone"),
        lambda it: it.kept.pop(3),
    ],
    "torn": [lambda it: it.kept.append(Kept(16, "intent", UNIT[1]))],
    "half_alive": [
        lambda it: change(it.book, 2, status="Submitted") or it.book.pop(3),
        lambda it: change(it.book, 2, filled=2.0) or it.book.pop(3),
        lambda it: change(it.book, 1, status="Submitted"),
        lambda it: it.held.append(Placed(RESTED, 2.5, True, "PreSubmitted", 0.0, 0, 2)),
    ],
    "faults": [lambda it: it.faults.append("Traceback")],
}  # fmt: skip


def change(items: list[Any], index: int, **changes: Any) -> Any:
    items[index] = replace(items[index], **changes)


def without(records: Records, **wanted: Any) -> None:
    """Take an entry out of the diary."""
    diary = records.diaries["ann"]
    found = [each for each in diary if wanted.items() <= each.items()]
    assert len(found) == 1
    diary.remove(found[0])


def test_good_records_pass() -> None:
    assert check(good()) == []


def test_every_judge_is_tried() -> None:
    assert list(CASES) == [judge.__name__ for judge in JUDGES]


@pytest.mark.parametrize(
    ("judge", "spoil"),
    [pytest.param(name, spoil, id=f"{name}-{n}") for name, spoils in CASES.items() for n, spoil in enumerate(spoils)],
)
def test_a_judge_finds_what_is_wrong(judge: str, spoil: Spoil) -> None:
    records = good()
    spoil(records)
    assert [each for each in check(records) if each.startswith(f"{judge}: ")]


@pytest.mark.parametrize("point", POINTS)
def test_every_point_of_an_end_is_a_function_of_the_proxy(point: str) -> None:
    where, side, highest = POINTS[point]
    module, _, path = where.partition(":")
    owner, _, name = path.partition(".")
    assert callable(getattr(getattr(importlib.import_module(module), owner), name))
    assert side in ("before", "amid", "after")
    assert highest >= 1


async def test_a_proxy_ends_at_its_point_as_if_killed(tmp_path: Path) -> None:
    tree = settings(free_port(), mqtt={"port": 0, "socket": ""}, journal={"path": str(tmp_path / "journal.db")})
    async with nursery() as running:
        aim, errors = ("with the journal read", 1), str(tmp_path / "log")
        child = await running.start("proxy", name="proxy", tree=tree, aim=aim, errors=errors)
        await until(lambda: child in running.ended, "its end", 20)
    assert running.ended[child] == -signal.SIGKILL
    assert "Traceback" not in (tmp_path / "log").read_text()
