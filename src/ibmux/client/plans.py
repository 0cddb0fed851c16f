"""What it takes to close positions: which are meant, what closes them already, which order under which key. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from math import floor
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from ibmux.client.endings import done_so_far
from ibmux.client.foreign import to_contract
from ibmux.client.trades import Trade
from ibmux.errors import RequestError
from ibmux.messages.account import Position
from ibmux.messages.contracts import Contract, ContractDetails, name_of
from ibmux.messages.orders import Order

CERTAIN = frozenset({"MKT", "MOC"})
"""Order types that are sure to close, sooner or later; a stop or a limit far away is none."""
PRICED = frozenset({"LMT", "LOC", "LIT"})
"""Order types that need a limit price."""
STOPS = frozenset({"STP", "STP LMT", "LIT", "MIT"})
"""Order types whose `auxPrice` is the price at which they begin to work."""
LIMITED = PRICED | {"STP LMT"}
"""Order types with a limit price."""
ON_CLOSE = frozenset({"MOC", "LOC"})
"""Order types that wait for the closing auction: all that can be known before is that they are acknowledged."""
TAKEN = ("PreSubmitted", "Submitted", "Filled")
"""Statuses of an order that the gateway acknowledged and that may still do its work, or has done it."""
WITHDRAWN = frozenset({0, 202})
"""Codes with which an order ends that somebody cancelled; any other one is the gateway's own reason."""
FRACTION_REFUSED = frozenset({10243, 10318})
"""Interactive Brokers' codes for a quantity with a fraction that is not taken from the API, or not in this order."""
NO_POSITIONS = frozenset({"CASH"})
"""Kinds that are no positions to close: a forex position is the trace of a conversion, the money is in the balances."""
TINY = 1e-9
Price = float | Callable[[Position], float] | None
Place = tuple[str, int]
"""Account and conId."""


class Row(msgspec.Struct, kw_only=True):
    """What was done with one position or one order.

    Attributes:
        what: a `position` to close, or an `order` to cancel.
        script: whose order it is or was, where there is one.
        quantity: the position's, negative if short; the order's open units.
        order: the order in words; empty where none was placed.
        result: what became of it, in words.
        ok: whether nothing is left to do about it.
    """

    what: Literal["position", "order"]
    account: str
    contract: Contract
    quantity: float
    action: str = ""
    order: str = ""
    script: str = ""
    key: str = ""
    result: str = ""
    ok: bool = False


class Scope(msgspec.Struct, frozen=True):
    """Which positions and orders are meant: of one account or all (empty), of some contracts or all (None)."""

    account: str = ""
    names: frozenset[str] | None = None

    @property
    def whole(self) -> bool:
        """Whether everything of the login is meant."""
        return not self.account and self.names is None

    def holds(self, account: str, contract: Contract) -> bool:
        """Whether a position of this account in this contract is meant."""
        if self.account and account and account != self.account:
            return False
        return self.names is None or not self.names.isdisjoint(_names_of(contract))


class Plan(msgspec.Struct, frozen=True):
    """How positions are to be closed. Keys are `<name>:<day>:<account>:<conId>:<attempt>`.

    Attributes:
        exclusive: whether only orders of this kind of plan count as closing already; else also what others placed,
            if it is sure to close.
        until: the status to wait for; empty: acknowledged.
    """

    name: str
    day: dt.date
    scope: Scope
    orderType: str = "MKT"
    price: Price = None
    tif: str = ""
    until: str = ""
    exclusive: bool = False

    def key(self, place: Place, attempt: int) -> str:
        """The key of an attempt to close a position; the same day, place and number are the same order."""
        return f"{self.name}:{self.day}:{place[0]}:{place[1]}:{attempt}"

    def is_own(self, trade: Trade) -> bool:
        """Whether an order was placed by a plan of this name, by whichever script and on whichever day."""
        return trade.key.startswith(f"{self.name}:")

    def closes(self, trade: Trade, held: Position) -> bool:
        """Whether an order, if it works, is sure to reduce this position."""
        order = trade.order
        if trade.contract.conId != held.contract.conId or order.action != side_of(held):
            return False
        if order.account not in ("", held.account):
            return False
        if self.is_own(trade):
            return bool(order.orderType == self.orderType) or not self.exclusive
        return not self.exclusive and (order.orderType in CERTAIN or order.orderType == self.orderType)

    def suffices(self, order: Any) -> bool:
        """Whether an order that works is of the kind asked for, or sure to close; an earlier run's may be neither."""
        return order.orderType == self.orderType or order.orderType in CERTAIN

    def order_for(self, held: Position, quantity: float) -> Order:
        """The order that closes this much of a position."""
        price = self.price(held) if callable(self.price) else self.price
        return Order(
            action=side_of(held),
            totalQuantity=quantity,
            orderType=self.orderType,
            lmtPrice=price if self.orderType in PRICED else None,
            tif=self.tif,
            account=held.account,
        )


