"""The options of a universe, made when first asked for and moved on with the clock: by number, description, list.

Which underlyings there are it is told; live prices it does not know: strikes lie around the price of the day's start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import NamedTuple

from ibmux.sim.calendar.hours import Calendar
from ibmux.sim.catalogue import chains
from ibmux.sim.catalogue.chain_list import Chain, layout
from ibmux.sim.catalogue.contracts import ContractDetails, Query
from ibmux.sim.catalogue.futures import Board

KINDS = ("OPT", "FOP")
Stock = Callable[[str], ContractDetails]
Price = Callable[[ContractDetails, date], float]


class OptionParams(NamedTuple):
    """The expirations and strikes of one trading class on one exchange."""

    exchange: str
    underConId: int
    tradingClass: str
    multiplier: str
    expirations: tuple[str, ...]
    strikes: tuple[float, ...]


class ChainBook:
    """Every option on shares, funds, indices and futures.

    Args:
        seed: equal seeds give equal conIds.
        calendar: knows the present.
        board: the futures.
        stock: the share, fund or index of a symbol on which options are written.
        price: the price of an underlying at the start of a day.
    """

    def __init__(self, seed: int, calendar: Calendar, board: Board, stock: Stock, price: Price) -> None:
        self._seed, self._calendar, self._board = seed, calendar, board
        self._stock, self._price = stock, price
        self._known: dict[int, ContractDetails] = {}
        self._series: dict[tuple[str, int, date], list[ContractDetails]] = {}
        self._day: date | None = None

    def _today(self, chain: Chain) -> date:
        return self._calendar.today(chain.venue)

    def under(self, chain: Chain, settled: date) -> ContractDetails:
        """What an option of a chain and day is written on."""
        return self._board.under(chain.symbol, settled) if chain.secType == "FOP" else self._stock(chain.symbol)

    def get(self, conId: int) -> ContractDetails | None:
        """The option of that number, expired or not; None where there is none."""
        found = self._known.get(conId)
        if found is not None:
            return found
        place = chains.decode(conId, self._seed, self._calendar.today("US"))
        if place is None:
            return None
        under = self.under(place.terms, place.expiry)
        return self._make(place, under) if chains.is_plausible(place, under.price) else None

    def _make(self, place: chains.Strike, under: ContractDetails) -> ContractDetails:
        conId = chains.encode(place, self._seed)
        found = self._known.get(conId)
        if found is None or found.contract.strike != place.strike:
            found = self._known[conId] = chains.option(place, under, self._seed)
        return found

    def days(self, chain: Chain) -> list[date]:
        """The settlement days of a chain whose options have not expired yet, in order."""
        now = self._calendar.now()
        return [day for day in chains.settlements(chain, self._today(chain)) if chains.expiry_instant(chain, day) > now]

    def rungs(self, chain: Chain, settled: date) -> range:
        """The strikes listed today for a settlement day, in steps of the chain."""
        return chains.strike_indices(chain, self._price(self.under(chain, settled), self._today(chain)))

    def series(self, secType: str, number: int, settled: date) -> list[ContractDetails]:
        """Every option listed today of a chain (by its place in the layout) and settlement day."""
        chain = layout(secType).chains[number]
        today = self._calendar.today("US")
        if today != self._day:  # strikes move with the day
            self._day = today
            self._series.clear()
        key = (secType, number, settled)
        if key not in self._series:
            places = (
                chains.Strike(number, settled, rung, right, secType)
                for rung in self.rungs(chain, settled)
                for right in ("C", "P")
            )
            made = chains.series(places, self.under(chain, settled), self._seed)
            self._series[key] = [self._known.setdefault(option.contract.conId, option) for option in made]
        return self._series[key]

    def _numbers(self, secType: str, symbol: str) -> tuple[int, ...]:
        return layout(secType).by_symbol.get(symbol, ())

    def has(self, secType: str, symbol: str) -> bool:
        """Whether there are such options on a symbol."""
        return bool(self._numbers(secType, symbol))

    def find(self, secType: str, query: Query) -> Iterator[ContractDetails]:
        """The options that a description may mean, those of days and strikes that it excludes left out."""
        symbols = [query.symbol] if query.symbol else self._roots(secType, query)
        for symbol in symbols:
            for number in self._numbers(secType, symbol):
                chain = layout(secType).chains[number]
                for day in self.days(chain):
                    if _fits(chain, day, query):
                        yield from self._of_day(secType, number, day, query)

    def _of_day(self, secType: str, number: int, day: date, query: Query) -> Iterator[ContractDetails]:
        chain = layout(secType).chains[number]
        if not query.strike:
            yield from self.series(secType, number, day)
            return
        rung = chains.rung_of(chain, query.strike)
        if rung is None:
            return
        listed = rung in self.rungs(chain, day)
        for right in ("C", "P"):
            place = chains.Strike(number, day, rung, right, secType)
            if listed or chains.encode(place, self._seed) in self._known:
                yield self._make(place, self.under(chain, day))

    def _roots(self, secType: str, query: Query) -> list[str]:
        """The underlyings whose options' local symbols may begin as the one asked for does."""
        word = query.tradingClass or (query.localSymbol.split() or [""])[0]
        family = layout(secType).chains
        exact = dict.fromkeys(chain.symbol for chain in family if chain.tradingClass == word)
        loose = dict.fromkeys(
            chain.symbol for chain in family if secType == "FOP" and word.startswith(chain.tradingClass)
        )
        european = dict.fromkeys(chain.symbol for chain in family if f" {chain.tradingClass} " in query.localSymbol)
        return list(exact | loose | european)

    def chain(self, symbol: str, secType: str = "OPT") -> dict[str, list[ContractDetails]]:
        """The options on a symbol by last trading day (yyyymmdd); empty if it has none."""
        built: dict[str, list[ContractDetails]] = {}
        for number in self._numbers(secType, symbol):
            for day in self.days(layout(secType).chains[number]):
                for option in self.series(secType, number, day):
                    built.setdefault(option.contract.lastTradeDateOrContractMonth, []).append(option)
        return dict(sorted(built.items()))

    def params(self, under: ContractDetails) -> list[OptionParams]:
        """Expirations and strikes of the options on a contract, a row for each exchange and trading class."""
        secType = "FOP" if under.contract.secType == "FUT" else "OPT"
        rows: list[OptionParams] = []
        for number in self._numbers(secType, under.contract.symbol):
            chain = layout(secType).chains[number]
            for name, days in self._classes(chain, under).items():
                rows += self._rows(chain, under, name, days)
        return rows

    def _classes(self, chain: Chain, under: ContractDetails) -> dict[str, list[date]]:
        """The settlement days of options on exactly this contract, by trading class."""
        found: dict[str, list[date]] = {}
        for day in self.days(chain):
            if self.under(chain, day).contract.conId == under.contract.conId:
                found.setdefault(chains.trading_class(chain, day), []).append(day)
        return found

    def _rows(self, chain: Chain, under: ContractDetails, name: str, days: list[date]) -> Iterator[OptionParams]:
        texts = tuple(f"{chains.last_trading_day(chain, day):%Y%m%d}" for day in days)
        strikes = tuple(round(rung * chain.step, 6) for rung in self.rungs(chain, days[0]))
        for exchange in chain.exchanges.split(","):
            yield OptionParams(exchange, under.contract.conId, name, chain.multiplier, texts, strikes)


def _fits(chain: Chain, settled: date, query: Query) -> bool:
    """Whether a description allows a settlement day: it may name the last trading day, a month, or nothing."""
    asked = query.lastTradeDateOrContractMonth
    if len(asked) == 6:
        year, month = chains.option_month(chain, settled)
        return asked == f"{year}{month:02d}"
    return not asked or asked == f"{chains.last_trading_day(chain, settled):%Y%m%d}"
