"""The greeting of both ends."""

import pytest

from ibmux.tws.framing import split_fields
from ibmux.tws.handshake import (
    BadGreeting,
    Greeting,
    encode_answer,
    encode_greeting,
    negotiate,
    parse_answer,
    parse_greeting,
)


@pytest.mark.parametrize(
    ("payload", "greeting"),
    [
        (b"v157..178", Greeting(157, 178)),
        (b"v100..226 +PACEAPI", Greeting(100, 226, "+PACEAPI")),
        (b"v157..176\0", Greeting(157, 176)),
        (b"v176", Greeting(176, 176)),
    ],
)
def test_greetings_of_real_clients(payload: bytes, greeting: Greeting) -> None:
    assert parse_greeting(payload) == greeting


@pytest.mark.parametrize("payload", [b"", b"GET / HTTP/1.1", b"v..", b"v1..x", b"v-1..2", b"v9999999..1"])
def test_other_bytes_are_no_greeting(payload: bytes) -> None:
    with pytest.raises(BadGreeting):
        parse_greeting(payload)


@pytest.mark.parametrize(
    ("highest", "own", "agreed"), [(176, 176, 176), (178, 176, 176), (176, 178, 176), (226, 176, 176), (157, 178, 157)]
)
def test_never_more_than_the_client_knows(highest: int, own: int, agreed: int) -> None:
    assert negotiate(Greeting(100, highest), own) == agreed


def test_a_client_for_newer_servers_only_gets_our_version() -> None:
    assert negotiate(Greeting(213, 225), 176) == 176


def test_a_client_that_is_too_old_is_refused() -> None:
    with pytest.raises(BadGreeting, match="up to 150"):
        negotiate(Greeting(100, 150), 176)


def test_the_answer_has_two_fields_and_reads_back() -> None:
    answer = encode_answer(176, "20250425 15:23:54 UTC")
    assert split_fields(answer[4:]) == ["176", "20250425 15:23:54 UTC"]
    assert parse_answer(answer[4:]) == (176, "20250425 15:23:54 UTC")


@pytest.mark.parametrize("payload", [b"176\0", b"x\0y\0", b"1\x002\x003\0"])
def test_other_answers_are_refused(payload: bytes) -> None:
    with pytest.raises(BadGreeting):
        parse_answer(payload)


def test_the_first_segment_of_a_client() -> None:
    assert encode_greeting(Greeting(157, 178)) == b"API\0\0\0\0\x09v157..178"
