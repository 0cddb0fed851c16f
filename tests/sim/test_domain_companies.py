"""Companies, news, bulletins, models and account rows without a wire: what must agree agrees, whatever the seed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibmux.sim.accounts.advisor import ALIASES, GROUPS, Advisor
from ibmux.sim.catalogue.contracts import Refusal
from ibmux.sim.catalogue.markets import RATES
from ibmux.sim.catalogue.universe import Universe
from ibmux.sim.companies import calendar_events
from ibmux.sim.companies.bulletins import Bulletins
from ibmux.sim.companies.company import company
from ibmux.sim.companies.news import News
from ibmux.sim.world import World, WorldSettings

AAPL = 265598
NOW = datetime(2026, 3, 4, 20, tzinfo=UTC).timestamp()
TODAY = date(2026, 3, 4)
UNIVERSE = Universe(1, lambda: NOW)
NEWS = News(UNIVERSE, ("BRFG", "BRFUPDN", "DJ-N", "DJNL"))


def world(**changes: object) -> World:
    return World(WorldSettings(**changes), lambda: NOW)  # type: ignore[arg-type]


@given(seed=st.integers(0, 2**31), days=st.integers(-2000, 2000))
def test_quarters_follow_each_other(seed: int, days: int) -> None:
    details = UNIVERSE.get(AAPL)
    assert details is not None
    about, today = company(details, seed), TODAY + timedelta(days=days)
    quarters = about.quarters(today, 5, 5)
    assert len(quarters) == 10
    assert all(before.ends < after.ends for before, after in pairwise(quarters))
    assert all(quarter.ends < quarter.reported for quarter in quarters)
    assert [quarter.reported < today for quarter in quarters] == [True] * 5 + [False] * 5
    assert {quarter.number for quarter in quarters} == {1, 2, 3, 4}
    assert all(quarter.reported.weekday() < 5 for quarter in quarters)


@given(start=st.floats(NOW - 4e7, NOW), length=st.floats(0, 3e6), cut=st.floats(0, 1))
def test_news_are_the_same_however_the_span_is_cut(start: float, length: float, cut: float) -> None:
    end, middle = start + length, start + length * cut
    whole = NEWS.since(AAPL, start, end)
    assert NEWS.since(AAPL, start, middle) + NEWS.since(AAPL, middle, end) == whole
    assert all(start < item.time <= end for item in whole)
    assert NEWS.latest(AAPL, NEWS.subscribed, start, end, 10_000) == (whole[::-1], False)


@given(day=st.integers(0, 3000))
def test_an_articles_id_leads_back_to_it(day: int) -> None:
    end = NOW - day * 86_400
    for provider in NEWS.subscribed:
        for item in NEWS.since(provider, end - 86_400, end):
            assert NEWS.find(provider, item.articleId) == item
            subject = NEWS.subject(item)
            assert (subject.contract.conId if subject else 0) == item.conId


@given(text=st.text(max_size=20))
def test_other_ids_lead_nowhere(text: str) -> None:
    found = NEWS.find("BRFG", text)
    assert found is None or found.articleId == text


@given(seed=st.integers(0, 1000), steps=st.lists(st.floats(0.1, 40_000), min_size=1, max_size=30))
def test_planned_bulletins_come_once_however_time_passes(seed: int, steps: list[float]) -> None:
    heard: list[list[tuple[int, str]]] = []
    for instants in (steps, [sum(steps)]):
        board = Bulletins(seed, 6.0, lambda: NOW)
        told: list[tuple[int, str]] = []
        board.listen(lambda bulletin, told=told: told.append((bulletin.kind, bulletin.text)))  # type: ignore[misc]
        at = NOW
        for step in instants:
            at += step
            board.advance(at)
        heard.append(told)
    if sum(steps) <= 7 * 86_400:
        assert heard[0] == heard[1]


def test_old_bulletins_are_forgotten_at_midnight() -> None:
    now = [NOW]
    board = Bulletins(1, 0.0, lambda: now[0])
    board.post(1, "Today.", "NYSE")
    assert [bulletin.text for bulletin in board.today()] == ["Today."]
    now[0] += 86_400
    assert board.today() == []
    assert board.post(2, "Tomorrow.").msgId == 2


@given(st.dictionaries(st.sampled_from(["country", "watchlist", "limit", "wshe_ed", "nothing"]), st.text(max_size=5)))
def test_any_filter_is_answered_or_refused(chosen: dict[str, str]) -> None:
    ask = {"conId": calendar_events.UNSET, "filter": json.dumps(chosen)}
    query = calendar_events.parse(ask, TODAY, [])
    if isinstance(query, Refusal):
        assert query.code == 10283
    else:
        details = UNIVERSE.get(AAPL)
        assert details is not None
        found = json.loads(calendar_events.events(query, [details], TODAY, 1))
        assert len(found) <= query.limit
        assert all(query.start <= date.fromisoformat(event["index_date"]) <= query.end for event in found)


@pytest.mark.parametrize("codes", [("Core",), ("Core", "Growth"), ("A", "B", "C", "D", "E")])
def test_models_never_hold_more_than_the_account(codes: tuple[str, ...]) -> None:
    whole = world(models=codes)
    for account in whole.accounts:
        held = dict.fromkeys(account.ledger.holdings, Decimal(0))
        for code in codes:
            for conId, part in whole.models.view(account, code).ledger.holdings.items():
                held[conId] += part.position
        for conId, amount in held.items():
            assert abs(amount) <= abs(account.ledger.holdings[conId].position)
    assert any(whole.models.view(account, code).positions() for account in whole.accounts for code in codes)


def test_account_rows_are_many_and_agree() -> None:
    rows = world().accounts["DU1000002"].values()
    assert rows == sorted(rows)
    assert len({(row.tag, row.currency) for row in rows}) == len(rows)
    assert len({row.tag for row in rows}) >= 88
    currencies = {row.currency for row in rows} - {"", "BASE"}
    assert currencies == {"USD", "EUR"}
    amounts = {(row.tag, row.currency): row.value for row in rows}
    for tag in ("StockMarketValue", "CashBalance", "UnrealizedPnL", "NetLiquidationByCurrency", "RealizedPnL"):
        parts = sum(float(amounts[tag, code]) * RATES[code] for code in currencies)
        assert float(amounts[tag, "BASE"]) == pytest.approx(parts, abs=0.03)
    assert amounts["ExchangeRate", "EUR"] == str(RATES["EUR"])
    assert amounts["NetLiquidation", "USD"] == amounts["NetLiquidationByCurrency", "BASE"]


def test_an_advisors_documents_stay_what_they_were_unless_replaced_well() -> None:
    advisor = Advisor(("DU1", "DU2"), enabled=True)
    before = [advisor.document(kind) for kind in (GROUPS, ALIASES)]
    row = "<AccountAlias><account>{}</account><alias>x</alias></AccountAlias>"
    alias = f"<ListOfAccountAliases>{row}</ListOfAccountAliases>"
    assert advisor.replace(ALIASES, alias.format("DU9")) is not None
    assert [advisor.document(kind) for kind in (GROUPS, ALIASES)] == before
    assert advisor.replace(ALIASES, alias.format("DU1")) is None
    assert "x" in str(advisor.document(ALIASES))
    assert advisor.members("Everybody") == advisor.members("All") == advisor.members("DF1") == ("DU1", "DU2")
    assert advisor.members("DU2") == ("DU2",)
    assert advisor.members("DU3") is None
    assert Advisor(("DU1",), enabled=False).members("F1") is None
