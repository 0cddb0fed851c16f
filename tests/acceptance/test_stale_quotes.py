"""No script reads stale data as fresh: quotes, tickers, snapshots and books while the gateway or a stream is away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import msgpack
import pytest
from stage import raw_script, running_proxy, settings, until, url_of

import ibmux
from ibmux import errors, survey, topics
from ibmux.core import rhythm
from ibmux.core.history_pacing import Spacing
from ibmux.core.hours import hours
from ibmux.daemon import Proxy
from ibmux.mqtt.message import Message
from ibmux.session import competing, lines, watch
from ibmux.sim import Settings, SimulatedGateway

APPLE = 265598
AAPL = ibmux.Contract("STK", APPLE, "AAPL", exchange="SMART", currency="USD")
CONTRACT = {"secType": "STK", "symbol": "AAPL", "conId": APPLE, "exchange": "SMART", "currency": "USD"}
LOSSES = {
    "cut": "lift cut", "cut bare=yes": "lift cut", "drop": "", "restart 30": "", "freeze": "thaw", "half_open": "",
}  # fmt: skip
"""Losses of the whole session, and how each is lifted."""


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Seconds become tenths."""
    for where, name, seconds in (
        (rhythm, "FLOOR", 3.5), (rhythm, "UNSURE", 3.5), (rhythm, "ANSWER", 0.2), (watch, "LOOK", 0.05),
        (watch, "FALLEN", 1.5), (watch, "SILENCE", 0.5), (competing, "PROBE", 0.3), (lines, "FIRST_PAUSE", 0.1),
    ):  # fmt: skip
        monkeypatch.setattr(where, name, seconds)
    yield


@pytest.fixture
async def simulator() -> AsyncIterator[SimulatedGateway]:
    async with SimulatedGateway(Settings(seed=7, linger=0.2, speed=10.0)) as gateway:
        yield gateway


@pytest.fixture
async def proxy(simulator: SimulatedGateway) -> AsyncIterator[Proxy]:
    gateway = {"port": simulator.port, "client_id": 1, "pause_floor": 0.1, "settle": 0.1, "heartbeat": 1.0}
    async with running_proxy(settings(simulator.port, gateways={"paper": gateway})) as running:
        session = running.gateways["paper"].session
        session.paces.ticks = Spacing(-1.0)
        session.is_open = lambda *_: True
        yield running


def state_of(proxy: Proxy) -> Callable[[], str]:
    return lambda: proxy.gateways["paper"].session.state


