"""What a contract is to the simulated gateway: the contract itself, a client's description of one, and all its details.

Plain data under Interactive Brokers' own field names. Nothing here knows how contracts are found, priced or sent.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from ibmux.sim.hours import Calendar

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a question has no answer: the code and the text that a gateway sends for it."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract as the gateway describes it; every field is a wire field of that name."""

    conId: int
    symbol: str
    secType: str
    lastTradeDateOrContractMonth: str = ""
    strike: float = 0.0
    right: str = ""
    multiplier: str = ""
    exchange: str = ""
    primaryExchange: str = ""
    currency: str = "USD"
    localSymbol: str = ""
    tradingClass: str = ""

    def at(self, exchange: str) -> Contract:
        """The same contract on another exchange (as a fill reports it)."""
        return self if exchange == self.exchange else replace(self, exchange=exchange)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A contract as a client describes it: any field may be missing (empty, or 0)."""

    conId: int = 0
    symbol: str = ""
    secType: str = ""
    lastTradeDateOrContractMonth: str = ""
    strike: float = 0.0
    right: str = ""
    multiplier: str = ""
    exchange: str = ""
    primaryExchange: str = ""
    currency: str = ""
    localSymbol: str = ""
    tradingClass: str = ""
    secIdType: str = ""
    secId: str = ""
    includeExpired: bool = False
    issuerId: str = ""

    @classmethod
    def of(cls, contract: Contract) -> Query:
        """The query that describes `contract` completely."""
        return cls(**{field.name: getattr(contract, field.name) for field in fields(contract)})


@dataclass(slots=True, eq=False)
class ContractDetails:
    """Everything that message 10 says of a contract, beside the simulation's own `venue` (see `hours`).

    `currencyRate` is the value of one unit of the contract's currency in the accounts' base currency (USD), constant so
    that money adds up to the cent. `salt` tells its price path from others; equal salts move together. `futureMargin`
    is the initial margin of one futures contract (USD).
    """

    contract: Contract
    calendar: Calendar
    venue: str
    minTick: float
    longName: str
    orderTypes: str
    validExchanges: str
    timeZoneId: str
    price: float
    volatility: float
    marketName: str = ""
    marketRuleIds: str = ""
    industry: str = ""
    category: str = ""
    subcategory: str = ""
    stockType: str = ""
    contractMonth: str = ""
    realExpirationDate: str = ""
    lastTradeTime: str = ""
    underConId: int = 0
    underSymbol: str = ""
    underSecType: str = ""
    secIdList: Pairs = ()
    priceMagnifier: int = 1
    evRule: str = ""
    evMultiplier: int = 0
    aggGroup: int = 1
    minSize: float = 1.0
    sizeIncrement: float = 1.0
    suggestedSizeIncrement: float = 1.0
    dailyVolume: float = 1_000_000.0
    currencyRate: float = 1.0
    salt: int = 0
    futureMargin: float = 0.0

    @property
    def tradingHours(self) -> str:
        """Today's and the next days' sessions, outside regular hours included, as `20260105:0400-20260105:2000;…`."""
        return self.calendar.trading(self.venue)

    @property
    def liquidHours(self) -> str:
        """Today's and the next days' regular sessions, in the same form."""
        return self.calendar.liquid(self.venue)

    @property
    def multiplier(self) -> int:
        """The contract's multiplier as a number, 1 where it has none."""
        return int(self.contract.multiplier or 1)

    def on(self, exchange: str) -> ContractDetails:
        """These details as seen on `exchange`."""
        if exchange == self.contract.exchange:
            return self
        values: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        return ContractDetails(**values | {"contract": self.contract.at(exchange)})
