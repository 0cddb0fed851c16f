"""Every promise of the demo, broken one at a time; and what it says at its end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ibmux.demo.closing import facts, traded
from ibmux.demo.judge import ENOUGH, judge
from ibmux.demo.scene import Scene, Witness
from ibmux.messages.contracts import Contract
from ibmux.messages.market import Quote
from ibmux.messages.orders import Order
from ibmux.messages.session import GatewayStatus, ProxyReport, ScriptInfo, SharingInfo, State
from ibmux.messages.trades import EPOCH, CommissionReport, Execution, Fill, OrderStatus, Trade
from ibmux.messages.trading import FillEvent, OrderEvent

STOCK = Contract(secType="STK", symbol="AAPL", conId=1)


def status(state: State, epoch: int = 1) -> GatewayStatus:
    return GatewayStatus(gateway="paper", state=state, reason="why", since=0.0, epoch=epoch)


def order(scene: Scene, key: str, kind: str, status: str, action: str = "BUY") -> None:
    trade = Trade(
        STOCK,
        Order(action=action, totalQuantity=100.0, orderType=kind),
        OrderStatus(status=status),
        key=key,
        script="trader",
    )
    scene.take_order(OrderEvent(1, len(scene.trades), 0.0, key, trade))


def fill(scene: Scene, key: str, number: int, shares: float) -> None:
    execution = Execution(execId=f"{key}.{number}", shares=shares, side="BOT", price=10.0)
    made = Fill(STOCK, execution, CommissionReport(), EPOCH, key, "trader")
    scene.take_fill(FillEvent(1, number, 0.0, "fill", key, made))


@pytest.fixture
def scene() -> Scene:
    """One in which everything worked."""
    scene = Scene(0.0)
    for name in ("gateway", "proxy", "monitor", "trader"):
        scene.part(name).state = "ended"
    for name in ("monitor", "trader"):
        scene.say(name, "hello")
    scene.take_status(status("syncing", 0))
    scene.take_status(status("ready"))
    for con_id in range(1, 7):
        for seq in range(3):
            scene.take_quote(Quote(con_id, 1, seq, 0.0, 1, {"bid": 1.0}))
    order(scene, "entry", "LMT", "Filled")
    order(scene, "profit", "LMT", "Submitted", "SELL")
    order(scene, "loss", "STP", "PreSubmitted", "SELL")
    order(scene, "close", "MOC", "Filled", "SELL")
    for key in ("entry", "close"):
        fill(scene, key, 1, 40.0)
        fill(scene, key, 2, 60.0)
    scene.witness = Witness(connections=1, clients={1: 1}, messages=50, ticks=500, orders=4)
    return scene


def test_everything_worked(scene: Scene) -> None:
    assert judge(scene, ENOUGH) == []


def _crash(scene: Scene) -> None:
    scene.part("trader").state = "failed"


def _second_connection(scene: Scene) -> None:
    scene.witness = Witness(connections=2)


def _no_witness(scene: Scene) -> None:
    scene.witness = None


def _no_quotes(scene: Scene) -> None:
    scene.updates.clear()


def _no_ack(scene: Scene) -> None:
    scene.trades["trader", "profit"].orderStatus.status = "PendingSubmit"


def _no_close(scene: Scene) -> None:
    scene.trades["trader", "close"].orderStatus.status = "Submitted"


def _no_entry(scene: Scene) -> None:
    scene.trades["trader", "entry"].orderStatus.status = "Submitted"


def _lost_fill(scene: Scene) -> None:
    del scene.fills["entry.2"]


def _few_orders(scene: Scene) -> None:
    del scene.trades["trader", "loss"]


def _silence(scene: Scene) -> None:
    scene.part("monitor").lines = 0


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (_crash, "trader failed."),
        (_second_connection, "The gateway saw 2 connections instead of one."),
        (_no_witness, "The gateway did not report what it saw."),
        (_no_quotes, "Only 0 contracts were quoted."),
        (_no_ack, "An order was not acknowledged: profit."),
        (_no_close, "The order at the close was not filled."),
        (_no_entry, "The entry of the bracket was not filled."),
        (_lost_fill, "entry: 40 of 100 units were reported as fills."),
        (_few_orders, "Only 3 of 4 orders were placed."),
        (_silence, "monitor never said a word."),
    ],
)
def test_each_broken_promise_is_told(scene: Scene, harm: Callable[[Scene], None], sentence: str) -> None:
    harm(scene)
    assert judge(scene, ENOUGH) == [sentence]


def test_a_short_demo_is_not_blamed_for_what_had_no_time(scene: Scene) -> None:
    _no_close(scene)
    _no_quotes(scene)
    assert judge(scene, ENOUGH - 1) == []
    _crash(scene)
    assert judge(scene, ENOUGH - 1) == ["trader failed."]


def test_a_session_that_never_was_ready() -> None:
    scene = Scene(0.0)
    scene.take_status(status("waiting", 0))
    assert judge(scene, 0.0) == ["The session never became ready: waiting, why."]
    assert judge(Scene(0.0), 0.0) == ["The session never became ready."]


def test_the_news_tell_changes_once(scene: Scene) -> None:
    news = list(scene.news)
    assert news[:3] == ["[monitor] hello", "[trader] hello", "[session] syncing (why), epoch 0"]
    before = len(scene.news)
    order(scene, "entry", "LMT", "Filled")
    fill(scene, "entry", 1, 40.0)
    scene.take_status(status("ready"))
    assert len(scene.news) == before, "what is known is no news"


def test_the_last_word_counts_what_was_shared(scene: Scene) -> None:
    scene.report = ProxyReport(
        "1",
        0.0,
        "online",
        [],
        [ScriptInfo("trader", "1", "trade", 0.0)],
        {"paper": SharingInfo(9, 6, 100, 50, 30, 500, 700)},
    )
    scene.asked.update({("trader", "placeOrder"): 3, ("monitor", "positions"): 1, ("view", "reqContractDetails"): 6})
    told = dict(facts(scene))
    assert told["upstream connections"] == "1, as the gateway counted"
    assert told["market-data lines"] == "6 for 9 streams: 3 saved"
    assert told["requests"] == "4 asked, 1 of them answered without the gateway (25%)"
    assert told["orders of trader"] == "4 (2 Filled, 1 Submitted, 1 PreSubmitted), 4 fills of 200 units"
    assert traded(Scene(0.0)) == {}
