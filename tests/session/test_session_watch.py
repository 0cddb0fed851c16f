"""Streams that die without a word, farms that break, another session of the user: noticed, marked, asked for again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from session_stage import Heard, Stage, soon, until

from ibmux.config import GatewaySettings
from ibmux.core import rhythm
from ibmux.core.history_pacing import Spacing
from ibmux.errors import NotSubscribed
from ibmux.messages.contracts import Contract
from ibmux.session import Session, competing, lines, watch
from ibmux.session.feeds import DepthFeed, RealTimeFeed, TickByTick
from ibmux.session.ticks import Line
from ibmux.sim import SimulatedGateway

SILENT = "The stream was silent beyond its usual rhythm."


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Seconds become tenths."""
    for where, name, seconds in (
        (rhythm, "FLOOR", 0.8), (rhythm, "UNSURE", 1.6), (rhythm, "ANSWER", 0.2), (watch, "LOOK", 0.05),
        (watch, "FALLEN", 0.6), (watch, "SILENCE", 0.5), (competing, "PROBE", 0.2), (lines, "FIRST_PAUSE", 0.1),
    ):  # fmt: skip
        monkeypatch.setattr(where, name, seconds)
    monkeypatch.setattr(rhythm.Rhythm.limit, "__defaults__", (0.8,))
    monkeypatch.setattr(rhythm.Rhythm.is_due, "__defaults__", (0.8,))
    yield


async def named(session: Session, symbol: str) -> Contract:
    wanted = Contract(secType="STK", symbol=symbol, exchange="SMART", currency="USD")
    (details,) = await session.contract_details(wanted, deadline=soon())
    assert details.contract is not None
    return details.contract


