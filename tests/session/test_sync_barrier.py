"""Nobody ever reads a list that is empty or partial only because the rest has not come yet.

Askers of every kind of list ask all the time, in every state. Each answer is the whole list, or an error that says that
the session is not ready.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from session_stage import Heard, Stage, soon, until

from ibmux.errors import NotReady
from ibmux.messages.contracts import Contract
from ibmux.messages.orders import Order
from ibmux.session import Session
from ibmux.session.calls import Call, Calls
from ibmux.sim import SimulatedGateway
from ibmux.sim.clients.client import Client

APPLE = Contract(conId=265598, exchange="SMART")
Ask = Callable[[Session, float], Awaitable[set[Any]]]


async def positions(session: Session, deadline: float) -> set[Any]:
    await session.until_ready(deadline)
    return {(each.account, each.contract.conId, each.position) for each in session.positions()}


async def values(session: Session, deadline: float) -> set[Any]:
    await session.until_ready(deadline)
    return {(each.account, each.tag, each.currency) for each in session.account_values()}


async def portfolio(session: Session, deadline: float) -> set[Any]:
    held = await session.portfolio(deadline=deadline)
    return {(each.account, each.contract.conId, each.position) for each in held}


async def second_portfolio(session: Session, deadline: float) -> set[Any]:
    held = await session.portfolio("DU1000002", deadline=deadline)
    return {(each.account, each.contract.conId, each.position) for each in held}


async def summary(session: Session, deadline: float) -> set[Any]:
    rows = await session.account_summary(deadline=deadline)
    return {(each.account, each.tag, each.currency) for each in rows}


async def open_orders(session: Session, deadline: float) -> set[Any]:
    return {trade.order.permId for trade in await session.open_orders(deadline=deadline)}


async def all_open_orders(session: Session, deadline: float) -> set[Any]:
    return {trade.order.permId for trade in await session.all_open_orders(deadline=deadline)}


async def completed_orders(session: Session, deadline: float) -> set[Any]:
    return {trade.order.permId for trade in await session.completed_orders(deadline=deadline)}


async def executions(session: Session, deadline: float) -> set[Any]:
    fills = await session.executions(deadline=deadline)
    return {(fill.execution.execId, bool(fill.commissionReport.execId)) for fill in fills}


KINDS: dict[str, Ask] = {
    ask.__name__: ask
    for ask in (
        positions, values, portfolio, second_portfolio, summary, open_orders, all_open_orders, completed_orders,
        executions,
    )
}  # fmt: skip


def order(kind: str = "LMT") -> Order:
    return Order(
        action="BUY", totalQuantity=1, orderType=kind, lmtPrice=1.0 if kind == "LMT" else None, account="DU1000001"
    )


async def trade(session: Session, gateway: SimulatedGateway) -> None:
    """Leave three open orders, two cancelled ones and two fills."""
    for kind in ("LMT", "LMT", "LMT", "LMT", "LMT", "MKT", "MKT"):
        await session.place_order(APPLE, lambda number, kind=kind: order(kind), deadline=soon())  # type: ignore[misc]
    await until(lambda: len(gateway.world.desk._book.open()) == 5)
    await until(lambda: len(session._reports) == 2)
    for number in (1, 2):
        await session.send_cancel(number, deadline=soon())
    await until(lambda: len(gateway.world.desk._book.open()) == 3)


@pytest.fixture
async def gateway(stage: Stage) -> SimulatedGateway:
    """One that takes as many messages as the crowd likes."""
    return await stage.gateway(messages_per_second=5000)


@pytest.fixture
async def session(stage: Stage, gateway: SimulatedGateway) -> Session:
    return await stage.ready(gateway, messages_per_second=1000, burst=1000)


@pytest.fixture
async def truth(session: Session, gateway: SimulatedGateway) -> dict[str, set[Any]]:
    """Every list as it is, of a login on which something has happened."""
    await trade(session, gateway)
    held = await positions(session, soon())
    await until(
        lambda: {(item.account, item.contract.conId, item.position) for item in session._portfolio.values()} == held
    )
    lists = {name: await ask(session, soon()) for name, ask in KINDS.items()}
    counts = {name: len(items) for name, items in lists.items()}
    assert counts["positions"] == counts["portfolio"] == 11
    assert (counts["open_orders"], counts["completed_orders"], counts["executions"]) == (3, 4, 2)
    return lists


class Crowd:
    """Askers of every kind, each at once again after its answer; what they hear is compared with the truth."""

    def __init__(self, session: Session, truth: dict[str, set[Any]]) -> None:
        self.session, self.truth = session, truth
        self.whole: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.wrong: list[str] = []

    async def ask_on(self, name: str, *, patient: bool) -> None:
        while True:
            try:
                await self.session.until_ready(soon() if patient else 0.0)
                answer = await KINDS[name](self.session, soon(10))
            except NotReady:
                self.refused[name] += 1
            else:
                self.whole[name] += 1
                if answer != self.truth[name]:
                    self.wrong.append(f"{name}: {len(answer)} of {len(self.truth[name])}, in {self.session.state}")
            await asyncio.sleep(0.01)


@asynccontextmanager
async def crowd(session: Session, truth: dict[str, set[Any]]) -> AsyncIterator[Crowd]:
    """Two askers of each kind: one that wants an answer at once, one that waits. At the end, all have been right."""
    people = Crowd(session, truth)
    tasks = [asyncio.create_task(people.ask_on(name, patient=patient)) for name in KINDS for patient in (True, False)]
    try:
        yield people
        await session.until_ready(soon())
        before = Counter(people.whole)
        await until(lambda: all(people.whole[name] > before[name] for name in KINDS))
    finally:
        broken = [task.exception() for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert not broken
    assert not people.wrong, people.wrong[:5]


async def again(session: Session) -> None:
    """End the connection, make a new one."""
    downloads = session.transitions["connecting", "syncing"]
    session.park("A test says so.")
    session.resume()
    await until(lambda: session.transitions["connecting", "syncing"] > downloads)


@pytest.mark.parametrize(
    "fault",
    [
        "slow_sync 0.1",
        "delay 0.03 0.03",
        "delay 0.05 0.04 positionEnd openOrderEnd accountDownloadEnd",
        "reorder 1.0 updateAccountValue orderStatus commissionReport",
        "strict 30 100",
    ],
)
async def test_a_slow_download_is_waited_for(
    session: Session, gateway: SimulatedGateway, truth: dict[str, set[Any]], fault: str
) -> None:
    """Whatever comes late or in another order: until all has come, nobody is answered."""
    await gateway.faults.apply(fault)
    async with crowd(session, truth) as people:
        await again(session)
        await session.until_ready(soon())
        assert people.refused.keys() == KINDS.keys()
    assert (session.epoch, gateway.stats.connections) == (2, 1)


@pytest.mark.parametrize("missing", ["positionEnd", "openOrderEnd", "accountDownloadEnd"])
async def test_a_download_that_does_not_end_answers_nobody(
    session: Session, gateway: SimulatedGateway, truth: dict[str, set[Any]], missing: str
) -> None:
    """The rows came, the mark of their end did not: that is no list."""
    async with crowd(session, truth) as people:
        await gateway.faults.partial_sync(missing)
        await again(session)
        before = Counter(people.whole)
        await until(lambda: min(people.refused[name] for name in KINDS) > 5)
        assert people.whole == before
        gateway.faults.end("partial_sync")
        session.park("A test says so.")
        session.resume()


@pytest.mark.parametrize("words", [("1101",), ("1102",), ("1101", "1101"), ("1100", "1102"), ("1100", "1101", "1101")])
async def test_a_cut_in_the_middle_of_a_download_begins_it_anew(
    session: Session, gateway: SimulatedGateway, truth: dict[str, set[Any]], words: tuple[str, ...]
) -> None:
    """1100, 1101 and 1102 while the first download is under way, one after the other."""
    await gateway.faults.slow_sync(0.08)
    async with crowd(session, truth):
        await again(session)
        for word in words:
            named = len(session.calls.named())
            await gateway.faults.apply(f"say {word}")
            await until(lambda: session.calls.named() or named == 0 or session.state == "cut")  # noqa: B023
            await asyncio.sleep(0.03)  # somewhere in the middle
        await session.until_ready(soon())
    assert (session.epoch, gateway.stats.connections_ever) == (2, 2)


@pytest.mark.parametrize("row", ["position", "updatePortfolio", "openOrder", "completedOrder", "execDetails"])
@pytest.mark.parametrize("rest", [0.0, 0.05])
async def test_the_rest_of_a_broken_off_list_is_not_taken_for_the_next_one(  # noqa: PLR0917 - what pytest gives
    session: Session,
    gateway: SimulatedGateway,
    truth: dict[str, set[Any]],
    monkeypatch: pytest.MonkeyPatch,
    heard: Heard,
    row: str,
    rest: float,
) -> None:
    """1101 between the rows of a list: what is left of it, its end too, comes after the question was put anew."""
    heard.calls.clear()
    reply, seen = Client.reply, Counter[str]()

    def interrupt(self: Client, name: str, **values: Any) -> None:
        seen[name] += 1
        if name == row and seen[name] == 2 and self.client_id == 1:
            self.error(-1, 1101, "Connectivity restored, data lost.")
            gateway.disturbance.delay = rest
        reply(self, name, **values)

    async with crowd(session, truth):
        session.park("A test says so.")
        await until(lambda: gateway.stats.connections == 0)
        monkeypatch.setattr(Client, "reply", interrupt)
        session.resume()
        await until(lambda: seen[row] >= 3)
        await session.until_ready(soon())
    assert (session.epoch, gateway.stats.connections_ever) == (2, 2)
    assert not [each for each in heard.of("on_position") if not each.position], "nothing was told as closed"


async def given_up(calls: Calls) -> Call:
    """A question that the gateway still answers, and the same one again."""
    older = calls.begin("openOrders", "")
    older.sent = asyncio.get_running_loop().time()
    calls.fail_all(NotReady("a cut"))
    calls.drop("openOrders")
    calls.add("openOrders", "lost")
    newer = calls.begin("openOrders", "")
    newer.sent = older.sent
    for part in ("old", "end"):
        calls.add("openOrders", part)
    calls.end("openOrders")
    await asyncio.sleep(0)
    assert not newer.future.done()
    return newer


async def test_the_end_of_an_older_answer_does_not_end_the_newer_one() -> None:
    """Ends without an id look alike; the second of two that are owed is the newer question's."""
    calls = Calls()
    newer = await given_up(calls)
    for part in ("new", "whole", "end"):
        calls.add("openOrders", part)
    calls.end("openOrders")
    assert await newer.future == ["new", "whole", "end"]
    calls.drop("openOrders")
    third = calls.begin("openOrders", "")
    calls.add("openOrders", "third")
    calls.end("openOrders")
    assert await third.future == ["third"]


