"""Golden messages: what gateways were seen to send is read and written by us as ib_insync and ib_async read it.

`golden.jsonl` has a line for each message: name, the server version from which on it looks like this, its fields.
"""

import json
import logging
from pathlib import Path
from typing import Any

import ib_async
import ib_insync
import pytest

from ibmux.tws.framing import split_fields
from ibmux.tws.replies import REPLIES, REPLY_NUMBERS, encode_reply

LINES = [json.loads(line) for line in (Path(__file__).parent / "golden.jsonl").read_text().splitlines()]
NAMES = list(dict.fromkeys(name for name, *_ in LINES))
VERSIONS = {"ib_insync": range(157, 177), "ib_async": range(157, 179)}
LIBRARIES = {"ib_insync": ib_insync, "ib_async": ib_async}


def golden(name: str, version: int) -> list[str]:
    """The message as a gateway of that version writes it."""
    return [texts for named, since, *texts in LINES if named == name and since <= version][-1]


def decode(library: Any, texts: list[str], version: int, caplog: pytest.LogCaptureFixture) -> list[Any]:
    """The callbacks that the library makes of a message, with their arguments."""
    calls: list[Any] = []

    class Recorder:
        defaultTimezone = None
        ib = type("ib", (), {"TimezoneTWS": None})()

        def __getattr__(self, name: str) -> Any:
            return lambda *args, **kwargs: calls.append((name, repr(args), repr(sorted(kwargs.items()))))

    with caplog.at_level(logging.ERROR):
        library.decoder.Decoder(Recorder(), version).interpret(texts)
    assert not caplog.records, caplog.text
    return calls


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", NAMES)
def test_what_we_write_reads_as_what_a_gateway_writes(
    name: str, library: str, caplog: pytest.LogCaptureFixture
) -> None:
    for version in VERSIONS[library]:
        texts = golden(name, version)
        reply = REPLY_NUMBERS[int(texts[0])]
        ours = split_fields(encode_reply(reply.name, reply.decode(texts, version), version)[4:])
        theirs = decode(LIBRARIES[library], texts, version, caplog)
        assert theirs, f"{library} makes nothing of {name} at {version}"
        assert decode(LIBRARIES[library], ours, version, caplog) == theirs, version


def test_every_reply_of_the_wire_has_a_golden_message() -> None:
    seen = {REPLY_NUMBERS[int(golden(name, 176)[0])].name for name in NAMES}
    assert set(REPLIES) - seen == {"verifyMessageAPI", "verifyCompleted"}
