"""The number of fields of every reply at every version. Official clients drop a message with one too many or too few.

`golden.jsonl` has a line for each message: name, the server version from which on it looks like this, its fields.
"""

import json
from pathlib import Path

import pytest

from ibmux.tws.framing import split_fields
from ibmux.tws.handshake import MAX_VERSION, MIN_VERSION
from ibmux.tws.replies import REPLY_NUMBERS, encode_reply

LINES = [json.loads(line) for line in (Path(__file__).parent / "golden.jsonl").read_text().splitlines()]
NAMES = list(dict.fromkeys(name for name, *_ in LINES))


def golden(name: str, version: int) -> list[str]:
    """The message as a gateway of that version writes it."""
    return [texts for named, since, *texts in LINES if named == name and since <= version][-1]


@pytest.mark.parametrize("name", NAMES)
def test_we_write_as_many_fields_as_a_gateway(name: str) -> None:
    for version in range(MIN_VERSION, MAX_VERSION + 1):
        texts = golden(name, version)
        reply = REPLY_NUMBERS[int(texts[0])]
        ours = split_fields(encode_reply(reply.name, reply.decode(texts, version), version)[4:])
        assert len(ours) == len(texts), version
