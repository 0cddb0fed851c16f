"""When exchanges are open: holidays, half days, lunch breaks, evening sessions and the strings that tell of them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from ibmux.sim.calendar import hours
from ibmux.sim.calendar.holidays import CALENDARS, easter, holidays, is_half_day
from ibmux.sim.calendar.hours import TIMETABLES, hours_text

TEXT = re.compile(r"\d{8}:(CLOSED|\d{4}-\d{8}:\d{4})(;\d{8}:(CLOSED|\d{4}-\d{8}:\d{4}))*")


def at(text: str, zone: str) -> float:
    return datetime.strptime(text, "%Y%m%d %H:%M").replace(tzinfo=hours.zone(zone)).timestamp()


@pytest.mark.parametrize(
    ("calendar", "day"),
    [
        ("US", date(2025, 7, 4)),
        ("US", date(2026, 7, 3)),
        ("US", date(2027, 12, 24)),
        ("US", date(2024, 3, 29)),
        ("BONDS", date(2026, 10, 12)),
        ("FUTURES", date(2026, 4, 3)),
        ("XETRA", date(2026, 12, 24)),
        ("EURONEXT", date(2026, 4, 6)),
        ("UK", date(2026, 12, 28)),
        ("UK", date(2026, 8, 31)),
        ("CANADA", date(2026, 5, 18)),
        ("AUSTRALIA", date(2026, 6, 8)),
        ("JAPAN", date(2026, 5, 6)),
        ("JAPAN", date(2025, 11, 24)),
        ("HONGKONG", date(2026, 2, 17)),
        ("SWISS", date(2026, 5, 14)),
        ("MEXICO", date(2026, 9, 16)),
    ],
)
def test_well_known_holidays(calendar: str, day: date) -> None:
    assert day in holidays(day.year, calendar)


def test_easter_of_many_years() -> None:
    known = {2019: (4, 21), 2020: (4, 12), 2024: (3, 31), 2025: (4, 20), 2026: (4, 5), 2027: (3, 28), 2038: (4, 25)}
    assert {year: (easter(year).month, easter(year).day) for year in known} == known


def test_half_days_of_the_united_states() -> None:
    days = [date(2026, 1, 1) + timedelta(days=ahead) for ahead in range(730)]
    found = [day for day in days if is_half_day("US", day)]
    assert found == [date(2026, 11, 27), date(2026, 12, 24), date(2027, 11, 26)]
    assert is_half_day("US", date(2025, 7, 3))
    assert not is_half_day("US", date(2026, 7, 2))  # Independence Day is kept on the 3rd: nobody goes home early


def test_a_half_day_shows_in_every_string() -> None:
    friday = date(2026, 11, 27)
    assert hours_text("US", friday, False).startswith("20261127:0400-20261127:1700;")
    assert hours_text("US", friday, True).startswith("20261127:0930-20261127:1300;")
    assert hours_text("US.OPT.ETF", friday, True).startswith("20261127:0930-20261127:1315;")
    assert hours_text("CME", friday, False).startswith("20261126:1700-20261127:1200;")
    assert hours.is_open("US", at("20261127 12:59", "US/Eastern"), rth=True)
    assert not hours.is_open("US", at("20261127 13:00", "US/Eastern"), rth=True)
    assert hours.closing("US", friday) == at("20261127 13:00", "US/Eastern")


def test_futures_trade_half_a_day_on_holidays_of_shares() -> None:
    thanksgiving = date(2026, 11, 26)
    assert hours.session("US", thanksgiving) is None
    assert hours_text("CME", thanksgiving, False).startswith("20261125:1700-20261126:1200;")
    assert hours.session("CME", date(2026, 12, 25)) is None


def test_lunch_breaks() -> None:
    text = hours_text("TSEJ", date(2026, 10, 5), True)
    assert text.startswith("20261005:0900-20261005:1130;20261005:1230-20261005:1530;")
    noon = at("20261005 12:00", "Japan")
    assert not hours.is_open("TSEJ", noon)
    assert hours.next_open("TSEJ", noon) == at("20261005 12:30", "Japan")
    assert len(hours.sessions("TSEJ", date(2026, 10, 5))) == 2
    whole = hours.session("TSEJ", date(2026, 10, 5))
    assert whole == (at("20261005 09:00", "Japan"), at("20261005 15:30", "Japan"))
    assert hours.previous_session("TSEJ", noon)[1] < noon - 12 * 3600
    assert len(hours.sessions("SEHK", date(2026, 12, 24))) == 1  # the afternoon is free


def test_an_evening_belongs_to_the_next_day() -> None:
    assert hours_text("CME", date(2026, 11, 21), False).startswith("20261121:CLOSED;20261122:1700-20261123:1600;")
    assert hours_text("CME", date(2026, 11, 21), True).startswith("20261121:CLOSED;20261122:CLOSED;20261123:0830-")
    sunday = at("20261122 17:30", "US/Central")
    assert hours.local_date("CME", sunday) == date(2026, 11, 23)
    assert hours.is_open("CME", sunday)
    assert not hours.is_open("CME", sunday, rth=True)
    assert not hours.is_open("CME", at("20261123 16:30", "US/Central"))
    assert not hours.is_open("FX", at("20261123 17:10", "US/Eastern"))


def test_index_options_trade_at_night() -> None:
    assert hours.is_open("US.OPT.GTH", at("20261123 02:00", "US/Central"))
    assert not hours.is_open("US.OPT.GTH", at("20261123 02:00", "US/Central"), rth=True)
    assert hours.is_open("US.OPT.GTH", at("20261123 15:10", "US/Central"), rth=True)
    assert not hours.is_open("US.OPT", at("20261123 16:10", "US/Eastern"))


def test_coins_never_rest() -> None:
    now = at("20261225 03:00", "US/Eastern")
    assert all(hours.is_open("CRYPTO", now + 3600 * ahead) for ahead in range(24 * 14))
    assert "CLOSED" not in hours_text("CRYPTO", date(2026, 12, 25), False)


@pytest.mark.parametrize("venue", TIMETABLES)
def test_every_venue_keeps_its_own_word(venue: str) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    for ahead in range(366 * 2):
        now = start + ahead * 43_200 + 1_800
        opening = hours.next_open(venue, now)
        assert opening == now if hours.is_open(venue, now) else opening > now
        assert hours.is_open(venue, opening)
        first, last = hours.previous_session(venue, now, rth=False)
        assert first < last <= now
        day = hours.local_date(venue, now)
        parts = hours.sessions(venue, day)
        assert all(one[1] <= two[0] for one, two in pairwise(parts))
        regular = hours.sessions(venue, day, rth=True)
        assert all(any(a <= start_ and end <= b for a, b in parts) or len(parts) > 1 for start_, end in regular)
        if ahead % 20 == 0:
            assert TEXT.fullmatch(hours_text(venue, day, False)), hours_text(venue, day, False)
            assert TEXT.fullmatch(hours_text(venue, day, True))


@pytest.mark.parametrize("calendar", CALENDARS)
def test_no_exchange_rests_for_two_weeks(calendar: str) -> None:
    for year in (2021, 2026, 2031):
        assert len(holidays(year, calendar)) < 25


def test_the_hours_of_a_contract_end_with_it() -> None:
    friday = date(2026, 6, 12)
    until = hours.closing("US", friday)
    assert hours_text("US.OPT.ETF", friday, False, until) == "20260612:0930-20260612:1600"
    assert hours_text("CME", friday, False, until).startswith("20260611:1700-20260612:1500")
