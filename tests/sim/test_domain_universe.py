"""What contracts the simulated gateway has and which of them a description means."""

from __future__ import annotations

import re
from datetime import date

import pytest
from domain_world import AAPL, MONDAY_NOON, share

from ibmux.sim.calendar.hours import holidays, hours_text, is_open, next_open
from ibmux.sim.catalogue import chains
from ibmux.sim.catalogue.chain_list import CHAINS
from ibmux.sim.catalogue.contracts import ContractDetails, Query, Refusal
from ibmux.sim.catalogue.identifiers import figi
from ibmux.sim.catalogue.universe import Universe


@pytest.fixture(scope="module")
def universe() -> Universe:
    return Universe(1, lambda: MONDAY_NOON)


def one(universe: Universe, query: Query) -> ContractDetails:
    found = universe.resolve(query)
    assert isinstance(found, ContractDetails), found
    return found


def test_there_are_more_than_200_contracts_of_every_kind(universe: Universe) -> None:
    kinds = [details.contract.secType for details in universe.listed()]
    assert len(kinds) >= 200
    assert kinds.count("STK") >= 170
    assert kinds.count("IND") >= 5
    assert kinds.count("FUT") >= 40
    assert kinds.count("CASH") >= 8
    assert sum(details.stockType == "ETF" for details in universe.listed()) >= 20


def test_conIds_are_unique_and_equal_for_an_equal_seed(universe: Universe) -> None:
    again, other = Universe(1, lambda: MONDAY_NOON), Universe(2, lambda: MONDAY_NOON)
    numbers = [details.contract.conId for details in universe.listed()]
    for symbol in {chain.symbol for chain in CHAINS}:
        numbers += [option.contract.conId for options in universe.chain(symbol).values() for option in options]
    assert len(numbers) == len(set(numbers)) > 20_000
    assert [d.contract for d in again.listed()] == [d.contract for d in universe.listed()]
    assert [d.contract.conId for d in other.listed()] != [d.contract.conId for d in universe.listed()]


@pytest.mark.parametrize(
    ("symbol", "conId"),
    [("AAPL", 265598), ("MSFT", 272093), ("SPY", 756733), ("QQQ", 320227571), ("TSLA", 76792991), ("NVDA", 4815747)],
)
def test_famous_contracts_have_their_real_numbers(universe: Universe, symbol: str, conId: int) -> None:
    assert one(universe, share(symbol)).contract.conId == conId
    assert one(universe, Query(conId=conId, exchange="SMART")).contract.symbol == symbol


def test_details_are_filled(universe: Universe) -> None:
    details = one(universe, AAPL)
    assert details.longName == "APPLE INC"
    assert details.contract.primaryExchange == "NASDAQ"
    assert details.minTick == 0.01
    assert "SMART" in details.validExchanges.split(",")
    assert "MOC" in details.orderTypes.split(",")
    assert len(details.marketRuleIds.split(",")) == len(details.validExchanges.split(","))
    assert details.secIdList[0][0] == "ISIN"
    assert details.tradingHours.startswith("20260608:0400-20260608:2000;")
    assert details.liquidHours.startswith("20260608:0930-20260608:1600;")


def test_a_share_without_exchange_is_found_once_per_exchange(universe: Universe) -> None:
    everywhere = universe.find(Query(symbol="IBM", secType="STK"))
    assert len({details.contract.exchange for details in everywhere}) == len(everywhere) > 10
    assert {details.contract.conId for details in everywhere} == {8314}


def test_an_ambiguous_share_is_refused_until_its_currency_is_named(universe: Universe) -> None:
    vague = universe.resolve(Query(symbol="SAP", secType="STK", exchange="SMART"))
    assert isinstance(vague, Refusal)
    assert vague.code == 200
    assert "ambiguous" in vague.text
    assert one(universe, Query(symbol="SAP", secType="STK", exchange="SMART", currency="EUR")).venue == "EU"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (share("NOSUCH"), 200),
        (Query(symbol="AAPL", secType="STK"), 321),
        (Query(conId=1, exchange="SMART"), 200),
        (Query(symbol="AAPL", secType="STK", exchange="NOWHERE", currency="USD"), 200),
        (Query(symbol="ES", secType="FUT", exchange="CME"), 200),
        (Query(), 321),
    ],
)
def test_unclear_contracts_are_refused(universe: Universe, query: Query, code: int) -> None:
    found = universe.resolve(query)
    assert isinstance(found, Refusal)
    assert found.code == code


def test_a_share_is_found_by_its_isin(universe: Universe) -> None:
    isin = one(universe, AAPL).secIdList[0][1]
    for kind, number in (("CUSIP", isin[2:11]), ("FIGI", figi(265598))):
        assert [d.contract.conId for d in universe.find(Query(secIdType=kind, secId=number, exchange="SMART"))] == [
            265598
        ]
    found = universe.find(Query(secIdType="ISIN", secId=isin, exchange="SMART"))
    assert [details.contract.conId for details in found] == [265598]
    assert universe.find(Query(secIdType="ISIN", secId="US0000000000", exchange="SMART")) == []


def test_the_primary_exchange_and_old_names_narrow_a_search(universe: Universe) -> None:
    for primary, count in (("NASDAQ", 1), ("ISLAND", 1), ("NYSE", 0)):
        wanted = Query(symbol="AAPL", secType="STK", exchange="SMART", currency="USD", primaryExchange=primary)
        assert len(universe.find(wanted)) == count


