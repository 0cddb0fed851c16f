"""What contracts there are, and which of them a description means: contract details, symbols, option parameters.

The rules of partial matching are those that clients observe of reqContractDetails, reqMatchingSymbols and
reqSecDefOptParams. It knows no live prices; strikes lie around the paths' fair prices.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import NamedTuple

from ibmux.sim import chains
from ibmux.sim.catalogue_markets import CHAINS, MARKET_RULES
from ibmux.sim.contracts import Contract, ContractDetails, Query, Refusal
from ibmux.sim.hours import Calendar
from ibmux.sim.listings import Registry, all_listings
from ibmux.sim.paths import Path

NO_DEFINITION = "No security definition has been found for the request"
AMBIGUOUS = "The contract description specified for {} is ambiguous; you must specify the multiplier or trading class."
NO_EXCHANGE = "Error validating request.-'bW' : cause - Please enter exchange"
MATCHES = 16
SAME_EXCHANGE = {"ISLAND": "NASDAQ", "GLOBEX": "CME", "ECBOT": "CBOT"}


class SymbolMatch(NamedTuple):
    """An answer of the symbol search."""

    contract: Contract
    derivativeSecTypes: tuple[str, ...]
    description: str


class OptionParams(NamedTuple):
    """The expirations and strikes of one trading class on one exchange."""

    exchange: str
    underConId: int
    tradingClass: str
    multiplier: str
    expirations: tuple[str, ...]
    strikes: tuple[float, ...]


class Universe:
    """All contracts of a seed on the clock's date.

    Args:
        seed: equal seeds give equal conIds.
        clock: gives the present as epoch seconds; decides which futures and options are listed.
    """

    def __init__(self, seed: int, clock: Callable[[], float]) -> None:
        self.seed = seed
        self.calendar = Calendar(clock)
        self._listed: list[ContractDetails] = []
        self._by_id: dict[int, ContractDetails] = {}
        self._by_symbol: dict[str, list[ContractDetails]] = defaultdict(list)
        for details in all_listings(Registry(seed, self.calendar), self.calendar.today("US")):
            self._listed.append(details)
            self._by_id[details.contract.conId] = details
            self._by_symbol[details.contract.symbol].append(details)
        self._chains: dict[tuple[str, date], dict[str, list[ContractDetails]]] = {}

    def __len__(self) -> int:
        return len(self._listed)

    def listed(self) -> list[ContractDetails]:
        """Every contract but options."""
        return list(self._listed)

    def get(self, conId: int) -> ContractDetails | None:
        """The contract of that number, an option included that has not expired."""
        found = self._by_id.get(conId)
        if found is None and (place := chains.decode(conId, self.seed)) is not None:
            return self._option(place)
        return found

    def _option(self, place: chains.Strike) -> ContractDetails | None:
        chain = CHAINS[place.chain]
        if place.expiry not in chains.expirations(chain, self.calendar.today("US")):
            return None
        details = chains.option(place, self.underlying(chain.symbol), self.seed)
        self._by_id[details.contract.conId] = details
        return details

    def underlying(self, symbol: str) -> ContractDetails:
        """The contract on which the option chain of `symbol` is written."""
        candidates = (d for d in self._by_symbol[symbol] if d.contract.currency == "USD")
        return next(d for d in candidates if d.contract.secType in {"STK", "IND"})

    def chain(self, symbol: str) -> dict[str, list[ContractDetails]]:
        """The options of an underlying by expiration (yyyymmdd); empty if it has none. Built when first asked for."""
        today = self.calendar.today("US")
        key = (symbol, today)
        if key not in self._chains:
            self._chains = {known: options for known, options in self._chains.items() if known[1] == today}
            self._chains[key] = self._build_chain(symbol, today)
        return self._chains[key]

    def _build_chain(self, symbol: str, today: date) -> dict[str, list[ContractDetails]]:
        built: dict[str, list[ContractDetails]] = defaultdict(list)
        for number, chain in enumerate(CHAINS):
            if chain.symbol == symbol:
                under = self.underlying(symbol)
                for option in chains.options(number, under, self.morning_price(under, today), today, self.seed):
                    known = self._by_id.setdefault(option.contract.conId, option)
                    built[known.contract.lastTradeDateOrContractMonth].append(known)
        return dict(built)

    def path(self, details: ContractDetails) -> Path:
        """The fair price path of a contract that is no option."""
        return Path(self.seed, details.salt, details.price, details.volatility)

    def morning_price(self, details: ContractDetails, day: date) -> float:
        """The fair price at midnight (UTC) of `day`, around which strikes are listed."""
        return self.path(details).at(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())

    def find(self, query: Query) -> list[ContractDetails]:
        """Every contract that the description may mean, as reqContractDetails answers; an empty list means error 200.

        A share without an exchange is answered once for every exchange that trades it, as a gateway does.
        """
        found = [details for details in self._candidates(query) if _matches(details, query)]
        if query.secType == "CONTFUT":
            return [_continuous(details) for details in found[:1]]
        return [seen for details in found for seen in _on_exchanges(details, query)]

    def _candidates(self, query: Query) -> Iterable[ContractDetails]:
        if query.conId:
            known = self.get(query.conId)
            return [known] if known is not None else []
        if query.secIdType:
            wanted = (query.secIdType, query.secId)
            return [details for details in self._listed if wanted in details.secIdList]
        if not query.secType or not (query.symbol or query.localSymbol):
            return []
        if query.secType == "OPT":
            return self._option_candidates(query)
        return self._by_symbol.get(query.symbol, []) if query.symbol else self._listed

    def _option_candidates(self, query: Query) -> Iterator[ContractDetails]:
        symbol = query.symbol or _option_root(query.localSymbol)
        for expiration, options in self.chain(symbol).items():
            if expiration.startswith(query.lastTradeDateOrContractMonth):
                yield from options

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
        """Contracts whose symbol begins with `text` or whose name contains it: exact symbols first, at most 16."""
        wanted = text.strip().upper()
        if not wanted:
            return []
        kinds = {"STK", "IND"}
        listed = [details for details in self._listed if details.contract.secType in kinds]
        by_symbol = [details for details in listed if details.contract.symbol.startswith(wanted)]
        by_name = [d for d in listed if wanted in d.longName.upper() and not d.contract.symbol.startswith(wanted)]
        ranked = sorted(by_symbol, key=lambda details: len(details.contract.symbol)) + by_name
        return [self._symbol_match(details) for details in ranked[:MATCHES]]

    def _symbol_match(self, details: ContractDetails) -> SymbolMatch:
        contract = details.contract
        home = contract.currency == "USD"
        optional = home and any(chain.symbol == contract.symbol for chain in CHAINS)
        derivatives = (
            ("CFD", "OPT", "IOPT", "WAR", "BAG") if optional else ("CFD",) if contract.secType == "STK" else ()
        )
        primary = contract.primaryExchange or contract.exchange
        return SymbolMatch(replace(contract, primaryExchange=primary, exchange=""), derivatives, details.longName)

    def option_params(self, underConId: int, futFopExchange: str = "") -> list[OptionParams]:
        """Expirations and strikes of an underlying's options, one row for each exchange and trading class."""
        under = self._by_id.get(underConId)
        if under is None or futFopExchange or under.contract.currency != "USD":
            return []
        rows = []
        for chain in CHAINS:
            if chain.symbol == under.contract.symbol and under is self.underlying(chain.symbol):
                today = self.calendar.today("US")
                days = tuple(f"{day:%Y%m%d}" for day in chains.expirations(chain, today))
                indices = chains.strike_indices(chain, self.morning_price(under, today))
                strikes = tuple(index * chain.step for index in indices)
                listed = chains.INDEX_EXCHANGES if under.contract.secType == "IND" else chains.EXCHANGES
                rows += [
                    OptionParams(at, underConId, chain.tradingClass, "100", days, strikes) for at in listed.split(",")
                ]
        return rows

    def market_rule(self, ruleId: int) -> tuple[tuple[float, float], ...] | None:
        """The price increments of a market rule as (from price, increment), or None."""
        return MARKET_RULES.get(ruleId)


