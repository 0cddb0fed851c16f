"""Every field of another library's contracts, orders and conditions arrives; what it leaves unset stays unset."""

from __future__ import annotations

import dataclasses
import os
import random
import sys
from decimal import Decimal
from math import isnan, nan

import ib_async
import ib_insync
import msgspec
import pytest

import ibmux
from ibmux import errors
from ibmux.client.foreign import to_contract, to_order, to_tags, update
from ibmux.messages import decode, encode
from ibmux.messages import orders as wire
from ibmux.messages.contracts import Contract

DOUBLE, INTEGER = sys.float_info.max, 2**31 - 1
LIBRARIES = {"ib_async": ib_async, "ib_insync": ib_insync}
ROUNDS = 60
OPTIONAL = {
    field.name for field in msgspec.structs.fields(wire.Order) if type(None) in getattr(field.type, "__args__", ())
}


class Maker:
    """Makes objects of another library with random values in every plain field, unset ones among them."""

    def __init__(self, library) -> None:
        self.library = library
        self.seed = int(os.environ.get("IBMUX_SEED", "20260221"))
        self.chance = random.Random(self.seed)
        print(f"IBMUX_SEED={self.seed}")  # noqa: T201 - shown with a failure

    def value(self, default):
        chance = self.chance
        if isinstance(default, bool):
            return chance.random() < 0.5
        if isinstance(default, str):
            return "".join(chance.choices("ABCabc 012.:/é", k=chance.randrange(12)))
        if isinstance(default, int):
            return chance.choice([INTEGER, 0, -1, chance.randrange(-(2**31), INTEGER)])
        return chance.choice([DOUBLE, nan, None, 0.0, chance.uniform(-1e9, 1e9)])

    def make(self, kind, **fixed):
        made = kind()
        for field in dataclasses.fields(kind):
            if isinstance(field.default, str | int | float) and field.name != "condType":
                setattr(made, field.name, self.value(field.default))
        for name, value in fixed.items():
            setattr(made, name, value)
        return made

    def some(self, make) -> list:
        return [make() for _ in range(self.chance.randrange(4))]

    def tag(self):
        return self.library.TagValue(self.value(""), self.value(""))

    def condition(self):
        kinds = ("Price", "Time", "Margin", "Execution", "Volume", "PercentChange")
        return self.make(getattr(self.library, f"{self.chance.choice(kinds)}Condition"))


def expected(value, default, optional: bool):
    """What a value of another library means."""
    unset = value is None or value == DOUBLE or isnan(value) or (type(value) is int and value == INTEGER)
    if not unset:
        return value
    return None if optional else default


def compare(ours, theirs) -> None:
    """Every plain field of theirs is in ours with its meaning."""
    for field in msgspec.structs.fields(ours):
        if not hasattr(theirs, field.name):
            continue
        value, mine = getattr(theirs, field.name), getattr(ours, field.name)
        if isinstance(value, str | bool):
            assert mine == value, field.name
        elif isinstance(value, int | float | None) and not isinstance(mine, list | msgspec.Struct):
            optional = isinstance(ours, wire.Order) and field.name in OPTIONAL
            assert mine == expected(value, field.default, optional), field.name


def test_no_field_of_the_libraries_is_unknown_to_the_api() -> None:
    for library in LIBRARIES.values():
        for theirs, ours in ((library.Order, wire.Order), (library.Contract, Contract)):
            missing = {field.name for field in dataclasses.fields(theirs)} - set(ours.__struct_fields__)
            assert not missing, (library.__name__, missing)


@pytest.mark.parametrize("name", LIBRARIES)
def test_every_field_of_an_order_survives(name: str) -> None:
    library = LIBRARIES[name]
    maker = Maker(library)
    for _ in range(ROUNDS):
        order = maker.make(
            library.Order,
            algoParams=maker.some(maker.tag),
            smartComboRoutingParams=maker.some(maker.tag),
            orderMiscOptions=maker.some(maker.tag),
            conditions=maker.some(maker.condition),
            softDollarTier=maker.make(library.objects.SoftDollarTier),
            orderComboLegs=maker.some(lambda: library.OrderComboLeg(maker.value(0.0))),
        )
        check_order(decode(encode(to_order(order)), wire.Order), order)


def check_order(ours: wire.Order, order) -> None:
    compare(ours, order)
    for field in ("algoParams", "smartComboRoutingParams", "orderMiscOptions"):
        assert [(tag.tag, tag.value) for tag in getattr(ours, field)] == [tuple(tag) for tag in getattr(order, field)]
    assert [one.condType for one in ours.conditions] == [one.condType for one in order.conditions]
    for mine, theirs in zip(ours.conditions, order.conditions, strict=True):
        compare(mine, theirs)
    assert [leg.price for leg in ours.orderComboLegs] == [expected(leg.price, 0, True) for leg in order.orderComboLegs]
    tier = order.softDollarTier
    if tier.name or tier.val or tier.displayName:
        compare(ours.softDollarTier, tier)
    else:
        assert ours.softDollarTier is None


