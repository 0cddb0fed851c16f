"""Metrics: what is counted, what is read, and that labels stay bounded."""

from __future__ import annotations

import re

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from ibmux.messages.contracts import Contract
from ibmux.messages.session import GatewayStatus
from ibmux.messages.trades import EPOCH, CommissionReport, Execution, Fill, OrderStatus
from ibmux.ops.collector import STATES, LiveCollector
from ibmux.ops.metrics import MAX_SCRIPTS, OTHER, Labels, Metrics
from ibmux.ops.readings import GatewayReading, JournalReading, LaneReading, MqttReading, Reading
from ibmux.ops.taps import tap
from ibmux.session import Hooks


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    return Metrics(registry, ["configured"])


READING = Reading(
    version="9.9",
    started=1000.0,
    gateways=[
        GatewayReading(
            name="paper",
            state="ready",
            epoch=3,
            last_message=1234.5,
            farms={"usfarm": True, "ushmds": False},
            connects={"connected": 2, "timeout": 5},
            disconnects={"socket": 1},
            lines=7,
            lines_limit=100,
            leases=21,
            upstream=40,
            ticks_in=500,
            ticks_out=900,
            conflated=11,
            lanes={"order": LaneReading(depth=2, oldest=0.5, passed=30, wait_seconds=1.25)},
            in_flight=4,
            orders={"Submitted": 2, "Filled": 9},
        ),
        GatewayReading(name="live", state="waiting"),
    ],
    scripts={"trader": 2},
    mqtt=MqttReading(up=True, connections=6, queued_bytes=12, disconnects={"keep_alive": 3}),
    journal=JournalReading(last_seq=500, oldest_seq=20, waiting=3, trouble=True, file_bytes=4096),
)


class TestHotEdges:
    def test_a_request_is_counted_when_it_ends_with_its_time(
        self, registry: CollectorRegistry, metrics: Metrics
    ) -> None:
        metrics.request_done("paper", "trader", "placeOrder", "ok", 0.004)
        metrics.request_done("paper", "trader", "placeOrder", "ok", 0.006)
        metrics.request_done("paper", "trader", "placeOrder", "order.rejected", 0.01)
        labels = {"gateway": "paper", "script": "trader", "method": "placeOrder"}
        name = "ibmux_api_requests_total"
        assert registry.get_sample_value(name, {**labels, "outcome": "ok"}) == 2
        assert registry.get_sample_value(name, {**labels, "outcome": "order.rejected"}) == 1
        timed = {"gateway": "paper", "method": "placeOrder"}
        assert registry.get_sample_value("ibmux_api_request_duration_seconds_count", timed) == 3
        total = registry.get_sample_value("ibmux_api_request_duration_seconds_sum", timed)
        assert total == pytest.approx(0.02)

    def test_labels_are_bounded_whatever_scripts_send(self, registry: CollectorRegistry, metrics: Metrics) -> None:
        for number in range(10 * MAX_SCRIPTS):
            metrics.request_done("paper", f"script{number}", f"method{number}", f"code{number}", 0.0)
        metrics.request_done("paper", "configured", "positions", "ok", 0.0)
        samples = [
            sample for family in registry.collect() if family.name == "ibmux_api_requests" for sample in family.samples
        ]
        scripts = {sample.labels["script"] for sample in samples}
        assert len(scripts) == MAX_SCRIPTS + 2
        assert {OTHER, "configured"} <= scripts
        assert {sample.labels["method"] for sample in samples} == {OTHER, "positions"}
        assert {sample.labels["outcome"] for sample in samples} == {OTHER, "ok"}
        assert sum(sample.value for sample in samples) == 10 * MAX_SCRIPTS + 1

    def test_a_label_keeps_its_place_once_it_has_one(self) -> None:
        labels = Labels(["a"], 1)
        assert [labels.of(value) for value in ("b", "c", "b", "a", "c")] == ["b", OTHER, "b", "a", OTHER]

    def test_the_other_edges(self, registry: CollectorRegistry, metrics: Metrics) -> None:
        metrics.session_synced("paper", 1.5)
        metrics.order_status("paper", "Filled")
        metrics.order_status("paper", "SomethingNew")
        metrics.fill("paper")
        metrics.upstream_error("paper", 1100)
        metrics.logged("warning")
        metrics.journal_written(0.25)
        assert registry.get_sample_value("ibmux_journal_write_seconds_sum") == 0.25
        expected = {
            ("ibmux_session_sync_duration_seconds_sum", "gateway", "paper"): 1.5,
            ("ibmux_order_statuses_total", "status", "Filled"): 1,
            ("ibmux_order_statuses_total", "status", OTHER): 1,
            ("ibmux_fills_total", "gateway", "paper"): 1,
            ("ibmux_upstream_errors_total", "code", "1100"): 1,
            ("ibmux_log_messages_total", "level", "warning"): 1,
        }
        for (name, label, value), number in expected.items():
            gateway = {} if label in ("gateway", "level") else {"gateway": "paper"}
            assert registry.get_sample_value(name, {label: value, **gateway}) == number, name

    def test_two_proxies_in_one_process_do_not_share_their_counts(self) -> None:
        first, second = CollectorRegistry(), CollectorRegistry()
        Metrics(first).fill("paper")
        Metrics(second)
        assert first.get_sample_value("ibmux_fills_total", {"gateway": "paper"}) == 1
        assert second.get_sample_value("ibmux_fills_total", {"gateway": "paper"}) is None


