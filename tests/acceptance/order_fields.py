"""Orders and contracts of ib_async with anything in every field, how two sides are compared, and what was varied."""

from __future__ import annotations

import dataclasses
import math
import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, cast

import ib_async
from hypothesis import strategies as st
from ib_async import order as ib_orders
from ib_async.util import UNSET_DOUBLE, UNSET_INTEGER

from ibmux.tws.layout import Field, Item, Message, Repeat, Values, When

KINDS = ("LMT", "MKT", "VOL", "PEG BENCH", "PEG MID", "PEG BEST", "TRAIL LIMIT", "STP LMT", "REL", "MOC")
VERSION = 176
PAPER = "DU"
"""How accounts begin that anybody may trade: a live one must be named in the settings."""
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0?"), max_size=12)
words = st.text("abcXYZ 019_-.;=", min_size=1, max_size=10)
integers = st.integers(-(2**31) + 1, 2**31 - 2)
counts = st.integers(0, 2**31 - 2)
prices = st.floats(allow_nan=False, allow_infinity=False, max_value=1e300, min_value=-1e300)
unset_prices = prices | st.just(UNSET_DOUBLE)
tags = st.lists(st.builds(ib_async.TagValue, words, words), max_size=3)
PLAIN = {str: texts, int: integers, float: prices, bool: st.booleans()}
CONDITIONS = (
    ib_async.PriceCondition, ib_async.TimeCondition, ib_async.MarginCondition, ib_async.ExecutionCondition,
    ib_async.VolumeCondition, ib_async.PercentChangeCondition,
)  # fmt: skip
NUMBERS = frozenset({"orderId", "clientId", "permId"})
"""What the gateway and the sender give an order: not the script's to choose."""


def filled(kind: Any, *, leave: frozenset[str] = frozenset(), **given: Any) -> st.SearchStrategy[Any]:
    """An object of ib_async with any of its plain fields set, and those of `given`."""
    optional = {
        each.name: PLAIN[type(each.default)]
        for each in dataclasses.fields(kind)
        if each.init and type(each.default) in PLAIN and each.name not in {*given, *leave}
    }
    return st.fixed_dictionaries(given, optional=optional).map(lambda values: kind(**values))


conditions = st.one_of(
    *(filled(kind, leave=frozenset({"condType"}), conjunction=st.sampled_from(("a", "o"))) for kind in CONDITIONS)
)


def orders(kinds: tuple[str, ...] = KINDS) -> st.SearchStrategy[Any]:
    """Orders of these types with anything in them."""
    return filled(
        ib_async.Order,
        leave=NUMBERS | {"parentId", "whatIf"},
        action=st.sampled_from(("BUY", "SELL", "SSHORT", "SLONG")),
        account=texts.map(PAPER.__add__),
        totalQuantity=st.floats(0.0001, 1e9),
        orderType=st.sampled_from(kinds),
        algoParams=tags,
        smartComboRoutingParams=tags,
        orderMiscOptions=tags,
        orderComboLegs=st.lists(st.builds(ib_orders.OrderComboLeg, unset_prices), max_size=3),
        conditions=st.lists(conditions, max_size=3),
        softDollarTier=st.builds(ib_async.SoftDollarTier, texts, texts, texts),
        competeAgainstBestOffset=unset_prices | st.just(math.inf),
    )


contracts = filled(
    ib_async.Contract,
    secType=st.sampled_from(("STK", "BAG", "OPT", "FUT")),
    exchange=st.sampled_from(("SMART", "IBKRATS", "CME")),
    conId=counts,
    right=st.sampled_from(("", "C", "P", "CALL")),
    comboLegs=st.lists(filled(ib_async.ComboLeg), max_size=3),
    deltaNeutralContract=st.none() | st.builds(ib_async.DeltaNeutralContract, counts, prices, prices),
)
completions = st.fixed_dictionaries(
    {
        "status": st.sampled_from(("Filled", "Cancelled", "Inactive")),
        "autoCancelDate": texts, "filledQuantity": st.floats(0, 1e9), "refFuturesConId": counts,
        "shareholder": texts, "imbalanceOnly": st.booleans(), "routeMarketableToBbo": st.booleans(),
        "parentPermId": counts, "completedTime": texts, "completedStatus": texts,
    }
)  # fmt: skip
"""What only the report of a finished order says."""


