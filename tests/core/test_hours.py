"""Trading hours as gateways write them, new and old notation, and what is unknown."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibmux.core.hours import Hours, hours

NEW_YORK = "US/Eastern"
NEW = "20260105:0400-20260105:2000;20260106:CLOSED;20260107:0930-20260107:1600"
OLD = "20260105:0400-0930,0930-2000;20260106:CLOSED;20260107:0930-1600"
NIGHT = "20260104:1700-20260105:1600;20260105:1700-20260106:1600"


def at(text: str, zone: str = NEW_YORK) -> float:
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize("text", [NEW, OLD])
@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-01-04T23:59", None),
        ("2026-01-05T00:00", False),
        ("2026-01-05T04:00", True),
        ("2026-01-05T12:00", True),
        ("2026-01-05T20:00", False),
        ("2026-01-06T12:00", False),
        ("2026-01-07T15:59", True),
        ("2026-01-07T16:00", False),
        ("2026-01-08T00:00", None),
    ],
)
def test_a_day_is_open_closed_or_unknown(text: str, moment: str, expected: bool | None) -> None:
    assert Hours(text, NEW_YORK).is_open(at(moment)) is expected


def test_a_session_may_pass_midnight() -> None:
    night = hours(NIGHT, "America/Chicago")
    assert hours(NIGHT, "America/Chicago") is night
    assert night.is_open(at("2026-01-05T03:00", "America/Chicago")) is True
    assert night.is_open(at("2026-01-05T16:30", "America/Chicago")) is False
    assert night.is_open(at("2026-01-06T15:00", "America/Chicago")) is True
    assert repr(night) == "<Hours with 2 sessions>"


def test_a_day_may_end_with_24_hours() -> None:
    whole = Hours("20260105:0000-2400", "UTC")
    assert whole.is_open(at("2026-01-05T23:59", "UTC")) is True
    assert whole.is_open(at("2026-01-06T00:00", "UTC")) is None


@pytest.mark.parametrize(
    ("text", "zone"),
    [("", NEW_YORK), (NEW, ""), (NEW, "Nowhere/Land"), ("nonsense", NEW_YORK), ("20260105:04x0-2000", NEW_YORK)],
)
def test_what_cannot_be_read_is_unknown(text: str, zone: str) -> None:
    assert Hours(text, zone).is_open(at("2026-01-05T12:00")) is None


def test_a_zone_may_be_explained() -> None:
    assert Hours(NEW, "EST (Eastern Standard Time)").is_open(at("2026-01-05T12:00")) is True


@given(st.text(max_size=60), st.text(max_size=20), st.floats(0, 4e9))
def test_no_text_breaks_it(text: str, zone: str, now: float) -> None:
    assert Hours(text, zone).is_open(now) in (None, True, False)
