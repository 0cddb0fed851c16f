"""What ib_async's scripts do with tickers and bars beside asking for them: filters of ticks, tables."""

from __future__ import annotations

import datetime as dt
import sys
from types import ModuleType
from typing import Any

import ib_async
import pytest

import ibmux
from ibmux.client import barclaims
from ibmux.client.batches import CHANGED
from ibmux.client.events import Event
from ibmux.client.ticker import Ticker
from ibmux.errors import RequestError

NOON = dt.datetime(2026, 1, 6, 12, tzinfo=dt.UTC)
TICKS = [
    (1, 10.0, 3.0),
    (2, 10.2, 4.0),
    (4, 10.1, 1.0),
    (0, 0.0, 5.0),
    (48, 10.1, 2.0),
    (69, 9.0, 1.0),
    (8, 0.0, 900.0),
]
FILTERS = ("trades", "bids", "asks", "bidasks", "midpoints")


def bring(ticker: Ticker, ticks: list[tuple[int, float, float]]) -> None:
    """What the client does with one message."""
    ticker.take(NOON.timestamp(), ticks, {})
    ticker.updateEvent.emit(ticker)


def heard(event: Any) -> list[Any]:
    found: list[Any] = []
    event += lambda *args: found.append(args)
    return found


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_gives_the_ticks_that_ib_asyncs_gives(name: str) -> None:
    ours, theirs = Ticker(None), ib_async.Ticker()
    mine, reference = heard(getattr(ours.updateEvent, name)()), heard(getattr(theirs.updateEvent, name)())
    bring(ours, TICKS)
    theirs.ticks = [ib_async.TickData(NOON, *tick) for tick in TICKS]
    theirs.time, theirs.bid, theirs.bidSize, theirs.ask, theirs.askSize = NOON, ours.bid, ours.bidSize, ours.ask, 1.0
    theirs.updateEvent.emit(theirs)
    assert mine == reference
    assert mine


def test_a_filter_is_made_once_and_says_nothing_of_other_news() -> None:
    ticker = Ticker(None)
    assert ticker.updateEvent.bids() is ticker.updateEvent.bids()
    assert len(ticker.updateEvent.handlers) == 1
    mids, bids = heard(ticker.updateEvent.midpoints()), heard(ticker.updateEvent.bids())
    ticker._note((CHANGED, 1.0, []))
    ticker.updateEvent.emit(ticker)
    assert mids == bids == []
    ticker.updateEvent.clear()
    again = heard(ticker.updateEvent.bids())
    bring(ticker, TICKS)
    assert len(again) == 3 and bids == []


def test_operators_that_are_not_here_say_what_is() -> None:
    with pytest.raises(AttributeError, match=r"'timebars'.*async for"):
        _ = Ticker(None).updateEvent.trades().timebars
    with pytest.raises(AttributeError, match=r"attribute '_x'$"):
        _ = Event("e")._x
    assert not hasattr(Event("e"), "debounce")


class Frame:
    """As much of a DataFrame as is needed."""

    def __init__(self, rows: list[Any], names: list[str]) -> None:
        self.rows, self.names = rows, names

    @classmethod
    def from_records(cls, rows: list[Any], *, columns: list[str]) -> Frame:
        return cls(rows, columns)


@pytest.fixture
def pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("pandas")
    module.DataFrame = Frame  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pandas", module)


@pytest.mark.usefixtures("pandas")
def test_bars_and_ticks_become_tables() -> None:
    bars = [ibmux.BarData(NOON, 1.0, 2.0, 0.5, 1.5, 100.0, 1.2, 7)] * 2
    table = ibmux.df(bars)
    assert table.names == ["date", "open", "high", "low", "close", "volume", "average", "barCount"]
    assert table.rows == [(NOON, 1.0, 2.0, 0.5, 1.5, 100.0, 1.2, 7)] * 2
    some = ibmux.df(bars, ["close", "date"])
    assert (some.names, some.rows[0]) == (["date", "close"], (NOON, 1.5))
    assert ibmux.df(iter([ibmux.TickData(NOON, 1, 2.0, 3.0)])).rows == [(NOON, 1, 2.0, 3.0)]
    assert ibmux.df([]) is None
    with pytest.raises(RequestError, match="int is no record"):
        ibmux.df([1])


def test_a_list_that_a_script_shortens_goes_on_at_its_end() -> None:
    def bar(minute: int, close: float = 1.0) -> ibmux.BarData:
        return ibmux.BarData(NOON + dt.timedelta(minutes=minute), close=close)

    bars = ibmux.BarDataList([bar(minute) for minute in range(10)])
    del bars[:-2]
    assert barclaims._lay(bars, bar(9, 2.0)) is False
    assert barclaims._lay(bars, bar(10)) is True
    assert barclaims._lay(bars, bar(3)) is None
    assert [(each.date.minute, each.close) for each in bars] == [(8, 1.0), (9, 2.0), (10, 1.0)]
