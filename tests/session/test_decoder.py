"""What is read here is what ib_async's decoder and `translate` make of the same fields, whatever the fields are."""

from __future__ import annotations

import dataclasses
import math
import random
from typing import Any

import ib_async as ib
import msgspec
import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from ib_async.decoder import Decoder as IBDecoder

from ibmux.session import decoder, translate, translate_orders
from ibmux.session.decoder import Decoder, plain_order
from ibmux.tws.replies import encode_reply

TEXTS = ["", "", "", "x", "é", "?", "0", "O", "None", "AAPL", "1.7976931348623157E308", "1.7976931348623157e308"]
INTEGERS = ["", "0", "-1", "7", "2147483647", "-2147483648", "123456789"]
FLOATS = ["", "0", "0.0", "-0.0", "1", "-1", "150.25", "1e-7", "2147483647", "inf"]
FLOATS += ["1.7976931348623157E308", "1.7976931348623157e+308"]
GOOD: dict[type, list[str]] = {str: TEXTS, int: INTEGERS, float: FLOATS, bool: ["", "0", "1"]}
ODD = [*TEXTS, *FLOATS, *INTEGERS, "nan", "inf", "12x", "PEG BENCH", "2", " 1", "1_0", "BAG"]
THEIRS: dict[str, Any] = {"o": ib.Order(), "c": ib.Contract(), "s": ib.OrderState()}


class Heard:
    """A wrapper that keeps what it is told of orders, in ibmux's records."""

    def __init__(self) -> None:
        self.opens: list[Any] = []

    def openOrder(self, order_id: int, contract: ib.Contract, order: ib.Order, state: ib.OrderState) -> None:
        assert order_id == order.orderId
        records = translate.contract(contract), translate_orders.order(order), translate_orders.order_state(state)
        self.opens.append((*records, order.whatIf))

    def opened(self, *records: Any) -> None:
        self.opens.append((*records, False))


def heard(kind: type[IBDecoder], fields: list[str], version: int = 176) -> Any:
    """What a wrapper hears of a message, or the type of the error."""
    wrapper = Heard()
    try:
        kind(wrapper, version).openOrder(list(fields))  # type: ignore[arg-type]
    except Exception as error:
        return type(error)
    ((*records, what_if),) = wrapper.opens
    texts = [repr(msgspec.structs.asdict(record)) for record in records]  # which shows types and NaN
    return f"{texts} {what_if}".replace("-0.0", "0.0")


def a_text(entry: str, choose: random.Random) -> str:
    """A good text for one entry of the layout."""
    part, _, name = entry.partition(".")
    if part[0] in "-=":
        return choose.choice(FLOATS) if part == "-" else part[1:]
    return choose.choice(GOOD[type(getattr(THEIRS[part], name))])


def a_frame(seed: int) -> list[str]:
    """An openOrder without extras."""
    choose = random.Random(seed)
    hedged = choose.random() < 0.5
    entries = decoder._LAYOUT.format(hedge=decoder._HEDGE if hedged else "").split()
    fields = ["5", *(a_text(entry, choose) for entry in entries)]
    fields[decoder._HEDGE_TYPE_AT] = choose.choice(["None", "MKT", "?"]) if hedged else ""
    return fields


seeds = st.integers(0, 2**32)


@given(seeds)
def test_a_plain_order_is_read_as_ib_async_reads_it(seed: int) -> None:
    fields = a_frame(seed)
    assert plain_order(fields) is not None
    assert heard(Decoder, fields) == heard(IBDecoder, fields)


@given(seeds, st.sampled_from([157, 166, 170, 176, 176, 176]))
def test_so_is_one_with_anything_anywhere(seed: int, version: int) -> None:
    fields, choose = a_frame(seed), random.Random(seed)
    for _ in range(choose.randint(1, 3)):
        at = choose.randint(1, len(fields) - 1)
        match choose.choice(["change", "change", "insert", "drop"]):
            case "change":
                fields[at] = choose.choice(ODD)
            case "insert":
                fields.insert(at, choose.choice(ODD))
            case "drop":
                del fields[at]
    event(f"plain: {plain_order(fields) is not None}")
    assert heard(Decoder, fields, version) == heard(IBDecoder, fields, version)


@pytest.mark.parametrize("kind", ["PEG BEST", "PEG BENCH"])
def test_an_offset_up_to_the_middle_is_read_in_both_spellings(kind: str) -> None:
    values = {"orderId": 7, "action": "BUY", "totalQuantity": 10.0, "orderType": kind}
    fields = (
        encode_reply("openOrder", values | {"competeAgainstBestOffset": math.inf}, 176)[4:].decode().split("\0")[:-1]
    )
    at = fields.index("Infinity")
    assert "'competeAgainstBestOffset': inf" in heard(Decoder, fields) == heard(IBDecoder, fields)
    fields[at] = "Infinite"
    assert heard(IBDecoder, fields) is ValueError
    assert "'competeAgainstBestOffset': inf" in heard(Decoder, fields)


EXTRAS: dict[str, Any] = {
    "comboLegs": [{"conId": 1, "ratio": 2, "action": "BUY", "exchange": "SMART"}] * 2,
    "orderComboLegs": [1.5, 2.5],
    "smartComboRoutingParams": [{"tag": "NonGuaranteed", "value": "1"}],
    "scalePriceIncrement": 0.5,
    "hedgeType": "D",
    "deltaNeutralContract": True,
    "algoStrategy": "Adaptive",
    "whatIf": True,
    "conditions": [{"condType": 1, "conjunction": "a", "isMore": True, "price": 3.5, "conId": 7, "exch": "SMART"}],
    "softDollarTierName": "tier",
    "orderType": "PEG BENCH",
}


@pytest.mark.parametrize("version", [157, 158, 162, 166, 170, 176])
@pytest.mark.parametrize("name", [*EXTRAS, ""])
def test_an_order_with_extras_is_left_to_ib_async(name: str, version: int) -> None:
    plain = {"orderId": 7, "action": "BUY", "totalQuantity": 10.0, "orderType": "LMT", "lmtPrice": 50.0}
    values = plain | ({name: EXTRAS[name]} if name else {})
    fields = encode_reply("openOrder", values, version)[4:].decode().split("\0")[:-1]
    expected = heard(IBDecoder, fields, version)
    assert isinstance(expected, str) and "'action': 'BUY'" in expected, expected
    assert heard(Decoder, fields, version) == expected
    if version >= 170:
        assert (plain_order(fields) is None) == bool(name)


@given(st.sampled_from([ib.Contract, ib.ContractDetails, ib.Execution, ib.Order, ib.OrderState]), seeds)
def test_fields_are_parsed_as_ib_async_parses_them(kind: type, seed: int) -> None:
    choose = random.Random(seed)
    ours, theirs = kind(), kind()
    for each in dataclasses.fields(kind):
        if type(each.default) in GOOD:
            text = choose.choice([*GOOD[type(each.default)], each.default])
            setattr(ours, each.name, text)
            setattr(theirs, each.name, text)
    Decoder(Heard(), 176).parse(ours)
    IBDecoder(Heard(), 176).parse(theirs)  # type: ignore[arg-type]
    assert repr(vars(ours)) == repr(vars(theirs))
