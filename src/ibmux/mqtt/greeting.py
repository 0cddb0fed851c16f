"""What a link says at CONNECT, and what the endpoint's answers mean for it."""

from __future__ import annotations

import errno
import os
import ssl
from dataclasses import dataclass

import mqtt5
from mqtt5 import ConnAckPacket, ConnectPacket

from ibmux.errors import Forbidden, IbmuxError, Refused, RequestError, Unreachable
from ibmux.mqtt.publication import QOS

_REFUSALS = frozenset({0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C})
"""Reason codes of CONNACK that will be the same at the next attempt."""


@dataclass(frozen=True, slots=True)
class Will:
    """What the endpoint publishes when this link is lost without a goodbye, `delay` seconds later."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    delay: int = 0
    expiry: int | None = None
    content_type: str | None = None
    user_properties: tuple[tuple[str, str], ...] = ()

    def packed(self) -> mqtt5.Will:
        """The will as the codec wants it."""
        return mqtt5.Will(
            self.topic,
            payload=self.payload,
            qos=QOS[self.qos],
            retain=self.retain,
            message_expiry_interval=self.expiry,
            content_type=self.content_type,
            will_delay_interval=self.delay,
            user_properties=list(self.user_properties) or None,
        )


@dataclass(frozen=True, slots=True)
class Greeting:
    """Who connects and how; the same for every connection of a link."""

    client_id: str
    username: str | None
    password: str | bytes | None
    will: Will | None
    keepalive: int
    session_expiry: int

    def packet(self, clean: bool) -> bytes:
        """The CONNECT."""
        password = self.password.encode() if isinstance(self.password, str) else self.password
        return ConnectPacket(
            self.client_id,
            username=self.username,
            password=password,
            clean_start=clean,
            will=self.will.packed() if self.will else None,
            keep_alive=self.keepalive,
            session_expiry_interval=self.session_expiry,
        ).write()


def check_welcome(welcome: ConnAckPacket, where: str, client_id: str) -> None:
    """Read the answer.

    Raises:
        Refused: the endpoint does not want this client.
        Unreachable: it cannot take it now.
    """
    code = int(welcome.reason_code)
    if code:
        reason = welcome.reason_str or welcome.reason_code.name.lower().replace("_", " ")
        kind: type[IbmuxError] = Refused if code in _REFUSALS else Unreachable
        raise kind(f"{where} refused {client_id!r}: {reason}")


def check_code(code: int, what: str) -> None:
    """Read the reason code of an acknowledgement of `what`.

    Raises:
        Forbidden: this client may not do it.
        RequestError: the endpoint did not take it.
    """
    if code == 0x87:
        raise Forbidden(f"{what}: not allowed")
    if code >= 0x80:
        raise RequestError(f"{what}: refused with reason code 0x{code:02X}")


def unreachable(address: str, error: BaseException) -> Unreachable:
    """Why there is no connection, and what to do about it."""
    if isinstance(error, ssl.SSLError):
        return Unreachable(
            f"{address} is not trusted: {getattr(error, 'verify_message', '') or error.reason or error}.",
            hint="Set SSL_CERT_FILE to the PEM file of its certificate, or give an ssl.SSLContext as `tls`.",
        )
    return Unreachable(f"Nobody answers at {address}: {sentence(error)}.")


def sentence(error: BaseException) -> str:
    """What went wrong, in the system's words where it has some."""
    number = error.errno if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else None
    if number is not None and number in errno.errorcode:
        return os.strerror(number).lower()
    return (getattr(error, "strerror", None) or str(error)).lower().rstrip(".")
