"""Market data over TCP: one line for a contract, every tick in order, refusals by their codes, lines given back."""

from __future__ import annotations

import asyncio
import time

import pytest
from session_stage import APPLE, Heard, Stage, soon, until

from ibmux.config import GatewaySettings
from ibmux.errors import GatewayTimeout, NoLines, NotReady, UnknownContract
from ibmux.messages.contracts import Contract
from ibmux.session import Hooks, Session, lines
from ibmux.session.gate import Gate
from ibmux.session.ticks import Line
from ibmux.sim import SimulatedGateway
from ibmux.tws.framing import join_fields


async def contract(session: Session, symbol: str) -> Contract:
    (details,) = await session.contract_details(
        Contract(secType="STK", symbol=symbol, exchange="SMART", currency="USD"), deadline=soon()
    )
    assert details.contract is not None
    return details.contract


async def test_a_line_brings_a_whole_quote_and_every_tick(
    session: Session, gateway: SimulatedGateway, apple: Contract, heard: Heard
) -> None:
    await session.open_line(apple, deadline=soon())
    await until(lambda: {"bid", "ask", "last", "close", "volume"} <= session.quote_fields(apple.conId)[1].keys())
    data_type, fields = session.quote_fields(apple.conId)
    assert data_type == 1
    assert 0 < fields["bid"] < fields["ask"]
    assert isinstance(fields["lastTimestamp"], float)
    replayed = Line(apple)
    for con_id, ticks, changed in heard.of("on_ticks"):
        assert con_id == apple.conId
        for kind, price, size in ticks:
            if kind in (0, 3, 5, 8):
                replayed.size(kind, size)
            elif kind == 49:
                replayed.generic(kind, price)
            else:
                replayed.price(kind, price, size)
        replayed.fields |= {name: value for name, value in changed.items() if name != "marketDataType"}
    assert replayed.fields == session.quote_fields(apple.conId)[1]
    assert session.stats().ticks_in == sum(len(ticks) for _, ticks, _ in heard.of("on_ticks"))
    assert gateway.stats.lines == {1: 1}


async def test_closing_gives_the_line_back_and_ends_its_ticks(
    session: Session, gateway: SimulatedGateway, apple: Contract, heard: Heard
) -> None:
    await session.open_line(apple, deadline=soon())
    await session.close_line(apple.conId)
    await session.close_line(apple.conId)
    heard.calls.clear()
    await until(lambda: gateway.stats.lines == {1: 0})
    assert not heard.of("on_ticks")
    assert session.quote_fields(apple.conId)[1] == {}


async def test_reopening_cancels_first_so_that_nothing_leaks(
    session: Session, gateway: SimulatedGateway, apple: Contract
) -> None:
    await session.open_line(apple, deadline=soon())
    first = set(gateway.clients[1].lines)
    await session.reopen_line(apple, "233", deadline=soon())
    await until(lambda: not first & set(gateway.clients[1].lines))
    assert gateway.stats.lines == {1: 1}
    assert session.lines[apple.conId].generic_ticks == "233"
    with pytest.raises(RuntimeError):
        await session.open_line(apple, deadline=soon())


async def test_refusals_are_errors_and_leave_no_line(stage: Stage) -> None:
    gateway = await stage.gateway(lines=1)
    session = await stage.ready(gateway)
    with pytest.raises(UnknownContract):
        await session.open_line(Contract(conId=123454321, exchange="SMART"), deadline=soon())
    await session.open_line(await contract(session, "AAPL"), deadline=soon())
    microsoft = await contract(session, "MSFT")
    with pytest.raises(NoLines) as refused:
        await session.open_line(microsoft, deadline=soon())
    assert refused.value.ib is not None
    assert refused.value.ib[0] == 101
    assert len(session.lines) == 1
    await session.close_line(next(iter(session.lines)))
    await session.open_line(microsoft, deadline=soon())


async def test_a_snapshot_is_complete_and_leaves_nothing(
    session: Session, gateway: SimulatedGateway, apple: Contract, heard: Heard
) -> None:
    data_type, fields = await session.snapshot(apple, deadline=soon())
    assert data_type == 1
    assert {"bid", "ask", "last", "bidSize", "askSize", "close"} <= fields.keys()
    assert not heard.of("on_ticks")
    assert gateway.stats.lines == {1: 0}
    with pytest.raises(UnknownContract):
        await session.snapshot(Contract(conId=123454321, exchange="SMART"), deadline=soon())


