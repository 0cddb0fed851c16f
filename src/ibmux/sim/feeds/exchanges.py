"""Which exchanges stand behind a SMART quote, as the letters of ticks 32, 33 and 84 (reqSmartComponents spells them).

Pure functions of contract and price: the same quote always has the same letters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibmux.sim.prices.quote import ASK, BID, LAST

if TYPE_CHECKING:
    from ibmux.sim.catalogue.contracts import ContractDetails
    from ibmux.sim.prices.quote import Quote

SHARES = {
    "NYSE": "N", "ISLAND": "Q", "ARCA": "P", "BATS": "Z", "DRCTEDGE": "K", "IEX": "V", "MEMX": "U", "PEARL": "H",
    "BYX": "Y", "EDGEA": "J", "BEX": "B", "PHLX": "X", "AMEX": "A", "CHX": "M", "NYSENAT": "C", "ISE": "I", "CBOE": "W",
}  # fmt: skip
OPTIONS = {
    "CBOE": "C", "ISE": "I", "PHLX": "X", "AMEX": "A", "PSE": "P", "BOX": "B", "NASDAQOM": "Q", "BATS": "Z",
    "GEMINI": "H", "MIAX": "M", "EDGX": "E", "MERCURY": "J",
}  # fmt: skip
"""Exchanges of shares and of options in the United States by name, the busiest first: their letters on the consolidated
tapes (CTA, UTP and OPRA)."""
ALIASES = {"NASDAQ": "ISLAND", "ARCA": "PSE"}
TICK_OF = {BID: 32, ASK: 33, LAST: 84}
"""The tick type of the letters, by that of the price."""
MOST = 4
_MIX = 2_654_435_761


def is_smart(details: ContractDetails) -> bool:
    """Whether the contract is quoted by several exchanges at once."""
    contract = details.contract
    return contract.exchange == "SMART" and contract.currency == "USD" and contract.secType in ("STK", "OPT")


def table(details: ContractDetails) -> dict[str, str]:
    """The exchanges behind the contract's SMART quote with their letters, the busiest first."""
    return OPTIONS if details.contract.secType == "OPT" else SHARES


def letter(details: ContractDetails, exchange: str) -> str:
    """The letter of an exchange in the contract's ticks; empty where it has none."""
    known = table(details)
    return known.get(exchange) or known.get(ALIASES.get(exchange, ""), "")


def letters(quote: Quote, details: ContractDetails, kind: int) -> str:
    """The exchanges behind the quote's bid, ask or last price: one to four that quote it, or where it was traded."""
    if kind == LAST:
        return letter(details, quote.lastExchange)
    price = quote.bid if kind == BID else quote.ask
    codes = "".join(table(details).values())
    draw = (round(price * 10_000) * _MIX + details.contract.conId * 97 + kind * 31) & 0xFFFFFFFF
    # The lower of two draws: the busiest exchanges are seen more often.
    places = {
        min((draw >> (3 * k)) % len(codes), (draw >> (3 * k + 5)) % len(codes)) for k in range(1 + (draw >> 8) % MOST)
    }
    return "".join(codes[place] for place in sorted(places))
