"""The three records that a crash test compares, as plain data: what scripts were told, the gateway's book, the journal.

Reading them is here, judging them is `crash_checks`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ibmux.core import reference
from ibmux.journal import TOLD, Reader, verify
from ibmux.sim.orders.order import BookOrder


class Name(NamedTuple):
    """Whose order, under which key."""

    script: str
    key: str

    def __str__(self) -> str:
        return f"{self.script}'s {self.key}"


@dataclass(frozen=True)
class Placed:
    """One order in the gateway's own book; `time` when the gateway took it (seconds UTC), `intended` whether its intent
    could be read in the journal at that moment.
    """

    name: Name
    time: float
    intended: bool
    status: str
    filled: float
    permId: int
    orderId: int = 0
    fills: tuple[str, ...] = ()
    quantity: float = 0.0


@dataclass(frozen=True)
class Kept:
    """One record of the journal; `told`: its script hears of it."""

    seq: int
    kind: str
    name: Name
    told: bool = False
    status: str = ""
    time: float = 0.0
    orderId: int = 0


@dataclass(frozen=True)
class Standing:
    """How the journal says that an order ended."""

    name: Name
    state: str
    permId: int = 0


@dataclass
class Records:
    """All that is compared.

    Attributes:
        diaries: the entries of each script, in their order.
        book: the gateway's orders, as far as they were transmitted.
        held: those that never were: legs that waited for a later one.
        kept: the journal's records.
        standings: the journal's orders.
        problems: what `verify` says of the journal.
        faults: lines that a proxy logged as errors.
        units: orders that stand or fall together.
    """

    diaries: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    book: list[Placed] = field(default_factory=list)
    held: list[Placed] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    standings: list[Standing] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    units: list[tuple[Name, ...]] = field(default_factory=list)


def of_order(order: BookOrder, time: float, intended: bool, fills: Iterable[str]) -> Placed:
    """An order of the simulator as it stands now."""
    mark = reference.read(order.spec.orderRef)
    name = Name(mark.script, mark.key)
    held = (order.status, float(order.filled), order.permId, order.orderId)
    return Placed(name, time, intended, *held, tuple(fills), float(order.spec.totalQuantity))


def read_journal(path: Path, records: Records) -> None:
    """The journal's part."""
    with Reader(path) as reader:
        records.problems = verify(reader).problems
        for each in reader.every():
            told = each.kind in TOLD and bool(each.body)
            name = Name(each.script, each.key)
            records.kept.append(Kept(each.seq, each.kind, name, told, each.status, each.time, each.orderId))
        names = dict.fromkeys(each.name for each in records.kept if each.name.key and each.kind != "refusal")
        for name in names:
            found = reader.find("paper", *name)
            if found is not None:
                records.standings.append(Standing(name, found.state, found.permId))


def units(diaries: dict[str, list[dict[str, Any]]]) -> list[tuple[Name, ...]]:
    """Orders that were placed together, as the diaries tell."""
    found = {
        tuple(Name(script, key) for key in entry["keys"])
        for script, diary in diaries.items()
        for entry in diary
        if entry["kind"] == "begin" and len(entry["keys"]) > 1
    }
    return sorted(found)