async def test_delayed_data_is_asked_for_and_again_after_a_reconnect(stage: Stage, gateway: SimulatedGateway) -> None:
    session = await stage.ready(gateway, market_data_type=3)
    await until(lambda: gateway.clients[1].market_type == 3)
    await session.set_market_data_type(4, deadline=soon())
    await until(lambda: gateway.clients[1].market_type == 4)
    assert session.market_data_type == 4
    await gateway.close()
    again = await stage.gateway(port=gateway.port)
    await until(lambda: 1 in again.clients and again.clients[1].market_type == 4)


async def test_many_lines_come_back_after_1101_within_the_budget(
    session: Session, gateway: SimulatedGateway, heard: Heard
) -> None:
    opened = [await contract(session, symbol) for symbol in ("AAPL", "MSFT", "NVDA", "AMZN")]
    await asyncio.gather(*(session.open_line(each, deadline=soon()) for each in opened))
    client = gateway.clients[1]
    before = set(client.lines)
    client.error(-1, 1101, "Connectivity has been restored - data lost.")
    await until(lambda: len(client.lines) == 4 and not before & set(client.lines))
    heard.calls.clear()
    await until(lambda: {call[0] for call in heard.of("on_ticks")} == {each.conId for each in opened})


async def test_a_line_asked_for_during_a_gap_waits_or_is_refused(
    stage: Stage, gateway: SimulatedGateway, session: Session, apple: Contract
) -> None:
    await gateway.close()
    await until(lambda: session.state == "waiting")
    with pytest.raises(NotReady):
        await session.open_line(apple, deadline=0.0)
    waiting = asyncio.create_task(session.open_line(apple, deadline=soon()))
    again = await stage.gateway(port=gateway.port)
    await waiting
    assert again.stats.lines == {1: 1}
    await session.close_line(apple.conId)


async def test_five_thousand_ticks_a_second_arrive_whole_and_in_order(stage: Stage) -> None:
    gateway = await stage.gateway(rate=5000.0, stamp=True)
    session = await stage.ready(gateway)
    stamps: list[float] = []
    session.hooks = Hooks(on_ticks=lambda _, ticks, __: stamps.extend(size for kind, _, size in ticks if kind == 0))
    await session.open_line(await contract(session, "AAPL"), deadline=soon())
    await until(lambda: len(stamps) > 500)
    assert stamps == sorted(stamps)


def test_a_tick_costs_microseconds() -> None:
    session = Session(GatewaySettings())
    session._streams["7"] = Line(APPLE)
    price, size = ["1", "6", "7", "1", "100.5", "3", "1"], ["2", "6", "7", "0", "3"]
    started = time.process_time()  # what other programs take of the machine is not counted
    for number in range(20_000):
        price[4], size[4] = str(100 + number % 7), str(number % 5 + 1)
        session._on_price(price)
        session._on_size(size)
        if number % 20 == 0:
            session._flush()
    per_tick = (time.process_time() - started) / 40_000
    assert per_tick < 20e-6, f"{per_tick * 1e6:.1f} µs"


async def test_a_line_given_up_while_the_gateway_is_cut_off_is_given_back_all_the_same(
    session: Session, gateway: SimulatedGateway, apple: Contract
) -> None:
    await session.open_line(apple, deadline=soon())
    session.gate = Gate(20.0, 1)
    await session.gate.send("market", "", lambda: None)
    await session.close_line(apple.conId)
    assert session.stats().lanes["market"].depth == 1
    gateway.clients[1].error(-1, 1100, "Connectivity lost.")
    await until(lambda: session.state == "cut")
    gateway.clients[1].error(-1, 1102, "Connectivity restored.")
    await until(lambda: gateway.stats.lines == {1: 0})


async def test_what_was_posted_for_a_connection_that_is_gone_is_void(
    stage: Stage, gateway: SimulatedGateway, session: Session, apple: Contract
) -> None:
    await session.open_line(apple, deadline=soon())
    sent: list[str] = []
    session.gate = Gate(20.0, 1)
    await session.gate.send("market", "", lambda: None)
    session._post_cancel(lambda link: sent.append("stale"))
    session.park("A pause.")
    session.resume()
    await session.until_ready(soon())
    session._post_cancel(lambda link: sent.append("fresh"))
    await until(lambda: sent == ["fresh"])


