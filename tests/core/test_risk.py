"""Who may trade what: live accounts, changes that add risk, orders that only close."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibmux.core import risk
from ibmux.core.entry import Entry
from ibmux.core.risk import Ask, Closing, Holdings
from ibmux.messages.account import Position
from ibmux.messages.contracts import Contract, TagValue
from ibmux.messages.orders import Order
from ibmux.messages.trades import OrderStatus, Trade

AAPL = Contract("STK", symbol="AAPL", conId=265598)
MSFT = Contract("STK", symbol="MSFT", conId=272093)
LIVE, PAPER = "U1234567", "DU1234567"


def order(**changes):
    return Order(**{"action": "SELL", "totalQuantity": 100, "orderType": "MKT", **changes})


@pytest.mark.parametrize(
    ("account", "login", "named", "missing"),
    [
        ("", [PAPER], [], []),
        (PAPER, [PAPER], [], []),
        ("", [LIVE], [], [LIVE]),
        ("", [LIVE], [LIVE], []),
        (LIVE, [LIVE, "U2"], [LIVE], []),
        ("U2", [LIVE, "U2"], [LIVE], ["U2"]),
        ("", [LIVE, "U2"], [LIVE], ["U2"]),
        ("", [LIVE, "U2"], [LIVE, "U2"], []),
        ("", [], [], []),
        (LIVE, [], [], [LIVE]),
        ("Everyone", [LIVE], [LIVE], ["Everyone"]),
        ("DEMO", [LIVE], [], [LIVE]),
    ],
)
def test_live_accounts_must_be_named(account, login, named, missing):
    assert risk.unnamed(order(account=account), login, named) == missing


def test_an_advisors_group_may_be_any_account():
    for spread in ({"faGroup": "All"}, {"faProfile": "Half"}):
        assert risk.unnamed(order(account=LIVE, **spread), [LIVE, "U2"], [LIVE]) == ["U2"]


@pytest.mark.parametrize(
    ("changes", "adds"),
    [
        ({"totalQuantity": 50}, False),
        ({"totalQuantity": 100}, False),
        ({"totalQuantity": 101}, True),
        ({"totalQuantity": 50, "lmtPrice": 9.0}, True),
        ({"action": "BUY"}, True),
        ({"orderRef": "another", "totalQuantity": 50}, False),
        ({"orderType": "LMT"}, True),
        ({"percentOffset": 0.5}, True),
        ({"algoParams": [TagValue("adaptivePriority", "Urgent")]}, True),
        ({"discretionaryAmt": 0.0, "percentOffset": 0.0, "totalQuantity": 50}, False),
    ],
)
def test_only_a_lower_quantity_adds_no_risk(changes, adds):
    known = order()
    assert risk.adds_risk(known, order(**changes)) is adds
    assert Ask("1", AAPL, order(**changes), known).adds is adds


def test_a_new_order_adds_risk_and_so_does_letting_a_held_one_go():
    assert Ask("1", AAPL, order()).adds
    assert risk.adds_risk(order(transmit=False), order(transmit=True))
    assert not risk.adds_risk(order(transmit=True), order(transmit=False))


@pytest.mark.parametrize(
    ("changes", "account"),
    [
        ({}, ""),
        ({"account": PAPER}, PAPER),
        ({"account": "DU2"}, None),
        ({"cashQty": 100.0}, None),
        ({"hedgeType": "B"}, None),
        ({"scaleInitLevelSize": 10}, None),
        ({"deltaNeutralOrderType": "LMT"}, None),
        ({"account": PAPER, "faGroup": "everybody"}, None),
    ],
)
def test_what_an_order_would_close(changes, account):
    found = risk.closing(Ask("1", AAPL, order(**changes)), [PAPER])
    assert found == (None if account is None else Closing(PAPER, AAPL, True, 100))


def test_what_cannot_be_told_closes_nothing():
    assert risk.closing(Ask("1", AAPL, order()), [PAPER, "DU2"]) is None
    assert risk.closing(Ask("1", AAPL, order()), []) is None
    assert risk.closing(Ask("1", Contract("STK", symbol="AAPL"), order()), [PAPER]) is None
    assert risk.closing(Ask("1", AAPL, order(), exercise=True), [PAPER]) is None


def test_the_room_is_what_is_held_less_what_others_close():
    sale = Closing(PAPER, AAPL, True, 100)
    assert risk.room(sale, 100, []) == 100
    assert risk.room(sale, -100, []) == 0
    assert risk.room(sale._replace(sells=False), -100, []) == 100
    others = [sale._replace(quantity=30), sale._replace(account="DU2"), sale._replace(contract=MSFT)]
    assert risk.room(sale, 100, [*others, sale._replace(sells=False)]) == 70
    unknown = Contract("STK", symbol="AAPL")
    assert risk.room(sale, 100, [sale._replace(contract=unknown, quantity=40)]) == 60


def test_a_working_order_may_still_trade_what_is_left():
    trade = Trade(AAPL, order(), OrderStatus(status="Submitted", filled=60.0, remaining=40.0))
    entry = Entry("ann", "1", trade)
    assert risk.working(entry, [PAPER]) == Closing(PAPER, AAPL, True, 40)
    assert risk.working(entry, [PAPER, "DU2"]).account == ""
    trade.order = order(account="DU2", action="BUY")
    assert risk.working(entry, [PAPER, "DU2"]) == Closing("DU2", AAPL, False, 40)


def told(position):
    return Position(PAPER, AAPL, position, 1.0)


def held(*positions):
    made = Holdings()
    made.begin([told(each) for each in positions])
    return made


def test_a_sale_that_the_position_does_not_show_yet_is_not_held_any_more():
    holdings = held(100)
    holdings.filled(PAPER, AAPL.conId, -100, 0.0)
    assert holdings.certain(PAPER, AAPL.conId, 100, 1.0) == 0
    holdings.told(told(100))  # still of before
    assert holdings.certain(PAPER, AAPL.conId, 100, 1.0) == 0
    holdings.told(told(0))
    assert holdings.certain(PAPER, AAPL.conId, 0, 1.0) == 0


def test_a_purchase_that_the_position_does_not_show_yet_is_not_held_yet():
    holdings = held(100)
    holdings.filled(PAPER, AAPL.conId, 50, 0.0)
    assert holdings.certain(PAPER, AAPL.conId, 100, 1.0) == 100


def test_a_short_position_is_covered_in_the_same_way():
    holdings = held(-100)
    holdings.filled(PAPER, AAPL.conId, 60, 0.0)
    assert holdings.certain(PAPER, AAPL.conId, -100, 1.0) == -40
    holdings.filled(PAPER, AAPL.conId, 60, 0.0)
    assert holdings.certain(PAPER, AAPL.conId, -100, 1.0) == 0


def test_a_position_that_shows_the_first_of_two_fills_leaves_the_second():
    holdings = held(100)
    holdings.filled(PAPER, AAPL.conId, -30, 0.0)
    holdings.filled(PAPER, AAPL.conId, -30, 0.0)
    holdings.told(told(70))
    assert holdings.certain(PAPER, AAPL.conId, 70, 1.0) == 40


def test_a_position_that_no_fill_leads_to_stands_for_itself():
    holdings = held(100)
    holdings.filled(PAPER, AAPL.conId, -30, 0.0)
    holdings.told(told(500))
    assert holdings.certain(PAPER, AAPL.conId, 500, 1.0) == 500


def test_what_is_old_is_settled_and_what_was_downloaded_is_whole():
    holdings = held(100)
    holdings.filled(PAPER, AAPL.conId, -30, 0.0)
    assert holdings.certain(PAPER, AAPL.conId, 100, risk.SETTLED + 0.1) == 100
    holdings.filled(PAPER, AAPL.conId, -30, 0.0)
    holdings.begin([])
    assert holdings.certain(PAPER, AAPL.conId, 100, 1.0) == 100


@given(st.integers(-50, 50), st.lists(st.integers(-20, 20), max_size=6), st.data())
def test_never_more_is_certain_than_is_there(start, fills, data):
    """Whatever part of the fills the gateway has told in positions, closing what is certain never turns the side."""
    holdings, shown = held(start), start
    behind = data.draw(st.integers(0, len(fills)))
    for number, shares in enumerate(fills):
        holdings.filled(PAPER, AAPL.conId, shares, 0.0)
        if number < behind:
            shown += shares
            holdings.told(told(shown))
    certain, real = holdings.certain(PAPER, AAPL.conId, shown, 1.0), start + sum(fills)
    assert abs(certain) <= max(0, real if certain > 0 else -real)
