"""Contracts and what describes them, under Interactive Brokers' names. Knows nothing of orders or prices."""

from __future__ import annotations

from ibmux.messages.methods import Request, method
from ibmux.messages.wire import Input, Record


class ComboLeg(Input):
    """One leg of a combination (secType BAG)."""

    conId: int = 0
    ratio: int = 0
    action: str = ""
    exchange: str = ""
    openClose: int = 0
    shortSaleSlot: int = 0
    designatedLocation: str = ""
    exemptCode: int = -1


class DeltaNeutralContract(Input):
    """The underlying of a delta-neutral order."""

    conId: int = 0
    delta: float = 0.0
    price: float = 0.0


class Contract(Input):
    """What is traded. Prices of options are per unit; `strike` is in the contract's currency, 0 where there is none."""

    secType: str = ""
    conId: int = 0
    symbol: str = ""
    lastTradeDateOrContractMonth: str = ""
    strike: float = 0.0
    right: str = ""
    multiplier: str = ""
    exchange: str = ""
    primaryExchange: str = ""
    currency: str = ""
    localSymbol: str = ""
    tradingClass: str = ""
    includeExpired: bool = False
    secIdType: str = ""
    secId: str = ""
    description: str = ""
    issuerId: str = ""
    comboLegsDescrip: str = ""
    comboLegs: list[ComboLeg] = []
    deltaNeutralContract: DeltaNeutralContract | None = None

    def __hash__(self) -> int:
        return hash(self.conId or (self.secType, self.symbol, self.exchange, self.currency, self.localSymbol))


class TagValue(Input):
    """A name and its value, as algorithm parameters and identifiers come."""

    tag: str = ""
    value: str = ""


class ContractDetails(Record):
    """Everything that Interactive Brokers says about one contract.

    Hours are in `timeZoneId`, as the gateway writes them.
    """

    contract: Contract | None = None
    marketName: str = ""
    minTick: float = 0.0
    orderTypes: str = ""
    validExchanges: str = ""
    priceMagnifier: int = 0
    underConId: int = 0
    longName: str = ""
    contractMonth: str = ""
    industry: str = ""
    category: str = ""
    subcategory: str = ""
    timeZoneId: str = ""
    tradingHours: str = ""
    liquidHours: str = ""
    evRule: str = ""
    evMultiplier: float = 0
    mdSizeMultiplier: int = 1
    aggGroup: int = 0
    underSymbol: str = ""
    underSecType: str = ""
    marketRuleIds: str = ""
    secIdList: list[TagValue] = []
    realExpirationDate: str = ""
    lastTradeTime: str = ""
    stockType: str = ""
    minSize: float = 0.0
    sizeIncrement: float = 0.0
    suggestedSizeIncrement: float = 0.0
    cusip: str = ""
    ratings: str = ""
    descAppend: str = ""
    bondType: str = ""
    couponType: str = ""
    callable: bool = False
    putable: bool = False
    coupon: float = 0
    convertible: bool = False
    maturity: str = ""
    issueDate: str = ""
    nextOptionDate: str = ""
    nextOptionType: str = ""
    nextOptionPartial: bool = False
    notes: str = ""


class ContractDescription(Record):
    """One hit of a search by name."""

    contract: Contract | None = None
    derivativeSecTypes: list[str] = []


class OptionChain(Record):
    """The options of one exchange and trading class; expirations as YYYYMMDD, strikes in the contract's currency."""

    exchange: str = ""
    underlyingConId: int = 0
    tradingClass: str = ""
    multiplier: str = ""
    expirations: list[str] = []
    strikes: list[float] = []


@method("reqContractDetails", reply=list[ContractDetails])
class ReqContractDetails(Request):
    """Every contract that matches a partly filled one."""

    contract: Contract


@method("qualifyContracts", reply=list[Contract | None])
class QualifyContracts(Request):
    """Fill in each contract (conId and the rest). Unknown and ambiguous ones become `nil` at their place."""

    contracts: list[Contract]


@method("reqMatchingSymbols", reply=list[ContractDescription])
class ReqMatchingSymbols(Request):
    """Search stocks by the start of their symbol or by words of their name."""

    pattern: str


@method("reqSecDefOptParams", reply=list[OptionChain])
class ReqSecDefOptParams(Request):
    """Expirations and strikes of all options on an underlying."""

    underlyingSymbol: str
    futFopExchange: str
    underlyingSecType: str
    underlyingConId: int


def name_of(contract: Contract) -> str:
    """A contract as a sentence names it: `ESZ6`, `AAPL`, `conId 265598`."""
    return contract.localSymbol or contract.symbol or f"conId {contract.conId}"


def may_be_same(one: Contract, other: Contract) -> bool:
    """Whether two contracts are the same, as far as both say: by conId, else by symbol and kind."""
    if one.conId and other.conId:
        return one.conId == other.conId
    return (one.symbol, one.secType) == (other.symbol, other.secType)
