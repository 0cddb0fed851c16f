"""On which days derivatives expire: the exchanges' rules for futures and options, as pure calculations with dates.

A day that is no trading day moves back. Nothing here knows contracts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import lru_cache

from ibmux.sim.calendar.holidays import weekday_of_month
from ibmux.sim.calendar.hours import is_trading_day, trading_day_before

FRIDAY, WEDNESDAY = 4, 2
MONTH_LETTERS = "FGHJKMNQUVXZ"
QUARTERS = (3, 6, 9, 12)


def business_days_before(day: date, count: int, venue: str = "US") -> date:
    """The trading day `count` trading days before `day`, which need not be one itself."""
    while count:
        day -= timedelta(days=1)
        count -= is_trading_day(venue, day)
    return day


def month_after(year: int, month: int, count: int = 1) -> tuple[int, int]:
    """The year and month that many months later (or, negative, earlier)."""
    extra, place = divmod(month - 1 + count, 12)
    return year + extra, place + 1


def first_of_next_month(year: int, month: int) -> date:
    """The first day of the month after."""
    return date(*month_after(year, month), 1)


@lru_cache(maxsize=4096)
def third_friday(year: int, month: int) -> date:
    """The day on which monthly options expire (the Thursday before where that is a holiday)."""
    return trading_day_before("US", weekday_of_month(year, month, FRIDAY, 3))


def _eurex(year: int, month: int) -> date:
    return trading_day_before("EUREX", weekday_of_month(year, month, FRIDAY, 3))


def _before_25th(year: int, month: int, count: int) -> date:
    """So many business days before the 25th of the month before (crude oil); one more if the 25th is none."""
    day = date(*month_after(year, month, -1), 25)
    return business_days_before(day, count if is_trading_day("US", day) else count + 1)


def _crude_oil(year: int, month: int) -> date:
    return _before_25th(year, month, 3)


def _natural_gas(year: int, month: int) -> date:
    return business_days_before(date(year, month, 1), 3)


def _metal(year: int, month: int) -> date:
    return business_days_before(first_of_next_month(year, month), 3)


def _treasury(year: int, month: int) -> date:
    return business_days_before(first_of_next_month(year, month), 8)


def _currency(year: int, month: int) -> date:
    return business_days_before(weekday_of_month(year, month, WEDNESDAY, 3), 2)


def _volatility_index(year: int, month: int) -> date:
    """Thirty days before the third Friday of the month after."""
    return trading_day_before("US", third_friday(*month_after(year, month)) - timedelta(days=30))


def _last_friday(year: int, month: int) -> date:
    last = first_of_next_month(year, month) - timedelta(days=1)
    return trading_day_before("US", last - timedelta(days=(last.weekday() - FRIDAY) % 7))


def _crude_oil_option(year: int, month: int) -> date:
    return _before_25th(year, month, 6)


def _metal_option(year: int, month: int) -> date:
    return business_days_before(date(year, month, 1), 4)


def _gas_option(year: int, month: int) -> date:
    return business_days_before(_natural_gas(year, month), 1)


def _treasury_option(year: int, month: int) -> date:
    """The last Friday that precedes the last business day of the month before by two business days."""
    last = business_days_before(date(year, month, 1), 3)
    return trading_day_before("US", last - timedelta(days=(last.weekday() - FRIDAY) % 7))


def _currency_option(year: int, month: int) -> date:
    wednesday = weekday_of_month(year, month, WEDNESDAY, 3)
    return trading_day_before("US", wednesday - timedelta(days=12))


def _month_end(year: int, month: int) -> date:
    return business_days_before(first_of_next_month(year, month), 1)


RULES: dict[str, Callable[[int, int], date]] = {
    "third friday": third_friday,
    "eurex": _eurex,
    "crude oil": _crude_oil,
    "natural gas": _natural_gas,
    "metal": _metal,
    "treasury": _treasury,
    "currency": _currency,
    "volatility": _volatility_index,
    "last friday": _last_friday,
    "crude oil option": _crude_oil_option,
    "metal option": _metal_option,
    "gas option": _gas_option,
    "treasury option": _treasury_option,
    "currency option": _currency_option,
    "month end": _month_end,
}


@lru_cache(maxsize=8192)
def last_day(rule: str, year: int, month: int) -> date:
    """The last trading day by a rule of RULES of the contract of that month."""
    return RULES[rule](year, month)


def months_from(day: date, months: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """The listed months from the one before that of `day` on, without end."""
    year, month = month_after(day.year, day.month, -1)
    while True:
        if month in months:
            yield year, month
        year, month = month_after(year, month)


def next_trading_days(day: date, count: int, venue: str = "US") -> Iterator[date]:
    """So many trading days from `day` on."""
    while count:
        if is_trading_day(venue, day):
            count -= 1
            yield day
        day += timedelta(days=1)


def fridays(day: date, count: int) -> Iterator[date]:
    """So many Fridays from `day` on, each moved back where it is a holiday."""
    friday = day + timedelta(days=(FRIDAY - day.weekday()) % 7)
    for week in range(count):
        yield trading_day_before("US", friday + timedelta(weeks=week))


def wednesdays(day: date, count: int) -> Iterator[date]:
    """So many Wednesdays from `day` on, each moved back where it is a holiday."""
    first = day + timedelta(days=(WEDNESDAY - day.weekday()) % 7)
    for week in range(count):
        yield trading_day_before("US", first + timedelta(weeks=week))


def week_of_month(day: date) -> int:
    """The how manieth such weekday of its month a day is."""
    return (day.day - 1) // 7 + 1
