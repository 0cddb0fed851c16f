"""What contracts there are, and which of them a description means.

The rules of partial matching are those that clients observe of reqContractDetails. It knows no live prices; strikes lie
around the paths' fair prices. Symbol search is in `search`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cached_property

from ibmux.sim.calendar.hours import Calendar
from ibmux.sim.catalogue import rules
from ibmux.sim.catalogue.chainbook import KINDS, ChainBook, OptionParams
from ibmux.sim.catalogue.contracts import Contract, ContractDetails, Query, Refusal
from ibmux.sim.catalogue.futures import Board
from ibmux.sim.catalogue.identifiers import cusip_of, figi
from ibmux.sim.catalogue.listings import Registry, all_listings
from ibmux.sim.catalogue.markets import FUTURES
from ibmux.sim.catalogue.search import SymbolMatch, matching
from ibmux.sim.catalogue.shelves import SHELVES, Maker, Shelves
from ibmux.sim.theory.paths import FairPrice, Path
from ibmux.sim.theory.shocks import Shocks

__all__ = ["OptionParams", "SymbolMatch", "Universe"]

NO_DEFINITION = "No security definition has been found for the request"
AMBIGUOUS = "The contract description specified for {} is ambiguous; you must specify the multiplier or trading class."
NO_EXCHANGE = "Error validating request.-'bW' : cause - Please enter exchange"
SAME_EXCHANGE = {"ISLAND": "NASDAQ", "GLOBEX": "CME", "ECBOT": "CBOT", "DTB": "EUREX"}
CONTINUOUS = {"CONTFUT": ("CONTFUT",), "FUT+CONTFUT": ("FUT", "CONTFUT")}
SEC_ID_TYPES = ("ISIN", "CUSIP", "FIGI")


class Universe:
    """All contracts of a seed on the clock's date.

    Args:
        seed: equal seeds give equal conIds.
        clock: gives the present as epoch seconds; decides which futures and options are listed.
    """

    def __init__(self, seed: int, clock: Callable[[], float]) -> None:
        self.seed = seed
        self.shocks = Shocks()
        self.calendar = Calendar(clock)
        self._core: list[ContractDetails] = []
        self._by_id: dict[int, ContractDetails] = {}
        self._by_symbol: dict[str, list[ContractDetails]] = defaultdict(list)
        for details in all_listings(Registry(seed, self.calendar)):
            self._core.append(details)
            self._by_id[details.contract.conId] = details
            self._by_symbol[details.contract.symbol].append(details)
        self.futures = Board(self.calendar, seed)
        self.options = ChainBook(seed, self.calendar, self.futures, self.underlying, self.morning_price)
        self._shelves = Shelves(Maker(self.calendar, seed, self._core))

    def __len__(self) -> int:
        return len(self.listed())

    def listed(self, secType: str = "") -> list[ContractDetails]:
        """Every contract but options, or those of one security type; what has expired is not among them."""
        if secType in SHELVES:
            return self._shelves.all(secType)
        if secType == "FUT":
            return [details for product in FUTURES for details in self.futures.listed(product.symbol)]
        if secType:
            return [details for details in self._core if details.contract.secType == secType]
        rest = [details for kind in ("FUT", *SHELVES) for details in self.listed(kind)]
        return self._core + rest

    def get(self, conId: int) -> ContractDetails | None:
        """The contract of that number, whether it has expired or not (`has_expired` tells); None if there is none."""
        return self._by_id.get(conId) or self.options.get(conId) or self.futures.get(conId) or self._shelves.get(conId)

    def underlying(self, symbol: str) -> ContractDetails:
        """The share, fund or index on which the option chain of `symbol` is written; KeyError if it has none."""
        kinds = ("STK", "IND")
        for details in self._by_symbol.get(symbol, ()):
            contract = details.contract
            if contract.secType in kinds and (contract.currency == "USD" or contract.secType == "IND"):
                return details
        raise KeyError(symbol)

    def chain(self, symbol: str) -> dict[str, list[ContractDetails]]:
        """The options of an underlying by last trading day (yyyymmdd); empty if it has none. Built when first asked."""
        return self.options.chain(symbol)

    def path(self, details: ContractDetails) -> FairPrice:
        """The fair price path of a contract that is no option."""
        return Path(self.seed, details.salt, details.price, details.volatility)

    def morning_price(self, details: ContractDetails, day: date) -> float:
        """The fair price at midnight (UTC) of `day`, around which strikes are listed."""
        return self.path(details).at(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())

    def find(self, query: Query) -> list[ContractDetails]:
        """Every contract that the description may mean, as reqContractDetails answers; an empty list means error 200.

        A share without an exchange is answered once for every exchange that trades it, as a gateway does. Of what has
        expired only futures are found, and only if asked for (IB documentation of includeExpired).
        """
        if query.secType in CONTINUOUS:
            return self._continuous(query)
        now = self.calendar.now()
        found = [details for details in self._candidates(query) if _matches(details, query)]
        alive = [details for details in found if not details.has_expired(now) or _may_be_old(details, query)]
        return [seen for details in alive for seen in _on_exchanges(details, query)]

    def _continuous(self, query: Query) -> list[ContractDetails]:
        """A future's front month under the name of the continuous future, beside all months if that is asked for."""
        months = self.find(replace(query, secType="FUT"))
        fronts: dict[str, ContractDetails] = {}
        for details in months:
            listed = self.futures.listed(details.contract.symbol)
            if listed and (query.conId or details.contract.conId == listed[0].contract.conId):
                fronts.setdefault(details.contract.symbol, listed[0])
        continuous = [_as_continuous(details) for details in fronts.values()]
        return months + continuous if query.secType == "FUT+CONTFUT" else continuous

    def _candidates(self, query: Query) -> Iterable[ContractDetails]:
        if query.conId:
            known = self.get(query.conId)
            return [known] if known is not None else []
        if query.secIdType and query.secId:
            return self._by_sec_id.get((query.secIdType, query.secId), []) + self._bonds_of(query)
        named = query.symbol or query.localSymbol or query.tradingClass or query.issuerId
        return self._of_type(query) if query.secType and named else []

    def _of_type(self, query: Query) -> Iterable[ContractDetails]:
        if query.secType in KINDS:
            return self.options.find(query.secType, query)
        if query.secType == "FUT":
            return self._future_candidates(query)
        if query.secType in SHELVES:
            return self._shelves.all(query.secType)
        return self._by_symbol.get(query.symbol, []) if query.symbol else self._core

    @cached_property
    def _by_sec_id(self) -> dict[tuple[str, str], list[ContractDetails]]:
        found: dict[tuple[str, str], list[ContractDetails]] = defaultdict(list)
        for details in self.listed("STK"):
            number = details.secIdList[0][1]
            known = ((kind, text) for kind, text in zip(SEC_ID_TYPES, _numbers(details, number), strict=True) if text)
            for key in known:
                found[key].append(details)
        return found

    def _bonds_of(self, query: Query) -> list[ContractDetails]:
        wanted = (query.secIdType, query.secId)
        return [details for details in self._shelves.all("BOND") if wanted in details.secIdList]

    def _future_candidates(self, query: Query) -> Iterator[ContractDetails]:
        for product in FUTURES:
            if query.symbol in ("", product.symbol):
                if query.includeExpired:
                    yield from self.futures.expired(product.symbol)
                yield from self.futures.listed(product.symbol)

    def resolve(self, query: Query) -> ContractDetails | Refusal:
        """The one contract that a description means, seen on the exchange it names; else why not (200, 321).

        Market data, history and orders need this; unlike `find` they must be told an exchange.
        """
        if not query.exchange:
            return Refusal(321, NO_EXCHANGE)
        found = self.find(query)
        if not found:
            return Refusal(200, NO_DEFINITION)
        if len({details.contract.conId for details in found}) > 1:
            return Refusal(200, AMBIGUOUS.format(query.symbol or query.localSymbol))
        return found[0]

    def matching(self, text: str) -> list[SymbolMatch]:
        """Contracts whose symbol begins with `text` or whose name contains it, as reqMatchingSymbols answers."""
        return matching(text, self._core, self.options.has)

    def option_params(self, underConId: int, futFopExchange: str = "", secType: str = "") -> list[OptionParams]:
        """Expirations and strikes of the options on a contract, one row for each exchange and trading class.

        Args:
            underConId: the share, index or future.
            futFopExchange: for options on futures, the exchange; empty for all of them. Other options have none.
            secType: the underlying's security type; empty is any.
        """
        under = self.get(underConId)
        if under is None or secType not in ("", under.contract.secType):
            return []
        kind = under.contract.secType
        future = kind == "FUT"
        if not future and (futFopExchange or kind not in ("STK", "IND") or not self._is_home(under)):
            return []
        wanted = SAME_EXCHANGE.get(futFopExchange, futFopExchange)
        return [row for row in self.options.params(under) if wanted in ("", row.exchange)]

    def _is_home(self, under: ContractDetails) -> bool:
        """Whether it is this listing of the symbol that has options: those abroad have none."""
        return self.options.has("OPT", under.contract.symbol) and self.underlying(under.contract.symbol) is under

    def market_rule(self, ruleId: int) -> rules.Steps | None:
        """The price increments of a market rule as (from price, increment), or None."""
        return rules.MARKET_RULES.get(ruleId)


