"""What may not leave the proxy: mistakes, sizes, values, prices far from the quote."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibmux.core import limits
from ibmux.errors import LimitExceeded, RequestError
from ibmux.messages.contracts import Contract
from ibmux.messages.orders import Order

AAPL = Contract("STK", symbol="AAPL")
PRICES = st.floats(0.01, 100_000)


def order(**changes):
    return Order(**{"action": "BUY", "totalQuantity": 100, "orderType": "LMT", "lmtPrice": 10.0, **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"action": "buy"}, "order.action"),
        ({"orderType": ""}, "order.orderType"),
        ({"whatIf": True}, "order.whatIf"),
        ({"totalQuantity": 0}, "order.totalQuantity"),
        ({"totalQuantity": -5}, "order.totalQuantity"),
        ({"totalQuantity": float("nan")}, "order.totalQuantity"),
        ({"lmtPrice": float("nan")}, "order.lmtPrice"),
        ({"auxPrice": float("inf")}, "order.auxPrice"),
        ({"cashQty": float("nan")}, "order.cashQty"),
        ({"orderType": "TRAIL", "lmtPrice": None, "trailStopPrice": float("nan")}, "order.trailStopPrice"),
        ({"totalQuantity": float("nan"), "cashQty": 1e9}, "order.totalQuantity"),
        ({"totalQuantity": -100, "cashQty": 0.0}, "order.totalQuantity"),
        ({"totalQuantity": 0, "cashQty": -1.0}, "order.totalQuantity"),
    ],
)
def test_an_order_that_cannot_be_meant_like_that(changes, words):
    with pytest.raises(RequestError, match=words) as caught:
        limits.check_terms(order(**changes))
    assert caught.value.fate == "not_sent"


def test_an_order_may_name_cash_instead_of_a_quantity():
    limits.check_terms(order(totalQuantity=0, cashQty=500.0))


def test_the_tighter_bound_counts_and_0_is_none():
    assert limits.tightest(0.0, 5.0, 3.0) == 3.0
    assert limits.tightest(0.0, 0.0) == 0.0


def test_limits_of_quantity_and_value():
    limits.check_size(100, 100)
    limits.check_size(100, 0)
    limits.check_value(1000, 1000)
    limits.check_value(1000, 0)
    with pytest.raises(LimitExceeded, match="100 is above the limit of 99 per order") as caught:
        limits.check_size(100, 99)
    assert (caught.value.code, caught.value.fate) == ("order.limit", "not_sent")
    with pytest.raises(LimitExceeded, match=r"worth 1,000\.00, above the limit of 999\.00"):
        limits.check_value(1000, 999)


@pytest.mark.parametrize(
    ("changes", "value"),
    [
        ({}, 1000),
        ({"orderType": "STP", "lmtPrice": None, "auxPrice": 5.0}, 500),
        ({"orderType": "STP LMT", "lmtPrice": 9.0, "auxPrice": 12.0}, 1200),
        ({"orderType": "MKT", "lmtPrice": None}, 2000),
        ({"orderType": "MKT", "lmtPrice": 0.0}, 2000),
        ({"orderType": "MOC", "lmtPrice": None, "auxPrice": 3.0}, 2000),
        ({"orderType": "TRAIL", "lmtPrice": None, "auxPrice": 0.5}, 2000),
        ({"orderType": "TRAIL", "lmtPrice": None, "auxPrice": 0.5, "trailStopPrice": 18.0}, 1800),
        ({"orderType": "STP", "lmtPrice": 99.0, "auxPrice": 5.0}, 500),
        ({"orderType": "stp lmt", "lmtPrice": 9.0, "auxPrice": 12.0}, 1200),
        ({"orderType": "MIDPRICE", "lmtPrice": 0.0}, 2000),
        ({"orderType": "REL", "lmtPrice": 0.0, "auxPrice": 0.02}, 2000),
        ({"orderType": "REL", "lmtPrice": 21.0, "auxPrice": 0.02}, 2100),
        ({"orderType": "MKT", "lmtPrice": None, "totalQuantity": 0, "cashQty": 5000.0}, 5000),
        ({"lmtPrice": -3.0}, 300),
    ],
)
def test_the_value_of_an_order_whose_quote_is_20(changes, value):
    assert limits.order_value(AAPL, order(**changes), 20.0) == value


def test_which_orders_need_a_quote_to_be_valued():
    assert limits.is_unpriced(order(orderType="MKT", lmtPrice=None))
    assert limits.is_unpriced(order(orderType="TRAIL", lmtPrice=None, auxPrice=1.0))
    assert not limits.is_unpriced(order())
    assert not limits.is_unpriced(order(orderType="MKT", lmtPrice=None, cashQty=100.0))


def test_the_value_counts_the_multiplier_which_must_be_a_number():
    assert limits.order_value(Contract("OPT", multiplier="100"), order()) == 100_000
    with pytest.raises(RequestError, match=r"contract\.multiplier") as caught:
        limits.order_value(Contract("OPT", multiplier="many"), order())
    for odd in ("nan", "-100", "inf"):
        with pytest.raises(RequestError, match=r"contract\.multiplier"):
            limits.order_value(Contract("OPT", multiplier=odd), order())
    assert caught.value.fate == "not_sent"


@given(PRICES, PRICES, st.floats(0.001, 0.9))
def test_a_price_is_refused_exactly_beyond_the_band(price, reference, band):
    away = abs(price - reference) / reference
    try:
        limits.check_band(order(lmtPrice=price), reference, band)
    except LimitExceeded:
        assert away > band or math.isclose(away, band)
    else:
        assert away <= band or math.isclose(away, band)


def test_the_band_counts_stops_too_and_shows_both_prices():
    limits.check_band(order(), 20.0, 0.0)
    with pytest.raises(LimitExceeded, match=r"auxPrice is 30; the last quote is 20: 50\.0% away, and 5\.0% is allowed"):
        limits.check_band(order(orderType="STP LMT", lmtPrice=20.5, auxPrice=30.0), 20.0, 0.05)


def test_what_has_no_band():
    assert limits.has_band(AAPL, order())
    assert not limits.has_band(AAPL, order(orderType="MKT", lmtPrice=None))
    assert not limits.has_band(Contract("BAG", symbol="AAPL"), order(lmtPrice=0.05))


@pytest.mark.parametrize(
    ("fields", "price"),
    [
        ({"bid": 9.0, "ask": 11.0, "last": 10.5, "close": 8.0}, 10.5),
        ({"bid": 9.0, "ask": 11.0, "last": 20.0}, 11.0),
        ({"bid": 9.0, "ask": 11.0, "last": 5.0}, 9.0),
        ({"bid": 9.0, "ask": 11.0}, 10.0),
        ({"bid": 9.0, "ask": -1.0, "last": 5.0}, 9.0),
        ({"bid": 9.0}, 9.0),
        ({"ask": 11.0}, 11.0),
        ({"ask": 11.0, "last": 12.0}, 11.0),
        ({"bid": -1.0, "ask": -1.0, "close": 8.0}, 8.0),
        ({"bid": math.nan, "last": None, "close": "8"}, 0.0),
        ({}, 0.0),
    ],
)
def test_the_price_of_a_quote(fields, price):
    assert limits.reference_price(fields) == price


@given(PRICES, PRICES, PRICES)
def test_the_price_of_a_whole_quote_lies_between_bid_and_ask(one, other, last):
    bid, ask = sorted((one, other))
    assert bid <= limits.reference_price({"bid": bid, "ask": ask, "last": last}) <= ask