async def test_an_older_answer_that_never_comes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one end comes instead of two, what came before it is the whole answer, a moment later."""
    monkeypatch.setattr("ibmux.session.calls.SURE", 0.02)
    calls = Calls()
    newer = await given_up(calls)
    assert await asyncio.wait_for(newer.future, 20) == ["old", "end"]


async def test_a_late_end_that_nobody_waits_for_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """An end that comes before the question is put again is not waited for a second time."""
    calls = Calls()
    calls.owe("openOrders")
    calls.end("openOrders")
    newer = calls.begin("openOrders", "")
    calls.end("openOrders")
    assert newer.future.done()


async def test_visits_to_accounts_do_not_disturb_a_download(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway keeps one account current: whoever asks for another meanwhile would take the download's place."""
    gateway = await stage.gateway(accounts=("DU1000001", "DU1000002", "DU1000003"))
    session = await stage.ready(gateway, burst=100)
    gateway.disturbance.late["accountDownloadEnd"] = (0.5, 0.0)
    asked: list[tuple[bool, str]] = []
    send = session.link.reqAccountUpdates  # type: ignore[union-attr]
    monkeypatch.setattr(session.link, "reqAccountUpdates", lambda *args: (asked.append(args), send(*args)))
    visits = [
        asyncio.create_task(session.portfolio(account, deadline=soon())) for account in ("DU1000002", "DU1000003")
    ]
    await until(session.calls.named)
    await gateway.faults.say(1102)
    for visit in visits:
        with pytest.raises(NotReady):
            await visit
    await session.until_ready(soon())
    assert asked == [(True, "DU1000002"), (True, "DU1000003"), (True, "DU1000002"), (True, "DU1000001")]
    assert session.stats().disconnects == {}


