"""When orders work: sessions, auctions and their cut-offs, the instants at which orders begin and lapse. Pure.

Only used where exchanges keep their hours (`always_open` off), but for dates that a client set itself.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from ibmux.sim.calendar import hours
from ibmux.sim.catalogue.contracts import ContractDetails, Refusal
from ibmux.sim.instants import parse_end
from ibmux.sim.orders.order import AUCTIONS, BookOrder, OrderSpec

# Types that never work outside regular hours on these instruments: a gateway takes them with warning 2109.
REGULAR_TYPES = frozenset({"MKT", "STP", "TRAIL", "MIT", "MIDPRICE", "REL", "PEG MKT", "PEG MID"}) | AUCTIONS
REGULAR_KINDS = frozenset({"STK", "OPT", "CFD", "BAG", "BOND"})
# Seconds before the close after which exchanges take no new orders for it, and none can be withdrawn.
CUTOFFS = {"NASDAQ": 300.0}
USUAL_CUTOFF = 600.0
EASTERN, CLOSE, DAY = ZoneInfo("US/Eastern"), 16, 86_400.0
MINUTES = 300.0
"""How long an order of a few minutes (crypto) lives."""


def ignores_outside(spec: OrderSpec, details: ContractDetails) -> bool:
    """Whether the order asks for irregular hours in vain."""
    return spec.outsideRth and spec.orderType in REGULAR_TYPES and details.contract.secType in REGULAR_KINDS


def regular_only(spec: OrderSpec, details: ContractDetails) -> bool:
    """Whether the order works in regular hours only."""
    return not spec.outsideRth or ignores_outside(spec, details)


def is_open(order: BookOrder, now: float) -> bool:
    """Whether the order's exchange takes it at `now`."""
    return hours.is_open(order.details.venue, now, regular_only(order.spec, order.details))


def next_open(order: BookOrder, now: float) -> float:
    """When the order's exchange takes it, at the earliest."""
    return hours.next_open(order.details.venue, now, regular_only(order.spec, order.details))


def session_end(venue: str, now: float, rth: bool) -> float:
    """The end of the session that is on, or of the next one."""
    start = hours.next_open(venue, now, rth)
    found = hours.session(venue, hours.local_date(venue, start), rth)
    return found[1] if found is not None else start


def auction_at(spec: OrderSpec, details: ContractDetails, now: float) -> float:
    """The instant of the auction that the order is for: the next close, or the next opening after `now`."""
    if spec.closing:
        return session_end(details.venue, now, True)
    after = session_end(details.venue, now, True) if hours.is_open(details.venue, now, True) else now
    return hours.next_open(details.venue, after, True)


def is_too_late(spec: OrderSpec, details: ContractDetails, now: float) -> bool:
    """Whether an order for the close comes after its exchange's cut-off."""
    if not spec.closing or not hours.is_open(details.venue, now, True):
        return False
    return now >= auction_at(spec, details, now) - CUTOFFS.get(details.contract.primaryExchange, USUAL_CUTOFF)


def starts_at(spec: OrderSpec, details: ContractDetails) -> float | Refusal | None:
    """When a good-after-time order begins; a Refusal (337) for an unreadable instant."""
    return _instant(spec.goodAfterTime, details)


def _instant(text: str, details: ContractDetails) -> float | Refusal | None:
    found = parse_end(text, details.timeZoneId)
    if isinstance(found, Refusal):
        return Refusal(
            337,
            "The date, time, or time-zone entered is invalid. The correct format is yyyymmdd hh:mm:ss xxx where "
            "yyyymmdd and xxx are optional. E.g.: 20031126 15:59:00 EST Note that there is a space between the date "
            "and time, and between the time and time-zone.",
        )
    return found


def auto_cancelled_at(spec: OrderSpec, now: float) -> float | None:
    """When a gateway gives up an order that is good until cancelled: at the close that ends the next quarter."""
    if spec.tif not in {"GTC", "DTC"}:
        return None
    today = datetime.fromtimestamp(now, EASTERN)
    year, quarter = divmod(today.year * 4 + (today.month - 1) // 3 + 2, 4)
    return datetime(year, quarter * 3 + 1, 1, CLOSE, tzinfo=EASTERN).timestamp() - DAY


def lapses_at(spec: OrderSpec, details: ContractDetails, now: float, always_open: bool) -> float | Refusal | None:
    """When the order lapses by itself; None for one that does not, or whose day the desk ends."""
    if spec.tif == "GTD":
        return _instant(spec.goodTillDate, details)
    if spec.tif == "Minutes":
        return now + MINUTES
    if always_open or spec.auction or spec.tif not in {"DAY", "DTC", "GTX"}:
        return None
    begins = starts_at(spec, details)
    first = max(now, begins) if isinstance(begins, float) else now
    return session_end(details.venue, first, regular_only(spec, details) and spec.tif != "GTX")