def _numbers(details: ContractDetails, number: str) -> tuple[str, str, str]:
    return number, cusip_of(number), figi(details.contract.conId)


def _may_be_old(details: ContractDetails, query: Query) -> bool:
    return query.includeExpired and details.contract.secType == "FUT"


def _matches(details: ContractDetails, query: Query) -> bool:
    """Whether every field that the description names agrees with the contract."""
    contract = details.contract
    if query.secType and query.secType != contract.secType:
        return False
    if query.conId:
        return not query.symbol or _is_called(details, query.symbol)
    wanted = SAME_EXCHANGE.get(query.primaryExchange, query.primaryExchange)
    return (
        (not query.symbol or _is_called(details, query.symbol))
        and (not query.issuerId or (details.bond is not None and details.bond.issuerId == query.issuerId))
        and _expires(details, query.lastTradeDateOrContractMonth)
        and (not query.strike or abs(query.strike - contract.strike) < 1e-9)
        and (not query.right or query.right == "?" or query.right[0].upper() == contract.right)
        and (not query.multiplier or query.multiplier == contract.multiplier)
        and (not query.currency or query.currency == contract.currency)
        and (not wanted or wanted == (contract.primaryExchange or wanted))
        and (not query.localSymbol or query.localSymbol == contract.localSymbol)
        and (not query.tradingClass or query.tradingClass == contract.tradingClass)
    )


def _is_called(details: ContractDetails, symbol: str) -> bool:
    """Whether a symbol names the contract; bonds go by their CUSIP and ISIN too."""
    if symbol == details.contract.symbol:
        return True
    return details.bond is not None and any(symbol == number for _, number in details.secIdList)


def _expires(details: ContractDetails, asked: str) -> bool:
    """A month (yyyymm) asks for the contract month, which is not always the month of the last trading day."""
    if len(asked) == 6:
        return details.contractMonth == asked
    return not asked or details.contract.lastTradeDateOrContractMonth == asked


def _on_exchanges(details: ContractDetails, query: Query) -> Iterator[ContractDetails]:
    valid = details.validExchanges.split(",")
    asked = SAME_EXCHANGE.get(query.exchange, query.exchange)
    if asked:
        if asked in valid:
            yield details.on(asked)
    elif details.contract.secType == "STK" and not query.conId:
        for exchange in valid:
            yield details.on(exchange)
    else:
        yield details


def _as_continuous(details: ContractDetails) -> ContractDetails:
    contract: Contract = replace(details.contract, secType="CONTFUT")
    return details.of(contract)