class TestLiveState:
    @pytest.fixture
    def live(self, registry: CollectorRegistry) -> LiveCollector:
        collector = LiveCollector(lambda: READING)
        registry.register(collector)
        return collector

    @pytest.mark.usefixtures("live")
    def test_the_session_is_in_exactly_one_state(self, registry: CollectorRegistry) -> None:
        for gateway, current in (("paper", "ready"), ("live", "waiting")):
            values = {
                state: registry.get_sample_value("ibmux_session_state", {"gateway": gateway, "state": state})
                for state in STATES
            }
            assert values == {state: float(state == current) for state in STATES}

    @pytest.mark.usefixtures("live")
    @pytest.mark.parametrize(
        ("name", "labels", "value"),
        [
            ("journal_last_seq", {}, 500),
            ("journal_oldest_seq", {}, 20),
            ("journal_waiting_records", {}, 3),
            ("journal_trouble", {}, 1),
            ("journal_file_bytes", {}, 4096),
            ("session_epoch", {"gateway": "paper"}, 3),
            ("session_last_message_timestamp_seconds", {"gateway": "paper"}, 1234.5),
            ("session_last_message_timestamp_seconds", {"gateway": "live"}, None),
            ("session_farm_up", {"gateway": "paper", "farm": "ushmds"}, 0),
            ("session_connects_total", {"gateway": "paper", "result": "timeout"}, 5),
            ("session_disconnects_total", {"gateway": "paper", "reason": "socket"}, 1),
            ("market_lines_used", {"gateway": "paper"}, 7),
            ("market_lines_limit", {"gateway": "paper"}, 100),
            ("leases", {"gateway": "paper"}, 21),
            ("ticks_received_total", {"gateway": "paper"}, 500),
            ("ticks_published_total", {"gateway": "paper"}, 900),
            ("ticks_conflated_total", {"gateway": "paper"}, 11),
            ("pacing_queue_depth", {"gateway": "paper", "lane": "order"}, 2),
            ("pacing_oldest_wait_seconds", {"gateway": "paper", "lane": "order"}, 0.5),
            ("pacing_wait_seconds_count", {"gateway": "paper", "lane": "order"}, 30),
            ("pacing_wait_seconds_sum", {"gateway": "paper", "lane": "order"}, 1.25),
            ("upstream_messages_sent_total", {"gateway": "paper"}, 40),
            ("api_requests_in_flight", {"gateway": "paper"}, 4),
            ("orders", {"gateway": "paper", "state": "Filled"}, 9),
            ("scripts_online", {"script": "trader"}, 2),
            ("mqtt_connected", {}, 1),
            ("mqtt_connections", {}, 6),
            ("mqtt_queued_bytes", {}, 12),
            ("mqtt_disconnects_total", {"reason": "keep_alive"}, 3),
            ("start_time_seconds", {}, 1000),
        ],
    )
    def test_each_number(
        self, registry: CollectorRegistry, name: str, labels: dict[str, str], value: float | None
    ) -> None:
        assert registry.get_sample_value(f"ibmux_{name}", labels) == value

    @pytest.mark.usefixtures("live")
    def test_names_follow_the_habits_of_prometheus(self, registry: CollectorRegistry, metrics: Metrics) -> None:
        metrics.request_done("paper", "trader", "positions", "ok", 0.1)
        families = list(text_string_to_metric_families(generate_latest(registry).decode()))
        assert len(families) > 35
        for family in families:
            assert re.fullmatch(r"ibmux_[a-z_]+", family.name)
            assert family.documentation.endswith("."), family.name
            for sample in family.samples:
                if family.type == "counter":
                    assert sample.name.endswith("_total"), sample.name
                assert "client_id" not in sample.labels

    def test_refresh_takes_the_reading_and_the_next_collection_uses_it_once(self) -> None:
        taken = []

        def read() -> Reading:
            taken.append(len(taken))
            return Reading(version=str(len(taken)), started=0.0)

        collector = LiveCollector(read)
        collector.refresh()
        assert len(taken) == 1
        first = next(iter(collector.collect())).samples[0].labels["version"]
        assert (first, len(taken)) == ("1", 1)
        second = next(iter(collector.collect())).samples[0].labels["version"]
        assert (second, len(taken)) == ("2", 2)


