"""Messages: what any MessagePack library reads, and the words of what is refused."""

import msgpack
import pytest

from ibmux.errors import MalformedRequest, RequestError
from ibmux.messages import METHODS, decode, decode_request, encode, may
from ibmux.messages.contracts import Contract
from ibmux.messages.market import Ticks
from ibmux.messages.orders import Order
from ibmux.messages.trading import PlaceOrder

AAPL = {"symbol": "AAPL", "secType": "STK"}


def test_another_library_reads_and_writes_the_same():
    request = PlaceOrder(Contract(**AAPL), Order(action="BUY", totalQuantity=1, orderType="MKT"), key="k")
    plain = msgpack.unpackb(encode(request))
    assert plain == {
        "contract": AAPL, "order": {"action": "BUY", "totalQuantity": 1, "orderType": "MKT"}, "key": "k",
    }  # fmt: skip
    assert decode_request(msgpack.packb(plain), PlaceOrder) == request
    assert msgpack.unpackb(encode(Ticks(1, 5, 2.0, [(1, 150.0, 3.0)])))["ticks"] == [[1, 150.0, 3.0]]


@pytest.mark.parametrize(
    ("payload", "kind", "words"),
    [
        (b"", RequestError, "missing required field `contract`"),
        (msgpack.packb({"contract": AAPL, "order": {}, "ky": 1}), RequestError, "There is no argument `ky`"),
        (msgpack.packb({"contract": {"symbl": "A"}, "order": {}}), RequestError, "no argument `symbl` - at `contract`"),
        (
            msgpack.packb({"contract": {"symbol": 1}, "order": {}}),
            RequestError,
            "Expected `str`, got `int` - at `contr",
        ),
        (msgpack.packb([1]), MalformedRequest, "not a map"),
        (b"\xc1", MalformedRequest, "not MessagePack"),
        (b"\x81", MalformedRequest, "not MessagePack"),
    ],
)
def test_what_is_refused_and_how(payload, kind, words):
    with pytest.raises(kind, match=words):
        decode_request(payload, PlaceOrder)


def test_an_older_client_ignores_what_is_new():
    assert decode(msgpack.packb({"epoch": 1, "seq": 0, "time": 0.0, "ticks": [], "new": 1}), Ticks).epoch == 1


def test_every_method_says_what_it_does():
    for name, method in METHODS.items():
        assert method.request.__doc__ and method.name == name


def test_roles_build_on_each_other():
    assert may("admin", "trade") and may("trade", "cancel") and may("cancel", "read")
    assert not may("read", "cancel") and not may("cancel", "trade") and not may("trade", "admin")
