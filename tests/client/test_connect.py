"""Who connects where, under which name; what a script leaves behind."""

from __future__ import annotations

import asyncio
import logging
import sys
import time

import pytest
from far_side import Proxy

import ibmux
from ibmux import errors, topics
from ibmux.client.ib import default_url
from ibmux.messages import encode
from ibmux.messages.session import ProxyStatus
from ibmux.mqtt.server import ConnectRefused, Endpoint, Grant, TcpListener, UnixListener


async def test_await_and_async_with_both_connect(proxy: Proxy) -> None:
    ib = await ibmux.connect("alpha", url=proxy.url)
    assert ib.isConnected()
    assert ib.status().state == "ready"
    assert "alpha/" in repr(ib)
    assert "connected" in repr(ib)
    await ib.close()
    assert not ib.isConnected()
    async with ibmux.connect("alpha", url=proxy.url) as again:
        assert again.gateway == "paper"
    assert not again.isConnected()
    await again.disconnect()


async def test_who_forgets_to_await_is_told_so(proxy: Proxy) -> None:
    with pytest.raises(AttributeError, match=r"await ibmux\.connect"):
        ibmux.connect("alpha", url=proxy.url).positions()
    assert not hasattr(ibmux.connect("alpha", url=proxy.url), "nonsense")


@pytest.mark.parametrize("url", ["foo", "http://127.0.0.1:1883", "mqtt://h:x", "mqtt://", "unix://"])
async def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(errors.RequestError, match="IBMUX_URL"):
        await ibmux.connect("alpha", url=url)


