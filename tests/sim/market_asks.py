"""Requests about markets as a bare client sends them: what the tests of quotes, ticks, books and bars share."""

from __future__ import annotations

from typing import Any

from wire_client import Raw

from ibmux.tws.requests import REQUEST_NAMES

STOCK: dict[str, Any] = {"secType": "STK", "exchange": "SMART", "currency": "USD"}
EURUSD: dict[str, Any] = {"symbol": "EUR", "secType": "CASH", "exchange": "IDEALPRO", "currency": "USD"}
SPX: dict[str, Any] = {"symbol": "SPX", "secType": "IND", "exchange": "CBOE", "currency": "USD"}
AAPL, MSFT = 265598, 272093


def ask(client: Raw, name: str, request_id: int, symbol: str = "AAPL", **more: Any) -> None:
    """Send a request about a contract, a share unless told otherwise."""
    values = {"reqId": request_id, "symbol": symbol, **STOCK, **more}
    client.send(*REQUEST_NAMES[name].encode(values, client.version))


def cancel(client: Raw, name: str, request_id: int) -> None:
    """Send a cancellation."""
    client.send(*REQUEST_NAMES[name].encode({"reqId": request_id}, client.version))


def of_request(client: Raw, number: int, request_id: int, place: int = 2) -> list[list[str]]:
    """The messages of this number that answer a request; `place` is where they name it."""
    return [message for message in client.of(number) if message[place] == str(request_id)]


def error_text(client: Raw, request_id: int, code: int) -> str:
    """The text of an error that came."""
    return next(message[4] for message in client.of(4) if (int(message[2]), int(message[3])) == (request_id, code))
