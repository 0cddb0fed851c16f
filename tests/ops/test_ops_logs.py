"""Where lines of log go, and what they look like."""

from __future__ import annotations

import io
import json
import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry

from ibmux.messages.session import GatewayStatus
from ibmux.ops import logs
from ibmux.ops.metrics import Metrics
from ibmux.ops.taps import tap
from ibmux.session import Hooks


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_where_there_is_no_terminal_for_both_kinds_of_logger() -> None:
    stream = io.StringIO()
    logs.set_up(stream=stream)
    structlog.get_logger("ours").info("session.ready", gateway="paper", epoch=2)
    logging.getLogger("theirs").warning("port %d is busy", 4002)
    ours, theirs = lines(stream)
    assert (ours["event"], ours["gateway"], ours["epoch"], ours["level"]) == ("session.ready", "paper", 2, "info")
    assert (theirs["event"], theirs["logger"], theirs["level"]) == ("port 4002 is busy", "theirs", "warning")
    assert ours["timestamp"].endswith("Z")


def test_text_on_a_terminal() -> None:
    stream = Terminal()
    logs.set_up(stream=stream)
    structlog.get_logger("ours").info("session.ready", gateway="paper")
    assert "session.ready" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_the_format_can_be_forced() -> None:
    stream = Terminal()
    logs.set_up(format="json", stream=stream)
    logging.getLogger("x").info("hello")
    assert lines(stream)[0]["event"] == "hello"


def test_ib_async_exaggerates_by_one_level() -> None:
    stream = io.StringIO()
    logs.set_up("debug", stream=stream)
    logger = logging.getLogger("ib_async.wrapper")
    for level in ("error", "warning", "info", "debug"):
        getattr(logger, level)("Error 2104")
    assert [line["level"] for line in lines(stream)] == ["warning", "info", "debug", "debug"]


def test_what_is_lowered_below_the_level_is_not_written() -> None:
    stream = io.StringIO()
    logs.set_up("warning", stream=stream)
    logging.getLogger("ib_async.client").warning("a notice")
    logging.getLogger("ib_async.client").error("worse")
    assert [line["event"] for line in lines(stream)] == ["worse"]


def test_each_written_line_is_counted() -> None:
    counts: Counter[str] = Counter()
    logs.set_up("info", stream=io.StringIO(), count=lambda level: counts.update([level]))
    logger = logging.getLogger("x")
    logger.debug("not written")
    logger.info("written")
    logger.error("written")
    logger.error("written")
    assert counts == {"info": 1, "error": 2}


def test_counting_can_begin_later() -> None:
    counts: Counter[str] = Counter()
    logs.set_up("info", stream=io.StringIO())
    logging.getLogger("x").info("before")
    logs.count_lines(lambda level: counts.update([level]))
    logging.getLogger("x").info("after")
    assert counts == {"info": 1}


def test_a_traceback_shows_no_values_of_variables() -> None:
    stream = io.StringIO()
    logs.set_up(stream=stream)
    token = "".join(["s3", "cret"])
    try:
        raise ValueError("the reason")
    except ValueError:
        logging.getLogger("x").exception("failed")
    assert "ValueError: the reason" in lines(stream)[0]["exception"]
    assert token not in stream.getvalue()


def test_setting_up_again_replaces_the_first() -> None:
    first, second = io.StringIO(), io.StringIO()
    logs.set_up(stream=first)
    logs.set_up(stream=second)
    logging.getLogger("x").info("once")
    assert first.getvalue() == ""
    assert len(lines(second)) == 1


def test_facts_are_keys_beside_the_event() -> None:
    stream = io.StringIO()
    logs.set_up(stream=stream)
    logging.getLogger("ours").info("proxy.online", extra={"ports": {"mqtt": 1883}})
    (line,) = lines(stream)
    assert (line["event"], line["ports"]) == ("proxy.online", {"mqtt": 1883})


def test_a_session_says_each_transition_and_nothing_twice_in_a_row() -> None:
    stream = io.StringIO()
    logs.set_up(stream=stream)
    hooks = Hooks()
    tap(hooks, Metrics(CollectorRegistry()), "paper")
    for state in ("connecting", "waiting", "waiting", "connecting", "ready", "ready", "waiting"):
        hooks.on_state(GatewayStatus("paper", state, f"why {state}", 0.0, 1), "stopped")  # type: ignore[arg-type]
    told = [(line["event"], line["level"], line["gateway"], line["reason"]) for line in lines(stream)]
    assert told == [
        ("session.connecting", "info", "paper", "why connecting"),
        ("session.waiting", "warning", "paper", "why waiting"),
        ("session.connecting", "info", "paper", "why connecting"),
        ("session.ready", "info", "paper", "why ready"),
        ("session.waiting", "warning", "paper", "why waiting"),
    ]
