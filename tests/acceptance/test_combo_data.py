"""Market data of combinations: each is one line under a number of its own, whoever reads it and however it is named."""

from __future__ import annotations

import itertools
from typing import Any

import ib_async
import pytest
from stage import raw_script, until, url_of

import ibmux
from ibmux import errors, topics
from ibmux.daemon import Proxy
from ibmux.sim import SimulatedGateway

STOCKS = ("AAPL", "MSFT", "NVDA")


def bag(library: Any, symbol: str, *legs: tuple[int, str, int]) -> Any:
    """A combination in the classes of ibmux or ib_async; legs are conId, action and ratio."""
    return library.Bag(
        symbol=symbol,
        exchange="SMART",
        currency="USD",
        comboLegs=[library.ComboLeg(conId=con, action=act, ratio=ratio, exchange="SMART") for con, act, ratio in legs],
    )


async def numbers(ib: ibmux.IB) -> list[int]:
    found = await ib.qualifyContracts(*(ibmux.Stock(name, "SMART", "USD") for name in STOCKS))
    return [each.conId for each in found if each]


async def test_one_combination_is_one_line_whatever_its_name(simulator: SimulatedGateway, proxy: Proxy) -> None:
    async with ibmux.connect("one", url=url_of(proxy)) as one, ibmux.connect("two", url=url_of(proxy)) as two:
        apple, microsoft, _ = await numbers(one)
        long, short = (apple, "BUY", 2), (microsoft, "SELL", 1)
        first = await one.reqMktData(bag(ibmux, "AAPL,MSFT", long, short))
        second = await two.reqMktData(bag(ib_async, "spread", short, long))
        await until(lambda: first.ask == first.ask and second.ask == second.ask, "quotes of both")
        assert len(proxy.gateways["paper"].session.lines) == 1
        (number,) = proxy.gateways["paper"].session.lines
        assert number < 0
        (line,) = simulator.clients[1].lines.values()
        assert line.details.contract.secType == "BAG"
        await until(lambda: (first.bid, first.ask) == (second.bid, second.ask), "equal quotes")
        again = bag(ibmux, "", short, long)
        again.conId = 28812380  # as fills of combinations name them all
        assert one.ticker(again) is first
        assert await one.reqMktData(again) is first
        assert await one.cancelMktData(again)
        assert one.tickers() == []
        count: list[Any] = []
        second.updateEvent += count.append
        await until(lambda: count, "ticks for the other one")


async def test_two_combinations_do_not_meet_and_both_come_back(simulator: SimulatedGateway, proxy: Proxy) -> None:
    async with ibmux.connect("one", url=url_of(proxy)) as ib:
        apple, microsoft, nvidia = await numbers(ib)
        bags = [
            bag(ibmux, "S", (apple, "BUY", 1), (microsoft, "SELL", 1)),
            bag(ibmux, "S", (apple, "SELL", 1), (microsoft, "BUY", 1)),
            bag(ibmux, "S", (apple, "BUY", 1), (nvidia, "SELL", 1)),
            bag(ibmux, "S", (apple, "BUY", 3), (microsoft, "SELL", 1)),
        ]
        tickers = [await ib.reqMktData(each) for each in bags]
        for one, other in itertools.combinations(tickers, 2):
            assert one is not other
        await until(lambda: all(each.ask == each.ask for each in tickers), "four quotes")
        await until(lambda: abs(tickers[0].ask + tickers[1].bid) < 1.0, "a spread and its mirror image")
        assert len({each.ask for each in tickers}) == 4
        before = set(simulator.clients[1].lines)
        simulator.drop()
        await until(lambda: proxy.gateways["paper"].session.state != "ready", "the loss is seen")
        await until(lambda: 1 in simulator.clients and len(simulator.clients[1].lines) == 4, "four lines again", 20)
        assert not before & set(simulator.clients[1].lines)
        fresh: set[int] = set()
        for place, ticker in enumerate(tickers):
            ticker.updateEvent += lambda _, place=place: fresh.add(place)
        await until(lambda: len(fresh) == 4, "ticks of all four")
        assert abs(tickers[0].ask + tickers[1].bid) < 1.0


async def test_snapshots_of_combinations_need_no_line(simulator: SimulatedGateway, proxy: Proxy) -> None:
    async with ibmux.connect("one", url=url_of(proxy)) as ib:
        apple, microsoft, nvidia = await numbers(ib)
        bags = [bag(ibmux, "S", (apple, "BUY", 1), (each, "SELL", 1)) for each in (microsoft, nvidia)]
        spread, other, plain = await ib.reqTickers(*bags, ibmux.Stock("AAPL", "SMART", "USD"))
        assert spread.ask != other.ask
        assert plain.ask > 0
        shot = await ib.reqMktData(bags[0], snapshot=True)
        assert abs(shot.ask - spread.ask) < 5.0
        assert ib.tickers() == []
        assert proxy.gateways["paper"].session.lines == {}
        assert await ib.qualifyContracts(bags[0]) == [None]


async def test_any_client_may_name_a_combination_by_the_number_of_its_lease(
    simulator: SimulatedGateway, proxy: Proxy
) -> None:
    async with ibmux.connect("one", url=url_of(proxy)) as ib, raw_script(url_of(proxy), "raw") as script:
        apple, microsoft, _ = await numbers(ib)
        legs = [
            {"conId": conId, "ratio": 1, "action": action, "exchange": "SMART"}
            for conId, action in ((apple, "BUY"), (microsoft, "SELL"))
        ]
        combo = {"secType": "BAG", "symbol": "X", "exchange": "SMART", "currency": "USD", "comboLegs": legs}
        lease = await script.ask("reqMktData", {"contract": combo})
        number = lease.payload["conId"]
        assert number == lease.payload["contract"]["conId"] == lease.payload["quote"]["conId"]
        assert -(2**48) <= number < 0
        assert topics.parse_con_id(topics.tick("paper", number)) == number
        assert (await script.ask("reqTickers", {"contracts": [{"conId": number}]})).payload[0]["conId"] == number
        assert (await script.ask("cancelMktData", {"contract": {"conId": number}})).payload is True
        unknown = await script.ask("reqMktData", {"contract": {"conId": -1}})
        assert unknown.code == "contract.unknown"


async def test_a_combination_needs_legs_that_are_known(proxy: Proxy) -> None:
    async with ibmux.connect("one", url=url_of(proxy)) as ib:
        for legs in ((), ((0, "BUY", 1), (272093, "SELL", 1))):
            with pytest.raises(errors.RequestError, match="legs"):
                await ib.reqMktData(bag(ibmux, "X", *legs))
        combo = bag(ibmux, "X", (265598, "BUY", 1), (272093, "SELL", 1))
        for ask, what in (
            (ib.reqTickByTickData(combo, "Last"), "tick-by-tick data"),
            (ib.reqMktDepth(combo, 5), "order books"),
            (ib.reqRealTimeBars(combo, 5, "TRADES", False), "five-second bars"),
        ):
            with pytest.raises(errors.RequestError, match=f"no {what} of combinations"):
                await ask
        assert ib.tickers() == []
        assert proxy.gateways["paper"].sharing().leases == 0
