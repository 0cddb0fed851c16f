"""Combinations (BAG): their legs, their price and what a fill of one trades in each leg.

Market data of a combination: `parts_of(universe, legs_from(rows))` resolves the legs of a request (or says why not),
`quote(market, parts)` gives `bid`, `ask`, `last`, `mid`, `bidSize`, `askSize`, `minTick` and `valid`. Nothing here
knows orders or accounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import gcd, inf
from typing import Any

from ibmux.sim.accounts.money import exact
from ibmux.sim.catalogue.contracts import Contract, ContractDetails, Query, Refusal
from ibmux.sim.catalogue.universe import Universe
from ibmux.sim.prices.market import Market

BAG_CONID = 28_812_380
"""The number under which gateways send every combination."""
CLASS = "COMB"
TICK = 0.01
FINEST = 10_000
"""Point values are whole numbers of its inverse."""
MAX_LEGS = 6
NO_LEGS = Refusal(314, "Security type 'BAG' requires combo leg details.")
INVALID = "The combo details for leg '{}' are invalid."
ORDERS = (
    "ACTIVETIM,AD,ADJUST,ALERT,ALGO,AON,COND,DAY,FOK,GAT,GTC,GTD,GTT,HID,IOC,LIT,LMT,MIT,MKT,NGCOMB,OCA,OUTRTH,REL,"
    "SCALE,STP,STPLMT,TRAIL,TRAILLMT,WHATIF"
)


@dataclass(frozen=True, slots=True)
class Leg:
    """A leg as a client describes it."""

    conId: int
    ratio: int
    action: str
    exchange: str = "SMART"

    @property
    def sign(self) -> int:
        """1 for a leg that is bought with the combination, -1 for one that is sold."""
        return 1 if self.action == "BUY" else -1


@dataclass(frozen=True, slots=True)
class Part:
    """A leg with its contract: `ratio` is negative for a leg that is sold when the combination is bought.

    `weight` is what one unit of the leg's price counts in the price of the combination.
    """

    details: ContractDetails
    ratio: int
    weight: int


@dataclass(frozen=True, slots=True)
class ComboQuote:
    """The prices of a combination: what buying or selling all legs at once costs. Any of them may be negative.

    `valid` is False where a leg has no price on the side that is needed.
    """

    bid: float
    ask: float
    bidSize: float
    askSize: float
    valid: bool
    minTick: float = TICK

    @property
    def mid(self) -> float:
        """The middle of bid and ask."""
        return (self.bid + self.ask) / 2

    @property
    def last(self) -> float:
        """A combination has no trades of its own: the middle, to the cent."""
        return round(self.mid, 2)


def legs_from(rows: list[dict[str, Any]]) -> tuple[Leg, ...]:
    """The legs of a placeOrder or reqMktData message."""
    return tuple(Leg(row["conId"], row["ratio"], row["action"].upper(), row["exchange"]) for row in rows)


def parts_of(universe: Universe, legs: Sequence[Leg]) -> tuple[Part, ...] | Refusal:
    """The legs with their contracts, or why they are no combination (312, 313, 314)."""
    if not legs:
        return NO_LEGS
    if len(legs) < 2 or len(legs) > MAX_LEGS or len({leg.conId for leg in legs}) < len(legs):
        return Refusal(312, "The combo details are invalid.")
    found: list[tuple[ContractDetails, int]] = []
    for number, leg in enumerate(legs, start=1):
        details = universe.resolve(Query(conId=leg.conId, exchange=leg.exchange or "SMART"))
        if isinstance(details, Refusal) or leg.ratio < 1 or leg.action not in {"BUY", "SELL", "SSHORT"}:
            return Refusal(313, INVALID.format(number))
        found.append((details, leg.sign * leg.ratio))
    return _weighed(found)


def _weighed(found: Sequence[tuple[ContractDetails, int]]) -> tuple[Part, ...]:
    """The legs with their weights in the price: per share where shares and options mix."""
    weights = [int(ratio * details.pointValue * FINEST) for details, ratio in found]
    unit = gcd(*weights)
    return tuple(Part(details, ratio, weight // unit) for (details, ratio), weight in zip(found, weights, strict=True))


def details_of(parts: Sequence[Part], query: Query) -> ContractDetails | Refusal:
    """The combination as a contract, under the symbol and exchange that the client gave it."""
    if not query.exchange:
        return Refusal(321, "Error validating request.-'bW' : cause - Please enter exchange")
    first = parts[0].details
    currency = query.currency or first.contract.currency
    if any(part.details.contract.currency != currency for part in parts):
        return Refusal(312, "The combo details are invalid.")
    symbol = query.symbol or first.contract.symbol
    contract = Contract(
        BAG_CONID, symbol, "BAG", exchange=query.exchange, currency=currency, localSymbol=symbol, tradingClass=CLASS
    )
    return ContractDetails(
        contract, first.calendar, first.venue, TICK, first.longName, ORDERS, query.exchange, first.timeZoneId,
        0.0, first.volatility, marketName=CLASS, currencyRate=first.currencyRate, dailyVolume=0.0,
    )  # fmt: skip


def describe(parts: Sequence[Part]) -> str:
    """The text `comboLegsDescrip` of an openOrder: conId and signed ratio of each leg."""
    return ",".join(f"{part.details.contract.conId}|{part.ratio}" for part in parts)


def quote(market: Market, legs: Sequence[Part] | Sequence[Leg]) -> ComboQuote:
    """The prices of a combination from the live quotes of its legs; KeyError if there is no such contract."""
    parts = [leg for leg in legs if isinstance(leg, Part)]
    parts = parts or [
        *_weighed([(market.details(leg.conId), leg.sign * leg.ratio) for leg in legs if isinstance(leg, Leg)])
    ]
    bid = ask = Decimal(0)
    bid_size = ask_size = inf
    valid = True
    for part in parts:
        book = market.quote(part.details.contract.conId)
        bids, asks = (book.bid, book.bidSize), (book.ask, book.askSize)
        give, take = (bids, asks) if part.weight > 0 else (asks, bids)
        valid = valid and give[0] > 0 and take[0] > 0
        bid += exact(max(give[0], 0.0)) * part.weight
        ask += exact(max(take[0], 0.0)) * part.weight
        bid_size = min(bid_size, give[1] // abs(part.ratio))
        ask_size = min(ask_size, take[1] // abs(part.ratio))
    return ComboQuote(float(bid), float(ask), bid_size, ask_size, valid)


def leg_prices(market: Market, parts: Sequence[Part], sign: int) -> list[float]:
    """The price at which each leg trades now when the combination is bought (`sign` 1) or sold (-1)."""
    books = [market.quote(part.details.contract.conId) for part in parts]
    return [book.ask if part.ratio * sign > 0 else book.bid for book, part in zip(books, parts, strict=True)]


def price_of(parts: Sequence[Part], prices: Sequence[float]) -> float:
    """The price of the combination when its legs trade at `prices`."""
    return float(sum((exact(price) * part.weight for part, price in zip(parts, prices, strict=True)), Decimal(0)))
