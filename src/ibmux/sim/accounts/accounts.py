"""The paper accounts: positions, portfolio, values and profit of each, marked to the live market.

Fills reach the books through `Account.fill` alone. Nothing here knows orders or who asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from ibmux.sim.accounts import account_rows, margin, statement
from ibmux.sim.accounts.ledger import Holding, Ledger
from ibmux.sim.accounts.money import ZERO, exact, worth
from ibmux.sim.accounts.statement import AccountValue, Figures
from ibmux.sim.catalogue.contracts import Contract, ContractDetails, Query
from ibmux.sim.catalogue.universe import Universe
from ibmux.sim.events import Margin
from ibmux.sim.prices.market import Market

__all__ = ["Account", "AccountValue", "Accounts", "Pnl", "PnlSingle", "PortfolioItem", "Position"]

DAY = 86_400.0


class Position(NamedTuple):
    """Message position."""

    account: str
    contract: Contract
    position: Decimal
    avgCost: float


class PortfolioItem(NamedTuple):
    """Message updatePortfolio; amounts in the contract's currency."""

    contract: Contract
    position: Decimal
    marketPrice: float
    marketValue: float
    averageCost: float
    unrealizedPNL: float
    realizedPNL: float
    account: str


class Pnl(NamedTuple):
    """Message pnl, in base currency."""

    daily: float
    unrealized: float
    realized: float


class PnlSingle(NamedTuple):
    """Message pnlSingle, in base currency."""

    position: Decimal
    daily: float
    unrealized: float
    realized: float
    value: float


class Opening(NamedTuple):
    """A position that an account begins with, bought so many days ago."""

    quantity: int
    days: int
    query: Query


def _share(symbol: str, exchange: str = "SMART", currency: str = "USD") -> Query:
    return Query(symbol=symbol, secType="STK", exchange=exchange, currency=currency)


OPENINGS: tuple[tuple[Opening, ...], ...] = (
    (
        Opening(300, 120, _share("AAPL")),
        Opening(150, 80, _share("MSFT")),
        Opening(200, 60, _share("SPY")),
        Opening(400, 45, _share("NVDA")),
        Opening(2, 5, Query(symbol="ES", secType="FUT", exchange="CME")),
        Opening(20_000, 10, Query(symbol="EUR", secType="CASH", exchange="IDEALPRO", currency="USD")),
    ),
    (
        Opening(250, 90, _share("QQQ")),
        Opening(-80, 20, _share("TSLA")),
        Opening(120, 200, _share("IBM")),
        Opening(60, 150, _share("SAP", currency="EUR")),
        Opening(-1, 3, Query(symbol="CL", secType="FUT", exchange="NYMEX")),
    ),
)


