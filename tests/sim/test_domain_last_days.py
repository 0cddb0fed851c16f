"""Contracts that end: last days by the exchanges' rules, the instant of the end, chains and futures that move on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from random import Random
from typing import NamedTuple

import pytest

from ibmux.sim.calendar.hours import zone
from ibmux.sim.catalogue import chains, conids, futures
from ibmux.sim.catalogue.chain_list import layout
from ibmux.sim.catalogue.contracts import ContractDetails, Query
from ibmux.sim.catalogue.expirations import last_day
from ibmux.sim.catalogue.markets import FUTURES
from ibmux.sim.catalogue.universe import Universe

ES = Query(symbol="ES", secType="FUT", exchange="CME")


def at(text: str, name: str = "US/Eastern") -> float:
    return datetime.strptime(text, "%Y%m%d %H:%M").replace(tzinfo=zone(name)).timestamp()


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(at("20260608 12:00"))


@pytest.fixture
def universe(clock: Clock) -> Universe:
    return Universe(1, clock)


def locals_of(found: list[ContractDetails]) -> list[str]:
    return [details.contract.localSymbol for details in found]


@pytest.mark.parametrize(
    ("rule", "year", "month", "day"),
    [
        ("third friday", 2026, 9, date(2026, 9, 18)),
        ("third friday", 2026, 6, date(2026, 6, 18)),  # Juneteenth is the third Friday
        ("eurex", 2026, 6, date(2026, 6, 19)),
        ("crude oil", 2026, 8, date(2026, 7, 21)),  # the 25th is a Saturday: four days before
        ("natural gas", 2026, 8, date(2026, 7, 29)),
        ("metal", 2026, 8, date(2026, 8, 27)),
        ("treasury", 2026, 9, date(2026, 9, 21)),
        ("currency", 2026, 9, date(2026, 9, 14)),
        ("volatility", 2026, 6, date(2026, 6, 17)),
        ("last friday", 2026, 7, date(2026, 7, 31)),
        ("metal option", 2026, 8, date(2026, 7, 28)),
        ("treasury option", 2026, 9, date(2026, 8, 21)),  # two business days before the 31st, a Monday
        ("month end", 2026, 6, date(2026, 6, 30)),
    ],
)
def test_last_days(rule: str, year: int, month: int, day: date) -> None:
    assert last_day(rule, year, month) == day


def test_futures_roll_at_their_last_moment(universe: Universe, clock: Clock) -> None:
    assert locals_of(universe.find(ES)) == ["ESM6", "ESU6", "ESZ6", "ESH7"]
    june = universe.find(ES)[0]
    assert june.expires == at("20260618 08:30", "US/Central")
    clock.now = june.expires - 1
    assert locals_of(universe.find(ES))[0] == "ESM6"
    clock.now = june.expires
    assert locals_of(universe.find(ES)) == ["ESU6", "ESZ6", "ESH7", "ESM7"]
    assert locals_of(universe.find(replace(ES, secType="CONTFUT"))) == ["ESU6"]
    assert june.has_expired(clock.now)
    assert universe.get(june.contract.conId) is june
    assert universe.find(Query(conId=june.contract.conId)) == []
    assert universe.find(Query(conId=june.contract.conId, includeExpired=True)) == [june]


def test_the_volume_moves_to_the_next_month(universe: Universe, clock: Clock) -> None:
    june, september = universe.find(ES)[:2]
    assert june.dailyVolume > 5 * september.dailyVolume
    clock.now = june.expires + 60
    assert universe.find(ES)[0] is september
    assert september.dailyVolume > 1_000_000


def test_expired_futures_of_two_years(universe: Universe) -> None:
    found = locals_of(universe.find(replace(ES, includeExpired=True)))
    assert found == ["ESM4", "ESU4", "ESZ4", "ESH5", "ESM5", "ESU5", "ESZ5", "ESH6", "ESM6", "ESU6", "ESZ6", "ESH7"]
    asked = replace(ES, includeExpired=True, lastTradeDateOrContractMonth="202603")
    assert locals_of(universe.find(asked)) == ["ESH6"]
    assert universe.find(replace(asked, includeExpired=False)) == []


@pytest.mark.parametrize("product", range(len(FUTURES)))
def test_every_product_is_listed_in_any_month(product: int) -> None:
    terms = FUTURES[product]
    numbers = set()
    for month in range(1, 25):
        day = date(2026 + (month - 1) // 12, (month - 1) % 12 + 1, 15)
        now = datetime(day.year, day.month, day.day, tzinfo=zone("UTC")).timestamp()
        listed = futures.deliveries(product, day, now)
        ends = [futures.expiry_of(one)[1] for one in listed]
        assert ends == sorted(set(ends))
        assert ends[0] > now
        for one in listed:
            number = futures.encode(one, 7)
            assert futures.decode(number, 7) == one
            numbers.add(number)
    assert len(numbers) > len(terms.months)


class End(NamedTuple):
    symbol: str
    name: str
    last: str
    settled: str
    expires: str


@pytest.mark.parametrize(
    "end",
    [
        End("SPY", "SPY", "20260612", "20260612", "20260612 16:00"),
        End("SPX", "SPX", "20260716", "20260717", "20260717 09:30"),
        End("SPX", "SPXW", "20260717", "20260717", "20260717 16:00"),
        End("VIX", "VIX", "20260616", "20260617", "20260617 09:30"),
        End("ESTX50", "OESX", "20260717", "20260717", "20260717 06:00"),
        End("AAPL", "AAPL", "20261127", "20261127", "20261127 13:00"),  # a half day
    ],
)
def test_options_end_at_their_instant(universe: Universe, clock: Clock, end: End) -> None:
    if end.last > "202611":
        clock.now = at("20261123 12:00")
    spot = universe.underlying(end.symbol)
    asked = Query(
        symbol=end.symbol, secType="OPT", lastTradeDateOrContractMonth=end.last, tradingClass=end.name, right="C"
    )
    option = universe.find(asked)[0]
    assert option.realExpirationDate == end.settled
    assert option.expires == at(end.expires)
    assert option.underConId == spot.contract.conId
    assert option.european is option.cashSettled is (end.symbol in {"SPX", "VIX", "ESTX50"})
    clock.now = option.expires
    assert universe.find(asked) == []
    assert universe.find(replace(asked, includeExpired=True)) == []  # of options a gateway keeps nothing
    assert universe.get(option.contract.conId) is option


def test_an_expired_option_is_known_to_a_world_that_never_saw_it(universe: Universe, clock: Clock) -> None:
    option = universe.find(Query(symbol="MSFT", secType="OPT", lastTradeDateOrContractMonth="20260612", right="P"))[0]
    clock.now += 30 * 86_400
    again = Universe(1, clock).get(option.contract.conId)
    assert again is not None
    assert again.contract == option.contract
    assert again.has_expired(clock.now)


def test_chains_move_on_with_the_date(universe: Universe, clock: Clock) -> None:
    before = set(universe.chain("AAPL"))
    clock.now += 14 * 86_400
    after = set(universe.chain("AAPL"))
    assert min(after) >= "20260622"
    assert len(after - before) > 0
    assert len(after & before) > len(before) // 2


def test_options_on_futures_are_written_on_the_month_that_outlives_them(universe: Universe) -> None:
    for symbol, exchange in (("ES", "CME"), ("CL", "NYMEX"), ("GC", "COMEX"), ("ZN", "CBOT"), ("EUR", "CME")):
        found = universe.find(Query(symbol=symbol, secType="FOP", exchange=exchange))
        assert len({option.contract.lastTradeDateOrContractMonth for option in found}) >= 4
        for option in found[::41]:
            under = universe.get(option.underConId)
            assert under is not None
            assert (under.contract.secType, under.contract.symbol) == ("FUT", symbol)
            assert under.contract.lastTradeDateOrContractMonth >= option.realExpirationDate
            assert option.underSymbol == under.contract.localSymbol
            assert option.contract.localSymbol.startswith(option.contract.tradingClass)
            assert chains.decode(option.contract.conId, 1) is not None


@pytest.mark.parametrize("year", [2019, 2024, 2026, 2031, 2038])
def test_worlds_of_any_year_have_options(year: int) -> None:
    now = datetime(year, 5, 13, 15, tzinfo=zone("UTC")).timestamp()
    universe = Universe(3, lambda: now)
    for symbol in ("SPX", "KO", "VIX", "SPY"):
        first = next(iter(universe.chain(symbol).values()))[0]
        found = Universe(3, lambda: now).get(first.contract.conId)
        assert found is not None
        assert found.contract == first.contract
        assert first.contract.lastTradeDateOrContractMonth[:4] in {str(year), str(year + 1)}


@pytest.mark.parametrize("secType", ["OPT", "FOP"])
def test_the_room_for_strikes_is_enough(secType: str) -> None:
    family = layout(secType)
    assert family.bases[-1] < 1 << (chains.BLOCKS[secType].bits - chains.DAY_BITS - 1)
    assert all(chain.slots * chain.step > 2.5 * chain.level for chain in family.chains)


def test_numbers_stand_for_one_contract_only(universe: Universe) -> None:
    numbers = [details.contract.conId for details in universe.listed()]
    for symbol, secType in (("SPX", "OPT"), ("VIX", "OPT"), ("KO", "OPT"), ("ES", "FOP"), ("CL", "FOP")):
        numbers += [option.contract.conId for row in universe.options.chain(symbol, secType).values() for option in row]
    assert len(numbers) == len(set(numbers)) > 10_000
    assert max(numbers) < 2**31


@pytest.mark.parametrize("symbol", ["ES", "CL", "SPX", "ESTX50", "SPY"])
def test_an_option_is_found_by_its_local_symbol(universe: Universe, symbol: str) -> None:
    secType = "FOP" if symbol in {"ES", "CL"} else "OPT"
    for row in list(universe.options.chain(symbol, secType).values())[:5]:
        wanted = row[len(row) // 2].contract
        found = universe.find(Query(localSymbol=wanted.localSymbol, secType=secType, exchange=wanted.exchange))
        assert [details.contract for details in found] == [wanted]


def test_any_number_is_a_contract_of_that_number_or_none(universe: Universe) -> None:
    seed = 20261121
    draw = Random(seed)
    blocks = (
        conids.OPTIONS, conids.FUTURE_OPTIONS, conids.FUTURES, conids.CFDS, conids.BONDS, conids.FUNDS, conids.NEWS
    )  # fmt: skip
    numbers = [block.first + draw.randrange(-2, (1 << block.bits) + 2) for block in blocks for _ in range(1500)]
    found = 0
    for number in [*numbers, 0, -1, 2**31 - 1, 2**63]:
        details = universe.get(number)
        if details is not None:
            found += 1
            assert details.contract.conId == number, f"seed {seed}"
            asked = Query(conId=number, includeExpired=True)
            assert [one.contract.conId for one in universe.find(asked)] in ([number], []), f"seed {seed}"
    assert found > 10