async def test_what_waits_for_its_turn_at_a_cut_is_not_sent_into_it(
    session: Session, gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question behind another one is answered at once, too: not ready."""
    await gateway.faults.slow_sync(60.0)
    first = asyncio.create_task(session.open_orders(deadline=soon()))
    await until(session.calls.named)
    second = asyncio.create_task(session.all_open_orders(deadline=soon()))
    await asyncio.sleep(0)
    sent: list[None] = []
    monkeypatch.setattr(session.link, "reqAllOpenOrders", lambda: sent.append(None))
    await gateway.faults.say(1100)
    for question in (first, second):
        with pytest.raises(NotReady, match="1100"):
            await asyncio.wait_for(question, 20.0)
    assert not sent


async def test_a_cut_at_the_last_moment_leaves_no_old_answer(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer of several accounts is not put together from before and after a loss."""
    visit = session._visit

    async def visit_and_lose(*args: Any, **named: Any) -> None:
        await visit(*args, **named)
        session.on_error(-1, 1100, "Connectivity lost.", "")

    monkeypatch.setattr(session, "_visit", visit_and_lose)
    with pytest.raises(NotReady):
        await session.portfolio(deadline=soon())


async def test_a_real_cut_under_a_crowd(
    session: Session, gateway: SimulatedGateway, truth: dict[str, set[Any]]
) -> None:
    """Cuts and breaks with questions of every kind open and waiting for their turn."""
    async with crowd(session, truth) as people:
        for line in ("cut", "restore", "cut", "restore true", "drop"):
            before = Counter(people.whole)
            await gateway.faults.apply(line)
            if line == "cut":
                await until(lambda: session.state == "cut")
                continue
            await session.until_ready(soon())
            await until(lambda: all(people.whole[name] > before[name] for name in KINDS))  # noqa: B023
    assert session.stats().connects == {"connected": 2}
    assert "failed" not in session.stats().disconnects


async def test_a_login_without_anything_has_empty_lists_when_they_are_known_to_be_empty(
    stage: Stage, gateway: SimulatedGateway
) -> None:
    """No positions, no orders, no fills: [] is right, but only after the download."""
    for account in gateway.world.accounts:
        account.ledger.holdings.clear()
    await gateway.faults.slow_sync(0.2)
    session = stage.start(gateway.port)
    empty = [name for name in KINDS if name not in ("values", "summary")]
    await until(lambda: session.state == "syncing")
    for ask in KINDS.values():
        with pytest.raises(NotReady):
            await ask(session, soon(0))
    answers = await asyncio.gather(*(KINDS[name](session, soon()) for name in empty))
    assert answers == [set()] * len(empty)
    assert session.state == "ready"
    assert await values(session, soon())


async def test_an_account_that_is_new_at_the_next_login_is_whole(stage: Stage) -> None:
    """Its values are there when the session is ready, and the others' are still."""
    gateway = await stage.gateway(accounts=("DU1000001",))
    session = await stage.ready(gateway)
    assert {each.account for each in session.account_values()} == {"DU1000001"}
    await gateway.close()
    await until(lambda: session.state == "waiting")
    later = await stage.gateway(port=gateway.port, accounts=("DU1000001", "DU1000002", "DU1000003"))
    await later.faults.slow_sync(0.03)
    await session.until_ready(soon())
    tags = Counter(each.account for each in session.account_values())
    assert tags.keys() == set(later.world.accounts.names)
    assert all(tags[name] >= len(later.world.accounts[name].values()) for name in tags)
    assert len(await portfolio(session, soon())) == 11


async def test_an_account_that_is_named_in_the_middle_of_a_session_is_whole(stage: Stage) -> None:
    """Its values are there before anybody can ask for them."""
    gateway = await stage.gateway()
    gateway.conduct.accounts = ("DU1000001",)
    session = await stage.ready(gateway)
    gateway.clients[1].reply("managedAccounts", accountsList=",".join(gateway.world.accounts.names))
    await until(lambda: len(session.accounts) == 2)
    await session.until_ready(soon())
    assert session.account_values("DU1000002")


async def test_an_account_is_asked_for_while_another_asks_for_it(session: Session, gateway: SimulatedGateway) -> None:
    """Holdings are not taken away from one asker because the next one has them fetched again."""
    for _ in range(20):
        answers = await asyncio.gather(*(staggered(session, number) for number in range(6)))
        assert {len(each) for each in answers} == {5}


async def staggered(session: Session, number: int) -> set[Any]:
    for _ in range(number):
        await asyncio.sleep(0)
    return await second_portfolio(session, soon())


@pytest.mark.parametrize("word", [1101, 1102])
async def test_a_models_values_are_whole_after_a_cut(stage: Stage, word: int) -> None:
    """They come on a subscription of their own: 1101 ends it, 1102 does not, and the gateway tells changes alone."""
    gateway = await stage.gateway(models=("GROWTH",), account_interval=60.0)
    session = await stage.ready(gateway)
    account = session.accounts[0]
    whole = {each.tag for each in await session.model_values(account, "GROWTH", deadline=soon())}
    assert len(whole) > 10
    await gateway.faults.delay(0.03)
    await gateway.faults.apply(f"say {word}")
    await until(lambda: session.transitions["ready", "syncing"])
    answers = await asyncio.gather(*(session.model_values(account, "GROWTH", deadline=soon()) for _ in range(3)))
    assert [{each.tag for each in answer} for answer in answers] == [whole] * 3
    await until(lambda: sum(bool(watch.model) for watch in gateway.clients[1].value_watches.values()) == 1)
