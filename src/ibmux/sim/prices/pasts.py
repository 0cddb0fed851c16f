"""Historical ticks: the trades, quotes or midpoints of a tape from an instant on, or up to one.

A request names how many; the second in which the last of them lies is completed. Ticks of one request come from one
session (IB: "Historical Time and Sales"). Pure functions; nothing here knows clients.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor

from ibmux.sim.calendar import hours
from ibmux.sim.catalogue.contracts import ContractDetails, Refusal
from ibmux.sim.prices.gradual import Gradual
from ibmux.sim.prices.tape import MidTick, QuoteTick, Tape, TradeTick

PastTick = TradeTick | QuoteTick | MidTick
INVALID = "Error validating request.-'bP' : cause - "
SOURCES = ("TRADES", "MIDPOINT", "BID_ASK", "AGGTRADES")
MOST_TICKS = 1000
STEP = {"TRADES": 60, "BID_ASK": 10, "MIDPOINT": 10}
FARTHEST = {"TRADES": 86_400, "BID_ASK": 7200, "MIDPOINT": 7200}
"""Seconds of the tape that one request is looked up in at most, by kind: it is the rare ticks that are far apart."""
Session = tuple[float, float]


def refuse(exchange: str, secType: str, number: int, whatToShow: str) -> Refusal | None:
    """Why a request for historical ticks is not allowed; the causes and their order are a gateway's (321)."""
    if not exchange.strip():
        cause = "Exchange must not be empty"
    elif secType == "BAG":
        cause = "Combo types are not supported"
    elif number <= 0:
        cause = "Number of ticks must be > 0"
    elif not whatToShow.strip():
        cause = "Source price must not be empty"
    elif whatToShow.upper() not in SOURCES:
        cause = "Invalid source price"
    else:
        return None
    return Refusal(321, f"{INVALID}{cause}")


def source_of(details: ContractDetails, whatToShow: str) -> str:
    """The kind of ticks that answers a request: of what reports no trades, midpoints instead."""
    asked = whatToShow.upper()
    if asked in {"TRADES", "AGGTRADES"}:
        return "MIDPOINT" if details.contract.secType == "CASH" else "TRADES"
    return asked


def after(
    tape: Tape, source: str, start: float, count: int, session: Session, *, ignoreSize: bool
) -> Gradual[list[PastTick]]:
    """The first `count` ticks from `start` on within a session, and the rest of the last one's second."""
    found: list[PastTick] = []
    at = floor(max(start, session[0]))
    limit = min(ceil(session[1]), at + FARTHEST[source])
    while at < limit and len(found) < count:
        until = min(at + STEP[source], limit)
        found += read(tape, source, max(float(at), start), min(until, session[1]), ignoreSize)
        at = until
        yield
    if len(found) <= count:
        return found
    last = floor(found[count - 1].time)
    return [tick for tick in found if tick.time < last + 1]


def before(
    tape: Tape, source: str, end: float, count: int, session: Session, *, ignoreSize: bool
) -> Gradual[list[PastTick]]:
    """The last `count` ticks before `end` within a session, oldest first, and the rest of the first one's second."""
    found: list[PastTick] = []
    at = ceil(min(end, session[1]))
    limit = max(floor(session[0]), at - FARTHEST[source])
    while at > limit and len(found) < count:
        since = max(at - STEP[source], limit)
        found = [*read(tape, source, max(float(since), session[0]), min(at, end, session[1]), ignoreSize), *found]
        at = since
        yield
    if len(found) <= count:
        return found
    first = floor(found[-count].time)
    return [tick for tick in found if tick.time >= first]


def read(tape: Tape, source: str, start: float, end: float, ignoreSize: bool) -> Sequence[PastTick]:
    """The ticks of a kind with start <= time < end; `ignoreSize`: without quotes in which only sizes changed."""
    if source == "TRADES":
        return tape.prints(start, end)
    if source == "MIDPOINT":
        return tape.mids(start, end)
    quotes = tape.quotes(start, end)
    return _moves(tape, quotes) if ignoreSize and quotes else quotes


def _moves(tape: Tape, quotes: list[QuoteTick]) -> list[QuoteTick]:
    """Quotes whose prices differ from those before."""
    second = floor(quotes[0].time)
    earlier = [tick for tick in tape.quotes(second - 1, second + 1) if tick.time < quotes[0].time]
    pairs = zip([*earlier[-1:], *quotes], [*earlier[-1:], *quotes][1:], strict=False)
    return [two for one, two in pairs if (one.bid, one.ask) != (two.bid, two.ask)]


def session_after(venue: str, start: float, rth: bool) -> Session:
    """The session that `start` lies in, else the next one."""
    opening = hours.next_open(venue, start, rth)
    found = hours.session(venue, hours.local_date(venue, opening), rth)
    return found if found is not None else (opening, opening)


def session_before(venue: str, end: float, rth: bool) -> Session:
    """The session that the moment before `end` lies in, else the last one."""
    today = hours.session(venue, hours.local_date(venue, end), rth)
    if today is not None and today[0] < end:
        return today
    return hours.previous_session(venue, end, rth)