async def test_an_option_brings_its_greeks(session: Session, apple: Contract) -> None:
    (chain, *_) = await session.option_parameters("AAPL", "", "STK", apple.conId, deadline=soon())
    middle = chain.strikes[len(chain.strikes) // 2]
    wanted = Contract(
        secType="OPT", symbol="AAPL", exchange=chain.exchange, currency="USD", strike=middle, right="C",
        lastTradeDateOrContractMonth=chain.expirations[-1], tradingClass=chain.tradingClass,
    )  # fmt: skip
    (details,) = await session.contract_details(wanted, deadline=soon())
    option = details.contract
    assert option is not None
    assert (option.strike, option.right) == (middle, "C")
    await session.open_line(option, "106", deadline=soon())
    await until(lambda: "modelGreeks" in session.quote_fields(option.conId)[1])
    greeks = session.quote_fields(option.conId)[1]["modelGreeks"]
    assert 0 <= greeks["delta"] <= 1
    assert greeks["undPrice"] > 0


async def test_generic_ticks_and_efp_reach_the_line(
    session: Session, gateway: SimulatedGateway, apple: Contract, heard: Heard
) -> None:
    await session.open_line(apple, deadline=soon())
    request = session.lines[apple.conId].request
    client = gateway.clients[1]
    fields = (45, 6, request, 23, 0.25), (47, 1, request, 38, 1.5, "1.5", 2.5, 30, "20270101", 0.5, 0.25)
    for each in fields:
        client.send(join_fields(map(str, each)))
    await until(lambda: "bidEfp" in session.quote_fields(apple.conId)[1])
    quote = session.quote_fields(apple.conId)[1]
    assert (quote["histVolatility"], quote["bidEfp"]["impliedFuture"]) == (0.25, 2.5)
    assert (23, 0.25, 0.0) in [tick for _, ticks, _ in heard.of("on_ticks") for tick in ticks]


async def test_a_line_that_waits_too_long_for_its_turn_is_not_opened(
    session: Session, gateway: SimulatedGateway, apple: Contract
) -> None:
    session.gate = Gate(0.05, 1)
    await session.gate.send("market", "", lambda: None)
    with pytest.raises(GatewayTimeout):
        await session.open_line(apple, deadline=soon(0.05))
    assert session.lines == {}
    assert session.stats().lanes["market"].depth == 0


async def test_news_about_a_line_that_is_open_is_told(
    session: Session, gateway: SimulatedGateway, apple: Contract, heard: Heard
) -> None:
    await session.open_line(apple, deadline=soon())
    gateway.clients[1].error(session.lines[apple.conId].request, 10182, "No updates of real time data")
    told = await until(lambda: [text for code, text in heard.of("on_notice") if code == 10182])
    assert told == [f"AAPL ({apple.conId}): No updates of real time data"]


async def test_a_line_that_the_gateway_gives_up_is_asked_for_again(
    session: Session, gateway: SimulatedGateway, apple: Contract, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "FIRST_PAUSE", 0.05)
    await session.open_line(apple, deadline=soon())
    line = session.lines[apple.conId]
    before = line.request
    gateway.clients[1].error(before, 10182, "No updates of real time data")
    await until(lambda: line.failures)
    assert session.is_stale(apple.conId)
    assert heard.of("on_stale") == [apple.conId]
    assert session.quote_fields(apple.conId)[1]
    await until(lambda: line.request not in (0, before) and line.failures == 0)
    await until(lambda: not session.is_stale(apple.conId))
    ((start, end, why, names),) = await until(lambda: heard.of("on_gap"))
    assert start < end
    assert (why, names) == ("No updates of real time data", [f"{apple.conId}/quote"])
    assert list(gateway.clients[1].lines) == [line.request]
    gateway.clients[1].error(line.request, 10182, "No updates of real time data")
    await until(lambda: line.failures > 0)
    await session.close_line(apple.conId)
    assert line.again is None


async def test_what_was_given_up_is_asked_for_when_a_cut_is_over(
    session: Session, gateway: SimulatedGateway, apple: Contract, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "FIRST_PAUSE", 1.5)  # the cut has to come before it is due
    await session.open_line(apple, deadline=soon())
    line = session.lines[apple.conId]
    gateway.clients[1].error(line.request, 10182, "No updates of real time data")
    await until(lambda: line.failures > 0)
    await gateway.faults.cut()
    await until(lambda: session.state == "cut")
    await until(lambda: line.again is None and line.request == 0)
    await gateway.faults.heal()
    await until(lambda: session.state == "ready" and line.request and line.failures == 0)
    assert 200 not in [code for code, _ in heard.of("on_notice")]
