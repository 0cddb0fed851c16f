"""What may not leave the proxy."""

import pytest

from ibmux.config import LimitSettings
from ibmux.core.limits import check_order, order_value
from ibmux.errors import OrderNotSent, RequestError
from ibmux.messages.contracts import Contract
from ibmux.messages.orders import Order

AAPL = Contract("STK", symbol="AAPL")


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
    ],
)
def test_an_order_that_cannot_be_meant_like_that(changes, words):
    with pytest.raises(RequestError, match=words) as caught:
        check_order(AAPL, order(**changes), LimitSettings())
    assert caught.value.fate == "not_sent"


def test_limits_of_quantity_and_value():
    check_order(AAPL, order(), LimitSettings(order_quantity=100, order_value=1000))
    with pytest.raises(OrderNotSent, match="above the limit of 99 per order"):
        check_order(AAPL, order(), LimitSettings(order_quantity=99))
    with pytest.raises(OrderNotSent, match=r"worth 1,000\.00, above the limit of 999\.00"):
        check_order(AAPL, order(), LimitSettings(order_value=999))


def test_the_value_counts_the_multiplier_and_a_stop_price():
    assert order_value(Contract("OPT", multiplier="100"), order()) == 100_000
    assert order_value(AAPL, order(lmtPrice=None, auxPrice=5.0)) == 500
    assert order_value(AAPL, order(lmtPrice=None)) == 0
    check_order(AAPL, order(totalQuantity=0, cashQty=500.0), LimitSettings())


def test_the_value_counts_the_cash_that_may_be_spent():
    with pytest.raises(OrderNotSent, match="above the limit"):
        check_order(AAPL, order(totalQuantity=0, lmtPrice=None, cashQty=5000.0), LimitSettings(order_value=1000))


def test_a_multiplier_must_be_a_number():
    with pytest.raises(RequestError, match=r"contract\.multiplier") as caught:
        check_order(Contract("OPT", multiplier="many"), order(), LimitSettings(order_value=1000))
    check_order(Contract("OPT", multiplier="many"), order(), LimitSettings())  # nobody asks for its value
    assert caught.value.fate == "not_sent"