def _option_root(localSymbol: str) -> str:
    root = localSymbol[:6].strip()
    return next((chain.symbol for chain in CHAINS if chain.tradingClass == root), root)


def _matches(details: ContractDetails, query: Query) -> bool:
    """Whether every field that the description names agrees with the contract."""
    contract = details.contract
    kind = "FUT" if query.secType == "CONTFUT" else query.secType
    if query.conId:
        return (not kind or kind == contract.secType) and (not query.symbol or query.symbol == contract.symbol)
    wanted = SAME_EXCHANGE.get(query.primaryExchange, query.primaryExchange)
    return (
        (not kind or kind == contract.secType)
        and (not query.symbol or query.symbol == contract.symbol)
        and _expires(details, query.lastTradeDateOrContractMonth)
        and (not query.strike or abs(query.strike - contract.strike) < 1e-9)
        and (not query.right or query.right == "?" or query.right[0].upper() == contract.right)
        and (not query.multiplier or query.multiplier == contract.multiplier)
        and (not query.currency or query.currency == contract.currency)
        and (not wanted or wanted == (contract.primaryExchange or wanted))
        and (not query.localSymbol or query.localSymbol == contract.localSymbol)
        and (not query.tradingClass or query.tradingClass == contract.tradingClass)
    )


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


def _continuous(details: ContractDetails) -> ContractDetails:
    """A future's front month under the name of the continuous future."""
    return replace(details, contract=replace(details.contract, secType="CONTFUT"))
