"""One question, one answer, one deadline: arguments, errors, parts, silence, lost connections."""

from __future__ import annotations

import asyncio
import time

import pytest
from far_side import Proxy, Silence, trade

import ibmux
from ibmux import Contract, LimitOrder, Stock, errors, topics
from ibmux.errors import ConnectionLost
from ibmux.messages import CONTENT_TYPE
from ibmux.messages.account import Position


def positions(*counts: float) -> list[Position]:
    return [Position("DU1", Contract("STK", int(count), "AAPL"), count, 1.0) for count in counts]


async def test_a_request_carries_all_that_the_api_asks_for(proxy: Proxy, ib: ibmux.IB) -> None:
    proxy.answers["positions"] = lambda _request, _message: positions(3)
    assert await ib.positions("DU1") == positions(3)
    _, request, message = proxy.asked[-1]
    assert request.account == "DU1"
    assert message.topic == "ibmux/v1/paper/req/alpha/positions"
    assert message.response_topic == topics.reply("paper", "alpha", ib.instance)
    assert len(message.correlation_data) >= 8
    assert (message.qos, message.retain, message.content_type) == (1, False, CONTENT_TYPE)
    assert 20 <= message.expiry <= 30


async def test_many_questions_at_once_each_get_their_own_answer(proxy: Proxy, ib: ibmux.IB) -> None:
    async def later(request):
        await asyncio.sleep(0.0001 * (int(request.account) % 7))
        return positions(float(request.account))

    proxy.answers["positions"] = lambda request, _message: later(request)
    answers = await asyncio.gather(*(ib.positions(str(number)) for number in range(1, 101)))
    assert [answer[0].position for answer in answers] == list(range(1, 101))


async def test_errors_arrive_as_the_class_that_the_proxy_raised(proxy: Proxy, ib: ibmux.IB) -> None:
    def refuse(_request, _message):
        raise errors.UnknownContract("No security definition", ib=(200, "No security definition has been found"))

    proxy.answers["reqContractDetails"] = refuse
    with pytest.raises(errors.UnknownContract) as caught:
        await ib.reqContractDetails(Stock("NOPE", "SMART", "USD"))
    assert caught.value.ib == (200, "No security definition has been found")


async def test_unknown_methods_and_arguments_never_leave(proxy: Proxy, ib: ibmux.IB) -> None:
    with pytest.raises(errors.UnknownMethod):
        await ib.call("reqEverything")
    with pytest.raises(errors.RequestError, match="positions"):
        await ib.call("positions", acount="DU1")
    with pytest.raises(errors.RequestError, match="positions: Encoding"):
        await ib.call("positions", account=object())
    with pytest.raises(errors.RequestError, match="not a contract"):
        await ib.reqContractDetails("AAPL")
    assert proxy.methods() == ["replay", "trades"]


async def test_an_answer_in_parts_is_one_list_in_order(proxy: Proxy, ib: ibmux.IB) -> None:
    def in_parts(_request, message):
        proxy.reply(message, positions(3, 4), part="2/3")
        proxy.reply(message, positions(5), part="3/3")
        proxy.reply(message, positions(1, 2), part="1/3")
        return Silence

    proxy.answers["positions"] = in_parts
    assert [item.position for item in await ib.positions()] == [1, 2, 3, 4, 5]


async def test_silence_ends_at_the_deadline(proxy: Proxy, ib: ibmux.IB) -> None:
    proxy.answers["positions"] = proxy.answers["placeOrder"] = lambda _request, _message: Silence
    began = time.monotonic()
    with pytest.raises(errors.GatewayTimeout, match="positions was not answered"):
        await ib.call("positions", timeout=0.1)
    assert proxy.asked[-1][2].expiry <= 1
    with pytest.raises(errors.OrderUnknown, match="'k1' was not acknowledged"):
        await ib.placeOrder(Stock("A", "SMART", "USD"), LimitOrder("BUY", 1, 2.0), "k1", timeout=0.1)
    assert time.monotonic() - began < 20
    assert len(ib._requests) == 0


