"""Several clients on one gateway: who hears of an order, who may cancel it, what a returning client is told."""

from __future__ import annotations

from typing import Any

import pytest
from wire_client import Connector, Opener, Raw, RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.tws.requests import REQUEST_NAMES


def place(client: Raw, order_id: int, **more: Any) -> None:
    order = {
        "orderId": order_id, "symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD",
        "action": "BUY",
        "totalQuantity": 1, "orderType": "LMT", "lmtPrice": 1.0, "account": "DU1000001", "transmit": True,
    }  # fmt: skip
    client.send(*REQUEST_NAMES["placeOrder"].encode(order | more, client.version))


def states(client: Raw, order_id: int) -> list[str]:
    return [message[2] for message in client.of(3) if message[1] == str(order_id)]


async def settle(client: Raw) -> None:
    """Wait until everything sent before has been answered."""
    seen = len(client.of(49))
    client.send(49, 1)
    await until(lambda: len(client.of(49)) > seen)


async def test_orders_are_told_to_their_own_client_only(gateway: SimulatedGateway, raw: RawOpener) -> None:
    first, second = await raw(gateway, 1), await raw(gateway, 2)
    place(first, 1)
    place(second, 1, lmtPrice=2.0)
    await until(lambda: "Submitted" in states(first, 1) and "Submitted" in states(second, 1))
    for client, number in ((first, "1"), (second, "2")):
        assert {message[24] for message in client.of(5)} == {number}
        assert {message[9] for message in client.of(3)} == {number}
    assert first.of(5)[0][25] != second.of(5)[0][25], "permIds differ"


