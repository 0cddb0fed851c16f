"""Every field of another library's contracts, orders and conditions arrives; what it leaves unset stays unset."""

from __future__ import annotations

import dataclasses
import sys
from decimal import Decimal
from math import nan

import ib_async
import ib_insync
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ibmux
from ibmux import errors
from ibmux.client.foreign import to_contract, to_order, to_tags, update
from ibmux.messages import decode, encode
from ibmux.messages import orders as wire
from ibmux.messages.contracts import Contract

DOUBLE, INTEGER = sys.float_info.max, 2**31 - 1
LIBRARIES = {"ib_async": ib_async, "ib_insync": ib_insync}
texts = st.text("ABCabc 012.:/", max_size=12)
numbers = st.one_of(st.floats(-1e9, 1e9), st.just(DOUBLE), st.just(nan), st.just(0.0))
counts = st.one_of(st.integers(-(2**31), INTEGER - 1), st.just(INTEGER))
plain = {str: texts, float: numbers, int: counts, bool: st.booleans()}
IDENTITIES = {"orderId", "clientId", "permId"}
OPTIONAL = {field.name for field in msgspec.structs.fields(wire.Order) if type(None) in getattr(field.type, "__args__", ())}


def values_of(kind: type) -> dict[str, st.SearchStrategy]:
    """A strategy for every plain field of a dataclass, by its default's type."""
    found = {}
    for field in dataclasses.fields(kind):
        default = field.default if field.default is not dataclasses.MISSING else None
        if type(default) in plain:
            found[field.name] = plain[type(default)]
    return found


def build(kind: type, **fixed: st.SearchStrategy) -> st.SearchStrategy:
    return st.fixed_dictionaries({**values_of(kind), **fixed}).map(lambda values: filled(kind(), values))


def filled(thing, values):
    for name, value in values.items():
        setattr(thing, name, value)
    return thing


def conditions(library) -> st.SearchStrategy:
    kinds = ("Price", "Time", "Margin", "Execution", "Volume", "PercentChange")
    every = [getattr(library, f"{kind}Condition" if kind != "PercentChange" else "PercentChangeCondition") for kind in kinds]
    return st.lists(st.one_of([build(kind, condType=st.just(kind().condType)) for kind in every]), max_size=6)


def expected(value, optional: bool):
    """What a value of another library means."""
    unset = value is None or value == DOUBLE or value != value or (type(value) is int and value == INTEGER)
    if not unset:
        return value
    return None if optional else 0


def compare(ours, theirs, skipped=()) -> None:
    """Every plain field of theirs is in ours with its meaning."""
    for name in ours.__struct_fields__:
        if name in skipped or not hasattr(theirs, name):
            continue
        value, mine = getattr(theirs, name), getattr(ours, name)
        if isinstance(value, str | bool):
            assert mine == value, name
        elif isinstance(value, int | float):
            assert mine == expected(value, optional=isinstance(ours, wire.Order) and name in OPTIONAL), name


def test_no_field_of_the_libraries_is_unknown_to_the_api() -> None:
    for library in LIBRARIES.values():
        for theirs, ours in ((library.Order, wire.Order), (library.Contract, Contract)):
            missing = {field.name for field in dataclasses.fields(theirs)} - set(ours.__struct_fields__)
            assert not missing, (library.__name__, missing)


@pytest.mark.parametrize("name", LIBRARIES)
@settings(max_examples=40, deadline=None, print_blob=True)
@given(data=st.data())
def test_every_field_of_an_order_survives(name: str, data) -> None:
    library = LIBRARIES[name]
    tags = st.lists(st.builds(library.TagValue, texts, texts), max_size=3)
    order = data.draw(
        build(
            library.Order,
            algoParams=tags,
            smartComboRoutingParams=tags,
            orderMiscOptions=tags,
            conditions=conditions(library),
            softDollarTier=build(library.objects.SoftDollarTier),
            orderComboLegs=st.lists(st.builds(library.OrderComboLeg, numbers), max_size=3),
        )
    )
    ours = decode(encode(to_order(order)), wire.Order)
    compare(ours, order)
    for field in ("algoParams", "smartComboRoutingParams", "orderMiscOptions"):
        assert [(tag.tag, tag.value) for tag in getattr(ours, field)] == [tuple(tag) for tag in getattr(order, field)]
    assert len(ours.conditions) == len(order.conditions)
    for mine, theirs in zip(ours.conditions, order.conditions, strict=True):
        compare(mine, theirs)
    assert [leg.price for leg in ours.orderComboLegs] == [expected(leg.price, True) for leg in order.orderComboLegs]
    tier = order.softDollarTier
    if tier.name or tier.val or tier.displayName:
        compare(ours.softDollarTier, tier)
    else:
        assert ours.softDollarTier is None


@pytest.mark.parametrize("name", LIBRARIES)
@settings(max_examples=40, deadline=None, print_blob=True)
@given(data=st.data())
def test_every_field_of_a_contract_survives(name: str, data) -> None:
    library = LIBRARIES[name]
    contract = data.draw(
        build(
            library.Contract,
            comboLegs=st.lists(build(library.ComboLeg), max_size=3),
            deltaNeutralContract=st.none() | build(library.DeltaNeutralContract),
        )
    )
    ours = decode(encode(to_contract(contract)), Contract)
    compare(ours, contract)
    for mine, theirs in zip(ours.comboLegs, contract.comboLegs, strict=True):
        compare(mine, theirs)
    if contract.deltaNeutralContract is None:
        assert ours.deltaNeutralContract is None
    else:
        compare(ours.deltaNeutralContract, contract.deltaNeutralContract)


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
        with pytest.raises(errors.RequestError, match=rf"Order\.{name} cannot be"):
            to_order(filled(ibmux.LimitOrder("BUY", 1, 1.0), {name: value}))
    assert to_tags(None) == []


def test_updating_in_place_leaves_lists_alone() -> None:
    contract = ib_async.Stock("AAPL", "SMART", "USD")
    legs = contract.comboLegs
    update(contract, Contract("STK", 5, "AAPL", exchange="SMART", currency="USD", localSymbol="AAPL"))
    assert (contract.conId, contract.localSymbol) == (5, "AAPL")
    assert contract.comboLegs is legs
