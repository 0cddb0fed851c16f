"""What is read when Prometheus asks: the state of sessions, lines, queues and connections, from one reading.

Knows metric names and readings, not the parts that are read.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import metadata
from typing import get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from ibmux.messages.session import State
from ibmux.ops.readings import GatewayReading, MqttReading, Reading

STATES: tuple[str, ...] = get_args(State)
Row = tuple[tuple[str, ...], float]


class LiveCollector(Collector):
    """Turns the present reading into metrics.

    `refresh` takes the reading in the caller's thread; the next `collect`, which may run in another one, uses it.
    """

    def __init__(self, read: Callable[[], Reading]) -> None:
        self._read = read
        self._fresh: Reading | None = None

    def refresh(self) -> None:
        """Take the reading that the next `collect` will show."""
        self._fresh = self._read()

    def describe(self) -> Iterable[Metric]:
        """Nothing: the names are known without reading the proxy at registration."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every metric of the reading."""
        reading, self._fresh = self._fresh or self._read(), None
        yield _build(reading.version)
        yield _gauge("start_time_seconds", "When the process began, in seconds UTC.", (), [((), reading.started)])
        rows = [((name,), float(count)) for name, count in reading.scripts.items()]
        yield _gauge("scripts_online", "Running copies of scripts by name.", ("script",), rows)
        yield from _sessions(reading.gateways)
        yield from _sharing(reading.gateways)
        yield from _mqtt(reading.mqtt)
        for name, text, field in _JOURNAL:
            yield _gauge(name, text, (), [((), float(getattr(reading.journal, field)))])


def _gauge(name: str, text: str, labels: Iterable[str], rows: Iterable[Row]) -> Metric:
    family = GaugeMetricFamily(f"ibmux_{name}", text, labels=tuple(labels))
    for values, number in rows:
        family.add_metric(values, number)
    return family


def _counter(name: str, text: str, labels: Iterable[str], rows: Iterable[Row]) -> Metric:
    family = CounterMetricFamily(f"ibmux_{name}", text, labels=tuple(labels))
    for values, number in rows:
        family.add_metric(values, number)
    return family


def _build(version: str) -> Metric:
    try:
        session = metadata.version("ib_async")
    except metadata.PackageNotFoundError:
        session = ""
    labels = (version, platform.python_version(), session)
    return _gauge("build_info", "Versions; always 1.", ("version", "python", "ib_async"), [(labels, 1.0)])


def _sessions(gateways: Iterable[GatewayReading]) -> Iterator[Metric]:
    states = [((each.name, state), float(each.state == state)) for each in gateways for state in STATES]
    yield _gauge("session_state", "1 for the state that the session is in.", ("gateway", "state"), states)
    moves = [((each.name, *pair), float(count)) for each in gateways for pair, count in each.transitions.items()]
    yield _counter("session_transitions", "Changes of the state.", ("gateway", "from", "to"), moves)
    facts = [((each.name, part), float(up)) for each in gateways for part, up in each.parts.items()]
    text = "1 if the socket is open, the API answers, the gateway is connected to Interactive Brokers."
    yield _gauge("session_part_up", text, ("gateway", "part"), facts)
    epochs = [((each.name,), float(each.epoch)) for each in gateways]
    yield _gauge("session_epoch", "Successful synchronisations after a new connection.", ("gateway",), epochs)
    times = [((each.name,), each.last_message) for each in gateways if each.last_message is not None]
    yield _gauge(
        "session_last_message_timestamp_seconds", "When the gateway last said anything, UTC.", ("gateway",), times
    )
    farms = [((each.name, farm), float(up)) for each in gateways for farm, up in each.farms.items()]
    yield _gauge("session_farm_up", "1 if the data farm is connected.", ("gateway", "farm"), farms)
    connects = _by_key(gateways, lambda each: each.connects)
    yield _counter("session_connects", "Attempts to connect, by result.", ("gateway", "result"), connects)
    losses = _by_key(gateways, lambda each: each.disconnects)
    yield _counter("session_disconnects", "Ends of a connection, by reason.", ("gateway", "reason"), losses)
    gaps = _by_key(gateways, lambda each: each.gaps)
    yield _counter("gaps", "Gaps in the data: of the whole session, or of one stream.", ("gateway", "scope"), gaps)


def _by_key(gateways: Iterable[GatewayReading], pick: Callable[[GatewayReading], Mapping[str, int]]) -> list[Row]:
    return [((each.name, key), float(count)) for each in gateways for key, count in pick(each).items()]


