"""What a person types for a contract becomes a contract: `AAPL`, `EURUSD`, `ES`, `SPX`, `AAPL 20251219 190 C`.

Pure: the tables hold the best-known names only. Anything else is a stock on SMART in US dollars; a prefix such as
`FUT:`, `IND:` or `STK:` decides where a name has two meanings, and digits alone are a conId.
"""

from __future__ import annotations

from collections.abc import Sequence

from ibmux.errors import AmbiguousContract, RequestError, UnknownContract
from ibmux.messages.contracts import Contract, ContractDetails

CURRENCIES = frozenset(
    {"AUD", "CAD", "CHF", "CNH", "EUR", "GBP", "HKD", "JPY", "MXN", "NOK", "NZD", "SEK", "SGD", "USD"}
)
FUTURES = {
    **dict.fromkeys(("ES", "NQ", "RTY", "MES", "MNQ", "M2K", "6A", "6B", "6C", "6E", "6J", "6S"), "CME"),
    **dict.fromkeys(("YM", "MYM", "ZB", "ZN", "ZF", "ZT", "ZC", "ZS", "ZW"), "CBOT"),
    **dict.fromkeys(("CL", "NG", "HO", "RB", "MCL"), "NYMEX"),
    **dict.fromkeys(("GC", "SI", "HG", "MGC"), "COMEX"),
}
"""Roots of futures, and their exchange."""
INDICES = {"SPX": "CBOE", "VIX": "CBOE", "NDX": "NASDAQ", "RUT": "RUSSELL", "INDU": "CME", "DAX": "EUREX"}
KINDS = ("STK", "FUT", "IND", "CASH", "OPT")


def read(text: str) -> Contract:
    """The contract that a text means; a future or an index may still lack its month or exchange.

    Raises:
        RequestError: the text means nothing.
    """
    kind, colon, name = text.strip().upper().rpartition(":")
    if colon and kind not in KINDS:
        raise RequestError(f"{text!r}: {kind} is no kind of contract.", hint=f"Use one of {', '.join(KINDS)}.")
    if not name:
        raise RequestError("A symbol is empty.", hint="For example: ibmux watch AAPL EURUSD ES")
    if name.isdigit():
        return Contract(conId=int(name))
    if kind == "OPT" or len(name.split()) == 4:
        return _option(text, name.split())
    return _make(kind or _guess(name), name)


def _guess(name: str) -> str:
    if _pair(name):
        return "CASH"
    if name in FUTURES:
        return "FUT"
    return "IND" if name in INDICES else "STK"


def _pair(name: str) -> tuple[str, str] | None:
    plain = name.replace(".", "").replace("/", "")
    base, quote = plain[:3], plain[3:]
    return (base, quote) if base in CURRENCIES and quote in CURRENCIES else None


def _make(kind: str, name: str) -> Contract:
    if kind == "CASH":
        base, quote = _pair(name) or (name[:3], name[3:].lstrip("./"))
        return Contract(secType="CASH", symbol=base, currency=quote, exchange="IDEALPRO")
    if kind == "FUT":
        return Contract(secType="FUT", symbol=name, exchange=FUTURES.get(name, ""), currency="USD")
    if kind == "IND":
        return Contract(secType="IND", symbol=name, exchange=INDICES.get(name, ""))
    return Contract(secType="STK", symbol=name, exchange="SMART", currency="USD")


def _option(text: str, parts: Sequence[str]) -> Contract:
    try:
        symbol, expiry, strike, right = parts
        price = float(strike)
    except ValueError:
        raise RequestError(f"{text!r} is no option.", hint="Write it as 'AAPL 20251219 190 C'.") from None
    return Contract(
        secType="OPT",
        symbol=symbol,
        lastTradeDateOrContractMonth=expiry,
        strike=price,
        right=right[0],
        exchange="SMART",
        currency="USD",
    )


def choose(text: str, found: Sequence[ContractDetails]) -> Contract:
    """The one contract that is meant: the only one, or of a future the month that expires first.

    Raises:
        UnknownContract: there is none.
        AmbiguousContract: there are several.
    """
    contracts = [each.contract for each in found if each.contract is not None]
    if not contracts:
        raise UnknownContract(f"No contract is called {text}.")
    if contracts[0].secType == "FUT":
        return min(contracts, key=lambda each: each.lastTradeDateOrContractMonth)
    if len({each.conId for each in contracts}) > 1:
        names = ", ".join(sorted({f"{each.localSymbol or each.symbol} on {each.exchange}" for each in contracts})[:5])
        raise AmbiguousContract(f"{text} may be {names}.", hint="Give its conId instead.")
    return contracts[0]
