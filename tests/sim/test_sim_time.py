"""Simulated time: a clock that stands, runs or races; a day in seconds; the same seed and clock, the same fills."""

from __future__ import annotations

import time
from typing import Any

import pytest
from wire_client import Opener, Raw, RawOpener, until

from ibmux.sim import Settings, SimulatedGateway
from ibmux.sim.calendar.agenda import Agenda
from ibmux.sim.calendar.clock import Clock
from ibmux.sim.faults.scenario import parse
from ibmux.tws.requests import REQUEST_NAMES

NOON = "20260106 12:00:00 US/Eastern"
SHARE = {"secType": "STK", "exchange": "SMART", "currency": "USD"}


def place(client: Raw, order_id: int, **more: Any) -> None:
    order = SHARE | {"symbol": "AAPL", "action": "BUY", "totalQuantity": 300, "orderType": "MKT", "transmit": True}
    client.send(*REQUEST_NAMES["placeOrder"].encode(order | more | {"orderId": order_id}, client.version))


def states(client: Raw, order_id: int) -> list[str]:
    return [message[2] for message in client.of(3) if message[1] == str(order_id)]


async def settle(client: Raw) -> None:
    seen = len(client.of(49))
    client.send(49, 1)
    await until(lambda: len(client.of(49)) > seen)


def test_a_standing_clock_moves_by_hand_alone() -> None:
    clock = Clock(1000.0, 0.0)
    assert clock.stands
    assert list(clock.steps()) == []
    assert (clock.now(), clock.real(3.0)) == (1000.0, 3.0)
    assert list(clock.pass_time(2.5)) == [1001.0, 1002.0, 1002.5]
    assert clock.now() == 1002.5


def test_a_fast_clock_moves_in_whole_steps() -> None:
    clock = Clock(1000.0, 5000.0)
    instants: list[float] = []
    while clock.now() < 1100:
        instants += list(clock.steps())
    assert instants[:3] == [1001.0, 1002.0, 1003.0]
    assert clock.real(10.0) == 0.002
    clock.set(speed=0.0)
    assert clock.now() == instants[-1]


def test_appointments_are_kept_in_order() -> None:
    agenda, done = Agenda(), list[str]()
    agenda.at(5.0, lambda: done.append("later"))
    agenda.at(3.0, lambda: (done.append("first"), agenda.at(3.0, lambda: done.append("at once"))))
    agenda.at(3.0, lambda: done.append("second"))
    called_off = agenda.at(4.0, lambda: done.append("never"))
    called_off.cancel()
    assert len(agenda) == 3
    agenda.run(4.5)
    assert done == ["first", "second", "at once"]
    agenda.run(5.0)
    assert done[-1] == "later"
    called_off.cancel()
    assert len(agenda) == 0


