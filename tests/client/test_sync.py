"""The blocking client: plain threads, a running loop, interrupts, exits."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Queue

import pytest
from far_side import Proxy, Silence, trade
from test_orders import Book

import ibmux
import ibmux.sync
from ibmux import Contract, LimitOrder, Order, errors
from ibmux.messages.account import Position

AAPL = Contract("STK", 265598, "AAPL")


class Background:
    """The scripted proxy on a loop in another thread, as for a blocking script."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.proxy = self.run(self._make())
        self.proxy.answers["positions"] = lambda _request, _message: [Position("DU1", AAPL, 3, 1.0)]

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(40)

    def do(self, function, *args, **kwargs):
        async def call():
            return function(*args, **kwargs)

        return self.run(call())

    async def _make(self) -> Proxy:
        proxy = Proxy()
        await proxy.start()
        return proxy

    def stop(self) -> None:
        self.run(self.proxy.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()


@pytest.fixture
def far() -> Iterator[Background]:
    background = Background()
    yield background
    background.stop()


def test_a_plain_script(far: Background) -> None:
    with ibmux.sync.connect("alpha", url=far.proxy.url) as ib:
        assert ib.positions()[0].position == 3
        assert ib.isConnected()
        assert (ib.gateway, ib.script) == ("paper", "alpha")
        assert ib.status().state == "ready"
        assert ib.sleep(0)
        ticker = ib.reqMktData(AAPL)
        far.do(far.proxy.tick, 265598, 0, (1, 10.0, 3.0))
        assert list(ib.loopUntil(lambda: ticker.bid == 10.0, 20))[-1]
        assert ib.ticker(AAPL) is ticker
        assert "sync <IB alpha/" in repr(ib)
        with pytest.raises(errors.UnknownMethod):
            ib.call("nonsense")
    assert not ib._loop.thread.is_alive()
    ib.close()


def test_every_method_of_the_client_is_there_without_await() -> None:
    for name, method in inspect.getmembers(ibmux.IB, inspect.isfunction):
        if not name.startswith("_"):
            twin = getattr(ibmux.sync.IB, name)
            assert not inspect.iscoroutinefunction(twin), name
            assert twin.__doc__, name
            if name not in ("close", "disconnect"):
                assert list(inspect.signature(twin).parameters) == list(inspect.signature(method).parameters), name


def test_events_orders_and_streams(far: Background) -> None:
    with ibmux.sync.connect("alpha", url=far.proxy.url) as ib:
        told: list[str] = []
        ib.orderStatusEvent += lambda one: told.append(one.orderStatus.status)
        changes = ib.orderEvents(timeout=0.2)
        placed = ib.placeOrder(AAPL, LimitOrder("BUY", 10, 5.0), "k")
        book = Book(far.proxy)
        far.do(book.event, "k", "Filled", filled=10.0)
        assert placed.done(20) is placed
        assert placed.wait("Filled", timeout=5) is placed
        assert ib.run(placed.done(20)) is placed
        assert told == ["Submitted", "Filled"]
        assert [one.key for one in changes] == ["k", "k"]
        with pytest.raises(TimeoutError):
            changes.next(0.01)
        assert changes.dropped == 0
        ticks = ib.ticks(AAPL, timeout=5)
        assert next(ticks).contract is AAPL
        far.do(far.proxy.tick, 265598, 0, (1, 10.0, 3.0))
        assert next(ticks).bid == 10.0
        ticks.close()
        assert list(ticks) == []
        with pytest.raises(TimeoutError):
            ib.run(asyncio.Event().wait(), 0.01)
        ib.RequestTimeout = 7.0
        assert ib._ib.RequestTimeout == 7.0
        with pytest.raises(AttributeError):
            _ = ib.nonsense


async def test_inside_a_running_loop_as_in_a_notebook(far: Background) -> None:
    ib = ibmux.sync.connect("alpha", url=far.proxy.url)
    assert ib.positions()[0].position == 3
    ib.disconnect()


def test_a_handler_that_waits_is_told_so_instead_of_hanging(far: Background, caplog) -> None:
    with ibmux.sync.connect("alpha", url=far.proxy.url) as ib:
        done = threading.Event()

        def handler(_status) -> None:
            try:
                ib.positions()
            finally:
                done.set()

        ib.statusEvent += handler
        far.do(far.proxy.report, "cut")
        assert done.wait(20)
        assert ib.isConnected()
    assert "called a method that waits" in caplog.text


def test_failures_to_connect_leave_no_thread(far: Background) -> None:
    before = threading.active_count()
    with pytest.raises(errors.Unreachable):
        ibmux.sync.connect("alpha", url="mqtt://127.0.0.1:1", timeout=1)
    with pytest.raises(errors.RequestError):
        ibmux.sync.connect("a b", url=far.proxy.url)
    assert threading.active_count() == before


def test_streams_end_with_the_client_and_waiting_has_a_bound(far: Background) -> None:
    ib = ibmux.sync.connect("alpha", url=far.proxy.url)
    assert ib.waitOnUpdate(0.01) is False
    changes, ticker = ib.orderEvents(), ib.reqMktData(AAPL)
    ib.close()
    assert list(changes) == []
    changes.close()
    assert not ib.isConnected()
    assert ib.ticker(AAPL) is ticker
    assert ib.status().state == "ready"
    with pytest.raises(errors.Unreachable, match="closed"):
        ib.run(asyncio.sleep(0))
    assert ticker.contract is AAPL
    with pytest.raises(errors.Unreachable, match="closed"):
        ib.positions()


def test_closing_ends_what_other_threads_wait_for(far: Background) -> None:
    ib = ibmux.sync.connect("alpha", url=far.proxy.url)
    changes, never = ib.orderEvents(), asyncio.Event()
    with ThreadPoolExecutor() as threads:
        rest, answer = threads.submit(list, changes), threads.submit(ib.run, never.wait())
        ib.close()
        assert rest.result(20) == []
        with pytest.raises(errors.Unreachable, match="closed"):
            answer.result(20)


def test_closing_in_a_handler_is_refused_and_the_client_goes_on(far: Background) -> None:
    with ibmux.sync.connect("alpha", url=far.proxy.url) as ib:
        refused: Queue[str] = Queue()

        def handler(_status) -> None:
            try:
                ib.close()
            except errors.RequestError as error:
                refused.put(error.message)

        ib.statusEvent += handler
        far.do(far.proxy.report, "cut")
        assert "waits" in refused.get(timeout=20)
        assert ib.isConnected()


SCRIPT = """
import sys, ibmux.sync
ib = ibmux.sync.connect("alpha", url=sys.argv[1])
print("connected", flush=True)
"""


def spawn(far: Background, code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT + code, far.proxy.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_script_that_ends_without_closing_ends_and_says_goodbye(far: Background) -> None:
    process = spawn(far, "print(ib.positions()[0].position)")
    with contextlib.ExitStack() as stack:
        stack.callback(process.kill)
        out, err = process.communicate(timeout=40)  # it ends by itself
    assert (out.split(), err, process.returncode) == (["connected", "3.0"], "", 0)
    presences = far.proxy.presences
    far.run(far.proxy.until(lambda: [presence.state for presence in presences.values()] == ["offline"]))


def test_an_interrupt_ends_waiting(far: Background) -> None:
    far.proxy.answers["positions"] = lambda _request, _message: Silence
    process = spawn(far, "try:\n    ib.positions()\nexcept KeyboardInterrupt:\n    print('interrupted')\n")
    with contextlib.ExitStack() as stack:
        stack.callback(process.kill)
        far.run(far.proxy.until(lambda: "positions" in far.proxy.methods(), 30))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (out.split(), err, process.returncode) == (["connected", "interrupted"], "", 0)


def test_an_order_placed_from_a_script_can_be_cancelled_by_key(far: Background) -> None:
    far.proxy.answers["cancelOrder"] = lambda request, _message: trade(AAPL, Order(), request.key, "alpha", "Cancelled")
    with ibmux.sync.connect("alpha", url=far.proxy.url) as ib:
        ib.placeOrder(AAPL, LimitOrder("BUY", 1, 1.0), "k")
        assert ib.cancelOrder("k").isDone()