@pytest.mark.parametrize("name", LIBRARIES)
def test_every_field_of_a_contract_survives(name: str) -> None:
    library = LIBRARIES[name]
    maker = Maker(library)
    for _ in range(ROUNDS):
        neutral = maker.chance.choice([None, maker.make(library.DeltaNeutralContract)])
        legs = maker.some(lambda: maker.make(library.ComboLeg))
        contract = maker.make(library.Contract, comboLegs=legs, deltaNeutralContract=neutral)
        ours = decode(encode(to_contract(contract)), Contract)
        compare(ours, contract)
        for mine, theirs in zip(ours.comboLegs, legs, strict=True):
            compare(mine, theirs)
        assert (ours.deltaNeutralContract is None) == (neutral is None)
        if neutral is not None:
            compare(ours.deltaNeutralContract, neutral)


@pytest.mark.parametrize("library", LIBRARIES.values(), ids=LIBRARIES)
def test_an_untouched_order_says_nothing(library) -> None:
    assert to_order(library.Order()) == wire.Order()
    assert to_contract(library.Contract()) == Contract()
    assert to_order(library.MarketOrder("BUY", 1)) == ibmux.MarketOrder("BUY", 1)


def test_the_constructors_make_what_ib_asyncs_make() -> None:
    pairs = [
        ("Stock", ("AMD", "SMART", "USD"), {"primaryExchange": "NASDAQ"}),
        ("Option", ("SPY", "20270721", 240, "C", "SMART", "100", "USD"), {}),
        ("FuturesOption", ("ES", "20270721", 240, "P", "CME", "50", "USD"), {}),
        ("Future", ("ES", "20270918", "CME", "ESU7", "50", "USD"), {}),
        ("ContFuture", ("ES", "CME", "ESU7", "50", "USD"), {}),
        ("Forex", ("EURUSD",), {}),
        ("Forex", (), {"symbol": "EUR", "currency": "CHF"}),
        ("Index", ("SPX", "CBOE", "USD"), {}),
        ("CFD", ("IBUS30", "SMART", "USD"), {}),
        ("Commodity", ("XAUUSD", "SMART", "USD"), {}),
        ("Crypto", ("BTC", "PAXOS", "USD"), {}),
        ("Bond", (), {"secIdType": "ISIN", "secId": "US03076KAA60"}),
        ("MutualFund", (), {"symbol": "VINIX"}),
        ("Warrant", (), {"symbol": "GOOG"}),
        ("Bag", (), {"symbol": "SPY"}),
    ]
    for name, args, kwargs in pairs:
        assert to_contract(getattr(ib_async, name)(*args, **kwargs)) == getattr(ibmux, name)(*args, **kwargs), name
    for name, args in (
        ("MarketOrder", ("BUY", 1)),
        ("LimitOrder", ("BUY", 1, 2.5)),
        ("StopOrder", ("SELL", 1, 2.5)),
        ("StopLimitOrder", ("SELL", 1, 2.4, 2.5)),
    ):
        assert to_order(getattr(ib_async, name)(*args, tif="GTC")) == getattr(ibmux, name)(*args, tif="GTC"), name
    for name in ("Price", "Time", "Margin", "Execution", "Volume", "PercentChange"):
        order = ib_async.Order(conditions=[getattr(ib_async, f"{name}Condition")()])
        assert to_order(order).conditions == [getattr(ibmux, f"{name}Condition")()], name
    with pytest.raises(errors.RequestError):
        ibmux.Forex("EUR")


def test_loose_values_are_tightened_and_wrong_ones_named() -> None:
    loose = ibmux.LimitOrder("BUY", Decimal("1.5"), Decimal("2.25"), minQty=2.0, algoParams=[("a", 1)])
    tight = to_order(loose)
    assert (tight.totalQuantity, tight.lmtPrice, tight.minQty) == (1.5, 2.25, 2)
    assert [type(value) for value in (tight.totalQuantity, tight.lmtPrice, tight.minQty)] == [float, float, int]
    assert tight.algoParams == [ibmux.TagValue("a", "1")]
    for name, value in (("lmtPrice", "cheap"), ("minQty", 1.5), ("conditions", 5)):
        order = ibmux.LimitOrder("BUY", 1, 1.0)
        setattr(order, name, value)
        with pytest.raises(errors.RequestError, match=rf"Order\.{name} cannot be"):
            to_order(order)
    assert to_tags(None) == []


def test_updating_in_place_leaves_lists_alone() -> None:
    contract = ib_async.Stock("AAPL", "SMART", "USD")
    legs = contract.comboLegs
    update(contract, Contract("STK", 5, "AAPL", exchange="SMART", currency="USD", localSymbol="AAPL"))
    assert (contract.conId, contract.localSymbol) == (5, "AAPL")
    assert contract.comboLegs is legs