def _sharing(gateways: Iterable[GatewayReading]) -> Iterator[Metric]:
    for kind, name, text, field in _SHARING:
        rows = [((each.name,), float(getattr(each, field))) for each in gateways]
        yield kind(name, text, ("gateway",), rows)
    lanes = [(each.name, lane, reading) for each in gateways for lane, reading in each.lanes.items()]
    depths = [((name, lane), float(reading.depth)) for name, lane, reading in lanes]
    yield _gauge("pacing_queue_depth", "Requests that wait for the outgoing budget.", ("gateway", "lane"), depths)
    oldest = [((name, lane), reading.oldest) for name, lane, reading in lanes]
    yield _gauge("pacing_oldest_wait_seconds", "Wait of the oldest such request.", ("gateway", "lane"), oldest)
    waits = SummaryMetricFamily(
        "ibmux_pacing_wait_seconds", "How long messages waited for the outgoing budget.", labels=("gateway", "lane")
    )
    for name, lane, reading in lanes:
        waits.add_metric((name, lane), count_value=reading.passed, sum_value=reading.wait_seconds)
    yield waits
    orders = _by_key(gateways, lambda each: each.orders)
    yield _gauge("orders", "Orders known to the session, by state.", ("gateway", "state"), orders)


def _mqtt(mqtt: MqttReading) -> Iterator[Metric]:
    yield _gauge("mqtt_connected", "1 if the endpoint listens or the link is up.", (), [((), float(mqtt.up))])
    for kind, name, text, field in _MQTT:
        yield kind(name, text, (), [((), float(getattr(mqtt, field)))])
    rows = [((reason,), float(count)) for reason, count in mqtt.disconnects.items()]
    yield _counter("mqtt_disconnects", "Connections that ended, by reason.", ("reason",), rows)


_Kind = Callable[[str, str, Iterable[str], Iterable[Row]], Metric]

_SHARING: tuple[tuple[_Kind, str, str, str], ...] = (
    (_gauge, "market_lines_used", "Market-data lines in use upstream.", "lines"),
    (_gauge, "market_lines_limit", "Market-data lines that the gateway allows.", "lines_limit"),
    (_gauge, "leases", "Claims of scripts on shared lines.", "leases"),
    (_gauge, "halted", "1 while new orders are halted, by a person or by the circuit breaker.", "halted"),
    (_gauge, "api_requests_in_flight", "Requests of scripts that wait for their reply.", "in_flight"),
    (_counter, "upstream_messages_sent", "Messages sent to the gateway.", "upstream"),
    (_counter, "upstream_messages_received", "Messages that came from the gateway.", "received"),
    (_gauge, "upstream_requests_in_flight", "Questions that the gateway has not answered.", "pending"),
    (_counter, "upstream_unreadable", "Messages of the gateway that could not be read.", "faults"),
    (_counter, "session_illegal_events", "Events that were impossible in their state.", "illegal"),
    (_counter, "ticks_received", "Ticks, changes of order books and bars from the gateway.", "ticks_in"),
    (_counter, "ticks_published", "Ticks, changes of order books and bars published to scripts.", "ticks_out"),
    (_counter, "ticks_conflated", "Quote updates folded into a later one.", "conflated"),
)

_JOURNAL: tuple[tuple[str, str, str], ...] = (
    ("journal_last_seq", "Number of the journal's newest record.", "last_seq"),
    ("journal_oldest_seq", "Number from which on nothing was pruned.", "oldest_seq"),
    ("journal_waiting_records", "Records that wait for the disk.", "waiting"),
    ("journal_trouble", "1 while the disk takes nothing: new orders are refused.", "trouble"),
    ("journal_file_bytes", "Bytes of the journal's file and its log.", "file_bytes"),
)

_MQTT: tuple[tuple[_Kind, str, str, str], ...] = (
    (_gauge, "mqtt_connections", "Open MQTT connections.", "connections"),
    (_gauge, "mqtt_sessions", "MQTT sessions, disconnected ones included.", "sessions"),
    (_gauge, "mqtt_subscriptions", "MQTT subscriptions.", "subscriptions"),
    (_gauge, "mqtt_retained_messages", "Retained messages held.", "retained"),
    (_gauge, "mqtt_queued_messages", "Messages that wait for slow or absent readers.", "queued_messages"),
    (_gauge, "mqtt_queued_bytes", "Bytes that wait for slow or absent readers.", "queued_bytes"),
    (_counter, "mqtt_messages_received", "Messages received from scripts.", "messages_in"),
    (_counter, "mqtt_messages_sent", "Messages sent to scripts.", "messages_out"),
    (_counter, "mqtt_received_bytes", "Bytes received from scripts.", "bytes_in"),
    (_counter, "mqtt_sent_bytes", "Bytes sent to scripts.", "bytes_out"),
    (_counter, "mqtt_conflated", "Market-data messages folded for slow readers.", "conflated"),
    (_counter, "mqtt_dropped", "Messages dropped (expired, or without a reader that could take them).", "dropped"),
)
