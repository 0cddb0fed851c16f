"""What ib_async gets wrong where many scripts share one session, and that ibmux does not.

Where it is cheap, ib_async shows its trap first, on a connection of its own to the same simulated gateway.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import ib_async
import pytest
from session_stage import APPLE, Heard, Stage, soon, until

from ibmux.errors import Busy, GatewayError, GatewayTimeout, NotReady
from ibmux.messages.contracts import Contract
from ibmux.messages.history import ReqHistoricalData
from ibmux.messages.orders import Order
from ibmux.session import Session
from ibmux.session.feeds import KeptBars, RealTimeFeed
from ibmux.session.gate import Gate
from ibmux.sim import SimulatedGateway
from ibmux.sim.answers import history as pasts
from ibmux.sim.faults.forwarder import Forwarder

PLAIN = 9
"""The clientId of ib_async, which is alone on its connection."""
SOON = 0.15
"""Seconds after which an answer that the gateway gives at once is not going to come."""
LOOKUPS = 1000
"""So many that more than a hundred still wait after twenty seconds."""
HUGE = 2_000_000
"""Shares that no order may be for."""
APPLE_PLAIN = ib_async.Stock("AAPL", "SMART", "USD", conId=265598)


@asynccontextmanager
async def plain(gateway: SimulatedGateway, **changes: Any) -> AsyncIterator[ib_async.IB]:
    """ib_async on its own, connected to the gateway."""
    ib = ib_async.IB()
    try:
        await ib.connectAsync(gateway.host, gateway.port, **{"clientId": PLAIN, "timeout": 20, **changes})
        yield ib
    finally:
        ib.disconnect()


async def hangs(answer: Awaitable[Any]) -> bool:
    """Whether an answer does not come though the gateway gave it."""
    future = asyncio.ensure_future(answer)
    done, _ = await asyncio.wait((future,), timeout=SOON)
    if not done:
        future.cancel()
    return not done


def limit(price: float = 1.0) -> Order:
    return Order(action="BUY", totalQuantity=10, orderType="LMT", lmtPrice=price, account="DU1000001")


def history(apple: Contract, duration: str = "1 D") -> ReqHistoricalData:
    return ReqHistoricalData(apple, duration, "5 mins", "TRADES", True)


# -- 1: questions without an id


ASKED_BY_NAME: dict[str, Callable[[Session], Awaitable[Any]]] = {
    "openOrders": lambda session: session.open_orders(deadline=soon()),
    "allOpenOrders": lambda session: session.all_open_orders(deadline=soon()),
    "completedOrders": lambda session: session.completed_orders(deadline=soon()),
    "accountValues": lambda session: session.portfolio("DU1000002", deadline=soon()),
    "accountSummary": lambda session: session.account_summary(deadline=soon()),
    "currentTime": lambda session: session.current_time(deadline=soon()),
    "scannerParams": lambda session: session.scanner_parameters(deadline=soon()),
    "newsProviders": lambda session: session.news_providers(deadline=soon()),
    "marketRule": lambda session: session.market_rule(26, deadline=soon()),
    "mktDepthExchanges": lambda session: session.depth_exchanges(deadline=soon()),
}


async def test_of_two_equal_questions_ib_async_answers_one_and_ibmux_both(
    gateway: SimulatedGateway, session: Session
) -> None:
    """ib_async keeps questions without an id under one name: a second one makes the first hang for ever."""
    async with plain(gateway) as ib:
        first, second = ib.reqPositionsAsync(), ib.reqPositionsAsync()
        assert await second
        assert await hangs(first)
    first_list, second_list = await asyncio.gather(*(session.open_orders(deadline=soon()) for _ in range(2)))
    assert first_list == second_list


@pytest.mark.parametrize("kind", ASKED_BY_NAME)
async def test_everybody_who_asks_by_name_at_once_is_answered(session: Session, kind: str) -> None:
    """None of the names under which ib_async loses a question loses one here."""
    answers = await asyncio.gather(*(ASKED_BY_NAME[kind](session) for _ in range(4)))
    assert [answer if kind != "currentTime" else 0 for answer in answers[1:]] == [
        answers[0] if kind != "currentTime" else 0
    ] * 3
    assert session.stats().pending == 0


# -- 3: what is open when the connection ends


async def test_a_lost_connection_answers_what_is_open(
    gateway: SimulatedGateway, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ib_async's disconnect() forgets the futures of open requests: whoever awaits one waits for ever."""
    async with plain(gateway) as ib:
        await gateway.faults.partial_sync("contractDetailsEnd")
        asked = ib.reqContractDetailsAsync(APPLE_PLAIN)
        await asyncio.sleep(0)
        ib.disconnect()
        assert await hangs(asked)
    questions = [asyncio.create_task(session.contract_details(APPLE, deadline=soon(60))) for _ in range(3)]
    await until(lambda: session.stats().pending == 3)
    await gateway.faults.drop(1)
    for question in questions:
        with pytest.raises(NotReady):
            await asyncio.wait_for(question, 20)