def make_scope(account: str, contracts: Iterable[Any] | None) -> Scope:
    """The scope of an account and of contracts, given as symbols, conIds, contracts or positions.

    Raises:
        RequestError: something that is none of these, or an empty list: nothing would be meant.
    """
    if contracts is None:
        return Scope(account)
    if isinstance(contracts, str):
        contracts = [contracts]
    names = frozenset(_name_of(each) for each in contracts)
    if not names:
        raise RequestError("The list of contracts is empty.", hint="Leave it out to mean all of them.")
    return Scope(account, names)


def check_plan(plan: Plan) -> Plan:
    """The plan, if its order type and its price fit each other.

    Raises:
        RequestError: they do not.
    """
    if not plan.orderType:
        raise RequestError("orderType is empty.", hint="Say MOC, MKT or the like.")
    if plan.orderType in PRICED and plan.price is None:
        raise RequestError(f"{plan.orderType} needs limitPrice.", hint="A number, or a function of the position.")
    return plan


def side_of(held: Position) -> str:
    """What closes a position: SELL a long one, BUY a short one."""
    return "SELL" if held.position > 0 else "BUY"


def place_of(held: Position) -> Place:
    """Where a position is."""
    return held.account, held.contract.conId


def left_to_close(held: Position, working: Iterable[float]) -> float:
    """Units of a position that no working order closes yet, by the open units of those that do."""
    return max(0.0, abs(held.position) - sum(working))


def open_units(trade: Trade) -> float:
    """Units that an order may still fill."""
    return max(0.0, float(trade.order.totalQuantity) - done_so_far(trade))


def is_behind(held: Position, last: Trade | None) -> bool:
    """Whether a position does not show yet what the latest order for it has filled: its report follows the fill's."""
    if last is None or not done_so_far(last) or last.order.action != side_of(held):
        return False
    return abs(held.position) > open_units(last) + TINY


def whole_units(quantity: float) -> float:
    """The part of a quantity without its fraction."""
    return float(floor(quantity + TINY))


def route(contract: Contract, details: Iterable[ContractDetails]) -> Contract:
    """The contract with an exchange that takes orders. Positions come without one, or with that of the listing, which
    takes none (321 `Missing order exchange`, 200).

    SMART where the contract trades there, else its own exchange; what is not known of it is assumed to trade on SMART.
    """
    exchange = ""
    for each in details:
        if each.contract is not None and each.contract.conId == contract.conId:
            smart = "SMART" in each.validExchanges.split(",")
            exchange = "SMART" if smart else each.contract.exchange or each.contract.primaryExchange
            break
    fallback = contract.exchange if contract.secType in ("FUT", "FOP") else "SMART"
    return replace(contract, exchange=exchange or fallback or contract.primaryExchange)


def order_in_words(order: Any) -> str:
    """An order as a person names it: `SELL 100 MOC`, `BUY 5 LMT 1.5`, `SELL 5 STP 48`."""
    prices = (
        order.lmtPrice if order.orderType in LIMITED else None,
        order.auxPrice if order.orderType in STOPS else None,
    )
    told = "".join(f" {each:g}" for each in prices if each)
    return f"{order.action} {order.totalQuantity:g} {order.orderType}{told}"


def in_words(row: Row) -> str:
    """A row as part of a sentence: `DU1 100 AAPL: SELL 100 MOC was refused: …`."""
    what = f"{row.quantity:g} {name_of(row.contract)}" if row.what == "position" else f"order {row.key}"
    head = f"{row.account} {what}".strip()
    return f"{head}: {f'{row.order} ' if row.order else ''}{row.result}"


def failure(rows: Iterable[Row]) -> str:
    """What is left of it all, in one sentence."""
    rows = list(rows)
    left = [row for row in rows if not row.ok]
    counts = []
    for what in ("position", "order"):
        if some := sum(row.what == what for row in left):
            counts.append(f"{some} of {sum(row.what == what for row in rows)} {what}s")
    verb = "is" if len(left) == 1 else "are"
    return f"{' and '.join(counts)} {verb} not closed: {'; '.join(in_words(row).rstrip('.') for row in left)}."


def _names_of(contract: Contract) -> set[str]:
    """What a contract may be called; a combination also by each of its legs."""
    symbols = {contract.symbol, *contract.symbol.split(",")}
    typed = {f"{contract.secType}:{symbol}" for symbol in symbols}
    legs = {str(leg.conId) for leg in contract.comboLegs or ()}
    return (symbols | typed | legs | {contract.localSymbol, str(contract.conId)}) - {"", "0"}


def _name_of(thing: Any) -> str:
    """What a script calls a contract: its conId if it is known, else its symbol."""
    if isinstance(thing, Position):
        thing = thing.contract
    if isinstance(thing, str | int):
        return str(thing)
    contract = to_contract(thing)
    return str(contract.conId) if contract.conId else f"{contract.secType}:{contract.symbol}"
