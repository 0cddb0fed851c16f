"""Faults of messages: late, missing, twice, swapped, lost, by name and by chance; and faults of orders."""

from __future__ import annotations

import time
from random import Random
from typing import Any

import pytest
from wire_client import Opener, Raw, RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.sim.calendar.agenda import Agenda
from ibmux.sim.faults.delivery_faults import END_MARKS, Chance, Courier, Disturbance, messages
from ibmux.tws.framing import join_fields
from ibmux.tws.requests import REQUEST_NAMES

ORDER = {
    "symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD", "action": "BUY", "totalQuantity": 1,
    "orderType": "MKT", "account": "DU1000001", "transmit": True,
}  # fmt: skip


def place(client: Raw, order_id: int, **more: Any) -> None:
    client.send(*REQUEST_NAMES["placeOrder"].encode(ORDER | more | {"orderId": order_id}, client.version))


def states(client: Raw, order_id: int) -> list[str]:
    return [message[2] for message in client.of(3) if message[1] == str(order_id)]


class Post:
    """A courier with a clock that is moved by hand."""

    def __init__(self, seed: int = 1) -> None:
        self.now = 0.0
        self.agenda = Agenda()
        self.disturbance = Disturbance(Random(seed))
        self.arrived: list[str] = []
        self.courier = Courier(self.disturbance, lambda: self.now, self.agenda.at, self._write)

    def _write(self, data: bytes) -> None:
        self.arrived += [message[4:].decode().split("\0")[1] for _, message in messages(data)]

    def send(self, *texts: str, number: int = 49) -> None:
        self.courier.carry(b"".join(join_fields([str(number), text]) for text in texts))

    def run(self, until: float) -> None:
        while self.now < until:
            self.now = round(self.now + 0.01, 2)
            self.agenda.run(self.now)


def test_messages_are_cut_and_named() -> None:
    data = join_fields(["62", "1"]) + join_fields(["3", "7", "Filled"]) + join_fields(["999", "x"])
    assert [(name, len(part)) for name, part in messages(data)] == [("positionEnd", 9), ("orderStatus", 15), ("", 10)]
    assert b"".join(part for _, part in messages(data)) == data


def test_delayed_messages_keep_their_order() -> None:
    post = Post()
    post.disturbance.delay, post.disturbance.jitter = 1.0, 0.9
    sent = [str(number) for number in range(50)]
    for text in sent:
        post.send(text)
        post.run(post.now + 0.02)
    assert len(post.arrived) < 50
    post.disturbance.clear()
    post.send("last")
    post.run(5.0)
    assert post.arrived == [*sent, "last"]
    assert not post.courier.busy


def test_late_messages_are_overtaken() -> None:
    post = Post()
    post.disturbance.late["positionEnd"] = (2.0, 0.0)
    post.send("end", number=62)
    post.send("after")
    assert post.arrived == ["after"]
    post.run(1.9)
    assert post.arrived == ["after"]
    post.run(2.1)
    assert post.arrived == ["after", "end"]


def test_swapped_messages_all_arrive() -> None:
    post = Post()
    post.disturbance.swapped = Chance(0.5)
    sent = [str(number) for number in range(200)]
    post.send(*sent)
    post.run(1.0)
    assert sorted(post.arrived, key=int) == sent != post.arrived
    assert all(abs(int(text) - place) <= 1 for place, text in enumerate(post.arrived))


def test_a_lonely_message_is_not_held_for_ever() -> None:
    post = Post()
    post.disturbance.swapped = Chance(1.0)
    post.send("only")
    assert post.arrived == []
    post.run(0.3)
    assert post.arrived == ["only"]


def test_chances_come_from_the_seed_and_keep_to_names() -> None:
    def run(seed: int) -> list[str]:
        post = Post(seed)
        post.disturbance.lost = Chance(0.3, frozenset({"currentTime"}))
        post.disturbance.twice = Chance(0.3, frozenset({"currentTime"}))
        post.send(*map(str, range(300)))
        post.send(*map(str, range(300, 400)), number=62)
        return post.arrived

    first = run(1)
    assert first == run(1) != run(2)
    assert first[-100:] == [str(number) for number in range(300, 400)]
    kept = len(set(first)) - 100
    assert 170 < kept < 250
    assert 30 < len(first) - 100 - kept < 100


async def test_slow_synchronisation(gateway: SimulatedGateway, raw: RawOpener) -> None:
    await gateway.faults.slow_sync(1.0)
    client = await raw(gateway, 1)
    began = time.monotonic()
    client.send(61, 1)
    client.send(49, 1)
    await until(lambda: client.of(49))
    assert client.of(61)
    assert not client.of(62)
    await until(lambda: client.of(62))
    assert time.monotonic() - began > 0.9


@pytest.mark.parametrize("names", [[], ["positionEnd"], ["execDetailsEnd", "openOrderEnd"]])
async def test_partial_synchronisation(gateway: SimulatedGateway, raw: RawOpener, names: list[str]) -> None:
    await gateway.faults.partial_sync(*names)
    client = await raw(gateway, 1)
    client.send(61, 1)
    client.send(5, 1)
    client.send(99, 0)
    client.send(7, 3, 5, 0, "", "", "", "", "", "")
    client.send(6, 2, 1, "DU1000001")
    client.send(49, 1)
    await until(lambda: client.of(49))
    ends = {"positionEnd": 62, "openOrderEnd": 53, "completedOrdersEnd": 102, "execDetailsEnd": 55,
            "accountDownloadEnd": 54}  # fmt: skip
    assert set(ends) == set(END_MARKS)
    missing = {name for name, number in ends.items() if not client.of(number)}
    assert missing == set(names or END_MARKS)
    await gateway.faults.heal()
    client.send(61, 1)
    await until(lambda: client.of(62))