class Maker:
    """Objects with something in every field: what draws that like blanks and repetitions leave out."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def plain(self, default: Any) -> Any:
        """Any value of this kind, never a blank."""
        if isinstance(default, bool):
            return self.chance.random() < 0.5
        if isinstance(default, int):
            return self.chance.randint(1, 2**31 - 2)
        if isinstance(default, float):
            return round(self.chance.uniform(0.01, 1e6), 4)
        return "".join(self.chance.choices("ABCabc 012.:/é", k=self.chance.randint(1, 12))).strip() or "x"

    def make(self, kind: Any, leave: frozenset[str] = frozenset(), **given: Any) -> Any:
        """An object of this class."""
        names = [each for each in dataclasses.fields(kind) if each.init and each.name not in {*given, *leave}]
        return kind(**{each.name: self.plain(each.default) for each in names if type(each.default) in PLAIN}, **given)

    def several(self, kind: Any, **given: Any) -> list[Any]:
        """One to three of them."""
        return [self.make(kind, **given) for _ in range(self.chance.randint(1, 3))]

    def tags(self) -> list[Any]:
        """Names and values."""
        return [ib_async.TagValue(self.plain("").replace(" ", ""), "1") for _ in range(self.chance.randint(1, 3))]

    def order(self, kind: str) -> ib_async.Order:
        """An order of this type with everything in it."""
        leave = frozenset({"condType"})
        found = self.make(
            ib_async.Order, NUMBERS | {"parentId", "whatIf"}, orderType=kind, action="BUY",
            account=PAPER + self.plain(""), algoParams=self.tags(),
            smartComboRoutingParams=self.tags(), orderMiscOptions=self.tags(),
            orderComboLegs=self.several(ib_orders.OrderComboLeg),
            conditions=[self.make(each, leave, conjunction=self.chance.choice("ao")) for each in CONDITIONS],
            softDollarTier=self.make(ib_async.SoftDollarTier),
        )  # fmt: skip
        return cast("ib_async.Order", found)

    def contract(self, kind: str, exchange: str) -> ib_async.Contract:
        """A contract of this type with everything in it."""
        hedge = self.make(ib_async.DeltaNeutralContract)
        legs = self.several(ib_async.ComboLeg)
        right = self.chance.choice("CP")
        found = self.make(ib_async.Contract, secType=kind, exchange=exchange, right=right, comboLegs=legs,
                          deltaNeutralContract=hedge)  # fmt: skip
        return cast("ib_async.Contract", found)


def differences(theirs: Any, ours: Any, *, but: frozenset[str] = frozenset(), at: str = "") -> Iterator[str]:
    """Where an object of ib_async and ours differ, field by field; ours has None or its default for what is unset."""
    for each in dataclasses.fields(theirs):
        if each.name not in but:
            yield from _differing(getattr(theirs, each.name), getattr(ours, each.name), f"{at}{each.name}", ours)


def _differing(theirs: Any, ours: Any, at: str, owner: Any) -> Iterator[str]:
    if isinstance(theirs, list | tuple) and not hasattr(theirs, "_fields"):
        if len(theirs) != len(ours):
            yield f"{at}: {theirs!r} there, {ours!r} here"
        for number, (one, other) in enumerate(zip(theirs, ours, strict=False)):
            yield from _differing(one, other, f"{at}[{number}]", None)
    elif dataclasses.is_dataclass(theirs):
        blank = ib_async.SoftDollarTier() if at == "softDollarTier" else None
        if ours is not None:
            yield from differences(theirs, ours, at=f"{at}.")
        elif theirs != blank:  # an empty tier is how ib_async says that there is none
            yield f"{at}: {theirs!r} there, nothing here"
    elif hasattr(theirs, "_fields"):
        if (theirs.tag, theirs.value) != (ours.tag, ours.value):
            yield f"{at}: {theirs!r} there, {ours!r} here"
    elif not _is_same(theirs, ours, at, owner):
        yield f"{at}: {theirs!r} there, {ours!r} here"


def _is_same(theirs: Any, ours: Any, at: str, owner: Any) -> bool:
    if isinstance(theirs, float | int) and theirs in (UNSET_DOUBLE, UNSET_INTEGER):
        blank = getattr(type(owner)(), at.rpartition(".")[2], None) if owner is not None else None
        return ours is None or (ours == blank and type(blank) is int)
    return bool(theirs == ours) or (theirs is None and not ours)


class Varied:
    """Which fields had which values; two different ones make a field varied."""

    def __init__(self) -> None:
        self.values: defaultdict[str, set[str]] = defaultdict(set)

    def note(self, thing: Any) -> None:
        """An object of ib_async, and what is in it; conditions by their class."""
        for each in dataclasses.fields(thing):
            value = getattr(thing, each.name)
            self._add(f"{type(thing).__name__}.{each.name}", value)
            for part in value if isinstance(value, list) else [value]:
                if dataclasses.is_dataclass(part):
                    self.note(part)

    def note_wire(self, values: Values) -> None:
        """A decoded message."""
        for name, value in values.items():
            self._add(name, value)
            for part in value if isinstance(value, list) else []:
                if isinstance(part, dict):
                    self.note_wire({f"{name}.{each}": inner for each, inner in part.items()})

    def _add(self, name: str, value: Any) -> None:
        known = self.values[name]
        if len(known) < 2:  # enough to know that it varied
            known.add(repr(value))

    def constant(self, names: set[str]) -> set[str]:
        """Those of these that were not varied."""
        return {name for name in names if len(self.values[name]) < 2}


def names_of(kind: Any, *, but: frozenset[str] = frozenset()) -> set[str]:
    """Every field of a class of ib_async, named with it."""
    return {f"{kind.__name__}.{each.name}" for each in dataclasses.fields(kind) if each.name not in but}


def wire_names(items: tuple[Item, ...] | Message, before: str = "") -> set[str]:
    """Every field that a message can carry, groups with their name before it."""
    found: set[str] = set()
    for item in items.items if isinstance(items, Message) else items:
        if isinstance(item, When):
            found |= wire_names(item.items, before)
        elif isinstance(item, Repeat):
            found.add(f"{before}{item.name}")
            found |= wire_names(item.items, f"{before}{item.name}.") if len(item.items) > 1 else set()
        elif isinstance(item, Field) and item.since <= VERSION <= item.until:
            found.add(f"{before}{item.name}")
    return found
