"""What a contract is to the simulated gateway: the contract itself, a client's description of one, and all its details.

Plain data under Interactive Brokers' own field names. Nothing here knows how contracts are found, priced or sent.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from operator import attrgetter

from ibmux.sim.calendar.hours import Calendar

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
        if exchange == self.exchange:
            return self
        return Contract(*(*_BEFORE_EXCHANGE(self), exchange, *_AFTER_EXCHANGE(self)))


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


@dataclass(frozen=True, slots=True)
class Bond:
    """What message 18 says of a bond beyond what it says of every contract; dates as yyyymmdd."""

    cusip: str
    coupon: float
    maturity: str
    issueDate: str
    ratings: str
    bondType: str
    couponType: str
    descAppend: str
    issuerId: str
    convertible: bool = False
    callable: bool = False
    putable: bool = False
    nextOptionDate: str = ""
    nextOptionType: str = ""
    nextOptionPartial: bool = False
    notes: str = ""


@dataclass(slots=True, eq=False)
class ContractDetails:
    """Everything that message 10 says of a contract, beside the simulation's own `venue` (see `hours`).

    `currencyRate` is the value of one unit of the contract's currency in the accounts' base currency (USD), constant so
    that money adds up to the cent. `salt` tells its price path from others; equal salts move together. `futureMargin`
    is the initial margin of one futures contract (USD). `expires` is the instant (epoch seconds, 0.0: never) from which
    on the contract is no more. `european`: an option that is exercised at its expiry only; `cashSettled`: an option or
    future that ends in cash. `bond`: what is said of bonds alone.
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
    expires: float = 0.0
    european: bool = False
    cashSettled: bool = False
    bond: Bond | None = None

    @property
    def tradingHours(self) -> str:
        """Today's and the next days' sessions, outside regular hours included, as `20260105:0400-20260105:2000;…`."""
        return self.calendar.trading(self.venue, self.expires or None)

    @property
    def liquidHours(self) -> str:
        """Today's and the next days' regular sessions, in the same form."""
        return self.calendar.liquid(self.venue, self.expires or None)

    @property
    def pointValue(self) -> Decimal:
        """What a quantity of one is worth at a price of one, in the contract's currency: a bond's is a percentage."""
        return Decimal("0.01") if self.bond is not None else Decimal(self.contract.multiplier or 1)

    def has_expired(self, now: float) -> bool:
        """Whether the contract is no more at the instant `now` (epoch seconds)."""
        return 0.0 < self.expires <= now

    @property
    def multiplier(self) -> int:
        """The contract's multiplier as a number, 1 where it has none."""
        return int(self.contract.multiplier or 1)

    def on(self, exchange: str) -> ContractDetails:
        """These details as seen on `exchange`."""
        return self if exchange == self.contract.exchange else self.of(self.contract.at(exchange))

    def of(self, contract: Contract) -> ContractDetails:
        """These details for another contract."""
        return ContractDetails(contract, *_ALL_BUT_CONTRACT(self))


# A chain has thousands of contracts: copying by position is several times faster than by name.
_NAMES = [field.name for field in fields(Contract)]
_BEFORE_EXCHANGE = attrgetter(*_NAMES[: _NAMES.index("exchange")])
_AFTER_EXCHANGE = attrgetter(*_NAMES[_NAMES.index("exchange") + 1 :])
_ALL_BUT_CONTRACT = attrgetter(*[field.name for field in fields(ContractDetails)][1:])