async def test_a_late_answer_is_counted_and_harms_nobody(proxy: Proxy, ib: ibmux.IB) -> None:
    proxy.answers["positions"] = lambda _request, _message: Silence
    asking = asyncio.create_task(ib.call("positions", timeout=0.5))
    await proxy.until(lambda: "positions" in proxy.methods())
    with pytest.raises(errors.GatewayTimeout):
        await asking
    late = proxy.asked[-1][2]
    proxy.reply(late, positions(1))
    proxy.answers["positions"] = lambda _request, _message: positions(2)
    assert await ib.positions() == positions(2)
    assert ib._requests.late == 1


async def test_what_waits_is_asked_again_after_a_reconnect(proxy: Proxy, ib: ibmux.IB) -> None:
    proxy.answers["positions"] = lambda _request, _message: Silence
    asked = asyncio.create_task(ib.positions())
    await proxy.until(lambda: "positions" in proxy.methods())
    first = proxy.asked[-1][2].correlation_data
    proxy.answers["positions"] = lambda _request, _message: positions(7)
    await proxy.restart()
    assert await asyncio.wait_for(asked, 20) == positions(7)
    again = [message for name, _, message in proxy.asked if name == "positions"]
    assert {message.correlation_data for message in again} == {first}
    assert again[-1].expiry < 30


async def test_an_order_is_sent_again_under_the_same_key(proxy: Proxy, ib: ibmux.IB) -> None:
    place = proxy.answers["placeOrder"]
    proxy.answers["placeOrder"] = lambda _request, _message: Silence
    placing = asyncio.create_task(ib.placeOrder(Stock("A", "SMART", "USD"), LimitOrder("BUY", 1, 2.0)))
    await proxy.until(lambda: "placeOrder" in proxy.methods())
    proxy.answers["placeOrder"] = place
    await proxy.restart()
    placed = await asyncio.wait_for(placing, 20)
    sent = proxy.of("placeOrder")
    assert len(sent) >= 2
    assert {request.key for request in sent} == {placed.key}
    assert all(request.order == sent[0].order for request in sent)
    assert [one.key for one in ib._book] == [placed.key]


async def test_a_global_cancel_is_never_sent_again(proxy: Proxy, ib: ibmux.IB) -> None:
    proxy.answers["reqGlobalCancel"] = lambda _request, _message: Silence
    asked = asyncio.create_task(ib.reqGlobalCancel())
    await proxy.until(lambda: "reqGlobalCancel" in proxy.methods())
    await proxy.restart()
    with pytest.raises(ConnectionLost, match="reqGlobalCancel got no answer"):
        await asyncio.wait_for(asked, 20)
    assert proxy.methods().count("reqGlobalCancel") == 1


async def test_what_could_not_be_sent_is_certain_not_to_be_sent(proxy: Proxy, ib: ibmux.IB) -> None:
    gone = asyncio.Event()
    ib.disconnectedEvent += gone.set
    await proxy.stop()
    await asyncio.wait_for(gone.wait(), 20)
    with pytest.raises(errors.Unreachable) as caught:
        await ib.placeOrder(Stock("A", "SMART", "USD"), LimitOrder("BUY", 1, 2.0), timeout=0.1)
    assert caught.value.fate == "not_sent"
    await proxy.start()


async def test_closing_ends_what_waits(proxy: Proxy, ib: ibmux.IB) -> None:
    proxy.answers["positions"] = lambda _request, _message: Silence
    asked = asyncio.create_task(ib.positions())
    await proxy.until(lambda: "positions" in proxy.methods())
    await ib.close()
    with pytest.raises(errors.ConnectionLost, match="the client was closed"):
        await asked
    with pytest.raises(errors.Unreachable, match="closed"):
        await ib.positions()


async def test_two_scripts_get_their_own_answers(proxy: Proxy, connect) -> None:
    alpha, beta = await connect("alpha"), await connect("beta")
    proxy.answers["positions"] = lambda _request, message: positions(1 if "/alpha/" in message.topic else 2)
    one, two = await asyncio.gather(alpha.positions(), beta.positions())
    assert (one[0].position, two[0].position) == (1, 2)


async def test_any_method_can_be_called_by_name(proxy: Proxy, ib: ibmux.IB) -> None:
    proxy.answers["orderStatus"] = lambda request, _message: trade(
        Contract("STK", 1), LimitOrder("BUY", 1, 2.0), request.key, "alpha"
    )
    answer = await ib.call("orderStatus", key="k")
    assert answer.key == "k"