# -- 4: the queue before the socket


async def test_an_order_passes_two_hundred_lookups(gateway: SimulatedGateway, session: Session, heard: Heard) -> None:
    """ib_async sends first in, first out: an order behind 200 lookups reached the wire after four seconds."""
    async with plain(gateway) as ib:
        for number in range(200):
            ib.client.reqMatchingSymbols(10_000 + number, "A")
        ib.placeOrder(APPLE_PLAIN, ib_async.LimitOrder("BUY", 1, 1.0))
        waiting = len(ib.client._msgQ)
        assert waiting > 100, "and the order is the last of them"
        assert not gateway.world.desk._book.open()
    lookups = [asyncio.create_task(session.matching_symbols("A", deadline=soon(60))) for _ in range(LOOKUPS)]
    try:
        await until(lambda: session.stats().lanes["bulk"].depth > 100)
        (number,) = await place(session, 1)
        await until(lambda: [each for each in heard.of("on_order_status") if each.orderId == number])
        assert session.stats().lanes["bulk"].depth > 100
        assert not session.link._msgQ, "ib_async's own queue stays empty: it is dropped at a disconnect"  # type: ignore[union-attr]
    finally:
        for lookup in lookups:
            lookup.cancel()
        await asyncio.gather(*lookups, return_exceptions=True)


async def place(session: Session, count: int, price: float = 1.0) -> list[int]:
    """Place so many limit orders; their ids."""
    numbers: list[int] = []

    def prepare(number: int) -> Order:
        numbers.append(number)
        return limit(price)

    for _ in range(count):
        await session.place_order(Contract(conId=265598, exchange="SMART"), prepare, deadline=soon())
    return numbers


async def test_what_waits_at_the_gate_when_the_connection_ends_is_reported_as_not_sent(
    gateway: SimulatedGateway, session: Session
) -> None:
    """ib_async drops its queue silently at a disconnect: placeOrder() that returned had sent nothing."""
    async with plain(gateway) as ib:
        for number in range(60):
            ib.client.reqMatchingSymbols(10_000 + number, "A")
        trade = ib.placeOrder(APPLE_PLAIN, ib_async.LimitOrder("BUY", 1, 1.0))
        ib.disconnect()
        assert trade.orderStatus.status == "PendingSubmit"
    session.gate = Gate(0.05, 1)
    await session.gate.send("bulk", "", lambda: None)
    order = asyncio.create_task(place(session, 1))
    await until(lambda: session.stats().lanes["order"].depth == 1)
    await gateway.faults.drop(1)
    with pytest.raises(NotReady):
        await order
    assert session.stats().lanes["order"].depth == 0
    assert not gateway.world.desk._book.open()


# -- 5: order ids


