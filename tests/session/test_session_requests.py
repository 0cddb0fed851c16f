"""Questions: whole answers, one of a kind at a time, errors by their codes, deadlines kept, nothing left open."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from session_stage import APPLE, Far, Stage, soon, until

from ibmux.errors import (
    AmbiguousContract,
    GatewayError,
    GatewayTimeout,
    IbmuxError,
    NoHistory,
    NotReady,
    NotSubscribed,
    RequestError,
    UnknownContract,
)
from ibmux.messages.contracts import Contract
from ibmux.messages.history import ReqHeadTimeStamp, ReqHistoricalData
from ibmux.messages.orders import Order
from ibmux.messages.trading import ExecutionFilter
from ibmux.session import Session, codes, farms
from ibmux.session.calls import Turns
from ibmux.session.gate import Gate
from ibmux.sim import SimulatedGateway
from ibmux.sim.clients.client import Client


async def test_contracts_are_described_searched_and_chained(session: Session, apple: Contract) -> None:
    (details,) = await session.contract_details(Contract(conId=apple.conId), deadline=soon())
    assert details.contract == apple
    assert (details.minTick, details.longName) == (0.01, "APPLE INC")
    hits = await session.matching_symbols("AAP", deadline=soon())
    assert "AAPL" in {hit.contract.symbol for hit in hits if hit.contract}
    chains = await session.option_parameters("AAPL", "", "STK", apple.conId, deadline=soon())
    assert all(chain.underlyingConId == apple.conId and chain.strikes and chain.expirations for chain in chains)


async def test_a_contract_that_nobody_knows_is_an_error(session: Session) -> None:
    with pytest.raises(UnknownContract) as unknown:
        await session.contract_details(Contract(secType="STK", symbol="NOPE", exchange="SMART"), deadline=soon())
    assert unknown.value.ib is not None
    assert unknown.value.ib[0] == 200
    assert session.stats().pending == 0


async def test_history_comes_whole_with_times_in_iso(session: Session, apple: Contract) -> None:
    question = ReqHistoricalData(apple, "5 D", "1 min", "TRADES", useRTH=True)
    bars = await session.historical_bars(question, deadline=soon())
    assert len(bars) > 1000
    dates = [bar.date for bar in bars]
    assert dates == sorted(dates)
    assert dates[0][10] == "T"
    assert all(bar.low <= bar.open <= bar.high for bar in bars)
    daily = await session.historical_bars(ReqHistoricalData(apple, "1 M", "1 day", "TRADES", True), deadline=soon())
    assert all(len(bar.date) == 10 for bar in daily)
    first = await session.head_timestamp(ReqHeadTimeStamp(apple, "TRADES", True), deadline=soon())
    assert first.endswith("+00:00")


async def test_history_that_is_refused_is_an_error_and_never_an_empty_list(session: Session, apple: Contract) -> None:
    wrong = ReqHistoricalData(apple, "5 D", "1 min", "TRADES", True, endDateTime="19500101 00:00:00 US/Eastern")
    with pytest.raises(NoHistory):
        await session.historical_bars(wrong, deadline=soon())
    with pytest.raises(GatewayError) as refused:
        await session.historical_bars(ReqHistoricalData(apple, "5 D", "7 mins", "TRADES", True), deadline=soon())
    assert refused.value.ib is not None


async def test_questions_without_an_id_can_be_asked_by_many_at_once(
    session: Session, gateway: SimulatedGateway
) -> None:
    before = gateway.stats.messages_in
    answers = await asyncio.gather(
        *(session.open_orders(deadline=soon()) for _ in range(20)),
        *(session.all_open_orders(deadline=soon()) for _ in range(20)),
        *(session.completed_orders(deadline=soon()) for _ in range(20)),
        *(session.account_summary("DU1000001", deadline=soon()) for _ in range(20)),
        *(session.portfolio("DU1000002", deadline=soon()) for _ in range(20)),
        *(session.current_time(deadline=soon()) for _ in range(20)),
    )
    assert len(answers) == 120
    assert all(summary == answers[60] and summary for summary in answers[60:80])
    assert all(portfolio == answers[80] and portfolio for portfolio in answers[80:100])
    assert gateway.stats.messages_in - before <= 24, "what many ask at once is asked once or twice"


async def test_the_summary_is_for_one_account_or_for_all(session: Session, gateway: SimulatedGateway) -> None:
    one = await session.account_summary("DU1000002", deadline=soon())
    everything = await session.account_summary(deadline=soon())
    assert {value.account for value in one} == {"DU1000002"}
    assert {"DU1000001", "DU1000002"} <= {value.account for value in everything}
    await until(lambda: not gateway.clients[1].summaries)


async def test_profit_and_loss_streams_once_and_ends(
    session: Session, gateway: SimulatedGateway, apple: Contract, stage: Stage
) -> None:
    first = await asyncio.gather(*(session.pnl("DU1000001", deadline=soon()) for _ in range(5)))
    assert all(pnl == first[0] for pnl in first)
    assert len(gateway.clients[1].pnls) == 1
    single = await session.pnl_single("DU1000001", "", apple.conId, deadline=soon())
    held = {each.contract.conId: each.position for each in session.positions("DU1000001")}
    assert single.position == held[apple.conId]
    none = await session.pnl_single("DU1000001", "", 999, deadline=soon())
    assert none.position == 0
    assert none.dailyPnL != none.dailyPnL, "not known is NaN"
    session.end_pnl("DU1000001")
    for each in (apple.conId, 999):
        session.end_pnl("DU1000001", "", each)
    await until(lambda: not gateway.clients[1].pnls)


async def test_other_accounts_values_stay_current_and_the_first_account_stays_subscribed(
    session: Session, gateway: SimulatedGateway
) -> None:
    await session.portfolio("DU1000002", deadline=soon())
    client = gateway.clients[1]
    await until(lambda: client.account_watch is not None and client.account_watch.accounts == ("DU1000001",))
    assert [watch.accounts for watch in client.value_watches.values()] == [("DU1000002",)]


async def test_321_ends_its_request(session: Session, gateway: SimulatedGateway) -> None:
    with pytest.raises(GatewayError) as refused:
        await session.option_parameters("", "", "", 0, deadline=soon())
    assert refused.value.ib is not None
    assert refused.value.ib[0] == 321


async def test_321_without_an_id_ends_the_questions_without_an_id(
    session: Session, gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "Error validating request.-'bY' : cause - The API interface is currently in Read-Only mode."
    reply = Client.reply

    def refuse(self: Client, name: str, **values: Any) -> None:
        if name == "openOrderEnd":
            self.error(-1, 321, text)
        else:
            reply(self, name, **values)

    monkeypatch.setattr(Client, "reply", refuse)
    with pytest.raises(GatewayError, match="Read-Only"):
        await session.open_orders(deadline=soon())
    monkeypatch.undo()
    assert await session.open_orders(deadline=soon()) == []


async def test_a_question_without_an_answer_ends_at_its_deadline_and_the_next_is_served(
    session: Session, gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(gateway.clients[1], "send", lambda data: None)
    started = loop.time()
    with pytest.raises(GatewayTimeout, match="AAPL"):
        await session.contract_details(APPLE, deadline=soon(0.05))
    assert loop.time() - started < 10.0, "and not when the session itself would have given up"
    monkeypatch.undo()
    assert session.stats().pending == 0
    assert await session.contract_details(APPLE, deadline=soon())


async def test_a_caller_that_gives_up_does_not_take_the_answer_from_the_others(
    session: Session, gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[bytes] = []
    send = gateway.clients[1].send
    monkeypatch.setattr(gateway.clients[1], "send", held.append)
    hasty = asyncio.create_task(session.open_orders(deadline=soon(0.05)))
    patient = asyncio.create_task(session.open_orders(deadline=soon()))
    with pytest.raises(GatewayTimeout):
        await hasty
    for data in held:
        send(data)
    monkeypatch.undo()
    assert await patient == []


async def test_losing_the_gateway_answers_every_open_question(
    stage: Stage, gateway: SimulatedGateway, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.clients[1], "send", lambda data: None)
    questions: list[asyncio.Task[Any]] = [
        asyncio.create_task(session.contract_details(APPLE, deadline=soon(30))),
        asyncio.create_task(session.open_orders(deadline=soon(30))),
        asyncio.create_task(session.account_summary(deadline=soon(30))),
        asyncio.create_task(session.pnl("DU1000001", deadline=soon(30))),
    ]
    await until(lambda: session.stats().pending == len(questions))
    await gateway.close()
    for question in questions:
        with pytest.raises(NotReady):
            await asyncio.wait_for(question, 20)
    assert session.stats().pending == 0


async def test_a_request_waits_for_ready_up_to_its_deadline(stage: Stage) -> None:
    session = stage.start(1, pause_floor=0.01, pause_cap=0.01)
    loop = asyncio.get_running_loop()
    started = loop.time()
    with pytest.raises(NotReady) as refused:
        await session.contract_details(APPLE, deadline=soon(0.1))
    assert 0.09 <= loop.time() - started < 10.0
    assert refused.value.fate == "not_sent"
    with pytest.raises(NotReady):
        await asyncio.wait_for(session.contract_details(APPLE, deadline=0.0), 10)


async def test_text_that_would_break_a_message_apart_is_refused_and_nothing_else_happens(
    session: Session, gateway: SimulatedGateway
) -> None:
    before = gateway.stats.messages_in
    with pytest.raises(RequestError, match="NUL"):
        await session.matching_symbols("AA\0PL", deadline=soon())
    assert await session.matching_symbols("Zürich \ud800", deadline=soon()) == []
    assert gateway.stats.messages_in == before + 1


async def test_a_message_that_nobody_understands_stops_nothing(session: Session, gateway: SimulatedGateway) -> None:
    gateway.clients[1].send(b"\0\0\0\x09777\0x\0y\0\0")
    gateway.clients[1].send(b"\0\0\0\0")
    assert await session.matching_symbols("AAPL", deadline=soon())
    assert session.stats().faults == 2


async def test_the_clock_is_asked_once_and_reckoned_on(session: Session, gateway: SimulatedGateway) -> None:
    first = await session.current_time(deadline=soon())
    before = gateway.stats.messages_in
    assert await session.current_time(deadline=soon()) >= first
    assert gateway.stats.messages_in == before


async def test_executions_are_filtered_and_carry_their_commissions(session: Session, apple: Contract) -> None:
    for action in ("BUY", "SELL"):
        order = Order(action=action, totalQuantity=5, orderType="MKT", account="DU1000001")
        await session.send_order(session.next_order_id(), apple, order, deadline=soon())
    fills: list[Any] = []
    while len(fills) < 2 or not all(fill.commissionReport.execId for fill in fills):
        fills = await session.executions(deadline=soon())
    assert all(fill.commissionReport.commission > 0 and fill.time.tzinfo for fill in fills)
    sold = await session.executions(ExecutionFilter(side="SELL"), deadline=soon())
    assert [fill.execution.side for fill in sold] == ["SLD"]


async def test_a_flood_never_breaks_the_gateways_limit(stage: Stage) -> None:
    gateway = await stage.gateway(messages_per_second=50)
    session = await stage.ready(gateway, burst=10)
    sent = session.stats().sent
    loop = asyncio.get_running_loop()
    started = loop.time()
    flood = [
        asyncio.create_task(session.matching_symbols("AAPL", deadline=soon(30), script=f"s{number % 4}"))
        for number in range(60)
    ]
    await until(lambda: session.stats().lanes["bulk"].depth > 40)
    await session.send_cancel(999_999, deadline=soon())
    assert session.stats().lanes["bulk"].depth > 20, "a cancel does not wait behind questions"
    await asyncio.gather(*flood)
    assert session.stats().sent - sent == 61
    assert loop.time() - started > 0.9
    assert not [call for call in stage.heard.of("on_notice") if call[0] == 100]
    stats = session.stats().lanes["bulk"]
    assert stats.depth == 0
    assert stats.waited >= 40
    assert stats.wait_seconds > 0


async def test_the_wire_never_sees_more_than_the_rate_in_a_second(far: Far) -> None:
    """Counted where the messages arrive, at a bare socket."""
    reader, writer = await asyncio.open_connection("127.0.0.1", far.port)
    gate = Gate(40.0, 10)
    loop = asyncio.get_running_loop()
    sent: list[float] = []

    def fire() -> None:
        sent.append(loop.time())
        writer.write(b"x")

    await asyncio.gather(*(gate.send("bulk", str(number % 3), fire) for number in range(55)))
    await until(lambda: len(far.heard) == 55)
    writer.close()
    await writer.wait_closed()
    del reader
    for at, start in enumerate(sent):
        assert sum(start <= each < start + 1.0 for each in sent[at:]) <= 41


async def test_an_idle_gate_sends_before_it_returns_to_the_loop() -> None:
    gate = Gate(40.0, 10)
    sent: list[int] = []
    gate.send("bulk", "", lambda: sent.append(1)).close()
    coroutine = gate.send("bulk", "", lambda: sent.append(2))
    with pytest.raises(StopIteration):
        coroutine.send(None)
    assert sent == [2]


async def test_a_message_whose_sender_gave_up_is_not_sent() -> None:
    gate = Gate(0.5, 1)
    sent: list[str] = []
    await gate.send("bulk", "", lambda: sent.append("first"))
    given_up = asyncio.create_task(gate.send("bulk", "a", lambda: sent.append("given up")))
    last = asyncio.create_task(gate.send("bulk", "b", lambda: sent.append("last")))
    await until(lambda: gate.stats()["bulk"].depth == 2)
    given_up.cancel()
    await last
    assert sent == ["first", "last"]
    await asyncio.gather(given_up, return_exceptions=True)


async def test_an_error_while_sending_reaches_the_one_who_sent() -> None:
    gate = Gate(20.0, 1)

    def break_() -> None:
        raise RequestError("no")

    await gate.send("bulk", "", lambda: None)
    with pytest.raises(RequestError):
        await gate.send("bulk", "", break_)
    gate = Gate(0.05, 1)
    await gate.send("bulk", "", lambda: None)
    waiting = asyncio.create_task(gate.send("bulk", "", lambda: None))
    await until(lambda: gate.stats()["bulk"].depth == 1)
    gate.clear(NotReady("gone"))
    with pytest.raises(NotReady):
        await waiting


async def test_turns_run_one_at_a_time_and_share_the_next() -> None:
    turns = Turns()
    running, most, count = 0, 0, 0
    gates = [asyncio.Event(), asyncio.Event()]

    async def ask() -> int:
        nonlocal running, most, count
        running += 1
        most = max(most, running)
        number, count = count, count + 1
        await gates[number].wait()
        running -= 1
        return number

    first = asyncio.create_task(turns.ask("x", ask, deadline=soon()))
    await until(lambda: count == 1)
    later = [asyncio.create_task(turns.ask("x", ask, deadline=soon())) for _ in range(5)]
    later[0].cancel()
    gates[0].set()
    assert await first == 0
    await until(lambda: count == 2)
    gates[1].set()
    assert await asyncio.gather(*later[1:]) == [1, 1, 1, 1]
    assert (most, count) == (1, 2)
    await turns.close()


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        (200, "No security definition has been found for the request", UnknownContract),
        (200, "The contract description specified for X is ambiguous", AmbiguousContract),
        (162, "HMDS query returned no data", NoHistory),
        (366, "No historical data query found", NoHistory),
        (354, "Not subscribed", NotSubscribed),
        (10089, "needs subscription", NotSubscribed),
        (10197, "competing live session", NotSubscribed),
        (321, "validation", GatewayError),
    ],
)
def test_codes_become_errors(code: int, text: str, kind: type[IbmuxError]) -> None:
    error = codes.to_error(code, text, "what was asked")
    assert type(error) is kind
    assert error.ib == (code, text)
    assert text in error.message


def test_every_code_is_a_remark_or_an_error() -> None:
    remarks = Counter(codes.is_remark(code) for code in (399, 404, 2100, 2109, 2150, 10090, 10167, 10349))
    assert remarks == {True: 8}
    assert not any(codes.is_remark(code) for code in (100, 101, 162, 165, 200, 201, 202, 320, 321, 322, 354, 10089))


@pytest.mark.parametrize(
    ("code", "text", "farm"),
    [
        (2104, "Market data farm connection is OK:usfarm.nj", ("usfarm.nj", True)),
        (2103, "Market data farm connection is broken:usfarm", ("usfarm", False)),
        (2105, "HMDS data farm connection is broken:ushmds", ("ushmds", False)),
        (2107, "HMDS data farm connection is inactive but should be available upon demand.ushmds", ("ushmds", True)),
        (2108, "Market data farm connection is inactive but should be available upon demand.eufarm", ("eufarm", True)),
        (2119, "Market data farm is connecting:usfarm", ("usfarm", False)),
        (2157, "Sec-def data farm connection is broken:secdefil", ("secdefil", False)),
        (2100, "New account data requested", None),
    ],
)
def test_notices_about_farms(code: int, text: str, farm: tuple[str, bool] | None) -> None:
    assert farms.read(code, text) == farm


@given(st.text())
def test_any_text_about_a_farm_gives_a_name(text: str) -> None:
    told = farms.read(2104, text)
    assert told is not None
    assert told[0]


async def test_a_question_that_the_gateway_threw_away_keeps_no_other_waiting(
    session: Session, gateway: SimulatedGateway
) -> None:
    """Error 100 names no question: the next one of its kind must not wait until the first one's bound."""
    await gateway.faults.strict(1, 1_000_000)
    began = asyncio.get_running_loop().time()
    asked = [session.open_orders(deadline=soon(20)), session.depth_exchanges(deadline=soon(20))]
    answers = await asyncio.gather(*asked, session.market_rule(26, deadline=soon(20)), return_exceptions=True)
    assert any(isinstance(answer, GatewayError) and answer.ib and answer.ib[0] == 100 for answer in answers)
    await gateway.faults.heal()
    assert await session.open_orders(deadline=soon(20)) == []
    assert asyncio.get_running_loop().time() - began < 10.0
