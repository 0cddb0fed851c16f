"""What is no market data, and alone is refused when it is subscribed again after a loss: asked for until served."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from session_stage import Heard, soon, until

from ibmux.messages.scanner import ReqScannerData, ScannerSubscription
from ibmux.session import Session, lines
from ibmux.sim import SimulatedGateway, answers

GAINERS = ScannerSubscription(instrument="STK", locationCode="STK.US.MAJOR", scanCode="TOP_PERC_GAIN")


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], Counter[str]]:
    """Let the gateway refuse a request so many times; the counter says how often each was asked."""
    monkeypatch.setattr(lines, "FIRST_PAUSE", 0.1)
    asked: Counter[str] = Counter()

    def refuse(name: str, times: int) -> Counter[str]:
        answer = answers.HANDLERS[name]
        last = asked[name] + times

        def act(client: Any, ask: Any) -> None:
            asked[name] += 1
            if asked[name] <= last:
                client.error(ask["reqId"], 321, "Error validating request: not now.")
            else:
                answer(client, ask)

        monkeypatch.setitem(answers.HANDLERS, name, act)
        return asked

    return refuse


@pytest.mark.parametrize("how", ["drop", "cut bare=yes"])
async def test_profit_and_loss_that_is_refused_alone_comes_back(
    session: Session,
    gateway: SimulatedGateway,
    heard: Heard,
    refuse: Callable[[str, int], Counter[str]],
    how: str,
) -> None:
    account = session.accounts[0]
    con_id = session.positions(account)[0].contract.conId
    await session.pnl(account, deadline=soon())
    await session.pnl_single(account, "", con_id, deadline=soon())
    asked = refuse("reqPnL", 2)
    refuse("reqPnLSingle", 3)
    epoch = session.epoch
    await gateway.faults.apply(how)
    if "cut" in how:
        await until(lambda: session.state == "cut")
        await gateway.faults.heal()
    else:
        await until(lambda: session.epoch > epoch)
    await until(lambda: asked["reqPnL"] == 3 and asked["reqPnLSingle"] == 4)
    heard.calls.clear()
    await until(lambda: heard.of("on_pnl") and heard.of("on_pnl_single"))
    assert set(session._profit_requests.values()) == {(account, "", 0), (account, "", con_id)}
    assert len(gateway.clients[1].pnls) == 2


async def test_values_of_the_other_account_come_back(
    session: Session, gateway: SimulatedGateway, heard: Heard, refuse: Callable[[str, int], Counter[str]]
) -> None:
    other = session.accounts[1]
    asked = refuse("reqAccountUpdatesMulti", 2)
    epoch = session.epoch
    await gateway.faults.apply("drop")
    await until(lambda: session.epoch > epoch and asked["reqAccountUpdatesMulti"] == 3)
    (request,) = session._value_requests
    assert gateway.clients[1].value_watches[request].accounts == (other,)
    assert len(session._value_requests) == len(session._value_accounts) == 1
    assert [code for code, _ in heard.of("on_notice")].count(321) <= 1


async def test_a_scan_comes_back_and_its_readers_are_not_told_of_an_end(
    session: Session, gateway: SimulatedGateway, heard: Heard, refuse: Callable[[str, int], Counter[str]]
) -> None:
    await session.open_scan("gainers", ReqScannerData(GAINERS), deadline=soon())
    asked = refuse("reqScannerSubscription", 2)
    epoch = session.epoch
    await gateway.faults.apply("drop")
    await until(lambda: session.epoch > epoch and asked["reqScannerSubscription"] == 3)
    heard.calls.clear()
    (key, rows), *_ = await until(lambda: heard.of("on_scan"))
    assert key == "gainers"
    assert rows
    session.close_scan("gainers")


async def test_what_is_given_up_meanwhile_is_not_asked_for(
    session: Session, gateway: SimulatedGateway, refuse: Callable[[str, int], Counter[str]]
) -> None:
    account = session.accounts[0]
    await session.pnl(account, deadline=soon())
    asked = refuse("reqPnL", 1000)
    epoch = session.epoch
    await gateway.faults.apply("drop")
    await until(lambda: session.epoch > epoch and session._retries)
    session.end_pnl(account)
    count = asked["reqPnL"]
    await until(lambda: not session._retries)
    assert asked["reqPnL"] == count > 0
    assert not session._profit_requests


async def test_a_retry_waits_for_a_session_that_is_ready_and_ends_with_the_connection(
    session: Session,
    gateway: SimulatedGateway,
    refuse: Callable[[str, int], Counter[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "FIRST_PAUSE", 1.5)  # the cut has to come before the first retry is due
    account = session.accounts[0]
    await session.pnl(account, deadline=soon())
    asked = refuse("reqPnL", 1)
    epoch = session.epoch
    await gateway.faults.apply("drop")
    await until(lambda: session.epoch > epoch and session._retries)
    await gateway.faults.apply("cut")
    await until(lambda: session.state == "cut")
    (first,) = session._retries.values()
    await until(lambda: next(iter(session._retries.values())) is not first)
    assert asked["reqPnL"] == 1
    await gateway.faults.apply("restore")
    await until(lambda: asked["reqPnL"] == 2)
    assert not session._retries