async def test_an_order_id_is_never_given_twice(gateway: SimulatedGateway, session: Session, stage: Stage) -> None:
    """A gateway whose nextValidId goes back makes ib_async give out ids that are in use."""
    async with plain(gateway) as ib:
        used = [ib.client.getReqId() for _ in range(10)]
        ib.disconnect()
        await gateway.faults.roll_ids(5)
        await ib.connectAsync(gateway.host, gateway.port, clientId=PLAIN, timeout=20)
        assert ib.client.getReqId() <= used[-1]
    numbers = await place(session, 5)
    await until(lambda: len(gateway.world.desk._book.open()) == 5)
    await gateway.faults.roll_ids(50)
    await gateway.faults.drop(1)
    await until(lambda: session.epoch == 2 and session.state == "ready")
    assert session.next_order_id() > numbers[-1]
    await session.drain()
    successor = await stage.ready(gateway)
    assert successor.next_order_id() > numbers[-1], "the gateway's own open orders say which ids are in use"


# -- 7: histories


async def test_a_history_that_times_out_or_is_refused_is_no_empty_list(stage: Stage) -> None:
    """ib_async returns [] for a history that timed out or broke a pacing rule: it looks like no data."""
    gateway = await stage.gateway(history_delay=30.0)
    session = await stage.ready(gateway)
    async with plain(gateway) as ib:
        assert not await ib.reqHistoricalDataAsync(APPLE_PLAIN, "", "1 D", "5 mins", "TRADES", True, timeout=0.1)
    (details,) = await session.contract_details(APPLE, deadline=soon())
    assert details.contract is not None
    with pytest.raises(GatewayTimeout):
        await session.historical_bars(history(details.contract), deadline=soon(0.1))
    await until(lambda: not gateway.clients[1].timers)  # and it is cancelled upstream


async def test_a_history_that_breaks_a_pacing_rule_is_not_asked_for(stage: Stage) -> None:
    """The same small bars twice within 15 seconds: ib_async gets 162 and gives []; ibmux keeps the rule."""
    gateway = await stage.gateway(history_pacing=True)
    session = await stage.ready(gateway)
    async with plain(gateway) as ib:
        ask = lambda: ib.reqHistoricalDataAsync(APPLE_PLAIN, "", "60 S", "5 secs", "TRADES", False)  # noqa: E731
        assert await ask()
        assert not await ask()
    (details,) = await session.contract_details(APPLE, deadline=soon())
    assert details.contract is not None
    question = ReqHistoricalData(details.contract, "120 S", "5 secs", "TRADES", False)
    assert await session.historical_bars(question, deadline=soon())
    with pytest.raises(Busy):
        await session.historical_bars(question, deadline=soon(1))


# -- the first download


async def test_a_first_download_that_did_not_end_is_not_taken_for_complete(
    stage: Stage, gateway: SimulatedGateway, heard: Heard
) -> None:
    """ib_async logs what its first download misses, and is connected: a partial list looks like the whole one."""
    await gateway.faults.partial_sync("positionEnd")
    async with plain(gateway, timeout=2.0) as ib:
        assert ib.isConnected()
    session = stage.start(gateway.port, request_timeout=0.5)
    await until(lambda: session.stats().disconnects.get("failed"))
    await until(lambda: any("for the positions" in status.reason for status, _ in heard.of("on_state")))
    assert "ready" not in heard.states()


def test_the_loop_is_not_patched() -> None:
    """ib_async's patchAsyncio lets loops run in loops, which uvloop cannot: nothing of ibmux calls it."""
    assert "ibmux.session" in sys.modules
    assert not hasattr(asyncio, "_nest_patched")


# -- 9: error 321