class Witness:
    """A foreign reader of one contract: what came on its two topics, and what the session said, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def take(self, kind: str) -> Callable[[Message], None]:
        def keep(message: Message) -> None:
            if message.payload:
                self.told.append((kind, msgpack.unpackb(message.payload, timestamp=3)))

        return keep

    def of(self, kind: str) -> list[Any]:
        return [told for each, told in self.told if each == kind]

    async def listen(self, link: Any, con_id: int = APPLE) -> None:
        for kind, topic in (
            ("quote", topics.quote("paper", con_id)), ("tick", topics.tick("paper", con_id)),
            ("session", topics.session_event("paper")), ("status", topics.status("paper")),
        ):  # fmt: skip
            await link.subscribe(topic, self.take(kind))


@pytest.mark.parametrize("loss", LOSSES)
async def test_a_loss_makes_quotes_and_tickers_stale_until_their_first_fresh_tick(
    simulator: SimulatedGateway, proxy: Proxy, loss: str
) -> None:
    state = state_of(proxy)
    async with raw_script(url_of(proxy), "raw") as raw, ibmux.connect("one", url=url_of(proxy)) as one:
        witness = Witness()
        await witness.listen(raw.link)
        ticker = await one.reqMktData(AAPL)
        single = await one.reqTickByTickData(ibmux.Stock("MSFT", "SMART", "USD"), "BidAsk")
        book = await one.reqMktDepth(ibmux.Stock("NVDA", "SMART", "USD"), 5, True)
        await until(lambda: ticker.bid > 0 and witness.of("quote") and book.domBids and single.bid > 0, "all flows")
        assert not (ticker.stale or single.stale or book.stale)
        bid = ticker.bid
        wrong: list[str] = []
        were_stale: list[ibmux.Ticker] = []

        def all_were_stale() -> bool:
            were_stale.extend(each for each in (ticker, single, book) if each.stale and each not in were_stale)
            return len(were_stale) == 3

        def look(each: ibmux.Ticker) -> None:
            """What was on its way when the loss came arrives before the word of it."""
            if not each.stale and each in were_stale and state() != "ready":
                wrong.append(state())

        ticker.updateEvent += look
        await simulator.faults.apply(loss)
        await until(lambda: state() != "ready", "the loss is noticed")
        await until(all_were_stale, "everything is stale")
        assert ticker.bid > 0 and bid > 0, "the last known stays readable"
        quote = await until(lambda: [each for each in witness.of("quote") if each.get("stale")], "a stale quote")
        assert quote[-1]["fields"]["bid"] > 0
        if LOSSES[loss]:
            with pytest.raises(errors.IbmuxError):
                await one.call("reqTickers", timeout=0.2, contracts=[AAPL])
            await simulator.faults.apply(LOSSES[loss])
        await until(lambda: state() == "ready", "ready again", 20)
        await until(lambda: not (ticker.stale or single.stale or book.stale), "everything is fresh")
        assert not wrong, wrong
        stale = [each.get("stale", False) for each in witness.of("quote")]
        first = stale.index(True)
        assert True not in stale[first + 1 :] or stale[first:].count(True) <= 2, "told once, not at each moment"
        gaps = [each for each in witness.of("session") if each["event"] == "gap"]
        assert [each.get("streams", []) for each in gaps][:1] == [[]]
        assert all(each["end"] > each["start"] > 0 for each in gaps)
        assert proxy.gateways["paper"].session.status().gaps >= 1


async def test_one_stream_that_dies_is_stale_for_its_readers_alone_and_comes_back(
    simulator: SimulatedGateway, proxy: Proxy
) -> None:
    url, others = url_of(proxy), list[Any]()
    async with (
        raw_script(url, "raw") as raw,
        ibmux.connect("one", url=url) as one,
        ibmux.connect("two", url=url) as two,
    ):
        witness = Witness()
        await witness.listen(raw.link)
        ticker = await one.reqMktData(AAPL)
        other = await one.reqMktData(ibmux.Stock("MSFT", "SMART", "USD"))
        await two.reqMktData(ibmux.Stock("MSFT", "SMART", "USD"))
        two.gapEvent += lambda *gap: others.append(gap)
        gaps: list[tuple[float, float, str]] = []
        one.gapEvent += lambda *gap: gaps.append(gap)
        stale: dict[ibmux.Ticker, list[bool]] = {ticker: [], other: []}
        for each, flags in stale.items():
            each.updateEvent += lambda each, flags=flags: flags.append(each.stale)
        await until(lambda: ticker.bid > 0 and other.bid > 0 and witness.of("quote"), "quotes")
        await simulator.faults.apply("deaden AAPL")
        await until(lambda: True in stale[ticker], "the silence is suspected")
        await until(lambda: [each for each in witness.of("tick") if each.get("stale")], "a stale tick")
        await until(lambda: [each for each in witness.of("quote") if each.get("stale")], "a stale quote")
        (fresh,) = await one.reqTickers(AAPL)
        assert fresh.bid > 0 and not fresh.stale
        await until(lambda: not ticker.stale and stale[ticker][-1] is False, "the stream is back")
        assert True not in stale[other]
        await until(lambda: gaps, "the gap is told")
        assert not others, "a gap of a stream concerns its readers"
        (gap,) = [each for each in witness.of("session") if each["event"] == "gap"]
        assert gap["streams"] == [f"{APPLE}/quote"]
        assert 0 < gap["start"] < gap["end"]
        session = survey.reading(proxy).gateways[0]
        assert session.gaps == {"session": 0, "stream": 1}
        assert proxy.gateways["paper"].session.status().gaps == 1


async def test_while_another_session_has_the_data_everything_is_stale_and_it_is_said_once(
    simulator: SimulatedGateway, proxy: Proxy
) -> None:
    async with raw_script(url_of(proxy), "raw") as raw, ibmux.connect("one", url=url_of(proxy)) as one:
        witness = Witness()
        await witness.listen(raw.link)
        tickers = [await one.reqMktData(ibmux.Stock(name, "SMART", "USD")) for name in ("AAPL", "MSFT", "NVDA")]
        book = await one.reqMktDepth(AAPL, 5, True)
        notices: list[int] = []
        one.errorEvent += lambda _, code, *__: notices.append(code)
        await until(lambda: all(each.bid > 0 for each in tickers) and book.domBids, "all flows")
        await simulator.faults.apply("compete")
        await until(lambda: all(each.stale for each in tickers), "all are stale")
        await until(lambda: not book.domBids, "no book is shown")
        await until(lambda: one.status().competing, "the status says so")
        with pytest.raises(errors.NotSubscribed):
            await one.reqTickers(AAPL)
        await simulator.faults.apply("lift compete")
        await until(lambda: not any(each.stale for each in tickers) and book.domBids, "all are back")
        await until(lambda: not one.status().competing, "the status says so")
        assert notices.count(10197) == 1
        gone = {f"{each}/quote" for each in proxy.gateways["paper"].market.lines}
        assert len(gone) >= 3

        def told() -> set[str]:
            return {name for each in witness.of("session") if each["event"] == "gap" for name in each["streams"]}

        await until(lambda: gone <= told(), "the gaps are told")


async def test_every_stream_is_back_after_1101_and_after_a_drop_without_any_script_doing_anything(
    simulator: SimulatedGateway, proxy: Proxy
) -> None:
    state = state_of(proxy)
    async with ibmux.connect("one", url=url_of(proxy)) as one:
        heard: dict[str, int] = {}

        def count(name: str) -> Callable[..., None]:
            return lambda *_: heard.update({name: heard.get(name, 0) + 1})

        account = (await one.managedAccounts())[0]
        (await one.reqMktData(AAPL)).updateEvent += lambda each: count("quote")() if each.ticks else None
        single = await one.reqTickByTickData(ibmux.Stock("MSFT", "SMART", "USD"), "BidAsk")
        single.updateEvent += lambda each: count("single")() if each.tickByTicks else None
        book = await one.reqMktDepth(ibmux.Stock("NVDA", "SMART", "USD"), 5, True)
        book.updateEvent += lambda each: count("book")() if each.domBids and each.domTicks else None
        (await one.reqRealTimeBars(AAPL, 5, "TRADES", False)).updateEvent += count("bars")
        kept = await one.reqHistoricalData(AAPL, "", "1800 S", "1 min", "TRADES", False, keepUpToDate=True)
        kept.updateEvent += count("kept")
        await one.reqPnL(account)
        one.pnlEvent += count("profit")
        await one.reqPnLSingle(account, "", APPLE)
        one.pnlSingleEvent += count("profit of one")
        for loss, end in (("cut bare=yes", "lift cut"), ("drop", "")):
            await until(lambda: len(heard) == 7, f"all seven flow: {heard}", 20)
            await simulator.faults.apply(loss)
            await until(lambda: state() != "ready", "the loss")
            if end:
                await simulator.faults.apply(end)
            await until(lambda: state() == "ready", "ready", 20)
            heard.clear()
        await until(lambda: len(heard) == 7, f"all seven flow: {heard}", 20)


async def test_the_hours_of_a_contract_are_known_once_somebody_asked_for_its_details(
    simulator: SimulatedGateway, proxy: Proxy
) -> None:
    gateway = proxy.gateways["paper"]
    async with ibmux.connect("one", url=url_of(proxy)) as one:
        (details,) = await one.reqContractDetails(ibmux.Stock("AAPL", "SMART", "USD"))
        known = hours(details.tradingHours, details.timeZoneId)
        regular = hours(details.liquidHours, details.timeZoneId)
        day = simulator.clock.now()
        instants = [day + 1800 * step for step in range(-100, 500)]
        is_open = gateway.contracts.is_open
        for rth, expected in ((False, known), (True, regular)):
            answers = [is_open(AAPL, instant, rth) for instant in instants]
            assert answers == [expected.is_open(instant) for instant in instants]
            assert set(answers) == {True, False, None}
        assert is_open(ibmux.Contract(conId=4711), day, False) is None
