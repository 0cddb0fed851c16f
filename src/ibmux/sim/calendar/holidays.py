"""On which days exchanges do not open, and on which they close early: rules by calendar, for any year.

A calendar is the set of days off that a group of exchanges shares. Its rules are those that the exchanges publish, as
far as a rule can be given; days proclaimed ad hoc are not known. Nothing here knows venues, hours or contracts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache

# First day of the Chinese year: it follows the moon, so it is a table. Years outside have no such holiday here.
LUNAR_YEARS = {
    2020: (1, 25), 2021: (2, 12), 2022: (2, 1), 2023: (1, 22), 2024: (2, 10), 2025: (1, 29), 2026: (2, 17),
    2027: (2, 6), 2028: (1, 26), 2029: (2, 13), 2030: (2, 3), 2031: (1, 23), 2032: (2, 11), 2033: (1, 31),
}  # fmt: skip
JUNETEENTH_SINCE = 2022


def weekday_of_month(year: int, month: int, weekday: int, nth: int) -> date:
    """The nth (from 1) such weekday (Monday is 0) of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _last_monday(year: int, month: int, last: int) -> date:
    day = date(year, month, last)
    return day - timedelta(days=day.weekday())


@lru_cache(maxsize=256)
def easter(year: int) -> date:
    """Easter Sunday (the anonymous Gregorian computus)."""
    a, b, c = year % 19, year // 100, year % 100
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    rest = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * rest) // 451
    month, day = divmod(h + rest - 7 * m + 114, 31)
    return date(year, month, day + 1)


def _from_easter(year: int, *offsets: int) -> set[date]:
    return {easter(year) + timedelta(days=offset) for offset in offsets}


def _observed(day: date) -> date:
    """A holiday on a Saturday is kept on the Friday before, one on a Sunday on the Monday after."""
    return day + timedelta(days={5: -1, 6: 1}.get(day.weekday(), 0))


def _next_working(days: list[date]) -> set[date]:
    """Holidays at weekends move to the next days that are neither weekend nor holiday (Britain, Canada, Australia)."""
    taken: set[date] = set()
    for day in days:
        kept = day
        while kept.weekday() >= 5 or kept in taken:
            kept += timedelta(days=1)
        taken.add(kept)
    return taken


def _sundays_to_monday(days: list[date]) -> set[date]:
    return {day + timedelta(days=1 if day.weekday() == 6 else 0) for day in days}


def _united_states(year: int) -> set[date]:
    fixed = [date(year, 1, 1), date(year, 7, 4), date(year, 12, 25)]
    fixed += [date(year, 6, 19)] if year >= JUNETEENTH_SINCE else []
    floating = {weekday_of_month(year, 1, 0, 3), weekday_of_month(year, 2, 0, 3), _last_monday(year, 5, 31)}
    floating |= {weekday_of_month(year, 9, 0, 1), weekday_of_month(year, 11, 3, 4)} | _from_easter(year, -2)
    return {_observed(day) for day in fixed} | floating


def _bond_dealers(year: int) -> set[date]:
    """Bonds also rest on Columbus Day and Veterans Day."""
    return _united_states(year) | {weekday_of_month(year, 10, 0, 2), _observed(date(year, 11, 11))}


def _futures(year: int) -> set[date]:
    """Electronic futures trading stops for the whole day on three days of a year only."""
    return _from_easter(year, -2) | {_observed(date(year, 1, 1)), _observed(date(year, 12, 25))}


def _currencies(year: int) -> set[date]:
    return {date(year, 1, 1), date(year, 12, 25)}


def _frankfurt(year: int) -> set[date]:
    fixed = {date(year, 1, 1), date(year, 5, 1)} | {date(year, 12, day) for day in (24, 25, 26, 31)}
    return fixed | _from_easter(year, -2, 1)


def _euronext(year: int) -> set[date]:
    fixed = {date(year, 1, 1), date(year, 5, 1), date(year, 12, 25), date(year, 12, 26)}
    return fixed | _from_easter(year, -2, 1)


def _switzerland(year: int) -> set[date]:
    fixed = {date(year, 1, 1), date(year, 1, 2), date(year, 5, 1), date(year, 8, 1)}
    fixed |= {date(year, 12, day) for day in (24, 25, 26, 31)}
    return fixed | _from_easter(year, -2, 1, 39, 50)


def _britain(year: int) -> set[date]:
    moving = _next_working([date(year, 1, 1)]) | _next_working([date(year, 12, 25), date(year, 12, 26)])
    banks = {weekday_of_month(year, 5, 0, 1), _last_monday(year, 5, 31), _last_monday(year, 8, 31)}
    return moving | banks | _from_easter(year, -2, 1)