async def test_messages_twice_and_lost_on_the_wire(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    await gateway.faults.duplicate(1.0, "execDetails")
    await gateway.faults.lose(1.0, "commissionReport")
    place(client, 1)
    await until(lambda: len(client.of(11)) == 2 and "Filled" in states(client, 1))
    assert client.of(11)[0] == client.of(11)[1]
    assert client.of(59) == []
    assert gateway.faults.in_force == {
        "duplicate": "100% of execDetails twice", "lose": "100% of commissionReport lost",
    }  # fmt: skip
    await gateway.faults.heal()
    place(client, 2)
    await until(lambda: client.of(59))
    assert len(client.of(11)) == 3


async def test_nothing_said_of_orders_but_lists_are_whole(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    told = await gateway.faults.apply("hush 100%")
    assert told == "nothing is said of 100% of what happens to orders"
    place(client, 1)
    await until(gateway.book.completed)
    assert not client.of(3) and not client.of(5) and not client.of(11) and not client.of(59)
    client.send(7, 3, 7, 0, "", "", "", "", "", "")
    await until(lambda: client.of(55))
    assert client.of(11) and client.of(59)
    await gateway.faults.heal()
    place(client, 2)
    await until(lambda: "Filled" in states(client, 2))


async def test_everything_late(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    await gateway.faults.apply("delay 0.2 0.05")
    began = time.monotonic()
    for _ in range(5):
        client.send(49, 1)
    client.send(61, 1)
    await until(lambda: client.of(62))
    assert time.monotonic() - began > 0.14
    assert [message[0] for message in client.messages if message[0] in ("49", "62")] == ["49"] * 5 + ["62"]


async def test_only_some_messages_late(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    assert await gateway.faults.apply("delay 0.2 0.1 positionEnd") == "positionEnd come 0.2 ± 0.1 s late"
    client.send(61, 1)
    client.send(49, 1)
    await until(lambda: client.of(62))
    assert [message[0] for message in client.messages if message[0] in ("49", "62")] == ["49", "62"]
    await gateway.faults.heal()
    client.send(61, 1)
    client.send(49, 1)
    await until(lambda: len(client.of(49)) == 2)
    assert len(client.of(62)) == 2


async def test_say_sends_any_message(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    await gateway.faults.apply("say 1100")
    await gateway.faults.apply("say 2148 'a text of its own'")
    await until(lambda: client.errors()[-2:] == [(-1, 1100), (-1, 2148)])
    assert client.of(4)[-1][4] == "a text of its own"


async def test_the_next_orders_are_rejected(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    await gateway.faults.apply("reject_next 201 'Order rejected - reason:no' 2")
    for number in (1, 2, 3):
        place(client, number)
    await until(lambda: "Filled" in states(client, 3))
    assert [error for error in client.errors() if error[1] == 201] == [(1, 201), (2, 201)]
    assert states(client, 1)[-1] == "Inactive"


async def test_the_next_order_waits(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    await gateway.faults.delay_next(0.3)
    began = time.monotonic()
    place(client, 1)
    await until(lambda: states(client, 1))
    assert time.monotonic() - began > 0.25


async def test_nothing_is_said_of_an_order_until_release(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    await gateway.faults.hold_next()
    place(client, 1)
    await until(gateway.book.completed)
    client.send(49, 1)
    await until(lambda: client.of(49))
    assert states(client, 1) == []
    await gateway.faults.release()
    await until(lambda: "Filled" in states(client, 1) and client.of(11) and client.of(59))


async def test_order_ids_go_back(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    place(client, 10, orderType="LMT", lmtPrice=1.0)
    await until(lambda: states(client, 10))
    await gateway.faults.roll_ids(4)
    client.send(8, 1, 1)
    await until(lambda: len(client.of(9)) == 2)
    assert client.of(9)[1] == ["9", "1", "7"]


async def test_a_change_in_a_cut_leaves_two_live_orders(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    place(client, 1, orderType="LMT", lmtPrice=1.0)
    await until(lambda: "Submitted" in states(client, 1))
    await gateway.faults.fork_on_modify()
    await gateway.faults.cut()
    place(client, 1, orderType="LMT", lmtPrice=2.0)
    await gateway.faults.restore()
    await until(lambda: len({order.permId for order in gateway.book.open_orders(1)}) == 2)
    await gateway.faults.heal()


async def test_frequent_faults_do_not_break_the_stream(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(rate=2000.0)
    client = await raw(gateway, 1)
    contract = {key: ORDER[key] for key in ("symbol", "secType", "exchange", "currency")}
    client.send(*REQUEST_NAMES["reqMktData"].encode(contract | {"reqId": 1}, client.version))
    for line in ("delay 0.05 0.05", "duplicate 10%", "reorder 10%", "lose 5%", "heal"):
        await gateway.faults.apply(line)
        seen = len(client.messages)
        await until(lambda: len(client.messages) > seen + 50)  # noqa: B023 - awaited before the next turn
    assert {message[0] for message in client.messages} <= {"1", "2", "4", "9", "15", "45", "46", "58", "81"}