async def test_a_master_client_hears_of_all(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(master=9)
    master, first = await raw(gateway, 9), await raw(gateway, 1)
    place(first, 1, orderType="MKT")
    await until(lambda: "Filled" in states(master, 1) and master.of(11) and master.of(59))
    assert {message[9] for message in master.of(3)} == {"1"}


async def test_a_master_that_returns_hears_of_the_days_executions(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(master=9)
    first = await raw(gateway, 1)
    place(first, 1)
    place(first, 2, orderType="MKT")
    await until(lambda: "Submitted" in states(first, 1) and first.of(59))
    master = await raw(gateway, 9)
    assert [message[0] for message in master.messages[:7]] == ["5", "3", "11", "59", "53", "15", "9"]
    assert [message[1:3] for message in master.of(11)] == [["-1", "2"]]


async def test_open_orders_of_one_and_of_all(gateway: SimulatedGateway, raw: RawOpener) -> None:
    first, second = await raw(gateway, 1), await raw(gateway, 2)
    place(first, 1)
    place(second, 1)
    await until(lambda: len(gateway.book.open_orders(None)) == 2)
    third = await raw(gateway, 3)
    third.send(5, 1)
    await until(lambda: len(third.of(53)) == 1)
    assert third.of(5) == []
    third.send(16, 1)
    await until(lambda: len(third.of(53)) == 2)
    assert [(message[1], message[24]) for message in third.of(5)] == [("1", "1"), ("1", "2")]
    assert len(third.of(3)) == 2
    third.messages.clear()
    first.send(4, 1, 1, "")
    await until(lambda: "Cancelled" in states(first, 1))
    await settle(third)
    assert third.of(3) == []


@pytest.mark.parametrize(("allowed", "code"), [(False, 10147), (True, None)])
async def test_another_clients_order_may_be_cancelled_only_where_set(
    open_gateway: Opener, raw: RawOpener, allowed: bool, code: int | None
) -> None:
    gateway = await open_gateway(foreign_cancel=allowed)
    owner, other = await raw(gateway, 1), await raw(gateway, 2)
    place(owner, 1)
    await until(lambda: "Submitted" in states(owner, 1))
    other.send(4, 1, 1, "")
    await settle(other)
    assert [found for _, found in other.errors() if found == 10147] == ([code] if code else [])
    if allowed:
        await until(lambda: "Cancelled" in states(owner, 1) and (1, 202) in owner.errors())
    else:
        assert gateway.book.open_orders(1)


async def test_a_global_cancel_reaches_every_clients_orders(gateway: SimulatedGateway, raw: RawOpener) -> None:
    first, second = await raw(gateway, 1), await raw(gateway, 2)
    place(first, 1)
    await until(lambda: "Submitted" in states(first, 1))
    second.send(58, 1)
    await until(lambda: "Cancelled" in states(first, 1) and (1, 202) in first.errors())


async def test_a_returning_client_is_told_of_its_orders_first(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    place(client, 1)
    place(client, 2, orderType="MKT")
    await until(lambda: "Submitted" in states(client, 1) and "Filled" in states(client, 2))
    await client.close()
    await until(lambda: gateway.stats.connections == 0)
    again = await raw(gateway, 1)
    assert [message[0] for message in again.messages[:5]] == ["5", "3", "53", "15", "9"]
    assert again.messages[1][1:3] == ["1", "Submitted"]
    assert again.of(9) == [["9", "1", "3"]]
    place(again, 1, lmtPrice=1.5)
    await until(lambda: len(states(again, 1)) > 1)
    again.send(4, 1, 1, "")
    await until(lambda: "Cancelled" in states(again, 1))


async def test_an_order_that_fills_while_its_client_is_away_is_found_in_executions(
    gateway: SimulatedGateway, raw: RawOpener, connect: Connector
) -> None:
    client = await raw(gateway, 1)
    place(client, 1, orderType="MKT", orderRef="away")
    await client.close()
    await until(gateway.book.completed)
    ib = await connect(gateway, 1)
    fills = await ib.reqExecutionsAsync()
    assert [fill.execution.orderRef for fill in fills] == ["away"]
    assert ib.client.getReqId() >= 2


async def test_order_ids_are_each_clients_own(gateway: SimulatedGateway, raw: RawOpener) -> None:
    first, second = await raw(gateway, 1), await raw(gateway, 2)
    place(first, 41)
    await until(lambda: states(first, 41))
    for client, number in ((first, "42"), (second, "1")):
        client.send(8, 1, 1)
        await until(lambda: len(client.of(9)) == 2)  # noqa: B023 - awaited before the next turn
        assert client.of(9)[1][2] == number


async def test_executions_of_other_clients_are_visible(gateway: SimulatedGateway, raw: RawOpener) -> None:
    first, second = await raw(gateway, 1), await raw(gateway, 2)
    place(first, 1, orderType="MKT")
    await until(lambda: first.of(59))
    second.send(7, 3, 5, 0, "", "", "", "", "", "")
    await until(lambda: second.of(55))
    [execution] = second.of(11)
    assert execution[1:3] == ["5", "1"]
    assert execution[22] == "1"
    assert second.of(59)[0][2] == execution[14]


async def test_only_client_zero_may_bind_orders(gateway: SimulatedGateway, raw: RawOpener) -> None:
    zero, one = await raw(gateway, 0), await raw(gateway, 1)
    zero.send(15, 1, 1)
    one.send(15, 1, 1)
    await until(lambda: (-1, 327) in one.errors())
    await settle(zero)
    assert (-1, 327) not in zero.errors()


async def test_both_libraries_side_by_side(gateway: SimulatedGateway) -> None:
    import ib_async
    import ib_insync

    one, two = ib_async.IB(), ib_insync.IB()
    try:
        await one.connectAsync(gateway.host, gateway.port, clientId=1, timeout=20)
        await two.connectAsync(gateway.host, gateway.port, clientId=2, timeout=20)
        trades = []
        for ib, library in ((one, ib_async), (two, ib_insync)):
            contract = library.Stock("AAPL", "SMART", "USD")
            await ib.qualifyContractsAsync(contract)
            trades.append(ib.placeOrder(contract, library.MarketOrder("BUY", 5, account="DU1000002")))
        await until(lambda: all(trade.isDone() for trade in trades))
        assert [len(ib.fills()) for ib in (one, two)] == [1, 1]
        held = sum(p.position for p in gateway.world.accounts["DU1000002"].positions() if p.contract.symbol == "AAPL")

        def seen(ib: Any) -> float:
            return float(sum(p.position for p in ib.positions("DU1000002") if p.contract.symbol == "AAPL"))

        await until(lambda: seen(one) == seen(two) == held)
    finally:
        one.disconnect()
        two.disconnect()