class TestTaps:
    """What a session tells is counted on its way, and still arrives."""

    def test_each_piece_of_news_is_counted_and_passed_on(self, registry: CollectorRegistry, metrics: Metrics) -> None:
        heard: list[tuple[object, ...]] = []
        hooks = Hooks(
            on_state=lambda *news: heard.append(news),
            on_notice=lambda *news: heard.append(news),
            on_order_error=lambda *news: heard.append(news),
            on_order_status=lambda *news: heard.append(news),
            on_execution=lambda *news: heard.append(news),
        )
        ticks = hooks.on_ticks
        tap(hooks, metrics, "paper")
        for state, previous, since in (
            ("connecting", "waiting", 10.0),
            ("syncing", "connecting", 10.5),
            ("ready", "syncing", 12.0),
        ):
            hooks.on_state(GatewayStatus("paper", state, "", since, 1), previous)  # type: ignore[arg-type]
        hooks.on_state(GatewayStatus("paper", "ready", "again", 13.0, 1), "cut")
        hooks.on_notice(2104, "OK")
        hooks.on_order_error(5, 201, "no", "")
        hooks.on_order_status(OrderStatus(status="Filled"))
        for number in (1, 2, 1):
            execution = Execution(execId=f"x{number}")
            hooks.on_execution(Fill(Contract(), execution, CommissionReport(), EPOCH))
        assert len(heard) == 10
        assert hooks.on_ticks is ticks, "the hot path is untouched"

        def value(name: str, **labels: str) -> float | None:
            return registry.get_sample_value(f"ibmux_{name}", {"gateway": "paper", **labels})

        assert value("session_sync_duration_seconds_count") == 1
        assert value("session_sync_duration_seconds_sum") == 2.0
        assert value("upstream_errors_total", code="2104") == 1
        assert value("upstream_errors_total", code="201") == 1
        assert value("order_statuses_total", status="Filled") == 1
        assert value("fills_total") == 2
