"""Orders that were under way when the proxy ended, as its journal has them: matched with what the gateway shows, or
declared not sent; nothing is sent again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ib_async
import msgpack
import pytest
from stage import raw_script, running_proxy, settings, until, url_of

from ibmux import topics
from ibmux.core import reference
from ibmux.core.entry import fingerprint
from ibmux.journal import Filter, Journal, Reader, Record, verify
from ibmux.messages import encode
from ibmux.messages.contracts import Contract
from ibmux.messages.journal import Intent
from ibmux.messages.orders import Order
from ibmux.messages.trades import OrderStatus, Trade
from ibmux.messages.trading import OrderEvent
from ibmux.services import outbox, recovery
from ibmux.sim import SimulatedGateway

APPLE = Contract(secType="STK", symbol="AAPL", conId=265598, exchange="SMART", currency="USD")
ASK = {"contract": {"secType": "STK", "symbol": "AAPL", "conId": 265598, "exchange": "SMART", "currency": "USD"}}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "CERTAIN", 0.1)


def limit(price: float = 1.0, **more: Any) -> Order:
    return Order(action="BUY", totalQuantity=10.0, orderType="LMT", lmtPrice=price, clientId=1, **more)


def intent(key: str, order: Order | None = None, unit: tuple[str, ...] = ()) -> Record:
    order = order or limit()
    body = encode(Intent(APPLE, order, "one", "", list(unit)))
    return Record(
        gateway="paper", kind="intent", script="ann", key=key, fingerprint=fingerprint(APPLE, order), body=body
    )


async def left_behind(path: Path, *records: Record) -> None:
    """The journal of a proxy that was killed."""
    async with Journal(path) as journal:
        for record in records:
            await journal.append(record)


def tree(simulator: SimulatedGateway, path: Path) -> dict[str, Any]:
    return settings(simulator.port, journal={"path": str(path)})


@contextmanager
def kinds(path: Path, key: str) -> Iterator[list[str]]:
    """What became of an order, in the journal."""
    with Reader(path) as reader:
        yield [each.kind for each in reader.records(wanted=Filter(gateway="paper", script="ann", key=key))]


async def placed_before(simulator: SimulatedGateway, *keys: str, **more: Any) -> list[Any]:
    """Orders that the proxy's predecessor sent under the same clientId before it was killed."""
    ib = ib_async.IB()
    await ib.connectAsync("127.0.0.1", simulator.port, clientId=1, timeout=20)
    trades = []
    for key in keys:
        order = ib_async.LimitOrder("BUY", 10, 1.0, orderRef=reference.write("", "ann", key), **more)
        trades.append(ib.placeOrder(ib_async.Contract(conId=265598, exchange="SMART"), order))
    await until(lambda: all(trade.orderStatus.permId for trade in trades), "they are acknowledged")
    ib.disconnect()
    await until(lambda: not simulator.clients, "the connection has ended")
    return trades


async def test_an_intent_that_reached_the_gateway_is_found_by_its_mark(
    simulator: SimulatedGateway, tmp_path: Path
) -> None:
    path = tmp_path / "journal.db"
    await left_behind(path, intent("a"))
    [there] = await placed_before(simulator, "a")
    async with running_proxy(tree(simulator, path)) as proxy, raw_script(url_of(proxy), "ann") as ann:
        again = await ann.ask("placeOrder", {**ASK, "order": plain(), "key": "a"})
        assert again.code == "ok", again
        assert again.payload["order"]["permId"] == there.orderStatus.permId
        assert again.payload["key"] == "a"
        assert (await ann.ask("cancelOrder", {"key": "a"})).payload["orderStatus"]["status"] == "Cancelled"
    with kinds(path, "a") as found:
        assert found.count("intent") == 1
        assert "unsent" not in found


