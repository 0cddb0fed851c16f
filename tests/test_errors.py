"""The tree of errors and its way over the wire."""

import pytest

from ibmux.errors import GatewayError, IbmuxError, NotReady, OrderRejected, OrderUnknown


def test_every_error_survives_the_wire():
    for code, kind in IbmuxError.registry.items():
        there = kind("what happened", hint="do this", retry_after=2.5, ib=(201, "no"))
        back = IbmuxError.from_wire(there.to_wire())
        assert type(back) is kind and kind.code == code
        assert back.to_wire() == there.to_wire()


def test_every_class_has_a_hint_and_a_docstring():
    for kind in IbmuxError.registry.values():
        assert kind.hint.endswith((".", "?")) and kind.__doc__


def test_outcomes_of_orders():
    assert (OrderRejected("x").fate, OrderUnknown("x").fate, NotReady("x").fate) == ("rejected", "unknown", "not_sent")
    assert NotReady.retryable and not OrderUnknown.retryable


def test_an_unknown_code_is_still_an_error():
    back = IbmuxError.from_wire({"code": "from.tomorrow", "message": "new"})
    assert type(back) is IbmuxError and back.message == "new"


def test_two_classes_cannot_share_a_code():
    with pytest.raises(TypeError, match=r"share the code gateway\.error"):
        type("Other", (IbmuxError,), {"code": "gateway.error"})
    assert IbmuxError.registry["gateway.error"] is GatewayError


def test_words_for_a_person():
    text = str(NotReady("The session is waiting: the gateway is down."))
    assert text.startswith("The session is waiting") and "[gateway.not_ready]" in text