def quotes_asked(session: Session, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The contracts of all requests for quotes from now on; one that is refused is over before anybody looks."""
    asked: list[int] = []
    send = session.link.reqMktData  # type: ignore[union-attr]

    def ask(request: int, contract: Any, *rest: Any) -> None:
        asked.append(contract.conId)
        send(request, contract, *rest)

    monkeypatch.setattr(session.link, "reqMktData", ask)
    return asked


def open_always(session: Session) -> None:
    session.is_open = lambda *_: True


async def test_a_line_that_dies_without_a_word_is_stale_then_asked_for_again_and_goes_on(
    session: Session, gateway: SimulatedGateway, apple: Contract, heard: Heard
) -> None:
    open_always(session)
    await session.open_line(apple, deadline=soon())
    line = session.lines[apple.conId]
    await until(lambda: line.rhythm.calm)
    before = line.request
    await gateway.faults.apply("deaden AAPL")
    await until(lambda: heard.of("on_stale"))
    assert heard.of("on_stale") == [apple.conId]
    assert session.quote_fields(apple.conId)[1]["bid"] > 0, "what was known is kept while it is stale"
    await until(lambda: line.request != before and not session.is_stale(apple.conId))
    await until(lambda: list(gateway.clients[1].lines) == [line.request])
    (gap,) = await until(lambda: heard.of("on_gap"))
    start, end, why, names = gap
    assert (why, names) == (SILENT, [f"{apple.conId}/quote"])
    assert end - start >= 0.7
    assert (session.gaps, session.stream_gaps, session.status().gaps) == (1, 1, 1)
    heard.calls.clear()
    await until(lambda: len(heard.of("on_ticks")) > 3)
    assert line.rhythm.calm


async def test_the_new_request_comes_before_the_old_one_is_cancelled_unless_no_line_is_free(stage: Stage) -> None:
    gateway = await stage.gateway(lines=2)
    session = await stage.ready(gateway, lines=2)
    open_always(session)
    apple, microsoft = await named(session, "AAPL"), await named(session, "MSFT")
    most: list[int] = []
    gateway_add = gateway.feed.add

    def add(line: object) -> None:
        gateway_add(line)  # type: ignore[arg-type]
        most.append(len(gateway.feed))

    gateway.feed.add = add  # type: ignore[method-assign, assignment]
    await session.open_line(apple, deadline=soon())
    before = session.lines[apple.conId].request
    await gateway.faults.apply("deaden AAPL")
    await until(lambda: session.lines[apple.conId].request not in (0, before))
    await until(lambda: len(most) >= 2)
    assert most[:2] == [1, 2]
    await session.open_line(microsoft, deadline=soon())
    most.clear()
    both = {line.request for line in session.lines.values()}
    await gateway.faults.apply("deaden")
    await until(lambda: not both & {line.request for line in session.lines.values()})
    await until(lambda: len(most) >= 2 and not any(session.is_stale(each) for each in session.lines))
    assert max(most) <= 2, "no third line where two are allowed"


async def test_every_kind_of_stream_that_dies_is_asked_for_again(
    session: Session, gateway: SimulatedGateway, apple: Contract, heard: Heard
) -> None:
    open_always(session)
    session.paces.ticks = Spacing(-1.0)
    feeds = [
        TickByTick(apple, "BidAsk"), DepthFeed(apple, 5, True, []), RealTimeFeed(apple, "TRADES", False, [])
    ]  # fmt: skip
    came: dict[str, int] = {}
    for feed in feeds[:2]:
        await session.open_stream(feed, deadline=soon())
        feed.deliver = lambda items, name=feed.name: came.update({name: came.get(name, 0) + len(items)})  # type: ignore[misc]
    await until(lambda: all(feed.latest or feed.gist() for feed in feeds[:2]))
    before = [feed.request for feed in feeds[:2]]
    await gateway.faults.apply("deaden")
    await until(lambda: all(feed.request not in (0, *before) for feed in feeds[:2]))
    book = feeds[1]
    came.clear()
    await until(lambda: len(came) == 2 and book.gist())
    await until(lambda: len({name for gap in heard.of("on_gap") for name in gap[3]}) == 2)
    assert {why for _, _, why, _ in heard.of("on_gap")} == {SILENT}


async def test_bars_have_a_fixed_rhythm_and_die_after_three_that_did_not_come(stage: Stage) -> None:
    gateway = await stage.gateway(speed=50.0)
    session = await stage.ready(gateway)
    open_always(session)
    feed = RealTimeFeed(await named(session, "AAPL"), "TRADES", False, [])
    feed.rhythm = rhythm.Rhythm(0.0, 0.5)  # seconds are tenths here
    await session.open_stream(feed, deadline=soon())
    await until(lambda: feed.rhythm.calm and feed.latest)
    before = feed.request
    assert feed.rhythm.limit() == 1.5
    await gateway.faults.apply("deaden bars")
    await until(lambda: feed.request not in (0, before) and not feed.rhythm.stale)


async def test_a_quiet_market_is_asked_less_and_less_often_and_nothing_is_called_a_gap(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = stage.heard
    gateway = await stage.gateway(speed=0.0)
    monkeypatch.setattr(gateway.feed, "_step", lambda _: 0)  # a quote is told when it is asked for, and does not move
    session = await stage.ready(gateway)
    open_always(session)
    apple = await named(session, "AAPL")
    await session.open_line(apple, deadline=soon())
    line = session.lines[apple.conId]
    answers, limits = [], []
    for wanted in (1, 2, 3):
        await until(lambda: line.rhythm.barren == wanted)  # noqa: B023
        answers.append(line.rhythm.heard)
        limits.append(line.rhythm.limit())
        assert not line.rhythm.stale
    assert limits[1] > 1.5 * limits[0] > 1.2
    for (earlier, later), limit in zip(pairwise(answers), limits, strict=False):
        assert later - earlier >= limit
    assert not heard.of("on_gap")
    assert session.gaps == 0


async def test_a_closed_market_is_left_alone_and_an_unknown_one_longer(
    session: Session, gateway: SimulatedGateway, apple: Contract
) -> None:
    is_open: list[bool | None] = [False]
    session.is_open = lambda *_: is_open[0]
    await session.open_line(apple, deadline=soon())
    line = session.lines[apple.conId]
    await until(lambda: line.rhythm.calm)
    before = line.request
    began = time.monotonic()
    await gateway.faults.apply("deaden AAPL")
    # longer than the silence that an open market is allowed
    await until(lambda: line.rhythm._rested is not None and line.rhythm._rested > began + 1.2)
    assert (line.request, line.rhythm.stale) == (before, False)
    is_open[0] = None
    rested = line.rhythm._rested
    assert rested is not None
    await until(lambda: line.request != before)
    assert time.monotonic() - rested >= 1.6, "it counts from the last look at which the market was closed"


async def test_while_a_farm_is_lost_the_silent_are_stale_and_go_on_with_its_return(
    session: Session, gateway: SimulatedGateway, apple: Contract, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rhythm, "UNSURE", 60.0)
    await session.open_line(apple, deadline=soon())
    line = session.lines[apple.conId]
    await until(lambda: line.rhythm.calm)
    before = line.request
    await gateway.faults.apply("farm usfarm")
    await until(lambda: session.is_stale(apple.conId))
    assert line.request == before, "a farm that is lost serves nobody: asking is for later"
    gateway.farms.mend("usfarm", dead=False)
    await until(lambda: not session.is_stale(apple.conId))
    assert line.request == before
    ((start, end, why, names),) = heard.of("on_gap")
    assert (why, names) == ("The connection to usfarm is lost.", [f"{apple.conId}/quote"])
    assert 0.5 < end - start < 60.0


async def test_a_blip_that_leaves_the_streams_dead_is_mended(
    session: Session, gateway: SimulatedGateway, apple: Contract, heard: Heard
) -> None:
    session.paces.ticks = Spacing(-1.0)
    await session.open_line(apple, deadline=soon())
    feed = TickByTick(apple, "BidAsk")
    await session.open_stream(feed, deadline=soon())
    line = session.lines[apple.conId]
    await until(lambda: line.rhythm.calm and feed.rhythm.calm)
    before = {line.request, feed.request}
    await gateway.faults.apply("blip usfarm 0.1 dead=yes")
    await until(lambda: {line.request, feed.request}.isdisjoint(before | {0}))
    await until(lambda: not line.rhythm.stale and not feed.rhythm.stale)
    await until(lambda: {name for gap in heard.of("on_gap") for name in gap[3]} == {line.label, feed.label})


async def test_another_session_is_noted_once_probed_by_one_line_and_outlasted(
    session: Session, gateway: SimulatedGateway, apple: Contract, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.paces.ticks = Spacing(-1.0)
    others = [await named(session, symbol) for symbol in ("MSFT", "NVDA", "AMZN")]
    for each in (apple, *others):
        await session.open_line(each, deadline=soon())
    feed, book = TickByTick(apple, "Last"), DepthFeed(apple, 5, True, [])
    await session.open_stream(feed, deadline=soon())
    await session.open_stream(book, deadline=soon())
    await until(book.gist)
    heard.calls.clear()
    asked = quotes_asked(session, monkeypatch)
    await gateway.faults.apply("compete")
    await until(lambda: not any(line.request for line in session.lines.values()) and not (feed.request or book.request))
    assert session.competing and session.status().competing
    assert all(session.is_stale(con_id) for con_id in session.lines)
    assert book.gist() is None, "a book that is not kept up shows nothing"
    await until(lambda: len(asked) >= 4)
    assert set(asked) == {apple.conId}
    with pytest.raises(NotSubscribed):
        await session.open_line(await named(session, "TSLA"), deadline=soon())
    assert len([code for code, _ in heard.of("on_notice") if code == 10197]) == 1
    states = [status.competing for status, _ in heard.of("on_state")]
    assert states == [True]
    await gateway.faults.apply("lift compete")
    await until(lambda: not any(session.is_stale(con_id) for con_id in session.lines))
    await until(lambda: feed.request and book.gist())
    assert not session.competing
    assert [status.competing for status, _ in heard.of("on_state")] == [True, False]
    await until(lambda: session.stream_gaps >= 5)
    told = {name for gap in heard.of("on_gap") for name in gap[3]}
    assert {f"{con_id}/quote" for con_id in session.lines} <= told
    assert {why for _, _, why, _ in heard.of("on_gap")} == {competing.WHY}


async def test_the_other_sessions_end_matters_to_nobody_who_is_gone(
    session: Session, gateway: SimulatedGateway, apple: Contract
) -> None:
    await session.open_line(apple, deadline=soon())
    await gateway.faults.apply("compete")
    await until(lambda: session.competing)
    await session.close_line(apple.conId)
    await until(lambda: not session.competing)
    await gateway.faults.apply("lift compete")
    await session.open_line(apple, deadline=soon())


async def test_a_competition_outlasts_a_cut_and_ends_with_the_connection(
    session: Session, gateway: SimulatedGateway, apple: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    await session.open_line(apple, deadline=soon())
    await gateway.faults.apply("compete")
    await until(lambda: session.competing)
    await gateway.faults.apply("cut")
    await until(lambda: session.state == "cut")
    await gateway.faults.apply("restore")
    await until(lambda: session.state == "ready")
    assert session.competing
    asked = quotes_asked(session, monkeypatch)
    await until(lambda: asked)  # the probe goes on
    await gateway.faults.apply("lift compete")
    await until(lambda: not session.competing and not session.is_stale(apple.conId))
    await gateway.faults.apply("compete")
    await until(lambda: session.competing)
    await gateway.faults.apply("drop")
    await until(lambda: not session.competing)
    await gateway.faults.apply("lift compete")
    await until(lambda: session.state == "ready" and not session.is_stale(apple.conId))


@pytest.mark.parametrize("how", ["cut", "cut bare=yes", "drop"])
async def test_after_a_loss_a_quote_is_fresh_with_its_first_tick_only(
    session: Session, gateway: SimulatedGateway, apple: Contract, heard: Heard, how: str
) -> None:
    await session.open_line(apple, deadline=soon())
    await session.open_stream(book := DepthFeed(apple, 5, True, []), deadline=soon())
    await until(lambda: "bid" in session.quote_fields(apple.conId)[1] and book.gist())
    request = book.request
    heard.calls.clear()
    await gateway.faults.apply(how)
    await until(lambda: session.state != "ready")
    assert session.is_stale(apple.conId)
    assert session.quote_fields(apple.conId)[1]["bid"] > 0
    await gateway.faults.heal()
    await until(lambda: session.state == "ready" and not session.is_stale(apple.conId))
    ready = next(at for at, (name, args) in enumerate(heard.calls) if name == "on_state" and args[0].state == "ready")
    assert "on_ticks" in [name for name, _ in heard.calls[ready:]], "fresh without a fresh tick"
    await until(lambda: book.request not in (0, request) and book.gist())
    assert [gap[3:] for gap in heard.of("on_gap")] == [()], "the session's gap is told once, for all"
    assert (session.gaps, session.stream_gaps) == (1, 0)


async def test_a_cut_that_leaves_a_stream_dead_is_mended(
    session: Session, gateway: SimulatedGateway, apple: Contract, heard: Heard
) -> None:
    await session.open_line(apple, deadline=soon())
    line = session.lines[apple.conId]
    await until(lambda: line.rhythm.calm)
    before = line.request
    await gateway.faults.apply("cut")
    await until(lambda: session.state == "cut")
    await gateway.faults.apply("deaden AAPL")
    await gateway.faults.apply("restore")
    await until(lambda: session.state == "ready" and line.request != before and not line.rhythm.stale)
    await until(lambda: session.stream_gaps == 1)
    assert session.gaps == 2


async def test_a_drained_session_looks_no_more(session: Session, gateway: SimulatedGateway) -> None:
    await until(lambda: session._looker is not None)
    await session.drain()
    await until(lambda: session._looker is None)


async def test_a_stream_that_is_given_up_while_it_is_asked_for_again_leaves_nothing(
    session: Session, gateway: SimulatedGateway, apple: Contract
) -> None:
    open_always(session)
    await session.open_line(apple, deadline=soon())
    await gateway.faults.apply("deaden AAPL")
    await until(lambda: session._before)
    await session.close_line(apple.conId)
    await until(lambda: not session._before)
    await until(lambda: gateway.stats.lines == {1: 0})
    assert session.gaps == 0


def test_a_line_marked_stale_in_vain_is_told_once(heard: Heard) -> None:
    session = Session(GatewaySettings(), heard.hooks())
    line = session.lines[7] = Line(Contract(conId=7))
    for _ in range(3):
        session._lose(line, "the farm")
        session._suspect(line, "silent")
    assert heard.of("on_stale") == [7]
    assert session.is_stale(7)
