"""The search for symbols (reqMatchingSymbols): shares, indices, futures, coins and issuers of bonds, at most sixteen.

Which contracts there are it is told; it knows no prices and no wire.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from ibmux.sim.catalogue.bonds import ISSUERS
from ibmux.sim.catalogue.contracts import Contract, ContractDetails
from ibmux.sim.catalogue.markets import FUTURES

MATCHES = 16
NO_CONID = 2147483647
"""What stands for the contract where an issuer is named: its bonds are asked for by `issuerId`."""
KINDS = ("STK", "IND", "CRYPTO", "CMDTY")
_FUTURE_SYMBOLS = frozenset(product.symbol for product in FUTURES)


class SymbolMatch(NamedTuple):
    """An answer of the symbol search."""

    contract: Contract
    derivativeSecTypes: tuple[str, ...]
    description: str
    issuerId: str = ""


def _derivatives(details: ContractDetails, has_options: Callable[[str, str], bool]) -> tuple[str, ...]:
    """Which kinds of contracts are written on this one, as the gateway lists them."""
    contract = details.contract
    home = contract.currency == "USD" or contract.secType == "IND"
    optional = home and has_options("OPT", contract.symbol)
    if contract.secType == "STK":
        return ("CFD", "OPT", "IOPT", "WAR", "BAG") if optional else ("CFD",)
    if contract.secType != "IND":
        return ()
    found: tuple[str, ...] = ("FUT",) if contract.symbol in _FUTURE_SYMBOLS else ()
    found += ("FOP",) if has_options("FOP", contract.symbol) else ()
    return (*found, "OPT", "IOPT", "WAR", "BAG") if optional else (*found, "CFD")


def _shown(details: ContractDetails) -> Contract:
    contract = details.contract
    return replace(contract, primaryExchange=contract.primaryExchange or contract.exchange, exchange="")


def _issuers(wanted: str) -> Iterator[SymbolMatch]:
    for issuer in ISSUERS:
        if issuer.symbol.startswith(wanted) or wanted in issuer.name.upper():
            contract = Contract(NO_CONID, issuer.symbol, "BOND", currency="")
            yield SymbolMatch(contract, (), issuer.name, issuer.issuerId)


def matching(
    text: str, listed: Sequence[ContractDetails], has_options: Callable[[str, str], bool]
) -> list[SymbolMatch]:
    """Contracts whose symbol begins with `text` or whose name contains it: exact symbols first, issuers last.

    Args:
        text: what the user typed.
        listed: the contracts to search.
        has_options: whether a symbol has options of a kind (OPT or FOP).
    """
    wanted = text.strip().upper()
    if not wanted:
        return []
    searched = [details for details in listed if details.contract.secType in KINDS]
    by_symbol = [details for details in searched if details.contract.symbol.startswith(wanted)]
    by_name = [d for d in searched if wanted in d.longName.upper() and not d.contract.symbol.startswith(wanted)]
    ranked = sorted(by_symbol, key=lambda details: len(details.contract.symbol)) + by_name
    issuers = list(_issuers(wanted))
    room = MATCHES - min(len(issuers), MATCHES // 4)
    found = [SymbolMatch(_shown(d), _derivatives(d, has_options), d.longName) for d in ranked[:room]]
    return (found + issuers)[:MATCHES]