async def test_an_intent_that_never_came_is_declared_not_sent_and_its_key_is_free(
    simulator: SimulatedGateway, tmp_path: Path
) -> None:
    path = tmp_path / "journal.db"
    await left_behind(path, intent("lost"), Record(gateway="paper", kind="sent", script="ann", key="lost", orderId=41))
    async with running_proxy(tree(simulator, path)) as proxy, raw_script(url_of(proxy), "ann") as ann:
        told = await ann.ask("placeOrder", {**ASK, "order": plain(), "key": "lost"})
        assert (told.code, told.payload["outcome"]) == ("order.not_sent", "not_sent"), told
        while not (past := (await ann.ask("replay", {"since": 0})).payload.get("events")):
            continue
        assert [each["order"]["message"] for each in past][-1:] == [recovery.recovery.NEVER_CAME]
        fresh = await ann.ask("placeOrder", {**ASK, "order": plain(), "key": "lost"})
        assert fresh.code == "ok", fresh
        assert fresh.payload["order"]["orderId"] > 41, "no number is given twice"
    with kinds(path, "lost") as found:
        assert found[:3] == ["intent", "sent", "unsent"]
        assert found.count("intent") == 2


async def test_a_cancel_waits_until_it_is_known_what_there_is_to_cancel(
    simulator: SimulatedGateway, tmp_path: Path
) -> None:
    path = tmp_path / "journal.db"
    await left_behind(path, intent("lost"), intent("there"))
    await placed_before(simulator, "there")
    async with running_proxy(tree(simulator, path)) as proxy, raw_script(url_of(proxy), "ann") as ann:
        asked = [ann.send("cancelOrder", {"key": key}) for key in ("lost", "there")]
        replies = [await ann.answer(each) for each in asked]
        assert [each.code for each in replies] == ["ok", "ok"], replies
        assert [each.payload["orderStatus"]["status"] for each in replies] == ["Inactive", "Cancelled"]


async def test_while_there_is_no_gateway_a_cancel_says_that_and_nothing_else(
    simulator: SimulatedGateway, tmp_path: Path
) -> None:
    async with (
        running_proxy(tree(simulator, tmp_path / "journal.db")) as proxy,
        raw_script(url_of(proxy), "ann") as ann,
    ):
        assert (await ann.ask("placeOrder", {**ASK, "order": plain(), "key": "a"})).code == "ok"
        await simulator.close()
        await until(lambda: proxy.gateways["paper"].session.state != "ready", "the gateway is gone")
        for method, more in (("cancelOrder", {}), ("modifyOrder", {"order": {**plain(), "lmtPrice": 2.0}})):
            told = await ann.ask(method, {"key": "a", **more})
            assert (told.code, told.payload["outcome"]) == ("gateway.not_ready", "not_sent")


