"""What the login may see: which contracts' data are live, which come fifteen minutes late, and what is said instead.

Decisions only: it knows neither lines nor clients. Codes and texts are those that gateways have been seen to send.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from ibmux.sim.catalogue.contracts import ContractDetails

DELAY = 900.0
"""Seconds by which delayed data are late (IBKR: ten to twenty minutes, fifteen on most exchanges)."""
DELAYED_TYPES = (3, 4)
FROZEN_TYPES = (2, 4)
DERIVED = ("OPT", "FOP")
COMPETING = "No market data during competing live session"
SHOWN_LATE = "Requested market data is not subscribed. Displaying delayed market data."
NOT_ENABLED = {
    3: (10168, "Requested market data is not subscribed. Delayed market data is not enabled."),
    4: (10186, "Requested market data is not subscribed. Delayed market data is not enabled"),
}
"""By the type asked for. Both codes are IBKR's; which of them comes when is not documented, and this split is ours."""
OFFERED = {True: "Delayed market data is available.", False: "Delayed market data is not available."}
FOR_API = (
    "Requested market data requires additional subscription for API. See link in 'Market Data Connections' dialog for "
    "more details."
)


class Access(NamedTuple):
    """How a market-data request is met: `live`, `delayed` or `none`; and what the client is told (code 0: nothing)."""

    kind: str
    code: int = 0
    text: str = ""


def concerns(names: Collection[str], details: ContractDetails) -> bool:
    """Whether one of `names` means this contract: its security type, exchange, primary exchange or venue."""
    contract = details.contract
    return not {contract.secType, contract.exchange, contract.primaryExchange, details.venue}.isdisjoint(names)


def is_live(details: ContractDetails, subscriptions: Collection[str] | None) -> bool:
    """Whether the login is subscribed to the contract's data; without a list it is subscribed to all."""
    return subscriptions is None or concerns(subscriptions, details)


def access(
    details: ContractDetails, subscriptions: Collection[str] | None, market_type: int, *, delayed: bool
) -> Access:
    """How a request for quotes of this market-data type (1 to 4) is met; `delayed`: whether delayed data are on."""
    if is_live(details, subscriptions):
        return Access("live")
    if market_type in DELAYED_TYPES:
        return Access("delayed", 10167, SHOWN_LATE) if delayed else Access("none", *NOT_ENABLED[market_type])
    contract = details.contract
    if contract.secType == "STK" and details.venue == "US":
        place = f"{contract.symbol} {listing(details)}/TOP/ALL"
        return Access("none", 10089, f"{FOR_API}{OFFERED[delayed]}{place}")
    where = f"{'BEST' if contract.exchange == 'SMART' else contract.exchange}/{contract.secType}/Top"
    return Access("none", 354, f"Requested market data is not subscribed.{OFFERED[delayed]}Error&{where}&{where}")


def partly(details: ContractDetails, under: ContractDetails, delayed: bool) -> str:
    """The text of error 10090 for an option whose underlying is not subscribed: it comes without its Greeks."""
    place = f"{under.contract.symbol} {listing(under)}/TOP/ALL"
    return (
        "Part of requested market data is not subscribed. Subscription-independent ticks are still active."
        f"{OFFERED[delayed]}{place}"
    )


def no_permissions(details: ContractDetails) -> str:
    """The part of several errors that names the data which the login lacks."""
    return f"No market data permissions for {listing(details)} {details.contract.secType}"


def no_depth(details: ContractDetails) -> str:
    """The text of error 354 for a book that is not subscribed."""
    where = f"{listing(details)}/{details.contract.secType}/Deep"
    return f"Requested market data is not subscribed.Error&{where}&{where}"


def listing(details: ContractDetails) -> str:
    """The exchange by whose name the data are sold; gateways say ISLAND where contracts say NASDAQ."""
    name = details.contract.primaryExchange or details.contract.exchange
    return "ISLAND" if name == "NASDAQ" else name
