"""Attacks on what scripts share: lines, streams, answers. One script's mistake or end is not another one's."""

from __future__ import annotations

import asyncio
from typing import Any

import msgpack
import pytest
from stage import RawScript, raw_script, running_proxy, settings, until, url_of

from ibmux import topics
from ibmux.daemon import Proxy
from ibmux.doors.call import PART_BYTES, split
from ibmux.messages import encode
from ibmux.mqtt.message import Message
from ibmux.services.gateway import Gateway
from ibmux.sim import Settings, SimulatedGateway

APPLE = {"secType": "STK", "symbol": "AAPL", "conId": 265598, "exchange": "SMART", "currency": "USD"}
ID = 265598


def gateway_of(proxy: Proxy) -> Gateway:
    return proxy.gateways["paper"]


async def ticks_of(script: RawScript) -> list[Message]:
    """What comes on Apple's stream from now on."""
    heard: list[Message] = []
    await script.link.subscribe(topics.tick("paper", ID), heard.append)
    return heard


async def one_more(heard: list[Message]) -> None:
    """The stream goes on."""
    before = len(heard)
    await until(lambda: len(heard) > before, "another tick")


# -- lines -------------------------------------------------------------------------------------------------------------


async def test_generic_ticks_that_the_gateway_refuses_end_nobodys_stream(
    proxy: Proxy, simulator: SimulatedGateway
) -> None:
    async with raw_script(url_of(proxy), "ann") as ann, raw_script(url_of(proxy), "ben") as ben:
        heard = await ticks_of(ann)
        assert (await ann.ask("reqMktData", {"contract": APPLE, "genericTickList": "233"})).code == "ok"
        refused = await ben.ask("reqMktData", {"contract": APPLE, "genericTickList": "9999"})
        assert refused.properties["status"] == "error"
        assert "generic tick list" in refused.payload["message"]
        await one_more(heard)
        market = gateway_of(proxy).market
        assert [lease.owner.script for lease in market.leases._leases.values()] == ["ann"]
        assert (await ann.ask("reqMktData", {"contract": APPLE, "genericTickList": "233"})).code == "ok"
        assert (await ben.ask("reqMktData", {"contract": APPLE, "genericTickList": "236"})).code == "ok"
        await one_more(heard)
    assert simulator.stats.lines == {1: 1}


async def test_a_script_at_its_limit_of_leases_may_renew_them(simulator: SimulatedGateway) -> None:
    tree = settings(simulator.port, limits={"leases": 1})
    async with running_proxy(tree) as proxy, raw_script(url_of(proxy), "ann") as ann:
        for _ in range(2):
            assert (await ann.ask("reqMktData", {"contract": APPLE})).code == "ok"
        other = {"secType": "STK", "symbol": "MSFT", "exchange": "SMART", "currency": "USD"}
        assert (await ann.ask("reqMktData", {"contract": other})).code == "request.busy"


async def test_a_lease_cannot_be_taken_for_ever(proxy: Proxy) -> None:
    async with raw_script(url_of(proxy), "ann") as ann:
        for ttl in (float("nan"), float("inf"), -1.0, 0.0, 1e9):
            answer = await ann.ask("reqMktData", {"contract": APPLE, "ttl": ttl})
            assert answer.code == "request.invalid", ttl
        assert (await ann.ask("reqMktData", {"contract": APPLE, "ttl": 5.0})).payload["ttl"] == 5.0


async def test_of_two_exchanges_at_once_one_is_refused(proxy: Proxy, simulator: SimulatedGateway) -> None:
    async with raw_script(url_of(proxy), "ann") as ann, raw_script(url_of(proxy), "ben") as ben:
        for exchange in ("SMART", "NASDAQ"):  # known before, so that both come to the line in the same turn
            resolved = await ann.ask("qualifyContracts", {"contracts": [{**APPLE, "exchange": exchange}]})
            assert resolved.payload[0]["exchange"] == exchange
        asked = (
            ann.send("reqMktData", {"contract": APPLE}),
            ben.send("reqMktData", {"contract": {**APPLE, "exchange": "NASDAQ"}}),
        )
        codes = [(await ann.answer(asked[0])).code, (await ben.answer(asked[1])).code]
        assert sorted(codes) == ["ok", "request.invalid"]
        assert len(gateway_of(proxy).market.leases) == 1
    assert simulator.stats.lines == {1: 1}


async def test_a_quote_is_whole_even_while_its_line_is_opened(proxy: Proxy) -> None:
    async with raw_script(url_of(proxy), "ann") as ann, raw_script(url_of(proxy), "ben") as ben:
        await ann.ask("qualifyContracts", {"contracts": [APPLE]})
        ann.send("reqMktData", {"contract": APPLE})
        [quote] = (await ben.ask("reqTickers", {"contracts": [APPLE]})).payload
    assert {"bid", "ask"} <= quote["fields"].keys()


