"""Contracts that are asked for seldom, made a shelf at a time when first needed: CFDs, bonds, mutual funds, news.

A shelf's conIds are a block of their own, so that a number alone tells which shelf it is on. Knows no live prices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, NamedTuple

from ibmux.sim.calendar.hours import Calendar, zone
from ibmux.sim.catalogue import coins, conids
from ibmux.sim.catalogue.bonds import ISSUERS, Issuer
from ibmux.sim.catalogue.contracts import Bond, Contract, ContractDetails
from ibmux.sim.catalogue.identifiers import cusip, with_check_digit
from ibmux.sim.catalogue.listings import salt

CFD_ORDERS = "ACTIVETIM,AD,ADJUST,ALERT,COND,DAY,GAT,GTC,GTD,IOC,LIT,LMT,MIT,MKT,OCA,STP,STPLMT,TRAIL,TRAILLMT,WHATIF"
BOND_ORDERS = "ALERT,DAY,GTC,LMT,MKT,STP,WHATIF"
FUND_ORDERS = "AMOUNT,DAY,MKT,WHATIF"
INDEX_CFDS = {  # symbol: index, rule
    "IBUS500": "SPX", "IBUST100": "NDX", "IBUS30": "INDU", "IBEU50": "ESTX50", "IBDE40": "DAX", "IBFR40": "CAC40",
    "IBGB100": "Z", "IBCH20": "SMI", "IBJP225": "N225", "IBHK50": "HSI",
}  # fmt: skip
BOND_SIZE = 1000.0
COUPONS = {True: "FIXED", False: "ZERO"}


class Maker(NamedTuple):
    """What a shelf is made from: the calendar, the seed, and the contracts that are always there."""

    calendar: Calendar
    seed: int
    core: Sequence[ContractDetails]


def cfds(maker: Maker) -> Iterator[ContractDetails]:
    """CFDs on the shares of the United States and Europe, on indices and on currencies; they move as what is under."""
    number = 0
    for under in maker.core:
        if under.contract.secType in {"STK", "CASH"} and under.contract.exchange in {"SMART", "IDEALPRO"}:
            yield _cfd(maker, under, number)
            number += 1
    indices = {details.contract.symbol: details for details in maker.core if details.contract.secType == "IND"}
    for place, (symbol, index) in enumerate(INDEX_CFDS.items()):
        # Indices follow the shares and pairs at a fixed distance: new shares must not change their numbers.
        yield _index_cfd(maker, symbol, indices[index], 32_768 + place)


def _cfd(maker: Maker, under: ContractDetails, number: int) -> ContractDetails:
    base, share = under.contract, under.contract.secType == "STK"
    home = share and base.currency == "USD"
    local = f"{base.symbol}n" if home else base.localSymbol
    contract = Contract(
        conids.CFDS.number(number, maker.seed), base.symbol, "CFD", exchange="SMART", currency=base.currency,
        localSymbol=local, tradingClass=local,
    )  # fmt: skip
    rule = under.marketRuleIds.partition(",")[0]
    return _derive(
        under, contract=contract, venue="US.RTH" if home else under.venue, orderTypes=CFD_ORDERS,
        validExchanges="SMART,IBCFD", marketRuleIds=f"{rule},{rule}", minSize=1.0, sizeIncrement=1.0,
        suggestedSizeIncrement=1.0, marketName=local,
    )  # fmt: skip


def _index_cfd(maker: Maker, symbol: str, under: ContractDetails, number: int) -> ContractDetails:
    contract = Contract(
        conids.CFDS.number(number, maker.seed), symbol, "CFD", exchange="SMART", currency=under.contract.currency,
        localSymbol=symbol, tradingClass=symbol,
    )  # fmt: skip
    return _derive(
        under, contract=contract, venue="CFD.IND", timeZoneId="US/Eastern", orderTypes=CFD_ORDERS,
        validExchanges="SMART,IBCFD", marketRuleIds="26,26", marketName=symbol, minSize=0.01, sizeIncrement=0.01,
        suggestedSizeIncrement=1.0,
    )  # fmt: skip


def _derive(under: ContractDetails, **changes: Any) -> ContractDetails:
    """The details of a contract on `under`: its price, its industry, its name."""
    values = {field.name: getattr(under, field.name) for field in fields(under)}
    base = under.contract
    values |= {
        "underConId": base.conId, "underSymbol": base.symbol, "underSecType": base.secType, "secIdList": (),
        "stockType": "", "aggGroup": 6, "dailyVolume": 0.0, "cashSettled": True,
    }  # fmt: skip
    return ContractDetails(**values | changes)


def bonds(maker: Maker) -> Iterator[ContractDetails]:
    """Bonds by issuer; each has its CUSIP and ISIN."""
    number = 0
    for issuer in ISSUERS:
        for line in issuer.lines.splitlines():
            yield _bond(maker, issuer, line, number)
            number += 1


def _fraction(coupon: float) -> str:
    """A coupon as descriptions write it: `4`, `4 1/4`, or decimals where it is no eighth."""
    whole, eighths = divmod(coupon * 8, 8)
    if eighths != int(eighths):
        return f"{coupon:g}"
    numerator, denominator = int(eighths), 8
    while numerator and numerator % 2 == 0:
        numerator, denominator = numerator // 2, denominator // 2
    return f"{int(whole)} {numerator}/{denominator}" if numerator else f"{int(whole)}"


def _bond_terms(issuer: Issuer, line: str) -> Bond:
    body, coupon, maturity, issued, _, _, options = line.split()
    shown = f"{maturity[4:6]}/{maturity[6:]}/{maturity[2:4]}"
    callable_ = "C" in options
    return Bond(
        cusip(body), float(coupon), maturity, issued, issuer.ratings, issuer.bondType, COUPONS[float(coupon) > 0],
        f"{issuer.short} {_fraction(float(coupon))} {shown}", issuer.issuerId, "V" in options, callable_,
        "P" in options, nextOptionDate=f"{int(maturity[:4]) - 1}{maturity[4:]}" if callable_ else "",
        nextOptionType="CALL" if callable_ else "",
        notes="MAKE WHOLE" if callable_ else "",
    )  # fmt: skip


def _bond(maker: Maker, issuer: Issuer, line: str, number: int) -> ContractDetails:
    terms = _bond_terms(issuer, line)
    price, volatility = (float(text) for text in line.split()[4:6])
    conId = conids.BONDS.number(number, maker.seed)
    contract = Contract(
        conId, issuer.symbol, "BOND", terms.maturity, exchange="SMART", localSymbol=f"IBCID{conId}",
        tradingClass=issuer.symbol,
    )  # fmt: skip
    matures = datetime.strptime(terms.maturity, "%Y%m%d").replace(hour=17, tzinfo=zone("US/Eastern")).timestamp()
    return ContractDetails(
        contract, maker.calendar, "BONDS", 0.001, f"{issuer.name}", BOND_ORDERS, "SMART,BONDDESK,TRADEWEB",
        "US/Eastern", price, volatility, marketName=issuer.symbol, marketRuleIds="635,635,635",
        secIdList=(("CUSIP", terms.cusip), ("ISIN", with_check_digit(f"US{terms.cusip}"))), aggGroup=3,
        minSize=BOND_SIZE, sizeIncrement=BOND_SIZE, suggestedSizeIncrement=BOND_SIZE, dailyVolume=2_000_000.0,
        salt=salt(f"BOND:{terms.cusip}"), expires=matures, cashSettled=True, bond=terms,
    )  # fmt: skip


def funds(maker: Maker) -> Iterator[ContractDetails]:
    """Mutual funds: one price a day, no book."""
    for number, line in enumerate(coins.MUTUAL_FUNDS.splitlines()):
        symbol, price, volatility, name = line.split(" ", 3)
        contract = Contract(
            conids.FUNDS.number(number, maker.seed), symbol, "FUND", exchange="FUNDSERV", localSymbol=symbol,
            tradingClass=symbol,
        )  # fmt: skip
        leader = "SPX" if "500" in name or "INSTITUTIONAL INDEX" in name else symbol
        yield ContractDetails(
            contract, maker.calendar, "US.RTH", 0.01, name, FUND_ORDERS, "FUNDSERV", "US/Eastern", float(price),
            float(volatility), marketName=symbol, marketRuleIds="26", aggGroup=2147483647, minSize=0.001,
            sizeIncrement=0.001, suggestedSizeIncrement=1.0, dailyVolume=0.0, salt=salt(leader),
        )  # fmt: skip


def news(maker: Maker) -> Iterator[ContractDetails]:
    """Broadtapes: contracts whose market data are headlines (generic tick 292)."""
    for number, line in enumerate(coins.NEWS.splitlines()):
        code, name = line.split(" ", 1)
        symbol = f"{code}:{code}_ALL"
        contract = Contract(
            conids.NEWS.number(number, maker.seed), symbol, "NEWS", exchange=code, localSymbol=symbol, tradingClass=code
        )
        yield ContractDetails(
            contract, maker.calendar, "CRYPTO", 0.01, name, "", code, "US/Eastern", 0.0, 0.0, marketName=code,
            marketRuleIds="26", dailyVolume=0.0, aggGroup=2147483647,
        )  # fmt: skip


SHELVES: dict[str, tuple[conids.Block, Callable[[Maker], Iterator[ContractDetails]]]] = {
    "CFD": (conids.CFDS, cfds),
    "BOND": (conids.BONDS, bonds),
    "FUND": (conids.FUNDS, funds),
    "NEWS": (conids.NEWS, news),
}


class Shelves:
    """The shelves of a universe.

    Args:
        maker: what they are made from.
    """

    def __init__(self, maker: Maker) -> None:
        self._maker = maker
        self._made: dict[str, dict[int, ContractDetails]] = {}

    def _shelf(self, secType: str) -> dict[int, ContractDetails]:
        found = self._made.get(secType)
        if found is None:
            _, make = SHELVES[secType]
            found = self._made[secType] = {details.contract.conId: details for details in make(self._maker)}
        return found

    def all(self, secType: str) -> list[ContractDetails]:
        """Every contract of a shelf that has not expired; empty for a type that is on none."""
        if secType not in SHELVES:
            return []
        now = self._maker.calendar.now()
        return [details for details in self._shelf(secType).values() if not details.has_expired(now)]

    def get(self, conId: int) -> ContractDetails | None:
        """The contract of that number, expired or not; None where it is on no shelf."""
        for secType, (block, _) in SHELVES.items():
            if block.plain(conId, self._maker.seed) is not None:
                return self._shelf(secType).get(conId)
        return None
