"""Conditions that an order waits for: what a client may ask, and whether it holds now.

A condition is linked with the next one by `a` (and) or `o` (or); and binds closer. Nothing here knows orders: facts are
asked of a `Facts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from ibmux.sim.catalogue.contracts import Refusal
from ibmux.sim.instants import parse_end

PRICE, TIME, MARGIN, EXECUTION, VOLUME, CHANGE = 1, 3, 4, 5, 6, 7
KINDS = frozenset({PRICE, TIME, MARGIN, EXECUTION, VOLUME, CHANGE})
OF_CONTRACT = frozenset({PRICE, VOLUME, CHANGE})
INCOMPLETE = Refusal(147, "The conditional contract info is incomplete.")
BAD_TIME = Refusal(
    337,
    "The date, time, or time-zone entered is invalid. The correct format is yyyymmdd hh:mm:ss xxx where yyyymmdd and "
    "xxx are optional. E.g.: 20031126 15:59:00 EST Note that there is a space between the date and time, and between "
    "the time and time-zone.",
)


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. `level` is a price, a percentage, or a volume; `time` an instant's text."""

    kind: int
    conjunction: str = "a"
    isMore: bool = False
    level: float = 0.0
    time: str = ""
    conId: int = 0
    exchange: str = ""
    secType: str = ""
    symbol: str = ""
    triggerMethod: int = 0


class Facts(Protocol):
    """What conditions ask about; `None` where it is not known."""

    def price(self, conId: int, triggerMethod: int, isMore: bool) -> float | None:
        """The price that a trigger method looks at (0 default, 1 double bid/ask, 2 last, 4 bid/ask, 8 midpoint…)."""

    def volume(self, conId: int) -> float | None:
        """The day's volume of a contract."""

    def change(self, conId: int) -> float | None:
        """The change of a contract's price since yesterday's close, in percent."""

    def cushion(self) -> float:
        """The excess liquidity of the order's account in percent of its net liquidation."""

    def executed(self, secType: str, exchange: str, symbol: str) -> bool:
        """Whether there was an execution in such a contract since the order was accepted."""


def conditions_from(rows: list[dict[str, Any]]) -> tuple[Condition, ...]:
    """The conditions of a placeOrder message."""
    return tuple(_condition(row) for row in rows)


def _condition(row: dict[str, Any]) -> Condition:
    level = next((float(row[name]) for name in ("price", "percent", "volume", "changePercent") if name in row), 0.0)
    return Condition(
        row["condType"], (row["conjunction"] or "a").lower(), bool(row.get("isMore")), level, row.get("time", ""),
        row.get("conId", 0), row.get("exch", ""), row.get("secType", ""), row.get("symbol", ""),
        row.get("triggerMethod", 0),
    )  # fmt: skip


def refuse_conditions(wanted: tuple[Condition, ...], known: Any) -> Refusal | None:
    """Why conditions cannot be watched, or None; `known(conId)` tells whether there is such a contract."""
    for one in wanted:
        if one.kind not in KINDS or (one.kind in OF_CONTRACT and not known(one.conId)):
            return INCOMPLETE
        if one.kind == EXECUTION and not (one.symbol and one.secType):
            return INCOMPLETE
        if one.kind == TIME and not isinstance(parse_end(one.time, "US/Eastern"), float):
            return BAD_TIME
    return None


def hold(wanted: tuple[Condition, ...], facts: Facts, now: float) -> bool:
    """Whether the conditions are met now; none at all always are."""
    return not wanted or any(all(holds(one, facts, now) for one in group) for group in _alternatives(wanted))


def _alternatives(wanted: tuple[Condition, ...]) -> Iterator[list[Condition]]:
    group: list[Condition] = []
    for one in wanted:
        group.append(one)
        if one.conjunction == "o":
            yield group
            group = []
    if group:
        yield group


def holds(one: Condition, facts: Facts, now: float) -> bool:
    """Whether one condition is met now."""
    if one.kind == EXECUTION:
        return facts.executed(one.secType, one.exchange, one.symbol)
    value, level = _value(one, facts, now), one.level
    if one.kind == TIME:
        instant = parse_end(one.time, "US/Eastern")
        if not isinstance(instant, float):
            return False
        level = instant
    return value is not None and (value >= level if one.isMore else value <= level)


def _value(one: Condition, facts: Facts, now: float) -> float | None:
    match one.kind:
        case 1:
            return facts.price(one.conId, one.triggerMethod, one.isMore)
        case 3:
            return now
        case 4:
            return facts.cushion()
        case 6:
            return facts.volume(one.conId)
    return facts.change(one.conId)