async def test_321_ends_a_question_without_an_id(stage: Stage) -> None:
    """ib_async takes 321 for a warning: with id -1, in read-only mode, the question never ends."""
    gateway = await stage.gateway(read_only=True)
    session = await stage.ready(gateway)
    async with plain(gateway, fetchFields=ib_async.StartupFetchNONE) as ib:
        assert await hangs(ib.reqAllOpenOrdersAsync())
    for ask in (session.open_orders, session.all_open_orders, session.completed_orders):
        with pytest.raises(GatewayError, match="Read-Only") as refused:
            await ask(deadline=soon())
        assert refused.value.ib is not None
        assert refused.value.ib[0] == 321


async def test_321_with_an_id_ends_its_question(gateway: SimulatedGateway, session: Session) -> None:
    """ib_async takes 321 for a warning with an id, too, and the request hangs."""
    async with plain(gateway) as ib:
        assert await hangs(ib.reqSecDefOptParamsAsync("", "", "", 0))
    with pytest.raises(GatewayError) as refused:
        await session.option_parameters("", "", "", 0, deadline=soon())
    assert refused.value.ib is not None
    assert refused.value.ib[0] == 321


async def test_a_refusal_of_orders_ends_no_other_question(
    stage: Stage, gateway: SimulatedGateway, session: Session
) -> None:
    """321 with id -1 in read-only mode is about orders alone; positions that are under way meanwhile go on."""
    await gateway.faults.read_only()
    await gateway.faults.slow_sync(2.5)
    visit = asyncio.create_task(session.portfolio("DU1000002", deadline=soon()))
    await until(session.calls.named)
    for ask in (session.open_orders, session.completed_orders):
        with pytest.raises(GatewayError, match="Read-Only"):
            await ask(deadline=soon())
        assert not visit.done()
    assert await visit
    fills = await session.executions(deadline=soon())
    assert fills == []


async def test_a_read_only_login_has_its_positions_when_it_is_ready(stage: Stage) -> None:
    """The refusals of the first download's questions about orders leave the rest of it whole."""
    gateway = await stage.gateway(read_only=True)
    await gateway.faults.slow_sync(0.1)
    session = await stage.ready(gateway)
    assert len(session.positions()) == 11
    assert [part for part in session.status().missing if "Read-Only" in part]


# -- 10: errors about orders


async def test_an_order_whose_change_is_refused_goes_on(
    gateway: SimulatedGateway, session: Session, heard: Heard, apple: Contract
) -> None:
    """ib_async marks a trade Cancelled when its change is refused, though the gateway still works the order."""
    async with plain(gateway) as ib:
        trade = ib.placeOrder(APPLE_PLAIN, ib_async.LimitOrder("BUY", 1, 1.0, account="DU1000001"))
        await until(lambda: trade.orderStatus.status == "Submitted")
        trade.order.totalQuantity = HUGE
        ib.placeOrder(APPLE_PLAIN, trade.order)
        await until(lambda: trade.orderStatus.status == "Cancelled")
        (order,) = gateway.world.desk._book.open()
        assert order.clientId == PLAIN
    (number,) = await place(session, 1)
    await until(lambda: [each for each in heard.of("on_order_status") if each.status == "Submitted"])
    heard.calls.clear()
    worse = Order(action="BUY", totalQuantity=HUGE, orderType="LMT", lmtPrice=1.0, account="DU1000001")
    await session.send_order(number, apple, worse, deadline=soon())
    await until(lambda: [error for error in heard.of("on_order_error") if error[0] == number])
    assert not [each for each in heard.of("on_order_status") if each.status in ("Cancelled", "Inactive")]
    (still,) = await session.open_orders(deadline=soon())
    assert (still.order.orderId, still.orderStatus.status, still.order.totalQuantity) == (number, "Submitted", 10)


# -- 12: accounts, bars, connecting


