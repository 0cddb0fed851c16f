"""Every field of every record, to ib_async's objects and back; IB's marks for "unset" never get through."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from typing import Any
from zoneinfo import ZoneInfo

import ib_async as ib
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async.client import Client
from ib_async.util import UNSET_DOUBLE, UNSET_INTEGER, parseIBDatetime

from ibmux.errors import RequestError
from ibmux.messages import contracts as c
from ibmux.messages import orders as o
from ibmux.messages import trades as t
from ibmux.messages.trading import ExecutionFilter
from ibmux.session import translate, translate_orders
from ibmux.session.link import Link

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12).filter(lambda text: text != "?")
floats = st.floats(-1e9, 1e9)
whole = st.integers(-(2**31) + 1, 2**31 - 2)
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {str: texts, float: floats, int: whole, bool: st.booleans()}


def records(kind: type[msgspec.Struct], **special: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Any value of a record whose other fields are text, numbers, flags, or such a one or `None`."""
    strategies = {}
    for each in msgspec.structs.fields(kind):
        if each.name in special:
            strategies[each.name] = special[each.name]
        elif each.type in BY_TYPE:
            strategies[each.name] = BY_TYPE[each.type]
        else:
            (plain,) = [part for part in each.type.__args__ if part is not type(None)]
            strategies[each.name] = st.none() | BY_TYPE[plain]
    return st.builds(kind, **strategies)


tag_values = st.lists(records(c.TagValue), max_size=3)
any_contract = records(
    c.Contract,
    comboLegs=st.lists(records(c.ComboLeg), max_size=3),
    deltaNeutralContract=st.none() | records(c.DeltaNeutralContract, conId=st.integers(1, 9)),
    right=st.sampled_from(["", "C", "P", "CALL"]),
)
CONDITION_FIELDS = {
    kind: {each.name for each in dataclasses.fields(ib.OrderCondition.createClass(kind))} for kind in (1, 3, 4, 5, 6, 7)
}


def condition(kind: int) -> st.SearchStrategy[o.OrderCondition]:
    """A condition of this type, with the fields that it has."""
    plain = {
        each.name: BY_TYPE[each.type] for each in msgspec.structs.fields(o.OrderCondition) if each.name != "condType"
    }
    return st.builds(
        o.OrderCondition,
        condType=st.just(kind),
        **{name: value for name, value in plain.items() if name in CONDITION_FIELDS[kind]},
    )


any_order = records(
    o.Order,
    algoParams=tag_values,
    smartComboRoutingParams=tag_values,
    orderMiscOptions=tag_values,
    orderComboLegs=st.lists(records(o.OrderComboLeg), max_size=2),
    conditions=st.lists(st.sampled_from(sorted(CONDITION_FIELDS)).flatmap(condition), max_size=3),
    softDollarTier=st.none() | records(o.SoftDollarTier, name=texts.filter(bool)),
)


@given(any_contract)
def test_a_contract_survives_the_way_there_and_back(contract: c.Contract) -> None:
    there = translate.to_contract(contract)
    if contract.conId < 0:  # ibmux's own number of a combination
        assert there.conId == 0
        contract.conId = 0
    assert translate.contract(there) == contract


def test_the_number_of_a_combination_is_never_sent() -> None:
    legs = [c.ComboLeg(1, 1, "BUY", "SMART"), c.ComboLeg(2, 1, "SELL", "SMART")]
    for number in (-7, 28812380):
        combo = translate.to_contract(c.Contract("BAG", number, "X", comboLegs=legs))
        assert (combo.conId, len(combo.comboLegs)) == (0, 2)


@given(any_order)
def test_an_order_survives_the_way_there_and_back(order: o.Order) -> None:
    assert translate_orders.order(translate_orders.to_order(order)) == order


def test_an_empty_order_is_ib_asyncs_empty_order() -> None:
    assert dataclasses.asdict(translate_orders.to_order(o.Order())) == dataclasses.asdict(ib.Order())
    assert translate_orders.order(ib.Order()) == o.Order()
    assert vars(translate.to_contract(c.Contract())) == vars(ib.Contract())


def test_orders_share_nothing_that_can_change() -> None:
    first, second = translate_orders.to_order(o.Order()), translate_orders.to_order(o.Order())
    changeable = [name for name, value in vars(first).items() if not isinstance(value, str | int | float | None)]
    assert len(changeable) == 6
    assert not [name for name in changeable if getattr(first, name) is getattr(second, name)]


class Written:
    """What was written to a socket."""

    present = open = True

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    sendMsg = write


def placed(client: Client, contract: c.Contract, order: o.Order) -> bytes:
    """What a client writes to place an order."""
    client._serverVersion = 176
    client.placeOrder(7, translate.to_contract(contract), translate_orders.to_order(order))
    written = client.wire if isinstance(client, Link) else client.conn
    return written.data


@given(any_contract, any_order, st.sampled_from(["LMT", "VOL", "PEG BENCH", "PEG BEST", "PEG MID"]), st.booleans())
async def test_an_order_is_written_as_ib_async_writes_it(
    contract: c.Contract, order: o.Order, kind: str, combo: bool
) -> None:
    order.orderType = kind
    contract.secType = "BAG" if combo else contract.secType
    theirs, ours = Client(object()), Link(object(), {}, lambda: None, lambda _: None)
    theirs.connState, theirs.conn, ours.wire = Client.CONNECTED, Written(), Written()
    data = placed(ours, contract, order)
    assert data == placed(theirs, contract, order)
    assert len(data) > 100


