"""The corporate event calendar (Wall Street Horizon): which event types there are, and the events of companies.

Pure: metadata and events as JSON texts of the shape that gateways pass on. It knows neither clients nor permissions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ibmux.sim.catalogue.contracts import ContractDetails, Refusal
from ibmux.sim.companies.company import Company, Quarter, company
from ibmux.sim.companies.sight import FUNDS

Event = dict[str, Any]
DAYS_BACK, DAYS_AHEAD = 365, 730
"""Reach of a request without dates."""
DEFAULT_LIMIT, MOST = 100, 500
UNSET = 2_147_483_647
EVENT_TYPES = (
    ("wshe_bod", "Board of Directors Meeting"), ("wshe_bybk", "Buyback"), ("wshe_bybkmod", "Buyback Modification"),
    ("wshe_cc", "Conference Call"), ("wshe_div", "Dividend"), ("wshe_divsr", "Dividend Suspended or Resumed"),
    ("wshe_ed", "Earnings Date"), ("wshe_eps", "Earnings Report"), ("wshe_fq", "Forward Fiscal Quarter"),
    ("wshe_ic", "Investor Conference"), ("wshe_idx", "Index Change"), ("wshe_interim_dates", "Interim Dates"),
    ("wshe_ipo", "Initial Public Offering"), ("wshe_merg_acq", "Merger and Acquisition"), ("wshe_movies", "Movie"),
    ("wshe_option", "Option Expiration Date"), ("wshe_qe", "Quarter End"), ("wshe_sec", "Filing Due Date"),
    ("wshe_secondary", "Secondary Offering"), ("wshe_sh", "Shareholder Meeting"), ("wshe_spinoffs", "Spinoff"),
    ("wshe_splits", "Split"), ("wshe_videos", "Video Release"),
)  # fmt: skip
TAGS = frozenset(tag for tag, _ in EVENT_TYPES)
OTHER_FILTERS = frozenset({"country", "watchlist", "limit", "limit_region", "fillWatchlist", "fillPortfolio",
                           "fillCompetitors", "startDate", "endDate", "totalLimit"})  # fmt: skip


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events are wanted: of which contracts, of which types (empty: all), from when to when, how many."""

    conIds: tuple[int, ...]
    tags: frozenset[str]
    start: date
    end: date
    limit: int


def metadata() -> str:
    """The JSON text that answers reqWshMetaData."""
    columns = ("event_key", "index_date", "status")
    types = [
        {
            "tag": tag,
            "name": name,
            "filter": {"name": tag, "type": "boolean"},
            "columns": [{"tag": it} for it in columns],
        }
        for tag, name in EVENT_TYPES
    ]
    filters = [{"name": name} for name in sorted(OTHER_FILTERS)]
    return json.dumps({"validated": True, "data_version": 1, "meta_data": {"event_types": types, "filters": filters}})


def parse(ask: dict[str, Any], today: date, portfolio: Iterable[int]) -> EventQuery | Refusal:
    """The query that a reqWshEventData describes, or why it is refused (10283).

    Args:
        ask: the request's fields.
        today: the present day.
        portfolio: the contracts that the accounts hold, for `fillPortfolio`.
    """
    conId, text = ask["conId"], ask.get("filter", "")
    named = conId not in (0, UNSET)
    if named and text:
        return _refuse("conId and filter exclude each other")
    try:
        chosen = json.loads(text) if text else {}
        if not isinstance(chosen, dict):
            return _refuse("the filter is no JSON object")
        unknown = sorted(set(chosen) - TAGS - OTHER_FILTERS)
        start, end = _day(ask.get("startDate", "")), _day(ask.get("endDate", ""))
        listed = [int(each) for each in chosen.get("watchlist", [])]
        limit = _limit(ask.get("totalLimit", UNSET), chosen.get("limit"))
    except (ValueError, TypeError) as error:
        return _refuse(str(error))
    if unknown:
        return _refuse(f"unknown filter {unknown[0]}")
    conIds = [conId] if named else [*listed, *(portfolio if ask.get("fillPortfolio") else ())]
    tags = frozenset(tag for tag in chosen if tag in TAGS and str(chosen[tag]).lower() == "true")
    first = start or today - timedelta(days=DAYS_BACK)
    return EventQuery(tuple(dict.fromkeys(conIds)), tags, first, end or today + timedelta(days=DAYS_AHEAD), limit)


