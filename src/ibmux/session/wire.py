"""The bytes under a `Link`: a socket as an asyncio protocol, and how a message is written."""

from __future__ import annotations

import asyncio
import math
import struct
from typing import Any, Protocol, cast

from ib_async.contract import Contract
from ib_async.util import UNSET_DOUBLE, UNSET_INTEGER

from ibmux.errors import RequestError
from ibmux.places import Endpoint


class Reader(Protocol):
    """Whoever reads a `Wire`."""

    def read(self, data: bytes) -> None:
        """Take what the socket gave."""

    def ended(self, error: Exception | None) -> None:
        """The socket is gone."""


class Wire(asyncio.Protocol):
    """One TCP connection to a gateway."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._transport: asyncio.Transport | None = None
        self._closed = False

    @property
    def present(self) -> bool:
        """Whether there is a socket, be it closing."""
        return self._transport is not None

    @property
    def open(self) -> bool:
        """Whether the socket takes messages."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def ends(self) -> tuple[Endpoint, Endpoint]:
        """Our end of the socket, and the other one; without a socket both are nowhere."""
        names = [self._transport.get_extra_info(name) for name in ("sockname", "peername")] if self._transport else []
        ours, theirs = (Endpoint(*name[:2]) if name else Endpoint("", 0) for name in names or (None, None))
        return ours, theirs

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The loop has connected; one that was given up meanwhile is closed at once."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not derived from it
        if self._closed:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """The loop has read."""
        self._reader.read(data)

    def eof_received(self) -> None:
        """The other side has said its last word: what is not written yet, it will not read."""
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        self._transport = None
        self._reader.ended(exc)

    def write(self, data: bytes) -> None:
        """Hand bytes to the socket."""
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        """Close when everything is written, also a connection that is yet to come."""
        self._closed = True
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()


def frame(fields: tuple[Any, ...], make_empty: bool = True) -> bytes:
    """One message as the protocol writes it, its length in front.

    Raises:
        RequestError: a text that would break the message apart.
    """
    return pack(texts_of(fields, make_empty))


def texts_of(fields: tuple[Any, ...], make_empty: bool = True) -> list[str]:
    """Its fields as the protocol writes them. An order is mostly what the first cases cover."""
    texts: list[str] = []
    for field in fields:
        if field.__class__ is str:
            texts.append(field)
        elif field is False:
            texts.append("0")
        elif make_empty and (field is UNSET_DOUBLE or field is UNSET_INTEGER):
            texts.append("")
        elif isinstance(field, Contract):
            texts.extend(encode(each, make_empty) for each in _address(field))
        else:
            texts.append(encode(field, make_empty))
    return texts


def pack(texts: list[str]) -> bytes:
    """The message of these fields, its length in front.

    Raises:
        RequestError: a text that would break the message apart.
    """
    body = "\0".join(texts) + "\0"
    if body.count("\0") != len(texts):
        raise RequestError("A text holds a NUL character, which ends a field for the gateway.", outcome="not_sent")
    message = body.encode("utf-8", "backslashreplace")
    return struct.pack(">I", len(message)) + message


def encode(field: Any, make_empty: bool = True) -> str:
    """One field as the protocol writes it; numbers that are not set are empty, infinity has a word."""
    if field is None:
        return ""
    if isinstance(field, str):
        return field
    if isinstance(field, bool):
        return "1" if field else "0"
    if isinstance(field, int | float):
        if make_empty and field in (UNSET_DOUBLE, UNSET_INTEGER):
            return ""
        return "Infinite" if field == math.inf else str(field)
    return "".join(f"{each.tag}={each.value};" for each in field)


def _address(contract: Contract) -> tuple[Any, ...]:
    """The twelve fields that stand for a contract in a request."""
    return (
        contract.conId,
        contract.symbol,
        contract.secType,
        contract.lastTradeDateOrContractMonth,
        contract.strike,
        contract.right,
        contract.multiplier,
        contract.exchange,
        contract.primaryExchange,
        contract.currency,
        contract.localSymbol,
        contract.tradingClass,
    )
