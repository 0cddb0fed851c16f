"""News over the wire: providers, headlines, articles and bulletins."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from wire_client import Opener, RawOpener, until

from ibmux.sim import SimulatedGateway

AAPL = 265598
START = "20260304 15:00:00 US/Eastern"
PROVIDERS = "BRFG+BRFUPDN+DJ-N+DJNL"


async def test_providers_are_those_subscribed(open_gateway: Opener, connect: Any) -> None:
    ib = await connect(await open_gateway(news=("DJ-N", "FLY")))
    found = await ib.reqNewsProvidersAsync()
    assert [provider.code for provider in found] == ["DJ-N", "FLY"]
    assert all(provider.name for provider in found)


async def test_headlines_and_their_articles(open_gateway: Opener, connect: Any) -> None:
    ib = await connect(await open_gateway(start=START))
    received = await ib.reqHistoricalNewsAsync(AAPL, PROVIDERS, "", "", 100)
    assert len(received) == 100
    times = [row.time for row in received]
    assert times == sorted(times, reverse=True)
    assert all(row.providerCode in PROVIDERS.split("+") for row in received)
    assert all(row.headline.startswith("{A:800015:L:en") and "}" in row.headline for row in received)
    for row in received[:5]:
        article = await ib.reqNewsArticleAsync(row.providerCode, row.articleId)
        title = row.headline.partition("}")[2].lstrip("!")
        if article.articleType == 0:
            assert title.split("&")[0][:20] in article.articleText
        else:
            assert base64.b64decode(article.articleText).startswith(b"%PDF-")


async def test_a_range_and_a_limit(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(start=START)
    client = await raw(gateway, 1)
    client.send(86, 1, AAPL, PROVIDERS, "20260201-00:00:00", "20260301-00:00:00", 300, "")
    client.send(86, 2, AAPL, PROVIDERS, "20260201-00:00:00", "20260301-00:00:00", 5, "")
    client.send(86, 3, AAPL, PROVIDERS, "", "", 1000, "")
    client.send(86, 4, 999_999_999, PROVIDERS, "", "", 10, "")
    await until(lambda: len(client.of(87)) == 4)
    by_request = {
        number: [message[2:] for message in client.of(86) if message[1] == str(number)] for number in (1, 2, 3)
    }
    assert client.of(87) == [["87", "1", "0"], ["87", "2", "1"], ["87", "3", "1"], ["87", "4", "0"]]
    assert 5 < len(by_request[1]) < 300
    assert all("2026-02-01" <= row[0] < "2026-03-01" for row in by_request[1])
    assert by_request[2] == by_request[1][:5]
    assert len(by_request[3]) == 300


async def test_equal_seeds_tell_equal_news(open_gateway: Opener) -> None:
    one, same, other = [await open_gateway(start=START, seed=seed) for seed in (3, 3, 4)]
    end = one.clock.now()
    stories = [gateway.world.news.since(AAPL, end - 5e6, end) for gateway in (one, same, other)]
    assert stories[0] == stories[1] != stories[2]
    tape = one.world.news.since("BRFG", end - 86_400, end)
    assert {item.provider for item in tape} == {"BRFG"}
    assert [item.time for item in tape] == sorted(item.time for item in tape)
    halves = [*one.world.news.since(AAPL, end - 5e6, end - 2e6), *one.world.news.since(AAPL, end - 2e6, end)]
    assert halves == stories[0]
    for item in tape[:20]:
        assert one.world.news.find(item.provider, item.articleId) == item


async def test_what_may_not_be_read(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(start=START)
    client = await raw(gateway, 1)
    client.send(86, 1, AAPL, "BRFG+FLY", "", "", 10, "")
    client.send(86, 2, AAPL, "NOBODY", "", "", 10, "")
    client.send(86, 3, AAPL, "", "", "", 10, "")
    client.send(86, 4, AAPL, "BRFG", "yesterday", "", 10, "")
    client.send(84, 5, "BRFG", "BRFG$ffffffff", "")
    client.send(84, 6, "FLY", "FLY$00000000", "")
    client.send(84, 7, "BRFG", "nonsense", "")
    wanted = {(1, 10277), (2, 10276), (3, 321), (4, 10314), (5, 10172), (6, 10277), (7, 10172)}
    await until(lambda: wanted <= set(client.errors()))
    assert client.of(83) == client.of(87) == []


async def test_an_article_of_tomorrow_is_not_there_yet(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(start=START)
    client = await raw(gateway, 1)
    end = gateway.clock.now()
    later = gateway.world.news.since(AAPL, end, end + 30 * 86_400, {"BRFG"})[0]
    client.send(84, 1, "BRFG", later.articleId, "")
    await until(lambda: (1, 10172) in client.errors())
    at = datetime.fromtimestamp(later.time, UTC) + timedelta(seconds=1)
    gateway.clock.set(at=at.timestamp())
    client.send(84, 2, "BRFG", later.articleId, "")
    await until(lambda: client.of(83))


async def test_bulletins_reach_both_libraries(open_gateway: Opener, connect: Any) -> None:
    gateway = await open_gateway(bulletins=0.0)
    gateway.bulletins.post(1, "Before anybody asked.", "NYSE")
    ib = await connect(gateway)
    ib.reqNewsBulletins(True)
    await until(lambda: len(ib.newsBulletins()) == 1)
    gateway.bulletins.post(2, "CBOE is not available.", "CBOE")
    await until(lambda: len(ib.newsBulletins()) == 2)
    last = ib.newsBulletins()[-1]
    assert (last.msgId, last.msgType, last.message, last.origExchange) == (2, 2, "CBOE is not available.", "CBOE")


async def test_bulletins_end_when_cancelled(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(bulletins=0.0)
    gateway.bulletins.post(1, "Old.")
    client = await raw(gateway, 1)
    client.send(12, 1, 0)
    client.send(49, 1)
    await until(lambda: client.of(49))
    assert client.of(14) == []
    gateway.bulletins.post(3, "Open again.", "CME")
    await until(lambda: client.of(14))
    assert client.of(14) == [["14", "1", "2", "3", "Open again.", "CME"]]
    client.send(13, 1)
    client.send(49, 1)
    await until(lambda: len(client.of(49)) == 2)
    gateway.bulletins.post(1, "Nobody hears.")
    client.send(49, 1)
    await until(lambda: len(client.of(49)) == 3)
    assert len(client.of(14)) == 1
    with pytest.raises(ValueError, match="kind is 4"):
        gateway.bulletins.post(4, "What?")


async def test_bulletins_come_by_themselves(open_gateway: Opener, raw: RawOpener, gateway: SimulatedGateway) -> None:
    busy = await open_gateway(bulletins=40.0, speed=20_000.0, start=START)
    client = await raw(busy, 1)
    client.send(12, 1, 0)
    await until(lambda: {message[3] for message in client.of(14)} == {"1", "2", "3"})
    assert [int(message[2]) for message in client.of(14)] == sorted(int(message[2]) for message in client.of(14))