@pytest.mark.parametrize("kind", [c.Contract, c.ContractDetails, c.ComboLeg, o.Order, t.OrderState, t.Execution])
def test_no_field_of_ib_async_is_forgotten(kind: type[msgspec.Struct]) -> None:
    theirs = {each.name for each in dataclasses.fields(getattr(ib, kind.__name__))}
    assert theirs - set(kind.__struct_fields__) == set()


@given(st.sampled_from([each.name for each in dataclasses.fields(ib.Order)]))
def test_an_unset_number_never_gets_through(name: str) -> None:
    source = ib.Order()
    if isinstance(getattr(source, name), bool) or not isinstance(getattr(source, name), int | float):
        return
    setattr(source, name, UNSET_DOUBLE if isinstance(getattr(source, name), float) else UNSET_INTEGER)
    assert getattr(translate_orders.order(source), name) in (None, 0, 0.0, -1)


@given(st.sampled_from([each for each in o.Order.__struct_fields__ if isinstance(getattr(o.Order(), each), float)]))
def test_what_is_not_a_number_is_refused(name: str) -> None:
    order = o.Order()
    setattr(order, name, math.nan)
    with pytest.raises(RequestError, match=name):
        translate_orders.to_order(order)


@pytest.mark.parametrize("value", [2**31 - 1, 2**31, -(2**31) - 1, 2**70])
def test_a_whole_number_that_the_wire_cannot_carry_is_refused(value: int) -> None:
    with pytest.raises(RequestError, match="displaySize"):
        translate_orders.to_order(o.Order(displaySize=value))


def test_question_marks_of_the_gateway_mean_nothing() -> None:
    assert translate.contract(ib.Contract(right="?", strike=0.0)).right == ""
    assert translate_orders.order(ib.Order(rule80A="?")).rule80A == ""


def test_states_executions_and_commissions_lose_ibs_marks() -> None:
    state = translate_orders.order_state(
        ib.OrderState(initMarginChange="1.7976931348623157E308", commission=UNSET_DOUBLE, maxCommission=2.5)
    )
    assert (state.initMarginChange, state.commission, state.maxCommission) == ("", None, 2.5)
    execution = ib.Execution(orderId=UNSET_INTEGER, time=dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC))
    fill = translate_orders.fill(ib.Contract(conId=7), execution)
    assert (fill.execution.orderId, fill.contract.conId, fill.time) == (0, 7, execution.time)
    report = translate_orders.commission(ib.CommissionReport("x", 1.0, "USD", UNSET_DOUBLE, UNSET_DOUBLE, 0))
    assert (report.realizedPNL, report.yield_, report.commission) == (None, None, 1.0)


def test_profit_and_loss_that_is_not_known_is_nan() -> None:
    assert math.isnan(translate.pnl("A", "", (UNSET_DOUBLE, 1.0, 2.0)).dailyPnL)
    single = translate.pnl_single("A", "", 7, (3.0, 1.0, UNSET_DOUBLE, UNSET_DOUBLE, 4.0))
    assert (single.position, single.dailyPnL, single.value) == (3.0, 1.0, 4.0)
    assert math.isnan(single.unrealizedPnL)


@given(st.integers(10**8, 4 * 10**9), st.sampled_from(["US/Eastern", "UTC", "Asia/Tokyo"]))
def test_times_are_read_as_ib_async_reads_them(epoch: int, zone: str) -> None:
    moment = dt.datetime.fromtimestamp(epoch, dt.UTC)
    written = f"{moment:%Y%m%d %H:%M:%S} {zone}"
    assert dt.datetime.fromisoformat(translate.iso(written)) == parseIBDatetime(written)
    assert translate.iso(written) == moment.replace(tzinfo=ZoneInfo(zone)).isoformat()
    assert translate.iso(f"{moment:%Y%m%d}") == f"{moment:%Y-%m-%d}"
    assert translate.iso(str(epoch)) == moment.isoformat()
    assert translate.iso(f"{moment:%Y%m%d  %H:%M:%S}") == moment.isoformat()


@pytest.mark.parametrize("text", ["", "tomorrow", "20261399 10:00:00 UTC", "20260101 10:00:00 Mars/Base", "2026"])
def test_what_is_no_time_is_an_error_or_seconds(text: str) -> None:
    if text == "2026":
        assert translate.iso(text) == "1970-01-01T00:33:46+00:00"
        return
    with pytest.raises(ValueError, match=r".*"):
        translate.iso(text)


def test_bars_are_read_eight_fields_at_a_time() -> None:
    fields = ["20260102", "1", "3", "0.5", "2", "100", "1.5", "7"] * 3
    bars = translate.bars(fields)
    assert len(bars) == 3
    first = bars[0]
    assert (first.date, first.open, first.high, first.low, first.close) == ("2026-01-02", 1.0, 3.0, 0.5, 2.0)
    assert (first.volume, first.average, first.barCount) == (100.0, 1.5, 7)


@given(records(ExecutionFilter))
def test_a_filter_keeps_every_field(wanted: ExecutionFilter) -> None:
    assert dataclasses.asdict(translate_orders.to_filter(wanted)).items() >= msgspec.structs.asdict(wanted).items()
    assert translate_orders.to_filter(None) == ib.ExecutionFilter()