async def test_a_profit_and_loss_stream_ends_with_the_last_script_that_wants_it(
    proxy: Proxy, simulator: SimulatedGateway
) -> None:
    async with raw_script(url_of(proxy), "ann") as ann:
        async with raw_script(url_of(proxy), "ben") as ben:
            for script in (ann, ben):
                assert (await script.ask("reqPnL", {"account": "DU1000001"})).code == "ok"
            assert len(simulator.clients[1].pnls) == 1
        assert (await ann.ask("reqPnL", {"account": "DU1000001"})).code == "ok"
        assert len(simulator.clients[1].pnls) == 1
    await until(lambda: not simulator.clients[1].pnls, "the stream's end upstream")
    assert len(gateway_of(proxy).profit.claims) == 0


async def test_names_that_come_and_go_are_not_kept(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibmux.doors.mqtt.COUNTED", 5)
    async with raw_script(url_of(proxy), "ann") as ann:
        for number in range(9):
            where = topics.reply("paper", "ann", f"copy-{number}")
            ann.link.publish(
                topics.request("paper", "ann", "reqMktData"), msgpack.packb({"contract": APPLE}), qos=1,
                response_topic=where, correlation_data=b"x",
            )  # fmt: skip
        assert (await ann.ask("managedAccounts")).code == "ok"
        assert len(proxy.door.requests) == 5
    await until(lambda: not gateway_of(proxy).market._owners, "every lease is given up")
    assert not len(gateway_of(proxy).market.leases)


# -- answers -----------------------------------------------------------------------------------------------------------


def test_a_list_is_split_by_number_and_by_size() -> None:
    assert [len(msgpack.unpackb(part)) for part in split(list(range(1001)))] == [500, 500, 1]
    large = [str(number) * 1000 for number in range(1000)]
    parts = split(large)
    assert all(len(part) <= PART_BYTES for part in parts)
    assert [item for part in parts for item in msgpack.unpackb(part)] == large
    assert split(["x" * PART_BYTES]) == [encode(["x" * PART_BYTES])]
    assert split([]) == [b"\x90"]


async def test_an_answer_that_cannot_be_written_is_an_error_and_not_silence(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = gateway_of(proxy)

    async def later(*_: Any) -> Any:
        return [object()]

    monkeypatch.setitem(gateway.handlers, "managedAccounts", lambda *_: [object()])
    monkeypatch.setitem(gateway.handlers, "positions", later)
    async with raw_script(url_of(proxy), "ann") as ann:
        for method in ("managedAccounts", "positions"):
            answer = await ann.ask(method)
            assert (answer.code, answer.payload["outcome"]) == ("internal", "unknown")
    await until(lambda: not proxy.door.in_flight and not proxy.door.waiting, "nothing waits")


async def test_an_order_that_ran_out_of_time_is_never_reported_as_nothing(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: Any) -> Any:
        await asyncio.Event().wait()

    gateway = gateway_of(proxy)
    monkeypatch.setitem(gateway.handlers, "placeOrder", never)
    monkeypatch.setitem(gateway.handlers, "positions", never)
    async with raw_script(url_of(proxy), "ann") as ann:
        order = {"action": "BUY", "totalQuantity": 1, "orderType": "MKT"}
        answer = await ann.ask("placeOrder", {"contract": APPLE, "order": order}, expiry=1)
        assert (answer.code, answer.payload["outcome"]) == ("request.expired", "unknown")
        answer = await ann.ask("positions", expiry=1)
        assert (answer.code, answer.payload["outcome"]) == ("request.expired", "none")


async def test_a_portfolio_that_is_asked_for_survives_the_gateways_return() -> None:
    """1102 without 1100 before it: what was asked ends with the reason, and the connection stays."""
    async with (
        SimulatedGateway(Settings(seed=7, linger=0.0)) as simulator,
        running_proxy(settings(simulator.port)) as proxy,
        raw_script(url_of(proxy), "ann") as ann,
    ):
        client = simulator.clients[1]
        reply = client.reply

        def mute(name: str, **values: Any) -> None:
            if name != "accountDownloadEnd":
                reply(name, **values)

        client.reply = mute  # type: ignore[method-assign]
        asked = ann.send("portfolio", {"account": "DU1000002"})
        session = gateway_of(proxy).session
        await until(lambda: "accountUpdates DU1000002" in session.calls.named(), "the question is asked")
        client.reply = reply  # type: ignore[method-assign]
        client.error(-1, 1102, "Connectivity between IB and TWS has been restored - data maintained.")
        assert (await ann.answer(asked)).code in ("gateway.not_ready", "ok")
        await until(lambda: session.state == "ready", "ready again")
        assert simulator.stats.connections_ever == 1
