"""Bad requests at the MQTT door: answered with code, message and hint, or dropped and logged if none can be told."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from ports import free_port
from stage import RawScript, Reply, raw_script, running_proxy, settings, until, url_of

from ibmux import topics
from ibmux.daemon import Proxy
from ibmux.errors import IbmuxError, TooLarge
from ibmux.mqtt.client import Link
from ibmux.mqtt.message import Message
from ibmux.sim import Settings, SimulatedGateway

WAIT = (("wait", "ready"),)


def check_error(reply: Reply, code: str, *words: str, outcome: str = "none") -> dict[str, Any]:
    """The whole shape of an error reply; its payload."""
    assert reply.properties["status"] == "error"
    assert reply.properties["code"] == code
    assert reply.properties["epoch"].isdigit()
    error = reply.payload
    assert error["code"] == code
    for word in words:
        assert word in error["message"], error
    assert error["hint"]
    assert error["retryable"] is IbmuxError.registry[code].retryable
    assert error["outcome"] == outcome
    return dict(error)


async def check_alive(script: RawScript) -> None:
    """What went before changed nothing else."""
    assert (await script.ask("managedAccounts")).payload == ["DU1000001", "DU1000002"]


CASES = [
    pytest.param("positionz", {}, "request.unknown_method", ["positionz"], id="unknown method"),
    pytest.param("positions", {"acount": "DU1"}, "request.invalid", ["acount"], id="unknown argument"),
    pytest.param("positions", {"account": 7}, "request.invalid", ["account", "str"], id="ill-typed argument"),
    pytest.param(
        "reqContractDetails",
        {"contract": {"symbol": ["A"]}},
        "request.invalid",
        ["contract.symbol"],
        id="ill-typed inside",
    ),
    pytest.param(
        "reqContractDetails",
        {"contract": {"symbl": "A"}},
        "request.invalid",
        ["symbl", "contract"],
        id="unknown inside",
    ),
    pytest.param("reqContractDetails", {}, "request.invalid", ["contract"], id="missing argument"),
    pytest.param("reqMarketDataType", {"marketDataType": 9}, "request.invalid", ["9"], id="value out of range"),
    pytest.param("positions", {"account": "U1"}, "request.invalid", ["U1"], id="unknown account"),
    pytest.param("positions", b"\xc1", "request.malformed", [], id="not MessagePack"),
    pytest.param("positions", b"\x81\xa7account", "request.malformed", [], id="cut off"),
    pytest.param("positions", b"\x93\x01\x02\x03", "request.malformed", ["map"], id="a list"),
    pytest.param("positions", b"\x80\x80", "request.malformed", [], id="bytes left over"),
    pytest.param("positions", b'{"account": ""}', "request.malformed", [], id="JSON"),
    pytest.param(
        "reqContractDetails",
        {"contract": {"symbol": "NOPE", "secType": "STK", "exchange": "SMART", "currency": "USD"}},
        "contract.unknown",
        [],
        id="unknown contract",
    ),
]


@pytest.mark.parametrize(("method", "payload", "code", "words"), CASES)
async def test_a_request_that_cannot_be_served_is_answered_with_its_error(
    proxy: Proxy, method: str, payload: Any, code: str, words: list[str]
) -> None:
    async with raw_script(url_of(proxy), "raw") as script:
        check_error(await script.ask(method, payload), code, *words)
        await check_alive(script)


async def test_an_order_that_the_gateway_refuses_carries_its_code(proxy: Proxy) -> None:
    contract = {"conId": 265598, "exchange": "SMART"}
    order = {"action": "BUY", "totalQuantity": 2_000_000, "orderType": "MKT"}
    async with raw_script(url_of(proxy), "raw") as script:
        reply = await script.ask("placeOrder", {"contract": contract, "order": order, "key": "huge"})
        error = check_error(reply, "order.rejected", outcome="rejected")
        assert error["ib"]["code"] == 201
        assert error["ib"]["message"]
        await check_alive(script)


async def test_a_payload_over_the_limit_is_answered(simulator: SimulatedGateway) -> None:
    tree = settings(simulator.port, limits={"request_size": 1000})
    async with running_proxy(tree) as proxy, raw_script(url_of(proxy), "raw") as script:
        check_error(await script.ask("positions", {"account": "x" * 1000}), "request.too_large", "1000")
        await check_alive(script)


async def test_a_packet_over_the_endpoints_limit_is_not_sent(simulator: SimulatedGateway) -> None:
    tree = settings(simulator.port, mqtt={"port": 0, "max_packet_size": 4096})
    async with running_proxy(tree) as proxy, raw_script(url_of(proxy), "raw") as script:
        with pytest.raises(TooLarge):
            script.send("positions", b"x" * 5000)
        await check_alive(script)


async def test_a_retained_request_is_refused_and_not_kept(simulator: SimulatedGateway) -> None:
    tree = settings(simulator.port, scripts={"boss": {"role": "admin"}})
    async with running_proxy(tree) as proxy, raw_script(url_of(proxy), "raw") as script:
        check_error(await script.ask("positions", retain=True), "request.retained", "retained")
        await check_alive(script)
        kept: list[Message] = []
        boss = Link(url_of(proxy), client_id="boss")
        await boss.start()
        try:
            await boss.subscribe(topics.REQUESTS, kept.append)
            await boss.subscribe(topics.PROXY_STATUS, kept.append)
            await until(lambda: kept, "the retained messages")
        finally:
            await boss.close()
        assert [message.topic for message in kept] == [topics.PROXY_STATUS]


@pytest.mark.parametrize(
    ("response_topic", "reason"),
    [
        pytest.param(None, "needs a response topic", id="missing"),
        pytest.param(topics.reply("paper", "somebody", "else"), "somebody", id="somebody else's"),
        pytest.param("elsewhere/entirely", "not a response topic", id="no reply topic"),
        pytest.param("ibmux/v1/paper/status", "not a response topic", id="a topic of the proxy"),
    ],
)
async def test_a_request_whose_answer_has_nowhere_to_go_is_dropped_and_logged(
    proxy: Proxy, caplog: pytest.LogCaptureFixture, response_topic: str | None, reason: str
) -> None:
    heard: list[Message] = []
    somebody = Link(url_of(proxy), client_id="somebody.else", username="somebody")
    await somebody.start()
    await somebody.subscribe(topics.replies("somebody", "else"), heard.append)
    await somebody.subscribe("elsewhere/#", heard.append)
    try:
        async with raw_script(url_of(proxy), "raw") as script:
            with caplog.at_level(logging.WARNING):
                lost = script.send("positions", response_topic=response_topic)
                await check_alive(script)
            assert lost not in script.replies
            assert not heard
            [record] = [record for record in caplog.records if record.getMessage() == "request.refused"]
            assert reason in record.__dict__["error"]
            assert "/req/raw/positions" in record.__dict__["topic"]
    finally:
        await somebody.close()


async def test_a_script_cannot_ask_under_another_name(proxy: Proxy) -> None:
    async with raw_script(url_of(proxy), "raw") as script:
        script.link.publish(
            topics.request("paper", "somebody", "positions"), b"\x80", qos=1, response_topic=script.reply_topic,
            correlation_data=b"forged",
        )  # fmt: skip
        await check_alive(script)
        assert b"forged" not in script.replies


async def test_roles_are_enforced(simulator: SimulatedGateway) -> None:
    tree = settings(simulator.port, default_role="read", scripts={"canceller": {"role": "cancel"}})
    order = {
        "contract": {"conId": 265598, "exchange": "SMART"},
        "order": {"action": "BUY", "totalQuantity": 1, "orderType": "MKT"},
    }
    async with running_proxy(tree) as proxy:
        async with raw_script(url_of(proxy), "reader") as reader:
            for method, arguments in (("placeOrder", order), ("cancelOrder", {"orderId": 1}), ("reqGlobalCancel", {})):
                check_error(await reader.ask(method, arguments), "auth.forbidden", "reader", "read", outcome="not_sent")
            await check_alive(reader)
        async with raw_script(url_of(proxy), "canceller") as canceller:
            check_error(await canceller.ask("placeOrder", order), "auth.forbidden", "cancel", outcome="not_sent")
            missing = await canceller.ask("cancelOrder", {"orderId": 1})
            check_error(missing, "order.not_found", outcome="not_sent")
    assert simulator.stats.orders_placed == 0


async def test_an_unknown_gateway_is_named_with_those_that_exist(proxy: Proxy) -> None:
    async with raw_script(url_of(proxy), "raw") as script:
        error = check_error(await script.ask("positions", gateway="nowhere"), "gateway.unknown", "nowhere")
        assert "paper" in error["hint"]


async def test_before_the_session_is_ready_requests_get_the_reason_or_wait() -> None:
    port = free_port()
    async with running_proxy(settings(port), ready=False) as proxy, raw_script(url_of(proxy), "raw") as script:
        order = {"contract": {"conId": 265598}, "order": {"action": "BUY", "totalQuantity": 1, "orderType": "MKT"}}
        for method, arguments in (("positions", {}), ("placeOrder", order), ("reqCurrentTime", {})):
            check_error(await script.ask(method, arguments), "gateway.not_ready", outcome="not_sent")
        assert (await script.ask("status")).payload["state"] == "online"
        late = await script.ask("positions", user_properties=WAIT, expiry=1)
        assert late.code in ("gateway.not_ready", "request.expired")
        waiting = script.send("positions", user_properties=WAIT, expiry=20)
        async with SimulatedGateway(Settings(port=port)):
            answer = await script.answer(waiting, 30)
            assert answer.code == "ok"
            assert answer.payload


async def test_more_requests_than_may_wait_are_refused() -> None:
    tree = settings(free_port(), limits={"requests_in_flight": 2})
    async with running_proxy(tree, ready=False) as proxy, raw_script(url_of(proxy), "raw") as script:
        waiting = [script.send("positions", user_properties=WAIT, expiry=4) for _ in range(2)]
        check_error(await script.ask("positions", user_properties=WAIT, expiry=4), "request.busy", "2")
        assert (await script.answer(waiting[0])).properties["status"] == "error"
        assert (await script.answer(waiting[1])).properties["status"] == "error"


async def test_while_the_proxy_drains_new_requests_are_refused_and_old_ones_answered() -> None:
    tree = settings(free_port(), drain_timeout=4.0)
    async with running_proxy(tree, ready=False) as proxy, raw_script(url_of(proxy), "raw") as script:
        statuses: list[str] = []
        await script.link.subscribe(topics.PROXY_STATUS, lambda message: statuses.append(str(message.payload)))
        old = script.send("positions", user_properties=WAIT, expiry=20)
        await until(lambda: proxy.door.in_flight == 1, "the request waits")
        proxy.stop()
        await until(lambda: proxy.door.draining, "the proxy drains")
        check_error(await script.ask("positions"), "proxy.draining", outcome="not_sent")
        ended = await script.answer(old)
        assert ended.code in ("proxy.draining", "gateway.not_ready")
        await until(lambda: any("offline" in each for each in statuses), "the proxy says goodbye")
        assert "draining" in statuses[-2]


async def test_many_bad_requests_at_once_leave_the_others_unharmed(proxy: Proxy) -> None:
    async with raw_script(url_of(proxy), "bad") as bad, raw_script(url_of(proxy), "good") as good:
        wrong = [
            bad.send("positions", payload) for payload in (b"\xc1", b"\x93", {"a": 1}, b"\xff" * 500) for _ in range(25)
        ]
        right = [good.send("managedAccounts") for _ in range(50)]
        answers = await asyncio.gather(*(good.answer(each) for each in right))
        refusals = await asyncio.gather(*(bad.answer(each) for each in wrong))
    assert all(answer.payload == ["DU1000001", "DU1000002"] for answer in answers)
    assert {refusal.code for refusal in refusals} <= {"request.malformed", "request.invalid"}
