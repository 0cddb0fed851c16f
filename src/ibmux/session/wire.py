"""The bytes under a `Link`: a socket as an asyncio protocol, and how one field is written."""

from __future__ import annotations

import asyncio
import math
from typing import Any, Protocol, cast

from ib_async.contract import Contract
from ib_async.util import UNSET_DOUBLE, UNSET_INTEGER


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

    @property
    def present(self) -> bool:
        """Whether there is a socket, be it closing."""
        return self._transport is not None

    @property
    def open(self) -> bool:
        """Whether the socket takes messages."""
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The loop has connected."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not derived from it

    def data_received(self, data: bytes) -> None:
        """The loop has read."""
        self._reader.read(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        self._transport = None
        self._reader.ended(exc)

    def write(self, data: bytes) -> None:
        """Hand bytes to the socket."""
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        """Close when everything is written."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()


def encode(field: Any, make_empty: bool = True) -> str:
    """One field as the protocol writes it; a contract is twelve of them."""
    if isinstance(field, str):
        return field
    if field is None:
        return ""
    if isinstance(field, bool):
        return "1" if field else "0"
    if isinstance(field, int | float):
        return _number(field, make_empty)
    if isinstance(field, Contract):
        return "\0".join(encode(value, make_empty) for value in _address(field))
    return "".join(f"{each.tag}={each.value};" for each in field)


def _number(value: float, make_empty: bool) -> str:
    """Unset numbers are empty, infinity has a word."""
    if make_empty and value in (UNSET_DOUBLE, UNSET_INTEGER):
        return ""
    return "Infinite" if value == math.inf else str(value)


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


def count(fields: tuple[Any, ...]) -> int:
    """How many fields of the protocol these are."""
    return sum(12 if isinstance(field, Contract) else 1 for field in fields)
