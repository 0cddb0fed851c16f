"""Replies: every one is written so that both libraries decode it, at every server version."""

import logging
from typing import Any

import ib_async
import ib_insync
import pytest

from ibmux.tws.framing import split_fields
from ibmux.tws.layout import Field, Item, Repeat, When
from ibmux.tws.replies import REPLIES, REPLY_NUMBERS, encode_reply
from ibmux.tws.ticks import TickEncoder

VERSIONS = [157, 158, 159, 160, 162, 163, 164, 166, 170, 173, 174, 176]
CASES = [(ib_insync, version) for version in VERSIONS] + [(ib_async, version) for version in (*VERSIONS, 177, 178)]
SAMPLE_TEXTS = {
    "str": "x", "int": "1", "float": "2.5", "bool": "1", "optional float": "3.5", "optional int": "4",
    "float, maximum if unset": "5.5", "int, maximum if unset": "8", "strike, zero if unset": "6.5",
}  # fmt: skip
SPECIAL = {
    "time": "20250415 19:38:31 US/Eastern", "date": "20240124", "symbol": "AAPL", "hedgeType": "D", "algoStrategy": "A",
    "deltaNeutralOrderType": "MKT", "headTimestamp": "19801212-14:30:00", "orderType": "LMT", "coupon": "0",
    "lastTradeDateOrContractMonth": "20260116", "maturity": "20420815", "volume": "7", "distance": "1",
    "expiration": "20260116", "exemptCode": "-1",
}  # fmt: skip
UNDECODED = {"verifyMessageAPI", "verifyCompleted"}


def sample(items: tuple[Item, ...], values: dict[str, Any]) -> dict[str, Any]:
    """Return values for every field, with two groups in every repeat."""
    for item in items:
        match item:
            case Field():
                texts = SPECIAL if item.kind.name == "str" else {}
                number = item.name in ("tickType", "tickAttrib")
                values[item.name] = item.kind.read(
                    texts.get(item.name, "1" if number else SAMPLE_TEXTS[item.kind.name])
                )
            case Repeat():
                groups = [sample(item.items, {}) for _ in range(2)]
                plain = len(item.items) == 1 and isinstance(item.items[0], Field)
                values[item.name] = [group[item.items[0].name] for group in groups] if plain else groups
            case When():
                if item.test(values):
                    sample(item.items, values)
    return values


def decode_with(library: Any, texts: list[str], version: int, caplog: pytest.LogCaptureFixture) -> list[str]:
    """Decode as the library does; return the callbacks that it made. Its decoder logs what it cannot read."""
    calls: list[str] = []

    class Recorder:
        defaultTimezone = None
        ib = type("ib", (), {"TimezoneTWS": None})()

        def __getattr__(self, name: str) -> Any:
            return lambda *args, **kwargs: calls.append(name)

    with caplog.at_level(logging.ERROR):
        library.decoder.Decoder(Recorder(), version).interpret(texts)
    assert not caplog.records, caplog.text
    return calls


@pytest.mark.parametrize(("library", "version"), CASES)
def test_both_libraries_decode_every_reply(library: Any, version: int, caplog: pytest.LogCaptureFixture) -> None:
    for name, message in REPLIES.items():
        values = sample(message.compiled(version), {})
        if name == "execDetails":
            values["time"] = "20250415  19:38:31" if version < 174 else "20250415 19:38:31 US/Eastern"
        if name in UNDECODED:
            continue
        texts = split_fields(encode_reply(name, values, version)[4:])
        assert decode_with(library, texts, version, caplog), f"{name} at {version} made no callback"


@pytest.mark.parametrize("version", [*VERSIONS, 177, 178])
def test_every_reply_reads_back_what_was_written(version: int) -> None:
    for name, message in REPLIES.items():
        values = sample(message.compiled(version), {})
        texts = message.encode(values, version)
        again = REPLY_NUMBERS[int(texts[0])].decode(texts, version)
        assert message.encode(again, version) == texts, name
        assert again == values, name


def test_absent_values_get_what_gateways_send() -> None:
    texts = split_fields(
        encode_reply("commissionReport", {"execId": "e", "commission": 1.0, "currency": "USD"}, 176)[4:]
    )
    assert texts == ["59", "1", "e", "1", "USD", "1.7976931348623157E308", "1.7976931348623157E308", "0"]
    assert split_fields(encode_reply("error", {"id": -1, "errorCode": 2104, "errorString": "ok"}, 165)[4:]) == [
        "4", "2", "-1", "2104", "ok",
    ]  # fmt: skip


def test_the_length_of_a_plain_open_order_is_that_of_a_recorded_one() -> None:
    values = {"orderId": 5, "deltaNeutralOrderType": "None", "secType": "STK", "orderType": "LMT", "permId": 1}
    assert len(REPLIES["openOrder"].encode(values, 176)) == 136
    assert len(REPLIES["completedOrder"].encode(values, 176)) == 101


def test_the_fast_tick_writer_writes_what_the_layout_writes() -> None:
    encoder = TickEncoder(7)
    price = {"reqId": 7, "tickType": 1, "price": 150.25, "size": 300, "attrib": 1}
    assert encoder.price(1, "150.25", "300", 1) == encode_reply("tickPrice", price, 176)
    assert encoder.size(0, "300") == encode_reply("tickSize", {"reqId": 7, "tickType": 0, "size": 300}, 176)
