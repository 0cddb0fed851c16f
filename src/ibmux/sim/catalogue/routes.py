"""What a gateway says of exchanges: who is behind SMART, by which letters, and where there are books to look into.

Letters are those of the consolidated tapes (CTA, UTP and OPRA). Lists that never change; no I/O.
"""

from __future__ import annotations

from typing import NamedTuple

from ibmux.sim.catalogue.contracts import ContractDetails

ALIASES = {"ISLAND": "NASDAQ", "GLOBEX": "CME", "ECBOT": "CBOT", "DTB": "EUREX", "PSE": "ARCA"}
"""Exchanges' former names, and what contracts call them now."""
FORMER = {"NASDAQ": "ISLAND", "EDGX": "DRCTEDGE", "NYSEARCA": "ARCA"}
"""Exchanges that these lists still call by a former name."""
SHARES_BBO, OPTIONS_BBO = "a60001", "9c0001"
_SHARES = (
    "AMEX:A BEX:B NYSENAT:C DRCTEDGE:K PEARL:H ISE:I EDGEA:J LTSE:L CHX:M NYSE:N ARCA:P ISLAND:Q MEMX:U IEX:V CBOE:W "
    "PSX:X BYX:Y BATS:Z"
)
_OPTIONS = (
    "AMEX:A BOX:B CBOE:C EMERALD:D EDGX:E GEMINI:H ISE:I MERCURY:J MIAX:M PEARL:O PSE:P NASDAQOM:Q NASDAQBX:T MEMX:U "
    "CBOE2:W PHLX:X BATS:Z"
)
_DEPTH = (
    "STK:AMEX,ARCA,BATS,BEX,BYX,CHX,DRCTEDGE,EDGEA,IEX,ISLAND,MEMX,NYSE,NYSENAT,PEARL,PSX;"
    "STK:AEB,ASX,EBS,IBIS,LSE,SBF,SEHK,TSE,TSEJ;"
    "OPT:BOX,CBOE,CBOE2,EMERALD,EUREX,GEMINI,ISE,MERCURY,MIAX,NASDAQBX,NASDAQOM,PEARL,PHLX;"
    "FUT:CBOT,CFE,CME,COMEX,EUREX,NYMEX;FOP:CBOT,CME,COMEX,NYMEX;CASH:IDEALPRO;CRYPTO:PAXOS,ZEROHASH"
)
_DEEP2 = {"AMEX", "ARCA", "BATS", "BEX", "EDGEA", "IEX", "ISLAND", "MEMX", "NYSE"}


class Component(NamedTuple):
    """One exchange behind SMART: its bit in a set of exchanges, and its letter in exchange ticks (32, 33, 84)."""

    bitNumber: int
    exchange: str
    exchangeLetter: str


class DepthExchange(NamedTuple):
    """An exchange with a book: `Deep2` where its entries can be joined to a SMART book."""

    exchange: str
    secType: str
    serviceDataType: str


def _components(text: str) -> tuple[Component, ...]:
    pairs = (part.split(":") for part in text.split())
    return tuple(Component(bit, exchange, letter) for bit, (exchange, letter) in enumerate(pairs))


_BY_BBO = {SHARES_BBO: _components(_SHARES), OPTIONS_BBO: _components(_OPTIONS)}
_LETTERS = {bbo: {row.exchange: row.exchangeLetter for row in rows} for bbo, rows in _BY_BBO.items()}


def bbo_exchange(details: ContractDetails) -> str:
    """The `bboExchange` of tickReqParams: whose letters the contract's exchange ticks use; empty off SMART."""
    if details.contract.exchange != "SMART" or details.contract.currency != "USD":
        return ""
    return {"STK": SHARES_BBO, "OPT": OPTIONS_BBO}.get(details.contract.secType, "")


def components(bboExchange: str) -> tuple[Component, ...] | None:
    """The exchanges of a `bboExchange`, as reqSmartComponents answers; None where there is no such set."""
    return _BY_BBO.get(bboExchange)


def letter(details: ContractDetails, exchange: str) -> str:
    """The letter by which ticks of the contract name an exchange; empty where they name none."""
    letters = _LETTERS.get(bbo_exchange(details), {})
    return letters.get(exchange) or letters.get(FORMER.get(exchange, exchange), "")


def depth_exchanges() -> tuple[DepthExchange, ...]:
    """Every exchange and security type with market depth, as reqMktDepthExchanges answers."""
    rows = []
    for part in _DEPTH.split(";"):
        kind, _, names = part.partition(":")
        for name in names.split(","):
            rows.append(DepthExchange(name, kind, "Deep2" if kind == "STK" and name in _DEEP2 else "Deep"))
    return tuple(rows)


def has_depth(exchange: str, secType: str) -> bool:
    """Whether an exchange shows its book for a security type (else error 10092)."""
    kind = "FUT" if secType == "CONTFUT" else secType
    return any(
        row.secType == kind and exchange in {row.exchange, ALIASES.get(row.exchange, row.exchange)}
        for row in depth_exchanges()
    )


def names_makers(exchange: str, secType: str) -> bool:
    """Whether the rows of an exchange's book name who quotes (message updateMktDepthL2)."""
    return any(
        row.secType == secType
        and row.serviceDataType == "Deep2"
        and exchange in {row.exchange, ALIASES.get(row.exchange)}
        for row in depth_exchanges()
    )