def _refuse(why: str) -> Refusal:
    return Refusal(10283, f"Failed to request WSH event data.{why}")


def _day(text: str) -> date | None:
    return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date() if text else None


def _limit(total: int, own: object) -> int:
    wanted = int(str(own)) if own is not None else DEFAULT_LIMIT if total in (0, UNSET) else total
    return max(1, min(MOST, wanted))


def events(query: EventQuery, listed: Iterable[ContractDetails], today: date, seed: int) -> str:
    """The JSON text that answers reqWshEventData: the events of shares by date, at most as many as wanted."""
    found: list[Event] = []
    for details in listed:
        if details.contract.secType == "STK" and details.stockType not in FUNDS:
            found += _events(company(details, seed), query, today)
    found.sort(key=lambda event: (event["index_date"], event["event_key"]))
    return json.dumps(found[: query.limit])


def _events(about: Company, query: EventQuery, today: date) -> Iterator[Event]:
    for index in range(query.start.year * 4 - 2, query.end.year * 4 + 4):
        for tag, day, data in _of_quarter(about, about.quarter(index), today):
            if query.start <= day <= query.end and (not query.tags or tag in query.tags):
                yield _event(about, tag, day, data)


def _event(about: Company, tag: str, day: date, data: dict[str, Any]) -> Event:
    return {
        "index_date": f"{day:%Y%m%d}",
        "index_date_type": "DATE",
        "event_type": tag,
        "event_key": f"{tag}-{about.conId}-{day:%Y%m%d}",
        "conids": [str(about.conId)],
        "source": "WSHE",
        "status": "",
        "filterSource": "watchlist",
        "tooltips": {},
        "data": data,
    }


def _of_quarter(about: Company, quarter: Quarter, today: date) -> Iterator[tuple[str, date, dict[str, Any]]]:
    """What happens around one fiscal quarter of a company."""
    period = {"fiscal_year": str(quarter.fiscalYear), "quarter": f"Q{quarter.number}"}
    past, near = quarter.reported < today, quarter.reported < today + timedelta(days=25)
    yield "wshe_qe", quarter.ends, period
    report = {
        **period,
        "earnings_date": f"{quarter.reported:%Y%m%d}",
        "time_of_day": "Before Market" if quarter.beforeOpen else "After Market",
        "wshe_earnings_date_status": "CONFIRMED" if past or near else "UNCONFIRMED",
    }
    if quarter.reported < today + timedelta(days=110):
        yield "wshe_ed", quarter.reported, report
    else:
        yield "wshe_fq", quarter.reported, report | {"wshe_earnings_date_status": "INFERRED"}
    yield "wshe_sec", quarter.ends + timedelta(days=45), period | {"filing_type": "10-Q"}
    if past:
        yield "wshe_eps", quarter.reported, period | {
            "amount_oc": quarter.eps, "estimated_eps": quarter.estimate, "currency": about.currency,
            "change_amount": round(quarter.eps - quarter.estimate, 2), "change_percent": quarter.surprise,
        }  # fmt: skip
        yield "wshe_cc", quarter.reported, period | {"time_zone": "EST", "replay_pwebsite": ""}
    dividend = about.ex_dividend(quarter)
    if dividend is not None and (past or near):
        ex, pay, amount = dividend
        yield "wshe_div", ex, {
            "dividend_oc": amount, "dividend_currency": about.currency, "ex_div_date": f"{ex:%Y%m%d}",
            "pay_date": f"{pay:%Y%m%d}", "frequency": "Quarterly",
        }  # fmt: skip
    if quarter.number == 4:
        yield "wshe_sh", quarter.reported + timedelta(days=60), {"event_status": "PENDING", "meeting_type": "Annual"}
        yield "wshe_bod", quarter.reported + timedelta(days=60), {"event_status": "PENDING"}