async def test_an_order_that_no_list_shows_any_more_is_over(simulator: SimulatedGateway, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with running_proxy(tree(simulator, path)) as proxy, raw_script(url_of(proxy), "ann") as ann:
        placed = await ann.ask("placeOrder", {**ASK, "order": plain(), "key": "old"})
        assert placed.payload["orderStatus"]["status"] in ("PreSubmitted", "Submitted")
    forget_all(simulator)  # as a gateway of another day
    async with running_proxy(tree(simulator, path)) as proxy, raw_script(url_of(proxy), "ann") as ann:
        book = proxy.gateways["paper"].feed.book
        await until(lambda: book.find("ann", "old").done, "it is over")
        now = (await ann.ask("orderStatus", {"key": "old"})).payload
        assert now["orderStatus"]["status"] == "Inactive"
        assert now["log"][-1]["message"] == recovery.recovery.IS_OVER


async def test_a_change_of_an_order_that_only_the_gateways_list_of_finished_ones_has_says_that_it_is_over(
    simulator: SimulatedGateway, tmp_path: Path
) -> None:
    """That list has no clientId: the order is its script's own all the same."""
    async with running_proxy(tree(simulator, tmp_path / "a.db")) as proxy, raw_script(url_of(proxy), "ann") as ann:
        order = (await ann.ask("placeOrder", {**ASK, "order": plain(), "key": "old"})).payload["order"]
        assert (await ann.ask("cancelOrder", {"key": "old"})).code == "ok"
    async with running_proxy(tree(simulator, tmp_path / "b.db")) as proxy, raw_script(url_of(proxy), "ann") as ann:
        answer = await ann.ask("modifyOrder", {"order": {**order, "lmtPrice": 2.0}, "key": "old"})
        assert (answer.code, answer.payload["outcome"]) == ("request.invalid", "not_sent")
        assert "is Cancelled; it cannot be changed" in answer.payload["message"]


async def test_of_a_unit_with_a_leg_that_was_never_sent_nothing_lives_on(
    simulator: SimulatedGateway, tmp_path: Path
) -> None:
    path = tmp_path / "journal.db"
    unit = ("entry", "stop")
    await left_behind(path, intent("entry", unit=unit), intent("stop", limit(2.0), unit=unit))
    await placed_before(simulator, "entry")
    async with running_proxy(tree(simulator, path)) as proxy:
        book = proxy.gateways["paper"].feed.book
        await until(lambda: book.find("ann", "stop") is None, "the leg is declared not sent")
        await until(lambda: (entry := book.find("ann", "entry")) and entry.done, "the rest is cancelled")
        assert book.find("ann", "entry").trade.orderStatus.status == "Cancelled"
    with Reader(path) as reader:
        assert not verify(reader).problems


async def test_the_exit_of_a_filled_leg_outlives_a_leg_that_was_never_sent(
    simulator: SimulatedGateway, tmp_path: Path
) -> None:
    path = tmp_path / "journal.db"
    unit = ("entry", "stop", "target")
    done = Trade(APPLE, limit(), OrderStatus(status="Filled", filled=10.0), key="entry", script="ann")
    body = encode(OrderEvent(1, 0, 0.0, "entry", done))
    await left_behind(
        path,
        *(intent(key, unit=unit) for key in unit),
        Record(gateway="paper", kind="order", script="ann", key="entry", status="Filled", body=body),
        Record(gateway="paper", kind="unsent", script="ann", key="target"),
    )
    await placed_before(simulator, "stop")
    async with running_proxy(tree(simulator, path)) as proxy, raw_script(url_of(proxy), "ann") as ann:
        with Reader(path) as reader:
            await until(lambda: reader.notes("paper"), "a person is told")
            assert [each.status for each in reader.notes("paper")] == [recovery.recovery.HALF_FILLED]
        stop = (await ann.ask("orderStatus", {"key": "stop"})).payload
        assert stop["orderStatus"]["status"] in ("PreSubmitted", "Submitted")


async def test_a_disk_that_takes_nothing_stops_new_orders_and_lets_cancels_pass(
    simulator: SimulatedGateway, tmp_path: Path
) -> None:
    path, away = tmp_path / "journal.db", tmp_path / "away.db"
    async with running_proxy(tree(simulator, path)) as proxy, raw_script(url_of(proxy), "ann") as ann:
        await ann.ask("placeOrder", {**ASK, "order": plain(), "key": "a"})
        heard: list[Any] = []
        await ann.link.subscribe(topics.order_event("paper", "ann"), heard.append, qos=1)
        path.rename(away)
        refused = await ann.ask("placeOrder", {**ASK, "order": plain(), "key": "b"})
        assert (refused.code, refused.payload["outcome"]) == ("journal.failed", "not_sent")
        changed = await ann.ask("modifyOrder", {"key": "a", "order": {**plain(), "lmtPrice": 2.0}})
        assert (changed.code, changed.payload["outcome"]) == ("journal.failed", "not_sent")
        gone = await ann.ask("cancelOrder", {"key": "a"})
        assert (gone.code, gone.payload["orderStatus"]["status"]) == ("ok", "Cancelled")
        assert [order.orderRef for order in simulator.book._book.open() if order.clientId == 1] == []

        def numbers() -> list[int]:
            events = [msgpack.unpackb(each.payload, timestamp=3) for each in heard]
            ends = [each for each in events if each["trade"]["orderStatus"]["status"] == "Cancelled"]
            return [each["seq"] for each in ends]

        await until(lambda: 0 in numbers(), "it is told at once, without a number")
        away.rename(path)
        await until(lambda: any(numbers()), "it is told with its number")
        await until(lambda: proxy.journal.healthy, "the journal writes again")
        assert (await ann.ask("placeOrder", {**ASK, "order": plain(), "key": "b"})).code == "ok"


async def test_of_a_script_that_does_not_stop_asking_not_every_refusal_is_recorded(
    simulator: SimulatedGateway, tmp_path: Path
) -> None:
    path = tmp_path / "journal.db"
    async with running_proxy(tree(simulator, path)) as proxy, raw_script(url_of(proxy), "ann") as ann:
        wrong = {**ASK, "order": {**plain(), "action": "KEEP"}}
        asked = [ann.send("placeOrder", {**wrong, "key": str(each)}) for each in range(outbox.REFUSALS + 20)]
        assert {(await ann.answer(each)).code for each in asked} == {"request.invalid"}
        with Reader(path) as reader:
            await until(lambda: reader.notes("paper"), "it is said that there are more")
            count = len(reader.records(wanted=Filter(gateway="paper", kinds=("refusal",))))
        assert outbox.REFUSALS <= count <= 2 * outbox.REFUSALS, "a minute may end in between"


async def test_a_finished_order_of_before_keeps_its_key(simulator: SimulatedGateway, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with running_proxy(tree(simulator, path)) as proxy, raw_script(url_of(proxy), "ann") as ann:
        await ann.ask("placeOrder", {**ASK, "order": plain(), "key": "done"})
        await ann.ask("cancelOrder", {"key": "done"})
    forget_all(simulator)
    async with running_proxy(tree(simulator, path)) as proxy, raw_script(url_of(proxy), "ann") as ann:
        again = await ann.ask("placeOrder", {**ASK, "order": plain(), "key": "done"})
        assert (again.code, again.payload["orderStatus"]["status"]) == ("ok", "Cancelled")
        other = await ann.ask("placeOrder", {**ASK, "order": {**plain(), "lmtPrice": 2.0}, "key": "done"})
        assert other.code == "order.key_conflict"
        assert not [each for each in simulator.book._book.open() if each.clientId == 1]


async def test_a_unit_that_is_asked_for_twice_at_once_is_answered_when_all_of_it_is_there(
    simulator: SimulatedGateway, tmp_path: Path
) -> None:
    legs = [
        {**ASK, "order": {**plain(), "ocaGroup": "g", "ocaType": 1, "lmtPrice": price}, "key": str(price)}
        for price in (1.0, 2.0)
    ]
    async with (
        running_proxy(tree(simulator, tmp_path / "journal.db")) as proxy,
        raw_script(url_of(proxy), "ann") as ann,
    ):
        simulator.world.desk.delay_next(0.0)
        simulator.world.desk.delay_next(0.3)
        asked = [ann.send("placeOrders", {"tickets": legs}) for _ in range(2)]
        for each in asked:
            told = [trade["orderStatus"]["status"] for trade in (await ann.answer(each)).payload]
            assert told == ["Submitted", "Submitted"]
    assert len([order for order in simulator.book._book.open() if order.clientId == 1]) == 2


async def test_replay_gives_what_was_told_in_order_and_in_pages(simulator: SimulatedGateway, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with running_proxy(tree(simulator, path)) as proxy, raw_script(url_of(proxy), "ann") as ann:
        start = (await ann.ask("replay", {"since": -1})).payload
        assert not start.get("events")
        for number in range(3):
            await ann.ask("placeOrder", {**ASK, "order": {**plain(), "orderType": "MKT"}, "key": f"m{number}"})
        gateway = proxy.gateways["paper"]
        await until(lambda: len(gateway.feed.book.fills) >= 3, "they are filled")
        await until(lambda: proxy.journal.waiting == 0, "all is written")
        pages, since = [], start.get("seq", 0)
        while True:
            page = (await ann.ask("replay", {"since": since, "limit": 4})).payload
            pages.append(page)
            since = page["seq"]
            if not page.get("more"):
                break
        numbers = [next(iter(each.values()))["seq"] for page in pages for each in page.get("events", [])]
        assert numbers == sorted(set(numbers))
        assert len(pages) > 1
        keys = {next(iter(each.values()))["key"] for page in pages for each in page.get("events", [])}
        assert keys == {"m0", "m1", "m2"}


def plain() -> dict[str, Any]:
    return {"action": "BUY", "totalQuantity": 10, "orderType": "LMT", "lmtPrice": 1.0}


def forget_all(simulator: SimulatedGateway) -> None:
    """The gateway knows no order any more."""
    book = simulator.book._book
    book._orders.clear()
    book._open.clear()
    book.completed.clear()
