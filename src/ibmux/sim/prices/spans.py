"""The words of a history request: durations, bar sizes, kinds of data; and why a gateway refuses some of them.

Legal values are those of IB's documentation of reqHistoricalData. Nothing here knows prices.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from math import ceil
from typing import NamedTuple

from ibmux.sim.calendar import hours
from ibmux.sim.catalogue.contracts import ContractDetails, Refusal
from ibmux.sim.prices.gradual import Gradual, outcome

INVALID = "Error validating request.-'bN' : cause - "
SERVICE = "Historical Market Data Service error message:"
BAR_SIZES = {
    "1 secs": 1, "5 secs": 5, "10 secs": 10, "15 secs": 15, "30 secs": 30, "1 min": 60, "2 mins": 120, "3 mins": 180,
    "5 mins": 300, "10 mins": 600, "15 mins": 900, "20 mins": 1200, "30 mins": 1800, "1 hour": 3600, "2 hours": 7200,
    "3 hours": 10800, "4 hours": 14400, "8 hours": 28800, "1 day": 86400, "1 week": 604800, "1 month": 2592000,
}  # fmt: skip
SPELLINGS = {"1 sec": "1 secs", "1 day": "1 day", "1D": "1 day", "1W": "1 week", "1M": "1 month", "1 mins": "1 min"}
DAY, WEEK, MONTH = 86400, 604800, 2592000
PATTERN = re.compile(r"(\d+) ([SDWMY])")
MOST_BARS = 45_000
KINDS: tuple[str, ...] = ("TRADES", "MIDPOINT", "BID", "ASK", "BID_ASK", "ADJUSTED_LAST", "HISTORICAL_VOLATILITY")
KINDS += ("OPTION_IMPLIED_VOLATILITY", "AGGTRADES", "SCHEDULE", "FEE_RATE", "YIELD_BID", "YIELD_ASK", "YIELD_BID_ASK")
KINDS += ("YIELD_LAST",)
STREAMED = ("TRADES", "AGGTRADES", "MIDPOINT", "BID", "ASK")
"""Kinds of data whose bars can be kept up to date."""
TRADED = ("TRADES", "ADJUSTED_LAST", "AGGTRADES")
UNTRADED = ("CASH", "CFD", "CMDTY", "FUND")
UNKEPT = ("FEE_RATE", "YIELD_BID", "YIELD_ASK", "YIELD_BID_ASK", "YIELD_LAST")
"""Kinds of data that gateways know and the simulation has none of."""
LIMITS = {"S": DAY, "D": 365, "W": 52, "M": 12}
"""The longest duration in each unit; longer ones must be asked for in a larger one."""
TOO_LONG = {
    "S": "Historical data request for greater than 86400 seconds rejected.",
    "D": "Historical data requests for durations longer than 365 days must be made in years.",
    "W": "Historical data request for durations longer than 52 weeks must be made in years.",
    "M": "Historical data request for durations longer than 12 months must be made in years.",
}
LEAST_DURATION = 30
"""Seconds; gateways refuse shorter ones."""
LEAST_SECONDS = {"S": 1, "D": DAY, "W": WEEK, "M": MONTH, "Y": 365 * DAY}


class Duration(NamedTuple):
    """How far back a request goes: so many seconds, days, weeks, months or years."""

    number: int
    unit: str

    @property
    def seconds(self) -> int:
        """About how many seconds of calendar time that is."""
        return self.number * LEAST_SECONDS[self.unit]


def parse_duration(text: str) -> Duration | Refusal:
    """`10 D` and the like; a number alone is seconds. Texts of refusals as gateways send them (321)."""
    asked = text.strip()
    if not asked:
        return Refusal(321, f"{INVALID}Historical data request duration not specified.")
    found = PATTERN.fullmatch(f"{asked} S" if asked.isdigit() else asked.upper())
    if found is None:
        form = "When specifying a unit, historical data request duration format is integer{SPACE}unit (S|D|W|M|Y)."
        return Refusal(321, f"{INVALID}{form}")
    duration = Duration(int(found[1]), found[2])
    if duration.number < (LEAST_DURATION if duration.unit == "S" else 1):
        return Refusal(321, f"{INVALID}Historical data requested duration is invalid.")
    if duration.number > LIMITS.get(duration.unit, duration.number):
        return Refusal(321, f"{INVALID}{TOO_LONG[duration.unit]}")
    return duration


def parse_bar_size(text: str) -> int | Refusal:
    """The length of a bar in seconds (a day, a week and a month stand for themselves)."""
    found = BAR_SIZES.get(SPELLINGS.get(text.strip(), text.strip()))
    if found is None:
        legal = ", ".join(BAR_SIZES)
        return Refusal(321, f"{INVALID}Historical data bar size setting is invalid. Legal ones are: {legal}")
    return found


def refuse_kind(details: ContractDetails, whatToShow: str) -> Refusal | None:
    """Why there is no such data for the contract (162, 10299), or that the word is unknown (321).

    Which data exist for which type of security: IB's table of historical bar types.
    """
    contract = details.contract
    if whatToShow not in KINDS:
        return Refusal(321, f"{INVALID}Invalid what-to-show '{whatToShow}'")
    place = f"{contract.symbol}@{contract.exchange}"
    if whatToShow in {"TRADES", "AGGTRADES"} and (contract.secType == "CRYPTO") != (whatToShow == "AGGTRADES"):
        other = "AGGTRADES" if whatToShow == "TRADES" else "TRADES"
        return Refusal(10299, f"Expected what to show is {other}, please use that instead of {whatToShow}.")
    if contract.secType in UNTRADED and whatToShow in TRADED:
        kind = f"{contract.symbol}/{contract.secType}@{contract.exchange}"
        return Refusal(162, f"{SERVICE}No historical market data for {kind} Last")
    if contract.secType == "IND" and whatToShow in {"BID", "ASK", "BID_ASK", "MIDPOINT"}:
        return Refusal(
            162, f"{SERVICE}No data of type EODChart is available for the exchange '{place}' and {whatToShow}"
        )
    volatile = whatToShow.endswith("VOLATILITY") and contract.secType not in {"STK", "IND"}
    return no_data(details, whatToShow) if volatile or whatToShow in UNKEPT else None


def no_data(details: ContractDetails, kind: str) -> Refusal:
    """The refusal of a request that covers nothing (162)."""
    contract = details.contract
    text = f"HMDS query returned no data: {contract.localSymbol}@{contract.exchange} {kind.capitalize()}"
    return Refusal(162, f"{SERVICE}{text}")


def refuse_length(duration: Duration, size: int) -> Refusal | None:
    """Requests for too many bars, or for less time than one bar, are refused (162)."""
    if duration.seconds / size > MOST_BARS:
        return Refusal(162, f"{SERVICE}Time length exceed max.")
    if duration.seconds < min(size, DAY):
        return Refusal(162, f"{SERVICE}invalid step: the duration is shorter than a bar")
    return None


def sessions_back(venue: str, end: float, duration: Duration, rth: bool) -> list[tuple[date, float, float]]:
    """The sessions that a request covers; see `sessions_in_steps`."""
    return outcome(sessions_in_steps(venue, end, duration, rth))


def sessions_in_steps(
    venue: str, end: float, duration: Duration, rth: bool
) -> Gradual[list[tuple[date, float, float]]]:
    """The sessions that a request covers, the oldest first, as (trading day, start, end), none later than `end`.

    A day with a lunch break has two.

    Days count sessions, seconds count trading time, longer units go back in the calendar.
    """
    wanted, left = _wanted(duration), float(duration.number)
    last = hours.local_date(venue, end)
    first = _first_day(last, duration)
    found: list[tuple[date, float, float]] = []
    day, days = last, 0
    while day >= first and days < wanted and left > 0:
        parts = [span for span in hours.sessions(venue, day, rth) if span[0] < end]
        for opening, until in reversed(parts):
            start, stop = opening, min(until, end)
            if duration.unit == "S":
                start = max(start, float(ceil(stop - left)))
                left -= stop - start
            if start < stop:
                found.append((day, start, stop))
        days += bool(parts)
        day -= timedelta(days=1)
        yield
    return found[::-1]


def _wanted(duration: Duration) -> int:
    return duration.number if duration.unit == "D" else 1 << 30


def _first_day(last: date, duration: Duration) -> date:
    if duration.unit == "S":
        return last - timedelta(days=15)
    if duration.unit == "D":
        return last - timedelta(days=duration.number * 2 + 15)
    days = {"W": 7, "M": 30.4375, "Y": 365.25}[duration.unit] * duration.number
    return last - timedelta(days=round(days) - 1)