async def test_environment_names_url_gateway_and_token(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def admit(credentials):
        seen.append(credentials)
        if credentials.password != b"secret":
            raise ConnectRefused(0x86, "wrong token")
        return Grant(credentials.username or "")

    far = Proxy(("paper", "live"))
    await far.start()
    await far.endpoint.close()
    far.endpoint = Endpoint([TcpListener("127.0.0.1", far.port)], authenticate=admit)
    await far.endpoint.start()
    await far.endpoint.subscribe(topics.REQUESTS, far.receive)
    monkeypatch.setenv("IBMUX_URL", far.url)
    monkeypatch.setenv("IBMUX_GATEWAY", "live")
    with pytest.raises(errors.Refused):
        await ibmux.connect("alpha", token="other")
    monkeypatch.setenv("IBMUX_TOKEN", "secret")
    async with ibmux.connect("alpha", instance="one") as ib:
        assert (ib.gateway, ib.instance) == ("live", "one")
        with pytest.raises(errors.Unreachable):
            ib.status()
    assert (seen[-1].client_id, seen[-1].username) == ("alpha.one", "alpha")
    await far.stop()


async def test_the_only_gateway_is_found_and_of_several_the_first_with_a_warning(caplog) -> None:
    far = Proxy(("live", "paper"))
    await far.start()
    with caplog.at_level(logging.WARNING, "ibmux.client"):
        async with ibmux.connect("alpha", url=far.url) as ib:
            assert ib.gateway == "live"
    assert "several gateways (live, paper)" in caplog.text
    await far.stop()


async def test_a_proxy_without_gateways_says_so() -> None:
    far = Proxy(())
    await far.start()
    with pytest.raises(errors.Unreachable, match="serves no gateway"):
        await ibmux.connect("alpha", url=far.url)
    await far.stop()


async def test_nobody_at_the_url_is_said_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(errors.Unreachable):
        await ibmux.connect("alpha", url="mqtt://127.0.0.1:1", timeout=50)
    assert time.monotonic() - began < 20


async def test_a_broker_without_a_proxy_behind_it_is_no_proxy() -> None:
    far = Proxy()
    far.online = False
    await far.start()
    with pytest.raises(errors.Unreachable, match="No ibmux proxy answered"):
        await ibmux.connect("alpha", url=far.url, timeout=2)
    await far.stop()


@pytest.mark.parametrize("name", ["", "a b", "a/b", "+", "x" * 65])
def test_a_name_that_cannot_be_a_topic_is_refused(name: str) -> None:
    with pytest.raises(errors.RequestError, match="name of a script"):
        ibmux.connect(name)


async def test_presence_is_told_online_offline_and_by_the_will(proxy: Proxy) -> None:
    ib = await ibmux.connect("alpha", url=proxy.url, instance="one")
    topic = topics.presence("alpha", "one")
    await proxy.until(lambda: topic in proxy.presences)
    assert proxy.presences[topic].state == "online"
    assert proxy.presences[topic].version == ibmux.__version__
    await ib.close()
    await proxy.until(lambda: proxy.presences[topic].state == "offline")


async def test_the_will_says_offline_for_a_script_that_was_killed(proxy: Proxy) -> None:
    code = """
import sys, time, ibmux.sync
ib = ibmux.sync.connect("alpha", url=sys.argv[1], instance="one")
time.sleep(60)
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, proxy.url)
    topic = topics.presence("alpha", "one")
    try:
        await proxy.until(lambda: topic in proxy.presences, 40)
    finally:
        process.kill()
        await process.wait()
    await proxy.until(lambda: proxy.presences[topic].state == "offline")


async def test_a_script_that_was_cut_off_comes_back_online(proxy: Proxy, connect) -> None:
    ib = await connect(instance="one")
    back, topic = asyncio.Event(), topics.presence("alpha", "one")
    ib.connectedEvent += back.set
    await proxy.until(lambda: topic in proxy.presences)
    del proxy.presences[topic]
    assert proxy.endpoint.disconnect("alpha.one")
    await asyncio.wait_for(back.wait(), 20)
    await proxy.until(lambda: topic in proxy.presences and proxy.presences[topic].state == "online")
    assert ib.isConnected()


async def test_unix_socket(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_url() == "mqtt://127.0.0.1:1883"
    far = Proxy()
    await far.start()
    await far.endpoint.close()
    (tmp_path / "ibmux").mkdir()
    path = tmp_path / "ibmux" / "mqtt.sock"
    far.endpoint = Endpoint([UnixListener(str(path))])
    await far.endpoint.start()
    await far.endpoint.subscribe(topics.REQUESTS, far.receive)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert default_url() == f"unix://{path}"
    async with ibmux.connect("alpha", gateway="paper") as ib:
        assert ib.isConnected()
    await far.stop()


async def test_status_follows_gateway_and_proxy(proxy: Proxy, ib: ibmux.IB) -> None:
    seen: asyncio.Queue = asyncio.Queue()
    ib.statusEvent += lambda status: seen.put_nowait((status.state, status.reason))
    proxy.report("cut")
    assert (await asyncio.wait_for(seen.get(), 20))[0] == "cut"
    assert ib.status().state == "cut"
    proxy.endpoint.publish(topics.PROXY_STATUS, encode(ProxyStatus("draining", 0)), retain=True)
    assert await asyncio.wait_for(seen.get(), 20) == ("stopped", "the proxy is draining")


async def test_requests_wait_while_the_proxy_is_away_and_go_when_it_is_back(proxy: Proxy, ib: ibmux.IB) -> None:
    stopped = asyncio.Event()
    ib.statusEvent += lambda status: stopped.set()
    proxy.say(topics.PROXY_STATUS, ProxyStatus("offline", 0))
    await asyncio.wait_for(stopped.wait(), 20)
    proxy.answers["managedAccounts"] = lambda _request, _message: ["DU1"]
    asked = asyncio.create_task(ib.managedAccounts())
    gap = asyncio.create_task(anext(aiter(ib.gapEvent)))
    await asyncio.sleep(0)
    assert proxy.methods() == ["replay", "trades"]
    proxy.say(topics.PROXY_STATUS, ProxyStatus("online", 0))
    assert await asyncio.wait_for(asked, 20) == ["DU1"]
    assert "proxy was away" in (await asyncio.wait_for(gap, 20))[2]


async def test_notices_become_error_events(proxy: Proxy, ib: ibmux.IB) -> None:
    from ibmux.messages.session import Notice

    told = asyncio.create_task(anext(aiter(ib.errorEvent)))
    await asyncio.sleep(0)
    proxy.say(topics.notice("paper"), Notice(1, 2.0, 2104, "Market data farm connection is OK"))
    assert await asyncio.wait_for(told, 20) == (-1, 2104, "Market data farm connection is OK", None)


async def test_gaps_of_the_gateway_are_told_and_bad_messages_hinder_nothing(proxy: Proxy, ib: ibmux.IB, caplog) -> None:
    from ibmux.messages.session import SessionEvent

    told = asyncio.create_task(anext(aiter(ib.gapEvent)))
    await asyncio.sleep(0)
    proxy.endpoint.publish(topics.session_event("paper"), b"\xc1 no msgpack")
    proxy.say(topics.session_event("paper"), SessionEvent(2, 9.0, "gap", reason="1101", start=5.0, end=8.0))
    assert await asyncio.wait_for(told, 20) == (5.0, 8.0, "1101")
    assert "unreadable message on ibmux/v1/paper/evt/session" in caplog.text