def test_futures_are_found_by_product_month_and_local_symbol(universe: Universe) -> None:
    products = universe.find(Query(symbol="ES", secType="FUT", exchange="CME"))
    assert [details.contract.localSymbol for details in products] == ["ESM6", "ESU6", "ESZ6", "ESH7"]
    by_month = universe.find(Query(symbol="ES", secType="FUT", exchange="CME", lastTradeDateOrContractMonth="202609"))
    by_name = universe.find(Query(localSymbol="ESU6", secType="FUT", exchange="CME"))
    assert [d.contract.conId for d in by_month] == [d.contract.conId for d in by_name] == [products[1].contract.conId]
    oil = universe.find(Query(symbol="CL", secType="FUT", exchange="NYMEX", lastTradeDateOrContractMonth="202608"))
    assert [d.contract.localSymbol for d in oil] == ["CLQ6"]
    assert oil[0].contract.lastTradeDateOrContractMonth < "202608"
    continuous = universe.find(Query(symbol="ES", secType="CONTFUT", exchange="CME"))
    assert [(d.contract.secType, d.contract.localSymbol) for d in continuous] == [("CONTFUT", "ESM6")]


def test_chains_agree_with_their_parameters(universe: Universe) -> None:
    for symbol in sorted({chain.symbol for chain in CHAINS}):
        under = universe.underlying(symbol)
        rows = universe.option_params(under.contract.conId)
        smart = [row for row in rows if row.exchange in {"SMART", "EUREX"}]
        expected = {
            (row.tradingClass, day, strike, right)
            for row in smart
            for day in row.expirations
            for strike in row.strikes
            for right in "CP"
        }
        options = [option.contract for options in universe.chain(symbol).values() for option in options]
        found = {(o.tradingClass, o.lastTradeDateOrContractMonth, o.strike, o.right) for o in options}
        assert found == expected
        assert len(found) == len(options) >= 500


def test_spx_has_two_trading_classes(universe: Universe) -> None:
    assert {row.tradingClass for row in universe.option_params(416904)} == {"SPX", "SPXW"}
    assert universe.option_params(12087792) == []


def test_options_match_partially(universe: Universe) -> None:
    day = next(iter(universe.chain("AAPL")))
    row = Query(symbol="AAPL", secType="OPT", exchange="SMART", lastTradeDateOrContractMonth=day, right="C")
    calls = universe.find(row)
    assert len(calls) == len({details.contract.strike for details in calls}) > 30
    assert {details.contract.right for details in calls} == {"C"}
    wanted = calls[3].contract
    exact = universe.find(Query(localSymbol=wanted.localSymbol, secType="OPT", exchange="SMART"))
    assert [details.contract for details in exact] == [wanted]
    assert universe.get(wanted.conId) is calls[3]
    assert calls[3].underConId == 265598


def test_an_option_keeps_its_number_from_day_to_day(universe: Universe) -> None:
    tomorrow = Universe(1, lambda: MONDAY_NOON + 86_400)
    today = {option.contract for options in universe.chain("SPY").values() for option in options}
    later = {option.contract for options in tomorrow.chain("SPY").values() for option in options}
    assert len(today & later) > len(today) // 2
    listed_only_today = next(iter(sorted(today - later, key=lambda c: c.lastTradeDateOrContractMonth, reverse=True)))
    found = tomorrow.get(listed_only_today.conId)
    assert found is None or found.contract == listed_only_today


def test_every_number_in_the_option_range_decodes_to_itself_or_nothing() -> None:
    for conId in range(chains.FIRST_CONID, chains.FIRST_CONID + 200_000, 997):
        place = chains.decode(conId, seed=5)
        assert place is None or chains.encode(place, seed=5) == conId


def test_expirations_are_trading_days_and_holidays_move_them() -> None:
    spy = next(chain for chain in CHAINS if chain.symbol == "SPY")
    days = chains.expirations(spy, date(2026, 6, 8))
    assert days == sorted(set(days))
    assert all(day.weekday() < 5 and day not in holidays(day.year) for day in days)
    assert chains.third_friday(2026, 6) == date(2026, 6, 18)  # Juneteenth is a Friday in 2026


def test_matching_symbols(universe: Universe) -> None:
    found = universe.matching("app")
    assert found[0].contract.symbol == "APP" or found[0].contract.symbol == "AAPL"
    assert any(match.contract.conId == 265598 and "OPT" in match.derivativeSecTypes for match in found)
    assert [match.contract.symbol for match in universe.matching("SPY")][:1] == ["SPY"]
    assert universe.matching("zzzzz") == universe.matching(" ") == []
    assert len(universe.matching("A")) <= 16


def test_market_rules(universe: Universe) -> None:
    for details in [*universe.listed(), *next(iter(universe.chain("AAPL").values()))]:
        for rule in set(details.marketRuleIds.split(",")):
            steps = universe.market_rule(int(rule))
            assert steps is not None
            assert min(tick for _, tick in steps) == details.minTick, details.contract
    assert universe.market_rule(424242) is None


def test_hours_know_weekends_holidays_and_evenings() -> None:
    text = hours_text("US", date(2026, 7, 2), rth=True)
    assert "20260703:CLOSED" in text  # Independence Day is kept on the Friday
    assert re.fullmatch(r"(\d{8}:(CLOSED|\d{4}-\d{8}:\d{4});?)+", text)
    assert hours_text("CME", date(2026, 6, 8), rth=False).startswith("20260607:1700-20260608:1600")
    assert is_open("US", MONDAY_NOON)
    assert not is_open("US", MONDAY_NOON - 86_400)
    assert next_open("US", MONDAY_NOON - 86_400, rth=True) == MONDAY_NOON - 2.5 * 3600
