r"""The greeting of both ends: `API\0`, the client's version range, the server's version and time.

Sans-IO: it is fed bytes and says what was agreed. Nothing may follow the server's reply before startApi arrived,
because official clients drop bytes that come glued to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .framing import frame, split_fields

PREFIX = b"API\0"
MIN_VERSION = 157
"""Lowest server version whose layouts this package knows."""
MAX_VERSION = 178
"""Highest server version whose layouts this package knows."""
DEFAULT_VERSION = 176
"""The version that every client library of the text protocol decodes."""

_RANGE = re.compile(rb"v(\d{1,6})(?:\.\.(\d{1,6}))?(?: (.*))?", re.DOTALL)


class BadGreeting(ValueError):
    """The peer does not speak this protocol."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a client asked for: the versions it accepts and its connect options (`+PACEAPI`), verbatim."""

    lowest: int
    highest: int
    options: str = ""


def parse_greeting(payload: bytes) -> Greeting:
    r"""Read `v157..178[ options]`, the first payload after `API\0`.

    Raises:
        BadGreeting: anything else.
    """
    match = _RANGE.fullmatch(payload.rstrip(b"\0"))
    if match is None:
        raise BadGreeting(f"no version range: {payload[:40]!r}")
    lowest = int(match[1])
    highest = int(match[2]) if match[2] else lowest
    return Greeting(lowest, highest, (match[3] or b"").decode(errors="replace"))


def negotiate(greeting: Greeting, own: int) -> int:
    """Return min(client's maximum, `own`): never more than the client knows, or it misreads what follows.

    A client that wants only newer versions gets `own` all the same: its own check then prints a precise error.

    Raises:
        BadGreeting: the client knows only versions below `MIN_VERSION`.
    """
    if greeting.highest < MIN_VERSION:
        raise BadGreeting(f"client knows versions up to {greeting.highest}; the lowest served is {MIN_VERSION}")
    return min(greeting.highest, own)


def encode_greeting(greeting: Greeting) -> bytes:
    """Return the client's first segment."""
    options = f" {greeting.options}" if greeting.options else ""
    return PREFIX + frame(f"v{greeting.lowest}..{greeting.highest}{options}".encode())


def encode_answer(version: int, time: str) -> bytes:
    """Return the server's reply: exactly two fields, version and connection time (`20250425 15:23:54 UTC`)."""
    return frame(f"{version}\0{time}\0".encode())


def parse_answer(payload: bytes) -> tuple[int, str]:
    """Return version and connection time of a server's reply.

    Raises:
        BadGreeting: not two fields, or no number.
    """
    fields = split_fields(payload)
    if len(fields) != 2 or not fields[0].isascii() or not fields[0].isdigit():
        raise BadGreeting(f"no server version: {payload[:40]!r}")
    return int(fields[0]), fields[1]