class Account:
    """One paper account.

    Args:
        name: its code, as DU1000001.
        cash: its cash in the beginning, in base currency.
        market: marks its positions.
    """

    def __init__(self, name: str, cash: Decimal, market: Market) -> None:
        self.name = name
        self.ledger = Ledger(cash)
        self._market = market

    @property
    def version(self) -> int:
        """Grows with every change of the books."""
        return self.ledger.version

    def open_with(self, details: ContractDetails, opening: Opening, now: float) -> None:
        """Bring in a position that the account begins with; it is paid for before the account's cash is counted."""
        price = round(self._market.path(details).at(now - opening.days * DAY), 4)
        quantity = Decimal(opening.quantity)
        close = self._market.quote(details.contract.conId).close
        self.ledger.bring_in(details, quantity, price, close)
        if details.contract.secType in {"FUT", "CASH"}:
            self.ledger.cash -= self.ledger.hold(details).start

    def mark(self, details: ContractDetails) -> float:
        """The price at which a contract is valued: the middle of its market."""
        return round(self._market.quote(details.contract.conId).mid, 8)

    def _under(self, details: ContractDetails) -> float:
        return self._market.quote(details.underConId).mid if details.underConId else 0.0

    def figures(self) -> Figures:
        """The account's sums at present marks."""
        return statement.figures(self.ledger, self.mark, self._under)

    def books(self) -> dict[str, Figures]:
        """The sums in all currencies (`BASE`) and in each currency that the account has, all in base currency."""
        parts = {statement.BASE: Ledger(self.ledger.cash)}
        for conId, held in self.ledger.holdings.items():
            parts.setdefault(held.details.contract.currency, Ledger(ZERO)).holdings[conId] = held
        split = {code: statement.figures(part, self.mark, self._under) for code, part in parts.items()}
        return {account_rows.TOTAL: self.figures(), **split}

    def fill(
        self, details: ContractDetails, quantity: Decimal, price: float, commission: Decimal, carried: Decimal = ZERO
    ) -> Decimal | None:
        """Book a fill (`quantity` negative for a sale, `carried`: cost from another contract); the profit realized.

        None if it closed nothing.
        """
        return self.ledger.book(details, quantity, price, commission, carried)

    def margin_after(self, details: ContractDetails, quantity: Decimal, price: float) -> Margin:
        """The effect that a fill of `quantity` (negative for a sale) at `price` would have."""
        return self.margin_of([(details, quantity, price)])

    def margin_of(self, trades: Sequence[tuple[ContractDetails, Decimal, float]]) -> Margin:
        """The effect that these trades together would have: contract, quantity (negative for a sale) and price each."""
        figures, before = self.figures(), statement.exposures(self.ledger, self.mark, self._under)
        fee = lent = ZERO
        after = dict(before)
        for details, quantity, price in trades:
            conId = details.contract.conId
            fee += margin.commission(details, abs(quantity), abs(worth(details, quantity, price)))
            held = after.get(conId) or margin.Exposure(details, ZERO, price, self._under(details))
            before[conId] = held._replace(price=price)  # only the quantity makes the difference
            after[conId] = held._replace(position=held.position + quantity, price=price)
            if details.contract.secType in margin.OPTIONS:  # a long option has no loan value: buying it uses up equity
                kept = max(ZERO, worth(details, held.position + quantity, price))
                lent += kept - max(ZERO, worth(details, held.position, price))
        first, later = margin.requirements(before.values())
        first_after, later_after = margin.requirements(after.values())
        init, maint, equity = figures.initial, figures.maintenance, figures.equityWithLoan
        changes = (first_after - first, later_after - later, -fee - lent)
        after_all = (init + changes[0], maint + changes[1], equity + changes[2])
        sums = [float(amount) for amount in (init, maint, equity, *changes, *after_all)]
        return Margin(sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6], sums[7], sums[8], float(fee))

    def positions(self) -> list[Position]:
        """All positions, with those closed today at 0."""
        return [self._position(held) for held in self.ledger.holdings.values()]

    def position(self, details: ContractDetails) -> Position:
        """The position in one contract, at 0 if there is none."""
        return self._position(self.ledger.holdings.get(details.contract.conId) or Holding(details))

    def _position(self, held: Holding) -> Position:
        contract = held.details.contract
        listed = contract.at(contract.primaryExchange) if contract.primaryExchange else contract
        return Position(self.name, listed, held.position, held.average_cost())

    def portfolio(self) -> list[PortfolioItem]:
        """All positions with their value and profit, in each contract's own currency."""
        return [self._portfolio_item(held) for held in self.ledger.holdings.values()]

    def _portfolio_item(self, held: Holding) -> PortfolioItem:
        price = self.mark(held.details)
        value = held.value(price)
        rate = exact(held.details.currencyRate)
        own = [round(float(amount / rate), 2) for amount in (value, value - held.cost, held.realized)]
        contract = held.details.contract
        return PortfolioItem(contract, held.position, price, own[0], held.average_cost(), own[1], own[2], self.name)

    def values(self) -> list[AccountValue]:
        """All account values by tag in alphabetical order."""
        return account_rows.values(self.name, self.books())

    def summary(self, tags: Iterable[str]) -> list[AccountValue]:
        """The account's rows of the account summary for `tags`."""
        return account_rows.summary(self.name, self.figures(), list(tags))

    def pnl(self) -> Pnl:
        """Profit of the day, unrealized and realized (today)."""
        sums = self.figures()
        return Pnl(float(sums.daily), float(sums.unrealized), float(sums.realized))

    def pnl_single(self, conId: int) -> PnlSingle | None:
        """Profit of one position; None if the account has none."""
        held = self.ledger.holdings.get(conId)
        if held is None:
            return None
        value = held.value(self.mark(held.details))
        daily, unrealized = value - held.start + held.flow, value - held.cost
        return PnlSingle(held.position, float(daily), float(unrealized), float(held.realized), float(value))


class Accounts:
    """All accounts of the login.

    Args:
        names: their codes, in order; the first two begin with positions.
        cash: the cash of each in the beginning, in base currency.
        universe: finds the contracts of the positions that they begin with.
        market: marks positions.
        now: the present (epoch seconds).
    """

    def __init__(self, names: tuple[str, ...], cash: float, universe: Universe, market: Market, *, now: float) -> None:
        self.names = names
        self._market = market
        self._accounts = {name: Account(name, exact(cash), market) for name in names}
        for account, openings in zip(self, OPENINGS, strict=False):
            for opening in openings:
                account.open_with(_front(universe, opening.query), opening, now)

    def __getitem__(self, name: str) -> Account:
        return self._accounts[name]

    def __contains__(self, name: object) -> bool:
        return name in self._accounts

    def __iter__(self) -> Iterator[Account]:
        return iter(self._accounts.values())

    def roll(self) -> None:
        """Begin a new day in every account."""
        for account in self:
            account.ledger.roll(account.mark)

    def summary(self, tags: Iterable[str]) -> list[AccountValue]:
        """The account summary of group All: each account's rows, then `$LEDGER` rows of all accounts together."""
        wanted = list(tags)
        rows = [row for account in self for row in account.summary(wanted)]
        ledgers = [tag for tag in wanted if tag.startswith("$LEDGER")]
        if ledgers:
            books = self._books()
            asked = ledgers[0].partition(":")[2]
            currencies = books if asked == "ALL" else [asked or account_rows.TOTAL]
            rows += account_rows.ledger_rows("All", books, currencies)
        return rows

    def _books(self) -> dict[str, Figures]:
        """The books of all accounts together."""
        found = [account.books() for account in self]
        codes = dict.fromkeys(code for books in found for code in books)
        return {code: statement.total([books[code] for books in found if code in books]) for code in codes}


def _front(universe: Universe, query: Query) -> ContractDetails:
    """The first contract that a query finds (the front month of a future)."""
    found = universe.find(query)
    if not found:
        raise LookupError(f"the universe lacks {query.symbol}")
    return found[0]
