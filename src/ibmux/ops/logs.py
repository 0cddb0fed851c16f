"""Where lines of log go and what they look like: JSON for machines, text for a terminal, on standard error.

Lines of the standard library's loggers (ib_async, aiohttp, asyncio) take the same way as our own. ib_async calls much
an error that is a notice or is reported by us in better words: its lines count one level lower.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import Any, Literal, TextIO

import structlog

Format = Literal["auto", "json", "text"]
LOWERED = ("ib_async", "aeventkit", "eventkit")
"""Loggers (and those below them) whose lines count one level lower."""
_LOWER = {logging.CRITICAL: logging.ERROR, logging.ERROR: logging.WARNING, logging.WARNING: logging.INFO}


class Door(logging.StreamHandler[TextIO]):
    """The one handler: lowers what others exaggerate, drops what is below the level, counts and writes the rest."""

    def __init__(self, stream: TextIO, level: int, count: Callable[[str], None]) -> None:
        super().__init__(stream)
        self._least = level
        self.count = count

    def filter(self, record: logging.LogRecord) -> bool:
        """Lower the record's level where its logger exaggerates, then say whether it is written."""
        if record.name.split(".", 1)[0] in LOWERED:
            record.levelno = _LOWER.get(record.levelno, logging.DEBUG)
            record.levelname = logging.getLevelName(record.levelno)
        return record.levelno >= self._least and bool(super().filter(record))

    def emit(self, record: logging.LogRecord) -> None:
        """Write and count one line."""
        self.count(record.levelname.lower())
        super().emit(record)


def set_up(
    level: str = "info",
    format: Format = "auto",
    *,
    stream: TextIO | None = None,
    count: Callable[[str], None] = lambda level: None,
) -> None:
    """Send every line of log, ours and the libraries', to `stream` (standard error).

    Args:
        level: debug, info, warning or error.
        format: `auto` is text on a terminal and JSON elsewhere.
        stream: where to write.
        count: called with the level of each line that is written.
    """
    out = stream or sys.stderr
    least = logging.getLevelNamesMapping()[level.upper()]
    shared = _shared()
    door = Door(out, least, count)
    door.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(_is_text(format, out), out),
            ],
        )
    )
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, Door)]:
        root.removeHandler(old)
    root.addHandler(door)
    root.setLevel(least)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(least),
        cache_logger_on_first_use=False,
    )


def count_lines(count: Callable[[str], None]) -> None:
    """Have each further line of log counted by its level, once there is something to count with."""
    for door in logging.getLogger().handlers:
        if isinstance(door, Door):
            door.count = count


def _is_text(format: Format, stream: TextIO) -> bool:
    return format == "text" or (format == "auto" and stream.isatty())


def _shared() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _renderers(text: bool, stream: TextIO) -> list[Any]:
    if text:
        colors = stream.isatty() and "NO_COLOR" not in os.environ
        return [structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=28)]
    # Tracebacks as text: with the values of local variables a token could reach the log.
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
