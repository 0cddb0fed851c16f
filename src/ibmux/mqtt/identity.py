"""Who is on the other side of a connection: what it said of itself, and what it was granted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client said at CONNECT, and where it comes from (`transport`: tcp, tls, ws, wss or unix)."""

    client_id: str
    username: str | None
    password: bytes | None
    transport: str
    peer: str


@dataclass(frozen=True, slots=True)
class Grant:
    """The answer to credentials: under which name the client is known, and what the door wants to remember of it."""

    username: str = ""
    data: object = None


@dataclass(frozen=True, slots=True)
class Client:
    """A client that was let in."""

    client_id: str
    username: str
    transport: str
    peer: str
    data: object = None


class ConnectRefused(Exception):
    """Raised by an `authenticate` function to refuse a client with a reason code and a sentence.

    Attributes:
        code: MQTT 5 reason code: 0x86 bad user name or password, 0x87 not authorized, 0x8A banned.
        text: reason string for the client.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = int(code)
        self.text = text


Verdict: TypeAlias = Grant | int | None
"""A grant; or the reason code of a refusal; None stands for 0x86."""


def admit_anyone(credentials: Credentials) -> Grant:
    """Let every client in, under the name it gives itself."""
    return Grant(credentials.username or "")


def allow_all(_client: Client, _topic: str) -> bool:
    """Let every client publish and subscribe everywhere."""
    return True