async def test_a_second_account_does_not_take_the_place_of_the_first(stage: Stage) -> None:
    """The gateway keeps one account's values current: with ib_async a second reqAccountUpdates silences the first."""
    gateway = await stage.gateway(accounts=("DU1000001", "DU1000002", "DU1000003"))
    session = await stage.ready(gateway)
    async with plain(gateway) as ib:
        await ib.reqAccountUpdatesAsync("DU1000002")
        watch = gateway.clients[PLAIN].account_watch
        assert watch is not None
        assert watch.accounts == ("DU1000002",)
    await asyncio.gather(*(session.portfolio(name, deadline=soon()) for name in session.accounts for _ in range(2)))
    client = gateway.clients[1]
    await until(lambda: client.account_watch is not None and client.account_watch.accounts == ("DU1000001",))
    others = lambda: sorted(name for watch in client.value_watches.values() for name in watch.accounts)  # noqa: E731
    await until(lambda: others() == ["DU1000002", "DU1000003"])


async def test_five_second_bars_are_not_gathered_for_ever(stage: Stage) -> None:
    """ib_async's RealTimeBarList grows for as long as it is subscribed; the session keeps the latest bar alone."""
    gateway = await stage.gateway(speed=200.0)
    session = await stage.ready(gateway)
    (details,) = await session.contract_details(APPLE, deadline=soon())
    assert details.contract is not None
    feed = RealTimeFeed(details.contract, "TRADES", False, [])
    count = itertools.count()
    feed.on_news = lambda news: [next(count) for _ in news]  # type: ignore[assignment, misc]
    await session.open_stream(feed, deadline=soon())
    async with plain(gateway) as ib:
        bars = ib.reqRealTimeBars(APPLE_PLAIN, 5, "TRADES", False)
        await until(lambda: len(bars) >= 20)
        await until(lambda: feed.latest is not None)
    assert len(feed.news) <= 1
    held = [value for value in vars(feed).values() if isinstance(value, list | dict | set)]
    assert all(len(each) <= 1 for each in held)
    session.close_stream(feed)


async def test_bars_that_begin_with_none_are_kept_up_to_date(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A history that is kept up to date and begins empty never grows in ib_async; here its first bar arrives."""
    gateway = await stage.gateway(speed=60.0)
    session = await stage.ready(gateway)
    (details,) = await session.contract_details(APPLE, deadline=soon())
    assert details.contract is not None
    written = pasts._written
    monkeypatch.setattr(
        pasts, "_written", lambda client, ask, found: written(client, ask, dataclasses.replace(found, bars=[]))
    )
    feed = KeptBars(details.contract, "1800 S", "1 min", "TRADES", False)
    came: list[Any] = []
    feed.on_news = came.append  # type: ignore[assignment]
    await session.open_stream(feed, deadline=soon())
    async with plain(gateway) as ib:
        bars = await ib.reqHistoricalDataAsync(
            APPLE_PLAIN, "", "1800 S", "1 min", "TRADES", False, keepUpToDate=True, timeout=20
        )
        await until(lambda: len(feed.live) >= 2)
        assert list(bars) == []
    assert len(await feed.bars()) >= 2
    session.close_stream(feed)


async def test_a_forwarder_that_closes_is_noticed_at_once(
    stage: Stage, gateway: SimulatedGateway, heard: Heard
) -> None:
    """socat accepts for a gateway that is down, then closes: ib_async's connectAsync waits its whole timeout."""
    loop = asyncio.get_running_loop()
    async with Forwarder(("127.0.0.1", 9)) as forwarder:
        ib = ib_async.IB()
        began = loop.time()
        with pytest.raises(TimeoutError):
            await ib.connectAsync(forwarder.host, forwarder.port, clientId=PLAIN, timeout=0.5)
        assert loop.time() - began >= 0.5
        began = loop.time()
        session = stage.start(forwarder.port, connect_timeout=30.0)
        await until(lambda: session.stats().connects.get("failed"))
        assert any("closes them at once" in status.reason for status, _ in heard.of("on_state"))
        forwarder.target = (gateway.host, gateway.port)
        await session.until_ready(soon())