async def test_nothing_happens_while_time_stands(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(start=NOON, speed=0.0, fill_delay=1.0)
    client = await raw(gateway, 1)
    place(client, 1)
    await settle(client)
    assert "Filled" not in states(client, 1)
    assert [message[2] for message in client.of(49)] == [str(int(gateway.clock.now()))]
    await gateway.pass_time(5.0)
    await until(lambda: "Filled" in states(client, 1))


async def test_the_greeting_tells_the_simulated_time(open_gateway: Opener) -> None:
    gateway = await open_gateway(start=NOON, speed=0.0)
    import ib_async

    ib = ib_async.IB()
    await ib.connectAsync(gateway.host, gateway.port, clientId=1, timeout=20)
    assert "20260106 17:00:00" in str(ib.client.connState) or (await ib.reqCurrentTimeAsync()).hour == 17
    ib.disconnect()


SCENARIO = """
start = "20260106 10:00:00 US/Eastern"
speed = 0
length = "30min"
[settings]
linger = 0.0
messages_per_second = 10_000
partial_share = 0.5
status_first = 0.3
fee_delay = 2.0
[[at]]
time = "10:05"
do = "cut 60"
[[at]]
time = "10:10"
do = ["duplicate 30% execDetails orderStatus", "shock -3% 2min"]
[[at]]
time = "10:20"
do = "restart 60 roll=2"
"""


async def run_once(raw: RawOpener, seed: int) -> tuple[list[list[str]], list[tuple[str, str]]]:
    """A scripted client through the scenario: every fill and commission that it saw, and the gateway's own record."""
    scenario = parse(SCENARIO, "x", seed=seed)
    seen: list[list[str]] = []
    async with SimulatedGateway(scenario.settings) as gateway:
        scenario.play(gateway)
        client = await raw(gateway, 1)
        order_id = 0
        for minute in range(30):
            if client.ended and gateway.door.is_open:
                seen += client.of(11) + client.of(59)
                client = await raw(gateway, 1)
                order_id = max(order_id, int(client.of(9)[0][2]))
            if not client.ended:
                order_id += 1
                side = "BUY" if minute % 3 else "SELL"
                symbol = ("AAPL", "MSFT", "SPY")[minute % 3]
                place(client, order_id, symbol=symbol, action=side, account="DU1000001")
                line = SHARE | {"reqId": 1000 + minute, "symbol": symbol}
                client.send(*REQUEST_NAMES["reqMktData"].encode(line, client.version))
                await settle(client)
            await gateway.pass_time(60.0)
            if "restart" in gateway.faults.in_force:
                await until(lambda: client.ended)  # noqa: B023 - awaited before the next turn
            elif not client.ended:
                await settle(client)
        await until(lambda: client.of(59))
        seen += client.of(11) + client.of(59)
        told = [
            (entry.kind, entry.text) for entry in gateway.log if entry.kind in ("fault", "lifted", "step", "closed")
        ]
    return seen, told


async def test_two_runs_of_one_scenario_give_equal_fills(raw: RawOpener) -> None:
    first, again, other = [await run_once(raw, seed) for seed in (5, 5, 6)]
    assert len(first[0]) > 60
    assert first == again
    assert first[0] != other[0]


async def test_a_shock_moves_all_prices_and_only_later_ones(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(start="20260106 10:00:00 US/Eastern", speed=0.0)
    market, universe = gateway.world.market, gateway.world.universe
    from ibmux.sim.catalogue.contracts import Query

    def tape(symbol: str, kind: str = "STK") -> Any:
        query = Query(symbol=symbol, secType=kind, exchange="SMART" if kind == "STK" else "IDEALPRO", currency="USD")
        return market.tape(universe.find(query)[0].contract.conId)

    begun = gateway.clock.now()
    names = ("AAPL", "MSFT", "SPY")
    await gateway.pass_time(3600)
    still = {name: tape(name).bar(begun, begun + 3600, "TRADES") for name in names}
    euro = tape("EUR", "CASH").mid(begun + 1800)
    other = await open_gateway(start="20260106 10:00:00 US/Eastern", speed=0.0)
    await other.faults.apply("shock -10% 10min")
    market, universe = other.world.market, other.world.universe
    await other.pass_time(3600)
    for name in names:
        assert tape(name).mid(begun - 60) == pytest.approx(
            gateway.world.market.tape(tape(name).details.contract.conId).mid(begun - 60)
        )
        ratio = tape(name).mid(begun + 1800) / gateway.world.market.tape(tape(name).details.contract.conId).mid(
            begun + 1800
        )
        assert ratio == pytest.approx(0.9, abs=0.002)
        whole = tape(name).bar(begun, begun + 3600, "TRADES")
        parts = [tape(name).bar(begun + 60 * number, begun + 60 * (number + 1), "TRADES") for number in range(60)]
        assert whole.low == min(part.low for part in parts) < 0.95 * still[name].low
        assert whole.high == max(part.high for part in parts)
    assert tape("EUR", "CASH").mid(begun + 1800) == euro


async def test_a_trading_day_passes_in_seconds(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(
        start="20260106 09:20:00 US/Eastern", speed=10_000.0, always_open=False, fill_delay=1.0, linger=0.0
    )
    client = await raw(gateway, 1)
    began = time.monotonic()
    place(client, 1, account="DU1000001")
    place(client, 2, orderType="LMT", lmtPrice=1.0, account="DU1000001")
    await until(lambda: (1, 399) in client.errors() or states(client, 1))
    await until(lambda: "Filled" in states(client, 1))
    await until(lambda: "Cancelled" in states(client, 2), 40)
    assert time.monotonic() - began < 50


async def test_a_whole_day_of_seconds_is_cheap() -> None:
    settings = Settings(start="20260106 09:25:00 US/Eastern", speed=0.0, always_open=False)
    async with SimulatedGateway(settings) as gateway:
        began = time.process_time()  # what other programs take of the machine is not counted
        await gateway.pass_time(24_000)
        assert time.process_time() - began < 10