def _canada(year: int) -> set[date]:
    moving = _next_working([date(year, 1, 1)]) | _next_working([date(year, 7, 1)])
    moving |= _next_working([date(year, 12, 25), date(year, 12, 26)])
    mondays = {weekday_of_month(year, 2, 0, 3), _last_monday(year, 5, 24), weekday_of_month(year, 8, 0, 1)}
    mondays |= {weekday_of_month(year, 9, 0, 1), weekday_of_month(year, 10, 0, 2)}
    return moving | mondays | _from_easter(year, -2)


def _australia(year: int) -> set[date]:
    moving = _next_working([date(year, 1, 1)]) | _next_working([date(year, 1, 26)])
    moving |= _next_working([date(year, 12, 25), date(year, 12, 26)])
    return moving | {date(year, 4, 25), weekday_of_month(year, 6, 0, 2)} | _from_easter(year, -2, 1)


def _japan(year: int) -> set[date]:
    """The national holidays with a rule; the equinoxes by their astronomical approximation (good from 1980 to 2099)."""
    since = year - 1980
    equinoxes = [int(20.8431 + 0.242194 * since) - since // 4, int(23.2488 + 0.242194 * since) - since // 4]
    fixed = [date(year, 2, 11), date(year, 2, 23), date(year, 3, equinoxes[0]), date(year, 4, 29), date(year, 8, 11)]
    fixed += [date(year, 9, equinoxes[1]), date(year, 11, 3), date(year, 11, 23)]
    mondays = {weekday_of_month(year, 1, 0, 2), weekday_of_month(year, 7, 0, 3), weekday_of_month(year, 9, 0, 3)}
    golden = _next_working([date(year, 5, 3), date(year, 5, 4), date(year, 5, 5)])
    new_year = {date(year, 1, day) for day in (1, 2, 3)} | {date(year, 12, 31)}
    return _sundays_to_monday(fixed) | mondays | {weekday_of_month(year, 10, 0, 2)} | golden | new_year


def _hong_kong(year: int) -> set[date]:
    fixed = [date(year, 1, 1), date(year, 5, 1), date(year, 7, 1), date(year, 10, 1)]
    found = _sundays_to_monday(fixed) | _next_working([date(year, 12, 25), date(year, 12, 26)])
    if year in LUNAR_YEARS:
        first = date(year, *LUNAR_YEARS[year])
        found |= {first + timedelta(days=ahead) for ahead in range(3)}
    return found | _from_easter(year, -2, 1)


def _mexico(year: int) -> set[date]:
    fixed = {date(year, 1, 1), date(year, 5, 1), date(year, 9, 16), date(year, 12, 25)}
    mondays = {weekday_of_month(year, 2, 0, 1), weekday_of_month(year, 3, 0, 3), weekday_of_month(year, 11, 0, 3)}
    return fixed | mondays | _from_easter(year, -3, -2)


def _never(year: int) -> set[date]:
    return set()


CALENDARS: dict[str, Callable[[int], set[date]]] = {
    "US": _united_states, "BONDS": _bond_dealers, "FUTURES": _futures, "FX": _currencies, "XETRA": _frankfurt,
    "EURONEXT": _euronext, "SWISS": _switzerland, "UK": _britain, "CANADA": _canada, "AUSTRALIA": _australia,
    "JAPAN": _japan, "HONGKONG": _hong_kong, "MEXICO": _mexico, "NONE": _never,
}  # fmt: skip


@lru_cache(maxsize=1024)
def holidays(year: int, calendar: str = "US") -> frozenset[date]:
    """The full holidays of a calendar in `year`, by default those of the United States' stock exchanges."""
    return frozenset(CALENDARS[calendar](year))


def is_holiday(calendar: str, day: date) -> bool:
    """Whether the calendar's exchanges stay closed on `day`; weekends do not count as holidays."""
    return day in holidays(day.year, calendar)


def _day_before_independence(day: date) -> bool:
    return (day.month, day.day) == (7, 3) and day.weekday() < 4


def _after_thanksgiving(day: date) -> bool:
    return day.month == 11 and day - timedelta(days=1) == weekday_of_month(day.year, 11, 3, 4)


@lru_cache(maxsize=8192)
def is_half_day(calendar: str, day: date) -> bool:
    """Whether the calendar's exchanges close early on `day`."""
    if day.weekday() >= 5 or is_holiday(calendar, day):
        return False
    eve = (day.month, day.day) in {(12, 24), (12, 31)}
    if calendar in {"US", "BONDS"}:
        christmas = (day.month, day.day) == (12, 24)
        return christmas or _day_before_independence(day) or _after_thanksgiving(day)
    if calendar == "FUTURES":  # the holidays and half days of the stock exchanges
        return is_holiday("US", day) or is_half_day("US", day)
    if calendar == "CANADA":
        return (day.month, day.day) == (12, 24)
    if calendar == "HONGKONG":
        new_year = LUNAR_YEARS.get(day.year)
        return eve or (new_year is not None and day == date(day.year, *new_year) - timedelta(days=1))
    return eve and calendar in {"EURONEXT", "UK", "AUSTRALIA"}
